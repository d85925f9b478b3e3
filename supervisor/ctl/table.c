/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables as text. Pure: it neither prints nor asks what the terminal can do, the caller
 * says so in struct table_look. It does not know what the columns mean.
 */
#include "supervisor/ctl/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/ctl/terminal.h"

struct table_entry {
	char *text; /* clean */
	enum table_style style;
	bool is_line; /* stands alone, over all columns */
};

struct table {
	const struct table_column *columns; /* borrowed */
	size_t n_columns;
	struct table_entry *entries; /* cells row by row, lines between them */
	size_t n_entries, capacity;
	size_t filled; /* cells of the row that is being written */
	int error;     /* -ENOMEM once that has happened */
};

static const char *const escapes[] = {
	[TABLE_PLAIN] = "",
	[TABLE_GOOD] = "\033[32m",
	[TABLE_WARN] = "\033[33m",
	[TABLE_BAD] = "\033[31m",
	[TABLE_DIM] = "\033[2m",
};

struct table *
table_new(const struct table_column *columns, size_t n_columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->n_columns = n_columns;
	return table;
}

struct table *
table_free(struct table *table)
{
	if (!table)
		return NULL;
	for (size_t i = 0; i < table->n_entries; i++)
		free(table->entries[i].text);
	free(table->entries);
	free(table);
	return NULL;
}

void
table_freep(struct table **table)
{
	table_free(*table);
}

static int
add(struct table *table, enum table_style style, const char *text, bool is_line)
{
	struct table_entry *entries;
	char *clean;

	if (table->n_entries == table->capacity) {
		size_t capacity = table->capacity > 0 ? 2 * table->capacity : 32;

		entries = reallocarray(table->entries, capacity, sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		table->entries = entries;
		table->capacity = capacity;
	}
	clean = terminal_clean(text);
	if (!clean)
		return -ENOMEM;
	table->entries[table->n_entries++] =
	    (struct table_entry){ .text = clean, .style = style, .is_line = is_line };
	return 0;
}

void
table_cell(struct table *table, enum table_style style, const char *text)
{
	if (table->error == 0)
		table->error = add(table, style, text ? text : "-", false);
	table->filled = (table->filled + 1) % table->n_columns;
}

void
table_cellf(struct table *table, enum table_style style, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	table_cell(table, style, text);
}

void
table_line(struct table *table, const char *text)
{
	if (table->error == 0)
		table->error = add(table, TABLE_PLAIN, text, true);
}

static void
measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
	size_t column = 0;

	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = terminal_width(table->columns[i].title);
	for (size_t i = 0; i < table->n_entries; i++) {
		size_t width;

		if (table->entries[i].is_line)
			continue;
		width = terminal_width(table->entries[i].text);
		if (width > widths[column])
			widths[column] = width;
		column = (column + 1) % table->n_columns;
	}
}

static void
put_styled(FILE *out, const struct table_look *look, enum table_style style,
    const char *text, size_t length)
{
	bool styled = look->colour && style != TABLE_PLAIN && length > 0;

	fprintf(out, "%s%.*s%s", styled ? escapes[style] : "", (int)length, text,
	    styled ? "\033[0m" : "");
}

/* At most @room characters of @text, the last one being "…" where it is cut. */
static void
put_cut(FILE *out, const struct table_look *look, const struct table_entry *entry,
    size_t room)
{
	bool cut = look->width > 0 && terminal_width(entry->text) > room;

	if (!cut) {
		put_styled(out, look, entry->style, entry->text, strlen(entry->text));
	} else if (room > 0) {
		put_styled(out, look, entry->style, entry->text,
		    terminal_cut(entry->text, room - 1));
		fputs("…", out);
	}
}

/* Blanks are owed, not written, until something follows them: no line ends with one. */
static void
put_row(FILE *out, const struct table *table, const struct table_look *look,
    const struct table_entry *cells, const size_t widths[TABLE_COLUMNS_MAX])
{
	size_t at = 0, owed = 0;

	for (size_t i = 0; i < table->n_columns; i++) {
		size_t width = terminal_width(cells[i].text);
		size_t pad = widths[i] > width ? widths[i] - width : 0;
		bool right = table->columns[i].align == TABLE_RIGHT;

		if (right)
			owed += pad;
		if (width > 0 && (look->width == 0 || at + owed < look->width)) {
			fprintf(out, "%*s", (int)owed, "");
			at += owed;
			put_cut(out, look, &cells[i], look->width - at);
			at += width;
			owed = 0;
		}
		owed += (right ? 0 : pad) + 2;
	}
	fputc('\n', out);
}

static void
put_titles(FILE *out, const struct table *table, const struct table_look *look,
    const size_t widths[TABLE_COLUMNS_MAX])
{
	struct table_entry cells[TABLE_COLUMNS_MAX];

	for (size_t i = 0; i < table->n_columns; i++)
		cells[i] =
		    (struct table_entry){ .text = (char *)table->columns[i].title,
			    .style = TABLE_DIM };
	put_row(out, table, look, cells, widths);
}

int
table_render(struct table *table, const struct table_look *look, char **ret_text)
{
	size_t widths[TABLE_COLUMNS_MAX], size;
	char *text = NULL;
	FILE *out;

	while (table->filled > 0)
		table_cell(table, TABLE_PLAIN, "");
	if (table->error < 0)
		return table->error;
	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;

	measure(table, widths);
	put_titles(out, table, look, widths);
	for (size_t i = 0; i < table->n_entries;) {
		const struct table_entry *entry = &table->entries[i];

		if (entry->is_line) {
			put_cut(out, look, entry, look->width);
			fputc('\n', out);
			i++;
		} else {
			put_row(out, table, look, entry, widths);
			i += table->n_columns;
		}
	}
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
