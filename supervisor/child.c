/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's life: its deadlines and its end; how it begins is in child_start.c. It
 * never decides whether to restart (plan.c) and does not know how a process is made
 * (spawn.c).
 *
 * Each child has one timer, set to the earliest of its deadlines and not moved for
 * every packet: when it fires, what is due is done, and if nothing is, it is set anew.
 * A worker without deadlines wakes nobody.
 */
#include "supervisor/child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "supervisor/aftermath.h"
#include "supervisor/backoff.h"
#include "supervisor/child_launch.h"
#include "supervisor/child_limits.h"
#include "supervisor/child_link.h"
#include "supervisor/child_output.h"
#include "supervisor/child_watch.h"
#include "supervisor/context.h"
#include "supervisor/holds.h"
#include "supervisor/links.h"
#include "supervisor/make_safe.h"

#define DOOM_SHUTDOWN_NS                                                               \
	(5 * NS_PER_S) /* for a doomed worker with shutdown = infinity */
#define REQUESTED_DELAY_NS (2 * NS_PER_S) /* before a restart that was asked for */

static const struct {
	const char *kind;
	const char *why;
} dooms[] = {
	[DOOM_NONE] = { "crash", "ended by itself" },
	[DOOM_HANG] = { "hang", "hang" },
	[DOOM_CYCLES] = { "cycles", "failed cycles in a row" },
	[DOOM_REQUESTED] = { "requested", "it asked for a restart" },
	[DOOM_MEMORY] = { "memory", "memory limit" },
	[DOOM_OOM] = { "memory", "memory limit" },
	[DOOM_GARBAGE] = { "garbage", "too many bad packets" },
	[DOOM_LINK] = { "link", "closed its link and lived on" },
	[DOOM_PROBE] = { "probe", "probe" },
};

const char *
child_doom_kind(enum child_doom doom)
{
	return dooms[doom].kind;
}

void
child_doom_cause(const struct child *child, char *out, size_t size)
{
	snprintf(out, size, "%s%s%.80s", dooms[child->doom].why,
	    child->doom_detail[0] ? ": " : "", child->doom_detail);
}

static void on_timer_cb(evutil_socket_t fd, short what, void *data);

/* What few workers have. Return: false: out of memory. */
static bool
add_extras(struct child *child, const struct config_worker *config)
{
	if (child_limits_are_wanted(config)) {
		child->limits = child_limits_new(config);
		if (!child->limits)
			return false;
	}
	if (child_watch_is_wanted(config)) {
		child->watch = child_watch_new(config);
		if (!child->watch)
			return false;
	}
	return true;
}

struct child *
child_new(struct supervisor *supervisor, const struct config_node *config)
{
	struct child *child = calloc(1, sizeof(*child));

	if (!child)
		return NULL;
	child->node.config = config;
	supervisor->secrets |= config_secrets_of(&config->worker);
	child->node.reports_cycles = config->worker.command == NULL;
	child->supervisor = supervisor;
	child->process.pid = -1;
	child->process.pidfd = -1;
	child->link_fd = child->output_fd = child->output_theirs = child->notify_fd =
	    -1;
	child->timer_ns = child->wake_ns = child->kill_ns = HEARTBEAT_NEVER;
	child->stable_ns = child->eof_ns = child->memory_ns = HEARTBEAT_NEVER;
	child->due_ns = HEARTBEAT_NEVER;
	child->cycle = -1;
	child->heal_pending = true; /* an earlier supervisor may have left one */
	evtimer_assign(&child->on_timer, supervisor->base, on_timer_cb, child);
	if (add_extras(child, &config->worker))
		return child;
	child_free(child);
	return NULL;
}

static void
close_event_fd(struct event *event, int *fd)
{
	if (*fd < 0)
		return;
	event_del(event);
	close(*fd);
	*fd = -1;
}

static void
close_link(struct child *child)
{
	if (child->link_fd < 0)
		return;
	links_remove(child->supervisor->links, child->link_fd);
	closep(&child->link_fd);
	child->link_fd = -1;
}

