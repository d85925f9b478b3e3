/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to numbers and back: a hash table with open addressing over a list that only
 * grows. What is known about a symbol is kept elsewhere, in arrays with the same index.
 * Nothing but libc.
 */
#include "worker/trading/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
symbols_init(struct symbols *symbols)
{
	*symbols = (struct symbols){ 0 };
}

void
symbols_deinit(struct symbols *symbols)
{
	for (uint32_t i = 0; i < symbols->count; i++)
		free(symbols->list[i].name);
	free(symbols->list);
	free(symbols->buckets);
	symbols_init(symbols);
}

/* FNV-1a: symbols are short. */
static uint32_t
hash_of(const char *name, size_t length)
{
	uint32_t hash = UINT32_C(2166136261);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * UINT32_C(16777619);
	return hash;
}

/* The bucket where the name is, or the free one where it belongs. */
static uint32_t *
find_bucket(
    const struct symbols *symbols, const char *name, size_t length, uint32_t hash)
{
	uint32_t mask = symbols->n_buckets - 1;

	for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
		uint32_t *bucket = &symbols->buckets[at];
		const struct symbol *symbol;

		if (*bucket == 0)
			return bucket;
		symbol = &symbols->list[*bucket - 1];
		if (symbol->hash == hash && symbol->length == length &&
		    memcmp(symbol->name, name, length) == 0)
			return bucket;
	}
}

static int
grow_buckets(struct symbols *symbols)
{
	uint32_t n = symbols->n_buckets ? symbols->n_buckets * 2 : 64;
	uint32_t *buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	for (uint32_t i = 0; i < symbols->count; i++) {
		uint32_t at = symbols->list[i].hash & (n - 1);

		while (buckets[at] != 0)
			at = (at + 1) & (n - 1);
		buckets[at] = i + 1;
	}
	free(symbols->buckets);
	symbols->buckets = buckets;
	symbols->n_buckets = n;
	return 0;
}

static int
grow_list(struct symbols *symbols)
{
	uint32_t allocated = symbols->allocated ? symbols->allocated * 2 : 32;
	struct symbol *list = reallocarray(symbols->list, allocated, sizeof(*list));

	if (!list)
		return -ENOMEM;
	symbols->list = list;
	symbols->allocated = allocated;
	return 0;
}

/* Room for one more name: in the list, and at most half of the buckets taken. */
static int
make_room(struct symbols *symbols)
{
	int r = 0;

	if (symbols->count >= SYMBOLS_MAX)
		return -ENOSPC;
	if (symbols->count == symbols->allocated)
		r = grow_list(symbols);
	if (r == 0 && symbols->count >= symbols->n_buckets / 2)
		r = grow_buckets(symbols);
	return r;
}

int
symbols_add(
    struct symbols *symbols, const char *name, size_t length, uint32_t *ret_index)
{
	uint32_t hash = hash_of(name, length);
	uint32_t *bucket;
	char *copy;
	int r;

	if (symbols->n_buckets > 0) {
		bucket = find_bucket(symbols, name, length, hash);
		if (*bucket != 0) {
			*ret_index = *bucket - 1;
			return 0;
		}
	}

	r = make_room(symbols);
	if (r < 0)
		return r;
	copy = malloc(length + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, length);
	copy[length] = '\0';

	*ret_index = symbols->count;
	symbols->list[symbols->count++] = (struct symbol){ copy, length, hash };
	*find_bucket(symbols, name, length, hash) = symbols->count;
	return 0;
}

const char *
symbols_name(const struct symbols *symbols, uint32_t index)
{
	return index < symbols->count ? symbols->list[index].name : NULL;
}
