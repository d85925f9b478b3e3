/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lays out what healing.h and history.h have counted. How often something was healed in
 * all of time is healing.h's, which is older; everything else is history.h's.
 */
#include "supervisor/ctl/healing_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/timestamp.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/healing.h"
#include "supervisor/ctl/terminal.h"

#define CAUSES_SHOWN 10
#define ALL_TIME 0
#define DAY_HOURS 24
#define WEEK_HOURS (7 * DAY_HOURS)
#define WEEK_DAYS 7

static const struct window {
	const char *key;
	int64_t hours;
} windows[] = {
	{ "day", DAY_HOURS },
	{ "week", WEEK_HOURS },
	{ "all", ALL_TIME },
};

static const char *const level_names[HISTORY_LEVELS] = { "by itself", "pre-check",
	"handler", "restart", "escalate" };

/** struct line - a level and a kind of it */
struct line {
	int level;
	const char *kind; /* borrowed */
};

struct lines {
	struct line *lines; /* owned */
	size_t n;
};

static void
lines_deinit(struct lines *lines)
{
	free(lines->lines);
}

static bool
concerns(const struct healing_report *report, const char *worker)
{
	return !report->worker || strcmp(report->worker, worker) == 0;
}

/* Return: 0, -ENOMEM. */
static int
add_line(struct lines *lines, int level, const char *kind)
{
	struct line *grown;

	for (size_t i = 0; i < lines->n; i++)
		if (lines->lines[i].level == level &&
		    strcmp(lines->lines[i].kind, kind) == 0)
			return 0;
	grown = reallocarray(lines->lines, lines->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	lines->lines = grown;
	grown[lines->n++] = (struct line){ level, kind };
	return 0;
}

static int
by_level(const void *a, const void *b)
{
	const struct line *left = a, *right = b;

	return left->level != right->level ? left->level - right->level
					   : strcmp(left->kind, right->kind);
}

/* Every level and kind that has ever been. */
static int
collect_lines(const struct healing_report *report, struct lines *lines)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < report->healing->n_rows; i++) {
		const struct healing_row *row = &report->healing->rows[i];

		if (concerns(report, row->worker))
			r = add_line(lines, row->level, row->kind);
	}
	for (size_t i = 0; r == 0 && i < report->history->sums.n; i++) {
		const struct history_key *key = &report->history->sums.rows[i].key;

		if (concerns(report, key->worker))
			r = add_line(lines, key->level, key->kind);
	}
	if (lines->n > 0)
		qsort(lines->lines, lines->n, sizeof(*lines->lines), by_level);
	return r;
}

/* @level: -1: all; @kind: NULL: all. */
static struct history_counts
counts_of(
    const struct healing_report *report, int64_t hours, int level, const char *kind)
{
	struct history_counts counts = history_sum(
	    report->history, hours, report->worker, level, kind, report->now_ns);

	for (size_t i = 0; hours == ALL_TIME && i < report->healing->n_rows; i++) {
		const struct healing_row *row = &report->healing->rows[i];

		if (!concerns(report, row->worker) ||
		    (level >= 0 && row->level != level) ||
		    (kind && strcmp(row->kind, kind) != 0))
			continue;
		counts.succeeded += row->succeeded;
		counts.failed += row->failed;
		counts.relapsed += row->relapsed;
	}
	return counts;
}

static uint64_t
steps_of(const struct history_counts *counts)
{
	return counts->succeeded + counts->failed + counts->relapsed;
}

/* -1: there was none. */
static int
rate_of(const struct history_counts *counts)
{
	uint64_t steps = steps_of(counts);

	return steps == 0 ? -1 : (int)(counts->succeeded * 1000 / steps);
}

/* Causes, the most frequent of the week first. */

/** struct causes - those to be shown; borrowed */
struct causes {
	const struct history_cause *shown[HISTORY_CAUSES_MAX];
	size_t n;
};

