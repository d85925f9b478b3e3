/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said and written down about a decision of plan.c: events, the healing
 * statistics, the crash report, the memory for `tradesup why`. Nothing is decided here.
 */
#include "supervisor/outcome.h"

#include "common/clock.h"
#include "supervisor/aftermath.h"
#include "supervisor/child.h"
#include "supervisor/context.h"

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

void
outcome_decided(struct supervisor *supervisor, struct node *node, enum plan_how how,
    const struct plan *plan)
{
	if (!node_is_group(node))
		decided_about_worker(supervisor, (struct child *)node, how, plan);
	if (plan->verdict == PLAN_RESTART)
		supervisor->restarts++;
	if (plan->verdict == PLAN_GIVE_UP || plan->verdict == PLAN_SHUTDOWN)
		report_group_end(supervisor, node, plan);
}
