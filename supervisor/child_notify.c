/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker that speaks sd_notify(3) alone: each assignment as that page says, and from
 * its main process only. What we do not do is refused aloud, once in a life.
 */
#include "supervisor/child_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisor/child_watch.h"
#include "supervisor/context.h"
#include "supervisor/notify.h"
#include "supervisor/procfs.h"

#define DATAGRAMS_PER_TURN 256

static void
refuse(struct child *child, const char *what, const char *why)
{
	struct record record;

	if (child->told_refused)
		return;
	child->told_refused = true;
	record_init(&record, "worker.notify_refused");
	record_text(&record, "worker", child_name(child));
	record_text(&record, "what", what);
	record_text(&record, "why", why);
	event_log_emit(&child->supervisor->events, LOG_LEVEL_WARNING, &record);
}

/* Whether an adopted process was started by this life of the worker. */
static bool
is_of_this_life(const struct child *child, pid_t pid)
{
	char environment[PROCFS_ENVIRON_MAX];
	ssize_t length = procfs_read(pid, "environ", environment, sizeof(environment));
	const char *worker, *life;

	if (length <= 0)
		return false;
	worker = procfs_environ_find(environment, (size_t)length, SPAWN_WORKER_ENV);
	life = procfs_environ_find(environment, (size_t)length, SPAWN_LIFE_ENV);
	return worker && life && strcmp(worker, child_name(child)) == 0 &&
	       strtoul(life, NULL, 10) == child->lives;
}

/*
 * The process that matters from now on is another one. It must come from this worker:
 * a child of its main process, or ours already, adopted when its parent ended.
 */
static void
change_main_process(struct child *child, pid_t pid)
{
	pid_t parent;
	int pidfd;

	if (pid == child->process.pid)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		refuse(child, "MAINPID", strerror(errno));
		return;
	}
	/* Behind the pidfd: a number that is looked up later may be another's. */
	parent = procfs_parent(pid);
	if (parent != child->process.pid &&
	    !(parent == getpid() && is_of_this_life(child, pid))) {
		close(pidfd);
		refuse(child, "MAINPID", "it is not a process of this worker");
		return;
	}
	child_change_process(child, &(struct spawned){ .pid = pid, .pidfd = pidfd });
}

static void
set_phase(struct child *child, const char *phase)
{
	snprintf(child->phase, sizeof(child->phase), "%s", phase);
}

static void
extend(struct child *child, int64_t until_ns)
{
	child->seen.extended_ns = until_ns;
	if (child->kill_ns != HEARTBEAT_NEVER && child->kill_ns < until_ns)
		child->kill_ns = until_ns;
}

static void
is_leaving(struct child *child, int64_t now_ns)
{
	if (child->seen.leaving)
		return;
	child->seen.leaving = true;
	child->seen.leaving_ns = now_ns;
	set_phase(child, "stopping");
	child_rearm(child);
}

static void
note_error(struct child *child, int64_t error)
{
	free(child->error);
	child->error = strdup(strerror((int)error));
}

static void
on_readiness(struct child *child, const struct notify_message *said, int64_t now_ns)
{
	/* RELOADING=1 and READY=1 in one datagram: the reload is over. */
	if (said->reloading)
		set_phase(child, "reloading");
	if (said->ready) {
		set_phase(child, "");
		child_became_ready(child, now_ns);
	}
}

static void
on_watchdog(struct child *child, const struct notify_message *said, int64_t now_ns)
{
	if (said->watchdog_us > 0) {
		child->watchdog_ns = said->watchdog_us * 1000;
		child->seen.pet_ns = now_ns;
		child_rearm(child);
	}
	if (said->watchdog)
		child->seen.pet_ns = now_ns;
	if (said->watchdog_trigger)
		child_doomed(child, DOOM_HANG, "WATCHDOG=trigger");
}

static void
on_notification(struct child *child, const struct notify_message *said)
{
	int64_t now_ns = clock_monotonic_ns();

	child->seen.packet_ns = now_ns;
	if (said->extend_timeout_us > 0)
		extend(child, now_ns + said->extend_timeout_us * 1000);
	if (said->has_status)
		child_set_status(child, said->status);
	if (said->error > 0)
		note_error(child, said->error);
	on_readiness(child, said, now_ns);
	on_watchdog(child, said, now_ns);
	if (said->stopping)
		is_leaving(child, now_ns);
	if (said->wants_fdstore)
		refuse(child, "FDSTORE", "descriptors are not kept over a restart");
	if (said->main_pid > 0)
		change_main_process(child, (pid_t)said->main_pid);
}

void
child_read_notify(struct child *child)
{
	struct notify_message said;
	pid_t pid;

	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		int r = notify_receive(child->notify_fd, &said, &pid);

		if (r == -EAGAIN)
			return;
		if (r == -EBADMSG)
			child_garbage(child);
		else if (r < 0)
			return;
		else if (pid == child->process.pid && child_is_alive(child))
			on_notification(child, &said);
	}
}
