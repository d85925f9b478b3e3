/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a file, decompressed if it is gzip, from any place on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct source;

#define SOURCE_E_END 1	/* the end; never with follow */
#define SOURCE_E_WAIT 2 /* follow: nothing more at the moment */
#define SOURCE_E_DATA                                                                  \
	3 /* unusable: not there, damaged, truncated, replaced; @error says which */

/**
 * source_open() - open a file for reading; gzip is known by its first two bytes
 * @path: borrowed for as long as the source lives
 * @follow: more may come at the end
 *
 * Return: 0; SOURCE_E_DATA; -errno. @error is filled.
 */
int source_open(
    const char *path, bool follow, struct error *error, struct source **ret_source);

/**
 * source_read() - up to @size (> 0) bytes, at least one
 *
 * Return: 0; SOURCE_E_…; -errno.
 */
int source_read(struct source *source, void *buffer, size_t size, size_t *ret_length,
    struct error *error);

/**
 * source_seek() - go to a place, counted in decompressed bytes
 *
 * A plain file seeks; gzip is read from its beginning.
 * Return: 0; SOURCE_E_DATA: the file is shorter, or damaged before it; -errno.
 */
int source_seek(struct source *source, uint64_t offset, struct error *error);

const char *source_path(const struct source *source);
struct source *source_free(struct source *source);
void source_freep(struct source **source);
