/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup start | stop | restart | remove WORKER…` or `--group GROUP`: one request for
 * each, one line of output for each answer.
 */
#include "supervisor/ctl/ctl.h"

#include <string.h>

#include "common/cleanup.h"
#include "supervisor/ctl/json.h"

static void
ignore_row(const struct record *row, void *data)
{
	(void)row;
	(void)data;
}

static const char *
past_tense(const char *verb)
{
	static const char *const words[][2] = { { "start", "started" },
		{ "stop", "stopped" }, { "restart", "restarted" },
		{ "remove", "removed" } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i][0], verb) == 0)
			return words[i][1];
	return verb;
}

static int
ask(const struct ctl *ctl, const char *kind, const char *name)
{
	struct record request;

	record_init(&request, ctl->verb->name);
	record_text(&request, kind, name);
	return ctl_request(ctl, &request, CTL_PATIENT, ignore_row, NULL);
}

static void
report(const struct ctl *ctl, const char *kind, const char *name, int status)
{
	struct json json = { .out = stdout };

	if (!ctl_wants_json(ctl)) {
		if (status == EXIT_OK)
			printf("%s: %s\n", name, past_tense(ctl->verb->name));
	} else {
		json_open(&json, NULL, '{');
		json_text(&json, kind, name);
		json_text(&json, "verb", ctl->verb->name);
		json_bool(&json, "ok", status == EXIT_OK);
		json_close(&json, '}');
		json_end(&json);
	}
	fflush(stdout);
}

/* @kind: "worker", which may be a group's name, too, or "group". */
static int
change(const struct ctl *ctl, const char *kind, const char *name)
{
	int status = ask(ctl, kind, name);

	report(ctl, kind, name, status);
	return status;
}

int
ctl_workers(const struct ctl *ctl)
{
	const char *group = ctl->options.values[OPTION_GROUP];
	int first_failure = EXIT_OK;

	if (!group && ctl->options.n_operands == 0)
		return ctl_usage(ctl, "it needs WORKER... or --group GROUP");
	for (size_t i = 0; i < ctl->options.n_operands; i++) {
		int status = change(ctl, "worker", ctl->options.operands[i]);

		if (first_failure == EXIT_OK)
			first_failure = status;
	}
	if (group) {
		int status = change(ctl, "group", group);

		if (first_failure == EXIT_OK)
			first_failure = status;
	}
	return first_failure;
}
