/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON for --json, written to a stream as it comes: commas and escapes are right by
 * construction. Reading JSON is not for the supervisor's program.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/record.h"

/** struct json - a writer; start with { .out = stream } */
struct json {
	FILE *out;
	bool comma; /* the next value needs one before it */
};

/* In all of them @key is NULL inside a list and at the top, where a value has no name.
 */
void json_open(struct json *json, const char *key, char bracket);
/** json_close() - @bracket: '}' or ']'; nothing checks that it matches. */
void json_close(struct json *json, char bracket);
/** json_text() - NULL text is null; invalid UTF-8 becomes U+FFFD. */
void json_text(struct json *json, const char *key, const char *text);
void json_int(struct json *json, const char *key, int64_t value);
void json_bool(struct json *json, const char *key, bool value);
/** json_permille() - 0.000 to 1.000; null where @value is negative. */
void json_permille(struct json *json, const char *key, int value);
/** json_end() - the newline after a value at the top; the next one is independent. */
void json_end(struct json *json);

/**
 * json_fields() - the fields of a parsed record, into the object that is open
 *
 * A record that was read back is text alone. The fields that this program writes as
 * numbers or booleans are such here too, by their names, never by what a worker put
 * into them.
 */
void json_fields(struct json *json, const struct record *record);
