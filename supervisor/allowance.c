/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seconds and counts; what an event is, and how it is told that some were left out, is
 * known to those who call.
 */
#include "supervisor/allowance.h"

#include "common/clock.h"

uint32_t
allowance_turn(struct allowance *allowance, int64_t now_ns)
{
	uint32_t left_out = allowance->left_out;

	if (now_ns - allowance->window_ns < NS_PER_S)
		return 0;
	*allowance = (struct allowance){ .window_ns = now_ns };
	return left_out;
}

bool
allowance_take(struct allowance *allowance, enum log_level level)
{
	uint32_t *used =
	    level <= LOG_LEVEL_WARNING ? &allowance->urgent : &allowance->calm;

	if (*used < ALLOWANCE_PER_S) {
		++*used;
		return true;
	}
	if (allowance->left_out < UINT32_MAX)
		allowance->left_out++;
	return false;
}
