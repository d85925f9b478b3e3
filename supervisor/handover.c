/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of a handed-over state: values, maps by tables, the version. What is in
 * it is in handover_tree.c and handover_supervisor.c.
 */
#include "supervisor/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define FIRST_ROOM 65536

/* Writing. */

static int
append(void *data, const char *bytes, size_t length)
{
	struct handover_writer *writer = data;

	if (writer->failed || length > HANDOVER_MAX - writer->used) {
		writer->failed = true;
		return -1;
	}
	if (writer->room - writer->used < length) {
		size_t room = writer->room ? writer->room : FIRST_ROOM;
		char *grown;

		while (room - writer->used < length)
			room *= 2;
		grown = realloc(writer->bytes, room);
		if (!grown) {
			writer->failed = true;
			return -1;
		}
		writer->bytes = grown;
		writer->room = room;
	}
	memcpy(writer->bytes + writer->used, bytes, length);
	writer->used += length;
	return 0;
}

void
handover_writer_init(struct handover_writer *writer, unsigned version)
{
	*writer = (struct handover_writer){ .version = version };
	msgpack_packer_init(&writer->packer, writer, append);
}

void
handover_writer_deinit(struct handover_writer *writer)
{
	free(writer->bytes);
	free(writer->fds);
	writer->bytes = NULL;
	writer->fds = NULL;
}

void
handover_array(struct handover_writer *writer, size_t n)
{
	msgpack_pack_array(&writer->packer, n);
}

void
handover_map(struct handover_writer *writer, size_t n)
{
	msgpack_pack_map(&writer->packer, n);
}

void
handover_int(struct handover_writer *writer, int64_t value)
{
	msgpack_pack_int64(&writer->packer, value);
}

void
handover_bytes(struct handover_writer *writer, const char *bytes, size_t length)
{
	if (!bytes) {
		msgpack_pack_nil(&writer->packer);
		return;
	}
	msgpack_pack_str(&writer->packer, length);
	msgpack_pack_str_body(&writer->packer, bytes, length);
}

void
handover_text(struct handover_writer *writer, const char *text)
{
	handover_bytes(writer, text, text ? strlen(text) : 0);
}

void
handover_fd(struct handover_writer *writer, int fd)
{
	handover_int(writer, fd);
	if (fd < 0)
		return;
	if (writer->n_fds == writer->fds_room) {
		size_t room = writer->fds_room ? writer->fds_room * 2 : 64;
		int *fds = reallocarray(writer->fds, room, sizeof(*fds));

		if (!fds) {
			writer->failed = true;
			return;
		}
		writer->fds = fds;
		writer->fds_room = room;
	}
	writer->fds[writer->n_fds++] = fd;
}

void
handover_text_of(struct handover_writer *writer, int fd)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t n = -1;

	if (fstat(fd, &st) == 0)
		text = malloc((size_t)st.st_size + 1);
	if (text)
		n = pread(fd, text, (size_t)st.st_size, 0);
	if (n < 0 || n != st.st_size)
		writer->failed = true;
	else
		handover_bytes(writer, text, (size_t)n);
}

/* Reading. */

bool
handover_wrong(struct handover_reader *reader, const char *format, ...)
{
	va_list args;

	if (reader->why[0])
		return false;
	va_start(args, format);
	vsnprintf(reader->why, sizeof(reader->why), format, args);
	va_end(args);
	return false;
}

static bool
next(struct handover_reader *reader, struct wire_value *ret_value)
{
	return wire_next(&reader->wire, ret_value) ||
	       handover_wrong(reader, "the state ends early or is no msgpack");
}

bool
handover_skip(struct handover_reader *reader)
{
	return wire_skip(&reader->wire, 1) ||
	       handover_wrong(reader, "the state ends early or is no msgpack");
}

static bool
read_length(struct handover_reader *reader, enum wire_type type, uint64_t *ret_n)
{
	struct wire_value value;

	if (!next(reader, &value))
		return false;
	if (value.type != type)
		return handover_wrong(reader, "a list or map was expected");
	*ret_n = value.length;
	return true;
}

bool
handover_read_array(struct handover_reader *reader, uint64_t *ret_n)
{
	return read_length(reader, WIRE_ARRAY, ret_n);
}

