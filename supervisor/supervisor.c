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
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "supervisor/aftermath.h"
#include "supervisor/child.h"
#include "supervisor/child_launch.h"
#include "supervisor/child_limits.h"
#include "supervisor/client.h"
#include "supervisor/context.h"
#include "supervisor/control.h"
#include "supervisor/fragment.h"
#include "supervisor/holds.h"
#include "supervisor/last_words.h"
#include "supervisor/links.h"
#include "supervisor/make_safe.h"
#include "supervisor/orphans.h"
#include "supervisor/outcome.h"
#include "supervisor/reload.h"
#include "supervisor/setup.h"
#include "supervisor/takeover.h"
#include "supervisor/upgrade.h"
#include "supervisor/upgrade_exec.h"

/* A timer that fires so late: we were stopped, or starved. */
#define STALL_NS (250 * NS_PER_MS)
#define SWEEP_AFTER_NS                                                                 \
	(20 * NS_PER_MS)      /* many workers that end together cost one sweep */
#define SWEEP_REST 20	      /* times as long as a sweep takes we do something else */
#define SWEEP_MAX_NS NS_PER_S /* but the next one is never later than this */
#define GUARDIAN_AGAIN_S 1
#define LAST_SWEEP_S 1 /* how long we wait for killed orphans before we exit */

static void
say(struct supervisor *supervisor, enum log_level level, const char *event,
    const char *key, const char *value)
{
	struct record record;

	record_init(&record, event);
	record_text(&record, key, value);
	event_log_emit(&supervisor->events, level, &record);
}

int
supervisor_cannot(struct supervisor *supervisor, const char *what, int error)
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

/* A sweep looks at every process of the machine. While a thousand workers are stopped
 * one by one there would be one every SWEEP_AFTER_NS, at a third of our time. */
static void
arm_sweep(struct supervisor *supervisor)
{
	int64_t after_ns = supervisor->sweep_ns * SWEEP_REST;
	struct timeval after;

	if (after_ns < SWEEP_AFTER_NS)
		after_ns = SWEEP_AFTER_NS;
	if (after_ns > SWEEP_MAX_NS)
		after_ns = SWEEP_MAX_NS;
	after.tv_sec = after_ns / NS_PER_S;
	after.tv_usec = after_ns % NS_PER_S / 1000;
	if (!evtimer_pending(supervisor->on_sweep, NULL))
		evtimer_add(supervisor->on_sweep, &after);
}

static void
count_up(struct node *node, void *data)
{
	*(unsigned *)data += child_is_alive((struct child *)node);
}

void
supervisor_tell(struct supervisor *supervisor, const char *what)
{
	unsigned up = 0;

	if (supervisor->notify.fd < 0)
		return;
	tree_each_worker(&supervisor->tree, count_up, &up);
	notify_send(&supervisor->notify, "%sSTATUS=%u workers up, %u restarts", what,
	    up, supervisor->restarts);
}

static void
on_sweep_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;
	int64_t begin_ns = clock_monotonic_ns();
	int killed;

	(void)fd, (void)what;
	killed = orphans_sweep(supervisor);
	supervisor->sweep_ns = clock_monotonic_ns() - begin_ns;
	supervisor_tell(supervisor, "");
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
	/* It is woken when both are over. */
	if (child->died && make_safe_died(child) && delay_ns == 0)
		delay_ns = 1;
	child->died = false;
	return delay_ns;
}

static void wait_for_group(
    struct supervisor *supervisor, struct group *group, int64_t delay_ns);

/* As a worker's own, a group's deadline that passed while nobody looked begins afresh,
 * once. */
