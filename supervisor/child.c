/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's life: start, deadlines, end. It never decides whether to restart (plan.c)
 * and does not know how a process is made (spawn.c).
 *
 * Each child has one timer, set to the earliest of its deadlines and not moved for
 * every packet: when it fires, what is due is done, and if nothing is, it is set anew.
 * A worker without deadlines wakes nobody.
 */
#include "supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/link.h"
#include "supervisor/aftermath.h"
#include "supervisor/backoff.h"
#include "supervisor/child_limits.h"
#include "supervisor/child_link.h"
#include "supervisor/child_output.h"
#include "supervisor/context.h"
#include "supervisor/notify.h"

#define MEMORY_INTERVAL_NS NS_PER_S
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

static void on_exit_cb(evutil_socket_t fd, short what, void *data);
static void on_link_cb(evutil_socket_t fd, short what, void *data);
static void on_output_cb(evutil_socket_t fd, short what, void *data);
static void on_notify_cb(evutil_socket_t fd, short what, void *data);
static void on_timer_cb(evutil_socket_t fd, short what, void *data);

struct child *
child_new(struct supervisor *supervisor, const struct config_node *config)
{
	struct child *child = calloc(1, sizeof(*child));

	if (!child)
		return NULL;
	child->node.config = config;
	child->node.reports_cycles = config->worker.command == NULL;
	child->supervisor = supervisor;
	child->process.pid = -1;
	child->process.pidfd = -1;
	child->link_fd = child->output_fd = child->output_theirs = child->notify_fd =
	    -1;
	child->timer_ns = child->wake_ns = child->kill_ns = HEARTBEAT_NEVER;
	child->stable_ns = child->eof_ns = child->memory_ns = HEARTBEAT_NEVER;
	child->cycle = -1;
	child->heal_pending = true; /* an earlier supervisor may have left one */
	evtimer_assign(&child->on_timer, supervisor->base, on_timer_cb, child);
	if (!child_limits_are_wanted(&config->worker))
		return child;
	child->limits = child_limits_new(&config->worker);
	if (child->limits)
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

void
child_free(struct child *child)
{
	if (!child)
		return;
	event_del(&child->on_timer);
	close_event_fd(&child->on_exit, &child->process.pidfd);
	close_event_fd(&child->on_link, &child->link_fd);
	close_event_fd(&child->on_output, &child->output_fd);
	close_event_fd(&child->on_notify, &child->notify_fd);
	closep(&child->output_theirs);
	child_limits_free(child);
	capture_free(child->output);
	decisions_free(child->decisions);
	free(child->error);
	free(child->status);
	free(child);
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
		.watchdog_ns = sd ? config->watchdog_ns : 0 };
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
			if (check_heartbeat(child, now_ns, &beat_ns) !=
			    HEARTBEAT_IN_TIME)
				beat_ns = now_ns;
			next_ns = earliest(next_ns, beat_ns);
		}
	}
	if (next_ns == HEARTBEAT_NEVER || child->timer_ns <= next_ns)
		return;
	child->timer_ns = next_ns;
	if (next_ns < now_ns)
		next_ns = now_ns;
	after.tv_sec = (next_ns - now_ns) / NS_PER_S;
	/* Rounded up: to wake a little early would be to wake twice. */
	after.tv_usec = (suseconds_t)(((next_ns - now_ns) % NS_PER_S + 999) / 1000);
	if (after.tv_usec == 1000000) {
		after.tv_sec++;
		after.tv_usec = 0;
	}
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

	child->memory_ns = now_ns + MEMORY_INTERVAL_NS;
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
on_timer_cb(evutil_socket_t fd, short what, void *data)
{
	struct child *child = data;
	int64_t now_ns = supervisor_look(child->supervisor, child->timer_ns);

	(void)fd, (void)what;
	child->timer_ns = HEARTBEAT_NEVER;
	if (now_ns >= child->wake_ns) {
		child->wake_ns = HEARTBEAT_NEVER;
		tree_wake(&child->supervisor->tree, &child->node);
		return;
	}
	if (child_is_alive(child)) {
		/* What waits in the socket proves that it was alive while we were not
		 * looking. */
		child_read_link(child);
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
	child->wake_ns =
	    delay_ns < 0 ? HEARTBEAT_NEVER : clock_monotonic_ns() + delay_ns;
	if (delay_ns > 0) {
		struct record record;

		record_init(&record, "worker.backoff");
		record_text(&record, "worker", child_name(child));
		record_int(&record, "delay_ms", delay_ns / NS_PER_MS);
		event_log_emit(&child->supervisor->events, LOG_LEVEL_INFO, &record);
	}
	child_rearm(child);
}

/* Starting. */

static int
open_output(struct child *child)
{
	int pipe_fds[2];

	if (child->output_fd >= 0)
		return 0;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	child->output_fd = pipe_fds[0];
	child->output_theirs = pipe_fds[1];
	event_assign(&child->on_output, child->supervisor->base, child->output_fd,
	    EV_READ | EV_PERSIST, on_output_cb, child);
	event_add(&child->on_output, NULL);
	return 0;
}

static char *
notify_path(const struct child *child)
{
	char *path;

	if (asprintf(&path, "%s/notify-%s", child->supervisor->runtime_dir,
		child_name(child)) < 0)
		return NULL;
	return path;
}

static int
open_notify(struct child *child)
{
	_cleanup_free_ char *path = NULL;

	if (child_config(child)->notify != NOTIFY_SYSTEMD || child->notify_fd >= 0)
		return 0;
	path = notify_path(child);
	if (!path)
		return -ENOMEM;
	child->notify_fd = notify_listen(path);
	if (child->notify_fd < 0) {
		int r = child->notify_fd;

		child->notify_fd = -1;
		return r;
	}
	event_assign(&child->on_notify, child->supervisor->base, child->notify_fd,
	    EV_READ | EV_PERSIST, on_notify_cb, child);
	event_add(&child->on_notify, NULL);
	return 0;
}

/* The worker's environment: ours, and what tells it who it is. Strings live in @text,
 * until the exec. */
struct child_environ {
	char text[SUPERVISOR_ENV_EXTRA][160]; /* a name, or a socket's path: short */
	size_t n;
};

static void
add_variable(struct supervisor *supervisor, struct child_environ *extra, char *variable)
{
	supervisor->environ[supervisor->n_environ + extra->n] = variable;
	supervisor->environ[supervisor->n_environ + ++extra->n] = NULL;
}

static void __attribute__((format(printf, 3, 4))) set_variable(
    struct supervisor *supervisor, struct child_environ *extra, const char *format, ...)
{
	char *text = extra->text[extra->n];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(extra->text[0]), format, args);
	va_end(args);
	add_variable(supervisor, extra, text);
}

