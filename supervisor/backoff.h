/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delays between restarts: the first is `restart_delay`, then they double up to
 * `restart_delay_max`, each spread by jitter so that workers that failed together do
 * not come back together. Pure: randomness is an argument.
 */
#pragma once

#include <stdint.h>

#define BACKOFF_BASE_NS                                                                \
	INT64_C(250000000) /* where doubling begins if restart_delay is smaller */
#define BACKOFF_JITTER_PERCENT 20 /* a delay is cut by up to this much */

/**
 * backoff_delay() - how long to wait before the next restart
 * @restarts: restarts in a row so far, since the last good cycle or `stable_after`
 * @delay_ns, @delay_max_ns: restart_delay and restart_delay_max; max 0 means no backoff
 * @random: any 32 random bits
 *
 * Return: nanoseconds, never above @delay_max_ns.
 */
int64_t backoff_delay(
    uint32_t restarts, int64_t delay_ns, int64_t delay_max_ns, uint32_t random);
