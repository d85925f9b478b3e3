/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to msgpack and back. One table says which fields a type has and where they
 * are kept; encoder and decoder both walk it. Sending is link.c's business.
 *
 * Writing is msgpack-c's packer over a fixed buffer, reading is the cursor of wire.h,
 * so neither allocates.
 */
#include "common/msg.h"

#include <errno.h>
#include <string.h>

#include <msgpack.h>

#include "common/wire.h"

enum field_type {
	FIELD_INT,	/* int64_t from min to max */
	FIELD_TEXT,	/* char[max] */
	FIELD_TEXT_NIL, /* char[max]; "" is nil on the wire */
	FIELD_BOOL,
	FIELD_FAULT,   /* enum fault_kind, by its name */
	FIELD_OUTCOME, /* enum heal_outcome, by its name */
};

struct field {
	enum field_type type;
	size_t offset;
	int64_t min, max;
};

#define FIELDS_MAX 6

#define AT(member) offsetof(struct msg, member)
#define INT(member, low, high)                                                         \
	{                                                                              \
		FIELD_INT, AT(member), low, high                                       \
	}
#define COUNT(member) INT(member, 0, INT64_MAX)
#define TEXT(member)                                                                   \
	{                                                                              \
		FIELD_TEXT, AT(member), 0, sizeof(((struct msg *)NULL)->member)        \
	}
#define TEXT_NIL(member)                                                               \
	{                                                                              \
		FIELD_TEXT_NIL, AT(member), 0, sizeof(((struct msg *)NULL)->member)    \
	}
#define OTHER(kind, member)                                                            \
	{                                                                              \
		kind, AT(member), 0, 0                                                 \
	}

static const struct shape {
	const char *word;
	size_t n_fields;
	struct field fields[FIELDS_MAX];
} shapes[MSG_TYPE_COUNT] = {
	[MSG_HELLO] = { "hello", 3,
	    { COUNT(hello.version), TEXT(hello.name), COUNT(hello.pid) } },
	[MSG_READY] = { "ready", 0, { { 0 } } },
	[MSG_HEARTBEAT] = { "heartbeat", 2,
	    { COUNT(heartbeat.cycle), TEXT(heartbeat.phase) } },
	[MSG_CYCLE] = { "cycle", 6,
	    { COUNT(cycle.cycle), COUNT(cycle.clusters), COUNT(cycle.orders),
		TEXT_NIL(cycle.error), OTHER(FIELD_BOOL, cycle.healed),
		COUNT(cycle.duration_ns) } },
	[MSG_HEAL] = { "heal", 4,
	    { INT(heal.level, 1, 2), OTHER(FIELD_FAULT, heal.kind),
		OTHER(FIELD_OUTCOME, heal.outcome), TEXT(heal.detail) } },
	[MSG_STATUS] = { "status", 1, { TEXT(status.text) } },
	[MSG_RESTART] = { "restart", 1, { TEXT(restart.text) } },
	[MSG_BYE] = { "bye", 0, { { 0 } } },
	[MSG_EVENT] = { "event", 3,
	    { INT(event.level, 3, 7), TEXT(event.name), TEXT(event.fields) } },
	[MSG_FIGURES] = { "figures", 1, { TEXT(figures.fields) } },
	[MSG_STOP] = { "stop", 1, { INT(stop.deadline_ms, -1, INT64_MAX) } },
	[MSG_RELOAD] = { "reload", 0, { { 0 } } },
	[MSG_FAULT] = { "fault", 1, { OTHER(FIELD_FAULT, fault.kind) } },
	[MSG_HOLD] = { "hold", 2, { OTHER(FIELD_BOOL, hold.on), TEXT(hold.reason) } },
};

struct packet {
	char *bytes;
	size_t size, used;
};

static int
append(void *data, const char *bytes, size_t length)
{
	struct packet *packet = data;

	if (length > packet->size - packet->used)
		return -1;
	memcpy(packet->bytes + packet->used, bytes, length);
	packet->used += length;
	return 0;
}

static int
pack_text(msgpack_packer *packer, const char *text, size_t length)
{
	if (msgpack_pack_str(packer, length) < 0)
		return -1;
	return msgpack_pack_str_body(packer, text, length);
}

