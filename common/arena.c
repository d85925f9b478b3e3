/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands out pieces of large blocks and frees the blocks; a piece cannot be freed alone.
 */
#include "common/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)16384)

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) unsigned char bytes[];
};

static int
add_block(struct arena *arena, size_t size)
{
	struct arena_block *block = calloc(1, sizeof(*block) + size);

	if (!block)
		return -1;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used = 0;
	arena->size = size;
	return 0;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	size_t rounded =
	    (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *piece;

	if (rounded < size)
		return NULL;
	if (rounded > arena->size - arena->used &&
	    add_block(arena, rounded > BLOCK_SIZE ? rounded : BLOCK_SIZE) < 0)
		return NULL;
	piece = arena->blocks->bytes + arena->used;
	arena->used += rounded;
	return piece;
}

char *
arena_copy(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	if (copy)
		memcpy(copy, text, length);
	return copy;
}

void
arena_deinit(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	*arena = (struct arena){ 0 };
}
