/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits lines of CSV, and knows which column is which field. It neither reads files
 * nor knows what a field means. A line is split in place: each text ends in a NUL where
 * its comma or quote was.
 */
#include "worker/trading/csv.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE SIZE_MAX

static const struct field_text missing;

void
csv_init(struct csv *csv)
{
	*csv = (struct csv){ 0 };
}

void
csv_deinit(struct csv *csv)
{
	free(csv->columns);
	csv_init(csv);
}

/*
 * A field in quotes, from the opening one on: "" becomes one quote, and a comma must
 * follow. Return: behind that comma; NULL: it is not so.
 */
static char *
split_quoted(char *at, const char *end, struct field_text *ret_field)
{
	char *from = at + 1, *to = at;

	for (;;) {
		char *quote = memchr(from, '"', (size_t)(end - from));

		if (!quote)
			return NULL;
		memmove(to, from, (size_t)(quote - from));
		to += quote - from;
		from = quote + 1;
		if (*from != '"')
			break;
		*to++ = *from++;
	}
	if (*from != ',')
		return NULL;
	*to = '\0';
	*ret_field = (struct field_text){ at, (size_t)(to - at) };
	return from + 1;
}

/*
 * The field that begins at @at; there is a comma at @end. Return: where the next one
 * begins, which is past @end after the last one; NULL: the quotes are broken.
 */
static char *
split_field(char *at, const char *end, struct field_text *ret_field)
{
	char *comma = at;

	if (*at == '"')
		return split_quoted(at, end, ret_field);
	/* Fields are short: a call of memchr() takes longer. */
	while (*comma != ',')
		comma++;
	*comma = '\0';
	*ret_field = (struct field_text){ at, (size_t)(comma - at) };
	return comma + 1;
}

static bool
is_name(const struct fields *fields, int field, const struct field_text *text)
{
	return fields->names[field] && fields->name_lengths[field] == text->length &&
	       memcmp(fields->names[field], text->text, text->length) == 0;
}

static int
find_columns(struct csv *csv, const struct fields *fields, char *line, size_t length,
    struct error *error)
{
	char *at = line, *end = line + length;
	struct field_text text;

	*end = ',';
	while (at <= end) {
		at = split_field(at, end, &text);
		if (!at)
			return error_set(
			    error, -EINVAL, "the header's quotes are broken");
		text = field_trim(text);
		for (int i = 0; i < FIELD_COUNT; i++) {
			if (!is_name(fields, i, &text))
				continue;
			if (csv->places[i] != NOWHERE)
				return error_set(error, -EINVAL,
				    "the column \"%s\" is there twice",
				    fields->names[i]);
			csv->places[i] = csv->n_columns;
			csv->n_wanted = csv->n_columns + 1;
		}
		csv->n_columns++;
	}
	return 0;
}

int
csv_header(struct csv *csv, struct fields *fields, char *line, size_t length,
    struct error *error)
{
	int r;

	csv_deinit(csv);
	for (int i = 0; i < FIELD_COUNT; i++)
		csv->places[i] = NOWHERE;
	r = find_columns(csv, fields, line, length, error);
	if (r < 0)
		return r;

	fields->has[FIELD_SIDE] = csv->places[FIELD_SIDE] != NOWHERE;
	fields->has[FIELD_ID] = csv->places[FIELD_ID] != NOWHERE;
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (fields->has[i] && csv->places[i] == NOWHERE)
			return error_set(error, -EINVAL,
			    "there is no column \"%s\" for %s in the header",
			    fields->names[i] ? fields->names[i] : "",
			    field_name((enum field)i));
	}

	csv->columns = calloc(csv->n_wanted, sizeof(*csv->columns));
	if (!csv->columns)
		return error_set(error, -ENOMEM, "out of memory");
	for (int i = 0; i < FIELD_COUNT; i++) {
		size_t place = csv->places[i];

		csv->texts[i] = place == NOWHERE ? &missing : &csv->columns[place];
	}
	return 0;
}

const char *
csv_row(struct csv *csv, char *line, size_t length)
{
	char *at = line, *end = line + length;
	struct field_text unused;
	size_t n = 0;

	if (memchr(line, '\0', length))
		return "a NUL byte";
	*end = ',';
	for (; at <= end; n++) {
		at = split_field(
		    at, end, n < csv->n_wanted ? &csv->columns[n] : &unused);
		if (!at)
			return "broken quotes";
	}
	return n < csv->n_columns ? "fewer fields than the header has" : NULL;
}
