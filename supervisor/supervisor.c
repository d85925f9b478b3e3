/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor as a whole: it sets up what is shared, or takes it over from another
 * supervisor, runs, and ends. What to do is decided in plan.c, how in tree.c and
 * child.c; loop.c takes the signals, and tree_shell.c connects the tree to the world.
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "supervisor/aftermath.h"
#include "supervisor/child.h"
#include "supervisor/child_launch.h"
#include "supervisor/child_limits.h"
#include "supervisor/context.h"
#include "supervisor/control.h"
#include "supervisor/fragment.h"
#include "supervisor/holds.h"
#include "supervisor/last_words.h"
#include "supervisor/loop.h"
#include "supervisor/reload.h"
#include "supervisor/setup.h"
#include "supervisor/takeover.h"
#include "supervisor/tree_shell.h"
#include "supervisor/upgrade.h"
#include "supervisor/upgrade_exec.h"

/* A timer that fires so late: we were stopped, or starved. */
#define STALL_NS (250 * NS_PER_MS)

void
supervisor_say(struct supervisor *supervisor, enum log_level level, const char *event,
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
		r = loop_open(supervisor);
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
	    &supervisor->tree, supervisor->config->root, &tree_shell, supervisor);
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
	if (r == 0 && (r = loop_watch_guardian(supervisor)) < 0)
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
	    &supervisor->tree, supervisor->config->root, &tree_shell, supervisor);
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
		tree_shell_wait(supervisor, group, left_ns > 0 ? left_ns : 0);
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
		r = loop_watch_guardian(supervisor);
	else if (r == 0)
		loop_try_guardian_again(supervisor);
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
		supervisor_say(supervisor, LOG_LEVEL_ERROR, "supervisor.failed",
		    "error", takeover->attempt.why);
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
	loop_close(supervisor);
	notify_close(&supervisor->notify);
	guardian_dismiss(&supervisor->guardian);
	spawn_slots_close(&supervisor->slots);
	cgroup_close(&supervisor->cgroup);
	event_log_deinit(&supervisor->events);
	closep(&supervisor->lock_fd);
	free(supervisor->environ);
	free(supervisor->environ_shown);
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
		.has_terminal = loop_has_terminal(),
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
