/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of restart delays, and nothing else: who counts the restarts, and what
 * resets the count, is the child's business.
 */
#include "supervisor/backoff.h"

static int64_t
jittered(int64_t delay_ns, uint32_t random)
{
	int64_t spread = delay_ns / 100 * BACKOFF_JITTER_PERCENT;

	return delay_ns - (int64_t)(((__int128)spread * random) >> 32);
}

int64_t
backoff_delay(
    uint32_t restarts, int64_t delay_ns, int64_t delay_max_ns, uint32_t random)
{
	int64_t delay = delay_ns;

	if (delay_max_ns <= delay_ns)
		return delay_max_ns;
	if (restarts == 0)
		return delay_ns;
	if (delay < BACKOFF_BASE_NS)
		delay = BACKOFF_BASE_NS;
	else
		restarts++;
	while (--restarts > 0 && delay < delay_max_ns)
		delay = delay > delay_max_ns / 2 ? delay_max_ns : delay * 2;
	return jittered(delay < delay_max_ns ? delay : delay_max_ns, random);
}
