/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scanner for JSON whose numbers are texts. jansson reads the project's other JSON;
 * it gives a number as a double or an integer, and never the text that stood there, so
 * a price would not keep its digits. The whole text is checked against the grammar of
 * RFC 8259, also what is passed over. Strings are decoded in place. Bytes above 0x7f
 * pass as they are. In a header, since a line's scanning is most of a feed's work.
 *
 * json_take() passes blanks and takes one character; json_string() goes from behind the
 * opening quote to behind the closing one; json_value() takes any value, and gives the
 * text of a string or a number. Names that end in '_' are the scanner's own.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "worker/trading/fields.h"

/* Deeper nesting is refused, so that a line cannot use up the stack. */
#define JSON_DEPTH_MAX 64

/* Reads from a line that ends in a NUL at @end; a NUL before it is no JSON. */
struct json_scanner {
	char *at, *end;
	int depth;
};

/* What a value is: JSON_OTHER is true, false, an array or an object. */
enum json_kind { JSON_TEXT, JSON_NULL, JSON_OTHER, JSON_BROKEN };

static inline enum json_kind json_value(
    struct json_scanner *scanner, struct field_text *ret_text);

static inline void
json_blanks(struct json_scanner *scanner)
{
	while (*scanner->at == ' ' || *scanner->at == '\t' || *scanner->at == '\r' ||
	       *scanner->at == '\n')
		scanner->at++;
}

static inline bool
json_take(struct json_scanner *scanner, char c)
{
	json_blanks(scanner);
	if (*scanner->at != c)
		return false;
	scanner->at++;
	return true;
}

static inline size_t
json_digits_(struct json_scanner *scanner)
{
	const char *from = scanner->at;

	while (*scanner->at >= '0' && *scanner->at <= '9')
		scanner->at++;
	return (size_t)(scanner->at - from);
}

static inline bool
json_number_(struct json_scanner *scanner, struct field_text *ret_text)
{
	const char *from = scanner->at;
	size_t whole;
	bool has_zero;

	if (*scanner->at == '-')
		scanner->at++;
	has_zero = *scanner->at == '0';
	whole = json_digits_(scanner);
	if (whole == 0 || (has_zero && whole > 1))
		return false;
	if (*scanner->at == '.') {
		scanner->at++;
		if (json_digits_(scanner) == 0)
			return false;
	}
	if (*scanner->at == 'e' || *scanner->at == 'E') {
		scanner->at++;
		if (*scanner->at == '+' || *scanner->at == '-')
			scanner->at++;
		if (json_digits_(scanner) == 0)
			return false;
	}
	*ret_text = (struct field_text){ from, (size_t)(scanner->at - from) };
	return true;
}

/* The four digits of \uXXXX; -1: they are none. */
static inline int32_t
json_hex_(struct json_scanner *scanner)
{
	int32_t value = 0;

	for (int i = 0; i < 4; i++, scanner->at++) {
		char c = *scanner->at;

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return value;
}

static inline char *
json_utf8_(char *to, int32_t point)
{
	if (point < 0x80) {
		*to++ = (char)point;
		return to;
	}
	if (point < 0x800) {
		*to++ = (char)(0xc0 | point >> 6);
	} else if (point < 0x10000) {
		*to++ = (char)(0xe0 | point >> 12);
		*to++ = (char)(0x80 | (point >> 6 & 0x3f));
	} else {
		*to++ = (char)(0xf0 | point >> 18);
		*to++ = (char)(0x80 | (point >> 12 & 0x3f));
		*to++ = (char)(0x80 | (point >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (point & 0x3f));
	return to;
}

/* \uXXXX, or two of them that are a surrogate pair; half a pair is an error. */
static inline bool
json_unicode_(struct json_scanner *scanner, char **to)
{
	int32_t point = json_hex_(scanner), low;

	if (point < 0 || (point >= 0xdc00 && point <= 0xdfff))
		return false;
	if (point >= 0xd800 && point <= 0xdbff) {
		if (scanner->at[0] != '\\' || scanner->at[1] != 'u')
			return false;
		scanner->at += 2;
		low = json_hex_(scanner);
		if (low < 0xdc00 || low > 0xdfff)
			return false;
		point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
	}
	*to = json_utf8_(*to, point);
	return true;
}

static inline bool
json_escape_(struct json_scanner *scanner, char **to)
{
	static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *found;
	char c = *scanner->at;

	if (c == '\0')
		return false;
	scanner->at++;
	if (c == 'u')
		return json_unicode_(scanner, to);
	found = strchr(plain, c);
	if (!found)
		return false;
	*(*to)++ = meant[found - plain];
	return true;
}

/*
 * From behind the opening quote to behind the closing one. What is decoded is never
 * longer than what it was.
 */
static inline bool
json_string(struct json_scanner *scanner, struct field_text *ret_text)
{
	char *from = scanner->at, *to = scanner->at;

	for (;;) {
		char c = *scanner->at;

		if ((unsigned char)c < 0x20)
			return false;
		scanner->at++;
		if (c == '"')
			break;
		if (c != '\\')
			*to++ = c;
		else if (!json_escape_(scanner, &to))
			return false;
	}
	*ret_text = (struct field_text){ from, (size_t)(to - from) };
	return true;
}

static inline bool
json_word_(struct json_scanner *scanner, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(scanner->end - scanner->at) < length ||
	    memcmp(scanner->at, word, length) != 0)
		return false;
	scanner->at += length;
	return true;
}

static inline bool
json_array_(struct json_scanner *scanner)
{
	struct field_text unused;

	if (json_take(scanner, ']'))
		return true;
	do {
		if (json_value(scanner, &unused) == JSON_BROKEN)
			return false;
	} while (json_take(scanner, ','));
	return json_take(scanner, ']');
}

static inline bool
json_object_(struct json_scanner *scanner)
{
	struct field_text unused;

	if (json_take(scanner, '}'))
		return true;
	do {
		if (!json_take(scanner, '"') || !json_string(scanner, &unused) ||
		    !json_take(scanner, ':') ||
		    json_value(scanner, &unused) == JSON_BROKEN)
			return false;
	} while (json_take(scanner, ','));
	return json_take(scanner, '}');
}

static inline enum json_kind
json_nested_(struct json_scanner *scanner, bool (*scan)(struct json_scanner *))
{
	bool is_good;

	if (++scanner->depth > JSON_DEPTH_MAX)
		return JSON_BROKEN;
	is_good = scan(scanner);
	scanner->depth--;
	return is_good ? JSON_OTHER : JSON_BROKEN;
}

static inline enum json_kind
json_value(struct json_scanner *scanner, struct field_text *ret_text)
{
	json_blanks(scanner);
	switch (*scanner->at) {
	case '"':
		scanner->at++;
		return json_string(scanner, ret_text) ? JSON_TEXT : JSON_BROKEN;
	case '{':
		scanner->at++;
		return json_nested_(scanner, json_object_);
	case '[':
		scanner->at++;
		return json_nested_(scanner, json_array_);
	case 't':
		return json_word_(scanner, "true") ? JSON_OTHER : JSON_BROKEN;
	case 'f':
		return json_word_(scanner, "false") ? JSON_OTHER : JSON_BROKEN;
	case 'n':
		return json_word_(scanner, "null") ? JSON_NULL : JSON_BROKEN;
	default:
		return json_number_(scanner, ret_text) ? JSON_TEXT : JSON_BROKEN;
	}
}
