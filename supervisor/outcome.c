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

/* What can come again in the same words: figures of this one time are left out. */
static void
cause_of(const struct child *child, const struct decision *decision,
    char out[HISTORY_SUBJECT_MAX])
{
	if (child->doom == DOOM_CYCLES && child->error)
		snprintf(out, HISTORY_SUBJECT_MAX, "%s", child->error);
	else if (child->doom == DOOM_MEMORY || child->doom == DOOM_OOM)
		snprintf(out, HISTORY_SUBJECT_MAX, "memory limit");
	else if (decision->cause[0])
		snprintf(out, HISTORY_SUBJECT_MAX, "%s", decision->cause);
	else if (decision->reason.signal)
		snprintf(out, HISTORY_SUBJECT_MAX, "killed by SIG%s",
		    sigabbrev_np(decision->reason.signal));
	else
		snprintf(out, HISTORY_SUBJECT_MAX, "exited with status %d",
		    decision->reason.status);
}

/* Level 3. */
static void
count_restart(struct supervisor *supervisor, const struct child *child,
    enum plan_how how, const struct decision *decision)
{
	char happened[DECISION_TEXT_MAX], example[2 * DECISION_TEXT_MAX],
	    cause[HISTORY_SUBJECT_MAX];
	struct history_step step = { .worker = child_name(child),
		.level = 3,
		.kind = failure_kind(child, how),
		.subject = cause,
		.example = example,
		.interval_ns = child->interval_ns };

	cause_of(child, decision, cause);
	decision_happened(decision, happened);
	snprintf(example, sizeof(example), "%s%s%.200s", happened,
	    child->error ? "; last error: " : "", child->error ? child->error : "");
	aftermath_try(supervisor->aftermath, &step);
}

static void
report_restart(struct supervisor *supervisor, struct child *child, enum plan_how how,
    const struct decision *decision)
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
	count_restart(supervisor, child, how, decision);
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

static struct decision
decision_about(struct child *child, enum plan_how how, const struct plan *plan)
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
	return decision;
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
	struct decision decision;

	if (how != PLAN_START_FAILED)
		child_log_end(child, actions[plan->verdict], plan->rule);
	decision = decision_about(child, how, plan);
	/* For `tradesup why`; out of memory, it is only forgotten. */
	decisions_add(&child->decisions, &decision);
	if (how == PLAN_ABNORMAL)
		aftermath_crash(supervisor->aftermath, child, actions[plan->verdict]);
	if (plan->verdict == PLAN_RESTART)
		report_restart(supervisor, child, how, &decision);
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
