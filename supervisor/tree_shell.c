/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world below the tree (struct tree_ops): processes, clocks, timers and the log, as
 * tree.c asks for them, and the end of the supervisor when the root has ended.
 */
#include "supervisor/tree_shell.h"

#include <errno.h>

#include "common/clock.h"
#include "common/error.h"
#include "supervisor/aftermath.h"
#include "supervisor/child.h"
#include "supervisor/client.h"
#include "supervisor/context.h"
#include "supervisor/fragment.h"
#include "supervisor/holds.h"
#include "supervisor/last_words.h"
#include "supervisor/make_safe.h"
#include "supervisor/outcome.h"
#include "supervisor/reload.h"

#define LAST_SWEEP_S 1 /* how long we wait for killed orphans before we exit */

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

static void
arm(struct group *group, int64_t delay_ns)
{
	struct timeval after = clock_timeval(delay_ns);

	evtimer_add(group->timer, &after);
}

/*
 * As a worker's own, a group's deadline that passed while nobody looked begins afresh,
 * once. libevent counts from the beginning of its turn: if we stood still in the turn,
 * it is early.
 */
static void
on_group_timer_cb(evutil_socket_t fd, short what, void *data)
{
	struct group *group = data;
	struct supervisor *supervisor = group->owner;
	int64_t patience_ns = group->patience_ns;
	int64_t now_ns = supervisor_look(supervisor, group->due_ns);

	(void)fd, (void)what;
	if (now_ns < group->due_ns) {
		arm(group, group->due_ns - now_ns);
		return;
	}
	if (supervisor->fresh_ns > group->due_ns && patience_ns > 0) {
		tree_shell_wait(supervisor, group, patience_ns);
		group->patience_ns = 0;
		return;
	}
	tree_wake(&supervisor->tree, &group->node);
}

void
tree_shell_wait(struct supervisor *supervisor, struct group *group, int64_t delay_ns)
{
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
	arm(group, delay_ns);
}

static void
op_wait(struct node *node, int64_t delay_ns, void *data)
{
	if (node_is_group(node))
		tree_shell_wait(of(data), node_group(node), delay_ns);
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
	const struct node *node = tree_find(&supervisor->tree, supervisor->last_failed);
	struct history_step step = { .worker = supervisor->last_failed,
		.level = 4,
		.kind = "limit",
		.subject = "restarts did not help" };
	struct record record;

	if (node && !node_is_group(node))
		step.interval_ns = ((const struct child *)node)->interval_ns;
	aftermath_try(supervisor->aftermath, &step);
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

const struct tree_ops tree_shell = {
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
