/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup events`: the supervisor's recent events, and those to come.
 */
#include "supervisor/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/ctl/json.h"

#define LINES_DEFAULT 50
#define LINES_MAX 100000
#define EVENT_TEXT_MAX 65536

static void
print_json(const struct record *row)
{
	struct json json = { .out = stdout };

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
	char *line = malloc(EVENT_TEXT_MAX);

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

static void
on_event(const struct record *row, void *data)
{
	const struct ctl *ctl = data;

	if (ctl_wants_json(ctl))
		print_json(row);
	else
		print_line(row);
	if (options_has(&ctl->options, OPTION_FOLLOW))
		fflush(stdout);
}

int
ctl_events(const struct ctl *ctl)
{
	bool follow = options_has(&ctl->options, OPTION_FOLLOW);
	struct record request;
	struct error error;
	long lines;

	if (options_number(&ctl->options, OPTION_LINES, LINES_MAX, LINES_DEFAULT,
		&lines, &error) != 0)
		return ctl_usage(ctl, "%s", error.text);
	record_init(&request, "events");
	record_int(&request, "lines", lines);
	record_bool(&request, "follow", follow);
	record_text(&request, "worker", ctl->options.values[OPTION_WORKER]);
	return ctl_request(
	    ctl, &request, follow ? CTL_STREAM : 0, on_event, (void *)ctl);
}
