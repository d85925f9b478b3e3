/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for many small things that are freed together.
 */
#pragma once

#include <stddef.h>

struct arena_block;

/** struct arena - all zero at first */
struct arena {
	struct arena_block *blocks;
	size_t used, size; /* of the first block */
};

/** arena_alloc() - @size zeroed bytes, aligned for anything. NULL: out of memory. */
void *arena_alloc(struct arena *arena, size_t size);

/** arena_copy() - @length bytes of text and a NUL. NULL: out of memory. */
char *arena_copy(struct arena *arena, const char *text, size_t length);

void arena_deinit(struct arena *arena);
