/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scanner for one JSON object on a line. jansson reads the project's other JSON; it
 * gives a number as a double or an integer, and never the text that stood there, so a
 * price would not keep its digits. Here a number is its text. The whole line is checked
 * against the grammar of RFC 8259, nested values too, but only the configured keys of
 * the outer object are kept. Strings are decoded in place. Bytes above 0x7f pass as
 * they are.
 */
#include "worker/trading/ndjson.h"

#include <string.h>

/* Deeper nesting is refused, so that a line cannot use up the stack. */
#define DEPTH_MAX 64

/* Reads from a line that ends in a NUL at @end; a NUL before it is no JSON. */
struct scanner {
	char *at, *end;
	int depth;
};

enum value { VALUE_TEXT, VALUE_NULL, VALUE_OTHER, VALUE_BROKEN };

static enum value scan_value(struct scanner *scanner, struct field_text *ret_text);

static void
skip_blanks(struct scanner *scanner)
{
	while (*scanner->at == ' ' || *scanner->at == '\t' || *scanner->at == '\r' ||
	       *scanner->at == '\n')
		scanner->at++;
}

static bool
take(struct scanner *scanner, char c)
{
	skip_blanks(scanner);
	if (*scanner->at != c)
		return false;
	scanner->at++;
	return true;
}

static size_t
skip_digits(struct scanner *scanner)
{
	const char *from = scanner->at;

	while (*scanner->at >= '0' && *scanner->at <= '9')
		scanner->at++;
	return (size_t)(scanner->at - from);
}

static bool
scan_number(struct scanner *scanner, struct field_text *ret_text)
{
	const char *from = scanner->at;
	size_t whole;
	bool has_zero;

	if (*scanner->at == '-')
		scanner->at++;
	has_zero = *scanner->at == '0';
	whole = skip_digits(scanner);
	if (whole == 0 || (has_zero && whole > 1))
		return false;
	if (*scanner->at == '.') {
		scanner->at++;
		if (skip_digits(scanner) == 0)
			return false;
	}
	if (*scanner->at == 'e' || *scanner->at == 'E') {
		scanner->at++;
		if (*scanner->at == '+' || *scanner->at == '-')
			scanner->at++;
		if (skip_digits(scanner) == 0)
			return false;
	}
	*ret_text = (struct field_text){ from, (size_t)(scanner->at - from) };
	return true;
}

/* The four digits of \uXXXX; -1: they are none. */
static int32_t
scan_hex(struct scanner *scanner)
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

static char *
put_utf8(char *to, int32_t point)
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
static bool
scan_unicode(struct scanner *scanner, char **to)
{
	int32_t point = scan_hex(scanner), low;

	if (point < 0 || (point >= 0xdc00 && point <= 0xdfff))
		return false;
	if (point >= 0xd800 && point <= 0xdbff) {
		if (scanner->at[0] != '\\' || scanner->at[1] != 'u')
			return false;
		scanner->at += 2;
		low = scan_hex(scanner);
		if (low < 0xdc00 || low > 0xdfff)
			return false;
		point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
	}
	*to = put_utf8(*to, point);
	return true;
}

static bool
scan_escape(struct scanner *scanner, char **to)
{
	static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *found;
	char c = *scanner->at;

	if (c == '\0')
		return false;
	scanner->at++;
	if (c == 'u')
		return scan_unicode(scanner, to);
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
static bool
scan_string(struct scanner *scanner, struct field_text *ret_text)
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
		else if (!scan_escape(scanner, &to))
			return false;
	}
	*ret_text = (struct field_text){ from, (size_t)(to - from) };
	return true;
}

static bool
scan_word(struct scanner *scanner, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(scanner->end - scanner->at) < length ||
	    memcmp(scanner->at, word, length) != 0)
		return false;
	scanner->at += length;
	return true;
}

