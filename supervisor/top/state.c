/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of `tradesup top`. How it looks is in view.c, keys and sockets in main.c.
 */
#include "supervisor/top/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/ctl/terminal.h"

/* A clean copy of what was told, cut to the room there is. */
static void
keep(char *out, size_t size, const char *text)
{
	_cleanup_free_ char *clean = terminal_clean(text ? text : "");

	snprintf(out, size, "%s", clean ? clean : "");
	/* The cut may have gone through a character. */
	while (clean && strlen(clean) >= size && out[0] &&
	       ((unsigned char)out[strlen(out) - 1] & 0x80))
		out[strlen(out) - 1] = '\0';
}

static int64_t
number(const struct record *row, const char *key)
{
	const char *text = record_get(row, key);

	return text ? strtoll(text, NULL, 10) : -1;
}

void
top_deinit(struct top *top)
{
	free(top->workers);
	free(top->coming);
	free(top->latched);
	for (size_t i = 0; i < TOP_EVENTS; i++)
		free(top->events[i]);
	for (size_t i = 0; i < top->n_page; i++)
		free(top->page[i]);
	memset(top, 0, sizeof(*top));
}

void
top_begin(struct top *top)
{
	top->n_coming = 0;
	top->held[0] = '\0';
	top->all_held = false;
	free(top->latched);
	top->latched = NULL;
}

static void
take_supervisor(struct top *top, const struct record *row)
{
	const char *version = record_get(row, "version"),
		   *state = record_get(row, "state"), *pid = record_get(row, "pid"),
		   *restarts = record_get(row, "restarts"),
		   *used = record_get(row, "in_period"),
		   *limit = record_get(row, "intensity");
	char up[TERMINAL_SPAN_MAX], text[TOP_TEXT_MAX];

	terminal_span(number(row, "up_ms"), up);
	snprintf(text, sizeof(text),
	    "tradesup %s  %s  pid %s  up %s  restarts %s (%s of %s)",
	    version ? version : "?", state ? state : "?", pid ? pid : "?", up,
	    restarts ? restarts : "0", used ? used : "0", limit ? limit : "?");
	keep(top->head, sizeof(top->head), text);
	keep(top->held, sizeof(top->held), record_get(row, "held"));
}

static void
take_latch(struct top *top, const struct record *row)
{
	const char *worker = record_get(row, "worker");
	char *longer;

	if (!worker || !worker[0]) {
		top->all_held = true;
		return;
	}
	if (asprintf(&longer, "%s%s\n", top->latched ? top->latched : "", worker) < 0)
		return;
	free(top->latched);
	top->latched = longer;
}

static bool
has_latch(const struct top *top, const char *worker)
{
	size_t length = strlen(worker);
	const char *at = top->latched;

	while (at && *at) {
		const char *end = strchr(at, '\n');

		if ((size_t)(end - at) == length && strncmp(at, worker, length) == 0)
			return true;
		at = end + 1;
	}
	return false;
}

static void
take_text(struct top_worker *worker, const struct record *row)
{
	const char *error = record_get(row, "error"),
		   *status = record_get(row, "status");
	int64_t next_ms = number(row, "next_ms");
	char text[TOP_TEXT_MAX], span[TERMINAL_SPAN_MAX];

	worker->is_error = error && error[0];
	snprintf(text, sizeof(text), "%s%s%s", next_ms >= 0 ? "starts in " : "",
	    next_ms >= 0 ? terminal_span(next_ms, span) : "",
	    next_ms >= 0 && worker->is_error ? "; " : "");
	if (worker->held[0])
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "held: %s; ",
		    worker->held);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s",
	    worker->is_error ? error
	    : status	     ? status
			     : "");
	keep(worker->text, sizeof(worker->text), text);
}

static void
take_worker(struct top *top, const struct record *row)
{
	struct top_worker *worker;

	if (top->n_coming == top->coming_capacity) {
		size_t capacity = top->coming_capacity ? 2 * top->coming_capacity : 16;
		struct top_worker *more =
		    reallocarray(top->coming, capacity, sizeof(*more));

		if (!more)
			return;
		top->coming = more;
		top->coming_capacity = capacity;
	}
	worker = &top->coming[top->n_coming++];
	*worker = (struct top_worker){ .up_ms = number(row, "up_ms"),
		.restarts = number(row, "restarts"),
		.heals = number(row, "heals"),
		.cycle = number(row, "cycle"),
		.cycle_age_ms = number(row, "cycle_age_ms"),
		.memory_bytes = number(row, "memory_bytes"),
		.cpu_ms = number(row, "cpu_ms"),
		.cpu_permille = -1 };
	keep(worker->name, sizeof(worker->name), record_get(row, "name"));
	keep(worker->state, sizeof(worker->state), record_get(row, "state"));
	keep(worker->pid, sizeof(worker->pid), record_get(row, "pid"));
	keep(worker->held, sizeof(worker->held), record_get(row, "held"));
	worker->held_alone = has_latch(top, worker->name);
	take_text(worker, row);
}

