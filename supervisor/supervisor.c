/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor as a whole: it sets up what is shared, connects the tree to the
 * children below it and to the log beside it, takes signals, and ends. What to do is
 * decided in plan.c, how in tree.c and child.c.
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/paths.h"
#include "supervisor/aftermath.h"
#include "supervisor/child.h"
#include "supervisor/child_limits.h"
#include "supervisor/client.h"
#include "supervisor/context.h"
#include "supervisor/control.h"
#include "supervisor/fragment.h"
#include "supervisor/journald.h"
#include "supervisor/make_safe.h"

#define STALL_NS                                                                       \
	(250 * NS_PER_MS) /* a timer that late: we were stopped, or starved            \
			   */
#define SWEEP_AFTER_MS 20 /* many workers that end together cost one sweep */
#define LAST_SWEEP_S 1	  /* how long we wait for killed orphans before we exit */
#define DESCRIPTORS_PER_WORKER 6
#define DESCRIPTORS_OF_OURS 128

static void
say(struct supervisor *supervisor, enum log_level level, const char *event,
    const char *key, const char *value)
{
	struct record record;

	record_init(&record, event);
	record_text(&record, key, value);
	event_log_emit(&supervisor->events, level, &record);
}

static int
cannot(struct supervisor *supervisor, const char *what, int error)
{
	struct record record;

	record_init(&record, "supervisor.failed");
	record_text(&record, "step", what);
	record_text(&record, "error", strerror(error));
	event_log_emit(&supervisor->events, LOG_LEVEL_ERROR, &record);
	return EXIT_OSERR;
}

int64_t
supervisor_look(struct supervisor *supervisor, int64_t due_ns)
{
	int64_t now_ns = clock_monotonic_ns();
	struct record record;

	if (due_ns == HEARTBEAT_NEVER || now_ns - due_ns < STALL_NS ||
	    supervisor->fresh_ns >= due_ns)
		return now_ns;
	supervisor->fresh_ns = now_ns;
	record_init(&record, "supervisor.stall");
	record_int(&record, "late_ms", (now_ns - due_ns) / NS_PER_MS);
	event_log_emit(&supervisor->events, LOG_LEVEL_WARNING, &record);
	return now_ns;
}

/* What can come after the urgent: orphans, and the line that systemctl status shows. */

static int
compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

struct own_pids {
	struct supervisor *supervisor;
	pid_t *pids;
	size_t n, room;
	unsigned up;
};

static void
collect_pid(struct node *node, void *data)
{
	struct own_pids *own = data;
	const struct child *child = (struct child *)node;

	if (!child_is_alive(child))
		return;
	own->up++;
	if (own->n == own->room) {
		size_t room = own->room ? own->room * 2 : 16;
		pid_t *pids = reallocarray(own->pids, room, sizeof(*pids));

		if (!pids)
			return;
		own->pids = pids;
		own->room = room;
	}
	own->pids[own->n++] = child->process.pid;
}

static bool
is_own_child(pid_t pid, void *data)
{
	const struct own_pids *own = data;

	if (pid == own->supervisor->guardian.pid)
		return true;
	return own->n > 0 &&
	       bsearch(&pid, own->pids, own->n, sizeof(pid), compare_pids) != NULL;
}

static bool
is_wanted(const struct spawn_orphan *orphan, void *data)
{
	const struct own_pids *own = data;
	struct node *node = tree_find(&own->supervisor->tree, orphan->worker);
	const struct child *child = (struct child *)node;

	if (!node || node_is_group(node) || !child_is_alive(child))
		return false;
	return strtoul(orphan->life, NULL, 10) == child->lives;
}

/* Return: how many orphans had to be killed, or could not be judged yet. */
static int
sweep(struct supervisor *supervisor, const struct own_pids *own)
{
	int killed;

	/* Programs that make us safe are children of ours, too; orphans can wait until
	 * they have ended. */
	if (supervisor->make_safe && supervisor->phase != SUPERVISOR_ENDED)
		return 0;
	if (own->n > 0)
		qsort(own->pids, own->n, sizeof(*own->pids), compare_pids);
	killed =
	    spawn_sweep_orphans(&(struct spawn_sweep){ .is_own_child = is_own_child,
		.is_wanted = is_wanted,
		.data = (void *)own });
	return killed < 0 ? 0 : killed;
}

