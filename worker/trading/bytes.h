/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved state as bytes: integers little-endian, text with its length before it. What is
 * read back is never trusted: the reader runs dry, it does not run over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/trading/strategy.h"

/** struct bytes_writer - collects small pieces; the first error stays */
struct bytes_writer {
	tradesup_write write;
	void *data;
	int error;
	size_t used;
	unsigned char buffer[4096];
};

void bytes_writer_init(struct bytes_writer *writer, tradesup_write write, void *data);
void bytes_put(struct bytes_writer *writer, const void *bytes, size_t length);
void bytes_put_u64(struct bytes_writer *writer, uint64_t value);
void bytes_put_i128(struct bytes_writer *writer, __int128 value);
void bytes_put_text(struct bytes_writer *writer, const char *text);

/**
 * bytes_writer_finish() - hand on what is left
 *
 * Return: 0, or the first error of write().
 */
int bytes_writer_finish(struct bytes_writer *writer);

/**
 * struct bytes_reader - bytes being read
 *
 * A read past the end gives zeros, and @broken says so.
 */
struct bytes_reader {
	const unsigned char *at;
	size_t left;
	bool broken;
};

void bytes_reader_init(struct bytes_reader *reader, const void *bytes, size_t length);
uint64_t bytes_get_u64(struct bytes_reader *reader);
__int128 bytes_get_i128(struct bytes_reader *reader);

/** bytes_get_text() - borrowed from the bytes, not NUL-terminated. */
const char *bytes_get_text(struct bytes_reader *reader, size_t *ret_length);

/** bytes_get_magic() - whether the next text is @magic. */
bool bytes_get_magic(struct bytes_reader *reader, const char *magic);

/** bytes_is_done() - nothing was missing and nothing is left over. */
bool bytes_is_done(const struct bytes_reader *reader);
