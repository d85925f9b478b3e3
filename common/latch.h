/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latches: what stops new orders until a person says so. A file each in
 * <state_dir>/latches, alive over restarts of worker, supervisor and machine; nothing
 * but latch_clear() takes one away, which is `tradesup resume`.
 *
 *	WORKER@RULE	stops one worker: flow@max_daily_loss
 *	@RULE		stops all of them: @hold
 *
 * That the file is there is what counts; its line says who and why. In doubt a latch is
 * set: a file that is none of ours, or a directory that cannot be read, stops as well.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/record.h"

#define LATCH_WORKER_MAX 65
#define LATCH_RULE_MAX 33
#define LATCH_REASON_MAX 320
#define LATCH_DIRECTORY "latches"

/* The rules that are set by us. Any word of a-z, 0-9 and _ may be one. */
#define LATCH_HOLD "hold"
#define LATCH_PANIC "panic"
#define LATCH_MISMATCH "mismatch"
#define LATCH_MAX_DAILY_LOSS "max_daily_loss"
#define LATCH_ORDER_THROTTLE "order_throttle"
#define LATCH_MODULE_FALLBACK                                                          \
	"module_fallback" /* may close a position, not open one                        \
			   */
#define LATCH_SERVICE_INTENSITY "service_intensity"
#define LATCH_UNREADABLE "latch" /* for what stops without our knowing why */

/** struct latch - one that is set; its texts are always terminated */
struct latch {
	char worker[LATCH_WORKER_MAX]; /* "": all workers */
	char rule[LATCH_RULE_MAX];
	char reason[LATCH_REASON_MAX]; /* why; of one that cannot be read, what is wrong
					  with it */
	int64_t time_ns;	       /* when, of the real clock; 0: not known */
	int64_t uid;		       /* who; -1: not known */
	char name[256]; /* the file's; "": it is no file, the directory is at fault */
};

struct latches {
	struct latch *items; /* owned; all workers' first, then by name */
	size_t n;
};

#define LATCH_E_SET 1 /* it is set already, and stays as it was */

/**
 * latch_set() - set one, on the disk when it returns
 * @latch: all but @name is used; a long reason is cut
 *
 * Any process may, at any time. The directory is made where it is missing. Return: 0;
 * LATCH_E_SET; -EINVAL: worker or rule is no such word; -errno: nobody will know, so
 * the caller has to stop by itself.
 */
int latch_set(const char *state_dir, const struct latch *latch);

/**
 * latch_list() - those that are set
 * @worker: those that stop this one; NULL: all
 *
 * Whatever cannot be read is in the list, under LATCH_UNREADABLE. Return: 0; -ENOMEM:
 * count as stopped.
 */
int latch_list(const char *state_dir, const char *worker, struct latches *ret_latches);
void latches_deinit(struct latches *latches);

/** latches_text() - "all workers: hold: lunch; flow: max_daily_loss: …" for people; the
 * first ones, and how many more there are. Return: its length. */
size_t latches_text(const struct latches *latches, char *out, size_t size);

/** latch_record() - one as a row: `@event worker rule reason time uid`
 * @time: TIMESTAMP_TEXT_MAX bytes, which the record borrows, as it does the latch */
void latch_record(const struct latch *latch, const char *event, char *time,
    struct record *ret_record);

/** struct latch_check - whether a worker may place orders */
struct latch_check {
	bool stops_opening; /* no order that opens a position, or makes it larger */
	bool stops_all;	    /* no order at all */
	char rule[LATCH_RULE_MAX]; /* the one to name; "": none is set */
};

/**
 * latch_check() - the same question without the files' content, before each order
 *
 * Costs the reading of one small directory. In doubt all stops. Safe from any thread.
 */
void latch_check(
    const char *state_dir, const char *worker, struct latch_check *ret_check);

#define LATCH_LOG "latches.log" /* in the state directory */

/** latch_is_set() - whether this one is; in doubt it is. @worker: "": all workers'. */
bool latch_is_set(const char *state_dir, const char *worker, const char *rule);

/**
 * latch_clear() - take latches away, on the disk when it returns
 * @worker: those of this worker alone, not the ones for all; NULL: every one
 * @by: who, when and why: @uid, @time_ns and @reason
 * @ret_cleared: what was taken away; latches_deinit(); filled on failure, too
 *
 * A line for each goes to LATCH_LOG before; one that cannot be noted stays. Return: 0;
 * -errno: some are still set.
 */
int latch_clear(const char *state_dir, const char *worker, const struct latch *by,
    struct latches *ret_cleared);

/** latch_clear_rule() - take away the one of a worker and a rule whose cause is gone.
 * Return: 0, also if it is not set; -errno. */
int latch_clear_rule(const char *state_dir, const char *worker, const char *rule);
