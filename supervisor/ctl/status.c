/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup status`: a line about the supervisor and a table of its workers, or both as
 * one JSON object. A worker that is down is no failure of this verb.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/duration.h"
#include "supervisor/ctl/json.h"
#include "supervisor/ctl/place.h"
#include "supervisor/ctl/terminal.h"
#include "supervisor/ctl/watch.h"

#define WATCH_PATIENCE_NS (2 * NS_PER_S) /* for a supervisor that is stopped */

static const struct table_column columns[] = {
	{ "WORKER", TABLE_LEFT },
	{ "STATE", TABLE_LEFT },
	{ "PID", TABLE_RIGHT },
	{ "UP", TABLE_RIGHT },
	{ "RESTARTS", TABLE_RIGHT },
	{ "LAST CYCLE", TABLE_RIGHT },
	{ "HEALS", TABLE_RIGHT },
	{ "MEMORY", TABLE_RIGHT },
	{ "STATUS", TABLE_LEFT },
};

/* The others are dim: nothing runs. */
static const struct {
	const char *name;
	enum table_style style;
} state_styles[] = {
	{ "up", TABLE_GOOD },
	{ "starting", TABLE_WARN },
	{ "stopping", TABLE_WARN },
	{ "restarting", TABLE_WARN },
	{ "making_safe", TABLE_WARN },
	{ "waiting", TABLE_WARN },
	{ "ended", TABLE_WARN },
};

struct printer {
	FILE *out; /* of the text */
	struct table *table;
	struct json json;
	bool latches_open, workers_open; /* the JSON list has begun */
	char group[128];		 /* whose heading was printed last */
};

static int64_t
number(const struct record *row, const char *key)
{
	const char *text = record_get(row, key);

	return text ? strtoll(text, NULL, 10) : -1;
}

static const char *
text_or(const struct record *row, const char *key, const char *otherwise)
{
	const char *text = record_get(row, key);

	return text ? text : otherwise;
}

static enum table_style
style_of(const char *state)
{
	for (size_t i = 0; state && i < ARRAY_SIZE(state_styles); i++) {
		if (strcmp(state_styles[i].name, state) == 0)
			return state_styles[i].style;
	}
	return TABLE_DIM;
}

static void
print_supervisor(FILE *out, const struct record *row)
{
	int64_t period_ms = number(row, "period_ms");
	char up[TERMINAL_SPAN_MAX], period[DURATION_TEXT_MAX];
	_cleanup_free_ char *config = terminal_clean(text_or(row, "config", "-"));
	const char *held = record_get(row, "held");
	_cleanup_free_ char *clean = held ? terminal_clean(held) : NULL;

	terminal_span(number(row, "up_ms"), up);
	fprintf(out, "tradesup %s  %s", text_or(row, "version", "?"),
	    text_or(row, "state", "?"));
	if (held)
		fprintf(out, "  HELD (%s)", clean ? clean : "?");
	fprintf(out, "  pid %s  up %s  restarts %s", text_or(row, "pid", "?"), up,
	    text_or(row, "restarts", "0"));
	if (period_ms >= 0) {
		duration_format(period_ms * NS_PER_MS, period);
		fprintf(out, " (%s of %s in %s)", text_or(row, "in_period", "0"),
		    text_or(row, "intensity", "?"), period);
	}
	fprintf(out, "  %s\n\n", config ? config : "-");
}

/* The workers of the root stand at the margin, those of a group below its name. */
static bool
is_in_group(const char *group)
{
	return group && strcmp(group, "root") != 0;
}

static void
add_group(struct printer *printer, const char *group)
{
	const char *name = is_in_group(group) ? group : "";
	char line[sizeof(printer->group) + 2];

	if (strcmp(printer->group, name) == 0)
		return;
	snprintf(printer->group, sizeof(printer->group), "%s", name);
	if (name[0]) {
		snprintf(line, sizeof(line), "%s:", printer->group);
		table_line(printer->table, line);
	}
}

static void
add_span(struct table *table, int64_t ms)
{
	char span[TERMINAL_SPAN_MAX];

	table_cell(table, TABLE_PLAIN, terminal_span(ms, span));
}

static void
add_cycle(struct table *table, const struct record *row)
{
	int64_t age_ms = number(row, "cycle_age_ms");
	const char *cycle = record_get(row, "cycle");
	char age[TERMINAL_SPAN_MAX];

	if (cycle && age_ms >= 0)
		table_cellf(table, TABLE_PLAIN, "%s (%s ago)", cycle,
		    terminal_span(age_ms, age));
	else
		table_cell(table, TABLE_PLAIN, cycle);
}

static void
add_memory(struct table *table, int64_t bytes)
{
	char size[DURATION_TEXT_MAX];

	if (bytes >= 0)
		size_format(bytes, size);
	table_cell(table, TABLE_PLAIN, bytes >= 0 ? size : NULL);
}

/* What a person wants to know first: when it starts again, what is wrong, what it says.
 */
static void
add_status(struct table *table, const struct record *row)
{
	int64_t next_ms = number(row, "next_ms");
	const char *error = record_get(row, "error"),
		   *status = record_get(row, "status"), *held = record_get(row, "held");
	char span[TERMINAL_SPAN_MAX];

	if (next_ms >= 0)
		table_cellf(table, TABLE_WARN, "starts in %s%s%s",
		    terminal_span(next_ms, span), error ? "; " : "",
		    error ? error : "");
	else if (error && error[0])
		table_cell(table, TABLE_BAD, error);
	else if (held)
		table_cellf(table, TABLE_WARN, "held: %s%s%s", held,
		    status && status[0] ? "; " : "", status ? status : "");
	else
		table_cell(table, TABLE_PLAIN, status ? status : "");
}

static void
add_worker(struct printer *printer, const struct record *row)
{
	const char *group = record_get(row, "group"), *state = record_get(row, "state");
	struct table *table = printer->table;

	add_group(printer, group);
	table_cellf(table, TABLE_PLAIN, "%s%s", is_in_group(group) ? "  " : "",
	    text_or(row, "name", "?"));
	table_cell(table, style_of(state), state);
	table_cell(table, TABLE_PLAIN, record_get(row, "pid"));
	add_span(table, number(row, "up_ms"));
	table_cell(table, TABLE_PLAIN, record_get(row, "restarts"));
	add_cycle(table, row);
	table_cell(table, TABLE_PLAIN, record_get(row, "heals"));
	add_memory(table, number(row, "memory_bytes"));
	add_status(table, row);
}

static void
on_row_text(const struct record *row, void *data)
{
	struct printer *printer = data;

	if (row->event && strcmp(row->event, "supervisor") == 0)
		print_supervisor(printer->out, row);
	else if (row->event && strcmp(row->event, "worker") == 0)
		add_worker(printer, row);
}

static void
open_latches(struct printer *printer)
{
	if (!printer->latches_open)
		json_open(&printer->json, "latches", '[');
	printer->latches_open = true;
}

static void
open_workers(struct printer *printer)
{
	if (printer->workers_open)
		return;
	open_latches(printer);
	json_close(&printer->json, ']');
	json_open(&printer->json, "workers", '[');
	printer->workers_open = true;
}

static void
on_row_json(const struct record *row, void *data)
{
	struct printer *printer = data;
	struct json *json = &printer->json;
	bool is_worker = row->event && strcmp(row->event, "worker") == 0;
	bool is_latch = row->event && strcmp(row->event, "latch") == 0;

	/* In the order of the protocol: the supervisor, latches, workers. */
	if (!is_worker &&
	    (printer->workers_open || !row->event ||
		(!is_latch &&
		    (printer->latches_open || strcmp(row->event, "supervisor") != 0))))
		return;
	if (is_latch)
		open_latches(printer);
	if (is_worker)
		open_workers(printer);
	json_open(json, is_worker || is_latch ? NULL : "supervisor", '{');
	json_fields(json, row);
	json_close(json, '}');
}

static int
status_json(const struct ctl *ctl, const struct record *request)
{
	struct printer printer = { 0 };
	_cleanup_free_ char *text = NULL;
	struct json *json = &printer.json;
	size_t size;
	int r;

	/* Nothing is printed of an answer that ends in an error. */
	json->out = open_memstream(&text, &size);
	if (!json->out)
		return ctl_fail(EXIT_OSERR, "out of memory");
	json_open(json, NULL, '{');
	r = ctl_request(ctl, request, 0, on_row_json, &printer);
	open_workers(&printer);
	json_close(json, ']');
	json_close(json, '}');
	json_end(json);
	if (fclose(json->out) != 0)
		return ctl_fail(EXIT_OSERR, "out of memory");
	if (r == 0)
		fputs(text, stdout);
	return r;
}

static int
status_text(const struct ctl *ctl, const struct record *request)
{
	_cleanup_(table_freep) struct table *table = NULL;
	struct printer printer = { .out = stdout };
	int r;

	table = table_new(columns, ARRAY_SIZE(columns));
	if (!table)
		return ctl_fail(EXIT_OSERR, "out of memory");
	printer.table = table;
	r = ctl_request(ctl, request, 0, on_row_text, &printer);
	return r != 0 ? r : ctl_print_table(table);
}

/* A whole picture: what status prints, or what is in the way of it. */
static int
draw(const char *socket, void *data, FILE *out)
{
	_cleanup_(table_freep) struct table *table =
	    table_new(columns, ARRAY_SIZE(columns));
	struct printer printer = { .out = out, .table = table };
	const struct request_rows rows = { on_row_text, &printer };
	_cleanup_free_ char *text = NULL, *clean = NULL;
	struct table_look look = ctl_look();
	struct error error = { "" };

	if (!table)
		return -ENOMEM;
	if (request_ask(socket, data, WATCH_PATIENCE_NS, &rows, &error) != 0) {
		clean = terminal_clean(error.text);
		fprintf(out, "tradesup: %s; trying again\n", clean ? clean : "?");
		return 0;
	}
	if (table_render(table, &look, &text) < 0)
		return -ENOMEM;
	fputs(text, out);
	return 0;
}

static int
status_watch(const struct ctl *ctl, struct record *request)
{
	_cleanup_free_ char *socket = NULL;
	int r;

	if (ctl_wants_json(ctl))
		return ctl_usage(ctl, "--watch and --json exclude each other");
	if (!watch_is_possible())
		return ctl_usage(ctl, "--watch needs a terminal");
	r = place_socket(ctl_config_name(ctl), &socket);
	return r != 0 ? r : watch_run(socket, draw, request);
}

int
ctl_status(const struct ctl *ctl)
{
	struct record request;

	record_init(&request, "status");
	record_text(&request, "worker", ctl->options.operands[0]);
	if (options_has(&ctl->options, OPTION_WATCH))
		return status_watch(ctl, &request);
	if (ctl_wants_json(ctl))
		return status_json(ctl, &request);
	return status_text(ctl, &request);
}
