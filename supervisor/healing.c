/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what became of healing steps. Pure but for healing_load() and healing_store();
 * what a step is, and whether it held, is decided by those who call.
 */
#include "supervisor/healing.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "common/record.h"
#include "common/statefile.h"

#define ROW_EVENT "heal"
#define LINE_MAX_BYTES 512

void
healing_init(struct healing *healing)
{
	*healing = (struct healing){ 0 };
}

void
healing_deinit(struct healing *healing)
{
	for (size_t i = 0; i < healing->n_rows; i++)
		free(healing->rows[i].worker);
	free(healing->rows);
	healing_init(healing);
}

static int
compare(const struct healing_row *row, const char *worker, int level, const char *kind)
{
	int order = strcmp(row->worker, worker);

	if (order == 0)
		order = row->level - level;
	if (order == 0)
		order = strncmp(row->kind, kind, HEALING_KIND_MAX - 1);
	return order;
}

/* The first row that is not before the key, and whether it is the key's. */
static size_t
find(const struct healing *healing, const char *worker, int level, const char *kind,
    bool *ret_found)
{
	size_t low = 0, high = healing->n_rows;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(&healing->rows[middle], worker, level, kind);

		if (order == 0)
			*ret_found = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Workers come and go (`tradesup add`, `remove`): the row that was longest out of use
 * makes room, but for one that is still pending. Return: where it was. */
static size_t
drop_one(struct healing *healing)
{
	size_t oldest = 0;

	for (size_t i = 1; i < healing->n_rows; i++) {
		const struct healing_row *row = &healing->rows[i];
		const struct healing_row *best = &healing->rows[oldest];

		if (row->pending != best->pending ? row->pending < best->pending
						  : row->last_ns < best->last_ns)
			oldest = i;
	}
	free(healing->rows[oldest].worker);
	healing->n_rows--;
	memmove(healing->rows + oldest, healing->rows + oldest + 1,
	    (healing->n_rows - oldest) * sizeof(*healing->rows));
	return oldest;
}

/* A new row, all zero, at its place. Return: NULL without memory. */
static struct healing_row *
insert(
    struct healing *healing, size_t at, const char *worker, int level, const char *kind)
{
	_cleanup_free_ char *name = strdup(worker);
	struct healing_row *rows;

	if (healing->n_rows >= HEALING_ROWS_MAX && drop_one(healing) < at)
		at--;
	rows = reallocarray(healing->rows, healing->n_rows + 1, sizeof(*rows));
	if (!rows)
		return NULL;
	healing->rows = rows;
	if (!name)
		return NULL;
	memmove(rows + at + 1, rows + at, (healing->n_rows - at) * sizeof(*rows));
	healing->n_rows++;
	rows[at] = (struct healing_row){ .worker = steal(&name), .level = level };
	snprintf(rows[at].kind, sizeof(rows[at].kind), "%s", kind);
	return &rows[at];
}

static struct healing_row *
get_row(struct healing *healing, const char *worker, int level, const char *kind)
{
	bool found;
	size_t at = find(healing, worker, level, kind, &found);

	return found ? &healing->rows[at] : insert(healing, at, worker, level, kind);
}

/* The rows of one worker stand together: this is the first, if there is one. */
static size_t
first_row(const struct healing *healing, const char *worker)
{
	bool found;

	return find(healing, worker, 0, "", &found);
}

static bool
is_row_of(const struct healing *healing, size_t i, const char *worker)
{
	return i < healing->n_rows && strcmp(healing->rows[i].worker, worker) == 0;
}

/* A clock before 1970 must not make a file that is taken for corrupt. */
static int64_t
kept_time(int64_t now_ns)
{
	return now_ns > 0 ? now_ns : 1;
}

int
healing_count(struct healing *healing, const char *worker, int level, const char *kind,
    enum heal_outcome outcome, int64_t now_ns)
{
	struct healing_row *row = get_row(healing, worker, level, kind);

	if (!row)
		return -ENOMEM;
	row->tried++;
	row->last_ns = kept_time(now_ns);
	switch (outcome) {
	case HEAL_SUCCESS:
		row->succeeded++;
		break;
	case HEAL_RELAPSED:
		row->relapsed++;
		if (row->may_relapse) {
			row->succeeded--;
			row->failed++;
		}
		break;
	case HEAL_FAILED:
	case HEAL_OUTCOME_COUNT:
		row->failed++;
		break;
	}
	row->may_relapse = outcome == HEAL_SUCCESS;
	return 0;
}

int
healing_begin(struct healing *healing, const char *worker, int level, const char *kind,
    int64_t now_ns)
{
	struct healing_row *row = get_row(healing, worker, level, kind);

	if (!row)
		return -ENOMEM;
	for (size_t i = first_row(healing, worker); is_row_of(healing, i, worker);
	     i++) {
		struct healing_row *other = &healing->rows[i];

		other->failed += other->pending;
		other->pending = 0;
	}
	row->tried++;
	row->pending = 1;
	row->last_ns = kept_time(now_ns);
	return 0;
}

unsigned
healing_good_cycle(struct healing *healing, const char *worker)
{
	unsigned levels = 0;

	for (size_t i = first_row(healing, worker); is_row_of(healing, i, worker);
	     i++) {
		struct healing_row *row = &healing->rows[i];

		if (row->pending == 0)
			continue;
		row->succeeded += row->pending;
		row->pending = 0;
		levels |= 1u << row->level;
	}
	return levels;
}

/* Where a count stands in a row, and what it is called in the file. */
static const struct {
	const char *key;
	size_t offset;
} counts[] = {
	{ "tried", offsetof(struct healing_row, tried) },
	{ "succeeded", offsetof(struct healing_row, succeeded) },
	{ "failed", offsetof(struct healing_row, failed) },
	{ "relapsed", offsetof(struct healing_row, relapsed) },
	{ "pending", offsetof(struct healing_row, pending) },
	{ "last", offsetof(struct healing_row, last_ns) },
};

/* All of them are unsigned or never negative, and 64 bits wide. */
static uint64_t *
count_of(struct healing_row *row, size_t i)
{
	return (uint64_t *)((char *)row + counts[i].offset);
}

static bool
parse_count(const char *text, uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || value > INT64_MAX)
		return false;
	*ret_value = value;
	return true;
}

