/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as lines of logfmt and of JSON, and logfmt back. Pure: it writes into
 * buffers, log.c and the control socket send them.
 *
 * Both writers put a value in pieces, a piece being a character or its escape, so that
 * running out of room never leaves half an escape behind.
 */
#include "common/record.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/decimal.h"
#include "common/text.h"

#define ELLIPSIS "\xe2\x80\xa6" /* U+2026 */
#define REST_LEFT_OUT " " ELLIPSIS

void
record_init(struct record *record, const char *event)
{
	record->event = event;
	record->n_fields = 0;
}

static void
add_field(struct record *record, struct record_field field)
{
	if (record->n_fields < RECORD_FIELDS_MAX)
		record->fields[record->n_fields++] = field;
}

void
record_text(struct record *record, const char *key, const char *text)
{
	if (text)
		add_field(record, (struct record_field){
				      .key = key, .type = RECORD_TEXT, .text = text });
}

void
record_int(struct record *record, const char *key, int64_t value)
{
	add_field(record,
	    (struct record_field){ .key = key, .type = RECORD_INT, .number = value });
}

void
record_bool(struct record *record, const char *key, bool value)
{
	add_field(record,
	    (struct record_field){ .key = key, .type = RECORD_BOOL, .number = value });
}

void
record_decimal(struct record *record, const char *key, int64_t value)
{
	add_field(record, (struct record_field){
			      .key = key, .type = RECORD_DECIMAL, .number = value });
}

void
record_add(struct record *record, const struct record_field *field)
{
	add_field(record, *field);
}

static bool
is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/* Keys and event names are ours, but some pass through other hands on their way. */
static bool
put_word(struct text_out *text, const char *word)
{
	if (!*word)
		return text_put(text, "_", 1);
	for (; *word; word++) {
		if (!text_put(text, is_key_char(*word) ? word : "_", 1))
			return false;
	}
	return true;
}

static bool
put_number(struct text_out *text, const struct record_field *field)
{
	char decimal[DECIMAL_TEXT_MAX];

	if (field->type == RECORD_DECIMAL)
		return text_put(text, decimal, decimal_format(field->number, decimal));
	return text_putf(text, "%" PRId64, field->number);
}

static bool
needs_quotes(const char *value)
{
	if (!*value)
		return true;
	for (; *value; value++) {
		if (*value <= ' ' || *value > '~' || strchr("\"\\=", *value))
			return true;
	}
	return false;
}

/* One character of a quoted value. Return: false when there is no room. */
static bool
put_logfmt_char(
    struct text_out *text, const char *p, uint32_t code_point, size_t length)
{
	static const char plain[] = "\"\\\n\r\t", letter[] = "\"\\nrt";
	const char *found =
	    code_point > 0 && code_point < 0x80 ? strchr(plain, (int)code_point) : NULL;
	char escapes[16];
	size_t n = 0;

	if (found)
		return text_put(text, (char[]){ '\\', letter[found - plain] }, 2);
	if (text_is_harmless(code_point))
		return text_put(text, p, length);

	for (size_t i = 0; i < length; i++) {
		static const char hex[] = "0123456789abcdef";
		unsigned char byte = (unsigned char)p[i];

		memcpy(escapes + n,
		    (char[]){ '\\', 'x', hex[byte >> 4], hex[byte & 0xf] }, 4);
		n += 4;
	}
	return text_put(text, escapes, n);
}

static bool
put_quoted(struct text_out *text, const char *value)
{
	size_t left = strlen(value), length;
	bool fits = text_put(text, "\"", 1);

	if (!fits)
		return false;
	for (; fits && left > 0; value += length, left -= length) {
		uint32_t code_point = text_next(value, left, &length);

		fits = put_logfmt_char(text, value, code_point, length);
	}
	text->reserve = fits ? sizeof(REST_LEFT_OUT) - 1 : 0;
	if (!fits)
		text_put(text, ELLIPSIS, sizeof(ELLIPSIS) - 1);
	text_put(text, "\"", 1);
	return fits;
}

