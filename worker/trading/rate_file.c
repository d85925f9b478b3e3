/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a book, has rate.c decide, writes what changed; under the file's lock. The
 * file is opened anew each time: it may have been moved aside by another worker.
 */
#include "worker/trading/rate_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/paths.h"
#include "common/statefile.h"

#define LOCK_TRIES 200
#define LOCK_PAUSE_NS (2 * NS_PER_MS)
#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"

struct rate {
	char *path;
	uint32_t per_minute;
	unsigned char boot[RATE_BOOT_ID];
	struct rate_slot slots[RATE_SLOTS_MAX];
};

/* FNV-1a: which account, with no way back to the key. */
static uint64_t
add_to_hash(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static int
read_boot_id(unsigned char boot[RATE_BOOT_ID])
{
	_cleanup_fclose_ FILE *file = fopen(BOOT_ID_PATH, "re");
	char text[40] = "";
	size_t n = 0;

	if (!file || !fgets(text, sizeof(text), file))
		return -ENOENT;
	for (const char *c = text; *c && n < RATE_BOOT_ID;) {
		unsigned byte;

		if (*c == '-') {
			c++;
			continue;
		}
		if (sscanf(c, "%2x", &byte) != 1)
			return -EINVAL;
		boot[n++] = (unsigned char)byte;
		c += 2;
	}
	return n == RATE_BOOT_ID ? 0 : -EINVAL;
}

static struct rate_now
now_of(const struct rate *rate)
{
	struct rate_now now = { .real_ns = clock_realtime_ns() };
	struct timespec ts;

	memcpy(now.boot, rate->boot, RATE_BOOT_ID);
	clock_gettime(CLOCK_BOOTTIME, &ts);
	now.boot_ns = (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
	return now;
}

static int
lock(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return -EBUSY;
}

/* Whether the locked file is still the one of that name. */
static bool
is_current(const struct rate *rate, int fd)
{
	struct stat by_fd, by_path;

	return fstat(fd, &by_fd) == 0 && stat(rate->path, &by_path) == 0 &&
	       by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev;
}

static int
open_locked(const struct rate *rate, int *ret_fd)
{
	for (int i = 0; i < 5; i++) {
		_cleanup_close_ int fd =
		    open(rate->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		int r;

		if (fd < 0)
			return -errno;
		r = lock(fd);
		if (r < 0)
			return r;
		if (!is_current(rate, fd))
			continue;
		*ret_fd = steal_fd(&fd);
		return 0;
	}
	return -EBUSY;
}

static int
read_all(int fd, void *bytes, size_t size, size_t at, size_t *ret_length)
{
	ssize_t n = pread(fd, bytes, size, (off_t)at);

	if (n < 0)
		return -errno;
	*ret_length = (size_t)n;
	return 0;
}

static int
write_all(int fd, const void *bytes, size_t length, size_t at)
{
	ssize_t n = pwrite(fd, bytes, length, (off_t)at);

	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

static size_t
slot_place(uint32_t slot)
{
	return sizeof(struct rate_head) + slot * sizeof(struct rate_slot);
}

static int
write_slot(int fd, const struct rate_book *book, uint32_t slot)
{
	return write_all(
	    fd, &book->slots[slot], sizeof(struct rate_slot), slot_place(slot));
}

/* @is_lasting: what it says must outlive a power cut. */
static int
write_head(int fd, const struct rate_book *book, bool is_lasting)
{
	int r = write_all(fd, &book->head, sizeof(book->head), 0);

	if (r == 0 && is_lasting && fdatasync(fd) < 0)
		return -errno;
	return r;
}

/* A book that is new, or another boot's: nothing but its head counts. */
static int
write_fresh(int fd, const struct rate_book *book)
{
	int r = write_head(fd, book, true);

	/* In this order: an empty file would count as one that was never used. */
	if (r == 0 && ftruncate(fd, (off_t)slot_place(0)) < 0)
		return -errno;
	return r;
}

#define E_CORRUPT 1

static int
read_book(struct rate *rate, int fd, const struct rate_now *now, struct rate_book *book)
{
	size_t head = 0, length = 0;
	int r;

	*book = (struct rate_book){ .slots = rate->slots };
	r = read_all(fd, &book->head, sizeof(book->head), 0, &head);
	if (r == 0)
		r = read_all(
		    fd, rate->slots, sizeof(rate->slots), slot_place(0), &length);
	if (r < 0)
		return r;
	if (head == 0) {
		rate_init(book, rate->slots, now);
		return write_fresh(fd, book);
	}
	book->n = (uint32_t)(length / sizeof(struct rate_slot));
	if (head != sizeof(book->head) || length % sizeof(struct rate_slot) != 0 ||
	    !rate_is_sound(book, now))
		return E_CORRUPT;
	return rate_settle(book, now) ? write_fresh(fd, book) : 0;
}

/* Return: 0; -errno. @error is filled in either case. */
static int
replace_corrupt(struct rate *rate, const struct rate_now *now, int *fd,
    struct rate_book *book, struct error *error)
{
	_cleanup_free_ char *aside = NULL;
	int r;

	r = statefile_set_aside(rate->path, &aside);
	if (r < 0)
		return error_set(error, r, "%s: is corrupt, and cannot be moved: %s",
		    rate->path, strerror(-r));
	close(*fd);
	*fd = -1;
	r = open_locked(rate, fd);
	if (r == 0) {
		rate_init(book, rate->slots, now);
		rate_use_up(book, now);
		r = write_fresh(*fd, book);
	}
	return error_set(error, r,
	    "%s: was corrupt, counts as used up, and is kept as %s", rate->path, aside);
}

/* The book under its lock, which @ret_fd holds. */
static int
open_book(struct rate *rate, const struct rate_now *now, struct rate_book *book,
    int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = -1;
	int r;

	r = open_locked(rate, &fd);
	if (r == 0)
		r = read_book(rate, fd, now, book);
	if (r == E_CORRUPT) {
		r = replace_corrupt(rate, now, &fd, book, error);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return error_set(error, r, "%s: %s", rate->path, strerror(-r));
	*ret_fd = steal_fd(&fd);
	return 0;
}

int
rate_take(struct rate *rate, int64_t hold_ns, struct rate_ticket *ret_ticket,
    int64_t *ret_wait_ns, struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct rate_now now = now_of(rate);
	struct rate_book book;
	uint32_t slot;
	int64_t wait_ns;
	int r;

	r = open_book(rate, &now, &book, &fd, error);
	if (r < 0)
		return r;
	wait_ns = rate_decide(&book, &now, rate->per_minute, hold_ns, &slot);
	if (wait_ns > 0) {
		*ret_wait_ns = wait_ns;
		return RATE_E_WAIT;
	}
	r = write_slot(fd, &book, slot);
	if (r < 0)
		return error_set(error, r, "%s: %s", rate->path, strerror(-r));
	ret_ticket->slot = slot;
	return 0;
}

int
rate_done(struct rate *rate, const struct rate_ticket *ticket,
    const struct http_answer *answer, struct error *error)
{
	bool is_refused = answer->fate == HTTP_ANSWERED && answer->status == 429;
	_cleanup_close_ int fd = -1;
	struct rate_now now = now_of(rate);
	struct rate_book book;
	int r;

	r = open_book(rate, &now, &book, &fd, error);
	if (r < 0)
		return r;
	/* A file that has been replaced meanwhile has no such slot. */
	if (ticket->slot < book.n) {
		rate_release(&book, &now, ticket->slot, answer->fate != HTTP_UNSENT);
		r = write_slot(fd, &book, ticket->slot);
	}
	if (r == 0 && is_refused) {
		rate_refused(&book, &now,
		    rate_reset_wait(answer->rate_reset_s, answer->date_s,
			answer->retry_after_s, now.real_ns));
		r = write_head(fd, &book, true);
	}
	if (r < 0)
		return error_set(error, r, "%s: %s", rate->path, strerror(-r));
	return 0;
}

int
rate_open(const char *directory, const char *base_url, const char *key_id,
    uint32_t per_minute, struct error *error, struct rate **ret_rate)
{
	_cleanup_(rate_freep) struct rate *rate = calloc(1, sizeof(*rate));
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	int r;

	if (!rate)
		return error_set(error, -ENOMEM, "out of memory");
	hash = add_to_hash(add_to_hash(hash, base_url), key_id);
	if (asprintf(&rate->path, "%s/%016" PRIx64 ".rate", directory, hash) < 0) {
		rate->path = NULL;
		return error_set(error, -ENOMEM, "out of memory");
	}
	rate->per_minute = per_minute < RATE_SLOTS_MAX ? per_minute : RATE_SLOTS_MAX;
	r = read_boot_id(rate->boot);
	if (r < 0)
		return error_set(error, r, BOOT_ID_PATH ": %s", strerror(-r));
	r = path_mkdirs(directory, 0700);
	if (r < 0)
		return error_set(error, r, "%s: %s", directory, strerror(-r));
	*ret_rate = steal(&rate);
	return 0;
}

struct rate *
rate_free(struct rate *rate)
{
	if (!rate)
		return NULL;
	free(rate->path);
	free(rate);
	return NULL;
}

void
rate_freep(struct rate **rate)
{
	rate_free(*rate);
}
