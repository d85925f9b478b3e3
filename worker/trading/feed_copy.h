/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy that the feed http keeps: the beginning of what lies at its URL, byte for
 * byte. How much of it is known to be so stands in a file beside it, written when the
 * bytes are on the disk and before one of them is read: a power cut may leave anything
 * behind that, which is cut off and fetched again.
 *
 * What no restart will read is given back to the file system as a hole, but for the
 * first bytes, by which a reader knows the file, and where its header is. Places stay
 * what they were. Of what was given back a checksum is kept, so that a server that
 * sends everything is still held against all of it.
 *
 *	├─ COPY_HEAD ─┤░░░░░░░ a hole ░░░░░░░├────── kept ──────┤ cut off at the start
 *	0                                    base               size
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define COPY_HEAD (256 * 1024) /* a header line and what may be before it */

struct feed_copy {
	char *path, *end_path; /* owned */
	int fd;
	uint64_t size; /* known to be on the disk */
	uint64_t base; /* 0: there is no hole */
	uint32_t crc;  /* of the first @base bytes */
};

#define FEED_COPY_E_CHANGED 1 /* it is not the beginning of that */
#define FEED_COPY_E_DATA 2    /* damaged; @error says how */

/**
 * feed_copy_open() - open the copy in a directory; made if it is not there
 * @copy: feed_copy_deinit() in every case
 *
 * Return: 0; FEED_COPY_E_DATA; -errno. @error is filled.
 */
int feed_copy_open(struct feed_copy *copy, const char *directory, struct error *error);
void feed_copy_deinit(struct feed_copy *copy);

/** feed_copy_append() - add bytes at the end, on the disk. Return: 0; -errno: it is as
 * it was, @error is filled. */
int feed_copy_append(
    struct feed_copy *copy, const char *bytes, size_t length, struct error *error);

/**
 * feed_copy_compare() - whether the copy is the beginning of @length bytes
 *
 * Return: 0; FEED_COPY_E_CHANGED; -errno. With both @error is filled.
 */
int feed_copy_compare(const struct feed_copy *copy, const char *bytes, size_t length,
    struct error *error);

/** feed_copy_has() - whether it can be read from @offset on. 0: from its beginning. */
bool feed_copy_has(const struct feed_copy *copy, uint64_t offset);

/**
 * feed_copy_trim() - nothing before @offset is read any more, but the head, and the
 * byte before @offset
 *
 * Gzip has to be read from its beginning, and is kept. Return: 0; -EOPNOTSUPP: the file
 * system keeps it; -errno.
 */
int feed_copy_trim(struct feed_copy *copy, uint64_t offset);
