/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup events`: the supervisor's recent events, and those to come.
 */
#include "supervisor/ctl/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/duration.h"
#include "common/glob.h"
#include "common/timestamp.h"
#include "supervisor/ctl/json.h"

#define EVENT_TEXT_MAX 65536

/* No event, but that there were some. */
static bool
is_remark(const struct record *row)
{
	const char *until = record_get(row, "until");

	if (!row->event || strcmp(row->event, "forgotten") != 0)
		return false;
	fprintf(stderr,
	    "tradesup: the supervisor has forgotten what was before %s; "
	    "the log has it\n",
	    until ? until : "?");
	return true;
}

static void
print_json(const struct record *row)
{
	struct json json = { .out = stdout };

	if (is_remark(row))
		return;
	json_open(&json, NULL, '{');
	json_text(&json, "event", row->event);
	json_fields(&json, row);
	json_close(&json, '}');
	json_end(&json);
}

/* The time first, then the event as it stands in the log; written anew, so that it is
 * escaped again. */
static void
print_line(const struct record *row)
{
	static const char no_time[] = "-";
	const char *ts = record_get(row, "ts");
	struct record event;
	char *line;

	if (is_remark(row))
		return;
	line = malloc(EVENT_TEXT_MAX);
	if (!line)
		return;
	record_init(&event, row->event);
	for (size_t i = 0; i < row->n_fields; i++) {
		if (strcmp(row->fields[i].key, "ts") != 0)
			record_text(&event, row->fields[i].key, row->fields[i].text);
	}
	record_logfmt(&event, line, EVENT_TEXT_MAX);
	printf("%s %s\n", ts ? ts : no_time, line);
	free(line);
}

/* A duration back from now, or a time. Return: 0, -EINVAL. */
static int
read_since(const char *text, char out[TIMESTAMP_TEXT_MAX])
{
	int64_t ns, now_ns = clock_realtime_ns();

	if (duration_parse(text, &ns) == 0)
		ns = ns < now_ns ? now_ns - ns : 0;
	else if (timestamp_parse(text, strlen(text), TIME_UNIT_RFC3339, &ns) < 0)
		return -EINVAL;
	timestamp_format(ns, out);
	return 0;
}

int
ctl_events(const struct ctl *ctl)
{
	const char *since = ctl->options.values[OPTION_SINCE];
	const char *match = ctl->options.values[OPTION_MATCH];
	char time[TIMESTAMP_TEXT_MAX];

	if (since && read_since(since, time) < 0)
		return ctl_usage(ctl,
		    "option '--since': '%s' is neither a duration, as 10m, nor a "
		    "time, as 2026-11-24T20:03:46Z",
		    since);
	if (match && strlen(match) > GLOB_MAX)
		return ctl_usage(
		    ctl, "option '--match' takes at most %d bytes", GLOB_MAX);
	return ctl_stream(&(struct ctl_stream){ .ctl = ctl,
	    .worker = ctl->options.values[OPTION_WORKER],
	    .match = match,
	    .since = since ? time : NULL,
	    .print_json = print_json,
	    .print_line = print_line });
}