static bool
is_before(const struct healing_report *report, const struct history_cause *a,
    const struct history_cause *b)
{
	uint64_t of_a = history_cause_count(a, WEEK_DAYS, report->now_ns);
	uint64_t of_b = history_cause_count(b, WEEK_DAYS, report->now_ns);

	if (of_a != of_b)
		return of_a > of_b;
	return a->count != b->count ? a->count > b->count : a->last_ns > b->last_ns;
}

static void
collect_causes(const struct healing_report *report, struct causes *causes)
{
	for (size_t i = 0; i < report->history->n_causes; i++) {
		const struct history_cause *cause = &report->history->causes[i];
		size_t at = causes->n;

		if (!concerns(report, cause->key.worker))
			continue;
		for (; at > 0 && is_before(report, cause, causes->shown[at - 1]); at--)
			causes->shown[at] = causes->shown[at - 1];
		causes->shown[at] = cause;
		causes->n++;
	}
}

/* For people. */

static const char *
span_of(const struct history_counts *counts, char out[TERMINAL_SPAN_MAX])
{
	int64_t ms = history_recovery_ms(counts);

	return ms < 0 ? "-" : terminal_span(ms, out);
}

static void
print_summary(const struct healing_report *report)
{
	struct history_counts week = counts_of(report, WEEK_HOURS, -1, NULL);
	struct history_counts all = counts_of(report, ALL_TIME, -1, NULL);
	char now[TIMESTAMP_TEXT_MAX], since[TIMESTAMP_TEXT_MAX],
	    span[TERMINAL_SPAN_MAX];
	int rate = rate_of(&week);

	timestamp_format_ms(report->now_ns, now);
	printf("Healing of %s, %s\n\n", report->worker ? report->worker : "all workers",
	    now);
	if (rate < 0)
		printf("The last 7 days: no step of healing; ");
	else
		printf("The last 7 days: %" PRIu64 " steps of healing, %d.%d%% of them "
		       "held, %" PRIu64 " relapsed; ",
		    steps_of(&week), rate / 10, rate % 10, week.relapsed);
	printf("%" PRIu64 " cycles not traded", week.lost);
	if (week.recovered > 0)
		printf(", %s to recover on average", span_of(&week, span));
	printf(".\n");
	if (report->history->known_ns > report->now_ns - WEEK_HOURS * HISTORY_HOUR_NS &&
	    steps_of(&week) < steps_of(&all)) {
		timestamp_format_ms(report->history->known_ns, since);
		printf("What was before %s is in the counts of all time alone.\n",
		    since);
	}
	putchar('\n');
}

static void
rate_cell(struct table *table, const struct history_counts *counts)
{
	int rate = rate_of(counts);

	if (rate < 0)
		table_cell(table, TABLE_DIM, NULL);
	else
		table_cellf(table,
		    rate == 1000  ? TABLE_PLAIN
		    : rate >= 500 ? TABLE_WARN
				  : TABLE_BAD,
		    "%d.%d%% of %" PRIu64, rate / 10, rate % 10, steps_of(counts));
}

static void
count_cell(struct table *table, uint64_t count)
{
	table_cellf(table, count > 0 ? TABLE_BAD : TABLE_PLAIN, "%" PRIu64, count);
}

