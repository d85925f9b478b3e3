/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beginning of a worker's life: its link, its output, its environment, its process,
 * and what is noted when it has one. How a process is made is spawn.c's.
 */
#include "supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/link.h"
#include "supervisor/child_launch.h"
#include "supervisor/child_limits.h"
#include "supervisor/child_watch.h"
#include "supervisor/context.h"
#include "supervisor/fragment.h"
#include "supervisor/links.h"
#include "supervisor/make_safe.h"
#include "supervisor/setup.h"
#include "supervisor/notify.h"

/* epoll has bounds of its own (memory, max_user_watches): what it does not take we
 * would not hear. Return: 0, -errno. */
static int
watch(struct child *child, struct event *event, int fd, event_callback_fn call)
{
	short what = call == child_on_exit ? EV_READ : EV_READ | EV_PERSIST;

	event_assign(event, child->supervisor->base, fd, what, call, child);
	errno = ENOMEM;
	return event_add(event, NULL) < 0 ? -errno : 0;
}

static int
open_output(struct child *child)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pipe_fds[2], r;

	if (child->output_fd >= 0)
		return 0;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	ours = pipe_fds[0];
	theirs = pipe_fds[1];
	fcntl(ours, F_SETFL, O_NONBLOCK);
	r = watch(child, &child->on_output, ours, child_on_output);
	if (r < 0)
		return r;
	child->output_fd = steal_fd(&ours);
	child->output_theirs = steal_fd(&theirs);
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
	_cleanup_close_ int fd = -1;
	int r;

	if (child_config(child)->notify != NOTIFY_SYSTEMD || child->notify_fd >= 0)
		return 0;
	path = notify_path(child);
	if (!path)
		return -ENOMEM;
	fd = notify_listen(path);
	if (fd < 0)
		return fd;
	r = watch(child, &child->on_notify, fd, child_on_notify);
	if (r < 0)
		return r;
	child->notify_fd = steal_fd(&fd);
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

/* What a program of this worker is told in any case. */
static void
add_identity(struct child *child, struct child_environ *extra)
{
	struct supervisor *supervisor = child->supervisor;

	extra->n = 0;
	set_variable(supervisor, extra, "%s=%s", SPAWN_WORKER_ENV, child_name(child));
	set_variable(supervisor, extra, "%s=%u", SPAWN_LIFE_ENV, child->lives + 1);
	add_variable(supervisor, extra, supervisor->guardian.marker);
	add_variable(supervisor, extra, supervisor->state_variable);
	add_variable(supervisor, extra, supervisor->control_variable);
}

/*
 * A key that a built-in worker takes from the environment is for that worker, and for
 * its own make-safe. No other program is given it. Where no worker takes it from there,
 * it is a variable like any other: a bot of one's own may want it.
 */
static char *const *
with_own_environ(struct child *child, bool is_builtin)
{
	struct supervisor *supervisor = child->supervisor;
	unsigned own = is_builtin ? config_secrets_of(child_config(child)) : 0;
	char *const *common =
	    setup_environ_without(supervisor, supervisor->secrets & ~own);

	return child->limits ? child_limits_prepare(child, common) : common;
}

static char *const *
fill_environ(struct child *child, struct child_environ *extra)
{
	struct supervisor *supervisor = child->supervisor;
	const struct config_worker *config = child_config(child);

	add_identity(child, extra);
	set_variable(supervisor, extra, "%s=%d", MSG_FD_ENV, SPAWN_LINK_FD);
	if (config->notify == NOTIFY_SYSTEMD) {
		set_variable(supervisor, extra, "NOTIFY_SOCKET=%s/notify-%s",
		    supervisor->runtime_dir, child_name(child));
		if (config->watchdog_ns > 0)
			set_variable(supervisor, extra, "WATCHDOG_USEC=%lld",
			    (long long)(config->watchdog_ns / 1000));
	}
	return with_own_environ(child, config->command == NULL);
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
	record_text(&record, "path", failure->path);
	event_log_emit(&child->supervisor->events, LOG_LEVEL_ERROR, &record);
	snprintf(child->start_error, sizeof(child->start_error), "%s: %s%s%s",
	    failure->step, failure->path ? failure->path : "",
	    failure->path ? ": " : "", strerror(failure->error));
}

