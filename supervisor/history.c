/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts outcomes by the hour and measures outages. Pure: times are arguments, the file
 * is history_file.c's.
 */
#include "supervisor/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/civil.h"

#define GROWTH 16 /* rows at a time */

void
history_init(struct history *history)
{
	*history = (struct history){ 0 };
}

void
history_deinit(struct history *history)
{
	free(history->hours.rows);
	free(history->sums.rows);
	free(history->outages);
	free(history->causes);
	history_init(history);
}

/* Downwards: a clock may stand before 1970. */
static int64_t
hour_of(int64_t time_ns)
{
	return floor_div(time_ns, HISTORY_HOUR_NS);
}

static int64_t
day_of(int64_t time_ns)
{
	return floor_div(time_ns, HISTORY_DAY_NS);
}

/* The clocks. */

/* 0 has a meaning of its own. */
static void
move_time(int64_t *time_ns, int64_t after_ns, int64_t by_ns)
{
	if (*time_ns == 0 || *time_ns <= after_ns)
		return;
	*time_ns += by_ns;
	if (*time_ns == 0)
		*time_ns = 1;
}

/* Everything later than @after_ns. */
static void
move_all(struct history *history, int64_t after_ns, int64_t by_ns)
{
	for (size_t i = 0; i < history->hours.n; i++) {
		struct history_row *row = &history->hours.rows[i];

		if (row->hour > hour_of(after_ns))
			row->hour += by_ns / HISTORY_HOUR_NS;
	}
	for (size_t i = 0; i < history->n_outages; i++)
		move_time(&history->outages[i].since_ns, after_ns, by_ns);
	for (size_t i = 0; i < history->n_causes; i++)
		move_time(&history->causes[i].last_ns, after_ns, by_ns);
	move_time(&history->known_ns, after_ns, by_ns);
}

static int
by_hour(const void *a, const void *b)
{
	int64_t left = ((const struct history_row *)a)->hour;
	int64_t right = ((const struct history_row *)b)->hour;

	return (left > right) - (left < right);
}

static int64_t
latest(const struct history *history)
{
	int64_t latest_ns = history->known_ns;

	if (history->hours.n > 0) {
		int64_t hour = history->hours.rows[history->hours.n - 1].hour;

		if (hour * HISTORY_HOUR_NS > latest_ns)
			latest_ns = hour * HISTORY_HOUR_NS;
	}
	for (size_t i = 0; i < history->n_causes; i++)
		if (history->causes[i].last_ns > latest_ns)
			latest_ns = history->causes[i].last_ns;
	return latest_ns;
}

/* To whole hours, so that rows stay what they are: the hour of their outcomes. */
static int64_t
whole_hours(int64_t ns)
{
	int64_t half = ns < 0 ? -HISTORY_HOUR_NS / 2 : HISTORY_HOUR_NS / 2;

	return (ns + half) / HISTORY_HOUR_NS * HISTORY_HOUR_NS;
}

/* The time of day was set since we last looked, or while no supervisor ran: nothing
 * that is remembered may lie in the future, nor grow old by it. Return: the time as it
 * is to be kept. */
static struct history_now
follow_clock(struct history *history, struct history_now now)
{
	int64_t jump_ns = 0, ahead_ns;

	if (now.real_ns == 0)
		now.real_ns = 1;
	if (history->seen.steady_ns > 0)
		jump_ns = whole_hours(now.real_ns - history->seen.real_ns -
				      (now.steady_ns - history->seen.steady_ns));
	else
		history->begun_ns = now.steady_ns;
	if (jump_ns > 0)
		move_all(history, INT64_MIN, jump_ns);
	else if (jump_ns < 0)
		move_all(history, now.real_ns, jump_ns);
	ahead_ns = latest(history) - now.real_ns;
	if (hour_of(latest(history)) > hour_of(now.real_ns)) {
		move_all(history, now.real_ns,
		    -(ahead_ns + HISTORY_HOUR_NS - 1) / HISTORY_HOUR_NS *
			HISTORY_HOUR_NS);
		jump_ns = -1;
	}
	if (jump_ns != 0 && history->hours.n > 0)
		qsort(history->hours.rows, history->hours.n,
		    sizeof(*history->hours.rows), by_hour);
	history->seen = now;
	if (history->known_ns == 0)
		history->known_ns = now.real_ns;
	return now;
}

/* The rows. */

static struct history_key
make_key(const char *worker, int level, const char *kind)
{
	struct history_key key = { .level = level };

	snprintf(key.worker, sizeof(key.worker), "%s", worker);
	snprintf(key.kind, sizeof(key.kind), "%s", kind);
	return key;
}

