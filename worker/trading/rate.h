/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request budget of an account: so many requests in any 60 s, for all workers of
 * the account together, over restarts of worker, supervisor and machine; and no request
 * before the time that a 429 named (ORDERS.md, rule 11).
 *
 * Time is CLOCK_BOOTTIME: it goes on over every restart but the machine's, and nobody
 * can set it. After a boot, known by the kernel's boot id, what was sent before it is
 * taken to have been sent at the boot: so no request goes out in the first 60 s of a
 * machine that has used the account before. Only a 429's time is kept by the time of
 * day, too, and a clock that was set back cannot make the wait longer than it was.
 *
 * A request holds a slot from before it is sent until its end is known, and 60 s from
 * then on: the server may have counted it at any moment in between. A worker that is
 * killed on the way leaves a slot that counts from the last moment at which its request
 * can have been sent.
 *
 * This part decides, on a struct rate_book that somebody has read and will write; the
 * file is rate_file.c's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define RATE_WINDOW_NS INT64_C(60000000000)
#define RATE_SLOTS_MAX 10000
#define RATE_HOLD_MAX_NS INT64_C(3600000000000)	  /* longest time of a request */
#define RATE_RESET_MAX_NS INT64_C(86400000000000) /* longest wait after a 429 */
#define RATE_BOOT_ID 16				  /* bytes */

/** struct rate_now - the clocks */
struct rate_now {
	unsigned char boot[RATE_BOOT_ID];
	int64_t boot_ns; /* CLOCK_BOOTTIME */
	int64_t real_ns; /* CLOCK_REALTIME */
};

/** struct rate_slot - a request: when it was sent at the latest, by CLOCK_BOOTTIME; 0:
 * free */
struct rate_slot {
	int64_t at_ns;
	int64_t check; /* ~at_ns */
};

/** struct rate_head - the beginning of the file */
struct rate_head {
	char magic[16];
	unsigned char boot[RATE_BOOT_ID];
	int64_t until_ns;      /* no request before it, CLOCK_BOOTTIME */
	int64_t until_real_ns; /* the same by the time of day; 0: it was no server's */
	int64_t length_ns;     /* how long that was when it was set */
	uint32_t crc;	       /* of all before it */
	uint32_t unused;
};

/** struct rate_book - a file's content */
struct rate_book {
	struct rate_head head;
	uint32_t n; /* slots; at most RATE_SLOTS_MAX */
	struct rate_slot *slots;
};

/** rate_init() - an empty book. @slots: room for RATE_SLOTS_MAX, borrowed. */
void rate_init(
    struct rate_book *book, struct rate_slot *slots, const struct rate_now *now);

/** rate_is_sound() - whether the book can have been written by us, at or before @now.
 */
bool rate_is_sound(const struct rate_book *book, const struct rate_now *now);

/** rate_settle() - take the book over into this boot, if it is of another. Return:
 * whether it changed. */
bool rate_settle(struct rate_book *book, const struct rate_now *now);

/** rate_use_up() - as if everything had been used just now: for a book that was lost.
 */
void rate_use_up(struct rate_book *book, const struct rate_now *now);

/**
 * rate_decide() - may one more request go out?
 * @rate: in any 60 s; 1 to RATE_SLOTS_MAX
 * @hold_ns: the request has ended by then
 * @ret_slot: the slot that it holds now, written
 *
 * Return: 0: yes; else how long it must wait, ns.
 */
int64_t rate_decide(struct rate_book *book, const struct rate_now *now, uint32_t rate,
    int64_t hold_ns, uint32_t *ret_slot);

/** rate_release() - the request of that slot has ended. @was_sent: it may have been. */
void rate_release(
    struct rate_book *book, const struct rate_now *now, uint32_t slot, bool was_sent);

/**
 * rate_refused() - a 429: nothing goes out for @wait_ns
 *
 * A shorter wait than one that is under way changes nothing.
 */
void rate_refused(struct rate_book *book, const struct rate_now *now, int64_t wait_ns);

/** rate_reset_wait() - how long a 429 wants us to wait, from its headers (-1: not
 * given): the reset in unix seconds, or in thousandths and the like where it is no time
 * in seconds, by the server's clock if it told us, and Retry-After. 60 s if it said
 * nothing; 1 s to RATE_RESET_MAX_NS. */
int64_t rate_reset_wait(
    int64_t reset_s, int64_t date_s, int64_t retry_after_s, int64_t real_ns);