static bool
scan_array(struct scanner *scanner)
{
	struct field_text unused;

	if (take(scanner, ']'))
		return true;
	do {
		if (scan_value(scanner, &unused) == VALUE_BROKEN)
			return false;
	} while (take(scanner, ','));
	return take(scanner, ']');
}

static bool
scan_object(struct scanner *scanner)
{
	struct field_text unused;

	if (take(scanner, '}'))
		return true;
	do {
		if (!take(scanner, '"') || !scan_string(scanner, &unused) ||
		    !take(scanner, ':') || scan_value(scanner, &unused) == VALUE_BROKEN)
			return false;
	} while (take(scanner, ','));
	return take(scanner, '}');
}

static enum value
scan_nested(struct scanner *scanner, bool (*scan)(struct scanner *))
{
	bool is_good;

	if (++scanner->depth > DEPTH_MAX)
		return VALUE_BROKEN;
	is_good = scan(scanner);
	scanner->depth--;
	return is_good ? VALUE_OTHER : VALUE_BROKEN;
}

static enum value
scan_value(struct scanner *scanner, struct field_text *ret_text)
{
	skip_blanks(scanner);
	switch (*scanner->at) {
	case '"':
		scanner->at++;
		return scan_string(scanner, ret_text) ? VALUE_TEXT : VALUE_BROKEN;
	case '{':
		scanner->at++;
		return scan_nested(scanner, scan_object);
	case '[':
		scanner->at++;
		return scan_nested(scanner, scan_array);
	case 't':
		return scan_word(scanner, "true") ? VALUE_OTHER : VALUE_BROKEN;
	case 'f':
		return scan_word(scanner, "false") ? VALUE_OTHER : VALUE_BROKEN;
	case 'n':
		return scan_word(scanner, "null") ? VALUE_NULL : VALUE_BROKEN;
	default:
		return scan_number(scanner, ret_text) ? VALUE_TEXT : VALUE_BROKEN;
	}
}

/* One key and its value; each field that has this key gets the value. */
static bool
scan_member(struct scanner *scanner, const struct fields *fields,
    struct field_text texts[FIELD_COUNT])
{
	struct field_text key, text = { 0 };
	enum value value;

	if (!take(scanner, '"') || !scan_string(scanner, &key) || !take(scanner, ':'))
		return false;
	value = scan_value(scanner, &text);
	if (value == VALUE_BROKEN)
		return false;
	if (value == VALUE_OTHER)
		text = (struct field_text){ "", 0 };
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (fields->names[i] && fields->name_lengths[i] == key.length &&
		    memcmp(fields->names[i], key.text, key.length) == 0)
			texts[i] =
			    value == VALUE_NULL ? (struct field_text){ 0 } : text;
	}
	return true;
}

static bool
scan_record(struct scanner *scanner, const struct fields *fields,
    struct field_text texts[FIELD_COUNT])
{
	if (!take(scanner, '{'))
		return false;
	if (!take(scanner, '}')) {
		do {
			if (!scan_member(scanner, fields, texts))
				return false;
		} while (take(scanner, ','));
		if (!take(scanner, '}'))
			return false;
	}
	skip_blanks(scanner);
	return scanner->at == scanner->end;
}

const char *
ndjson_record(const struct fields *fields, char *line, size_t length,
    struct field_text ret_texts[FIELD_COUNT])
{
	struct scanner scanner = { .at = line, .end = line + length };

	for (int i = 0; i < FIELD_COUNT; i++)
		ret_texts[i] = (struct field_text){ 0 };
	line[length] = '\0';
	if (!scan_record(&scanner, fields, ret_texts))
		return "not a JSON object";

	/* Only now, since the byte behind a number was still to be read. */
	for (int i = 0; i < FIELD_COUNT; i++) {
		struct field_text *text = &ret_texts[i];

		if (text->length == 0)
			continue;
		if (memchr(text->text, '\0', text->length))
			return "a NUL character";
		line[(text->text - line) + (ptrdiff_t)text->length] = '\0';
	}
	return NULL;
}
