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

#include "common/text.h"

static bool
is_continuation(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

char *
terminal_clean(const char *text)
{
	size_t left = strlen(text), length = 0, n;
	char *copy = malloc(left + 1);

	if (!copy)
		return NULL;
	for (; left > 0; text += n, left -= n) {
		if (text_is_harmless(text_next(text, left, &n))) {
			memcpy(copy + length, text, n);
			length += n;
		} else {
			copy[length++] = '?';
		}
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