void
child_free(struct child *child)
{
	if (!child)
		return;
	make_safe_cancel(child);
	child_watch_free(child);
	event_del(&child->on_timer);
	close_event_fd(&child->on_exit, &child->process.pidfd);
	close_link(child);
	close_event_fd(&child->on_output, &child->output_fd);
	close_event_fd(&child->on_notify, &child->notify_fd);
	closep(&child->output_theirs);
	child_limits_free(child);
	capture_free(child->output);
	decisions_free(child->decisions);
	free(child->error);
	free(child->status);
	free(child->figures);
	free(child);
}

void
child_inherit(struct child *child, struct child *from)
{
	child->lives = from->lives;
	child->restarts = from->restarts;
	child->heals = from->heals;
	child->measures = from->measures;
	child->figures = steal(&from->figures);
	child->figures_ns = from->figures_ns;
	memcpy(child->restart_times_ns, from->restart_times_ns,
	    sizeof(child->restart_times_ns));
	child->decisions = steal(&from->decisions);
	child->output = steal(&from->output);
}

/* The timer. */

static int64_t
earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static struct heartbeat_rules
rules_of(const struct child *child)
{
	const struct config_worker *config = child_config(child);
	bool sd = config->notify == NOTIFY_SYSTEMD;

	return (struct heartbeat_rules){ .start_timeout_ns = config->start_timeout_ns,
		.heartbeat_ns = sd ? 0 : config->heartbeat_ns,
		.misses = config->misses,
		.cycle_timeout_ns = sd ? 0 : config->cycle_timeout_ns,
		.watchdog_ns = child->watchdog_ns,
		.leave_timeout_ns = child->node.config->shutdown_ns > 0
					? child->node.config->shutdown_ns
					: 0 };
}

static bool
has_other_deadlines(const struct config_worker *a, const struct config_worker *b)
{
	return a->heartbeat_ns != b->heartbeat_ns || a->misses != b->misses ||
	       a->cycle_timeout_ns != b->cycle_timeout_ns ||
	       a->start_timeout_ns != b->start_timeout_ns;
}

/* What it did before is not measured by what has only been asked of it now. */
void
child_reconfigured(struct child *child, const struct config_node *before)
{
	child->supervisor->secrets |= config_secrets_of(child_config(child));
	if (child->limits)
		child->limits->spawn.config = child_config(child)->limits;
	if (!child_is_alive(child) ||
	    !has_other_deadlines(&before->worker, child_config(child)))
		return;
	child->seen.packet_ns = child->seen.advance_ns = clock_monotonic_ns();
	child_rearm(child);
}

static enum heartbeat_late
check_heartbeat(struct child *child, int64_t now_ns, int64_t *ret_next_ns)
{
	struct heartbeat_rules rules = rules_of(child);

	child->seen.fresh_ns = child->supervisor->fresh_ns;
	return heartbeat_check(&rules, &child->seen, now_ns, ret_next_ns);
}

static bool
is_being_ended(const struct child *child)
{
	return child->node.state == NODE_STOPPING || child->doom != DOOM_NONE;
}

void
child_rearm(struct child *child)
{
	int64_t now_ns = clock_monotonic_ns(), next_ns = child->wake_ns, beat_ns;
	struct timeval after;

	if (child_is_alive(child)) {
		next_ns = earliest(next_ns, child->kill_ns);
		next_ns = earliest(next_ns, child->stable_ns);
		if (!is_being_ended(child)) {
			next_ns = earliest(next_ns, child->eof_ns);
			next_ns = earliest(next_ns, child->memory_ns);
			if (child->watch)
				next_ns = earliest(next_ns, child->watch->probe_ns);
			if (check_heartbeat(child, now_ns, &beat_ns) !=
			    HEARTBEAT_IN_TIME)
				beat_ns = now_ns;
			if (beat_ns != HEARTBEAT_NEVER)
				beat_ns = links_on_grid(beat_ns, now_ns);
			next_ns = earliest(next_ns, beat_ns);
		}
	}
	if (next_ns == HEARTBEAT_NEVER || child->timer_ns <= next_ns)
		return;
	child->timer_ns = next_ns;
	if (next_ns < now_ns)
		next_ns = now_ns;
	after = clock_timeval(next_ns - now_ns);
	evtimer_add(&child->on_timer, &after);
}