static bool
put_logfmt_value(struct text_out *text, const struct record_field *field)
{
	bool fits;

	switch (field->type) {
	case RECORD_TEXT:
		if (needs_quotes(field->text))
			return put_quoted(text, field->text);
		fits = true;
		for (const char *p = field->text; fits && *p; p++)
			fits = text_put(text, p, 1);
		if (!fits) {
			text->reserve = 0;
			text_put(text, ELLIPSIS, sizeof(ELLIPSIS) - 1);
		}
		return fits;
	case RECORD_BOOL:
		return field->number ? text_put(text, "yes", 3)
				     : text_put(text, "no", 2);
	case RECORD_INT:
	case RECORD_DECIMAL:
		return put_number(text, field);
	}
	return false;
}

size_t
record_logfmt(const struct record *record, char *out, size_t size)
{
	const size_t reserve = sizeof("\"" REST_LEFT_OUT) - 1;
	struct text_out text;

	text_init(&text, out, size);
	text.reserve = reserve;
	if (record->event && !put_word(&text, record->event)) {
		text_init(&text, out, size);
		return 0;
	}

	for (size_t i = 0; i < record->n_fields; i++) {
		const struct record_field *field = &record->fields[i];
		struct text_out before = text;

		if ((text.used > 0 && !text_put(&text, " ", 1)) ||
		    !put_word(&text, field->key) || !text_put(&text, "=", 1) ||
		    !put_logfmt_value(&text, field)) {
			/* A text that was cut says so itself; anything else goes whole.
			 */
			if (text.reserve > 0) {
				text = before;
				text.reserve = 0;
				text_put(
				    &text, REST_LEFT_OUT, sizeof(REST_LEFT_OUT) - 1);
			}
			break;
		}
		text.reserve = reserve;
	}
	return text.used;
}

static bool
put_json_char(struct text_out *text, const char *p, uint32_t code_point, size_t length)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *found =
	    code_point > 0 && code_point < 0x80 ? strchr(plain, (int)code_point) : NULL;

	if (found)
		return text_put(text, (char[]){ '\\', letter[found - plain] }, 2);
	if (code_point == TEXT_BROKEN)
		return text_put(text, "\\ufffd", 6);
	if (!text_is_harmless(code_point))
		return text_putf(text, "\\u%04x", code_point);
	return text_put(text, p, length);
}

static bool
put_json_text(struct text_out *text, const char *value, size_t left)
{
	size_t length;

	for (; left > 0; value += length, left -= length) {
		uint32_t code_point = text_next(value, left, &length);

		if (!put_json_char(text, value, code_point, length))
			return false;
	}
	return true;
}

static bool
put_json_string(struct text_out *text, const char *value)
{
	return text_put(text, "\"", 1) && put_json_text(text, value, strlen(value)) &&
	       text_put(text, "\"", 1);
}

static bool
put_json_value(struct text_out *text, const struct record_field *field)
{
	switch (field->type) {
	case RECORD_TEXT:
		return put_json_string(text, field->text);
	case RECORD_BOOL:
		return field->number ? text_put(text, "true", 4)
				     : text_put(text, "false", 5);
	case RECORD_INT:
		return put_number(text, field);
	case RECORD_DECIMAL:
		return text_put(text, "\"", 1) && put_number(text, field) &&
		       text_put(text, "\"", 1);
	}
	return false;
}

/* A member, whole or not at all. */
static void
put_json_member(struct text_out *text, const struct record_field *field)
{
	size_t before = text->used;

	if ((before == 1 || text_put(text, ",", 1)) &&
	    put_json_string(text, field->key) && text_put(text, ":", 1) &&
	    put_json_value(text, field))
		return;
	text->used = before;
	text->out[before] = '\0';
}

