/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of names: each gets a number, dense from 0, in the order of appearance.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SYMBOLS_MAX (UINT32_C(1) << 20) /* as many as a feed may bring */

struct symbol {
	char *name; /* NUL-terminated, and may hold a NUL if the caller's did */
	size_t length;
	uint32_t hash;
};

struct symbols {
	struct symbol *list;
	uint32_t count, allocated;
	uint32_t *buckets;  /* index + 1; 0: free */
	uint32_t n_buckets; /* a power of two, or 0 */
};

void symbols_init(struct symbols *symbols);
void symbols_deinit(struct symbols *symbols);

/**
 * symbols_add() - the number of a name, a new one if it is not there
 * @name, @length: not necessarily NUL-terminated
 *
 * Return: 0; -ENOMEM; -ENOSPC: SYMBOLS_MAX are there.
 */
int symbols_add(
    struct symbols *symbols, const char *name, size_t length, uint32_t *ret_index);

/** symbols_name() - NULL past the last; stays where it is until symbols_deinit(). */
const char *symbols_name(const struct symbols *symbols, uint32_t index);
