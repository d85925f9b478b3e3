/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's output, line by line: bytes go in, whole lines come out, the last ones are
 * kept for crash reports and `tradesup logs`. Pure: no descriptor, no clock. Bounded: a
 * line longer than CAPTURE_LINE_MAX comes in pieces, the tail holds CAPTURE_TAIL_LINES
 * lines in at most CAPTURE_TAIL_BYTES.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_LINE_MAX 4096
#define CAPTURE_TAIL_LINES 50
#define CAPTURE_TAIL_BYTES 16384

struct capture; /* nothing is allocated for lines until the first byte comes */

struct capture *capture_new(void);
struct capture *capture_free(struct capture *capture);

typedef void (*capture_on_line)(const char *line, size_t length, void *data);

/** capture_feed() - take bytes; on_line is called for each line that is complete,
 * without its newline. Return: 0, -ENOMEM (the bytes are lost). */
int capture_feed(struct capture *capture, const char *bytes, size_t length,
    capture_on_line on_line, void *data);

/** capture_flush() - the worker has ended: an unfinished last line counts as one. */
void capture_flush(struct capture *capture, capture_on_line on_line, void *data);

/** capture_tail() - call for each kept line, oldest first. */
void capture_tail(const struct capture *capture, capture_on_line on_line, void *data);
