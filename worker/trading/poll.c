/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a poll, written as the lines that the spool keeps.
 */
#include "worker/trading/poll.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"

static bool
make_room(struct poll_batch *batch, size_t more)
{
	size_t room = batch->room ? batch->room : 65536;
	char *larger;

	while (room < batch->used + more)
		room *= 2;
	if (room == batch->room)
		return true;
	larger = realloc(batch->text, room);
	if (!larger)
		return false;
	batch->text = larger;
	batch->room = room;
	return true;
}

static void
put(struct poll_batch *batch, const char *bytes, size_t length)
{
	memcpy(batch->text + batch->used, bytes, length);
	batch->used += length;
}

static void
put_string(struct poll_batch *batch, const char *text, size_t length)
{
	char escape[8];

	put(batch, "\"", 1);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == '"' || c == '\\')
			put(batch, escape,
			    (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
		else
			put(batch, text + i, 1);
	}
	put(batch, "\"", 1);
}

static void
put_member(struct poll_batch *batch, const char *name, const char *text, size_t length)
{
	if (batch->text[batch->used - 1] != '{')
		put(batch, ",", 1);
	put_string(batch, name, strlen(name));
	put(batch, ":", 1);
	put_string(batch, text, length);
}

/* FNV-1a. */
static uint64_t
hash(uint64_t start, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		start = (start ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return (start ^ 0x100) * UINT64_C(0x100000001b3);
}

/* A trade that is taken back has the id of the one that corrects it, and must not stand
 * in its way: a record without a price is itself alone. */
uint64_t
poll_key(const struct field_text fields[FIELD_COUNT], const char *line, size_t length)
{
	static const enum field which[] = { FIELD_SYMBOL, FIELD_ID, FIELD_TIME };
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < 3; i++) {
		const struct field_text *field = &fields[which[i]];

		if (!field->text || !fields[FIELD_PRICE].text)
			return hash(key, line, length);
		key = hash(key, field->text, field->length);
	}
	return key;
}

static bool
grow(struct poll_batch *batch)
{
	size_t size = batch->size ? 2 * batch->size : 1024;
	struct poll_record *larger;

	if (batch->n < batch->size)
		return true;
	larger = realloc(batch->records, size * sizeof(*larger));
	if (!larger)
		return false;
	batch->records = larger;
	batch->size = size;
	return true;
}

static void
put_line(struct poll_batch *batch, const struct field_text fields[FIELD_COUNT],
    const char *dropped)
{
	put(batch, "{", 1);
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (fields[i].text)
			put_member(batch, field_name((enum field)i), fields[i].text,
			    fields[i].length);
	}
	if (dropped)
		put_member(batch, "dropped", dropped, strlen(dropped));
	put(batch, "}\n", 2);
}

int
poll_batch_add(struct poll_batch *batch, const struct field_text given[FIELD_COUNT],
    const char *dropped)
{
	const struct field_text *time = &given[FIELD_TIME];
	size_t need = 64, offset = batch->used;
	struct field_text fields[FIELD_COUNT];
	struct poll_record *record;
	int64_t ns;

	memcpy(fields, given, sizeof(fields));
	if (dropped)
		fields[FIELD_PRICE] = (struct field_text){ 0 };
	for (int i = 0; i < FIELD_COUNT; i++)
		need += 6 * fields[i].length + 32;
	if (batch->n == POLL_RECORDS_MAX || batch->used + need > POLL_TEXT_MAX) {
		batch->is_full = true;
		return 0;
	}
	if (!make_room(batch, need) || !grow(batch))
		return -ENOMEM;
	put_line(batch, fields, dropped);
	if (time->text &&
	    timestamp_parse(time->text, time->length, TIME_UNIT_RFC3339, &ns) == 0)
		batch->last_ns = ns;
	record = &batch->records[batch->n++];
	*record = (struct poll_record){ .time_ns = batch->last_ns,
		.offset = offset,
		.length = batch->used - offset };
	record->key = poll_key(fields, batch->text + offset, batch->used - offset - 1);
	return 0;
}

void
poll_batch_clear(struct poll_batch *batch)
{
	batch->n = batch->used = 0;
	batch->last_ns = 0;
	batch->is_full = false;
}

void
poll_batch_deinit(struct poll_batch *batch)
{
	free(batch->records);
	free(batch->text);
	*batch = (struct poll_batch){ 0 };
}

bool
poll_put_time(const char *name, int64_t ns, char url[URL_MAX + 1])
{
	char time[TIMESTAMP_TEXT_MAX];
	size_t used = strlen(url);
	int n = snprintf(url + used, URL_MAX + 1 - used, "&%s=", name);

	if (n < 0 || (size_t)n >= URL_MAX + 1 - used)
		return false;
	timestamp_format(ns, time);
	return url_escape(time, url, URL_MAX + 1);
}
