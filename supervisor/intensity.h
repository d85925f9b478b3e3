/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restart window of a group: more than `limit` restarts within `period` is too
 * many. Pure: the time is an argument.
 *
 * As Erlang/OTP's supervisor (add_restart): entries older than the period drop out one
 * by one, an entry exactly one period old still counts. OTP counts in whole seconds, we
 * in nanoseconds; the two agree wherever OTP does not depend on the clock's phase.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct intensity {
	uint32_t limit;
	int64_t period_ns;
	int64_t *entries_ns; /* ring, oldest at @first; at most @limit entries */
	size_t first, used, room;
};

void intensity_init(struct intensity *window, uint32_t limit, int64_t period_ns);
void intensity_deinit(struct intensity *window);

/** intensity_reset() - forget all entries: the group starts afresh. */
void intensity_reset(struct intensity *window);

#define INTENSITY_E_PASSED 1 /* one too many */

/**
 * intensity_add() - record one needed restart
 * @now_ns: monotonic; never before an earlier one
 *
 * Return: 0, granted; INTENSITY_E_PASSED; -ENOMEM, nothing recorded.
 */
int intensity_add(struct intensity *window, int64_t now_ns);

/** intensity_used() - how many entries count at @now_ns. */
size_t intensity_used(struct intensity *window, int64_t now_ns);
