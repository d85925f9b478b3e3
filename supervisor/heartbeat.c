/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadlines of one worker's life, as a table of rules. Killing it is done
 * elsewhere.
 */
#include "supervisor/heartbeat.h"

struct deadline {
	enum heartbeat_late late;
	int64_t since_ns;
	int64_t allowed_ns; /* 0: this rule does not apply */
};

static int64_t
max_ns(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

enum heartbeat_late
heartbeat_check(const struct heartbeat_rules *rules, const struct heartbeat *seen,
    int64_t now_ns, int64_t *ret_next_ns)
{
	bool watched = seen->speaks && seen->ready && !seen->leaving;
	bool starting =
	    (seen->speaks || seen->awaited) && !seen->ready && !seen->leaving;
	const struct deadline deadlines[] = {
		{ HEARTBEAT_LATE_START, max_ns(seen->started_ns, seen->packet_ns),
		    starting ? rules->start_timeout_ns : 0 },
		{ HEARTBEAT_LATE_PACKET, seen->packet_ns,
		    watched ? rules->heartbeat_ns * rules->misses : 0 },
		{ HEARTBEAT_LATE_CYCLE, seen->advance_ns,
		    watched ? rules->cycle_timeout_ns : 0 },
		{ HEARTBEAT_LATE_WATCHDOG, seen->pet_ns,
		    seen->ready && !seen->leaving ? rules->watchdog_ns : 0 },
		{ HEARTBEAT_LATE_LEAVING, seen->leaving_ns,
		    seen->leaving ? rules->leave_timeout_ns : 0 },
	};
	int64_t next = HEARTBEAT_NEVER;

	for (unsigned i = 0; i < sizeof(deadlines) / sizeof(*deadlines); i++) {
		const struct deadline *d = &deadlines[i];
		int64_t due;

		if (d->allowed_ns == 0)
			continue;
		due = max_ns(d->since_ns, seen->fresh_ns) + d->allowed_ns;
		if (d->late != HEARTBEAT_LATE_PACKET && d->late != HEARTBEAT_LATE_CYCLE)
			due = max_ns(due, seen->extended_ns);
		if (now_ns >= due)
			return d->late;
		if (due < next)
			next = due;
	}
	*ret_next_ns = next;
	return HEARTBEAT_IN_TIME;
}

const char *
heartbeat_late_name(enum heartbeat_late late)
{
	static const char *const names[] = {
		[HEARTBEAT_IN_TIME] = "in time",
		[HEARTBEAT_LATE_START] = "not ready in time",
		[HEARTBEAT_LATE_PACKET] = "no heartbeat",
		[HEARTBEAT_LATE_CYCLE] = "cycle does not advance",
		[HEARTBEAT_LATE_WATCHDOG] = "no watchdog ping",
		[HEARTBEAT_LATE_LEAVING] = "said that it stops, and did not",
	};

	return names[late];
}
