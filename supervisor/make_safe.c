/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the make-safe programs, with the facts of the death in their environment.
 * What they do to the orders is the worker's business (tradesup-worker --make-safe), or
 * the user's.
 */
#include "supervisor/make_safe.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/beside.h"
#include "supervisor/child.h"
#include "supervisor/context.h"

static const char *
when_name(enum make_safe_when when)
{
	switch (when) {
	case MAKE_SAFE_CRASH:
		return "crash";
	case MAKE_SAFE_HANG:
		return "hang";
	case MAKE_SAFE_ESCALATE:
		break;
	}
	return "escalate";
}

static void
report(struct child *child, const struct exit_reason *reason, const char *error,
    const char *why)
{
	bool safe = reason && exit_is_normal(reason) && !why;
	struct record record;

	record_init(&record, "worker.make_safe");
	record_text(&record, "worker", child_name(child));
	record_text(&record, "outcome", safe ? "success" : "failed");
	record_text(&record, "error", error);
	if (reason && reason->signal)
		record_text(&record, "signal", sigabbrev_np(reason->signal));
	else if (reason)
		record_int(&record, "status", reason->status);
	record_text(&record, "why", why);
	event_log_emit(&child->supervisor->events,
	    safe ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, &record);
}

static void
is_over(struct child *child)
{
	struct supervisor *supervisor = child->supervisor;

	child->make_safe = NULL;
	if (--supervisor->n_making_safe == 0 && supervisor->on_safe)
		supervisor->on_safe(supervisor);
	else
		child_was_made_safe(child);
}

static void
on_ended(void *data, const struct exit_reason *reason, bool killed)
{
	struct child *child = data;

	report(child, reason, NULL, killed ? "deadline passed" : NULL);
	is_over(child);
}

/* The facts, as variables. */
struct facts {
	char when[32], cause[48], pid[32], end[32], cycle[48], phase[64], error[256];
	char *list[8];
};

static void
fill_facts(const struct child *child, enum make_safe_when when, struct facts *facts)
{
	char *all[] = { facts->when, facts->cause, facts->pid, facts->end, facts->cycle,
		facts->phase, facts->error, NULL };

	snprintf(
	    facts->when, sizeof(facts->when), "TRADESUP_MAKE_SAFE=%s", when_name(when));
	snprintf(facts->cause, sizeof(facts->cause), "TRADESUP_CAUSE=%s",
	    child_doom_kind(child->doom));
	snprintf(facts->pid, sizeof(facts->pid), "TRADESUP_PID=%d", child->process.pid);
	if (child->reason.signal)
		snprintf(facts->end, sizeof(facts->end), "TRADESUP_SIGNAL=%s",
		    sigabbrev_np(child->reason.signal));
	else
		snprintf(facts->end, sizeof(facts->end), "TRADESUP_STATUS=%d",
		    child->reason.status);
	snprintf(facts->cycle, sizeof(facts->cycle), "TRADESUP_CYCLE=%lld",
	    (long long)child->cycle);
	snprintf(facts->phase, sizeof(facts->phase), "TRADESUP_PHASE=%s", child->phase);
	snprintf(facts->error, sizeof(facts->error), "TRADESUP_ERROR=%.200s",
	    child->error ? child->error : "");
	memcpy(facts->list, all, sizeof(all));
}

/* Return: whether it runs now; else that has been reported. */
static bool
begin(struct child *child, enum make_safe_when when)
{
	const struct config_watch *watch = child_config(child)->watch;
	struct supervisor *supervisor = child->supervisor;
	struct beside_program program = {
		.deadline_ns = MAKE_SAFE_TIMEOUT_NS, .ended = on_ended, .data = child
	};
	struct spawn_failure failure;
	struct facts facts;

	fill_facts(child, when, &facts);
	program.variables = facts.list;
	if (watch)
		program.deadline_ns = watch->make_safe_timeout_ns;
	if (watch && watch->make_safe)
		program.argv = watch->make_safe;
	child->make_safe = beside_start(child, &program, &failure);
	if (!child->make_safe) {
		report(child, NULL, strerror(failure.error), failure.step);
		return false;
	}
	supervisor->n_making_safe++;
	return true;
}

/* The built-in worker's orders are adopted by its next life, unless there is none. */
static unsigned
times_of(const struct child *child)
{
	const struct config_worker *config = child_config(child);
	unsigned when = config->watch ? config->watch->make_safe_when : 0;

	return config->trading && when == 0 ? MAKE_SAFE_ESCALATE : when;
}

bool
make_safe_died(struct child *child)
{
	enum make_safe_when when =
	    child->doom == DOOM_HANG ? MAKE_SAFE_HANG : MAKE_SAFE_CRASH;

	return times_of(child) & when && begin(child, when);
}

void
make_safe_cancel(struct child *child)
{
	if (!child->make_safe)
		return;
	report(child, NULL, NULL, "the worker was started before it had ended");
	beside_cancel(child->make_safe);
	is_over(child);
}

static void
begin_escalated(struct node *node, void *data)
{
	struct child *child = (struct child *)node;

	(void)data;
	if (child->lives > 0 && !child->make_safe &&
	    times_of(child) & MAKE_SAFE_ESCALATE)
		(void)begin(child, MAKE_SAFE_ESCALATE);
}

void
make_safe_finish(struct supervisor *supervisor, bool escalated,
    void (*done)(struct supervisor *supervisor))
{
	if (escalated)
		tree_each_worker(&supervisor->tree, begin_escalated, NULL);
	if (supervisor->n_making_safe > 0)
		supervisor->on_safe = done;
	else
		done(supervisor);
}
