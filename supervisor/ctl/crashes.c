/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup crashes`: the list of crash reports, or one of them. Reads the state
 * directory, so no supervisor is needed.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "common/statefile.h"
#include "supervisor/crash.h"
#include "supervisor/ctl/json.h"
#include "supervisor/ctl/place.h"

#define CRASH_DIRECTORY "crashes" /* in the state directory */
#define CRASH_ENDING ".txt"

static const struct table_column columns[] = {
	{ "TIME", TABLE_LEFT },
	{ "WORKER", TABLE_LEFT },
	{ "HOW", TABLE_LEFT },
	{ "ACTION", TABLE_LEFT },
	{ "REPORT", TABLE_LEFT },
};

struct report {
	char *text;	      /* the whole file */
	char *line;	      /* a copy of its first line, which @record borrows from */
	struct record record; /* no event and no field if it could not be read */
};

static void
report_deinit(struct report *report)
{
	free(report->text);
	free(report->line);
}

/* Return: 0, -errno; a report whose first line is broken is still one. */
static int
report_read(struct report *report, const char *directory, const char *name)
{
	_cleanup_free_ char *path = path_join(directory, name);
	size_t length;
	int r;

	memset(report, 0, sizeof(*report));
	record_init(&report->record, NULL);
	if (!path)
		return -ENOMEM;
	r = statefile_read(path, &report->text, &length);
	if (r < 0)
		return r;
	report->line = strndup(report->text, strcspn(report->text, "\n"));
	if (!report->line)
		return -ENOMEM;
	if (record_parse(report->line, &report->record) < 0)
		record_init(&report->record, NULL);
	return 0;
}

/* "signal SEGV", "status 1, hang: no packet": that it crashed need not be said. */
static void
add_how(struct table *table, const struct record *record)
{
	const char *status = record_get(record, "status");
	const char *signal = record_get(record, "signal");
	const char *why = record_get(record, "why");

	if (why && strcmp(why, "crash") == 0)
		why = NULL;
	table_cellf(table, TABLE_PLAIN, "%s %s%s%s", signal ? "signal" : "status",
	    signal   ? signal
	    : status ? status
		     : "?",
	    why ? ", " : "", why ? why : "");
}

static void
add_row(struct table *table, const struct report *report, const char *name)
{
	const struct record *record = &report->record;

	table_cell(table, TABLE_PLAIN, record_get(record, "time"));
	table_cell(table, TABLE_PLAIN, record_get(record, "worker"));
	add_how(table, record);
	table_cell(table, TABLE_PLAIN, record_get(record, "action"));
	table_cell(table, TABLE_DIM, name);
}

static int
list_text(const char *directory, char *const *names)
{
	_cleanup_(table_freep) struct table *table =
	    table_new(columns, ARRAY_SIZE(columns));

	if (!table)
		return ctl_fail(EXIT_OSERR, "out of memory");
	for (; *names; names++) {
		struct report report;

		if (report_read(&report, directory, *names) == 0)
			add_row(table, &report, *names);
		report_deinit(&report);
	}
	return ctl_print_table(table);
}

static void
put_report(struct json *json, const struct report *report, const char *name, bool whole)
{
	json_open(json, NULL, '{');
	json_text(json, "name", name);
	json_fields(json, &report->record);
	if (whole)
		json_text(json, "text", report->text);
	json_close(json, '}');
}

static int
list_json(const char *directory, char *const *names)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_open(&json, "crashes", '[');
	for (; *names; names++) {
		struct report report;

		if (report_read(&report, directory, *names) == 0)
			put_report(&json, &report, *names, false);
		report_deinit(&report);
	}
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
	return EXIT_OK;
}

static int
print_one(const struct ctl *ctl, const char *directory, const char *name)
{
	struct json json = { .out = stdout };
	struct report report;
	int r;

	r = report_read(&report, directory, name);
	if (r < 0) {
		ctl_fail(EXIT_OSERR, "%s/%s: %s", directory, name, strerror(-r));
	} else if (ctl_wants_json(ctl)) {
		put_report(&json, &report, name, true);
		json_end(&json);
	} else {
		fputs(report.text, stdout);
	}
	report_deinit(&report);
	return r < 0 ? EXIT_OSERR : EXIT_OK;
}

static bool
is_named(const char *file, const char *name)
{
	size_t length = strlen(name);

	return strncmp(file, name, length) == 0 &&
	       (file[length] == '\0' || strcmp(file + length, CRASH_ENDING) == 0);
}

static int
print_named(const struct ctl *ctl, const char *directory, char *const *names)
{
	const char *name = ctl->options.operands[0];

	for (; *names; names++) {
		if (is_named(*names, name))
			return print_one(ctl, directory, *names);
	}
	return ctl_usage(ctl, "there is no report '%s'", name);
}

static int
print_last(const struct ctl *ctl, const char *directory, char *const *names)
{
	const char *last = NULL;

	for (; *names; names++)
		last = *names;
	if (last)
		return print_one(ctl, directory, last);
	return ctl_fail(EXIT_OK, "there is no crash report");
}

int
ctl_crashes(const struct ctl *ctl)
{
	_cleanup_free_ char *state = NULL, *directory = NULL;
	char **names;
	int r;

	r = place_state(ctl_config_name(ctl), &state);
	if (r != 0)
		return r;
	directory = path_join(state, CRASH_DIRECTORY);
	if (!directory)
		return ctl_fail(EXIT_OSERR, "out of memory");
	r = crash_names(directory, &names);
	if (r < 0)
		return ctl_fail(EXIT_OSERR, "%s: %s", directory, strerror(-r));

	if (ctl->options.n_operands > 0)
		r = print_named(ctl, directory, names);
	else if (options_has(&ctl->options, OPTION_LAST))
		r = print_last(ctl, directory, names);
	else if (ctl_wants_json(ctl))
		r = list_json(directory, names);
	else
		r = list_text(directory, names);
	crash_names_free(names);
	return r;
}