static bool
is_key(const struct history_key *a, const struct history_key *b)
{
	return a->level == b->level && strcmp(a->kind, b->kind) == 0 &&
	       strcmp(a->worker, b->worker) == 0;
}

/* The last one of that key that is not before @hour. */
static struct history_row *
find_row(struct history_rows *rows, int64_t hour, const struct history_key *key)
{
	for (size_t i = rows->n; i > 0 && rows->rows[i - 1].hour >= hour; i--)
		if (is_key(&rows->rows[i - 1].key, key))
			return &rows->rows[i - 1];
	return NULL;
}

struct history_row *
history_append(struct history_rows *rows, int64_t hour, const struct history_key *key)
{
	struct history_row *row;

	if (rows->n % GROWTH == 0) {
		row = reallocarray(rows->rows, rows->n + GROWTH, sizeof(*rows->rows));
		if (!row)
			return NULL;
		rows->rows = row;
	}
	row = &rows->rows[rows->n++];
	*row = (struct history_row){ .hour = hour, .key = *key };
	return row;
}

static void
drop_oldest(struct history *history, size_t n)
{
	struct history_rows *hours = &history->hours;

	hours->n -= n;
	memmove(hours->rows, hours->rows + n, hours->n * sizeof(*hours->rows));
}

/* What is too old, and room for one more. A clock that was wrong at the machine's start
 * is put right within the hour: before that nothing counts as old. */
static void
make_room(struct history *history, struct history_now now)
{
	struct history_rows *hours = &history->hours;
	int64_t oldest = hour_of(now.real_ns) - HISTORY_HOURS;
	size_t old = 0;

	if (now.steady_ns - history->begun_ns >= HISTORY_HOUR_NS)
		while (old < hours->n && hours->rows[old].hour <= oldest)
			old++;
	if (old == 0 && hours->n >= HISTORY_ROWS_MAX) {
		int64_t hour = hours->rows[0].hour;

		while (old < hours->n && hours->rows[old].hour == hour)
			old++;
		/* One hour fills it all: its end is what counts. */
		if (old == hours->n)
			old = hours->n / 2;
		if ((hour + 1) * HISTORY_HOUR_NS > history->known_ns)
			history->known_ns = (hour + 1) * HISTORY_HOUR_NS;
	}
	if (old > 0)
		drop_oldest(history, old);
}

static struct history_row *
sum_row(struct history *history, const struct history_key *key)
{
	struct history_row *row = find_row(&history->sums, 0, key);
	struct history_key others = make_key(HISTORY_OTHERS, key->level, key->kind);

	if (row)
		return row;
	/* Levels and kinds are few: the others always find room. */
	if (history->sums.n < HISTORY_SUMS_MAX - HISTORY_SUMS_MAX / 8)
		return history_append(&history->sums, 0, key);
	row = find_row(&history->sums, 0, &others);
	if (row || history->sums.n >= HISTORY_SUMS_MAX)
		return row;
	return history_append(&history->sums, 0, &others);
}

static struct history_row *
hour_row(struct history *history, const struct history_key *key, struct history_now now)
{
	int64_t hour = hour_of(now.real_ns);
	struct history_row *row = find_row(&history->hours, hour, key);

	if (row)
		return row;
	make_room(history, now);
	return history_append(&history->hours, hour, key);
}

static void
add_counts(struct history_counts *counts, const struct history_counts *more)
{
	counts->succeeded += more->succeeded;
	counts->failed += more->failed;
	counts->relapsed += more->relapsed;
	counts->recovered += more->recovered;
	counts->recovery_ms += more->recovery_ms;
	counts->lost += more->lost;
}

/* In the sums there is what outages cost, and no outcome. */
static void
count(struct history *history, const struct history_key *key,
    const struct history_counts *more, struct history_now now)
{
	struct history_counts cost = { .recovered = more->recovered,
		.recovery_ms = more->recovery_ms,
		.lost = more->lost };
	struct history_row *row = hour_row(history, key, now);

	if (row)
		add_counts(&row->counts, more);
	if (cost.recovered + cost.lost == 0)
		return;
	row = sum_row(history, key);
	if (row)
		add_counts(&row->counts, &cost);
}

/* The success that a relapse belies may be of the hour before. */
static void
take_back(struct history *history, const struct history_key *key)
{
	struct history_row *row = find_row(&history->hours, INT64_MIN, key);

	if (!row || !row->may_relapse || row->counts.succeeded == 0)
		return;
	row->counts.succeeded--;
	row->counts.failed++;
}

/* Outages. */

static struct history_outage *
find_outage(struct history *history, const char *worker)
{
	for (size_t i = 0; i < history->n_outages; i++)
		if (strcmp(history->outages[i].key.worker, worker) == 0)
			return &history->outages[i];
	return NULL;
}