static char *const *
fill_environ(struct child *child, struct child_environ *extra)
{
	struct supervisor *supervisor = child->supervisor;
	const struct config_worker *config = child_config(child);

	extra->n = 0;
	set_variable(supervisor, extra, "%s=%d", MSG_FD_ENV, SPAWN_LINK_FD);
	set_variable(supervisor, extra, "%s=%s", SPAWN_WORKER_ENV, child_name(child));
	set_variable(supervisor, extra, "%s=%u", SPAWN_LIFE_ENV, child->lives + 1);
	add_variable(supervisor, extra, supervisor->guardian.marker);
	add_variable(supervisor, extra, supervisor->state_variable);
	if (config->notify == NOTIFY_SYSTEMD) {
		set_variable(supervisor, extra, "NOTIFY_SOCKET=%s/notify-%s",
		    supervisor->runtime_dir, child_name(child));
		if (config->watchdog_ns > 0)
			set_variable(supervisor, extra, "WATCHDOG_USEC=%lld",
			    (long long)(config->watchdog_ns / 1000));
	}
	return child->limits ? child_limits_prepare(child, supervisor->environ)
			     : supervisor->environ;
}

static void
report_start_failed(struct child *child, const struct spawn_failure *failure)
{
	const struct config_worker *config = child_config(child);
	struct record record;

	record_init(&record, "worker.start_failed");
	record_text(&record, "worker", child_name(child));
	record_text(&record, "step", failure->step);
	record_text(&record, "program",
	    config->command ? config->command[0] : child->supervisor->worker_program);
	record_int(&record, "errno", failure->error);
	record_text(&record, "error", strerror(failure->error));
	event_log_emit(&child->supervisor->events, LOG_LEVEL_ERROR, &record);
	snprintf(child->start_error, sizeof(child->start_error), "%s: %s",
	    failure->step, strerror(failure->error));
}