static int
pack_field(msgpack_packer *packer, const struct field *field, const void *at)
{
	const char *word;

	switch (field->type) {
	case FIELD_INT:
		return msgpack_pack_int64(packer, *(const int64_t *)at);
	case FIELD_TEXT_NIL:
		if (*(const char *)at == '\0')
			return msgpack_pack_nil(packer);
		return pack_text(packer, at, strnlen(at, (size_t)field->max));
	case FIELD_TEXT:
		return pack_text(packer, at, strnlen(at, (size_t)field->max));
	case FIELD_BOOL:
		return *(const bool *)at ? msgpack_pack_true(packer)
					 : msgpack_pack_false(packer);
	case FIELD_FAULT:
		word = fault_kind_name(*(const enum fault_kind *)at);
		return pack_text(packer, word, strlen(word));
	case FIELD_OUTCOME:
		word = heal_outcome_name(*(const enum heal_outcome *)at);
		return pack_text(packer, word, strlen(word));
	}
	return -1;
}

long
msg_encode(const struct msg *msg, void *packet, size_t size)
{
	const struct shape *shape = &shapes[msg->type];
	struct packet to = { .bytes = packet, .size = size };
	msgpack_packer packer;

	msgpack_packer_init(&packer, &to, append);
	if (msgpack_pack_array(&packer, shape->n_fields + 1) < 0 ||
	    pack_text(&packer, shape->word, strlen(shape->word)) < 0)
		return -EMSGSIZE;
	for (size_t i = 0; i < shape->n_fields; i++) {
		const struct field *field = &shape->fields[i];

		if (pack_field(&packer, field, (const char *)msg + field->offset) < 0)
			return -EMSGSIZE;
	}
	return (long)to.used;
}

/*
 * A text that is longer than its field is cut, before a character rather than within
 * it. A NUL in it ends it, since it is kept as a C string.
 */
static bool
read_text(const struct wire_value *value, char *to, size_t size)
{
	size_t length = value->length < size ? value->length : size - 1;

	if (value->type != WIRE_TEXT)
		return false;
	if (length < value->length) {
		while (length > 0 && (value->text[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(to, value->text, length);
	to[length] = '\0';
	return true;
}

/* No word of ours is longer. */
#define WORD_SIZE 16

static bool
read_fault(const struct wire_value *value, enum fault_kind *to)
{
	char word[WORD_SIZE];

	return value->length < sizeof(word) && read_text(value, word, sizeof(word)) &&
	       fault_kind_parse(word, to) == 0;
}

static bool
read_outcome(const struct wire_value *value, enum heal_outcome *to)
{
	char word[WORD_SIZE];

	return value->length < sizeof(word) && read_text(value, word, sizeof(word)) &&
	       heal_outcome_parse(word, to) == 0;
}

static bool
read_field(const struct field *field, const struct wire_value *value, void *at)
{
	switch (field->type) {
	case FIELD_INT:
		if (value->type != WIRE_INT || value->number < field->min ||
		    value->number > field->max)
			return false;
		*(int64_t *)at = value->number;
		return true;
	case FIELD_TEXT_NIL:
		if (value->type == WIRE_NIL) {
			*(char *)at = '\0';
			return true;
		}
		return read_text(value, at, (size_t)field->max);
	case FIELD_TEXT:
		return read_text(value, at, (size_t)field->max);
	case FIELD_BOOL:
		*(bool *)at = value->number;
		return value->type == WIRE_BOOL;
	case FIELD_FAULT:
		return read_fault(value, at);
	case FIELD_OUTCOME:
		return read_outcome(value, at);
	}
	return false;
}

static const struct shape *
find_shape(const struct wire_value *word)
{
	for (size_t i = 0; i < MSG_TYPE_COUNT; i++) {
		if (strlen(shapes[i].word) == word->length &&
		    memcmp(shapes[i].word, word->text, word->length) == 0)
			return &shapes[i];
	}
	return NULL;
}

int
msg_decode(const void *packet, size_t length, struct msg *ret_msg)
{
	struct wire wire = wire_init(packet, length);
	const struct shape *shape;
	struct wire_value value;
	uint64_t count;

	if (length > MSG_PACKET_MAX || !wire_next(&wire, &value) ||
	    value.type != WIRE_ARRAY || value.length == 0)
		return -EBADMSG;
	count = value.length - 1;
	if (!wire_next(&wire, &value) || value.type != WIRE_TEXT)
		return -EBADMSG;

	shape = find_shape(&value);
	if (!shape)
		return wire_skip(&wire, count) && wire_at_end(&wire) ? MSG_E_UNKNOWN
								     : -EBADMSG;
	if (count < shape->n_fields)
		return -EBADMSG;
	ret_msg->type = (enum msg_type)(shape - shapes);
	for (size_t i = 0; i < shape->n_fields; i++) {
		const struct field *field = &shape->fields[i];

		if (!wire_next(&wire, &value) ||
		    !read_field(field, &value, (char *)ret_msg + field->offset))
			return -EBADMSG;
	}
	if (!wire_skip(&wire, count - shape->n_fields) || !wire_at_end(&wire))
		return -EBADMSG;
	return 0;
}
