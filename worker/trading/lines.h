/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of a file, and marks to come back to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define LINES_LENGTH_MAX (64 * 1024) /* without the newline */
#define LINES_PREFIX_MAX 4096

struct lines;

#define LINES_E_END 1
#define LINES_E_WAIT 2 /* follow: no whole line at the moment */
#define LINES_E_DATA 3 /* the file is unusable; @error says why */
#define LINES_E_LONG 4 /* longer than LINES_LENGTH_MAX, and passed over */

/** struct lines_mark - a place between two lines */
struct lines_mark {
	uint64_t offset; /* in decompressed bytes */
	uint64_t row;	 /* lines before it */
	/* crc32 of the first min(LINES_PREFIX_MAX, offset) bytes: which file it was. */
	uint32_t prefix_crc;
};

/**
 * lines_open() - open a file; @path is borrowed
 *
 * Return: 0; LINES_E_DATA; -errno. @error is filled.
 */
int lines_open(
    const char *path, bool follow, struct error *error, struct lines **ret_lines);

/**
 * lines_next() - the next line, without its LF or CRLF, and without a byte order mark
 *
 * The text is valid until the next call and may be changed, text[length] too. A last
 * line without a newline is a line, unless the file is followed. Return: 0; LINES_E_…;
 * -errno.
 */
int lines_next(
    struct lines *lines, char **ret_text, size_t *ret_length, struct error *error);

/**
 * lines_unread() - let the last line come again
 *
 * It is the one that lines_next() has just given, and it must not have been changed.
 */
void lines_unread(struct lines *lines);

/** lines_mark() - where the next line begins. */
void lines_mark(const struct lines *lines, struct lines_mark *ret_mark);

/**
 * lines_seek() - go to a mark of an earlier time
 *
 * Return: 0; LINES_E_DATA: it is not the file that the mark was made in, or no line
 * begins there; -errno.
 */
int lines_seek(struct lines *lines, const struct lines_mark *mark, struct error *error);

struct lines *lines_free(struct lines *lines);
void lines_freep(struct lines **lines);