static void
begin_life(struct child *child, int link_fd, const struct spawned *process)
{
	const struct config_worker *config = child_config(child);
	struct event_base *base = child->supervisor->base;
	int64_t now_ns = clock_monotonic_ns();

	child->process = *process;
	child->link_fd = link_fd;
	event_assign(&child->on_exit, base, process->pidfd, EV_READ, on_exit_cb, child);
	event_add(&child->on_exit, NULL);
	event_assign(
	    &child->on_link, base, link_fd, EV_READ | EV_PERSIST, on_link_cb, child);
	event_add(&child->on_link, NULL);

	child->seen = (struct heartbeat){ .speaks = !config->command ||
						    config->notify == NOTIFY_SYSTEMD,
		.started_ns = now_ns,
		.packet_ns = now_ns,
		.advance_ns = now_ns,
		.pet_ns = now_ns };
	child->doom = DOOM_NONE;
	child->doom_detail[0] = '\0';
	child->killed = child->said_bye = false;
	child->kill_ns = child->eof_ns = HEARTBEAT_NEVER;
	child->memory_ns = HEARTBEAT_NEVER;
	if (config->memory_max_bytes > 0 && !child->limits->has_memory_max)
		child->memory_ns = now_ns + MEMORY_INTERVAL_NS;
	child->stable_ns = HEARTBEAT_NEVER;
	if (child->lives > 0 && !child->node.reports_cycles)
		child->stable_ns = now_ns + config->stable_after_ns;
	child->cycle = -1;
	child->phase[0] = '\0';
	child->failed_cycles = child->bad_packets = 0;
	child->lives++;
}

static void
report_start(struct child *child)
{
	struct record record;

	record_init(&record, "worker.start");
	record_text(&record, "worker", child_name(child));
	record_int(&record, "pid", child->process.pid);
	record_int(&record, "life", child->lives);
	event_log_emit(&child->supervisor->events, LOG_LEVEL_NOTICE, &record);
}

int
child_run_beside(struct child *child, char *const *argv, struct spawned *ret_process,
    struct spawn_failure *ret_failure)
{
	struct spawn_limits limits = { .cgroup_fd = -1 };
	struct child_environ extra;
	char *const *environment;
	int r = open_output(child);

	if (r < 0) {
		*ret_failure = (struct spawn_failure){ .step = "pipe", .error = -r };
		return SPAWN_E_FAILED;
	}
	environment = fill_environ(child, &extra);
	if (!environment) {
		*ret_failure = (struct spawn_failure){ "environment", ENOMEM };
		return SPAWN_E_FAILED;
	}
	limits.config = child_config(child)->limits;
	return spawn_start(&(struct spawn_request){ .argv = argv,
			       .environ = environment,
			       .slots = &child->supervisor->slots,
			       .link_fd = -1,
			       .output_fd = child->output_theirs,
			       .limits = limits.config ? &limits : NULL },
	    ret_process, ret_failure);
}