bool
handover_read_map(struct handover_reader *reader, uint64_t *ret_n)
{
	/* wire.h counts keys and values. */
	if (!read_length(reader, WIRE_MAP, ret_n))
		return false;
	*ret_n /= 2;
	return true;
}

bool
handover_read_int(
    struct handover_reader *reader, int64_t min, int64_t max, int64_t *ret_value)
{
	struct wire_value value;

	if (!next(reader, &value))
		return false;
	if (value.type != WIRE_INT || value.number < min || value.number > max)
		return handover_wrong(reader, "a number is missing or out of range");
	*ret_value = value.number;
	return true;
}

bool
handover_read_bytes(
    struct handover_reader *reader, const char **ret_bytes, size_t *ret_length)
{
	struct wire_value value;

	if (!next(reader, &value))
		return false;
	if (value.type != WIRE_TEXT && value.type != WIRE_NIL)
		return handover_wrong(reader, "a text was expected");
	*ret_bytes = value.type == WIRE_NIL ? NULL : value.text;
	*ret_length = value.type == WIRE_NIL ? 0 : (size_t)value.length;
	return true;
}

bool
handover_read_text(struct handover_reader *reader, char **ret_text)
{
	const char *bytes;
	size_t length;
	char *text;

	if (!handover_read_bytes(reader, &bytes, &length))
		return false;
	text = bytes ? strndup(bytes, length) : NULL;
	if (bytes && !text)
		return handover_wrong(reader, "%s", strerror(ENOMEM));
	*ret_text = text;
	return true;
}

bool
handover_is_trial(const struct handover_reader *reader)
{
	return !reader->attempt || reader->attempt->is_trial;
}

static bool
note_fd(struct handover_attempt *attempt, int fd)
{
	if (attempt->n_fds == attempt->fds_room) {
		size_t room = attempt->fds_room ? attempt->fds_room * 2 : 64;
		int *fds = reallocarray(attempt->fds, room, sizeof(*fds));

		if (!fds)
			return false;
		attempt->fds = fds;
		attempt->fds_room = room;
	}
	attempt->fds[attempt->n_fds++] = fd;
	return true;
}

void
handover_attempt_deinit(struct handover_attempt *attempt)
{
	free(attempt->fds);
	*attempt = (struct handover_attempt){ 0 };
}

bool
handover_read_fd(struct handover_reader *reader, int *ret_fd)
{
	int64_t number;

	if (!handover_read_int(reader, -1, INT32_MAX, &number))
		return false;
	if (handover_is_trial(reader) || number < 0) {
		*ret_fd = -1;
		return true;
	}
	if (number <= STDERR_FILENO || fcntl((int)number, F_GETFD) < 0)
		return handover_wrong(
		    reader, "descriptor %d is not there", (int)number);
	if (!note_fd(reader->attempt, (int)number))
		return handover_wrong(reader, "%s", strerror(ENOMEM));
	*ret_fd = (int)number;
	return true;
}

/* Maps by tables. */

static bool
is_written(const struct handover_field *field, unsigned version)
{
	return field->since <= version;
}

size_t
handover_count_fields(
    const struct handover_writer *writer, const struct handover_table *table)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++)
		n += is_written(&table->fields[i], writer->version);
	return n;
}

static void
write_field(struct handover_writer *writer, const struct handover_field *field,
    const void *object)
{
	const void *at = (const char *)object + field->offset;

	switch (field->type) {
	case HANDOVER_INT64:
		handover_int(writer, *(const int64_t *)at);
		break;
	case HANDOVER_UINT64:
		handover_int(writer, (int64_t)(*(const uint64_t *)at & INT64_MAX));
		break;
	case HANDOVER_UINT32:
		handover_int(writer, *(const uint32_t *)at);
		break;
	case HANDOVER_SIZE:
		handover_int(writer, (int64_t)(*(const size_t *)at & INT64_MAX));
		break;
	case HANDOVER_INT:
		handover_int(writer, *(const int *)at);
		break;
	case HANDOVER_BOOL:
		handover_int(writer, *(const bool *)at);
		break;
	case HANDOVER_TEXT:
		handover_bytes(writer, at, strnlen(at, (size_t)field->max));
		break;
	case HANDOVER_STRING:
		handover_text(writer, *(char *const *)at);
		break;
	case HANDOVER_FD:
		handover_fd(writer, *(const int *)at);
		break;
	case HANDOVER_OTHER:
		field->write(writer, object);
		break;
	}
}

