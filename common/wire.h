/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor over msgpack, one value at a time. It allocates nothing, never recurses, and
 * does at most one step for each byte that is there, whatever the bytes claim.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire {
	const unsigned char *p, *end;
};

enum wire_type {
	WIRE_NIL,
	WIRE_BOOL,
	WIRE_INT,   /* one that fits int64_t */
	WIRE_TEXT,  /* str; bytes as they came, not checked for UTF-8 */
	WIRE_ARRAY, /* its children are the next values */
	WIRE_MAP,   /* keys and values in turn are the next values */
	WIRE_OTHER, /* float, bin, ext, an integer past INT64_MAX */
};

struct wire_value {
	enum wire_type type;
	int64_t number;	  /* WIRE_INT; WIRE_BOOL: 0 or 1 */
	const char *text; /* WIRE_TEXT; points into the packet */
	uint64_t
	    length; /* WIRE_TEXT: bytes; WIRE_ARRAY, WIRE_MAP: values that follow */
};

/** wire_init() - a cursor at the beginning of @packet, which must outlive it. */
struct wire wire_init(const void *packet, size_t length);

/** wire_next() - take one value. Return: false if there is none, or it is broken. */
bool wire_next(struct wire *wire, struct wire_value *ret_value);

/** wire_skip() - take @n values with all that is in them. Return: as wire_next(). */
bool wire_skip(struct wire *wire, uint64_t n);

/** wire_at_end() - whether everything has been taken. */
bool wire_at_end(const struct wire *wire);
