/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker that does not tell all by itself: when it is ready, and the probe of its
 * life. Both are programs beside it, or a look at its output; the child has NULL where
 * there is neither.
 */
#pragma once

#include <regex.h>

#include "supervisor/child.h"

struct beside;

struct child_watch {
	struct beside *readying, *probing; /* NULL: it does not run */
	regex_t log;			   /* if its readiness is seen in its output */
	int64_t start_ns; /* of day, by the clock of files: before its process was */
	int64_t probe_ns; /* the next probe; HEARTBEAT_NEVER: none is due */
	int64_t probed_ns;
	uint32_t failures; /* in a row */
};

/** child_watch_is_wanted() - whether this worker has any of it. */
bool child_watch_is_wanted(const struct config_worker *config);

/** child_watch_new() - NULL: out of memory. */
struct child_watch *child_watch_new(const struct config_worker *config);

/** child_watch_free() - the child's; it has none afterwards. */
void child_watch_free(struct child *child);

/* These are for a child that has one. */

/** child_watch_prepare() - before its process is made. */
void child_watch_prepare(struct child *child);

/** child_watch_begin() - it has a process now. */
void child_watch_begin(struct child *child);

/** child_watch_adopt() - its process is one that an earlier supervisor started. */
void child_watch_adopt(struct child *child);

/** child_watch_ready() - it has become ready; probes begin. */
void child_watch_ready(struct child *child, int64_t now_ns);

/** child_watch_line() - it has written this line. Return: whether that makes it ready.
 */
bool child_watch_line(const struct child *child, const char *line);

/** child_watch_due() - its timer: start the probe if it is time. */
void child_watch_due(struct child *child, int64_t now_ns);

/** child_watch_end() - its process has ended. */
void child_watch_end(struct child *child);
