/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on which line of `tradesup top`, and how it is marked. Pure: a state and
 * a size in, lines out.
 */
#pragma once

#include "supervisor/top/state.h"

#define VIEW_COLUMNS_MAX 500 /* wider windows stay empty there */
#define VIEW_LINE_MAX (4 * VIEW_COLUMNS_MAX + 1)

enum view_mark { VIEW_PLAIN, VIEW_GOOD, VIEW_WARN, VIEW_BAD, VIEW_DIM, VIEW_TITLE };

struct view_line {
	char text[VIEW_LINE_MAX]; /* clean UTF-8, at most as wide as the window */
	enum view_mark mark;
	bool is_chosen;
};

/**
 * view_draw() - fill the lines of a window
 * @lines: @rows of them, all are written
 *
 * The first line is the supervisor's, the last is the question, the message or the
 * keys; the chosen worker is always among those between, where there is a line for it.
 */
void view_draw(
    const struct top *top, struct view_line *lines, size_t rows, size_t columns);
