/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup logs`: the last lines that workers wrote, and those to come.
 */
#include "supervisor/ctl/stream.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/control.h"
#include "supervisor/ctl/json.h"
#include "supervisor/ctl/terminal.h"

/* A kept line comes as `line … text=`, a new one as the event that it is. */
static const char *
text_of(const struct record *row)
{
	const char *text = record_get(row, "text");

	return text ? text : record_get(row, "line");
}

/* Lines that were not read in time. NULL: it is no such row. */
static const char *
lost(const struct record *row)
{
	bool is_that = row->event && strcmp(row->event, CONTROL_LOST) == 0;

	return is_that ? record_get(row, "events") : NULL;
}

static void
print_json(const struct record *row)
{
	struct json json = { .out = stdout };
	const char *n = lost(row);

	if (n) {
		json_open(&json, NULL, '{');
		json_text(&json, "ts", record_get(row, "ts"));
		json_int(&json, "lost", strtoll(n, NULL, 10));
		json_close(&json, '}');
		json_end(&json);
		return;
	}

	json_open(&json, NULL, '{');
	json_text(&json, "ts", record_get(row, "ts"));
	json_text(&json, "worker", record_get(row, "worker"));
	json_text(&json, "text", text_of(row));
	json_close(&json, '}');
	json_end(&json);
}

static void
print_line(const struct record *row)
{
	const char *ts = record_get(row, "ts"), *worker = record_get(row, "worker");
	const char *text = text_of(row);
	_cleanup_free_ char *clean = terminal_clean(text ? text : "");

	if (lost(row))
		fprintf(stderr,
		    "tradesup: %lld lines are missing here, they were not read in "
		    "time\n",
		    strtoll(lost(row), NULL, 10));
	if (!clean || lost(row))
		return;
	printf(
	    "%s%s%s: %s\n", ts ? ts : "", ts ? " " : "", worker ? worker : "-", clean);
}

int
ctl_logs(const struct ctl *ctl)
{
	return ctl_stream(&(struct ctl_stream){ .ctl = ctl,
	    .worker = ctl->options.operands[0],
	    .print_json = print_json,
	    .print_line = print_line });
}
