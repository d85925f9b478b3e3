/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files that must be whole or absent: written beside the old one, synced,
 * renamed; a corrupt one is moved aside, never deleted.
 */
#pragma once

#include <stddef.h>

#define STATEFILE_MAX (1 << 20)

/**
 * statefile_write() - replace @path by @length bytes, atomically; mode 0600
 *
 * @path.tmp is used on the way, so a file has one writer at a time.
 * @durable: fsync file and directory before returning; without it a power cut may bring
 *           back the old content, or on some file systems an empty file; a kill never
 * does
 *
 * Return: 0, -errno (the old file is untouched).
 */
int statefile_write(const char *path, const void *data, size_t length, int durable);

/** statefile_write_by() - the same by way of @temporary, in the same directory; with a
 * name of its own for each, a file may have several writers: the last one wins. */
int statefile_write_by(const char *path, const char *temporary, const void *data,
    size_t length, int durable);

/**
 * statefile_read() - all of @path, NUL-terminated after its end; caller frees
 *
 * Return: 0; -ENOENT; -EFBIG past STATEFILE_MAX; -errno.
 */
int statefile_read(const char *path, char **ret_data, size_t *ret_length);

/**
 * statefile_read_lines() - give each line that is not empty to @take
 *
 * A file that is not there has no lines. One that is too large, has a NUL in it, or of
 * which @take says -EBADMSG, is set aside. Return: 0; -EBADMSG: it was set aside; what
 * @take returned below 0; -errno.
 */
int statefile_read_lines(
    const char *path, int (*take)(char *line, void *data), void *data);

/**
 * statefile_set_aside() - rename @path to @path.corrupt-<unix seconds>[-N]; @ret_name
 * (may be NULL): the new name, caller frees. Return: 0, -errno.
 */
int statefile_set_aside(const char *path, char **ret_name);
