/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How state becomes bytes and comes back, for whatever keeps some. It does not know
 * what the bytes mean; versions are the callers' business. Needs nothing but libc,
 * since strategy modules use it.
 */
#include "worker/trading/bytes.h"

#include <string.h>

void
bytes_writer_init(struct bytes_writer *writer, tradesup_write write, void *data)
{
	writer->write = write;
	writer->data = data;
	writer->error = 0;
	writer->used = 0;
}

static void
flush(struct bytes_writer *writer)
{
	if (!writer->error && writer->used > 0)
		writer->error =
		    writer->write(writer->data, writer->buffer, writer->used);
	writer->used = 0;
}

void
bytes_put(struct bytes_writer *writer, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;

	while (length > 0) {
		size_t room = sizeof(writer->buffer) - writer->used;
		size_t piece = length < room ? length : room;

		memcpy(writer->buffer + writer->used, from, piece);
		writer->used += piece;
		from += piece;
		length -= piece;
		if (writer->used == sizeof(writer->buffer))
			flush(writer);
	}
}

void
bytes_put_u64(struct bytes_writer *writer, uint64_t value)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
	bytes_put(writer, bytes, sizeof(bytes));
}

void
bytes_put_i128(struct bytes_writer *writer, __int128 value)
{
	bytes_put_u64(writer, (uint64_t)value);
	bytes_put_u64(writer, (uint64_t)((unsigned __int128)value >> 64));
}

void
bytes_put_text(struct bytes_writer *writer, const char *text)
{
	size_t length = strlen(text);

	bytes_put_u64(writer, length);
	bytes_put(writer, text, length);
}

int
bytes_writer_finish(struct bytes_writer *writer)
{
	flush(writer);
	return writer->error;
}

void
bytes_reader_init(struct bytes_reader *reader, const void *bytes, size_t length)
{
	reader->at = bytes;
	reader->left = length;
	reader->broken = false;
}

static const unsigned char *
take(struct bytes_reader *reader, uint64_t length)
{
	const unsigned char *at = reader->at;

	if (reader->broken || length > reader->left) {
		reader->broken = true;
		return NULL;
	}
	reader->at += length;
	reader->left -= length;
	return at;
}

uint64_t
bytes_get_u64(struct bytes_reader *reader)
{
	const unsigned char *bytes = take(reader, 8);
	uint64_t value = 0;

	for (size_t i = 0; bytes && i < 8; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

__int128
bytes_get_i128(struct bytes_reader *reader)
{
	uint64_t low = bytes_get_u64(reader);
	uint64_t high = bytes_get_u64(reader);

	return (__int128)((unsigned __int128)high << 64 | low);
}

const char *
bytes_get_text(struct bytes_reader *reader, size_t *ret_length)
{
	uint64_t length = bytes_get_u64(reader);
	const unsigned char *bytes = take(reader, length);

	*ret_length = bytes ? (size_t)length : 0;
	return bytes ? (const char *)bytes : "";
}

bool
bytes_get_magic(struct bytes_reader *reader, const char *magic)
{
	size_t length;
	const char *text = bytes_get_text(reader, &length);

	return length == strlen(magic) && memcmp(text, magic, length) == 0;
}

bool
bytes_is_done(const struct bytes_reader *reader)
{
	return !reader->broken && reader->left == 0;
}
