/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows, for machines. Which fields there are is the supervisor's business; which of
 * them are numbers is told by their names.
 */
#include "worker/web/report.h"

#include <string.h>

#include "common/cleanup.h"

#define OBJECT_MAX 32768

static bool
ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool
is_number(const char *key)
{
	static const char *const ends[] = { "_ms", "_ns", "_bytes" };
	static const char *const keys[] = { "pid", "restarts", "in_period", "intensity",
		"cycle", "heals", "positions", "failed_cycles", "cycles_good",
		"cycles_failed", "cycles_healed", "level", "tried", "succeeded",
		"failed", "relapsed", "pending", "uid", "hour" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends_with(key, ends[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static void
put_row(FILE *out, const struct row *row)
{
	struct record record;
	char json[OBJECT_MAX];

	record_init(&record, NULL);
	for (size_t i = 0; i < row->record.n_fields; i++) {
		const struct record_field *field = &row->record.fields[i];
		int64_t number =
		    is_number(field->key) ? row_number(row, field->key) : -1;

		if (number >= 0)
			record_int(&record, field->key, number);
		else
			record_add(&record, field);
	}
	record_json(&record, json, sizeof(json));
	fputs(json, out);
}

static void
put_rows(FILE *out, const struct rows *rows, const char *event, const char *key)
{
	const char *comma = "";

	fprintf(out, ",\"%s\":[", key);
	for (size_t i = 0; i < rows->n; i++) {
		if (!row_is(&rows->items[i], event))
			continue;
		fputs(comma, out);
		put_row(out, &rows->items[i]);
		comma = ",";
	}
	putc(']', out);
}

void
report_json(FILE *out, bool is_up, const struct rows *rows, const struct recent *recent,
    int64_t minute)
{
	const struct row *supervisor = rows_first(rows, "supervisor");

	fprintf(out, "{\"up\":%s,\"supervisor\":", is_up ? "true" : "false");
	if (supervisor)
		put_row(out, supervisor);
	else
		fputs("null", out);
	put_rows(out, rows, "worker", "workers");
	put_rows(out, rows, "latch", "latches");
	put_rows(out, rows, "heal", "heals");
	put_rows(out, rows, "heal_hour", "healing_hours");
	fputs(",\"healing\":", out);
	recent_heals_json(out, recent, minute);
	putc('}', out);
}

bool
report_event_json(char *line, char *json, size_t size)
{
	struct record record;

	if (record_parse(line, &record) != 0 || !record.event)
		return false;
	record_json(&record, json, size);
	return true;
}

static bool
is_text(const struct row *row, const char *key, const char *value)
{
	const char *text = record_get(&row->record, key);

	return text && strcmp(text, value) == 0;
}

static void
put_reason(FILE *out, const struct row *row)
{
	const char *name = record_get(&row->record, "name");
	const char *state = record_get(&row->record, "state");

	fprintf(out, "worker %s is %s\n", name ? name : "", state ? state : "unknown");
}

bool
report_ready(FILE *out, bool is_up, const struct rows *rows)
{
	const struct row *supervisor = rows_first(rows, "supervisor");
	bool is_ready = is_up && supervisor;

	if (!is_ready)
		fputs("the supervisor does not answer\n", out);
	else if (!is_text(supervisor, "state", "running")) {
		const char *state = record_get(&supervisor->record, "state");

		fprintf(out, "the supervisor is %s\n", state ? state : "unknown");
		is_ready = false;
	}
	for (size_t i = 0; is_up && i < rows->n; i++) {
		const struct row *row = &rows->items[i];

		if (row_is(row, "latch")) {
			fputs("orders are held\n", out);
			is_ready = false;
		} else if (row_is(row, "worker") &&
			   is_text(row, "restart", "permanent") &&
			   !is_text(row, "state", "up")) {
			put_reason(out, row);
			is_ready = false;
		}
	}
	return is_ready;
}
