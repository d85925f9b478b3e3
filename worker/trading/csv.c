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

enum split { SPLIT_MORE, SPLIT_LAST, SPLIT_BROKEN };

void
csv_init(struct csv *csv)
{
	*csv = (struct csv){ 0 };
}

void
csv_deinit(struct csv *csv)
{
	free(csv->texts);
	csv_init(csv);
}

/*
 * A field in quotes, from the opening one on: "" becomes one quote, and a comma or the
 * end must follow.
 */
static enum split
split_quoted(char **at, char *end, struct field_text *ret_field)
{
	char *from = *at + 1, *to = *at;

	ret_field->text = to;
	for (;;) {
		char *quote = memchr(from, '"', (size_t)(end - from));

		if (!quote)
			return SPLIT_BROKEN;
		memmove(to, from, (size_t)(quote - from));
		to += quote - from;
		from = quote + 1;
		if (from == end || *from != '"')
			break;
		*to++ = *from++;
	}
	if (from < end && *from != ',')
		return SPLIT_BROKEN;
	ret_field->length = (size_t)(to - ret_field->text);
	*to = '\0';
	*at = from + 1;
	return from < end ? SPLIT_MORE : SPLIT_LAST;
}

static enum split
split_field(char **at, char *end, struct field_text *ret_field)
{
	char *comma;

	if (*at < end && **at == '"')
		return split_quoted(at, end, ret_field);

	comma = memchr(*at, ',', (size_t)(end - *at));
	if (!comma)
		comma = end;
	ret_field->text = *at;
	ret_field->length = (size_t)(comma - *at);
	*comma = '\0';
	*at = comma + 1;
	return comma < end ? SPLIT_MORE : SPLIT_LAST;
}

static bool
is_name(const struct fields *fields, int field, const struct field_text *text)
{
	return fields->names[field] && fields->name_lengths[field] == text->length &&
	       memcmp(fields->names[field], text->text, text->length) == 0;
}

static int
find_columns(struct csv *csv, const struct fields *fields, char *line, size_t length,
    const char *name, struct error *error)
{
	char *at = line, *end = line + length;
	struct field_text text;
	enum split split;

	do {
		split = split_field(&at, end, &text);
		if (split == SPLIT_BROKEN)
			return error_set(
			    error, -EINVAL, "%s: the header's quotes are broken", name);
		text = field_trim(text);
		for (int i = 0; i < FIELD_COUNT; i++) {
			if (!is_name(fields, i, &text))
				continue;
			if (csv->columns[i] != NOWHERE)
				return error_set(error, -EINVAL,
				    "%s: the column \"%s\" is there twice", name,
				    fields->names[i]);
			csv->columns[i] = csv->n_columns;
			csv->n_wanted = csv->n_columns + 1;
		}
		csv->n_columns++;
	} while (split == SPLIT_MORE);
	return 0;
}

int
csv_header(struct csv *csv, struct fields *fields, char *line, size_t length,
    const char *name, struct error *error)
{
	int r;

	csv_deinit(csv);
	for (int i = 0; i < FIELD_COUNT; i++)
		csv->columns[i] = NOWHERE;
	r = find_columns(csv, fields, line, length, name, error);
	if (r < 0)
		return r;

	fields->has[FIELD_SIDE] = csv->columns[FIELD_SIDE] != NOWHERE;
	fields->has[FIELD_ID] = csv->columns[FIELD_ID] != NOWHERE;
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (fields->has[i] && csv->columns[i] == NOWHERE)
			return error_set(error, -EINVAL,
			    "%s: there is no column \"%s\" for %s in the header", name,
			    fields->names[i] ? fields->names[i] : "",
			    field_name((enum field)i));
	}

	csv->texts = calloc(csv->n_wanted, sizeof(*csv->texts));
	return csv->texts ? 0 : -ENOMEM;
}

const char *
csv_row(struct csv *csv, char *line, size_t length,
    struct field_text ret_texts[FIELD_COUNT])
{
	char *at = line, *end = line + length;
	struct field_text unused;
	enum split split = SPLIT_MORE;
	size_t n = 0;

	for (; split == SPLIT_MORE; n++) {
		split =
		    split_field(&at, end, n < csv->n_wanted ? &csv->texts[n] : &unused);
		if (split == SPLIT_BROKEN)
			return "broken quotes";
	}
	if (n < csv->n_columns)
		return "fewer fields than the header has";

	for (int i = 0; i < FIELD_COUNT; i++) {
		if (csv->columns[i] == NOWHERE)
			ret_texts[i] = (struct field_text){ 0 };
		else
			ret_texts[i] = csv->texts[csv->columns[i]];
	}
	return NULL;
}
