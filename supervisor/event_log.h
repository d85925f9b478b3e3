/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened: each event goes to the log, into a short memory for `tradesup events`,
 * and to whoever follows it live. Bounded: EVENT_LOG_LINES lines are remembered.
 */
#pragma once

#include <stddef.h>

#include "common/log.h"

#define EVENT_LOG_LINES 256
#define EVENT_LINE_MAX 8192

/** event_follower - gets each line (with ts= after the event's name) and the worker it
 * is about, NULL if about none. */
typedef void (*event_follower)(const char *line, const char *worker, void *data);

struct event_log {
	char *lines[EVENT_LOG_LINES]; /* ring */
	char *workers[EVENT_LOG_LINES];
	size_t next;
	event_follower follower;
	void *data;
};

void event_log_init(struct event_log *log);
void event_log_deinit(struct event_log *log);

/** event_log_emit() - log, remember, pass on. The record's `worker` field tells whom it
 * is about. */
void event_log_emit(
    struct event_log *log, enum log_level level, const struct record *record);

/** event_log_last() - call for the last @n lines about @worker (NULL: about anything),
 * oldest first. */
void event_log_last(const struct event_log *log, size_t n, const char *worker,
    event_follower call, void *data);

/** event_log_recall() - remember a line that was logged in an earlier supervisor;
 * @worker: NULL: about none. */
void event_log_recall(struct event_log *log, const char *line, const char *worker);
