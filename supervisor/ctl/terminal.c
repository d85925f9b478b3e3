/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for a terminal. Pure; it knows no terminal, no locale and no width tables: a
 * character is a code point. Tables are made in table.c.
 */
#include "supervisor/ctl/terminal.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_continuation(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/* Length of the printable UTF-8 sequence at @text; 0 if there is none. */
static size_t
sequence_length(const unsigned char *text)
{
	unsigned first = text[0];
	size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	uint32_t code;

	if (length == 1)
		return first >= 0x20 && first != 0x7F;
	if (first < 0xC2 || first > 0xF4)
		return 0;
	code = first & (0x7Fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (!is_continuation(text[i]))
			return 0;
		code = code << 6 | (text[i] & 0x3Fu);
	}
	if ((length == 3 && code < 0x800) || (length == 4 && code < 0x10000))
		return 0;
	/* C1 controls, surrogates, and the marks that turn the direction of writing */
	if (code < 0xA0 || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF ||
	    (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
	    code == 0x2028 || code == 0x2029)
		return 0;
	return length;
}

char *
terminal_clean(const char *text)
{
	char *copy = malloc(strlen(text) + 1);
	size_t length = 0;

	if (!copy)
		return NULL;
	while (*text) {
		size_t n = sequence_length((const unsigned char *)text);

		if (n == 0)
			copy[length++] = '?';
		for (size_t i = 0; i < n; i++)
			copy[length++] = text[i];
		text += n > 0 ? n : 1;
	}
	copy[length] = '\0';
	return copy;
}

size_t
terminal_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += !is_continuation((unsigned char)*text);
	return width;
}

size_t
terminal_cut(const char *text, size_t width)
{
	size_t length = 0, seen = 0;

	for (; text[length]; length++) {
		if (!is_continuation((unsigned char)text[length]) && seen++ == width)
			break;
	}
	return length;
}

const char *
terminal_span(int64_t ms, char out[TERMINAL_SPAN_MAX])
{
	int64_t s = ms / 1000;

	if (ms < 0)
		snprintf(out, TERMINAL_SPAN_MAX, "-");
	else if (s < 10)
		snprintf(out, TERMINAL_SPAN_MAX, "%" PRId64 ".%" PRId64 "s", s,
		    ms % 1000 / 100);
	else if (s < 60)
		snprintf(out, TERMINAL_SPAN_MAX, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(out, TERMINAL_SPAN_MAX, "%" PRId64 "m%02" PRId64 "s", s / 60,
		    s % 60);
	else if (s < 86400)
		snprintf(out, TERMINAL_SPAN_MAX, "%" PRId64 "h%02" PRId64 "m", s / 3600,
		    s % 3600 / 60);
	else
		snprintf(out, TERMINAL_SPAN_MAX, "%" PRId64 "d%" PRId64 "h", s / 86400,
		    s % 86400 / 3600);
	return out;
}
