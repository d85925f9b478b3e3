/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of supervision on one page.
 *
 * A child has ended. Child type first: does it have to come back? If not, it stays down
 * or is struck off, moves nobody, and counts nowhere; but if it was significant its
 * group's work may be done. If so, the restart is one entry in the group's window,
 * however many children it moves. Only when the window grants it does the strategy say
 * who moves: the one alone, it and those after it, or all.
 *
 * What is not decided but always so (tree_walk.c):
 *  - Children start in the order of the list and stop in reverse, one after the other,
 *    a group with all that is in it.
 *  - One thing at a time: what happens to a busy group is dealt with when it is done;
 *    the groups below it live on meanwhile.
 *  - A start that fails in a restart is one more end to be decided on, at once; in a
 *    group's first start it is the group's own failed start, in a request its answer.
 *  - A group that gave up or whose work is done has ended normally for its parent.
 *  - A group starts with the children of its description and an empty window.
 */
#include "supervisor/plan.h"

#include <stddef.h>

const struct plan plan_swept_along = { .verdict = PLAN_LEAVE,
	.rule = "it ended while its group was stopping it" };

static bool
comes_back(enum restart_kind restart, enum plan_how how)
{
	switch (restart) {
	case RESTART_PERMANENT:
		return true;
	case RESTART_TRANSIENT:
		return how != PLAN_NORMAL;
	case RESTART_TEMPORARY:
		return false;
	}
	return false;
}

/* A failed start of a temporary child cannot be tried again either; OTP strikes it off.
 */
bool
plan_stop_strikes_off(enum restart_kind restart)
{
	return restart == RESTART_TEMPORARY;
}

static bool
work_is_done(const struct plan_child *child, const struct plan_group *group)
{
	if (!child->significant)
		return false;
	switch (group->auto_shutdown) {
	case AUTO_SHUTDOWN_NEVER:
		return false;
	case AUTO_SHUTDOWN_ANY_SIGNIFICANT:
		return true;
	case AUTO_SHUTDOWN_ALL_SIGNIFICANT:
		return group->others_significant_up == 0;
	}
	return false;
}

static struct plan
stays_down(const struct plan_child *child, const struct plan_group *group)
{
	bool strike_off = plan_stop_strikes_off(child->restart);

	if (work_is_done(child, group))
		return (struct plan){ .verdict = PLAN_SHUTDOWN,
			.strike_off = strike_off,
			.rule = group->auto_shutdown == AUTO_SHUTDOWN_ANY_SIGNIFICANT
				    ? "a significant worker is done (any_significant)"
				    : "the last significant worker is done "
				      "(all_significant)" };
	if (strike_off)
		return (struct plan){ .verdict = PLAN_STRIKE_OFF,
			.rule = "temporary: never restarted" };
	return (struct plan){ .verdict = PLAN_LEAVE,
		.rule = "transient: done after a normal end" };
}

static bool
makes_no_progress(const struct plan_child *child, const struct intensity *window)
{
	return child->reports_cycles && child->without_progress >= window->limit;
}

static struct plan
restart(enum plan_kind kind, enum restart_kind type)
{
	static const enum plan_range ranges[] = {
		[PLAN_ONE_FOR_ONE] = PLAN_RANGE_ONE,
		[PLAN_REST_FOR_ONE] = PLAN_RANGE_FROM_IT,
		[PLAN_ONE_FOR_ALL] = PLAN_RANGE_ALL,
	};

	return (struct plan){ .verdict = PLAN_RESTART,
		.range = ranges[kind],
		.rule = type == RESTART_PERMANENT
			    ? "permanent: always restarted"
			    : "transient: restarted after a failure" };
}

int
plan_end(const struct plan_child *child, const struct plan_group *group,
    enum plan_how how, int64_t now_ns, struct plan *ret_plan)
{
	int r;

	if (!comes_back(child->restart, how)) {
		*ret_plan = stays_down(child, group);
		return 0;
	}
	if (makes_no_progress(child, group->window)) {
		*ret_plan = (struct plan){ .verdict = PLAN_GIVE_UP,
			.rule = "progress limit: no good cycle between restarts" };
		return 0;
	}
	r = intensity_add(group->window, now_ns);
	if (r < 0)
		return r;
	if (r == INTENSITY_E_PASSED)
		*ret_plan = (struct plan){ .verdict = PLAN_GIVE_UP,
			.rule = "restart limit: too many within the period" };
	else
		*ret_plan = restart(group->kind, child->restart);
	return 0;
}

const char *
plan_request(enum plan_request request, enum plan_child_is is)
{
	static const char name_taken[] = "there is one of this name already";
	static const char *const refused[][3] = {
		[PLAN_REQUEST_STOP] = { NULL, NULL, NULL },
		[PLAN_REQUEST_START] = { [PLAN_IS_UP] = "it is running already",
		    [PLAN_IS_WAITING] = "it is about to be restarted" },
		[PLAN_REQUEST_RESTART] = { NULL, NULL, NULL },
		[PLAN_REQUEST_REMOVE] = { [PLAN_IS_UP] = "it is running; stop it first",
		    [PLAN_IS_WAITING] = "it is about to be restarted; stop it first" },
		[PLAN_REQUEST_ADD] = { name_taken, name_taken, name_taken },
	};

	return refused[request][is];
}
