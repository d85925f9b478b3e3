/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON writer of the client verbs. It keeps no tree and checks no nesting: each
 * verb's output is a few lines of code, read top to bottom. Errors of the stream are
 * its owner's.
 */
#include "supervisor/ctl/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static void
put_string(struct json *json, const char *text)
{
	size_t length = strlen(text);
	size_t size = 6 * length + 1; /* \u00XX is the longest */
	_cleanup_free_ char *escaped = malloc(size);

	if (!escaped) {
		fputs("null", json->out);
		return;
	}
	length = json_escape(text, length, escaped, size);
	fputc('"', json->out);
	fwrite(escaped, 1, length, json->out);
	fputc('"', json->out);
}

static void
put_key(struct json *json, const char *key)
{
	if (json->comma)
		fputc(',', json->out);
	if (key) {
		put_string(json, key);
		fputc(':', json->out);
	}
	json->comma = true;
}

void
json_open(struct json *json, const char *key, char bracket)
{
	put_key(json, key);
	fputc(bracket, json->out);
	json->comma = false;
}

void
json_close(struct json *json, char bracket)
{
	fputc(bracket, json->out);
	json->comma = true;
}

void
json_text(struct json *json, const char *key, const char *text)
{
	put_key(json, key);
	if (text)
		put_string(json, text);
	else
		fputs("null", json->out);
}

void
json_int(struct json *json, const char *key, int64_t value)
{
	put_key(json, key);
	fprintf(json->out, "%" PRId64, value);
}

void
json_bool(struct json *json, const char *key, bool value)
{
	put_key(json, key);
	fputs(value ? "true" : "false", json->out);
}

void
json_permille(struct json *json, const char *key, int value)
{
	put_key(json, key);
	if (value < 0)
		fputs("null", json->out);
	else
		fprintf(json->out, "%d.%03d", value / 1000, value % 1000);
}

void
json_end(struct json *json)
{
	fputc('\n', json->out);
	json->comma = false;
}

static const char *const number_keys[] = { "count", "cycle", "errno", "exit", "failed",
	"failed_cycles", "heals", "in_period", "intensity", "level", "life", "lines",
	"pid", "restarts", "set_uid", "uid" };
static const char *const number_endings[] = { "_bytes", "_kib", "_ms", "_ns", "_us" };
static const char *const bool_keys[] = { "core", "killed" };

static bool
is_listed(const char *key, const char *const *keys, size_t n_keys)
{
	for (size_t i = 0; i < n_keys; i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_number_key(const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < ARRAY_SIZE(number_endings); i++) {
		size_t ending = strlen(number_endings[i]);

		if (length > ending &&
		    strcmp(key + length - ending, number_endings[i]) == 0)
			return true;
	}
	return is_listed(key, number_keys, ARRAY_SIZE(number_keys));
}

/* A number as record_logfmt() writes one: no blanks, no sign but '-', in range. */
static bool
parse_number(const char *text, int64_t *ret_number)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	char *end;

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	*ret_number = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0;
}

/* Of a worker's row alone `status` is a text; elsewhere it is an exit status. */
static bool
is_number(const char *event, const char *key)
{
	if (strcmp(key, "status") == 0)
		return event && strcmp(event, "worker") != 0;
	return is_number_key(key);
}

static void
put_field(struct json *json, const char *event, const char *key, const char *text)
{
	int64_t number;

	if (is_number(event, key) && parse_number(text, &number))
		json_int(json, key, number);
	else if (is_listed(key, bool_keys, ARRAY_SIZE(bool_keys)) &&
		 (strcmp(text, "yes") == 0 || strcmp(text, "no") == 0))
		json_bool(json, key, text[0] == 'y');
	else
		json_text(json, key, text);
}

void
json_fields(struct json *json, const struct record *record)
{
	for (size_t i = 0; i < record->n_fields; i++)
		put_field(
		    json, record->event, record->fields[i].key, record->fields[i].text);
}
