/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The healing statistics: for each worker, level and kind, how often it was tried and
 * how it ended. Kept in <state_dir>/healing over every restart, written atomically, one
 * logfmt line a row; a corrupt file is moved aside.
 *
 * Levels 3 and 4 are successes only when the worker completes a good cycle afterwards,
 * maybe in another life of the supervisor: until then they are pending, and that is
 * kept, too. A new failure before it makes them failed.
 *
 * In every row tried = succeeded + failed + relapsed + pending.
 */
#pragma once

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"

#define HEALING_FILE "healing" /* in the state directory */
#define HEALING_KIND_MAX 16 /* with its NUL; a longer one is cut */

#define HEALING_ROWS_MAX 3072 /* a file of so many can be read again */

struct healing_row {
	char *worker; /* owned */
	int level;    /* 1 to 4 */
	/* A fault kind; at levels 3 and 4 what triggered it: "cycles", "crash", "hang",
	 * "memory", "requested", "limit". */
	char kind[HEALING_KIND_MAX];
	uint64_t tried, succeeded, failed, relapsed;
	uint64_t pending; /* 0 or 1; tried, not yet known */
	int64_t last_ns;  /* time of day of the last try; 0: never */
	bool may_relapse; /* the last try succeeded; not kept over restarts */
};

struct healing {
	struct healing_row *rows; /* owned; sorted by worker, level, kind */
	size_t n_rows;
};

/** healing_init() - no rows. */
void healing_init(struct healing *healing);

/** healing_deinit() - free them; there are none again. */
void healing_deinit(struct healing *healing);

/**
 * healing_count() - levels 1 and 2: one step that has ended
 *
 * tried + 1 and one of succeeded, failed, relapsed + 1. HEAL_RELAPSED also takes back
 * the success that it belies (succeeded - 1, failed + 1), if the last try was one.
 * Return: 0, -ENOMEM.
 */
int healing_count(struct healing *healing, const char *worker, int level,
    const char *kind, enum heal_outcome outcome, int64_t now_ns);

/**
 * healing_begin() - levels 3 and 4: tried, pending
 *
 * One still pending for this worker, of whatever level, has thereby failed.
 * Return: 0, -ENOMEM.
 */
int healing_begin(struct healing *healing, const char *worker, int level,
    const char *kind, int64_t now_ns);

/**
 * healing_good_cycle() - everything pending for this worker has succeeded
 *
 * Return: the bit set of levels that it verified (1 << level), 0 for none.
 */
unsigned healing_good_cycle(struct healing *healing, const char *worker);

/**
 * healing_load() - read the file into an initialised, empty @healing
 *
 * Return: 0, also where there is no file; -EBADMSG: it made no sense and was moved
 * aside,
 *         @healing is empty; -errno.
 */
int healing_load(struct healing *healing, const char *path);

/**
 * healing_store() - write the file, atomically
 *
 * Not synced to the disk: a power cut may bring back the file before, which is no
 * reason to make the supervisor wait for a disk. Return: 0, -errno.
 */
int healing_store(const struct healing *healing, const char *path);

/** healing_rate_permille() - succeeded ÷ (succeeded + failed + relapsed); -1 while
 * nothing is known. */
int healing_rate_permille(const struct healing_row *row);