/* A process whose end we would not hear of must not be: it counts as not started. */
static int
watch_life(struct child *child, int link_fd, struct spawned *process,
    struct spawn_pending *pending)
{
	struct spawn_failure failure;
	int r = watch(child, &child->on_exit, process->pidfd, child_on_exit);

	if (r == 0) {
		r = links_add(child->supervisor->links, child, link_fd);
		if (r < 0)
			event_del(&child->on_exit);
	}
	if (r < 0) {
		if (pending && spawn_settle(pending, &failure) != 0)
			close(process->pidfd);
		else
			spawn_discard(process);
		supervisor_sweep_soon(child->supervisor);
	}
	return r;
}

static void
begin_life(struct child *child, int link_fd, const struct spawned *process)
{
	const struct config_worker *config = child_config(child);
	int64_t now_ns = clock_monotonic_ns();

	child->process = *process;
	child->link_fd = link_fd;
	child->seen = (struct heartbeat){ .speaks = !config->command ||
						    config->notify == NOTIFY_SYSTEMD,
		.awaited = config->watch && config->watch->ready != READY_BY_ITSELF,
		.started_ns = now_ns,
		.packet_ns = now_ns,
		.advance_ns = now_ns,
		.pet_ns = now_ns };
	child->watchdog_ns = config->notify == NOTIFY_SYSTEMD ? config->watchdog_ns : 0;
	child->told_refused = false;
	child->died = false;
	child->doom = DOOM_NONE;
	child->start_error[0] = '\0';
	child->doom_detail[0] = '\0';
	child->killed = false;
	child->kill_ns = child->eof_ns = HEARTBEAT_NEVER;
	child->memory_ns = HEARTBEAT_NEVER;
	if (config->memory_max_bytes > 0 && !child->limits->has_memory_max)
		child->memory_ns = now_ns + CHILD_MEMORY_INTERVAL_NS;
	child->stable_ns = HEARTBEAT_NEVER;
	if (child->lives > 0 && !child->node.reports_cycles)
		child->stable_ns = now_ns + config->stable_after_ns;
	child->cycle = -1;
	child->phase[0] = '\0';
	child->failed_cycles = child->bad_packets = 0;
	child->lives++;
}

void
child_change_process(struct child *child, const struct spawned *process)
{
	event_del(&child->on_exit);
	close(child->process.pidfd);
	child->process = *process;
	event_assign(&child->on_exit, child->supervisor->base, process->pidfd, EV_READ,
	    child_on_exit, child);
	event_add(&child->on_exit, NULL);
}

void
child_launched(struct child *child)
{
	struct record record;

	record_init(&record, "worker.start");
	record_text(&record, "worker", child_name(child));
	record_int(&record, "pid", child->process.pid);
	record_int(&record, "life", child->lives);
	event_log_emit(&child->supervisor->events, LOG_LEVEL_NOTICE, &record);
}

void
child_launch_failed(struct child *child, const struct spawn_failure *failure)
{
	child->lives--;
	child_end_life(child);
	report_start_failed(child, failure);
}

void
child_builtin(const struct child *child, const char *mode,
    struct child_builtin *ret_command, struct spawn_request *request)
{
	const struct config *config =
	    fragment_config_of(child->supervisor, &child->node);
	char **to = ret_command->argv;

	if (!config)
		config = child->supervisor->config;
	*to++ = child->supervisor->worker_program;
	if (mode)
		*to++ = (char *)mode;
	*to++ = (char *)"-c";
	*to++ = config->path;
	if (config->text_fd >= 0) {
		request->text_fd = config->text_fd;
		snprintf(ret_command->number, sizeof(ret_command->number), "%d",
		    spawn_text_number(request));
		*to++ = (char *)"--text-fd";
		*to++ = ret_command->number;
	}
	*to++ = (char *)child_name(child);
	*to = NULL;
	request->argv = ret_command->argv;
}

int
child_run_beside(struct child *child, char *const *argv, char *const *variables,
    struct spawned *ret_process, struct spawn_failure *ret_failure)
{
	struct spawn_limits limits = { .cgroup_fd = -1 };
	struct spawn_request request = { .argv = argv,
		.slots = &child->supervisor->slots,
		.altered = &child->supervisor->altered,
		.link_fd = -1 };
	struct child_builtin builtin;
	struct child_environ extra;
	char *const *environment;
	int r = open_output(child);

