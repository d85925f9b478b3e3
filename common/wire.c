/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads msgpack (https://github.com/msgpack/msgpack/blob/master/spec.md) in place.
 *
 * Why not msgpack-c's unpacker: it builds a tree of objects on the heap for each
 * packet, as large as the packet says it is. A supervisor reads thousands of heartbeats
 * a second from programs that it must not trust. The unit tests and the fuzz target
 * hold this reader against msgpack-c.
 */
#include "common/wire.h"

/* What a head byte announces. @bytes: how many bytes of number follow it. */
struct head {
	enum {
		HEAD_INVALID,
		HEAD_NIL,
		HEAD_BOOL,
		HEAD_UNSIGNED,
		HEAD_SIGNED,
		HEAD_FLOAT,
		HEAD_TEXT,
		HEAD_BIN,
		HEAD_EXT,
		HEAD_ARRAY,
		HEAD_MAP,
	} kind;
	unsigned bytes;
	uint64_t number; /* where it is in the head byte itself, or fixed */
};

static const struct head heads_c0_to_df[] = {
	{ HEAD_NIL, 0, 0 },
	{ HEAD_INVALID, 0, 0 },
	{ HEAD_BOOL, 0, 0 },
	{ HEAD_BOOL, 0, 1 },
	{ HEAD_BIN, 1, 0 },
	{ HEAD_BIN, 2, 0 },
	{ HEAD_BIN, 4, 0 },
	{ HEAD_EXT, 1, 0 },
	{ HEAD_EXT, 2, 0 },
	{ HEAD_EXT, 4, 0 },
	{ HEAD_FLOAT, 4, 0 },
	{ HEAD_FLOAT, 8, 0 },
	{ HEAD_UNSIGNED, 1, 0 },
	{ HEAD_UNSIGNED, 2, 0 },
	{ HEAD_UNSIGNED, 4, 0 },
	{ HEAD_UNSIGNED, 8, 0 },
	{ HEAD_SIGNED, 1, 0 },
	{ HEAD_SIGNED, 2, 0 },
	{ HEAD_SIGNED, 4, 0 },
	{ HEAD_SIGNED, 8, 0 },
	{ HEAD_EXT, 0, 1 },
	{ HEAD_EXT, 0, 2 },
	{ HEAD_EXT, 0, 4 },
	{ HEAD_EXT, 0, 8 },
	{ HEAD_EXT, 0, 16 },
	{ HEAD_TEXT, 1, 0 },
	{ HEAD_TEXT, 2, 0 },
	{ HEAD_TEXT, 4, 0 },
	{ HEAD_ARRAY, 2, 0 },
	{ HEAD_ARRAY, 4, 0 },
	{ HEAD_MAP, 2, 0 },
	{ HEAD_MAP, 4, 0 },
};

static struct head
decode_head(unsigned char byte)
{
	if (byte < 0x80)
		return (struct head){ HEAD_UNSIGNED, 0, byte };
	if (byte < 0x90)
		return (struct head){ HEAD_MAP, 0, byte & 0xfU };
	if (byte < 0xa0)
		return (struct head){ HEAD_ARRAY, 0, byte & 0xfU };
	if (byte < 0xc0)
		return (struct head){ HEAD_TEXT, 0, byte & 0x1fU };
	if (byte < 0xe0)
		return heads_c0_to_df[byte - 0xc0];
	return (struct head){ HEAD_SIGNED, 0, (uint64_t)(int8_t)byte };
}

static size_t
bytes_left(const struct wire *wire)
{
	return (size_t)(wire->end - wire->p);
}

static bool
take_number(struct wire *wire, unsigned bytes, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (bytes_left(wire) < bytes)
		return false;
	for (unsigned i = 0; i < bytes; i++)
		number = number << 8 | *wire->p++;
	*ret_number = number;
	return true;
}

static bool
take_bytes(struct wire *wire, uint64_t n)
{
	if (bytes_left(wire) < n)
		return false;
	wire->p += n;
	return true;
}

/* A number of so many bytes, as the signed number that its highest bit makes it. */
static int64_t
sign_extend(uint64_t number, unsigned bytes)
{
	unsigned unused = bytes > 0 ? 64 - 8 * bytes : 0;

	return (int64_t)(number << unused) >> unused;
}

/* Every child is at least one byte: a claim of more is known to be false here. */
static bool
announce(
    const struct wire *wire, enum wire_type type, uint64_t n, struct wire_value *value)
{
	value->type = type;
	value->length = n;
	return n <= bytes_left(wire);
}

struct wire
wire_init(const void *packet, size_t length)
{
	const unsigned char *bytes = packet;

	return (struct wire){ bytes, bytes + length };
}

bool
wire_next(struct wire *wire, struct wire_value *ret_value)
{
	struct wire_value *value = ret_value;
	struct head head;

	if (wire_at_end(wire))
		return false;
	head = decode_head(*wire->p++);
	if (head.bytes > 0 && !take_number(wire, head.bytes, &head.number))
		return false;

	*value = (struct wire_value){ .type = WIRE_OTHER };
	switch (head.kind) {
	case HEAD_INVALID:
		return false;
	case HEAD_NIL:
		value->type = WIRE_NIL;
		return true;
	case HEAD_BOOL:
		value->type = WIRE_BOOL;
		value->number = (int64_t)head.number;
		return true;
	case HEAD_UNSIGNED:
		value->type = head.number <= INT64_MAX ? WIRE_INT : WIRE_OTHER;
		value->number = (int64_t)head.number;
		return true;
	case HEAD_SIGNED:
		value->type = WIRE_INT;
		value->number = sign_extend(head.number, head.bytes);
		return true;
	case HEAD_FLOAT:
		return true;
	case HEAD_TEXT:
		value->type = WIRE_TEXT;
		value->text = (const char *)wire->p;
		value->length = head.number;
		return take_bytes(wire, head.number);
	case HEAD_BIN:
		return take_bytes(wire, head.number);
	case HEAD_EXT:
		return take_bytes(wire, head.number + 1); /* its type is a byte more */
	case HEAD_ARRAY:
		return announce(wire, WIRE_ARRAY, head.number, value);
	case HEAD_MAP:
		return announce(wire, WIRE_MAP, 2 * head.number, value);
	}
	return false;
}

bool
wire_skip(struct wire *wire, uint64_t n)
{
	struct wire_value value;

	/* Whatever the nesting, the values still to come are just counted. */
	for (; n > 0; n--) {
		if (n > bytes_left(wire) || !wire_next(wire, &value))
			return false;
		if (value.type == WIRE_ARRAY || value.type == WIRE_MAP)
			n += value.length;
	}
	return true;
}

bool
wire_at_end(const struct wire *wire)
{
	return wire->p == wire->end;
}
