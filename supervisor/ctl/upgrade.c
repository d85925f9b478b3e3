/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup upgrade [-- PROGRAM]`: the supervisor becomes another program. It looks for
 * PROGRAM itself, so the name is made absolute here.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "supervisor/ctl/json.h"

struct upgraded {
	char *from, *to; /* owned */
	long long pause_ms;
};

static void
on_row(const struct record *row, void *data)
{
	const char *from = record_get(row, "from"), *to = record_get(row, "to"),
		   *pause = record_get(row, "pause_ms");
	struct upgraded *upgraded = data;

	free(upgraded->from);
	free(upgraded->to);
	upgraded->from = strdup(from ? from : "?");
	upgraded->to = strdup(to ? to : "?");
	upgraded->pause_ms = pause ? strtoll(pause, NULL, 10) : 0;
}

static void
report(const struct ctl *ctl, const struct upgraded *upgraded, int status)
{
	struct json json = { .out = stdout };

	if (!ctl_wants_json(ctl)) {
		if (status == EXIT_OK && upgraded->to)
			printf("upgraded from %s to %s in %lld ms\n", upgraded->from,
			    upgraded->to, upgraded->pause_ms);
		return;
	}
	json_open(&json, NULL, '{');
	json_text(&json, "verb", "upgrade");
	json_bool(&json, "ok", status == EXIT_OK);
	if (upgraded->to) {
		json_text(&json, "from", upgraded->from);
		json_text(&json, "to", upgraded->to);
		json_int(&json, "pause_ms", upgraded->pause_ms);
	}
	json_close(&json, '}');
	json_end(&json);
}

/* Symbolic links stay: the supervisor upgrades itself by this name the next time. */
static char *
absolute(const char *program)
{
	_cleanup_free_ char *directory = getcwd(NULL, 0);

	return directory ? path_join(directory, program) : NULL;
}

int
ctl_upgrade(const struct ctl *ctl)
{
	const char *program =
	    ctl->options.n_operands > 0 ? ctl->options.operands[0] : NULL;
	_cleanup_free_ char *path = program ? absolute(program) : NULL;
	struct upgraded upgraded = { 0 };
	struct record request;
	int status;

	if (program && !path)
		return ctl_fail(EXIT_OSERR, "%s: %s", program, strerror(errno));
	record_init(&request, "upgrade");
	record_text(&request, "program", path);
	status = ctl_request(ctl, &request, CTL_PATIENT, on_row, &upgraded);
	report(ctl, &upgraded, status);
	free(upgraded.from);
	free(upgraded.to);
	return status;
}
