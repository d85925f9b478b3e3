/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor answered: its rows, owned, in their order. Bounded, because the
 * number of workers is somebody else's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/record.h"

#define ROWS_MAX 20000

struct row {
	char *line; /* owned; the record borrows from it */
	struct record record;
	int64_t descriptors; /* open in this row's process; -1: not known */
};

struct rows {
	struct row *items; /* owned */
	size_t n, room;
};

/** rows_add() - @line is copied and parsed. Return: 0; -EINVAL for what is no row;
 * -E2BIG when there are ROWS_MAX; -ENOMEM. */
int rows_add(struct rows *rows, const char *line);

/** rows_deinit() - free them; there are none again. */
void rows_deinit(struct rows *rows);

/** row_is() - whether the row's name is @event. */
int row_is(const struct row *row, const char *event);

/** row_number() - a field as a number; -1 if it is not there, or no number. None of
 * the fields that have numbers can be below 0. */
int64_t row_number(const struct row *row, const char *key);

/** rows_first() - the first row of that name; NULL. */
const struct row *rows_first(const struct rows *rows, const char *event);
