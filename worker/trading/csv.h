/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV, RFC 4180 without newlines in quotes: a header line, then a line for each record.
 */
#pragma once

#include "worker/trading/fields.h"

struct csv {
	size_t n_columns;	    /* of the header */
	size_t n_wanted;	    /* no column from here on is of interest */
	struct field_text *columns; /* n_wanted of them: the row at hand */
	size_t places[FIELD_COUNT]; /* each field's column; SIZE_MAX: it has none */
	field_texts texts;	    /* into columns */
};

void csv_init(struct csv *csv);
void csv_deinit(struct csv *csv);

/**
 * csv_header() - find the columns, and say in @fields what the feed has
 * @line: modified; line[length] may be written to
 *
 * Return: 0; -EINVAL: a column is missing or there twice, or the quotes are broken;
 *         -ENOMEM. @error is filled.
 */
int csv_header(struct csv *csv, struct fields *fields, char *line, size_t length,
    struct error *error);

/**
 * csv_row() - split a row; afterwards @csv->texts are its fields
 * @line: modified, line[length] too; the texts lie in it
 *
 * Return: NULL, or what is wrong with the row as a whole.
 */
const char *csv_row(struct csv *csv, char *line, size_t length);
