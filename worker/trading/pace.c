/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pace of cycles: a function of what the last one came to.
 */
#include "worker/trading/pace.h"

static int64_t
hold_off_ns(uint32_t in_vain)
{
	int64_t hold_ns = PACE_HOLD_OFF_NS;

	if (in_vain == 0)
		return 0;
	for (uint32_t i = 1; i < in_vain && hold_ns < PACE_PAUSE_NS; i++)
		hold_ns *= 2;
	return hold_ns;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void
pace_next(struct pace *pace, const struct pace_facts *facts)
{
	int64_t due_ns = facts->start_ns + facts->cycle_ns;

	/* A file that somebody writes to all the time, with nothing for us, costs no
	 * more cycles than one that is still. */
	if (facts->was_called && !facts->has_records)
		pace->in_vain += pace->in_vain < UINT32_MAX;
	else
		pace->in_vain = 0;
	pace->listen_ns = pace->next_ns = due_ns;
	if (!facts->is_idle && !facts->has_failed)
		return;
	pace->next_ns = later(due_ns, facts->now_ns + PACE_PAUSE_NS);
	pace->listen_ns = later(due_ns, facts->now_ns + hold_off_ns(pace->in_vain));
	if (facts->has_failed || pace->listen_ns > pace->next_ns)
		pace->listen_ns = pace->next_ns;
}
