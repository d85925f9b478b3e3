/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drawing of `tradesup top`: which columns a window has room for, how many workers
 * and events, and every line's text. Terminals are main.c's.
 */
#include "supervisor/top/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/duration.h"
#include "supervisor/ctl/terminal.h"

#define TEXT_LEAST 12 /* columns that a worker's text has at least */
#define NAME_MOST 24

static const char keys[] = "j/k choose  r restart  s stop/start  h hold/resume  "
			   "l logs  w why  / filter  ? help  q quit";

static const char *const help[] = {
	"Up, Down, j, k   choose a worker; scroll a page",
	"r                restart it",
	"s                stop it, or start it",
	"h                hold it, or resume it: asks for the reason",
	"H                the same for all workers",
	"l                what it wrote",
	"w                what was decided about it, and why",
	"/                show only names and events with this text",
	"Esc              leave a question or a page, forget the filter",
	"q                quit",
};

enum column { RESTARTS, UP, CYCLE, AGE, CPU, MEMORY, HEALS, PID, N_COLUMNS };

/* In the order in which they stand; `rank` says which go first in a narrow window. */
static const struct {
	enum column column;
	const char *title;
	int width;
	unsigned rank; /* the highest goes first */
} columns_shown[] = {
	{ PID, "PID", 7, 6 },
	{ UP, "UP", 7, 1 },
	{ RESTARTS, "RST", 4, 0 },
	{ HEALS, "HEALS", 5, 7 },
	{ CYCLE, "CYCLE", 7, 2 },
	{ AGE, "AGE", 6, 3 },
	{ MEMORY, "MEM", 7, 5 },
	{ CPU, "CPU", 6, 4 },
};

/** struct layout - the columns of a window */
struct layout {
	size_t columns;
	int name, state; /* widths */
	bool shown[N_COLUMNS];
};

static void
set(struct view_line *line, const struct layout *layout, enum view_mark mark,
    const char *text)
{
	size_t length = terminal_cut(text, layout->columns);

	if (length >= sizeof(line->text))
		length = sizeof(line->text) - 1;
	memcpy(line->text, text, length);
	line->text[length] = '\0';
	line->mark = mark;
}

/* Padded to a width in characters, not in bytes. */
static void
put(char *out, size_t size, const char *text, int width, bool right)
{
	size_t used = strlen(out), has = terminal_width(text);
	int pad = (int)has < width ? width - (int)has : 0;
	size_t length = terminal_cut(text, (size_t)width);

	snprintf(out + used, size - used, "%*s%.*s%*s ", right ? pad : 0, "",
	    (int)length, text, right ? 0 : pad, "");
}

static void
lay_out(const struct top *top, size_t columns, struct layout *ret_layout)
{
	size_t left, name = 6, state = 5;

	for (size_t i = 0; i < top->n_workers; i++) {
		size_t width = terminal_width(top->workers[i].name);
		size_t its_state = terminal_width(top->workers[i].state);

		name = width > name ? width : name;
		state = its_state > state ? its_state : state;
	}
	name = name > NAME_MOST ? NAME_MOST : name;
	if (columns < 60 && name > 12)
		name = 12;
	*ret_layout = (struct layout){
		.columns = columns, .name = (int)name, .state = (int)state
	};
	left = name + state + 2 + TEXT_LEAST;
	left = columns > left ? columns - left : 0;
	for (unsigned rank = 0; rank < N_COLUMNS; rank++)
		for (size_t i = 0; i < ARRAY_SIZE(columns_shown); i++) {
			size_t width = (size_t)columns_shown[i].width + 1;

			if (columns_shown[i].rank != rank)
				continue;
			if (width > left)
				return;
			left -= width;
			ret_layout->shown[columns_shown[i].column] = true;
		}
}

static void
format_number(int64_t value, char out[DURATION_TEXT_MAX])
{
	if (value < 0)
		strcpy(out, "-");
	else
		snprintf(out, DURATION_TEXT_MAX, "%" PRId64, value);
}