size_t
record_json(const struct record *record, char *out, size_t size)
{
	struct text_out text;

	text_init(&text, out, size);
	text.reserve = 1;
	if (!text_put(&text, "{", 1))
		return 0;
	if (record->event)
		put_json_member(&text,
		    &(struct record_field){
			.key = "event", .type = RECORD_TEXT, .text = record->event });
	for (size_t i = 0; i < record->n_fields; i++)
		put_json_member(&text, &record->fields[i]);
	text.reserve = 0;
	text_put(&text, "}", 1);
	return text.used;
}

size_t
json_escape(const char *text, size_t length, char *out, size_t size)
{
	struct text_out escaped;

	text_init(&escaped, out, size);
	put_json_text(&escaped, text, length);
	return escaped.used;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The escape after a backslash at *@p, which moves behind it. Return: its byte, or -1.
 */
static int
unescape(char **p)
{
	static const char letter[] = "\"\\nrt", plain[] = "\"\\\n\r\t";
	char c = *(*p)++;
	const char *found;
	int high, low;

	if (c == 'x') {
		high = hex_value((*p)[0]);
		low = high < 0 ? -1 : hex_value((*p)[1]);
		*p += 2;
		/* A NUL would hide what comes after it. */
		return low < 0 || high + low == 0 ? -1 : high * 16 + low;
	}
	found = c ? strchr(letter, c) : NULL;
	return found ? (unsigned char)plain[found - letter] : -1;
}

/* Unescapes a quoted value in place, *@p behind its first quote. Return: NULL if
 * broken. */
static char *
take_quoted(char **p)
{
	char *value = *p, *to = *p;

	while (**p != '"') {
		int c = (unsigned char)*(*p)++;

		if (c == '\\')
			c = unescape(p);
		if (c <= 0)
			return NULL;
		*to++ = (char)c;
	}
	(*p)++;
	*to = '\0';
	return value;
}

/* A bare word up to a blank or the end; *@ret_end: what ended it, already overwritten.
 */
static char *
take_word(char **p, const char *stops, char *ret_end)
{
	char *word = *p;

	*p += strcspn(*p, stops);
	*ret_end = **p;
	if (*ret_end)
		*(*p)++ = '\0';
	return word;
}

static int
take_field(char **p, struct record *record)
{
	char *key, *value, end;

	key = take_word(p, " =", &end);
	if (end != '=') {
		if (!record->event && record->n_fields == 0 && is_key_char(key[0])) {
			record->event = key;
			return 0;
		}
		/* The mark that record_logfmt() leaves where fields did not fit. */
		return end == '\0' && strcmp(key, ELLIPSIS) == 0 ? 0 : -EINVAL;
	}
	if (!*key)
		return -EINVAL;
	if (**p == '"') {
		(*p)++;
		value = take_quoted(p);
		if (!value || (**p && **p != ' '))
			return -EINVAL;
	} else {
		value = take_word(p, " ", &end);
		if (strpbrk(value, "\"\\="))
			return -EINVAL;
	}
	if (record->n_fields == RECORD_FIELDS_MAX)
		return -E2BIG;
	record_text(record, key, value);
	return 0;
}

int
record_parse(char *line, struct record *ret_record)
{
	struct record record;
	int r;

	record_init(&record, NULL);
	line[strcspn(line, "\r\n")] = '\0';
	for (;;) {
		line += strspn(line, " ");
		if (!*line)
			break;
		r = take_field(&line, &record);
		if (r < 0)
			return r;
	}
	if (!record.event && record.n_fields == 0)
		return -EINVAL;
	*ret_record = record;
	return 0;
}

const char *
record_get(const struct record *record, const char *key)
{
	for (size_t i = 0; i < record->n_fields; i++) {
		if (record->fields[i].type == RECORD_TEXT &&
		    strcmp(record->fields[i].key, key) == 0)
			return record->fields[i].text;
	}
	return NULL;
}