/* Return: NULL: there is no room, or no memory. */
static struct history_outage *
get_outage(struct history *history, const char *worker, int64_t interval_ns,
    struct history_now now)
{
	struct history_outage *outage = find_outage(history, worker), *grown;

	if (outage || history->n_outages >= HISTORY_OUTAGES_MAX)
		return outage;
	grown = reallocarray(
	    history->outages, history->n_outages + 1, sizeof(*history->outages));
	if (!grown)
		return NULL;
	history->outages = grown;
	outage = &grown[history->n_outages++];
	*outage =
	    (struct history_outage){ .key = make_key(worker, 0, HISTORY_KIND_CYCLE),
		    .since_ns = now.real_ns,
		    .steady_ns = now.steady_ns,
		    .interval_ns = interval_ns };
	return outage;
}

static void
raise_outage(struct history_outage *outage, const struct history_key *key)
{
	if (outage && key->level >= outage->key.level)
		outage->key = *key;
}

/* Return: -1: not known. */
static int64_t
duration_of(const struct history_outage *outage, struct history_now now)
{
	int64_t duration_ns = outage->steady_ns > 0 ? now.steady_ns - outage->steady_ns
						    : now.real_ns - outage->since_ns;

	if (outage->since_ns == 0 || duration_ns < 0 ||
	    duration_ns > HISTORY_OUTAGE_MAX_NS)
		return -1;
	return duration_ns;
}

/* Those that it could not run, and those that it ran in vain, are the same time. */
static uint64_t
lost_cycles(const struct history_outage *outage, int64_t duration_ns)
{
	uint64_t missed;

	if (duration_ns < 0 || outage->interval_ns <= 0)
		return outage->bad_cycles;
	missed =
	    (uint64_t)((duration_ns + outage->interval_ns / 2) / outage->interval_ns);
	return missed > outage->bad_cycles ? missed : outage->bad_cycles;
}

static void
end_outage(
    struct history *history, struct history_outage *outage, struct history_now now)
{
	int64_t duration_ns = duration_of(outage, now);
	struct history_counts counts = { .succeeded = outage->pending,
		.lost = lost_cycles(outage, duration_ns) };

	if (duration_ns >= 0) {
		counts.recovered = 1;
		counts.recovery_ms = (uint64_t)(duration_ns / NS_PER_MS);
	}
	count(history, &outage->key, &counts, now);
	*outage = history->outages[--history->n_outages];
}

/* Causes. */

uint64_t
history_cause_count(const struct history_cause *cause, int days, int64_t now_ns)
{
	int64_t first = day_of(now_ns) - day_of(cause->last_ns);
	uint64_t sum = 0;

	if (first < 0)
		first = 0;
	for (int i = 0; i < HISTORY_DAYS && first + i < days; i++)
		sum += cause->days[i];
	return sum;
}

static bool
is_rarer(const struct history_cause *a, const struct history_cause *b, int64_t now_ns)
{
	uint64_t of_a = history_cause_count(a, HISTORY_DAYS, now_ns);
	uint64_t of_b = history_cause_count(b, HISTORY_DAYS, now_ns);

	return of_a != of_b ? of_a < of_b : a->last_ns < b->last_ns;
}

/* The rarest makes room, of those the one that is longest ago. */
static struct history_cause *
replace_cause(struct history *history, int64_t now_ns)
{
	struct history_cause *rarest = &history->causes[0];

	for (size_t i = 1; i < history->n_causes; i++)
		if (is_rarer(&history->causes[i], rarest, now_ns))
			rarest = &history->causes[i];
	history->forgotten += rarest->count;
	return rarest;
}

static struct history_cause *
get_cause(struct history *history, const struct history_key *key, const char *subject,
    int64_t now_ns)
{
	struct history_cause *cause;

	for (size_t i = 0; i < history->n_causes; i++)
		if (is_key(&history->causes[i].key, key) &&
		    strcmp(history->causes[i].subject, subject) == 0)
			return &history->causes[i];
	if (history->n_causes == HISTORY_CAUSES_MAX) {
		cause = replace_cause(history, now_ns);
	} else {
		cause = reallocarray(
		    history->causes, history->n_causes + 1, sizeof(*cause));
		if (!cause)
			return NULL;
		history->causes = cause;
		cause += history->n_causes++;
	}
	*cause = (struct history_cause){ .key = *key, .last_ns = now_ns };
	snprintf(cause->subject, sizeof(cause->subject), "%s", subject);
	return cause;
}

