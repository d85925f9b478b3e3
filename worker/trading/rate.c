/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decisions about an account's budget. No clock, no file.
 */
#include "worker/trading/rate.h"

#include <string.h>
#include <zlib.h>

#include "common/clock.h"

#define SECOND_MAX INT64_C(100000000000) /* of a time: in the year 5138 */

static const char magic[16] = "tradesup-rate 1";

static uint32_t
head_crc(const struct rate_head *head)
{
	return (uint32_t)crc32(0, (const Bytef *)head, offsetof(struct rate_head, crc));
}

static void
put(struct rate_book *book, uint32_t slot, int64_t at_ns)
{
	book->slots[slot] = (struct rate_slot){ at_ns, ~at_ns };
}

void
rate_init(struct rate_book *book, struct rate_slot *slots, const struct rate_now *now)
{
	*book = (struct rate_book){ .slots = slots };
	memcpy(book->head.magic, magic, sizeof(magic));
	memcpy(book->head.boot, now->boot, RATE_BOOT_ID);
	book->head.crc = head_crc(&book->head);
}

static bool
is_this_boot(const struct rate_book *book, const struct rate_now *now)
{
	return memcmp(book->head.boot, now->boot, RATE_BOOT_ID) == 0;
}

bool
rate_is_sound(const struct rate_book *book, const struct rate_now *now)
{
	const struct rate_head *head = &book->head;

	if (memcmp(head->magic, magic, sizeof(magic)) != 0 ||
	    head->crc != head_crc(head) || book->n > RATE_SLOTS_MAX)
		return false;
	for (uint32_t i = 0; i < book->n; i++) {
		int64_t at_ns = book->slots[i].at_ns;

		if (at_ns < 0 || book->slots[i].check != ~at_ns)
			return false;
		if (is_this_boot(book, now) && at_ns > now->boot_ns + RATE_HOLD_MAX_NS)
			return false;
	}
	return true;
}

static void
set_until(struct rate_book *book, const struct rate_now *now, int64_t wait_ns,
    bool is_servers)
{
	struct rate_head *head = &book->head;

	head->until_ns = now->boot_ns + wait_ns;
	head->until_real_ns = is_servers ? now->real_ns + wait_ns : 0;
	head->length_ns = wait_ns;
	head->crc = head_crc(head);
}

void
rate_use_up(struct rate_book *book, const struct rate_now *now)
{
	set_until(book, now, RATE_WINDOW_NS, false);
}

bool
rate_settle(struct rate_book *book, const struct rate_now *now)
{
	struct rate_head head = book->head;
	int64_t left_ns = RATE_WINDOW_NS - now->boot_ns, refused_ns = 0;

	if (is_this_boot(book, now))
		return false;
	rate_init(book, book->slots, now);
	if (head.until_real_ns > now->real_ns)
		refused_ns = head.until_real_ns - now->real_ns;
	/* More than it was at first: the clock was set back. */
	if (refused_ns > head.length_ns)
		refused_ns = head.length_ns;
	if (refused_ns > 0 && refused_ns >= left_ns)
		set_until(book, now, refused_ns, true);
	else if (left_ns > 0)
		set_until(book, now, left_ns, false);
	return true;
}

/* When the request that must leave the window first for there to be room does so: the
 * k-th oldest of those in it. */
static int64_t
kth_oldest(const struct rate_book *book, int64_t after_ns, uint32_t k)
{
	int64_t low = after_ns, high = INT64_MAX;

	/* Halving the range of times: no memory, and some 60 passes at the most. */
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		uint32_t count = 0;

		for (uint32_t i = 0; i < book->n; i++)
			count += book->slots[i].at_ns > after_ns &&
				 book->slots[i].at_ns <= middle;
		if (count >= k)
			high = middle;
		else
			low = middle;
	}
	return high;
}

int64_t
rate_decide(struct rate_book *book, const struct rate_now *now, uint32_t rate,
    int64_t hold_ns, uint32_t *ret_slot)
{
	int64_t after_ns = now->boot_ns - RATE_WINDOW_NS;
	uint32_t live = 0, slot = book->n;

	if (book->head.until_ns > now->boot_ns)
		return book->head.until_ns - now->boot_ns;
	for (uint32_t i = 0; i < book->n; i++) {
		bool is_live =
		    book->slots[i].at_ns > 0 && book->slots[i].at_ns > after_ns;

		live += is_live;
		if (!is_live && slot == book->n)
			slot = i;
	}
	if (live >= rate)
		return kth_oldest(book, after_ns > 0 ? after_ns : 0, live - rate + 1) -
		       after_ns;
	if (hold_ns > RATE_HOLD_MAX_NS)
		hold_ns = RATE_HOLD_MAX_NS;
	if (slot == book->n)
		book->n++;
	put(book, slot, now->boot_ns + hold_ns);
	*ret_slot = slot;
	return 0;
}

void
rate_release(
    struct rate_book *book, const struct rate_now *now, uint32_t slot, bool was_sent)
{
	if (slot < book->n)
		put(book, slot, was_sent ? now->boot_ns : 0);
}

void
rate_refused(struct rate_book *book, const struct rate_now *now, int64_t wait_ns)
{
	if (now->boot_ns + wait_ns > book->head.until_ns)
		set_until(book, now, wait_ns, true);
}

int64_t
rate_reset_wait(int64_t reset_s, int64_t date_s, int64_t retry_after_s, int64_t real_ns)
{
	int64_t wait_s = -1, now_s = date_s >= 0 ? date_s : real_ns / NS_PER_S;

	/* A time in thousandths of a second, or in less: no second is so late. */
	while (reset_s >= SECOND_MAX)
		reset_s /= 1000;
	if (reset_s >= 0)
		wait_s = reset_s - now_s;
	if (retry_after_s > wait_s)
		wait_s = retry_after_s;
	if (reset_s < 0 && retry_after_s < 0)
		wait_s = RATE_WINDOW_NS / NS_PER_S;
	if (wait_s < 1)
		wait_s = 1;
	if (wait_s > RATE_RESET_MAX_NS / NS_PER_S)
		return RATE_RESET_MAX_NS;
	return wait_s * NS_PER_S;
}