bool
child_start(struct child *child)
{
	const struct config_worker *config = child_config(child);
	char *builtin[] = { child->supervisor->worker_program, (char *)"-c",
		child->supervisor->config->path, (char *)child_name(child), NULL };
	_cleanup_close_ int ours = -1, theirs = -1;
	struct child_environ extra;
	char *const *environment = NULL;
	struct spawn_failure failure = { .step = "socketpair" };
	struct spawned process;
	int r;

	r = link_pair(&ours, &theirs);
	if (r == 0) {
		failure.step = "pipe";
		r = open_output(child);
	}
	if (r == 0) {
		failure.step = "notify socket";
		r = open_notify(child);
	}
	if (r == 0) {
		failure.step = "environment";
		environment = fill_environ(child, &extra);
		r = environment ? 0 : -ENOMEM;
	}
	if (r < 0)
		failure.error = -r;
	else
		r = spawn_start(
		    &(struct spawn_request){
			.argv = config->command ? config->command : builtin,
			.environ = environment,
			.slots = &child->supervisor->slots,
			.link_fd = theirs,
			.output_fd = child->output_theirs,
			.limits = child->limits ? &child->limits->spawn : NULL },
		    &process, &failure);
	if (r != 0) {
		report_start_failed(child, &failure);
		return false;
	}
	begin_life(child, steal_fd(&ours), &process);
	report_start(child);
	child_rearm(child);
	return true;
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

/* Everything of the life that has ended, except what its end is going to be called. */
static void
end_life(struct child *child)
{
	close_event_fd(&child->on_link, &child->link_fd);
	close_event_fd(&child->on_exit, &child->process.pidfd);
	child_finish_output(child);
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

/* Return: whether it has ended; then its life is over, and child->reason says how. */
static bool
reap(struct child *child)
{
	if (!spawn_has_ended(&child->process))
		return false;
	spawn_kill_group(child->process.pid);
	if (spawn_reap(&child->process, &child->reason) != 0)
		return false;
	child_read_link(child);
	if (child->limits && child_limits_ended(child))
		note_oom(child);
	end_life(child);
	return true;
}

static void
on_exit_cb(evutil_socket_t fd, short what, void *data)
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
	tree_ended(&child->supervisor->tree, &child->node, how);
}

bool
child_stop(struct child *child, bool kill)
{
	int64_t shutdown_ns = child->node.config->shutdown_ns;
	int64_t now_ns = clock_monotonic_ns();

	if (child->node.state != NODE_STOPPING && reap(child)) {
		child_log_end(
		    child, "none", "it ended while its group was being stopped");
		return false;
	}
	if (kill || shutdown_ns == SHUTDOWN_KILL) {
		kill_now(child);
		return true;
	}
	if (child->doom == DOOM_NONE) {
		struct msg stop = { .type = MSG_STOP };

		stop.stop.deadline_ms = shutdown_ns < 0 ? -1 : shutdown_ns / NS_PER_MS;
		if (child->seen.speaks)
			child_send(child, &stop);
		spawn_signal(child->process.pidfd, SIGTERM);
	}
	if (shutdown_ns >= 0)
		child->kill_ns = earliest(child->kill_ns, now_ns + shutdown_ns);
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
	spawn_signal(child->process.pidfd, SIGTERM);
	if (shutdown_ns == SHUTDOWN_INFINITY)
		shutdown_ns = DOOM_SHUTDOWN_NS;
	child->kill_ns = clock_monotonic_ns() + shutdown_ns;
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
	child->node.without_progress = 0;
	free(child->error);
	child->error = NULL;
	if (child->heal_pending)
		aftermath_healed(child->supervisor->aftermath, child_name(child));
	child->heal_pending = false;
}

static void
on_link_cb(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	child_read_link(data);
}

static void
on_output_cb(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	child_read_output(data);
}

static void
on_notify_cb(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	child_read_notify(data);
}
