/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the history: one logfmt line for each row, sum, outage and cause. What
 * makes no sense is moved aside; what a later version adds is skipped.
 */
#include "supervisor/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "common/record.h"
#include "common/statefile.h"

/* Escaped, a byte of a text is four. */
#define LINE_MAX_BYTES (4 * (HISTORY_SUBJECT_MAX + HISTORY_EXAMPLE_MAX) + 512)
#define ROW_LINE_BYTES 288 /* what a row, a sum or an outage can take */
/* No sum of so many of them overflows. */
#define COUNT_MOST (UINT64_C(1) << 50)
#define TIME_MOST (INT64_MAX / 2)
#define LINES_MAX (HISTORY_ROWS_MAX + HISTORY_SUMS_MAX + HISTORY_OUTAGES_MAX)
#define DAYS_TEXT_MAX (HISTORY_DAYS * 11 + 1)

/* Or the file would be read as corrupt. */
_Static_assert(
    LINES_MAX *ROW_LINE_BYTES + HISTORY_CAUSES_MAX * LINE_MAX_BYTES + LINE_MAX_BYTES <=
	STATEFILE_MAX,
    "all of it fits a state file");

/** struct number - where one stands in a struct, and what it is called in the file; all
 * are 64 bits wide and never negative */
struct number {
	const char *key;
	size_t offset;
	uint64_t most;
};

#define AT(member) offsetof(struct history_row, member)
static const struct number row_numbers[] = {
	{ "hour", AT(hour), TIME_MOST / HISTORY_HOUR_NS },
	{ "ok", AT(counts.succeeded), COUNT_MOST },
	{ "failed", AT(counts.failed), COUNT_MOST },
	{ "relapsed", AT(counts.relapsed), COUNT_MOST },
	{ "recovered", AT(counts.recovered), COUNT_MOST },
	{ "ms", AT(counts.recovery_ms), COUNT_MOST },
	{ "lost", AT(counts.lost), COUNT_MOST },
};
#undef AT

#define AT(member) offsetof(struct history_outage, member)
static const struct number outage_numbers[] = {
	{ "since", AT(since_ns), TIME_MOST },
	{ "interval", AT(interval_ns), TIME_MOST },
	{ "bad", AT(bad_cycles), COUNT_MOST },
};
#undef AT

#define AT(member) offsetof(struct history_cause, member)
static const struct number cause_numbers[] = {
	{ "count", AT(count), COUNT_MOST },
	{ "last", AT(last_ns), TIME_MOST },
};
#undef AT

#define AT(member) offsetof(struct history, member)
static const struct number history_numbers[] = {
	{ "since", AT(known_ns), TIME_MOST },
	{ "forgotten", AT(forgotten), COUNT_MOST },
};
#undef AT

static bool
parse_number(const char **text, uint64_t most, uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	if (!*text || **text < '0' || **text > '9')
		return false;
	errno = 0;
	value = strtoull(*text, &end, 10);
	if (errno != 0 || value > most)
		return false;
	*text = end;
	*ret_value = value;
	return true;
}

static bool
read_numbers(
    const struct record *record, const struct number *numbers, size_t n, void *object)
{
	for (size_t i = 0; i < n; i++) {
		const char *text = record_get(record, numbers[i].key);
		uint64_t value;

		if (!parse_number(&text, numbers[i].most, &value) || *text)
			return false;
		memcpy((char *)object + numbers[i].offset, &value, sizeof(value));
	}
	return true;
}

static void
write_numbers(
    struct record *record, const struct number *numbers, size_t n, const void *object)
{
	for (size_t i = 0; i < n; i++) {
		int64_t value;

		memcpy(&value, (const char *)object + numbers[i].offset, sizeof(value));
		/* Before 1970, or it would be read as corrupt. */
		if (value < 0)
			value = 1;
		record_int(record, numbers[i].key, value);
	}
}

static bool
read_text(const struct record *record, const char *key, char *out, size_t size)
{
	const char *text = record_get(record, key);

	if (!text || strlen(text) >= size)
		return false;
	strcpy(out, text);
	return true;
}

static bool
read_key(const struct record *record, struct history_key *key)
{
	const char *level = record_get(record, "level");

	if (!read_text(record, "worker", key->worker, sizeof(key->worker)) ||
	    !path_is_safe_name(key->worker) ||
	    !read_text(record, "kind", key->kind, sizeof(key->kind)) || !*key->kind)
		return false;
	if (!level || level[0] < '0' || level[0] >= '0' + HISTORY_LEVELS || level[1])
		return false;
	key->level = level[0] - '0';
	return true;
}

static void
write_key(struct record *record, const struct history_key *key)
{
	record_text(record, "worker", key->worker);
	record_int(record, "level", key->level);
	record_text(record, "kind", key->kind);
}

/* The lines. Each: 0; -EBADMSG; -ENOMEM. */

static int
read_row(struct history_rows *rows, size_t most, const struct record *record)
{
	struct history_row row = { 0 }, *place;

	if (!read_key(record, &row.key) ||
	    !read_numbers(record, row_numbers, ARRAY_SIZE(row_numbers), &row) ||
	    rows->n >= most || (rows->n > 0 && rows->rows[rows->n - 1].hour > row.hour))
		return -EBADMSG;
	place = history_append(rows, row.hour, &row.key);
	if (!place)
		return -ENOMEM;
	*place = row;
	return 0;
}

static int
read_hour(struct history *history, const struct record *record)
{
	return read_row(&history->hours, HISTORY_ROWS_MAX, record);
}

