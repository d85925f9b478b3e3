/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control socket can be asked: the table, and what its handlers share. They
 * look and report (command_look.c), or hand a wish to the tree (command_change.c); none
 * of them decides whether it may be granted.
 */
#include "supervisor/command.h"

#include <string.h>

#include "common/error.h"
#include "common/timestamp.h"
#include "supervisor/command_internal.h"

const char *
supervisor_phase_name(enum supervisor_phase phase)
{
	static const char *const names[] = {
		[SUPERVISOR_STARTING] = "starting",
		[SUPERVISOR_RUNNING] = "running",
		[SUPERVISOR_STOPPING] = "stopping",
		[SUPERVISOR_ENDED] = "ended",
	};

	return names[phase];
}

void
client_latch(struct client *client, const struct latch *latch, const char *event)
{
	char time[TIMESTAMP_TEXT_MAX];
	struct record row;

	latch_record(latch, event, time, &row);
	client_row(client, &row);
}

void
client_unknown_worker(struct client *client, const char *name)
{
	client_error(client, EXIT_USAGE, "%s: no such worker or group", name);
}

bool
client_may_change(struct supervisor *supervisor, struct client *client)
{
	if (supervisor->phase == SUPERVISOR_RUNNING)
		return true;
	client_error(client, EXIT_UNAVAILABLE, "the supervisor is %s",
	    supervisor_phase_name(supervisor->phase));
	return false;
}

static const struct {
	const char *verb;
	void (*run)(struct supervisor *, struct client *, const struct record *);
	bool only_looks; /* also for those who may not change anything */
} commands[] = {
	{ "status", cmd_status, true },
	{ "why", cmd_why, true },
	{ "start", cmd_start },
	{ "stop", cmd_stop },
	{ "add", cmd_add },
	{ "remove", cmd_remove },
	{ "restart", cmd_restart },
	{ "reload", cmd_reload },
	{ "diff", cmd_diff },
	{ "events", cmd_events, true },
	{ "logs", cmd_logs, true },
	{ "signal", cmd_signal },
	{ "hold", cmd_hold },
	{ "resume", cmd_resume },
	{ "fault", cmd_fault },
};

void
command_run(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(commands[i].verb, request->event) != 0)
			continue;
		if (commands[i].only_looks || client_is_owner(client))
			commands[i].run(supervisor, client, request);
		else
			client_error(client, EXIT_OSERR,
			    "%s: only the supervisor's owner and root may",
			    request->event);
		return;
	}
	client_error(client, EXIT_USAGE, "%s: no such request", request->event);
}
