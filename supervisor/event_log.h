/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened: each event goes to the log, into a short memory for `tradesup events`,
 * and to whoever follows it live. Bounded: EVENT_LOG_LINES lines are remembered.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"

#define EVENT_LOG_LINES 256
#define EVENT_LINE_MAX 8192
#define EVENT_LOG_EVER INT64_MIN

/** event_follower - gets each line (with ts= after the event's name) and the worker it
 * is about, NULL if about none. */
typedef void (*event_follower)(const char *line, const char *worker, void *data);

struct event_log {
	char *lines[EVENT_LOG_LINES]; /* ring */
	char *workers[EVENT_LOG_LINES];
	int64_t times_ns[EVENT_LOG_LINES]; /* of day */
	int64_t
	    forgotten_ns; /* time of the last one pushed out; EVENT_LOG_EVER: none */
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

/** struct event_filter - which events somebody wants; all texts are borrowed */
struct event_filter {
	const char *worker; /* about this one; NULL: about anything */
	const char *match;  /* glob.h; the event's whole name; NULL: any */
	int64_t since_ns;   /* of day, inclusive; EVENT_LOG_EVER */
};

/** event_filter_takes() - whether a line with that worker passes, whatever its time. */
bool event_filter_takes(
    const struct event_filter *filter, const char *line, const char *worker);

/** event_log_last() - call for the last @n lines that pass, oldest first. */
void event_log_last(const struct event_log *log, size_t n,
    const struct event_filter *filter, event_follower call, void *data);
