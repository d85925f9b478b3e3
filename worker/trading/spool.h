/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool: what a feed has received over the network, in the order in which the
 * worker sees it, in one file that only grows. A server cannot be asked for the same
 * again and be trusted to give it; this file can. So a network feed is as repeatable as
 * a file: the journal's cursor is a place in the spool, and a replay reads the spool
 * and nothing else.
 *
 *	tradesup-spool/1 feed=alpaca
 *	#page length=171 previous=29 newest=… fetched=… late=0 cursor=… crc=…
 *	{"time":"…","symbol":"AAPL","price":"187.1","size":"100","id":"7"}
 *	…
 *
 * A page is what one poll brought, with the cursor that the next poll starts from. It
 * is written in one piece and is on the disk before a record of it is given out, and
 * only then can the journal refer to it. A page that a kill or a power cut has left
 * unfinished was never given out: it is cut off at the next start, and fetched again
 * from the cursor of the page before. So records and cursor move together, and nothing
 * is skipped or comes twice.
 *
 * What lies before a snapshot is given back to the file system as a hole: places stay
 * what they were. A file system without holes keeps it all, which does no harm.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define SPOOL_PAGE_MAX (64 * 1024 * 1024) /* bytes of records */
#define SPOOL_CURSOR_MAX 512

/** struct spool_page - a page's head */
struct spool_page {
	uint64_t offset;	/* where it begins */
	uint64_t length;	/* bytes of records */
	uint64_t previous;	/* where the page before begins; 0: there is none */
	int64_t newest_ns;	/* time of its newest record; 0: it has none */
	int64_t fetched_ns;	/* CLOCK_REALTIME */
	int64_t late_before_ns; /* records before this time came too late to trade on;
				   0: none did */
	char cursor[SPOOL_CURSOR_MAX]; /* printable, without blanks */
};

struct spool;

#define SPOOL_E_WAIT 1 /* no more records */
#define SPOOL_E_DATA                                                                   \
	2 /* not a spool, another feed's, or damaged; @error says which                \
	   */

/**
 * spool_open() - open the spool of a feed; made if it is not there
 * @feed: a word
 *
 * What an interrupted writer has left at the end is cut off. Reading begins at the
 * first page that is there. Return: 0; SPOOL_E_DATA; -errno. @error is filled.
 */
int spool_open(
    const char *path, const char *feed, struct error *error, struct spool **ret_spool);

/** spool_last() - the last page; NULL: there is none. Valid until spool_append(). */
const struct spool_page *spool_last(const struct spool *spool);

/** spool_has() - whether the page that begins at @offset is still there. */
bool spool_has(const struct spool *spool, uint64_t offset);

/** spool_is_trimmed() - whether its beginning has been given back. */
bool spool_is_trimmed(const struct spool *spool);

/**
 * spool_append() - add a page, and wait for the disk
 * @page: offset, length and previous are filled in here
 *
 * Return: 0; -errno: the spool is as it was. @error is filled.
 */
int spool_append(struct spool *spool, struct spool_page *page, const char *records,
    size_t length, struct error *error);

/**
 * spool_next() - the next record's line, without its end
 *
 * It is valid until the next call, and may be changed, its end too. Return: 0;
 * SPOOL_E_WAIT; SPOOL_E_DATA; -errno.
 */
int spool_next(
    struct spool *spool, char **ret_line, size_t *ret_length, struct error *error);

/** spool_page() - the page of the last record; NULL before the first. */
const struct spool_page *spool_page(const struct spool *spool);

/** spool_tell() - the place behind the last record: its page, and how many bytes into
 * its records. */
void spool_tell(const struct spool *spool, uint64_t *ret_page, uint64_t *ret_at);

/** spool_seek() - go to such a place. Return: 0; SPOOL_E_DATA: there is none; -errno.
 */
int spool_seek(struct spool *spool, uint64_t page, uint64_t at, struct error *error);

/**
 * spool_trim() - nothing before the page at @offset is needed any more
 *
 * Return: 0; -EOPNOTSUPP: the file system keeps it; -errno.
 */
int spool_trim(struct spool *spool, uint64_t offset);

/**
 * spool_read() - a page and its records
 * @ret_records: allocated, NUL-terminated
 *
 * Return: 0; SPOOL_E_DATA; -errno.
 */
int spool_read(const struct spool *spool, uint64_t offset, struct spool_page *ret_page,
    char **ret_records, struct error *error);

struct spool *spool_free(struct spool *spool);
void spool_freep(struct spool **spool);
