/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup logs`: the last lines that workers wrote, and those to come.
 */
#include "supervisor/ctl/ctl.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "supervisor/ctl/json.h"
#include "supervisor/ctl/terminal.h"

#define LINES_DEFAULT 50
#define LINES_MAX 100000

/* A kept line comes as `line … text=`, a new one as the event that it is. */
static const char *
text_of(const struct record *row)
{
	const char *text = record_get(row, "text");

	return text ? text : record_get(row, "line");
}

static void
print_json(const struct record *row)
{
	struct json json = { .out = stdout };

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

	if (!clean)
		return;
	printf(
	    "%s%s%s: %s\n", ts ? ts : "", ts ? " " : "", worker ? worker : "-", clean);
}

static void
on_line(const struct record *row, void *data)
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
ctl_logs(const struct ctl *ctl)
{
	bool follow = options_has(&ctl->options, OPTION_FOLLOW);
	struct record request;
	struct error error;
	long lines;

	if (options_number(&ctl->options, OPTION_LINES, LINES_MAX, LINES_DEFAULT,
		&lines, &error) != 0)
		return ctl_usage(ctl, "%s", error.text);
	record_init(&request, "logs");
	record_text(&request, "worker", ctl->options.operands[0]);
	record_int(&request, "lines", lines);
	record_bool(&request, "follow", follow);
	return ctl_request(
	    ctl, &request, follow ? CTL_STREAM : 0, on_line, (void *)ctl);
}