static void
on_group_timer_cb(evutil_socket_t fd, short what, void *data)
{
	struct group *group = data;
	struct supervisor *supervisor = group->owner;
	int64_t patience_ns = group->patience_ns;

	(void)fd, (void)what;
	supervisor_look(supervisor, group->due_ns);
	if (supervisor->fresh_ns > group->due_ns && patience_ns > 0) {
		wait_for_group(supervisor, group, patience_ns);
		group->patience_ns = 0;
		return;
	}
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
	group->due_ns = clock_monotonic_ns() + delay_ns;
	group->patience_ns = delay_ns;
	if (!group->timer)
		group->timer = evtimer_new(supervisor->base, on_group_timer_cb, group);
	if (!group->timer) {
		supervisor_cannot(supervisor, "a group's timer", ENOMEM);
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

static void
op_decided(struct node *node, enum plan_how how, const struct plan *plan, void *data)
{
	outcome_decided(data, node, how, plan);
}

static void
op_answered(struct tree_request *request, const char *why, void *data)
{
	if (request->kind == PLAN_REQUEST_ADD && why)
		fragment_unused(data, request->config);
	client_answered(request, why);
}

static void
op_replaced(struct node *old, struct node *new, void *data)
{
	aftermath_forget(of(data)->aftermath, (struct child *)old);
	child_inherit((struct child *)new, (struct child *)old);
}

static void
op_reconfigured(struct node *node, const struct config_node *before, void *data)
{
	fragment_unused(data, before);
	if (!node_is_group(node))
		child_reconfigured((struct child *)node, before);
}

static void
op_committed(void *data)
{
	reload_committed(data);
}

static void
op_not_started(struct node *node, void *data)
{
	reload_not_started(data, node);
}

static void
op_reloaded(const char *why, void *data)
{
	reload_ended(data, why);
}

static void
report_escalation(struct supervisor *supervisor)
{
	struct record record;

	aftermath_try(supervisor->aftermath, supervisor->last_failed, 4, "limit");
	record_init(&record, "self_healing.service_restart");
	record_text(&record, "worker", supervisor->last_failed);
	record_int(&record, "level", 4);
	record_int(&record, "restarts", supervisor->restarts);
	record_int(&record, "exit", EXIT_ESCALATED);
	event_log_emit(&supervisor->events, LOG_LEVEL_ERROR, &record);
}

static void
finish(struct supervisor *supervisor)
{
	struct timeval patience = { .tv_sec = LAST_SWEEP_S };

	if (supervisor->exit_code == EXIT_ESCALATED)
		report_escalation(supervisor);
	supervisor->phase = SUPERVISOR_ENDED;
	event_base_loopexit(supervisor->base, &patience);
	supervisor_sweep_soon(supervisor);
}

static void
say_last_words(struct supervisor *supervisor)
{
	last_words_say(supervisor, finish);
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
		holds_escalated(supervisor);
	make_safe_finish(supervisor, end == TREE_ESCALATED,
	    end == TREE_ESCALATED ? say_last_words : finish);
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
	.replaced = op_replaced,
	.reconfigured = op_reconfigured,
	.committed = op_committed,
	.not_started = op_not_started,
	.reloaded = op_reloaded,
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

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Without a file there is nothing to reload; and SIGHUP has not lost its first meaning,
 * that the terminal from which we were started is gone. */
static void
on_hup_cb(evutil_socket_t signal_number, short what, void *data)
{
	struct supervisor *supervisor = data;

	if (config_is_of_command(supervisor->config) ||
	    (supervisor->has_terminal && !has_terminal()))
		on_stop_cb(signal_number, what, data);
	else
		reload_by_signal(supervisor);
}

static const int passed_signals[] = { SIGUSR1, SIGUSR2, SIGWINCH };

static void
pass_signal(struct node *node, void *data)
{
	struct child *child = (struct child *)node;

	if (child_is_alive(child))
		spawn_signal(child->process.pidfd, *(const int *)data);
}

/* To the command of `run -- COMMAND`. Several workers have no use for one signal, but
 * nor must it end us. */
static void
on_passed_cb(evutil_socket_t signal_number, short what, void *data)
{
	struct supervisor *supervisor = data;
	int number = (int)signal_number;

	(void)what;
	if (config_is_of_command(supervisor->config))
		tree_each_worker(&supervisor->tree, pass_signal, &number);
}

static int
watch_passed_signals(struct supervisor *supervisor)
{
	for (size_t i = 0; i < ARRAY_SIZE(passed_signals); i++) {
		struct event **event = &supervisor->on_passed[i];

		*event = evsignal_new(
		    supervisor->base, passed_signals[i], on_passed_cb, supervisor);
		if (!*event || event_add(*event, NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void
on_sigchld_cb(evutil_socket_t fd, short what, void *data)
{
	struct signalfd_siginfo info;

	(void)what;
	/* One is pending at most, however many have ended. */
	(void)!read(fd, &info, sizeof(info));
	supervisor_sweep_soon(data);
}

/* Not a handler: it would run once for each end. */
static int
watch_sigchld(struct supervisor *supervisor)
{
	sigset_t sigchld;

	/* Ignored, as we may have inherited it, our children would reap themselves. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&sigchld);
	sigaddset(&sigchld, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &sigchld, NULL) < 0)
		return -errno;
	supervisor->sigchld_fd = signalfd(-1, &sigchld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (supervisor->sigchld_fd < 0)
		return -errno;
	supervisor->on_sigchld = event_new(supervisor->base, supervisor->sigchld_fd,
	    EV_READ | EV_PERSIST, on_sigchld_cb, supervisor);
	if (!supervisor->on_sigchld)
		return -ENOMEM;
	event_add(supervisor->on_sigchld, NULL);
	return 0;
}

static void
on_watchdog_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;

	(void)fd, (void)what;
	notify_send(&supervisor->notify, "WATCHDOG=1");
}

static int watch_guardian(struct supervisor *supervisor);

static void on_guardian_cb(evutil_socket_t fd, short what, void *data);

/* The same event, as a timer. */
static void
try_guardian_again(struct supervisor *supervisor)
{
	const struct timeval after = { .tv_sec = GUARDIAN_AGAIN_S };

	supervisor->on_guardian =
	    evtimer_new(supervisor->base, on_guardian_cb, supervisor);
	if (supervisor->on_guardian)
		evtimer_add(supervisor->on_guardian, &after);
}

/* The first failure is told, and then the success. */
static void
on_guardian_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;
	bool again = what & EV_TIMEOUT;
	int r;

	(void)fd;
	event_free(supervisor->on_guardian);
	supervisor->on_guardian = NULL;
	r = guardian_start(&supervisor->guardian);
	if (r == 0)
		r = watch_guardian(supervisor);
	if (r == 0 || !again)
		say(supervisor, LOG_LEVEL_WARNING, "guardian.restart", "error",
		    r < 0 ? strerror(-r) : NULL);
	if (r < 0)
		try_guardian_again(supervisor);
}

static int
watch_guardian(struct supervisor *supervisor)
{
	int r;

	supervisor->on_guardian = event_new(supervisor->base,
	    supervisor->guardian.pidfd, EV_READ, on_guardian_cb, supervisor);
	if (!supervisor->on_guardian)
		return -ENOMEM;
	errno = ENOMEM;
	r = event_add(supervisor->on_guardian, NULL) < 0 ? -errno : 0;
	if (r == 0)
		return 0;
	event_free(supervisor->on_guardian);
	supervisor->on_guardian = NULL;
	return r;
}

/* Whoever adds an event says what came of it; libevent's own words would stand between
 * the events of our log. */
static void
on_libevent_message(int severity, const char *message)
{
	(void)severity, (void)message;
}

static int
open_loop(struct supervisor *supervisor)
{
	struct event_base *base = event_base_new();
	struct timeval period = { .tv_sec = supervisor->notify.watchdog_ns / NS_PER_S,
		.tv_usec = supervisor->notify.watchdog_ns % NS_PER_S / 1000 };
	int r;

	event_set_log_callback(on_libevent_message);
	supervisor->base = base;
	if (!base || event_base_priority_init(base, SUPERVISOR_PRIORITIES) < 0)
		return -ENOMEM;
	supervisor->on_term = evsignal_new(base, SIGTERM, on_stop_cb, supervisor);
	supervisor->on_int = evsignal_new(base, SIGINT, on_stop_cb, supervisor);
	supervisor->on_hup = evsignal_new(base, SIGHUP, on_hup_cb, supervisor);
	supervisor->on_quit = evsignal_new(base, SIGQUIT, on_stop_cb, supervisor);
	supervisor->on_sweep = evtimer_new(base, on_sweep_cb, supervisor);
	supervisor->on_watchdog =
	    event_new(base, -1, EV_PERSIST, on_watchdog_cb, supervisor);
	if (!supervisor->on_term || !supervisor->on_int || !supervisor->on_hup ||
	    !supervisor->on_quit || !supervisor->on_sweep || !supervisor->on_watchdog)
		return -ENOMEM;
	event_priority_set(supervisor->on_sweep, SUPERVISOR_PRIORITY_LATER);
	event_add(supervisor->on_term, NULL);
	event_add(supervisor->on_int, NULL);
	event_add(supervisor->on_hup, NULL);
	event_add(supervisor->on_quit, NULL);
	if (supervisor->notify.watchdog_ns > 0)
		event_add(supervisor->on_watchdog, &period);
	r = links_new(supervisor, &supervisor->links);
	if (r == 0)
		r = child_launch_init(supervisor);
	if (r == 0)
		r = watch_sigchld(supervisor);
	if (r == 0)
		r = watch_passed_signals(supervisor);
	spawn_altered_signals(&supervisor->altered);
	return r;
}

static void
close_loop(struct supervisor *supervisor)
{
	struct event *events[] = { supervisor->on_term, supervisor->on_int,
		supervisor->on_hup, supervisor->on_quit, supervisor->on_passed[0],
		supervisor->on_passed[1], supervisor->on_passed[2],
		supervisor->on_sigchld, supervisor->on_sweep, supervisor->on_watchdog,
		supervisor->on_guardian };

	/* From here on our end is decided; a stop that comes now must not change how.
	 */
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i])
			event_free(events[i]);
	child_launch_deinit(supervisor);
	supervisor->links = links_free(supervisor->links);
	closep(&supervisor->sigchld_fd);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(passed_signals); i++)
		(void)signal(passed_signals[i], SIG_IGN);
	if (supervisor->base)
		event_base_free(supervisor->base);
}

/* What a supervisor needs that knows its directories and has a guardian, or is going to
 * get one. Return: 0, an exit status. */
static int
set_up_loop(struct supervisor *supervisor)
{
	int r = notify_open(&supervisor->notify);

	if (r < 0)
		return supervisor_cannot(supervisor, "NOTIFY_SOCKET", -r);
	r = spawn_become_subreaper();
	if (r < 0)
		return supervisor_cannot(supervisor, "subreaper", -r);
	if (getrandom(&supervisor->random, sizeof(supervisor->random), GRND_NONBLOCK) <
		0 ||
	    supervisor->random == 0)
		supervisor->random = (uint32_t)clock_monotonic_ns() | 1;
	setup_descriptors(supervisor->config->root);
	r = setup_environ(supervisor);
	if (r == 0)
		r = open_loop(supervisor);
	if (r < 0)
		return supervisor_cannot(supervisor, "event loop", -r);
	return 0;
}

static int
set_up_tree(struct supervisor *supervisor)
{
	int r;

	supervisor->aftermath = aftermath_new(supervisor);
	if (!supervisor->aftermath)
		return supervisor_cannot(supervisor, "state", ENOMEM);
	r = tree_init(
	    &supervisor->tree, supervisor->config->root, &tree_ops, supervisor);
	return r < 0 ? supervisor_cannot(supervisor, "tree", -r) : 0;
}

static int
set_up(struct supervisor *supervisor)
{
	int r = setup_paths(supervisor);

	if (r == 0)
		r = setup_lock(supervisor);
	if (r != 0)
		return r;
	r = spawn_slots_open(&supervisor->slots);
	if (r < 0)
		return supervisor_cannot(supervisor, "/dev/null", -r);
	/* Before there is anybody who would have to move with us. */
	if (child_limits_want_cgroup(supervisor->config->root))
		child_limits_open_cgroup(supervisor);
	supervisor->guardian.cgroup_fd = supervisor->cgroup.fd;
	r = guardian_start(&supervisor->guardian);
	if (r < 0)
		return supervisor_cannot(supervisor, "guardian", -r);
	r = set_up_loop(supervisor);
	if (r == 0 && (r = watch_guardian(supervisor)) < 0)
		return supervisor_cannot(supervisor, "event loop", -r);
	if (r == 0)
		r = set_up_tree(supervisor);
	if (r != 0)
		return r;
	r = control_open(supervisor, &supervisor->control);
	if (r < 0)
		return supervisor_cannot(supervisor, "control socket", -r);
	return 0;
}

/* In the place of another supervisor. */

/* Without a loop, a lock or a look at anything that is not ours. */
static void __attribute__((noreturn))
try_takeover(struct supervisor *supervisor, struct takeover *takeover)
{
	int r = setup_paths(supervisor);

	supervisor->base = event_base_new();
	if (r != 0 || !supervisor->base)
		takeover_answer("it cannot be started here");
	r = tree_init(
	    &supervisor->tree, supervisor->config->root, &tree_ops, supervisor);
	if (r < 0)
		takeover_answer(strerror(-r));
	r = takeover_read(takeover, supervisor);
	takeover_answer(r < 0 ? takeover->attempt.why : NULL);
}

static void
adopt(struct node *node, void *data)
{
	int r = child_adopt((struct child *)node);

	if (r < 0)
		*(int *)data = r;
}

/* A group that waits does so for a time, as a worker does. */
static void
adopt_groups(struct supervisor *supervisor, struct group *group)
{
	int64_t left_ns = group->due_ns - clock_monotonic_ns();
	struct node *node;

	if (group->node.state == NODE_WAITING && group->node.wake_as != MAIL_NONE)
		wait_for_group(supervisor, group, left_ns > 0 ? left_ns : 0);
	TAILQ_FOREACH(node, &group->children, sibling)
		if (node_is_group(node))
			adopt_groups(supervisor, node_group(node));
}

static int
adopt_all(struct supervisor *supervisor)
{
	int r = 0;

	supervisor->guardian.cgroup_fd = supervisor->cgroup.fd;
	/* Nobody looked while the programs changed. */
	supervisor->fresh_ns = clock_monotonic_ns();
	tree_each_worker(&supervisor->tree, adopt, &r);
	adopt_groups(supervisor, supervisor->tree.root);
	if (r == 0 && supervisor->guardian.pidfd >= 0)
		r = watch_guardian(supervisor);
	else if (r == 0)
		try_guardian_again(supervisor);
	return r;
}

static int
take_over(struct supervisor *supervisor, struct takeover *takeover)
{
	int r = setup_paths(supervisor);

	if (r == 0 && (r = spawn_slots_open(&supervisor->slots)) < 0)
		return supervisor_cannot(supervisor, "/dev/null", -r);
	if (r == 0)
		r = set_up_loop(supervisor);
	if (r == 0)
		r = set_up_tree(supervisor);
	if (r != 0)
		return r;
	if (takeover_read(takeover, supervisor) < 0) {
		say(supervisor, LOG_LEVEL_ERROR, "supervisor.failed", "error",
		    takeover->attempt.why);
		return EXIT_OSERR;
	}
	if (!takeover->is_back) {
		free(supervisor->program);
		supervisor->program = upgrade_program();
	}
	r = adopt_all(supervisor);
	if (r < 0)
		return supervisor_cannot(supervisor, "upgrade", -r);
	takeover_settle(takeover);
	upgrade_let_signals_in();
	return 0;
}

static void
tear_down(struct supervisor *supervisor)
{
	supervisor->upgrade = upgrade_free(supervisor->upgrade);
	supervisor->control = control_close(supervisor->control);
	supervisor->reload = reload_free(supervisor->reload);
	beside_free_all(supervisor);
	last_words_free(supervisor);
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
	free(supervisor->control_variable);
	free(supervisor->runtime_dir);
	free(supervisor->worker_program);
	free(supervisor->probe_program);
	free(supervisor->program);
	supervisor->config = config_free(supervisor->config);
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
	holds_begin(supervisor);
	tree_start(&supervisor->tree);
	/* Not up: a group is cleaning up after a start that failed, and we end with it.
	 */
	if (supervisor->tree.root->node.state == NODE_UP) {
		supervisor->phase = SUPERVISOR_RUNNING;
		record_init(&record, "supervisor.ready");
		record_int(&record, "up_ms",
		    (clock_monotonic_ns() - supervisor->started_ns) / NS_PER_MS);
		event_log_emit(&supervisor->events, LOG_LEVEL_NOTICE, &record);
		supervisor_tell(supervisor, "READY=1\n");
	}
	event_base_dispatch(supervisor->base);
}

static void
go_on(struct supervisor *supervisor, struct takeover *takeover)
{
	supervisor->phase = SUPERVISOR_RUNNING;
	if (takeover->is_back)
		upgrade_came_back(supervisor, takeover->why);
	else
		upgrade_done(supervisor, takeover->head.program_version);
	takeover_close(takeover);
	supervisor_tell(supervisor, "READY=1\n");
	/* Who ended meanwhile has no SIGCHLD for us. */
	supervisor_sweep_soon(supervisor);
	event_base_dispatch(supervisor->base);
}

int
supervisor_run(struct config *config, bool log_format_given, struct takeover *takeover)
{
	struct supervisor supervisor = { .config = config,
		.log_format_given = log_format_given,
		.has_terminal = has_terminal(),
		.lock_fd = -1,
		.sigchld_fd = -1,
		.notify = { .fd = -1 },
		.cgroup = { .fd = -1 },
		.program = upgrade_program(),
		.started_ns = clock_monotonic_ns() };
	int r;

	TAILQ_INIT(&supervisor.fragments);
	TAILQ_INIT(&supervisor.launching);
	spawn_slots_init(&supervisor.slots);
	LIST_INIT(&supervisor.besides);
	guardian_init(&supervisor.guardian);
	signal(SIGPIPE, SIG_IGN);
	if (takeover && takeover->is_trial)
		try_takeover(&supervisor, takeover);
	r = takeover ? take_over(&supervisor, takeover) : set_up(&supervisor);
	if (r != 0 && takeover) {
		takeover_give_back(takeover, takeover->attempt.why[0]
						 ? takeover->attempt.why
						 : "see supervisor.failed");
		takeover_close(takeover);
	}
	if (r == 0) {
		if (takeover)
			go_on(&supervisor, takeover);
		else
			run(&supervisor);
		r = supervisor.exit_code;
	}
	tear_down(&supervisor);
	return r;
}
