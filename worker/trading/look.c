/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pace of looks: a function of the order and of the others.
 */
#include "worker/trading/look.h"

#include "common/clock.h"

/* Of the account's requests: a half, a quarter. */
#define LIVE_PART 2
#define WATCH_PART 4

/* So that @n orders together make one request in @part that the account permits. */
static int64_t
share_ns(size_t n, int64_t part, int64_t rate)
{
	return (int64_t)n * part * 60 * NS_PER_S / rate;
}

static int64_t
at_least(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
look_interval_ns(enum order_status status, int64_t age_ns, int64_t settle_ns,
    const struct look_load *load)
{
	int64_t interval_ns = at_most(age_ns / 4, LOOK_MAX_NS);

	if (status == ORDER_EXPIRED)
		return at_least(
		    LOOK_WATCH_NS, share_ns(load->n_watched, WATCH_PART, load->rate));
	if (order_is_unknown(status))
		interval_ns = at_most(interval_ns, settle_ns / 4);
	return at_least(at_least(interval_ns, LOOK_MIN_NS),
	    share_ns(load->n_live, LIVE_PART, load->rate));
}

int64_t
look_first_ns(size_t index, int64_t rate)
{
	return share_ns(index, WATCH_PART, rate);
}
