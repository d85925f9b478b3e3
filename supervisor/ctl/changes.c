/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lays out the rows of `reload` and `diff` (control.h). The words are the supervisor's.
 */
#include "supervisor/ctl/changes.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/ctl/json.h"
#include "supervisor/ctl/terminal.h"

static const char *
or_nothing(const char *text)
{
	return text ? text : "";
}

static void
print_change(const struct record *row)
{
	const char *group = record_get(row, "group"), *keys = record_get(row, "keys");
	const char *name = group ? group : record_get(row, "worker");
	_cleanup_free_ char *clean_name = terminal_clean(or_nothing(name));
	_cleanup_free_ char *clean_keys = terminal_clean(or_nothing(keys));
	const bool is_root = group && strcmp(group, "root") == 0;

	if (!clean_name || !clean_keys)
		return;
	printf("%-8s %s%s%s%s\n", or_nothing(record_get(row, "kind")),
	    group && !is_root ? "group " : "", is_root ? "supervisor" : clean_name,
	    keys ? ": " : "", clean_keys);
}

static void
print_row(const struct record *row)
{
	const char *group = record_get(row, "group");
	_cleanup_free_ char *clean = NULL;

	if (strcmp(row->event, "change") == 0) {
		print_change(row);
	} else if (strcmp(row->event, "problem") == 0) {
		clean = terminal_clean(or_nothing(record_get(row, "text")));
		ctl_fail(EXIT_CONFIG, "%s", clean ? clean : "out of memory");
	} else if (strcmp(row->event, "failed") == 0) {
		clean = terminal_clean(
		    or_nothing(group ? group : record_get(row, "worker")));
		ctl_fail(EXIT_OSERR, "%s: could not be started, and stays down",
		    clean ? clean : "out of memory");
	}
}

void
changes_on_row(const struct record *row, void *data)
{
	struct changes *changes = data;
	const char *config = record_get(row, "config");
	struct json json = { .out = stdout };

	if (!row->event)
		return;
	changes->n += strcmp(row->event, "change") == 0;
	if (config && !changes->config)
		changes->config = terminal_clean(config);
	if (!ctl_wants_json(changes->ctl)) {
		print_row(row);
		return;
	}
	json_open(&json, NULL, '{');
	json_text(&json, "row", row->event);
	json_fields(&json, row);
	json_close(&json, '}');
	json_end(&json);
}
