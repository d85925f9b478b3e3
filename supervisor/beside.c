/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, killing and reaping of the programs beside workers. Why they run and what
 * follows from their end is known to those who start them.
 */
#include "supervisor/beside.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisor/child.h"
#include "supervisor/child_output.h"
#include "supervisor/context.h"

struct beside {
	LIST_ENTRY(beside) entry;
	struct supervisor *supervisor;
	struct child *child; /* NULL: cancelled */
	struct spawned process;
	struct event on_exit; /* also the deadline */
	int64_t due_ns, patience_ns;
	bool renewed; /* its deadline, after a stall: once */
	bool killed;
	beside_ended ended;
	void *data;
};

static void
forget(struct beside *beside)
{
	event_del(&beside->on_exit);
	close(beside->process.pidfd);
	LIST_REMOVE(beside, entry);
	free(beside);
}

static void
wait_for_exit(struct beside *beside, int64_t patience_ns)
{
	const struct timeval deadline = clock_timeval(patience_ns);

	beside->due_ns = clock_monotonic_ns() + patience_ns;
	event_add(&beside->on_exit, patience_ns > 0 ? &deadline : NULL);
}

/*
 * A time that passed while nobody looked is no time for the program either. libevent
 * counts from the beginning of its turn: if we stood still in the turn, it is early.
 */
static void
on_deadline(struct beside *beside)
{
	struct supervisor *supervisor = beside->supervisor;
	int64_t now_ns = supervisor_look(supervisor, beside->due_ns);

	if (now_ns < beside->due_ns) {
		wait_for_exit(beside, beside->due_ns - now_ns);
		return;
	}
	if (supervisor->fresh_ns > beside->due_ns && !beside->renewed) {
		beside->renewed = true;
		wait_for_exit(beside, beside->patience_ns);
		return;
	}
	beside->killed = true;
	spawn_signal(beside->process.pidfd, SIGKILL);
	event_add(&beside->on_exit, NULL);
}

static void
on_exit_cb(evutil_socket_t fd, short what, void *data)
{
	struct beside *beside = data;
	struct exit_reason reason;

	(void)fd;
	if (!(what & EV_READ)) {
		on_deadline(beside);
		return;
	}
	spawn_kill_group(beside->process.pid);
	if (spawn_reap(&beside->process, &reason) != 0) {
		event_add(&beside->on_exit, NULL);
		return;
	}
	if (beside->child) {
		child_finish_output(beside->child);
		beside->ended(beside->data, &reason, beside->killed);
	}
	forget(beside);
}

struct beside *
beside_start(struct child *child, const struct beside_program *program,
    struct spawn_failure *ret_failure)
{
	struct beside *beside = calloc(1, sizeof(*beside));

	if (!beside) {
		*ret_failure = (struct spawn_failure){ "memory", ENOMEM };
		return NULL;
	}
	if (child_run_beside(child, program->argv, program->variables, &beside->process,
		ret_failure) != 0) {
		free(beside);
		return NULL;
	}
	beside->supervisor = child->supervisor;
	beside->child = child;
	beside->patience_ns = program->deadline_ns;
	beside->ended = program->ended;
	beside->data = program->data;
	LIST_INSERT_HEAD(&child->supervisor->besides, beside, entry);
	event_assign(&beside->on_exit, child->supervisor->base, beside->process.pidfd,
	    EV_READ, on_exit_cb, beside);
	wait_for_exit(beside, beside->patience_ns);
	return beside;
}

void
beside_cancel(struct beside *beside)
{
	if (!beside)
		return;
	beside->child = NULL;
	spawn_signal(beside->process.pidfd, SIGKILL);
}

bool
beside_has(const struct supervisor *supervisor, pid_t pid)
{
	const struct beside *beside;

	LIST_FOREACH (beside, &supervisor->besides, entry) {
		if (beside->process.pid == pid)
			return true;
	}
	return false;
}

void
beside_free_all(struct supervisor *supervisor)
{
	struct beside *beside;

	while ((beside = LIST_FIRST(&supervisor->besides))) {
		spawn_signal(beside->process.pidfd, SIGKILL);
		spawn_kill_group(beside->process.pid);
		forget(beside);
	}
}