static void
report_hang(struct child *child, enum heartbeat_late late, int64_t now_ns)
{
	struct record record;

	record_init(&record, "worker.hang");
	record_text(&record, "worker", child_name(child));
	record_int(&record, "pid", child->process.pid);
	record_text(&record, "why", heartbeat_late_name(late));
	record_int(&record, "cycle", child->cycle);
	record_text(&record, "phase", child->phase);
	record_int(&record, "silent_ms", (now_ns - child->seen.packet_ns) / NS_PER_MS);
	event_log_emit(&child->supervisor->events, LOG_LEVEL_WARNING, &record);
}

static void
look_at_memory(struct child *child, int64_t now_ns)
{
	int64_t rss = spawn_rss_bytes(child->process.pid);
	char detail[64];

	child->memory_ns = now_ns + CHILD_MEMORY_INTERVAL_NS;
	if (rss <= child_config(child)->memory_max_bytes)
		return;
	snprintf(detail, sizeof(detail), "%lld bytes resident", (long long)rss);
	child_doomed(child, DOOM_MEMORY, detail);
}

static void
judge(struct child *child, int64_t now_ns)
{
	enum heartbeat_late late;
	int64_t next_ns;

	if (now_ns >= child->eof_ns) {
		child_doomed(child, DOOM_LINK, "");
		return;
	}
	if (now_ns >= child->memory_ns)
		look_at_memory(child, now_ns);
	if (child->watch)
		child_watch_due(child, now_ns);
	late = check_heartbeat(child, now_ns, &next_ns);
	if (late == HEARTBEAT_IN_TIME || child->doom != DOOM_NONE)
		return;
	report_hang(child, late, now_ns);
	child_doomed(child, DOOM_HANG, heartbeat_late_name(late));
}

static void
kill_now(struct child *child)
{
	child->kill_ns = HEARTBEAT_NEVER;
	child->killed = true;
	spawn_signal(child->process.pidfd, SIGKILL);
}

static void
kill_after(struct child *child, int64_t patience_ns)
{
	int64_t kill_ns = clock_monotonic_ns() + patience_ns;

	if (kill_ns >= child->kill_ns)
		return;
	child->kill_ns = kill_ns;
	child->kill_after_ns = patience_ns;
}

/* What became due while nobody looked begins afresh: the worker may have slept, too. A
 * stop does so only once, or a machine that is always late would never end one. */
static void
renew_deadlines(struct child *child)
{
	int64_t fresh_ns = child->supervisor->fresh_ns;

	if (child->eof_ns < fresh_ns)
		child->eof_ns = fresh_ns + CHILD_EOF_PATIENCE_NS;
	if (child->kill_ns >= fresh_ns || child->kill_after_ns == 0)
		return;
	child->kill_ns = fresh_ns + child->kill_after_ns;
	child->kill_after_ns = 0;
}

static void
on_timer_cb(evutil_socket_t fd, short what, void *data)
{
	struct child *child = data;
	int64_t now_ns = supervisor_look(child->supervisor, child->timer_ns);

	(void)fd, (void)what;
	child->timer_ns = HEARTBEAT_NEVER;
	renew_deadlines(child);
	if (now_ns >= child->wake_ns) {
		child->wake_ns = HEARTBEAT_NEVER;
		tree_wake(&child->supervisor->tree, &child->node);
		return;
	}
	if (child_is_alive(child)) {
		/* What waits in the socket proves that it was alive while we were not
		 * looking. */
		child_read_link(child);
		if (child->notify_fd >= 0)
			child_read_notify(child);
		if (now_ns >= child->kill_ns)
			kill_now(child);
		if (now_ns >= child->stable_ns) {
			child->stable_ns = HEARTBEAT_NEVER;
			aftermath_healed(
			    child->supervisor->aftermath, child_name(child));
		}
		if (!is_being_ended(child))
			judge(child, now_ns);
	}
	child_rearm(child);
}

