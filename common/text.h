/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded writing of text, and what in it could harm a reader: control characters,
 * broken UTF-8, characters that end a line or turn its direction.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct text_out - a buffer being filled; always NUL-terminated when @size > 0 */
struct text_out {
	char *out;
	size_t size;
	size_t used;	/* without the NUL */
	size_t reserve; /* kept free at the end, for what closes the text; without the
			   NUL */
};

void text_init(struct text_out *text, char *out, size_t size);

/** text_put() - append all of @bytes or nothing. Return: whether it fitted. */
bool text_put(struct text_out *text, const char *bytes, size_t length);

/** text_putf() - the same, printf-style; at most 127 bytes. */
bool text_putf(struct text_out *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define TEXT_BROKEN UINT32_MAX

/**
 * text_next() - the code point that begins at @bytes, and its length
 *
 * Return: the code point with @ret_length 1 to 4; TEXT_BROKEN with 1 for a byte that is
 * no part of valid UTF-8 (overlong forms, surrogates, values past U+10FFFF included).
 */
uint32_t text_next(const char *bytes, size_t length, size_t *ret_length);

/**
 * text_is_harmless() - false for control characters, line separators and direction
 * marks.
 */
bool text_is_harmless(uint32_t code_point);