static void
format_value(
    const struct top_worker *worker, enum column column, char out[DURATION_TEXT_MAX])
{
	switch (column) {
	case PID:
		snprintf(
		    out, DURATION_TEXT_MAX, "%s", worker->pid[0] ? worker->pid : "-");
		return;
	case UP:
		terminal_span(worker->up_ms, out);
		return;
	case AGE:
		terminal_span(worker->cycle_age_ms, out);
		return;
	case RESTARTS:
		format_number(worker->restarts, out);
		return;
	case HEALS:
		format_number(worker->heals, out);
		return;
	case CYCLE:
		format_number(worker->cycle, out);
		return;
	case MEMORY:
		if (worker->memory_bytes < 0)
			strcpy(out, "-");
		else
			size_format(worker->memory_bytes, out);
		return;
	case CPU:
		if (worker->cpu_permille < 0)
			strcpy(out, "-");
		else
			snprintf(out, DURATION_TEXT_MAX, "%" PRId64 ".%" PRId64 "%%",
			    worker->cpu_permille / 10, worker->cpu_permille % 10);
		return;
	case N_COLUMNS:
		break;
	}
	out[0] = '\0';
}

static void
draw_titles(struct view_line *line, const struct layout *layout)
{
	char text[VIEW_LINE_MAX] = "";

	put(text, sizeof(text), "WORKER", layout->name, false);
	put(text, sizeof(text), "STATE", layout->state, false);
	for (size_t i = 0; i < ARRAY_SIZE(columns_shown); i++)
		if (layout->shown[columns_shown[i].column])
			put(text, sizeof(text), columns_shown[i].title,
			    columns_shown[i].width, true);
	put(text, sizeof(text), "STATUS", TEXT_LEAST, false);
	set(line, layout, VIEW_TITLE, text);
}

static enum view_mark
mark_of(const struct top_worker *worker)
{
	if (worker->is_error)
		return VIEW_BAD;
	if (strcmp(worker->state, "down") == 0)
		return VIEW_DIM;
	if (strcmp(worker->state, "up") == 0)
		return worker->held[0] ? VIEW_WARN : VIEW_GOOD;
	return VIEW_WARN;
}

static void
draw_worker(struct view_line *line, const struct layout *layout,
    const struct top_worker *worker)
{
	char text[VIEW_LINE_MAX] = "", value[DURATION_TEXT_MAX];
	size_t used;

	put(text, sizeof(text), worker->name, layout->name, false);
	put(text, sizeof(text), worker->state, layout->state, false);
	for (size_t i = 0; i < ARRAY_SIZE(columns_shown); i++) {
		if (!layout->shown[columns_shown[i].column])
			continue;
		format_value(worker, columns_shown[i].column, value);
		put(text, sizeof(text), value, columns_shown[i].width, true);
	}
	used = strlen(text);
	snprintf(text + used, sizeof(text) - used, "%s", worker->text);
	set(line, layout, mark_of(worker), text);
}

/* What stops the orders is what an operator must see first. */
static void
draw_head(const struct top *top, struct view_line *line, const struct layout *layout)
{
	char text[2 * TOP_TEXT_MAX + 16];

	if (top->trouble[0]) {
		snprintf(text, sizeof(text), "%s; trying again", top->trouble);
		set(line, layout, VIEW_BAD, text);
	} else if (top->held[0]) {
		snprintf(text, sizeof(text), "HELD (%s)  %s", top->held, top->head);
		set(line, layout, VIEW_BAD, text);
	} else {
		set(line, layout, VIEW_PLAIN, top->head);
	}
}

static void
draw_foot(const struct top *top, struct view_line *line, const struct layout *layout)
{
	static const char *const questions[] = {
		[TOP_ASK_NOTHING] = "",
		[TOP_ASK_FILTER] = "filter: ",
		[TOP_ASK_HOLD] = "hold, because: ",
		[TOP_ASK_RESUME] = "resume, because: ",
	};
	char text[TOP_NAME_MAX + TOP_INPUT_MAX + 32];
	const char *shown = text;

	if (top->ask == TOP_ASK_NOTHING) {
		set(line, layout, top->message[0] ? VIEW_PLAIN : VIEW_DIM,
		    top->message[0] ? top->message : keys);
		return;
	}
	snprintf(text, sizeof(text), "%s%s%s%s_",
	    top->ask == TOP_ASK_FILTER ? ""
	    : top->ask_about[0]	       ? top->ask_about
				       : "all",
	    top->ask == TOP_ASK_FILTER ? "" : ": ", questions[top->ask], top->input);
	/* The end is where one types. */
	while (terminal_width(shown) > layout->columns)
		shown += terminal_cut(shown, 1);
	set(line, layout, VIEW_PLAIN, shown);
}