void
child_wait(struct child *child, int64_t delay_ns)
{
	int64_t wake_ns =
	    delay_ns < 0 ? HEARTBEAT_NEVER : clock_monotonic_ns() + delay_ns;

	child->due_ns = child->make_safe ? wake_ns : HEARTBEAT_NEVER;
	child->wake_ns = child->make_safe ? HEARTBEAT_NEVER : wake_ns;
	if (delay_ns >= NS_PER_MS) {
		struct record record;

		record_init(&record, "worker.backoff");
		record_text(&record, "worker", child_name(child));
		record_int(&record, "delay_ms", delay_ns / NS_PER_MS);
		event_log_emit(&child->supervisor->events, LOG_LEVEL_INFO, &record);
	}
	child_rearm(child);
}

void
child_was_made_safe(struct child *child)
{
	if (child->due_ns == HEARTBEAT_NEVER)
		return;
	child->wake_ns = child->due_ns;
	child->due_ns = HEARTBEAT_NEVER;
	child_rearm(child);
}

/* Ending. */

void
child_log_end(struct child *child, const char *action, const char *why)
{
	bool by_itself = child->node.state != NODE_STOPPING &&
			 (child->doom == DOOM_NONE || child->doom == DOOM_OOM);
	struct record record;

	record_init(&record, by_itself ? "worker.exit" : "worker.stop");
	record_text(&record, "worker", child_name(child));
	record_int(&record, "pid", child->process.pid);
	if (child->reason.signal)
		record_text(&record, "signal", sigabbrev_np(child->reason.signal));
	else
		record_int(&record, "status", child->reason.status);
	if (child->killed)
		record_bool(&record, "killed", true);
	if (child->doom != DOOM_NONE) {
		record_text(&record, "reason", dooms[child->doom].why);
		record_text(&record, "detail", child->doom_detail);
	}
	record_int(&record, "up_ms",
	    (clock_monotonic_ns() - child->seen.started_ns) / NS_PER_MS);
	record_text(&record, "action", action);
	record_text(&record, "why", why);
	event_log_emit(&child->supervisor->events,
	    exit_is_normal(&child->reason) || !by_itself ? LOG_LEVEL_NOTICE
							 : LOG_LEVEL_WARNING,
	    &record);
}

void
child_end_life(struct child *child)
{
	close_link(child);
	close_event_fd(&child->on_exit, &child->process.pidfd);
	child_finish_output(child);
	child_finish_link(child);
	if (child->watch)
		child_watch_end(child);
	child->kill_ns = child->eof_ns = child->stable_ns = HEARTBEAT_NEVER;
	child->memory_ns = HEARTBEAT_NEVER;
}

/* A kill that nobody asked for is the kernel's. */
static void
note_oom(struct child *child)
{
	if (child->reason.signal != SIGKILL || is_being_ended(child))
		return;
	child->doom = DOOM_OOM;
	snprintf(child->doom_detail, sizeof(child->doom_detail),
	    "killed by the kernel, more than %lld bytes",
	    (long long)child_config(child)->memory_max_bytes);
}

/* Its own, unless its main process is not the one that we started. */
static pid_t
group_of(const struct child *child)
{
	pid_t group = getpgid(child->process.pid);

	return group > 0 && group != getpgrp() ? group : child->process.pid;
}

/* Return: whether it has ended; then its life is over, and child->reason says how. */
static bool
reap(struct child *child)
{
	int r;

	if (!spawn_has_ended(&child->process))
		return false;
	spawn_kill_group(group_of(child));
	r = spawn_reap(&child->process, &child->reason);
	/* A main process of its own choice, whose parent was quicker. */
	if (r == -ECHILD)
		child->reason = (struct exit_reason){
			.status = -1, .cpu_us = -1, .rss_max_kib = -1
		};
	else if (r != 0)
		return false;
	child_read_link(child);
	if (child->limits && child_limits_ended(child))
		note_oom(child);
	child_end_life(child);
	return true;
}