static void
arm_sweep(struct supervisor *supervisor)
{
	const struct timeval after = { .tv_usec = SWEEP_AFTER_MS * 1000 };

	if (!evtimer_pending(supervisor->on_sweep, NULL))
		evtimer_add(supervisor->on_sweep, &after);
}

static void
on_sweep_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;
	struct own_pids own = { .supervisor = supervisor };
	int killed;

	(void)fd, (void)what;
	tree_each_worker(&supervisor->tree, collect_pid, &own);
	killed = sweep(supervisor, &own);
	notify_send(&supervisor->notify, "STATUS=%u workers up, %u restarts", own.up,
	    supervisor->restarts);
	free(own.pids);
	fragment_purge(supervisor, false);
	if (killed > 0)
		arm_sweep(supervisor);
	else if (supervisor->phase == SUPERVISOR_ENDED)
		event_base_loopbreak(supervisor->base);
}

void
supervisor_sweep_soon(struct supervisor *supervisor)
{
	if (supervisor->phase == SUPERVISOR_ENDED)
		event_active(supervisor->on_sweep, EV_READ, 0);
	else
		arm_sweep(supervisor);
}

/* The tree's view of the world. */

static struct supervisor *
of(void *data)
{
	return data;
}

static struct node *
op_new_worker(const struct config_node *config, void *data)
{
	struct child *child = child_new(of(data), config);

	return child ? &child->node : NULL;
}

static void
op_removed(struct node *worker, void *data)
{
	struct child *child = (struct child *)worker;

	if (of(data)->aftermath)
		aftermath_forget(of(data)->aftermath, child);
	if (worker->added)
		fragment_unused(data, worker->config);
	child_free(child);
}

static bool
op_start(struct node *worker, void *data)
{
	(void)data;
	return child_start((struct child *)worker);
}

static bool
op_stop(struct node *worker, bool kill, void *data)
{
	(void)data;
	return child_stop((struct child *)worker, kill);
}

static uint32_t
next_random(struct supervisor *supervisor)
{
	uint32_t x = supervisor->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return supervisor->random = x;
}

static int64_t
op_delay(struct node *node, void *data)
{
	struct child *child = (struct child *)node;
	struct decision *decision;
	int64_t delay_ns;

	if (node_is_group(node))
		return 0;
	delay_ns = child_next_delay(child, next_random(of(data)));
	decision = decisions_last(child->decisions);
	if (decision)
		decision->delay_ns = delay_ns;
	return delay_ns;
}

static void
on_group_timer_cb(evutil_socket_t fd, short what, void *data)
{
	struct group *group = data;
	struct supervisor *supervisor = group->owner;

	(void)fd, (void)what;
	tree_wake(&supervisor->tree, &group->node);
}

static void
wait_for_group(struct supervisor *supervisor, struct group *group, int64_t delay_ns)
{
	struct timeval after = { .tv_sec = delay_ns / NS_PER_S,
		.tv_usec = delay_ns % NS_PER_S / 1000 };

	if (delay_ns < 0) {
		if (group->timer)
			evtimer_del(group->timer);
		return;
	}
	group->owner = supervisor;
	if (!group->timer)
		group->timer = evtimer_new(supervisor->base, on_group_timer_cb, group);
	if (!group->timer) {
		cannot(supervisor, "a group's timer", ENOMEM);
		return;
	}
	evtimer_add(group->timer, &after);
}

static void
op_wait(struct node *node, int64_t delay_ns, void *data)
{
	if (node_is_group(node))
		wait_for_group(of(data), node_group(node), delay_ns);
	else
		child_wait((struct child *)node, delay_ns);
}

static void
op_group_removed(struct group *group, void *data)
{
	if (group->node.added)
		fragment_unused(data, group->node.config);
	if (group->timer)
		event_free(group->timer);
}

static int64_t
op_now(void *data)
{
	(void)data;
	return clock_monotonic_ns();
}

static const char *
failure_kind(const struct child *child, enum plan_how how)
{
	if (how == PLAN_START_FAILED)
		return "start";
	return how == PLAN_NORMAL ? "exit" : child_doom_kind(child->doom);
}

