/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `tradesup top` knows: the supervisor and its workers as last told, the last
 * events, which worker is chosen, what is being shown. Pure: rows go in, nothing is
 * asked. All texts are made harmless when they come in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/record.h"

#define TOP_NAME_MAX 65
#define TOP_TEXT_MAX 512
#define TOP_EVENTS 200	 /* remembered */
#define TOP_PAGE_MAX 600 /* lines of an answer */
#define TOP_INPUT_MAX 200

struct top_worker {
	char name[TOP_NAME_MAX];
	char state[TOP_NAME_MAX];
	char pid[16];
	char text[TOP_TEXT_MAX];   /* error, or what it says of itself */
	char held[TOP_NAME_MAX];   /* the rule; "": it is not */
	bool is_error, held_alone; /* by a latch of its own */
	/* -1: not known */
	int64_t up_ms, restarts, heals, cycle, cycle_age_ms, memory_bytes, cpu_ms;
	int64_t cpu_permille; /* of one CPU since the last answer */
};

enum top_mode { TOP_LIST, TOP_PAGE, TOP_HELP };
enum top_ask { TOP_ASK_NOTHING, TOP_ASK_FILTER, TOP_ASK_HOLD, TOP_ASK_RESUME };

struct top {
	char head[TOP_TEXT_MAX];    /* of the supervisor; "" before the first answer */
	char held[TOP_TEXT_MAX];    /* why nothing is traded; "": it is */
	bool all_held;		    /* by a latch for all workers */
	char trouble[TOP_TEXT_MAX]; /* why there is no answer; "": there is */
	struct top_worker *workers; /* owned */
	size_t n_workers, capacity;
	struct top_worker *coming; /* the answer that is being read; owned */
	size_t n_coming, coming_capacity;
	char *latched; /* names with latches of their own, each ended by '\n'; owned */
	char *events[TOP_EVENTS]; /* ring; owned */
	size_t next_event;

	char chosen[TOP_NAME_MAX]; /* by name, since the list may change */
	char filter[TOP_INPUT_MAX];
	enum top_mode mode;
	char page_title[TOP_TEXT_MAX];
	char *page[TOP_PAGE_MAX]; /* owned */
	size_t n_page, page_at;	  /* first line that is shown */
	enum top_ask ask;
	char ask_about[TOP_NAME_MAX]; /* the worker; "": all */
	char input[TOP_INPUT_MAX];
	char message[TOP_TEXT_MAX]; /* of the last key */
};

void top_deinit(struct top *top);

/** top_begin(), top_row(), top_end() - an answer to `status`; it counts when it is
 * whole. @elapsed_ms: since the last one, 0 before the first. */
void top_begin(struct top *top);
void top_row(struct top *top, const struct record *row);
void top_end(struct top *top, int64_t elapsed_ms);

/** top_event() - a line of the stream. */
void top_event(struct top *top, const struct record *row);

/** top_page_begin(), top_page_line() - another page; keeps where it was scrolled to if
 * the title is the same. */
void top_page_begin(struct top *top, const char *title);
void top_page_line(struct top *top, const char *text);

/** top_shows() - whether the filter lets a text through. */
bool top_shows(const struct top *top, const char *text);

/** top_chosen() - the worker; NULL if none is shown. */
const struct top_worker *top_chosen(const struct top *top);

/** top_move() - choose another: so many further down, or up. */
void top_move(struct top *top, int by);

/** top_input() - one more character of the input, UTF-8; NULL: one less. */
void top_input(struct top *top, const char *character);