void
child_on_exit(evutil_socket_t fd, short what, void *data)
{
	struct child *child = data;
	enum plan_how how;

	(void)fd, (void)what;
	if (!reap(child)) {
		event_add(&child->on_exit, NULL);
		return;
	}
	supervisor_sweep_soon(child->supervisor);
	if (child->node.state == NODE_STOPPING)
		child_log_end(child, "none", "asked to stop");
	how = child->doom == DOOM_NONE && exit_is_normal(&child->reason)
		  ? PLAN_NORMAL
		  : PLAN_ABNORMAL;
	child->died = how == PLAN_ABNORMAL && child->node.state != NODE_STOPPING;
	tree_ended(&child->supervisor->tree, &child->node, how);
}

/* With the time it has; @shutdown_ns below 0: as long as it takes. */
static void
ask_to_stop(struct child *child, int64_t shutdown_ns)
{
	struct msg stop = { .type = MSG_STOP };

	stop.stop.deadline_ms = shutdown_ns < 0 ? -1 : shutdown_ns / NS_PER_MS;
	if (child->seen.speaks)
		child_send(child, &stop);
	spawn_signal(child->process.pidfd, SIGTERM);
}

bool
child_stop(struct child *child, bool kill)
{
	int64_t shutdown_ns = child->node.config->shutdown_ns;

	if (!child_launch_settle(child))
		return false;
	if (child->node.state != NODE_STOPPING && reap(child)) {
		child_log_end(
		    child, "none", "it ended while its group was being stopped");
		return false;
	}
	if (kill || shutdown_ns == SHUTDOWN_KILL) {
		kill_now(child);
		return true;
	}
	if (child->doom == DOOM_NONE)
		ask_to_stop(child, shutdown_ns);
	if (shutdown_ns >= 0)
		kill_after(child, shutdown_ns);
	child_rearm(child);
	return true;
}

void
child_doomed(struct child *child, enum child_doom doom, const char *detail)
{
	int64_t shutdown_ns = child->node.config->shutdown_ns;

	if (!child_is_alive(child) || is_being_ended(child))
		return;
	child->doom = doom;
	snprintf(child->doom_detail, sizeof(child->doom_detail), "%s", detail);
	if (doom == DOOM_CYCLES || doom == DOOM_REQUESTED)
		child->least_delay_ns = REQUESTED_DELAY_NS;
	if (shutdown_ns == SHUTDOWN_KILL) {
		kill_now(child);
		return;
	}
	if (shutdown_ns == SHUTDOWN_INFINITY)
		shutdown_ns = DOOM_SHUTDOWN_NS;
	ask_to_stop(child, shutdown_ns);
	kill_after(child, shutdown_ns);
	child_rearm(child);
}

int64_t
child_next_delay(struct child *child, uint32_t random)
{
	const struct config_worker *config = child_config(child);
	int64_t up_ns = clock_monotonic_ns() - child->seen.started_ns, delay_ns;

	if (up_ns >= config->stable_after_ns && child->lives > 0 &&
	    !child->node.reports_cycles)
		child->backoff = 0;
	delay_ns = backoff_delay(child->backoff++, config->restart_delay_ns,
	    config->restart_delay_max_ns, random);
	if (delay_ns < child->least_delay_ns)
		delay_ns = child->least_delay_ns;
	child->least_delay_ns = 0;
	return delay_ns;
}

void
child_had_good_cycle(struct child *child)
{
	child->failed_cycles = 0;
	child->backoff = 0;
	tree_progress(&child->node);
	free(child->error);
	child->error = NULL;
	if (child->heal_pending)
		aftermath_healed(child->supervisor->aftermath, child_name(child));
	child->heal_pending = false;
	holds_good_cycle(child->supervisor);
}

void
child_on_output(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	child_read_output(data);
}

void
child_on_notify(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	child_read_notify(data);
}
