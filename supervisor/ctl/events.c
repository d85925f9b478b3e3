/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup events`: the supervisor's recent events, and those to come.
 */
#include "supervisor/ctl/stream.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/ctl/json.h"

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

int
ctl_events(const struct ctl *ctl)
{
	return ctl_stream(&(struct ctl_stream){ .ctl = ctl,
	    .worker = ctl->options.values[OPTION_WORKER],
	    .print_json = print_json,
	    .print_line = print_line });
}
