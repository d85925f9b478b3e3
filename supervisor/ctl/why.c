/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup why WORKER`: what happened to it, by which rule it was decided, and what
 * comes next. The words are the supervisor's; this file only lays them out.
 */
#include "supervisor/ctl/ctl.h"

#include <string.h>

#include "common/cleanup.h"
#include "supervisor/ctl/json.h"
#include "supervisor/ctl/terminal.h"

static void
print_part(const char *label, const char *text)
{
	_cleanup_free_ char *clean = text ? terminal_clean(text) : NULL;

	if (clean)
		printf("  %-9s %s\n", label, clean);
}

static void
print_decision(const struct record *row)
{
	const char *ts = record_get(row, "ts");

	printf("%s\n", ts ? ts : "-");
	print_part("happened", record_get(row, "happened"));
	print_part("rule", record_get(row, "rule"));
	print_part("so", record_get(row, "action"));
}

static void
print_next(const struct record *row)
{
	const char *state = record_get(row, "state");
	const char *in_ms = record_get(row, "in_ms");
	const char *idle = record_get(row, "without_good_cycle");

	printf("now\n");
	print_part("state", state);
	if (in_ms)
		printf("  %-9s %s ms\n", "starts in", in_ms);
	if (idle)
		printf("  %-9s %s in a row without a good cycle\n", "restarts", idle);
	print_part("next", record_get(row, "text"));
}

static void
on_row(const struct record *row, void *data)
{
	struct json json = { .out = stdout };

	if (ctl_wants_json(data)) {
		json_open(&json, NULL, '{');
		json_text(&json, "row", row->event);
		json_fields(&json, row);
		json_close(&json, '}');
		json_end(&json);
	} else if (strcmp(row->event, "decision") == 0) {
		print_decision(row);
	} else {
		print_next(row);
	}
}

int
ctl_why(const struct ctl *ctl)
{
	struct record request;

	record_init(&request, "why");
	record_text(&request, "worker", ctl->options.operands[0]);
	return ctl_request(ctl, &request, 0, on_row, (void *)ctl);
}