static void
report_restart(struct supervisor *supervisor, struct child *child, enum plan_how how)
{
	const struct group *group = child->node.parent;
	struct record record;

	child->restart_times_ns[child->restarts++ % CHILD_RESTARTS_KEPT] =
	    clock_realtime_ns();
	record_init(&record, "self_healing.worker_thread_restart");
	record_text(&record, "worker", child_name(child));
	record_int(&record, "level", 3);
	record_text(&record, "kind", failure_kind(child, how));
	record_int(&record, "restarts", (int64_t)group->window.used);
	record_int(&record, "intensity", group->window.limit);
	event_log_emit(&supervisor->events, LOG_LEVEL_WARNING, &record);
	child->heal_pending = true;
	aftermath_try(
	    supervisor->aftermath, child_name(child), 3, failure_kind(child, how));
}

static void
report_group_end(
    struct supervisor *supervisor, const struct node *node, const struct plan *plan)
{
	bool gave_up = plan->verdict == PLAN_GIVE_UP;
	struct record record;

	record_init(&record, gave_up ? "group.escalate" : "group.shutdown");
	record_text(&record, "group", node->parent->node.config->name);
	record_text(
	    &record, node_is_group(node) ? "child" : "worker", node->config->name);
	record_text(&record, "why", plan->rule);
	event_log_emit(
	    &supervisor->events, gave_up ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE, &record);
}

/* For `tradesup why`; out of memory, it is only forgotten. */
static void
remember(struct child *child, enum plan_how how, const struct plan *plan)
{
	struct intensity *window = &child->node.parent->window;
	struct decision decision = { .time_ns = clock_realtime_ns(),
		.up_ns = clock_monotonic_ns() - child->seen.started_ns,
		.how = how,
		.reason = child->reason,
		.plan = *plan,
		.used = (uint32_t)window->used,
		.limit = window->limit,
		.period_ns = window->period_ns };

	if (how == PLAN_START_FAILED)
		snprintf(
		    decision.cause, sizeof(decision.cause), "%s", child->start_error);
	else if (child->doom != DOOM_NONE)
		child_doom_cause(child, decision.cause, sizeof(decision.cause));
	decisions_add(&child->decisions, &decision);
}

static void
decided_about_worker(struct supervisor *supervisor, struct child *child,
    enum plan_how how, const struct plan *plan)
{
	static const char *const actions[] = {
		[PLAN_LEAVE] = "none",
		[PLAN_STRIKE_OFF] = "none",
		[PLAN_RESTART] = "restart",
		[PLAN_GIVE_UP] = "escalate",
		[PLAN_SHUTDOWN] = "shutdown",
	};

	if (how != PLAN_START_FAILED)
		child_log_end(child, actions[plan->verdict], plan->rule);
	remember(child, how, plan);
	if (how == PLAN_ABNORMAL)
		aftermath_crash(supervisor->aftermath, child, actions[plan->verdict]);
	if (plan->verdict == PLAN_RESTART)
		report_restart(supervisor, child, how);
	snprintf(supervisor->last_failed, sizeof(supervisor->last_failed), "%s",
	    child_name(child));
}

static void
op_decided(struct node *node, enum plan_how how, const struct plan *plan, void *data)
{
	struct supervisor *supervisor = data;

	if (!node_is_group(node))
		decided_about_worker(supervisor, (struct child *)node, how, plan);
	if (plan->verdict == PLAN_RESTART)
		supervisor->restarts++;
	if (plan->verdict == PLAN_GIVE_UP || plan->verdict == PLAN_SHUTDOWN)
		report_group_end(supervisor, node, plan);
}

static void
op_answered(struct tree_request *request, const char *why, void *data)
{
	if (request->kind == PLAN_REQUEST_ADD && why)
		fragment_unused(data, request->config);
	client_answered(request, why);
}

static void
finish(struct supervisor *supervisor)
{
	struct timeval patience = { .tv_sec = LAST_SWEEP_S };

	supervisor->phase = SUPERVISOR_ENDED;
	event_base_loopexit(supervisor->base, &patience);
	supervisor_sweep_soon(supervisor);
}