void
handover_write_fields(struct handover_writer *writer,
    const struct handover_table *table, const void *object)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct handover_field *field = &table->fields[i];

		if (!is_written(field, writer->version))
			continue;
		handover_text(writer, field->key);
		write_field(writer, field, object);
	}
}

static bool
read_number(
    struct handover_reader *reader, const struct handover_field *field, void *at)
{
	int64_t min = field->min, max = field->max, value;

	if (min == 0 && max == 0) {
		min = field->type == HANDOVER_INT64 ? INT64_MIN : 0;
		max = field->type == HANDOVER_UINT32 ? UINT32_MAX
		      : field->type == HANDOVER_INT  ? INT32_MAX
		      : field->type == HANDOVER_BOOL ? 1
						     : INT64_MAX;
	}
	if (!handover_read_int(reader, min, max, &value))
		return handover_wrong(reader, "%s", field->key);
	if (field->type == HANDOVER_INT64)
		*(int64_t *)at = value;
	else if (field->type == HANDOVER_UINT64)
		*(uint64_t *)at = (uint64_t)value;
	else if (field->type == HANDOVER_UINT32)
		*(uint32_t *)at = (uint32_t)value;
	else if (field->type == HANDOVER_SIZE)
		*(size_t *)at = (size_t)value;
	else if (field->type == HANDOVER_BOOL)
		*(bool *)at = value;
	else
		*(int *)at = (int)value;
	return true;
}

static bool
read_inline_text(
    struct handover_reader *reader, const struct handover_field *field, char *at)
{
	const char *bytes;
	size_t length, room = (size_t)field->max - 1;

	if (!handover_read_bytes(reader, &bytes, &length))
		return false;
	if (length > room)
		length = room;
	if (length > 0)
		memcpy(at, bytes, length);
	at[length] = '\0';
	return true;
}

static bool
read_string(struct handover_reader *reader, char **at)
{
	char *text;

	if (!handover_read_text(reader, &text))
		return false;
	free(*at);
	*at = text;
	return true;
}

static bool
read_field(
    struct handover_reader *reader, const struct handover_field *field, void *object)
{
	void *at = (char *)object + field->offset;

	switch (field->type) {
	case HANDOVER_INT64:
	case HANDOVER_UINT64:
	case HANDOVER_UINT32:
	case HANDOVER_SIZE:
	case HANDOVER_INT:
	case HANDOVER_BOOL:
		return read_number(reader, field, at);
	case HANDOVER_TEXT:
		return read_inline_text(reader, field, at);
	case HANDOVER_STRING:
		return read_string(reader, at);
	case HANDOVER_FD:
		return handover_read_fd(reader, at);
	case HANDOVER_OTHER:
		return field->read(reader, object);
	}
	return false;
}

static const struct handover_field *
find_field(const struct handover_reader *reader, const struct handover_table *table,
    const char *key, size_t length)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct handover_field *field = &table->fields[i];

		if (key && strlen(field->key) == length &&
		    memcmp(field->key, key, length) == 0 &&
		    is_written(field, reader->version))
			return field;
	}
	return NULL;
}

bool
handover_read_pairs(struct handover_reader *reader, const struct handover_table *table,
    uint64_t n, void *object)
{
	for (; n > 0; n--) {
		const struct handover_field *field;
		const char *key;
		size_t length;

		if (!handover_read_bytes(reader, &key, &length))
			return false;
		field = find_field(reader, table, key, length);
		if (!(field ? read_field(reader, field, object)
			    : handover_skip(reader)))
			return false;
	}
	return true;
}

bool
handover_read_fields(
    struct handover_reader *reader, const struct handover_table *table, void *object)
{
	uint64_t n;

	return handover_read_map(reader, &n) &&
	       handover_read_pairs(reader, table, n, object);
}
