/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings by worker, and their JSON.
 */
#include "worker/web/recent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/decimal.h"
#include "common/timestamp.h"

#define MINUTE_NS (60 * NS_PER_S)

static bool
is_text(const struct row *row, const char *key, const char *value)
{
	const char *text = record_get(&row->record, key);

	return text && strcmp(text, value) == 0;
}

char
recent_health(const struct row *worker)
{
	if (is_text(worker, "state", "up"))
		return row_number(worker, "failed_cycles") > 0 ? 'w' : 'g';
	if (is_text(worker, "state", "down"))
		return record_get(&worker->record, "error") ? 'b' : '-';
	return 'w';
}

/* The worker's, made if there is room; NULL: there is none. */
static struct recent_worker *
find(struct recent *recent, const char *name)
{
	struct recent_worker *workers;

	for (size_t i = 0; i < recent->n; i++)
		if (strcmp(recent->workers[i].name, name) == 0)
			return &recent->workers[i];
	if (recent->n >= RECENT_WORKERS_MAX || strlen(name) >= RECENT_NAME_MAX)
		return NULL;
	workers =
	    reallocarray(recent->workers, recent->n + 1, sizeof(*recent->workers));
	if (!workers)
		return NULL;
	recent->workers = workers;
	workers += recent->n++;
	*workers = (struct recent_worker){ 0 };
	strcpy(workers->name, name);
	return workers;
}

/* "open:1,filled:12" in all; -1: it is not told. */
static int64_t
sum_of(const struct row *row, const char *key)
{
	const char *text = record_get(&row->record, key);
	int64_t sum = 0;

	if (!text)
		return -1;
	while ((text = strchr(text, ':'))) {
		int64_t n = strtoll(++text, NULL, 10);

		if (n < 0 || __builtin_add_overflow(sum, n, &sum))
			return -1;
	}
	return sum;
}

static bool
is_told(const struct recent_minute *point)
{
	return point->has_equity || point->orders >= 0 || point->refused >= 0;
}

static void
take_minute(struct recent_worker *worker, const struct row *row, int64_t minute)
{
	const char *equity = record_get(&row->record, "equity");
	struct recent_minute point = { .minute = minute,
		.orders = sum_of(row, "orders"),
		.refused = sum_of(row, "refused") };
	struct recent_minute *last;

	point.has_equity =
	    equity && decimal_parse(equity, strlen(equity), &point.equity) == 0;
	if (!is_told(&point))
		return;
	if (worker->n_minutes > 0) {
		last = &worker->minutes[(worker->n_minutes - 1) % RECENT_MINUTES];
		if (minute <= last->minute) {
			point.minute = last->minute;
			*last = point;
			return;
		}
	}
	worker->minutes[worker->n_minutes++ % RECENT_MINUTES] = point;
}

static void
forget_gone(struct recent *recent)
{
	size_t kept = 0;

	for (size_t i = 0; i < recent->n; i++)
		if (recent->workers[i].is_there)
			recent->workers[kept++] = recent->workers[i];
	recent->n = kept;
}

void
recent_look(struct recent *recent, const struct rows *rows, int64_t minute)
{
	for (size_t i = 0; i < recent->n; i++)
		recent->workers[i].is_there = false;
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->items[i];
		const char *name = record_get(&row->record, "name");
		struct recent_worker *worker;

		if (!row_is(row, "worker") || !name)
			continue;
		worker = find(recent, name);
		if (!worker || worker->is_there)
			continue;
		worker->is_there = true;
		worker->looks[worker->n_looks++ % RECENT_LOOKS] = recent_health(row);
		take_minute(worker, row, minute);
	}
	forget_gone(recent);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Return: whether it tells of healing. */
static bool
heal_of(const char *event, enum recent_heal *ret_heal)
{
	static const struct {
		const char *end;
		enum recent_heal heal;
	} ends[] = {
		{ "_success", RECENT_HEALED },
		{ "_restart", RECENT_RESTARTED },
		{ "_failed", RECENT_NOT_HEALED },
		{ ".relapsed", RECENT_NOT_HEALED },
	};

	if (strncmp(event, "self_healing.", strlen("self_healing.")) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends_with(event, ends[i].end)) {
			*ret_heal = ends[i].heal;
			return true;
		}
	return false;
}

void
recent_event(struct recent *recent, const struct record *event)
{
	const char *ts = record_get(event, "ts");
	struct recent_heals *heals;
	enum recent_heal heal;
	int64_t time_ns, minute;

	if (!ts || !heal_of(event->event, &heal) ||
	    timestamp_parse(ts, strlen(ts), TIME_UNIT_RFC3339, &time_ns) < 0 ||
	    time_ns < 0)
		return;
	minute = time_ns / MINUTE_NS;
	heals = &recent->heals[minute % RECENT_MINUTES];
	if (heals->minute != minute)
		*heals = (struct recent_heals){ .minute = minute };
	heals->n[heal]++;
}

void
recent_heals_json(FILE *out, const struct recent *recent, int64_t minute)
{
	const char *comma = "";

	putc('[', out);
	for (int64_t at = minute - RECENT_MINUTES + 1; at <= minute; at++) {
		const struct recent_heals *heals =
		    &recent->heals[at > 0 ? at % RECENT_MINUTES : 0];

		if (at <= 0 || heals->minute != at)
			continue;
		fprintf(out, "%s[%" PRId64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
		    comma, at, heals->n[RECENT_HEALED], heals->n[RECENT_RESTARTED],
		    heals->n[RECENT_NOT_HEALED]);
		comma = ",";
	}
	putc(']', out);
}

static void
put_count(FILE *out, int64_t n)
{
	if (n < 0)
		fputs(",null", out);
	else
		fprintf(out, ",%" PRId64, n);
}

static void
put_minute(FILE *out, const struct recent_minute *point)
{
	char equity[DECIMAL_TEXT_MAX];

	fprintf(out, "[%" PRId64, point->minute);
	if (point->has_equity) {
		decimal_format(point->equity, equity);
		fprintf(out, ",\"%s\"", equity);
	} else {
		fputs(",null", out);
	}
	put_count(out, point->orders);
	put_count(out, point->refused);
	putc(']', out);
}

/* Of a ring, the number of the oldest that is left. */
static uint64_t
oldest(uint64_t n, uint64_t room)
{
	return n > room ? n - room : 0;
}

static void
put_worker(FILE *out, const struct recent_worker *worker)
{
	char name[6 * RECENT_NAME_MAX];
	uint64_t first = oldest(worker->n_minutes, RECENT_MINUTES);

	json_escape(worker->name, strlen(worker->name), name, sizeof(name));
	fprintf(out, "{\"name\":\"%s\",\"looks\":\"", name);
	for (uint64_t i = oldest(worker->n_looks, RECENT_LOOKS); i < worker->n_looks;
	     i++)
		putc(worker->looks[i % RECENT_LOOKS], out);
	fputs("\",\"minutes\":[", out);
	for (uint64_t i = first; i < worker->n_minutes; i++) {
		if (i > first)
			putc(',', out);
		put_minute(out, &worker->minutes[i % RECENT_MINUTES]);
	}
	fputs("]}", out);
}

void
recent_json(FILE *out, const struct recent *recent)
{
	fputs("{\"workers\":[", out);
	for (size_t i = 0; i < recent->n; i++) {
		if (i > 0)
			putc(',', out);
		put_worker(out, &recent->workers[i]);
	}
	fputs("]}", out);
}

void
recent_deinit(struct recent *recent)
{
	free(recent->workers);
	*recent = (struct recent){ 0 };
}
