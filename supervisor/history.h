/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of healing, by the hour: for `tradesup healing`, which shows a day and a
 * week beside the sums of healing.h. Outcomes, how long it took until a good cycle, the
 * cycles that were lost, and the most frequent causes, each with its last example.
 * Outcomes of all time are healing.h's alone; the sums here are of what outages cost.
 *
 * Bounded: so many rows of hours, of sums, of outages and of causes. Hours over a week
 * ago go; where there are more rows than that, the oldest go first, and known_ns says
 * from when on it is complete.
 *
 * An outage of a worker is the time from the first bad sign (a step of healing, a cycle
 * that ended with an error) to the next good cycle. It belongs to the highest level
 * that was tried in it, or to level 0, if it ended without any.
 *
 * Time is given as two clocks. Ages are those of the one that nobody sets: where the
 * time of day jumps against it, what is remembered moves with it. So a clock set
 * forward by a year does not make this morning last year's, nor does one set back.
 *
 * Kept in <state_dir>/healing.history, written atomically (history_file.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/fault.h"
#include "supervisor/healing.h"

#define HISTORY_FILE "healing.history" /* in the state directory */
#define HISTORY_HOURS 192 /* eight days */
#define HISTORY_DAYS 8
#define HISTORY_ROWS_MAX 1536
#define HISTORY_SUMS_MAX 1024
#define HISTORY_OUTAGES_MAX 512
#define HISTORY_CAUSES_MAX 64
#define HISTORY_WORKER_MAX 65 /* path_is_safe_name() and the NUL */
#define HISTORY_SUBJECT_MAX 96
#define HISTORY_EXAMPLE_MAX 256
#define HISTORY_LEVELS 5	   /* 0 to 4 */
#define HISTORY_OTHERS "others"	   /* stands for workers for which there is no room */
#define HISTORY_KIND_CYCLE "cycle" /* at level 0 */
#define HISTORY_HOUR_NS (INT64_C(3600) * NS_PER_S)
#define HISTORY_DAY_NS (24 * HISTORY_HOUR_NS)
/* Longer is no outage, but a machine that was off, or a clock. */
#define HISTORY_OUTAGE_MAX_NS (HISTORY_DAYS * HISTORY_DAY_NS)

/** struct history_now - the same moment on two clocks */
struct history_now {
	int64_t real_ns;   /* CLOCK_REALTIME */
	int64_t steady_ns; /* CLOCK_BOOTTIME: goes on in a suspend, and is never set */
};

struct history_key {
	char worker[HISTORY_WORKER_MAX];
	int level;
	char kind[HEALING_KIND_MAX];
};

struct history_counts {
	uint64_t succeeded, failed, relapsed;
	uint64_t recovered;   /* outages that ended, of known duration */
	uint64_t recovery_ms; /* of all of them */
	uint64_t lost;	      /* cycles not traded */
};

struct history_row {
	int64_t hour; /* since the epoch; in the sums 0 */
	struct history_key key;
	struct history_counts counts;
	bool may_relapse; /* its last outcome was a success; not kept over restarts */
};

struct history_rows {
	struct history_row *rows; /* owned; by hour, oldest first */
	size_t n;
};

struct history_outage {
	struct history_key key; /* of the highest level so far */
	bool pending;		/* levels 3 and 4: not known yet what becomes of it */
	int64_t since_ns;	/* of day; 0: not known */
	int64_t steady_ns;	/* 0: it began in another life of the supervisor */
	int64_t interval_ns;	/* from one cycle to the next as usual; 0: not known */
	uint64_t bad_cycles;	/* that ended with an error in it */
};

struct history_cause {
	struct history_key key;
	char subject[HISTORY_SUBJECT_MAX];
	char example[HISTORY_EXAMPLE_MAX]; /* the last one, in full */
	uint64_t count;
	uint32_t days[HISTORY_DAYS]; /* [0] the day of last_ns, [1] the one before, … */
	int64_t last_ns;	     /* of day */
};

struct history {
	struct history_rows hours, sums;
	struct history_outage *outages; /* owned */
	size_t n_outages;
	struct history_cause *causes; /* owned */
	size_t n_causes;
	int64_t known_ns;   /* of day: complete from then on; 0: nothing ever came */
	uint64_t forgotten; /* signs of causes for which there was no room */
	struct history_now seen; /* the last time; 0: not yet in this life */
	int64_t begun_ns;	 /* steady, of this life */
};

/** struct history_step - something was tried; all texts are borrowed */
struct history_step {
	const char *worker;
	int level; /* 1 to 4 */
	const char *kind;
	const char *subject; /* the cause, as short as can be; NULL: not known */
	const char *example; /* in full; NULL: as the subject */
	int64_t interval_ns; /* between the worker's cycles; 0: not known */
};

void history_init(struct history *history);
void history_deinit(struct history *history);

/* In all of these, without memory or room something is not counted, and that is all. */

/** history_heal() - levels 1 and 2: a step has ended. A relapse takes back the success
 * that it belies. */
void history_heal(struct history *history, const struct history_step *step,
    enum heal_outcome outcome, struct history_now now);

/** history_try() - levels 3 and 4: tried. What was pending for this worker failed. */
void history_try(
    struct history *history, const struct history_step *step, struct history_now now);

/** history_bad_cycle() - a cycle of the worker has ended with an error. */
void history_bad_cycle(struct history *history, const char *worker, int64_t interval_ns,
    struct history_now now);

/** history_good_cycle() - its outage, if there is one, is over, and what was pending
 * has succeeded. Return: whether there was one. */
bool history_good_cycle(
    struct history *history, const char *worker, struct history_now now);

/** history_stopped() - a person stopped it: how long it is down says nothing. */
void history_stopped(struct history *history, const char *worker);

/**
 * history_sum() - the last @hours hours, the one that has begun among them
 * @hours: 0: ever; then there are no outcomes
 * @worker: NULL: of all
 * @level: -1: of all
 * @kind: NULL: of all
 */
struct history_counts history_sum(const struct history *history, int64_t hours,
    const char *worker, int level, const char *kind, int64_t now_ns);

/** history_each_hour() - what came of healing of all workers, for each hour in which
 * something did, oldest first; @hour: since the epoch. */
void history_each_hour(const struct history *history,
    void (*call)(int64_t hour, const struct history_counts *counts, void *data),
    void *data);

/** history_cause_count() - how often it was seen in the last @days days (of UTC). */
uint64_t history_cause_count(
    const struct history_cause *cause, int days, int64_t now_ns);

/** history_recovery_ms() - the mean; -1: not known. */
int64_t history_recovery_ms(const struct history_counts *counts);

/** history_append() - a row at the end, for history_load(). Return: it; NULL: out of
 * memory. */
struct history_row *history_append(
    struct history_rows *rows, int64_t hour, const struct history_key *key);

/** history_load() - as healing_load(): a corrupt file is moved aside, -EBADMSG. */
int history_load(struct history *history, const char *path);

/** history_store() - as healing_store(). */
int history_store(const struct history *history, const char *path);
