/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of text: columns as wide as their widest cell, titles above, two blanks
 * between.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS_MAX 16

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
	const char *title; /* borrowed for the table's life */
	enum table_align align;
};

enum table_style { TABLE_PLAIN, TABLE_GOOD, TABLE_WARN, TABLE_BAD, TABLE_DIM };

struct table;

/** table_new() - @columns: borrowed; at most TABLE_COLUMNS_MAX. Return: NULL: out of
 * memory. */
struct table *table_new(const struct table_column *columns, size_t n_columns);

/** table_free() - Return: NULL. */
struct table *table_free(struct table *table);
void table_freep(struct table **table);

/**
 * table_cell() - add the next cell, from left to right; a full row begins a new one
 * @text: copied, control characters made harmless; NULL: "-"
 *
 * Out of memory is remembered, and told by table_render().
 */
void table_cell(struct table *table, enum table_style style, const char *text);

/** table_cellf() - the same, printf-style; longer than 1 KiB is cut. */
void table_cellf(struct table *table, enum table_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * table_line() - a line of its own that no column's width depends on (a heading)
 *
 * Only between rows.
 */
void table_line(struct table *table, const char *text);

/** struct table_look - where the table is going to be read */
struct table_look {
	bool colour;
	size_t width; /* lines are cut here, with "…"; 0: never */
};

/**
 * table_render() - the whole table as text, newline after each line, no blank at a
 * line's end
 *
 * An unfinished row is filled up with empty cells. Return: 0, caller frees; -ENOMEM.
 */
int table_render(struct table *table, const struct table_look *look, char **ret_text);