	if (r < 0) {
		*ret_failure = (struct spawn_failure){ .step = "pipe", .error = -r };
		return SPAWN_E_FAILED;
	}
	add_identity(child, &extra);
	for (; variables && *variables; variables++)
		add_variable(child->supervisor, &extra, *variables);
	environment = with_own_environ(child, argv == NULL);
	if (!environment) {
		*ret_failure = (struct spawn_failure){ "environment", ENOMEM };
		return SPAWN_E_FAILED;
	}
	limits.config = child_config(child)->limits;
	if (child_limits_enclose(child, &limits, ret_failure) != 0)
		return SPAWN_E_FAILED;
	if (!argv)
		child_builtin(child, "--make-safe", &builtin, &request);
	request.environ = environment;
	request.output_fd = child->output_theirs;
	request.limits = limits.config || limits.sandbox ? &limits : NULL;
	r = spawn_start(&request, ret_process, ret_failure);
	child_limits_disclose(child);
	return r;
}

/* Return: as spawn_start(); *@ret_pending NULL if it has been waited for. */
static int
make_process(struct child *child, const struct spawn_request *request,
    struct spawned *ret_process, struct spawn_pending **ret_pending,
    struct spawn_failure *ret_failure)
{
	int r = SPAWN_E_WAIT;

	*ret_pending = NULL;
	if (child->limits &&
	    child_limits_enclose(child, &child->limits->spawn, ret_failure) != 0)
		return SPAWN_E_FAILED;
	if (child_launch_may_run_ahead(child))
		r = spawn_begin(request, ret_process, ret_pending, ret_failure);
	if (r == SPAWN_E_WAIT)
		r = spawn_start(request, ret_process, ret_failure);
	child_limits_disclose(child);
	return r;
}

bool
child_start(struct child *child)
{
	const struct config_worker *config = child_config(child);
	struct spawn_request request = { .argv = config->command,
		.slots = &child->supervisor->slots,
		.altered = &child->supervisor->altered,
		.limits = child->limits ? &child->limits->spawn : NULL };
	struct child_builtin builtin;
	_cleanup_close_ int ours = -1, theirs = -1;
	struct child_environ extra;
	char *const *environment = NULL;
	struct spawn_failure failure = { .step = "socketpair" };
	struct spawn_pending *pending = NULL;
	struct spawned process;
	int r;

	make_safe_cancel(child);
	if (child->watch)
		child_watch_prepare(child);
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
	if (r < 0) {
		failure.error = -r;
	} else {
		request.environ = environment;
		request.link_fd = theirs;
		request.output_fd = child->output_theirs;
		if (!config->command)
			child_builtin(child, NULL, &builtin, &request);
		r = make_process(child, &request, &process, &pending, &failure);
	}
	if (r == 0) {
		r = watch_life(child, ours, &process, pending);
		if (r < 0)
			failure = (struct spawn_failure){ "epoll", -r };
	}
	if (r != 0) {
		report_start_failed(child, &failure);
		return false;
	}
	begin_life(child, steal_fd(&ours), &process);
	if (pending)
		child_launch_add(child, pending);
	else
		child_launched(child);
	if (child->watch)
		child_watch_begin(child);
	child_rearm(child);
	return true;
}

/* Descriptors that are watched are closed by what ends a watch, so an fd without one
 * must not be left in the child. */
static int
adopt_fd(struct child *child, struct event *event, int *fd, event_callback_fn call)
{
	int r;

	if (*fd < 0)
		return 0;
	r = watch(child, event, *fd, call);
	if (r < 0) {
		close(*fd);
		*fd = -1;
	}
	return r;
}

int
child_adopt(struct child *child)
{
	int r = adopt_fd(child, &child->on_exit, &child->process.pidfd, child_on_exit);

	if (r == 0 && child->link_fd >= 0)
		r = links_add(child->supervisor->links, child, child->link_fd);
	if (r == 0)
		r = adopt_fd(
		    child, &child->on_output, &child->output_fd, child_on_output);
	if (r == 0)
		r = adopt_fd(
		    child, &child->on_notify, &child->notify_fd, child_on_notify);
	if (r < 0)
		return r;
	if (child->watch && child_is_alive(child))
		child_watch_adopt(child);
	child_rearm(child);
	return 0;
}