static bool
is_consistent(const struct healing_row *row)
{
	/* Bounded one by one, so that their sum cannot overflow. */
	return row->succeeded <= row->tried && row->failed <= row->tried &&
	       row->relapsed <= row->tried && row->pending <= 1 &&
	       row->tried ==
		   row->succeeded + row->failed + row->relapsed + row->pending;
}

/* Return: 0; -EBADMSG; -ENOMEM. */
static int
load_row(char *line, void *data)
{
	struct healing *healing = data;
	struct healing_row values = { 0 };
	struct healing_row *row;
	const char *worker, *kind;
	struct record record;
	uint64_t level;
	bool found;
	size_t at;

	if (record_parse(line, &record) < 0 || !record.event ||
	    strcmp(record.event, ROW_EVENT) != 0)
		return -EBADMSG;
	worker = record_get(&record, "worker");
	kind = record_get(&record, "kind");
	if (!worker || !path_is_safe_name(worker) || !kind || !*kind ||
	    strlen(kind) >= HEALING_KIND_MAX)
		return -EBADMSG;
	if (!parse_count(record_get(&record, "level"), &level) || level < 1 ||
	    level > 4)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (!parse_count(
			record_get(&record, counts[i].key), count_of(&values, i)))
			return -EBADMSG;
	at = find(healing, worker, (int)level, kind, &found);
	if (found || !is_consistent(&values))
		return -EBADMSG;
	row = insert(healing, at, worker, (int)level, kind);
	if (!row)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		*count_of(row, i) = *count_of(&values, i);
	return 0;
}

int
healing_load(struct healing *healing, const char *path)
{
	int r = statefile_read_lines(path, load_row, healing);

	if (r < 0)
		healing_deinit(healing);
	return r;
}

static size_t
format_row(const struct healing_row *row, char out[LINE_MAX_BYTES])
{
	struct healing_row values = *row;
	struct record record;
	size_t length;

	record_init(&record, ROW_EVENT);
	record_text(&record, "worker", row->worker);
	record_int(&record, "level", row->level);
	record_text(&record, "kind", row->kind);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		record_int(&record, counts[i].key, (int64_t)*count_of(&values, i));
	length = record_logfmt(&record, out, LINE_MAX_BYTES - 1);
	out[length++] = '\n';
	return length;
}

int
healing_store(const struct healing *healing, const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;

	text = malloc(healing->n_rows * LINE_MAX_BYTES + 1);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < healing->n_rows; i++)
		length += format_row(&healing->rows[i], text + length);
	return statefile_write(path, text, length, false);
}

int
healing_rate_permille(const struct healing_row *row)
{
	uint64_t known = row->succeeded + row->failed + row->relapsed;

	return known == 0 ? -1 : (int)(row->succeeded * 1000 / known);
}