static void
made_safe(struct supervisor *supervisor)
{
	struct record record;

	aftermath_try(supervisor->aftermath, supervisor->last_failed, 4, "limit");
	record_init(&record, "self_healing.service_restart");
	record_text(&record, "worker", supervisor->last_failed);
	record_int(&record, "level", 4);
	record_int(&record, "restarts", supervisor->restarts);
	record_int(&record, "exit", EXIT_ESCALATED);
	event_log_emit(&supervisor->events, LOG_LEVEL_ERROR, &record);
	finish(supervisor);
}

static void
op_ended(enum tree_end end, void *data)
{
	static const int exits[] = {
		[TREE_STOPPED] = EXIT_OK,
		[TREE_ESCALATED] = EXIT_ESCALATED,
		[TREE_SHUT_DOWN] = EXIT_OK,
		[TREE_START_FAILED] = EXIT_OSERR,
	};
	struct supervisor *supervisor = data;

	supervisor->exit_code = exits[end];
	supervisor->phase = SUPERVISOR_STOPPING;
	if (end == TREE_ESCALATED)
		make_safe_start(supervisor, made_safe);
	else
		finish(supervisor);
}

static const struct tree_ops tree_ops = {
	.new_worker = op_new_worker,
	.removed = op_removed,
	.group_removed = op_group_removed,
	.start = op_start,
	.stop = op_stop,
	.delay = op_delay,
	.wait = op_wait,
	.now = op_now,
	.decided = op_decided,
	.answered = op_answered,
	.ended = op_ended,
};

/* Signals and watches. */

static void
on_stop_cb(evutil_socket_t signal_number, short what, void *data)
{
	struct supervisor *supervisor = data;

	(void)what;
	if (supervisor->phase == SUPERVISOR_STOPPING ||
	    supervisor->phase == SUPERVISOR_ENDED)
		return;
	supervisor->phase = SUPERVISOR_STOPPING;
	say(supervisor, LOG_LEVEL_NOTICE, "supervisor.stop", "signal",
	    sigabbrev_np((int)signal_number));
	notify_send(&supervisor->notify, "STOPPING=1");
	tree_stop(&supervisor->tree);
}

static void
on_sigchld_cb(evutil_socket_t signal_number, short what, void *data)
{
	(void)signal_number, (void)what;
	supervisor_sweep_soon(data);
}

static void
on_watchdog_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;

	(void)fd, (void)what;
	notify_send(&supervisor->notify, "WATCHDOG=1");
}

static int watch_guardian(struct supervisor *supervisor);

static void
on_guardian_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;
	int r;

	(void)fd, (void)what;
	event_free(supervisor->on_guardian);
	supervisor->on_guardian = NULL;
	r = guardian_start(&supervisor->guardian);
	if (r == 0)
		r = watch_guardian(supervisor);
	say(supervisor, LOG_LEVEL_WARNING, "guardian.restart", "error",
	    r < 0 ? strerror(-r) : NULL);
}

static int
watch_guardian(struct supervisor *supervisor)
{
	supervisor->on_guardian = event_new(supervisor->base,
	    supervisor->guardian.pidfd, EV_READ, on_guardian_cb, supervisor);
	if (!supervisor->on_guardian)
		return -ENOMEM;
	event_add(supervisor->on_guardian, NULL);
	return 0;
}

static int
open_loop(struct supervisor *supervisor)
{
	struct event_base *base = event_base_new();
	struct timeval period = { .tv_sec = supervisor->notify.watchdog_ns / NS_PER_S,
		.tv_usec = supervisor->notify.watchdog_ns % NS_PER_S / 1000 };

	supervisor->base = base;
	if (!base || event_base_priority_init(base, SUPERVISOR_PRIORITIES) < 0)
		return -ENOMEM;
	supervisor->on_term = evsignal_new(base, SIGTERM, on_stop_cb, supervisor);
	supervisor->on_int = evsignal_new(base, SIGINT, on_stop_cb, supervisor);
	supervisor->on_hup = evsignal_new(base, SIGHUP, on_stop_cb, supervisor);
	supervisor->on_sigchld = evsignal_new(base, SIGCHLD, on_sigchld_cb, supervisor);
	supervisor->on_sweep = evtimer_new(base, on_sweep_cb, supervisor);
	supervisor->on_watchdog =
	    event_new(base, -1, EV_PERSIST, on_watchdog_cb, supervisor);
	if (!supervisor->on_term || !supervisor->on_int || !supervisor->on_hup ||
	    !supervisor->on_sigchld || !supervisor->on_sweep ||
	    !supervisor->on_watchdog)
		return -ENOMEM;
	event_priority_set(supervisor->on_sweep, SUPERVISOR_PRIORITY_LATER);
	event_add(supervisor->on_term, NULL);
	event_add(supervisor->on_int, NULL);
	event_add(supervisor->on_hup, NULL);
	event_add(supervisor->on_sigchld, NULL);
	if (supervisor->notify.watchdog_ns > 0)
		event_add(supervisor->on_watchdog, &period);
	return watch_guardian(supervisor);
}

