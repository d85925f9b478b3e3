/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the market is open by a broker's clock, and by how much this machine's is
 * wrong.
 */
#include "worker/trading/market.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/timestamp.h"
#include "tests/unit/suite.h"

#define MINUTE_NS (60 * NS_PER_S)
#define BOOT_NS (1000 * NS_PER_S) /* when the clock was told */

static int64_t
at(const char *text)
{
	int64_t ns;

	ck_assert_int_eq(
	    timestamp_parse(text, strlen(text), TIME_UNIT_RFC3339, &ns), 0);
	return ns;
}

/* The clock of a trading day, Monday the 5th of January 2026: 9:30 to 16:00 in New York
 * is 14:30 to 21:00. It was read within @round_trip_ns. */
static struct market
told(const char *time, int64_t round_trip_ns)
{
	struct market market = { .clock = { .time_ns = at(time),
				     .asked_ns = BOOT_NS - round_trip_ns,
				     .told_ns = BOOT_NS } };
	struct market_clock *clock = &market.clock;

	clock->next_open_ns = at("2026-01-05T14:30:00Z");
	clock->next_close_ns = at("2026-01-05T21:00:00Z");
	clock->is_open = clock->time_ns >= clock->next_open_ns &&
			 clock->time_ns < clock->next_close_ns;
	if (clock->time_ns >= clock->next_open_ns)
		clock->next_open_ns = at("2026-01-06T14:30:00Z");
	if (clock->time_ns >= clock->next_close_ns)
		clock->next_close_ns = at("2026-01-06T21:00:00Z");
	return market;
}

/* So long after the clock was told, by CLOCK_BOOTTIME. */
static struct market_now
later(int64_t ns, const char *local)
{
	return (struct market_now){ BOOT_NS + ns, at(local) };
}

static const struct {
	const char *what, *told;
	int64_t round_trip_ns, later_ns;
	const char *local;
	bool is_open;
} moments[] = {
	{ "open, the local clock says night", "2026-01-05T15:00:00Z", 0, 0,
	    "2026-01-05T03:00:00Z", true },
	{ "open, the local clock says 1970", "2026-01-05T15:00:00Z", 0, 0,
	    "1970-01-01T00:00:00Z", true },
	{ "closed, the local clock says noon", "2026-01-05T12:00:00Z", 0, 0,
	    "2026-01-05T17:00:00Z", false },
	{ "the clock was read before it opened", "2026-01-05T14:25:00Z", 0,
	    6 * MINUTE_NS, "2026-01-05T12:00:00Z", true },
	{ "and it has not opened yet", "2026-01-05T14:25:00Z", 0, 4 * MINUTE_NS,
	    "2026-01-05T17:00:00Z", false },
	{ "it has closed since", "2026-01-05T20:55:00Z", 0, 6 * MINUTE_NS,
	    "2026-01-05T17:00:00Z", false },
	{ "it may have opened, within the round trip", "2026-01-05T14:29:58Z",
	    4 * NS_PER_S, 0, "2026-01-05T17:00:00Z", false },
	{ "it has opened, whatever the round trip", "2026-01-05T14:29:58Z",
	    4 * NS_PER_S, 3 * NS_PER_S, "2026-01-05T17:00:00Z", true },
	{ "it may have closed, within the round trip", "2026-01-05T20:59:58Z",
	    4 * NS_PER_S, 0, "2026-01-05T17:00:00Z", false },
	{ "it is open still, whatever the round trip", "2026-01-05T20:59:55Z",
	    4 * NS_PER_S, 0, "2026-01-05T17:00:00Z", true },
	{ "it may have closed by an oscillator that is slow", "2026-01-05T15:00:00Z", 0,
	    360 * MINUTE_NS - 10 * NS_PER_S, "2026-01-05T17:00:00Z", false },
	{ "it is open, even so", "2026-01-05T15:00:00Z", 0,
	    360 * MINUTE_NS - 11 * NS_PER_S, "2026-01-05T17:00:00Z", true },
};

START_TEST(the_brokers_clock_counts)
{
	struct market market = told(moments[_i].told, moments[_i].round_trip_ns);
	struct market_now now = later(moments[_i].later_ns, moments[_i].local);

	ck_assert_msg(market_is_open(&market, &now) == moments[_i].is_open, "%s",
	    moments[_i].what);
}
END_TEST

START_TEST(without_it_this_machines_counts)
{
	const struct market nothing = { 0 };
	struct market_now now = later(0, "2026-01-05T15:00:00Z");

	ck_assert(market_is_open(NULL, &now));
	ck_assert(market_is_open(&nothing, &now));
	now = later(0, "2026-01-05T14:00:00Z");
	ck_assert(!market_is_open(NULL, &now));
	ck_assert(!market_is_open(&nothing, &now));
	ck_assert_int_eq(market_clock_error(&nothing, &now), 0);
}
END_TEST