/* Older versions counted outcomes here, too. */
static int
read_sum(struct history *history, const struct record *record)
{
	int r = read_row(&history->sums, HISTORY_SUMS_MAX, record);
	struct history_counts *counts;

	if (r < 0)
		return r;
	counts = &history->sums.rows[history->sums.n - 1].counts;
	counts->succeeded = counts->failed = counts->relapsed = 0;
	return 0;
}

static int
read_outage(struct history *history, const struct record *record)
{
	const char *pending = record_get(record, "pending");
	struct history_outage outage = { 0 }, *grown;

	if (!read_key(record, &outage.key) || !pending ||
	    !read_numbers(
		record, outage_numbers, ARRAY_SIZE(outage_numbers), &outage) ||
	    history->n_outages >= HISTORY_OUTAGES_MAX)
		return -EBADMSG;
	outage.pending = strcmp(pending, "yes") == 0;
	grown = reallocarray(history->outages, history->n_outages + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	history->outages = grown;
	grown[history->n_outages++] = outage;
	return 0;
}

static bool
read_days(const char *text, uint32_t days[HISTORY_DAYS])
{
	for (int i = 0; i < HISTORY_DAYS; i++) {
		uint64_t value;

		if (i > 0 && *text++ != ',')
			return false;
		if (!parse_number(&text, UINT32_MAX, &value))
			return false;
		days[i] = (uint32_t)value;
	}
	return *text == '\0';
}

static int
read_cause(struct history *history, const struct record *record)
{
	struct history_cause cause = { 0 }, *grown;
	const char *days = record_get(record, "days");

	if (!read_key(record, &cause.key) || !days || !read_days(days, cause.days) ||
	    !read_numbers(record, cause_numbers, ARRAY_SIZE(cause_numbers), &cause) ||
	    !read_text(record, "cause", cause.subject, sizeof(cause.subject)) ||
	    !read_text(record, "example", cause.example, sizeof(cause.example)) ||
	    history->n_causes >= HISTORY_CAUSES_MAX)
		return -EBADMSG;
	grown = reallocarray(history->causes, history->n_causes + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	history->causes = grown;
	grown[history->n_causes++] = cause;
	return 0;
}

static int
read_head(struct history *history, const struct record *record)
{
	return read_numbers(
		   record, history_numbers, ARRAY_SIZE(history_numbers), history)
		   ? 0
		   : -EBADMSG;
}

static const struct {
	const char *event;
	int (*read)(struct history *history, const struct record *record);
} lines[] = {
	{ "history", read_head },
	{ "hour", read_hour },
	{ "sum", read_sum },
	{ "outage", read_outage },
	{ "cause", read_cause },
};

static int
read_line(char *line, void *data)
{
	struct history *history = data;
	struct record record;

	if (record_parse(line, &record) < 0 || !record.event)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (strcmp(record.event, lines[i].event) == 0)
			return lines[i].read(history, &record);
	return -EBADMSG;
}

int
history_load(struct history *history, const char *path)
{
	int r = statefile_read_lines(path, read_line, history);

	if (r < 0)
		history_deinit(history);
	return r;
}

/** struct out - the text as it grows; there is room for all of it */
struct out {
	char *text;
	size_t length;
};

static void
put(struct out *out, const struct record *record)
{
	out->length += record_logfmt(record, out->text + out->length, LINE_MAX_BYTES);
	out->text[out->length++] = '\n';
}

static void
put_rows(struct out *out, const char *event, const struct history_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct record record;

		record_init(&record, event);
		write_key(&record, &rows->rows[i].key);
		write_numbers(
		    &record, row_numbers, ARRAY_SIZE(row_numbers), &rows->rows[i]);
		put(out, &record);
	}
}

static void
put_outage(struct out *out, const struct history_outage *outage)
{
	struct record record;

	record_init(&record, "outage");
	write_key(&record, &outage->key);
	record_bool(&record, "pending", outage->pending);
	write_numbers(&record, outage_numbers, ARRAY_SIZE(outage_numbers), outage);
	put(out, &record);
}

static void
put_cause(struct out *out, const struct history_cause *cause)
{
	char days[DAYS_TEXT_MAX] = "";
	struct record record;
	size_t length = 0;

	for (int i = 0; i < HISTORY_DAYS; i++)
		length += (size_t)snprintf(days + length, sizeof(days) - length,
		    i > 0 ? ",%u" : "%u", cause->days[i]);
	record_init(&record, "cause");
	write_key(&record, &cause->key);
	record_text(&record, "cause", cause->subject);
	record_text(&record, "example", cause->example);
	record_text(&record, "days", days);
	write_numbers(&record, cause_numbers, ARRAY_SIZE(cause_numbers), cause);
	put(out, &record);
}

int
history_store(const struct history *history, const char *path)
{
	size_t room =
	    (history->hours.n + history->sums.n + history->n_outages) * ROW_LINE_BYTES +
	    (history->n_causes + 2) * LINE_MAX_BYTES;
	_cleanup_free_ char *text = malloc(room);
	struct out out = { text, 0 };
	struct record head;

	if (!text)
		return -ENOMEM;
	record_init(&head, "history");
	write_numbers(&head, history_numbers, ARRAY_SIZE(history_numbers), history);
	put(&out, &head);
	put_rows(&out, "hour", &history->hours);
	put_rows(&out, "sum", &history->sums);
	for (size_t i = 0; i < history->n_outages; i++)
		put_outage(&out, &history->outages[i]);
	for (size_t i = 0; i < history->n_causes; i++)
		put_cause(&out, &history->causes[i]);
	return statefile_write(path, text, out.length, false);
}