static void
close_loop(struct supervisor *supervisor)
{
	struct event *events[] = { supervisor->on_term, supervisor->on_int,
		supervisor->on_hup, supervisor->on_sigchld, supervisor->on_sweep,
		supervisor->on_watchdog, supervisor->on_guardian };

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i])
			event_free(events[i]);
	if (supervisor->base)
		event_base_free(supervisor->base);
}

/* Setting up. */

static int
copy_environ(struct supervisor *supervisor)
{
	size_t n = 0;

	while (environ[n])
		n++;
	supervisor->environ = calloc(n + SUPERVISOR_ENV_EXTRA + 1, sizeof(char *));
	if (!supervisor->environ)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!config_is_own_variable(environ[i]))
			supervisor->environ[supervisor->n_environ++] = environ[i];
	return 0;
}

static int
find_paths(struct supervisor *supervisor)
{
	const struct config *config = supervisor->config;
	int r;

	supervisor->state_dir = path_state(config->state_dir);
	supervisor->runtime_dir = path_runtime(config->runtime_dir);
	if (supervisor->state_dir &&
	    asprintf(&supervisor->state_variable, "TRADESUP_STATE_DIR=%s",
		supervisor->state_dir) < 0)
		supervisor->state_variable = NULL;
	supervisor->worker_program = path_program(PATH_WORKER_ENV, PATH_WORKER_NAME);
	if (!supervisor->state_variable || !supervisor->runtime_dir ||
	    !supervisor->worker_program)
		return cannot(supervisor, "paths", ENOMEM);
	r = path_mkdirs(supervisor->state_dir, 0700);
	if (r < 0)
		return cannot(supervisor, supervisor->state_dir, -r);
	r = path_mkdirs(supervisor->runtime_dir, 0700);
	if (r < 0)
		return cannot(supervisor, supervisor->runtime_dir, -r);
	return 0;
}