void
top_row(struct top *top, const struct record *row)
{
	if (!row->event)
		return;
	if (strcmp(row->event, "supervisor") == 0)
		take_supervisor(top, row);
	else if (strcmp(row->event, "latch") == 0)
		take_latch(top, row);
	else if (strcmp(row->event, "worker") == 0)
		take_worker(top, row);
}

static const struct top_worker *
find(const struct top *top, const char *name)
{
	for (size_t i = 0; i < top->n_workers; i++)
		if (strcmp(top->workers[i].name, name) == 0)
			return &top->workers[i];
	return NULL;
}

/* In the same life, over the time that has passed. */
static void
measure_cpu(const struct top *top, struct top_worker *worker, int64_t elapsed_ms)
{
	const struct top_worker *before = find(top, worker->name);

	if (!before || elapsed_ms <= 0 || strcmp(before->pid, worker->pid) != 0 ||
	    before->cpu_ms < 0 || worker->cpu_ms < before->cpu_ms)
		return;
	worker->cpu_permille = (worker->cpu_ms - before->cpu_ms) * 1000 / elapsed_ms;
}

void
top_end(struct top *top, int64_t elapsed_ms)
{
	struct top_worker *workers = top->workers;
	size_t capacity = top->capacity;

	for (size_t i = 0; i < top->n_coming; i++)
		measure_cpu(top, &top->coming[i], elapsed_ms);
	top->workers = top->coming;
	top->n_workers = top->n_coming;
	top->capacity = top->coming_capacity;
	top->coming = workers;
	top->coming_capacity = capacity;
	top->n_coming = 0;
	top_move(top, 0);
}

void
top_event(struct top *top, const struct record *row)
{
	const char *ts = record_get(row, "ts");
	struct record event;
	char line[4096], text[4200];

	record_init(&event, row->event);
	for (size_t i = 0; i < row->n_fields; i++)
		if (strcmp(row->fields[i].key, "ts") != 0)
			record_add(&event, &row->fields[i]);
	record_logfmt(&event, line, sizeof(line));
	/* The time of day is enough here. */
	snprintf(text, sizeof(text), "%.8s %s",
	    ts && strlen(ts) > 19 ? ts + 11 : "--------", line);
	free(top->events[top->next_event]);
	top->events[top->next_event] = terminal_clean(text);
	top->next_event = (top->next_event + 1) % TOP_EVENTS;
}

void
top_page_begin(struct top *top, const char *title)
{
	if (strcmp(top->page_title, title) != 0)
		top->page_at = 0;
	keep(top->page_title, sizeof(top->page_title), title);
	for (size_t i = 0; i < top->n_page; i++)
		free(top->page[i]);
	top->n_page = 0;
}

void
top_page_line(struct top *top, const char *text)
{
	char *clean = top->n_page < TOP_PAGE_MAX ? terminal_clean(text) : NULL;

	if (clean)
		top->page[top->n_page++] = clean;
}

bool
top_shows(const struct top *top, const char *text)
{
	return top->filter[0] == '\0' || strstr(text, top->filter);
}

const struct top_worker *
top_chosen(const struct top *top)
{
	const struct top_worker *worker = find(top, top->chosen);

	return worker && top_shows(top, worker->name) ? worker : NULL;
}

void
top_move(struct top *top, int by)
{
	int n = 0, at = 0;

	for (size_t i = 0; i < top->n_workers; i++) {
		if (!top_shows(top, top->workers[i].name))
			continue;
		if (strcmp(top->workers[i].name, top->chosen) == 0)
			at = n;
		n++;
	}
	at = at + by < 0 ? 0 : at + by >= n ? n - 1 : at + by;
	for (size_t i = 0; i < top->n_workers; i++)
		if (top_shows(top, top->workers[i].name) && at-- == 0)
			snprintf(top->chosen, sizeof(top->chosen), "%s",
			    top->workers[i].name);
}

void
top_input(struct top *top, const char *character)
{
	size_t length = strlen(top->input);

	if (character) {
		if (length + strlen(character) < sizeof(top->input))
			strcat(top->input, character);
		return;
	}
	while (length > 0 && ((unsigned char)top->input[--length] & 0xC0) == 0x80)
		;
	top->input[length] = '\0';
}