static size_t
count_shown(const struct top *top, size_t *ret_chosen)
{
	size_t n = 0;

	*ret_chosen = 0;
	for (size_t i = 0; i < top->n_workers; i++) {
		if (!top_shows(top, top->workers[i].name))
			continue;
		if (strcmp(top->workers[i].name, top->chosen) == 0)
			*ret_chosen = n;
		n++;
	}
	return n;
}

static void
draw_workers(const struct top *top, struct view_line *lines, size_t rows,
    const struct layout *layout)
{
	size_t chosen, n = 0, first;

	count_shown(top, &chosen);
	first = chosen >= rows ? chosen - rows + 1 : 0;
	for (size_t i = 0; i < top->n_workers && n < first + rows; i++) {
		const struct top_worker *worker = &top->workers[i];

		if (!top_shows(top, worker->name))
			continue;
		if (n >= first) {
			draw_worker(&lines[n - first], layout, worker);
			lines[n - first].is_chosen = n == chosen;
		}
		n++;
	}
}

/* The newest at the bottom. */
static void
draw_events(const struct top *top, struct view_line *lines, size_t rows,
    const struct layout *layout)
{
	for (size_t k = 1; k <= TOP_EVENTS && rows > 0; k++) {
		const char *text =
		    top->events[(top->next_event + TOP_EVENTS - k) % TOP_EVENTS];

		if (text && top_shows(top, text))
			set(&lines[--rows], layout, VIEW_PLAIN, text);
	}
}

/* Between head and foot: titles, workers, a line, events, as far as there is room. */
static void
draw_list(const struct top *top, struct view_line *lines, size_t rows,
    const struct layout *layout)
{
	size_t chosen, n = count_shown(top, &chosen), most;

	if (rows >= 2) {
		draw_titles(lines++, layout);
		rows--;
	}
	/* A third is for events, where there is enough for both. */
	most = rows > 6 ? rows - rows / 3 : rows;
	n = n > most ? most : n;
	draw_workers(top, lines, n, layout);
	lines += n;
	rows -= n;
	if (rows < 2)
		return;
	set(lines++, layout, VIEW_TITLE,
	    top->filter[0] ? "EVENTS (filtered)" : "EVENTS");
	draw_events(top, lines, rows - 1, layout);
}

static void
draw_page(const struct top *top, struct view_line *lines, size_t rows,
    const struct layout *layout)
{
	size_t at = top->page_at;

	if (rows == 0)
		return;
	set(lines, layout, VIEW_TITLE, top->page_title);
	if (at + rows - 1 > top->n_page)
		at = top->n_page > rows - 1 ? top->n_page - (rows - 1) : 0;
	for (size_t i = 1; i < rows && at + i - 1 < top->n_page; i++)
		set(&lines[i], layout, VIEW_PLAIN, top->page[at + i - 1]);
}

static void
draw_help(struct view_line *lines, size_t rows, const struct layout *layout)
{
	for (size_t i = 0; i < rows && i < ARRAY_SIZE(help); i++)
		set(&lines[i], layout, VIEW_PLAIN, help[i]);
}

void
view_draw(const struct top *top, struct view_line *lines, size_t rows, size_t columns)
{
	struct layout layout;

	memset(lines, 0, rows * sizeof(*lines));
	if (rows == 0)
		return;
	lay_out(top, columns < VIEW_COLUMNS_MAX ? columns : VIEW_COLUMNS_MAX, &layout);
	draw_head(top, lines, &layout);
	if (rows == 1)
		return;
	draw_foot(top, &lines[rows - 1], &layout);
	if (top->mode == TOP_HELP)
		draw_help(lines + 1, rows - 2, &layout);
	else if (top->mode == TOP_PAGE)
		draw_page(top, lines + 1, rows - 2, &layout);
	else
		draw_list(top, lines + 1, rows - 2, &layout);
}