/* One supervisor a runtime directory: the lock goes with the process. */
static int
take_lock(struct supervisor *supervisor)
{
	_cleanup_free_ char *path = path_join(supervisor->runtime_dir, "lock");

	if (!path)
		return cannot(supervisor, "lock", ENOMEM);
	supervisor->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (supervisor->lock_fd < 0)
		return cannot(supervisor, path, errno);
	if (flock(supervisor->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return cannot(supervisor, path, errno);
	say(supervisor, LOG_LEVEL_ERROR, "supervisor.already_running", "runtime_dir",
	    supervisor->runtime_dir);
	return EXIT_OSERR;
}

static size_t
count_workers(const struct config_node *node)
{
	size_t n = 0;

	if (node->type == CONFIG_WORKER)
		return 1;
	for (size_t i = 0; i < node->group.n_children; i++)
		n += count_workers(node->group.children[i]);
	return n;
}

/* Workers inherit the limit, so it is raised only as far as many workers need it. */
static void
raise_descriptor_limit(size_t workers)
{
	rlim_t wanted = workers * DESCRIPTORS_PER_WORKER + DESCRIPTORS_OF_OURS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int
set_up(struct supervisor *supervisor)
{
	int r = find_paths(supervisor);

	if (r == 0)
		r = take_lock(supervisor);
	if (r != 0)
		return r;
	r = spawn_slots_open(&supervisor->slots);
	if (r < 0)
		return cannot(supervisor, "/dev/null", -r);
	/* Before there is anybody who would have to move with us. */
	if (child_limits_want_cgroup(supervisor->config->root))
		child_limits_open_cgroup(supervisor);
	guardian_init(&supervisor->guardian);
	supervisor->guardian.cgroup_fd = supervisor->cgroup.fd;
	r = guardian_start(&supervisor->guardian);
	if (r < 0)
		return cannot(supervisor, "guardian", -r);
	r = notify_open(&supervisor->notify);
	if (r < 0)
		return cannot(supervisor, "NOTIFY_SOCKET", -r);
	r = spawn_become_subreaper();
	if (r < 0)
		return cannot(supervisor, "subreaper", -r);
	if (getrandom(&supervisor->random, sizeof(supervisor->random), GRND_NONBLOCK) <
		0 ||
	    supervisor->random == 0)
		supervisor->random = (uint32_t)clock_monotonic_ns() | 1;
	raise_descriptor_limit(count_workers(supervisor->config->root));
	r = copy_environ(supervisor);
	if (r == 0)
		r = open_loop(supervisor);
	if (r < 0)
		return cannot(supervisor, "event loop", -r);
	supervisor->aftermath = aftermath_new(supervisor);
	if (!supervisor->aftermath)
		return cannot(supervisor, "state", ENOMEM);
	r = tree_init(
	    &supervisor->tree, supervisor->config->root, &tree_ops, supervisor);
	if (r < 0)
		return cannot(supervisor, "tree", -r);
	r = control_open(supervisor, &supervisor->control);
	if (r < 0)
		return cannot(supervisor, "control socket", -r);
	return 0;
}

static void
tear_down(struct supervisor *supervisor)
{
	supervisor->control = control_close(supervisor->control);
	supervisor->make_safe = make_safe_free(supervisor->make_safe);
	supervisor->aftermath = aftermath_free(supervisor->aftermath);
	tree_deinit(&supervisor->tree);
	fragment_purge(supervisor, true);
	close_loop(supervisor);
	notify_close(&supervisor->notify);
	guardian_dismiss(&supervisor->guardian);
	spawn_slots_close(&supervisor->slots);
	cgroup_close(&supervisor->cgroup);
	event_log_deinit(&supervisor->events);
	closep(&supervisor->lock_fd);
	free(supervisor->environ);
	free(supervisor->state_dir);
	free(supervisor->state_variable);
	free(supervisor->runtime_dir);
	free(supervisor->worker_program);
}

static void
report_started(struct supervisor *supervisor)
{
	struct record record;

	record_init(&record, "supervisor.start");
	record_int(&record, "pid", getpid());
	record_text(&record, "version", TRADESUP_VERSION);
	record_text(&record, "config", supervisor->config->path);
	record_text(&record, "state_dir", supervisor->state_dir);
	record_text(&record, "runtime_dir", supervisor->runtime_dir);
	event_log_emit(&supervisor->events, LOG_LEVEL_NOTICE, &record);
}

static void
run(struct supervisor *supervisor)
{
	struct record record;

	report_started(supervisor);
	tree_start(&supervisor->tree);
	if (supervisor->phase == SUPERVISOR_STARTING) {
		supervisor->phase = SUPERVISOR_RUNNING;
		record_init(&record, "supervisor.ready");
		record_int(&record, "up_ms",
		    (clock_monotonic_ns() - supervisor->started_ns) / NS_PER_MS);
		event_log_emit(&supervisor->events, LOG_LEVEL_NOTICE, &record);
		notify_send(&supervisor->notify, "READY=1");
		supervisor_sweep_soon(supervisor);
	}
	event_base_dispatch(supervisor->base);
}

int
supervisor_run(const struct config *config)
{
	struct supervisor supervisor = { .config = config,
		.lock_fd = -1,
		.notify = { .fd = -1 },
		.slots = { -1, -1, -1 },
		.cgroup = { .fd = -1 },
		.started_ns = clock_monotonic_ns() };
	int r;

	TAILQ_INIT(&supervisor.fragments);
	signal(SIGPIPE, SIG_IGN);
	r = set_up(&supervisor);
	if (r == 0) {
		run(&supervisor);
		r = supervisor.exit_code;
	}
	tear_down(&supervisor);
	return r;
}
