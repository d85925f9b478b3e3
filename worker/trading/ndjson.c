/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON object on a line: only the configured keys of the outer object are kept.
 */
#include "worker/trading/ndjson.h"

#include <string.h>

#include "worker/trading/json_scan.h"

/* One key and its value; each field that has this key gets the value. */
static bool
scan_member(struct json_scanner *scanner, const struct fields *fields,
    struct field_text texts[FIELD_COUNT])
{
	struct field_text key, text = { 0 };
	enum json_kind value;

	if (!json_take(scanner, '"') || !json_string(scanner, &key) ||
	    !json_take(scanner, ':'))
		return false;
	value = json_value(scanner, &text);
	if (value == JSON_BROKEN)
		return false;
	if (value == JSON_OTHER)
		text = (struct field_text){ "", 0 };
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (fields->names[i] && fields->name_lengths[i] == key.length &&
		    memcmp(fields->names[i], key.text, key.length) == 0)
			texts[i] = value == JSON_NULL ? (struct field_text){ 0 } : text;
	}
	return true;
}

static bool
scan_record(struct json_scanner *scanner, const struct fields *fields,
    struct field_text texts[FIELD_COUNT])
{
	if (!json_take(scanner, '{'))
		return false;
	if (!json_take(scanner, '}')) {
		do {
			if (!scan_member(scanner, fields, texts))
				return false;
		} while (json_take(scanner, ','));
		if (!json_take(scanner, '}'))
			return false;
	}
	json_blanks(scanner);
	return scanner->at == scanner->end;
}

const char *
ndjson_record(const struct fields *fields, char *line, size_t length,
    struct field_text ret_texts[FIELD_COUNT])
{
	struct json_scanner scanner = { .at = line, .end = line + length };

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