static void
next_day(struct history_cause *cause, int64_t now_ns)
{
	int64_t days = day_of(now_ns) - day_of(cause->last_ns);

	if (days <= 0)
		return;
	if (days > HISTORY_DAYS)
		days = HISTORY_DAYS;
	memmove(cause->days + days, cause->days,
	    (size_t)(HISTORY_DAYS - days) * sizeof(cause->days[0]));
	memset(cause->days, 0, (size_t)days * sizeof(cause->days[0]));
}

static void
count_cause(struct history *history, const struct history_key *key,
    const struct history_step *step, int64_t now_ns)
{
	char subject[HISTORY_SUBJECT_MAX];
	struct history_cause *cause;

	if (!step->subject)
		return;
	snprintf(subject, sizeof(subject), "%s", step->subject);
	cause = get_cause(history, key, subject, now_ns);
	if (!cause)
		return;
	next_day(cause, now_ns);
	cause->last_ns = now_ns;
	cause->count++;
	if (cause->days[0] < UINT32_MAX)
		cause->days[0]++;
	snprintf(cause->example, sizeof(cause->example), "%s",
	    step->example ? step->example : step->subject);
}

/* What others call. */

void
history_heal(struct history *history, const struct history_step *step,
    enum heal_outcome outcome, struct history_now now)
{
	struct history_key key = make_key(step->worker, step->level, step->kind);
	struct history_counts counts = { .succeeded = outcome == HEAL_SUCCESS,
		.relapsed = outcome == HEAL_RELAPSED };
	struct history_row *row;

	counts.failed = counts.succeeded + counts.relapsed == 0;
	now = follow_clock(history, now);
	if (outcome == HEAL_RELAPSED)
		take_back(history, &key);
	count(history, &key, &counts, now);
	row = find_row(&history->hours, INT64_MIN, &key);
	if (row)
		row->may_relapse = outcome == HEAL_SUCCESS;
	raise_outage(get_outage(history, step->worker, step->interval_ns, now), &key);
	count_cause(history, &key, step, now.real_ns);
}

void
history_try(
    struct history *history, const struct history_step *step, struct history_now now)
{
	struct history_key key = make_key(step->worker, step->level, step->kind);
	static const struct history_counts failed = { .failed = 1 };
	struct history_outage *outage;

	now = follow_clock(history, now);
	outage = get_outage(history, step->worker, step->interval_ns, now);
	if (outage && outage->pending)
		count(history, &outage->key, &failed, now);
	if (outage) {
		outage->key = key;
		outage->pending = true;
	}
	count_cause(history, &key, step, now.real_ns);
}

void
history_bad_cycle(struct history *history, const char *worker, int64_t interval_ns,
    struct history_now now)
{
	struct history_outage *outage;

	now = follow_clock(history, now);
	outage = get_outage(history, worker, interval_ns, now);
	if (outage)
		outage->bad_cycles++;
}

bool
history_good_cycle(struct history *history, const char *worker, struct history_now now)
{
	struct history_outage *outage;

	now = follow_clock(history, now);
	outage = find_outage(history, worker);
	if (!outage)
		return false;
	end_outage(history, outage, now);
	return true;
}

void
history_stopped(struct history *history, const char *worker)
{
	struct history_outage *outage = find_outage(history, worker);

	if (outage)
		outage->since_ns = 0;
}

struct history_counts
history_sum(const struct history *history, int64_t hours, const char *worker, int level,
    const char *kind, int64_t now_ns)
{
	const struct history_rows *rows = hours > 0 ? &history->hours : &history->sums;
	int64_t before = hours > 0 ? hour_of(now_ns) - hours : INT64_MIN;
	struct history_counts sum = { 0 };

	for (size_t i = 0; i < rows->n; i++) {
		const struct history_row *row = &rows->rows[i];

		if (row->hour > before && (level < 0 || row->key.level == level) &&
		    (!worker || strcmp(row->key.worker, worker) == 0) &&
		    (!kind || strcmp(row->key.kind, kind) == 0))
			add_counts(&sum, &row->counts);
	}
	return sum;
}

void
history_each_hour(const struct history *history,
    void (*call)(int64_t hour, const struct history_counts *counts, void *data),
    void *data)
{
	const struct history_rows *hours = &history->hours;

	for (size_t i = 0; i < hours->n;) {
		struct history_counts sum = { 0 };
		int64_t hour = hours->rows[i].hour;

		for (; i < hours->n && hours->rows[i].hour == hour; i++)
			add_counts(&sum, &hours->rows[i].counts);
		call(hour, &sum, data);
	}
}

int64_t
history_recovery_ms(const struct history_counts *counts)
{
	return counts->recovered == 0
		   ? -1
		   : (int64_t)(counts->recovery_ms / counts->recovered);
}
