/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appends to a buffer of fixed size and walks UTF-8. Pure; the escapes of logfmt and
 * JSON are in record.c.
 */
#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
text_init(struct text_out *text, char *out, size_t size)
{
	*text = (struct text_out){ .out = out, .size = size };
	if (size > 0)
		out[0] = '\0';
}

bool
text_put(struct text_out *text, const char *bytes, size_t length)
{
	if (text->size < text->reserve + 1 ||
	    length > text->size - text->reserve - 1 - text->used ||
	    text->used > text->size - text->reserve - 1)
		return false;
	memcpy(text->out + text->used, bytes, length);
	text->used += length;
	text->out[text->used] = '\0';
	return true;
}

bool
text_putf(struct text_out *text, const char *format, ...)
{
	char piece[128];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	return n >= 0 && (size_t)n < sizeof(piece) && text_put(text, piece, (size_t)n);
}

uint32_t
text_next(const char *bytes, size_t length, size_t *ret_length)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)bytes[0];
	uint32_t code_point;
	size_t n;

	*ret_length = 1;
	if (first < 0x80)
		return first;
	if (first >= 0xc0 && first < 0xe0)
		n = 2;
	else if (first >= 0xe0 && first < 0xf0)
		n = 3;
	else if (first >= 0xf0 && first < 0xf8)
		n = 4;
	else
		return TEXT_BROKEN;
	if (n > length)
		return TEXT_BROKEN;

	code_point = first & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		unsigned char next = (unsigned char)bytes[i];

		if ((next & 0xc0) != 0x80)
			return TEXT_BROKEN;
		code_point = code_point << 6 | (next & 0x3fU);
	}
	if (code_point < smallest[n] || code_point > 0x10ffff ||
	    (code_point >= 0xd800 && code_point <= 0xdfff))
		return TEXT_BROKEN;
	*ret_length = n;
	return code_point;
}

bool
text_is_harmless(uint32_t code_point)
{
	static const struct {
		uint32_t first, last;
	} harmful[] = {
		{ 0x00, 0x1f },
		{ 0x7f, 0x9f },	    /* DEL, and the C1 controls that terminals obey */
		{ 0x200e, 0x200f }, /* direction marks, here and below */
		{ 0x2028, 0x2029 }, /* line and paragraph separator */
		{ 0x202a, 0x202e },
		{ 0x2066, 0x2069 },
		{ 0xfeff, 0xfeff },
		{ 0x110000, TEXT_BROKEN },
	};

	for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++) {
		if (code_point >= harmful[i].first && code_point <= harmful[i].last)
			return false;
	}
	return true;
}
