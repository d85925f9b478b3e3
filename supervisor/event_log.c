/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short memory of events. What an event means, and which there are, is not known
 * here.
 */
#include "supervisor/event_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/glob.h"
#include "common/timestamp.h"

#define EVENT_NAME_MAX 256

void
event_log_init(struct event_log *log)
{
	memset(log, 0, sizeof(*log));
	log->forgotten_ns = EVENT_LOG_EVER;
}

void
event_log_deinit(struct event_log *log)
{
	for (size_t i = 0; i < EVENT_LOG_LINES; i++) {
		free(log->lines[i]);
		free(log->workers[i]);
	}
	event_log_init(log);
}

/* Out of memory: the line is in the log, only the memory of it is lost. */
static void
remember(struct event_log *log, const char *line, const char *worker, int64_t time_ns)
{
	size_t i = log->next;

	if (log->lines[i])
		log->forgotten_ns = log->times_ns[i];
	free(log->lines[i]);
	free(log->workers[i]);
	log->lines[i] = strdup(line);
	log->workers[i] = worker ? strdup(worker) : NULL;
	log->times_ns[i] = time_ns;
	log->next = (i + 1) % EVENT_LOG_LINES;
}

static struct record
with_time(const struct record *record, const char *time)
{
	struct record stamped;

	record_init(&stamped, record->event);
	record_text(&stamped, "ts", time);
	for (size_t i = 0; i < record->n_fields && stamped.n_fields < RECORD_FIELDS_MAX;
	     i++)
		stamped.fields[stamped.n_fields++] = record->fields[i];
	return stamped;
}

void
event_log_emit(struct event_log *log, enum log_level level, const struct record *record)
{
	const char *worker = record_get(record, "worker");
	char time[TIMESTAMP_TEXT_MAX], line[EVENT_LINE_MAX];
	int64_t now_ns = clock_realtime_ns();
	struct record stamped;

	log_record(level, record);
	timestamp_format_ms(now_ns, time);
	stamped = with_time(record, time);
	record_logfmt(&stamped, line, sizeof(line));
	/* A talkative worker must not push out what happened; its lines are kept with
	 * it. */
	if (strcmp(record->event, "worker.output") != 0)
		remember(log, line, worker, now_ns);
	if (log->follower)
		log->follower(line, worker, log->data);
}

bool
event_filter_takes(
    const struct event_filter *filter, const char *line, const char *worker)
{
	char name[EVENT_NAME_MAX];

	if (filter->worker && (!worker || strcmp(worker, filter->worker) != 0))
		return false;
	if (!filter->match)
		return true;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, " "), line);
	return glob_match(filter->match, name);
}

static bool
takes(const struct event_log *log, size_t i, const struct event_filter *filter)
{
	return log->lines[i] && log->times_ns[i] >= filter->since_ns &&
	       event_filter_takes(filter, log->lines[i], log->workers[i]);
}

void
event_log_last(const struct event_log *log, size_t n, const struct event_filter *filter,
    event_follower call, void *data)
{
	size_t matching = 0;

	for (size_t i = 0; i < EVENT_LOG_LINES; i++)
		matching += takes(log, i, filter);
	for (size_t k = 0; k < EVENT_LOG_LINES; k++) {
		size_t i = (log->next + k) % EVENT_LOG_LINES;

		if (!takes(log, i, filter))
			continue;
		if (matching-- <= n)
			call(log->lines[i], log->workers[i], data);
	}
}
