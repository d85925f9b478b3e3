/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup healing`: how often each healing step was tried, and what became of it.
 * Reads the statistics from the state directory, so no supervisor is needed. The report
 * about days and weeks is in healing_report.c, the table of all time here.
 */
#include "supervisor/ctl/ctl.h"

#include <inttypes.h>
#include <string.h>
#include <errno.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/paths.h"
#include "common/timestamp.h"
#include "supervisor/ctl/healing.h"
#include "supervisor/ctl/healing_report.h"
#include "supervisor/ctl/place.h"

#define LEVELS 4

static const struct table_column columns[] = {
	{ "WORKER", TABLE_LEFT },
	{ "LEVEL", TABLE_RIGHT },
	{ "KIND", TABLE_LEFT },
	{ "TRIED", TABLE_RIGHT },
	{ "OK", TABLE_RIGHT },
	{ "FAILED", TABLE_RIGHT },
	{ "RELAPSED", TABLE_RIGHT },
	{ "PENDING", TABLE_RIGHT },
	{ "RATE", TABLE_RIGHT },
	{ "LAST", TABLE_LEFT },
};

static const char *const level_names[LEVELS + 1] = { NULL, "pre-check", "handler",
	"restart", "escalate" };

static bool
concerns(const struct healing_row *row, const char *worker)
{
	return !worker || strcmp(row->worker, worker) == 0;
}

/* The sum of a level's rows; its worker and kind are not set. */
static struct healing_row
sum_level(const struct healing *healing, const char *worker, int level)
{
	struct healing_row sum = { .level = level };

	for (size_t i = 0; i < healing->n_rows; i++) {
		const struct healing_row *row = &healing->rows[i];

		if (row->level != level || !concerns(row, worker))
			continue;
		sum.tried += row->tried;
		sum.succeeded += row->succeeded;
		sum.failed += row->failed;
		sum.relapsed += row->relapsed;
		sum.pending += row->pending;
		if (row->last_ns > sum.last_ns)
			sum.last_ns = row->last_ns;
	}
	return sum;
}

static void
add_counts(struct table *table, const struct healing_row *row)
{
	int rate = healing_rate_permille(row);
	char last[TIMESTAMP_TEXT_MAX] = "-";

	table_cellf(table, TABLE_PLAIN, "%" PRIu64, row->tried);
	table_cellf(table, TABLE_PLAIN, "%" PRIu64, row->succeeded);
	table_cellf(
	    table, row->failed ? TABLE_BAD : TABLE_PLAIN, "%" PRIu64, row->failed);
	table_cellf(
	    table, row->relapsed ? TABLE_BAD : TABLE_PLAIN, "%" PRIu64, row->relapsed);
	table_cellf(
	    table, row->pending ? TABLE_WARN : TABLE_PLAIN, "%" PRIu64, row->pending);
	if (rate < 0)
		table_cell(table, TABLE_PLAIN, NULL);
	else
		table_cellf(table, TABLE_PLAIN, "%d.%d%%", rate / 10, rate % 10);
	if (row->last_ns > 0)
		timestamp_format_ms(row->last_ns, last);
	table_cell(table, TABLE_PLAIN, last);
}

int
ctl_healing_print(const struct healing *healing, const char *worker)
{
	_cleanup_(table_freep) struct table *table =
	    table_new(columns, ARRAY_SIZE(columns));

	if (!table)
		return ctl_fail(EXIT_OSERR, "out of memory");
	for (size_t i = 0; i < healing->n_rows; i++) {
		const struct healing_row *row = &healing->rows[i];

		if (!concerns(row, worker))
			continue;
		table_cell(table, TABLE_PLAIN, row->worker);
		table_cellf(table, TABLE_PLAIN, "%d", row->level);
		table_cell(table, TABLE_PLAIN, row->kind);
		add_counts(table, row);
	}
	for (int level = 1; level <= LEVELS; level++) {
		struct healing_row sum = sum_level(healing, worker, level);

		table_cell(table, TABLE_DIM, "all");
		table_cellf(table, TABLE_PLAIN, "%d", level);
		table_cell(table, TABLE_DIM, level_names[level]);
		add_counts(table, &sum);
	}
	return ctl_print_table(table);
}

static void
put_counts(struct json *json, const struct healing_row *row)
{
	char last[TIMESTAMP_TEXT_MAX];

	json_int(json, "tried", (int64_t)row->tried);
	json_int(json, "succeeded", (int64_t)row->succeeded);
	json_int(json, "failed", (int64_t)row->failed);
	json_int(json, "relapsed", (int64_t)row->relapsed);
	json_int(json, "pending", (int64_t)row->pending);
	json_permille(json, "success_rate", healing_rate_permille(row));
	if (row->last_ns > 0)
		timestamp_format_ms(row->last_ns, last);
	json_text(json, "last", row->last_ns > 0 ? last : NULL);
}

void
ctl_healing_put_json(
    struct json *json, const struct healing *healing, const char *worker)
{
	json_open(json, "levels", '[');
	for (int level = 1; level <= LEVELS; level++) {
		struct healing_row sum = sum_level(healing, worker, level);

		json_open(json, NULL, '{');
		json_int(json, "level", level);
		put_counts(json, &sum);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_open(json, "rows", '[');
	for (size_t i = 0; i < healing->n_rows; i++) {
		const struct healing_row *row = &healing->rows[i];

		if (!concerns(row, worker))
			continue;
		json_open(json, NULL, '{');
		json_text(json, "worker", row->worker);
		json_int(json, "level", row->level);
		json_text(json, "kind", row->kind);
		put_counts(json, row);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static int
told(const char *path, int r)
{
	if (r == -EBADMSG) {
		ctl_fail(EXIT_OK, "%s was corrupt, and has been moved aside", path);
		return 0;
	}
	if (r < 0)
		return ctl_fail(EXIT_OSERR, "%s: %s", path, strerror(-r));
	return 0;
}

int
ctl_healing_read(struct healing *healing, const char *state_directory)
{
	_cleanup_free_ char *path = path_join(state_directory, HEALING_FILE);

	if (!path)
		return ctl_fail(EXIT_OSERR, "out of memory");
	return told(path, healing_load(healing, path));
}

/* Into an initialised @history. Return: 0, EXIT_OSERR, as ctl_healing_read(). */
static int
read_history(struct history *history, const char *state_directory)
{
	_cleanup_free_ char *path = path_join(state_directory, HISTORY_FILE);

	if (!path)
		return ctl_fail(EXIT_OSERR, "out of memory");
	return told(path, history_load(history, path));
}

static int
print(const struct ctl *ctl, const struct healing_report *report)
{
	struct json json = { .out = stdout };
	int r;

	if (!ctl_wants_json(ctl))
		return healing_report_print(report);
	json_open(&json, NULL, '{');
	ctl_healing_put_json(&json, report->healing, report->worker);
	r = healing_report_put_json(&json, report);
	json_close(&json, '}');
	json_end(&json);
	return r;
}

int
ctl_healing(const struct ctl *ctl)
{
	_cleanup_(healing_deinit) struct healing healing = { 0 };
	_cleanup_(history_deinit) struct history history = { 0 };
	_cleanup_free_ char *directory = NULL;
	const struct healing_report report = { &healing, &history,
		ctl->options.operands[0], clock_realtime_ns() };
	int r;

	r = place_state(ctl_config_name(ctl), &directory);
	if (r == 0)
		r = ctl_healing_read(&healing, directory);
	if (r == 0)
		r = read_history(&history, directory);
	return r == 0 ? print(ctl, &report) : r;
}