static int
print_levels(const struct healing_report *report, const struct lines *lines)
{
	static const struct table_column columns[] = {
		{ "LEVEL", TABLE_LEFT },
		{ "KIND", TABLE_LEFT },
		{ "OK IN 24 H", TABLE_RIGHT },
		{ "OK IN 7 DAYS", TABLE_RIGHT },
		{ "OK OF ALL TIME", TABLE_RIGHT },
		{ "RELAPSED", TABLE_RIGHT },
		{ "TO RECOVER", TABLE_RIGHT },
		{ "NOT TRADED", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table =
	    table_new(columns, ARRAY_SIZE(columns));

	if (!table)
		return ctl_fail(EXIT_OSERR, "out of memory");
	for (size_t i = 0; i < lines->n; i++) {
		const struct line *line = &lines->lines[i];
		struct history_counts week =
		    counts_of(report, WEEK_HOURS, line->level, line->kind);
		char span[TERMINAL_SPAN_MAX];

		table_cellf(
		    table, TABLE_PLAIN, "%d %s", line->level, level_names[line->level]);
		table_cell(table, TABLE_PLAIN, line->kind);
		for (size_t k = 0; k < ARRAY_SIZE(windows); k++) {
			struct history_counts counts = counts_of(
			    report, windows[k].hours, line->level, line->kind);

			rate_cell(table, &counts);
		}
		count_cell(table, week.relapsed);
		table_cell(table, TABLE_PLAIN, span_of(&week, span));
		count_cell(table, week.lost);
	}
	printf("Steps that held; the last three columns are of 7 days: relapses, the "
	       "mean time\nto the next good cycle, cycles that did not trade.\n");
	return ctl_print_table(table);
}

static void
add_cause(struct table *table, const struct healing_report *report,
    const struct history_cause *cause)
{
	char last[TIMESTAMP_TEXT_MAX], line[HISTORY_EXAMPLE_MAX + 32];

	timestamp_format_ms(cause->last_ns, last);
	table_cellf(table, TABLE_PLAIN, "%" PRIu64,
	    history_cause_count(cause, WEEK_DAYS, report->now_ns));
	table_cellf(table, TABLE_PLAIN, "%" PRIu64, cause->count);
	table_cell(table, TABLE_PLAIN, cause->key.worker);
	table_cellf(table, TABLE_PLAIN, "%d", cause->key.level);
	table_cell(table, TABLE_PLAIN, cause->key.kind);
	table_cell(table, TABLE_PLAIN, last);
	table_cell(table, TABLE_PLAIN, cause->subject);
	if (strcmp(cause->example, cause->subject) != 0) {
		snprintf(line, sizeof(line), "%12s%s", "", cause->example);
		table_line(table, line);
	}
}

static int
print_causes(const struct healing_report *report)
{
	static const struct table_column columns[] = {
		{ "7 DAYS", TABLE_RIGHT },
		{ "KNOWN", TABLE_RIGHT },
		{ "WORKER", TABLE_LEFT },
		{ "LEVEL", TABLE_RIGHT },
		{ "KIND", TABLE_LEFT },
		{ "LAST", TABLE_LEFT },
		{ "CAUSE", TABLE_LEFT },
	};
	_cleanup_(table_freep) struct table *table =
	    table_new(columns, ARRAY_SIZE(columns));
	struct causes causes = { .n = 0 };

	if (!table)
		return ctl_fail(EXIT_OSERR, "out of memory");
	collect_causes(report, &causes);
	if (causes.n == 0)
		return 0;
	for (size_t i = 0; i < causes.n && i < CAUSES_SHOWN; i++)
		add_cause(table, report, causes.shown[i]);
	printf("\nThe most frequent causes, each with what was said the last time\n");
	return ctl_print_table(table);
}

static void
print_open(const struct healing_report *report)
{
	const char *before = "\n";

	for (size_t i = 0; i < report->history->n_outages; i++) {
		const struct history_outage *outage = &report->history->outages[i];
		char since[TIMESTAMP_TEXT_MAX] = "a stop";

		if (!concerns(report, outage->key.worker))
			continue;
		if (outage->since_ns > 0)
			timestamp_format_ms(outage->since_ns, since);
		printf("%s%s has had no good cycle since %s (level %d, %s).\n",
		    before, outage->key.worker, since, outage->key.level,
		    outage->key.kind);
		before = "";
	}
}

static void
print_nothing(const struct healing_report *report)
{
	printf("Nothing of %s has needed healing yet.\n"
	       "What workers heal in themselves, restarts and escalations are counted "
	       "here, with\ntheir causes and what they cost; `tradesup drill` proves "
	       "that each level works.\n",
	    report->worker ? report->worker : "any worker");
}

int
healing_report_print(const struct healing_report *report)
{
	_cleanup_(lines_deinit) struct lines lines = { 0 };
	int r = collect_lines(report, &lines);

	if (r < 0)
		return ctl_fail(EXIT_OSERR, "%s", strerror(-r));
	if (lines.n == 0) {
		print_nothing(report);
		print_open(report);
		return 0;
	}
	print_summary(report);
	r = print_levels(report, &lines);
	if (r == 0)
		r = print_causes(report);
	if (r != 0)
		return r;
	print_open(report);
	printf("\nOf all time, by worker\n");
	return ctl_healing_print(report->healing, report->worker);
}

/* For programs. */

static void
put_time(struct json *json, const char *key, int64_t time_ns)
{
	char text[TIMESTAMP_TEXT_MAX];

	if (time_ns > 0)
		timestamp_format_ms(time_ns, text);
	json_text(json, key, time_ns > 0 ? text : NULL);
}

static void
put_windows(
    struct json *json, const struct healing_report *report, int level, const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		struct history_counts counts =
		    counts_of(report, windows[i].hours, level, kind);
		int64_t recovery_ms = history_recovery_ms(&counts);

		json_open(json, windows[i].key, '{');
		json_int(json, "succeeded", (int64_t)counts.succeeded);
		json_int(json, "failed", (int64_t)counts.failed);
		json_int(json, "relapsed", (int64_t)counts.relapsed);
		json_permille(json, "success_rate", rate_of(&counts));
		json_int(json, "recovered", (int64_t)counts.recovered);
		if (recovery_ms < 0)
			json_text(json, "mean_recovery_ms", NULL);
		else
			json_int(json, "mean_recovery_ms", recovery_ms);
		json_int(json, "cycles_not_traded", (int64_t)counts.lost);
		json_close(json, '}');
	}
}

static void
put_lines(
    struct json *json, const struct healing_report *report, const struct lines *lines)
{
	json_open(json, "rows", '[');
	for (size_t i = 0; i < lines->n; i++) {
		json_open(json, NULL, '{');
		json_int(json, "level", lines->lines[i].level);
		json_text(json, "kind", lines->lines[i].kind);
		put_windows(json, report, lines->lines[i].level, lines->lines[i].kind);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void
put_key(struct json *json, const struct history_key *key)
{
	json_text(json, "worker", key->worker);
	json_int(json, "level", key->level);
	json_text(json, "kind", key->kind);
}

static void
put_cause(struct json *json, const struct healing_report *report,
    const struct history_cause *cause)
{
	json_open(json, NULL, '{');
	put_key(json, &cause->key);
	json_text(json, "cause", cause->subject);
	json_text(json, "example", cause->example);
	json_int(json, "week",
	    (int64_t)history_cause_count(cause, WEEK_DAYS, report->now_ns));
	json_int(json, "known", (int64_t)cause->count);
	put_time(json, "last", cause->last_ns);
	json_close(json, '}');
}

static void
put_open(struct json *json, const struct healing_report *report)
{
	json_open(json, "open", '[');
	for (size_t i = 0; i < report->history->n_outages; i++) {
		const struct history_outage *outage = &report->history->outages[i];

		if (!concerns(report, outage->key.worker))
			continue;
		json_open(json, NULL, '{');
		put_key(json, &outage->key);
		put_time(json, "since", outage->since_ns);
		json_int(json, "bad_cycles", (int64_t)outage->bad_cycles);
		json_close(json, '}');
	}
	json_close(json, ']');
}

int
healing_report_put_json(struct json *json, const struct healing_report *report)
{
	_cleanup_(lines_deinit) struct lines lines = { 0 };
	int r = collect_lines(report, &lines);
	struct causes causes = { .n = 0 };

	if (r < 0)
		return ctl_fail(EXIT_OSERR, "%s", strerror(-r));
	collect_causes(report, &causes);
	json_open(json, "report", '{');
	put_time(json, "at", report->now_ns);
	put_time(json, "complete_since", report->history->known_ns);
	json_open(json, "total", '{');
	put_windows(json, report, -1, NULL);
	json_close(json, '}');
	put_lines(json, report, &lines);
	json_open(json, "causes", '[');
	for (size_t i = 0; i < causes.n; i++)
		put_cause(json, report, causes.shown[i]);
	json_close(json, ']');
	json_int(json, "causes_forgotten", (int64_t)report->history->forgotten);
	put_open(json, report);
	json_close(json, '}');
	return 0;
}
