/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is late: the deadlines of one worker's life. Pure: the child notes times, this
 * file says whether one has been missed and when to look again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HEARTBEAT_NEVER INT64_MAX

/** struct heartbeat_rules - from the worker's configuration; 0 switches a rule off */
struct heartbeat_rules {
	int64_t start_timeout_ns; /* from the start, or its last packet, to ready */
	int64_t heartbeat_ns;
	uint32_t misses;
	int64_t cycle_timeout_ns;
	int64_t watchdog_ns;	  /* sd_notify workers */
	int64_t leave_timeout_ns; /* the same: from STOPPING=1 to its end */
};

/** struct heartbeat - what was seen, monotonic */
struct heartbeat {
	bool speaks;  /* it has said hello, or is known to: silence means something */
	bool awaited; /* we are told by somebody else when it is ready */
	bool ready;
	bool leaving; /* it has said that it is ending */
	int64_t started_ns;
	int64_t packet_ns;   /* last packet of any kind */
	int64_t advance_ns;  /* when the cycle number last advanced */
	int64_t pet_ns;	     /* last WATCHDOG=1 */
	int64_t leaving_ns;  /* STOPPING=1 */
	int64_t extended_ns; /* EXTEND_TIMEOUT_USEC: no start, watchdog or leave
				deadline before this */
	int64_t
	    fresh_ns; /* nothing before this is held against it: we were not looking */
};

enum heartbeat_late {
	HEARTBEAT_IN_TIME,
	HEARTBEAT_LATE_START,
	HEARTBEAT_LATE_PACKET,
	HEARTBEAT_LATE_CYCLE,
	HEARTBEAT_LATE_WATCHDOG,
	HEARTBEAT_LATE_LEAVING
};

/**
 * heartbeat_check() - is it late, and if not, when to ask again
 * @ret_next_ns: monotonic time of the earliest deadline, HEARTBEAT_NEVER if there is
 * none
 */
enum heartbeat_late heartbeat_check(const struct heartbeat_rules *rules,
    const struct heartbeat *seen, int64_t now_ns, int64_t *ret_next_ns);

/** heartbeat_late_name() - "no packet", "cycle does not advance", …; for messages. */
const char *heartbeat_late_name(enum heartbeat_late late);
