/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows and how to read them. What they mean is in supervisor/control.h.
 */
#include "worker/web/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
make_room(struct rows *rows)
{
	size_t room = rows->room > 0 ? rows->room * 2 : 16;
	struct row *items;

	if (rows->n < rows->room)
		return 0;
	if (rows->n >= ROWS_MAX)
		return -E2BIG;
	items = reallocarray(rows->items, room, sizeof(*items));
	if (!items)
		return -ENOMEM;
	rows->items = items;
	rows->room = room;
	return 0;
}

int
rows_add(struct rows *rows, const char *line)
{
	struct row *row;
	int r = make_room(rows);

	if (r < 0)
		return r;
	row = &rows->items[rows->n];
	row->descriptors = -1;
	row->line = strdup(line);
	if (!row->line)
		return -ENOMEM;
	if (record_parse(row->line, &row->record) != 0 || !row->record.event) {
		free(row->line);
		return -EINVAL;
	}
	rows->n++;
	return 0;
}

void
rows_deinit(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		free(rows->items[i].line);
	free(rows->items);
	*rows = (struct rows){ 0 };
}

int
row_is(const struct row *row, const char *event)
{
	return strcmp(row->record.event, event) == 0;
}

int64_t
row_number(const struct row *row, const char *key)
{
	const char *text = record_get(&row->record, key);
	long long number;
	char *end;

	if (!text || *text == '\0')
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	return errno || *end || number < 0 ? -1 : number;
}

const struct row *
rows_first(const struct rows *rows, const char *event)
{
	for (size_t i = 0; i < rows->n; i++)
		if (row_is(&rows->items[i], event))
			return &rows->items[i];
	return NULL;
}
