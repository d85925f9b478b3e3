/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of the broker's time, and the decision that it is for.
 */
#include "worker/trading/market.h"

#define DRIFT 2000 /* an oscillator's: 1 part in so many, as the kernel allows */

struct market_time
market_time(const struct market *market, const struct market_now *now)
{
	const struct market_clock *clock = &market->clock;
	int64_t drift_ns;

	if (clock->told_ns == 0)
		return (struct market_time){ now->real_ns, now->real_ns };
	drift_ns = (now->boot_ns - clock->told_ns) / DRIFT;
	return (struct market_time){
		.earliest_ns =
		    clock->time_ns + (now->boot_ns - clock->told_ns) - drift_ns,
		.latest_ns =
		    clock->time_ns + (now->boot_ns - clock->asked_ns) + drift_ns,
	};
}

/* From its closing to its opening, as the clock's answer has it. */
static bool
is_closed_by_clock(const struct market_clock *clock, const struct market_time *time)
{
	return clock->told_ns != 0 && time->earliest_ns < clock->next_open_ns &&
	       (!clock->is_open || time->latest_ns >= clock->next_close_ns);
}

bool
market_is_open(const struct market *market, const struct market_now *now)
{
	struct market_time time;

	if (!market)
		return session_is_open(NULL, now->real_ns);
	time = market_time(market, now);
	return session_is_open(&market->calendar, time.earliest_ns) &&
	       session_is_open(&market->calendar, time.latest_ns) &&
	       !is_closed_by_clock(&market->clock, &time);
}

int64_t
market_clock_error(const struct market *market, const struct market_now *now)
{
	struct market_time time = market_time(market, now);

	if (now->real_ns > time.latest_ns)
		return now->real_ns - time.latest_ns;
	if (now->real_ns < time.earliest_ns)
		return now->real_ns - time.earliest_ns;
	return 0;
}
