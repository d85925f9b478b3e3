/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of those whose start is under way or has just failed. The tree learns of a
 * failure from the loop, never while it is in the middle of a step of its own.
 */
#include "supervisor/child_launch.h"

#include <errno.h>

#include "supervisor/child.h"
#include "supervisor/context.h"
#include "supervisor/tree.h"

static void
forget(struct child *child)
{
	TAILQ_REMOVE(&child->supervisor->launching, child, launch);
}

/* Waits for its exec. It stays in the list only if that failed. */
static void
await(struct child *child)
{
	struct spawn_pending *pending = child->pending;
	struct spawn_failure failure;

	child->pending = NULL;
	if (spawn_settle(pending, &failure) == 0) {
		forget(child);
		child_launched(child);
		return;
	}
	child->start_failed = true;
	child_launch_failed(child, &failure);
}

static void
on_launched_cb(evutil_socket_t fd, short what, void *data)
{
	const struct timeval at_once = { 0, 0 };
	struct supervisor *supervisor = data;
	struct child *child, *next;

	(void)fd, (void)what;
	for (child = TAILQ_FIRST(&supervisor->launching); child; child = next) {
		next = TAILQ_NEXT(child, launch);
		if (child->pending)
			await(child);
	}
	/* A failure may lead to the next at once: others get their turn between. */
	if (!TAILQ_EMPTY(&supervisor->launching))
		evtimer_add(supervisor->on_launch_failed, &at_once);
}

/* Those that fail because of what the tree does here come in the next turn. */
static void
on_launch_failed_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;
	struct child *child;
	size_t n = 0;

	(void)fd, (void)what;
	TAILQ_FOREACH(child, &supervisor->launching, launch)
		n += child->start_failed;
	while (n-- > 0 && (child = TAILQ_FIRST(&supervisor->launching)) &&
	       child->start_failed) {
		child_launch_settle(child);
		tree_ended(&supervisor->tree, &child->node, PLAN_START_FAILED);
	}
}

int
child_launch_init(struct supervisor *supervisor)
{
	supervisor->on_launched =
	    event_new(supervisor->base, -1, 0, on_launched_cb, supervisor);
	supervisor->on_launch_failed =
	    evtimer_new(supervisor->base, on_launch_failed_cb, supervisor);
	return supervisor->on_launched && supervisor->on_launch_failed ? 0 : -ENOMEM;
}

void
child_launch_deinit(struct supervisor *supervisor)
{
	if (supervisor->on_launched)
		event_free(supervisor->on_launched);
	if (supervisor->on_launch_failed)
		event_free(supervisor->on_launch_failed);
}

static void
make_room(struct supervisor *supervisor)
{
	struct child *child, *oldest = NULL;
	size_t n = 0;

	TAILQ_FOREACH(child, &supervisor->launching, launch) {
		if (child->pending && n++ == 0)
			oldest = child;
	}
	if (n == SPAWN_AHEAD_MAX)
		await(oldest);
}

bool
child_launch_may_run_ahead(struct child *child)
{
	const struct group *group = child->node.parent;

	if (group->start != START_RESTART || group->range != PLAN_RANGE_ONE ||
	    child->watch)
		return false;
	make_room(child->supervisor);
	return true;
}

void
child_launch_add(struct child *child, struct spawn_pending *pending)
{
	struct supervisor *supervisor = child->supervisor;

	child->pending = pending;
	TAILQ_INSERT_TAIL(&supervisor->launching, child, launch);
	event_active(supervisor->on_launched, EV_TIMEOUT, 0);
}

bool
child_launch_settle(struct child *child)
{
	if (child->pending)
		await(child);
	if (!child->start_failed)
		return true;
	child->start_failed = false;
	forget(child);
	return false;
}
