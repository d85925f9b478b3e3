/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record: an event's name and its fields, in order, as one line of logfmt or of JSON.
 * What the log, the event stream and the control socket speak. Everything is escaped:
 * no field can end the line, start a field of its own or send a control character.
 *
 * Fields are borrowed until the record is written; the record owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_FIELDS_MAX 32

enum record_type { RECORD_TEXT, RECORD_INT, RECORD_BOOL, RECORD_DECIMAL };

struct record_field {
	const char *key;
	enum record_type type;
	const char *text; /* RECORD_TEXT; borrowed */
	int64_t number;	  /* RECORD_INT, RECORD_BOOL (0, 1), RECORD_DECIMAL (1e-8) */
};

struct record {
	const char *event; /* "subject.what_happened"; NULL: a row without a name */
	size_t n_fields;
	struct record_field fields[RECORD_FIELDS_MAX];
};

/** record_init() - start a record. @event: borrowed, may be NULL. */
void record_init(struct record *record, const char *event);

/**
 * record_text() - add a field; NULL text adds nothing. Fields past the bound are
 * dropped.
 */
void record_text(struct record *record, const char *key, const char *text);
void record_int(struct record *record, const char *key, int64_t value);
void record_bool(struct record *record, const char *key, bool value);
void record_decimal(struct record *record, const char *key, int64_t value);

/** record_add() - add a field of another record; its texts are borrowed as there. */
void record_add(struct record *record, const struct record_field *field);

/**
 * record_logfmt() - `event key=value key="two words"`, no newline; yes/no for a boolean
 *
 * A value is quoted where it is empty or has a blank, a quote, a backslash, an equals
 * sign or anything outside printable ASCII; within quotes \" \\ \n \r \t and \xHH;
 * UTF-8 that is valid passes, except control characters, line separators and direction
 * marks. Where
 * @size ends a text is cut with "…", never in the middle of an escape, and fields after
 * it are left out; a field that does not fit at all leaves " …" at the end of the line.
 * Return: length.
 */
size_t record_logfmt(const struct record *record, char *out, size_t size);

/**
 * record_json() - {"event":…,"key":…}, no newline; invalid UTF-8 becomes U+FFFD
 *
 * Always valid JSON: fields that do not fit @size are left out whole.
 */
size_t record_json(const struct record *record, char *out, size_t size);

/**
 * record_parse() - read a logfmt line back, in place
 * @line: modified; the record borrows from it
 *
 * All fields come back as RECORD_TEXT. A line break ends the line, a closing " …" is
 * skipped. Return: 0; -EINVAL for a broken line; -E2BIG for too many fields.
 */
int record_parse(char *line, struct record *ret_record);

/** record_get() - the text of a parsed field, NULL if it is not there. */
const char *record_get(const struct record *record, const char *key);

/**
 * json_escape() - @length bytes of @text as the inside of a JSON string, cut where
 * @size ends. Return: length written.
 */
size_t json_escape(const char *text, size_t length, char *out, size_t size);
