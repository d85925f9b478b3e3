/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's output, line by line: bytes go in, whole lines come out, the last ones are
 * kept for crash reports and `tradesup logs`. Pure: no descriptor, no clock. Bounded: a
 * line longer than CAPTURE_LINE_MAX comes in pieces, which do not cut a UTF-8 character
 * in two; the tail holds CAPTURE_TAIL_LINES lines in at most CAPTURE_TAIL_BYTES.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_LINE_MAX 4096
#define CAPTURE_TAIL_LINES 50
#define CAPTURE_TAIL_BYTES 16384

struct capture; /* nothing is allocated for lines until the first byte comes */

/** capture_new() - NULL: out of memory. */
struct capture *capture_new(void);

/** capture_free() - Return: NULL. */
struct capture *capture_free(struct capture *capture);

/**
 * capture_on_line - gets a line without its "\n" or "\r\n"
 * @line: borrowed for the call, not NUL-terminated; may hold any byte but '\n'
 * @length: at most CAPTURE_LINE_MAX
 */
typedef void (*capture_on_line)(const char *line, size_t length, void *data);

/**
 * capture_feed() - take bytes; @on_line is called for each line that is complete
 *
 * Return: 0; -ENOMEM (the rest of the bytes is lost).
 */
int capture_feed(struct capture *capture, const char *bytes, size_t length,
    capture_on_line on_line, void *data);

/** capture_flush() - the worker has ended: an unfinished last line counts as one. */
void capture_flush(struct capture *capture, capture_on_line on_line, void *data);

/** capture_tail() - call for each kept line, oldest first. */
void capture_tail(const struct capture *capture, capture_on_line on_line, void *data);

/** capture_partial() - the line that is not complete yet, borrowed; NULL or length 0:
 * none. */
const char *capture_partial(const struct capture *capture, size_t *ret_length);