/* 2026-01-05 is day 20458. */
START_TEST(the_calendar_says_the_hours)
{
	struct market market = told("2026-01-05T15:00:00Z", 0);
	const struct session_day half = { 20458, 570, 780 },
				 other = { 20459, 570, 960 };
	struct market_now now = later(0, "2026-01-05T15:00:00Z");

	market.calendar = (struct session_calendar){ &half, 1 };
	ck_assert(market_is_open(&market, &now));
	now.boot_ns += 4 * 60 * MINUTE_NS; /* 14:00 there */
	ck_assert(!market_is_open(&market, &now));
	now.boot_ns = BOOT_NS;
	market.calendar = (struct session_calendar){ &other, 1 };
	ck_assert_msg(market_is_open(&market, &now), "a day that it does not reach");
	market.calendar = (struct session_calendar){
		(const struct session_day[]){ { 20457, 570, 960 }, other }, 2
	};
	ck_assert_msg(!market_is_open(&market, &now), "a holiday");
}
END_TEST

/* The calendar was read in the morning, and the clock knows better: the 6th is none. */
START_TEST(the_clock_may_know_of_a_closing)
{
	struct market market = told("2026-01-05T15:00:00Z", 0);
	struct market_now now = later(10 * MINUTE_NS, "2026-01-05T15:10:00Z");

	market.clock.next_close_ns = at("2026-01-05T15:05:00Z");
	market.clock.next_open_ns = at("2026-01-07T14:30:00Z");
	ck_assert(!market_is_open(&market, &now));
	now = later(-MINUTE_NS + 5 * MINUTE_NS, "2026-01-05T15:10:00Z");
	ck_assert(market_is_open(&market, &now));
	now = later(24 * 60 * MINUTE_NS, "2026-01-06T15:00:00Z");
	ck_assert(!market_is_open(&market, &now));
	now = later(48 * 60 * MINUTE_NS, "2026-01-07T15:00:00Z");
	ck_assert(market_is_open(&market, &now));

	market.clock.is_open = false;
	market.clock.next_open_ns = at("2026-01-05T16:00:00Z");
	market.clock.next_close_ns = at("2026-01-05T21:00:00Z");
	now = later(0, "2026-01-05T15:00:00Z");
	ck_assert_msg(!market_is_open(&market, &now), "halted");
	now = later(61 * MINUTE_NS, "2026-01-05T16:01:00Z");
	ck_assert_msg(market_is_open(&market, &now), "and it goes on");
}
END_TEST

static const struct {
	const char *what;
	int64_t round_trip_ns, later_ns, local_ns, error_ns;
} errors[] = {
	{ "right", 0, 0, 0, 0 },
	{ "ahead", 0, 0, 7 * NS_PER_S, 7 * NS_PER_S },
	{ "behind", 0, 0, -7 * NS_PER_S, -7 * NS_PER_S },
	{ "ahead, and not by more than the round trip", 8 * NS_PER_S, 0, 7 * NS_PER_S,
	    0 },
	{ "ahead by more than that", 3 * NS_PER_S, 0, 7 * NS_PER_S, 4 * NS_PER_S },
	{ "a round trip does not put it behind", 3 * NS_PER_S, 0, -7 * NS_PER_S,
	    -7 * NS_PER_S },
	{ "right, later", 0, 10 * MINUTE_NS, 0, 0 },
	{ "within what an oscillator may be wrong by", 0, 10 * MINUTE_NS,
	    300 * NS_PER_MS, 0 },
	{ "and the other way", 0, 10 * MINUTE_NS, -300 * NS_PER_MS, 0 },
	{ "set since it was read", 0, 10 * MINUTE_NS, -60 * MINUTE_NS,
	    -60 * MINUTE_NS + 300 * NS_PER_MS },
};

START_TEST(a_clock_is_wrong_by_what_is_proved)
{
	struct market market = told("2026-01-05T15:00:00Z", errors[_i].round_trip_ns);
	struct market_now now = { BOOT_NS + errors[_i].later_ns,
		market.clock.time_ns + errors[_i].later_ns + errors[_i].local_ns };

	ck_assert_msg(market_clock_error(&market, &now) == errors[_i].error_ns,
	    "%s: %lld ns", errors[_i].what,
	    (long long)market_clock_error(&market, &now));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, the_brokers_clock_counts, 0, ARRAY_SIZE(moments));
	tcase_add_test(tcase, without_it_this_machines_counts);
	tcase_add_test(tcase, the_calendar_says_the_hours);
	tcase_add_test(tcase, the_clock_may_know_of_a_closing);
	tcase_add_loop_test(
	    tcase, a_clock_is_wrong_by_what_is_proved, 0, ARRAY_SIZE(errors));
}

int
main(void)
{
	return suite_run("market", add_tests);
}
