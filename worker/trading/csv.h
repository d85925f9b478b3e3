/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV, RFC 4180 without newlines in quotes: a header line, then a line for each record.
 */
#pragma once

#include "worker/trading/fields.h"

struct csv {
	size_t n_columns;	     /* of the header */
	size_t columns[FIELD_COUNT]; /* where each field stands; SIZE_MAX: nowhere */
	size_t n_wanted;	     /* no column from here on is of interest */
	struct field_text *texts;    /* n_wanted of them, for the row at hand */
};

void csv_init(struct csv *csv);
void csv_deinit(struct csv *csv);

/**
 * csv_header() - find the columns, and say in @fields what the feed has
 * @line: modified; line[length] may be written to
 * @name: the file's, for the error
 *
 * Return: 0; -EINVAL: a column is missing or there twice, or the quotes are broken,
 * with @error filled; -ENOMEM.
 */
int csv_header(struct csv *csv, struct fields *fields, char *line, size_t length,
    const char *name, struct error *error);

/**
 * csv_row() - split a row; the texts lie in @line, which is modified up to line[length]
 *
 * Return: NULL, or what is wrong with the row as a whole.
 */
const char *csv_row(struct csv *csv, char *line, size_t length,
    struct field_text ret_texts[FIELD_COUNT]);
