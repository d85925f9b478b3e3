/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the broker is asked about an order, pure: often while it is young, and
 * never so that the looks at all of them leave new orders without requests.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "worker/trading/orders.h"

/* Between two looks at a live order; and at one that was given up. The account's rate
 * may make both longer. */
#define LOOK_MIN_NS (INT64_C(100) * 1000 * 1000)
#define LOOK_MAX_NS (INT64_C(5) * 1000000000)
#define LOOK_WATCH_NS (INT64_C(60) * 1000000000)

/** struct look_load - all orders that are looked at, and what the account permits */
struct look_load {
	size_t n_live, n_watched;
	int64_t rate; /* requests a minute, > 0 */
};

/**
 * look_interval_ns() - from one look at an order to the next
 * @settle_ns: a row of "not found" that is so long counts; both of its ends are looked at
 *
 * The live orders together take at most half of the account's requests, those that were
 * given up a quarter.
 */
int64_t look_interval_ns(enum order_status status, int64_t age_ns, int64_t settle_ns,
    const struct look_load *load);

/** look_first_ns() - when the @index-th of those that were given up is looked at first,
 * from a start on: one after the other, as later. */
int64_t look_first_ns(size_t index, int64_t rate);
