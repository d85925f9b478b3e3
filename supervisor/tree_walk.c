/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a group starts and stops its children: the two walks along its list, forwards and
 * backwards, strictly one child after the other, and what comes when one is complete.
 * A walk stands still where a process or a group has to end first, and goes on in the
 * group's next turn. Why anything is started or stopped is tree.c's business.
 */
#include "supervisor/tree_walk.h"

#include "supervisor/tree_list.h"

void
node_wait_as(
    struct tree *tree, struct node *node, enum mail_kind kind, int64_t delay_ns)
{
	node_set(node, NODE_WAITING);
	node->wake_as = kind;
	tree->ops->wait(node, delay_ns, tree->data);
}

static void
group_is_idle(struct tree *tree, struct group *group)
{
	group->busy = GROUP_IDLE;
	group->cursor = group->until = NULL;
	group_take_turn(tree, group);
}

void
group_request_done(struct tree *tree, struct group *group, const char *why)
{
	struct tree_request *request = group->request;

	group->request = NULL;
	if (request)
		tree->ops->answered(request, why, tree->data);
}

/* The end of a group. */

static void
group_ended(struct tree *tree, struct group *group, enum group_then how)
{
	static const enum tree_end ends[] = {
		[THEN_GAVE_UP] = TREE_ESCALATED,
		[THEN_SHUT_DOWN] = TREE_SHUT_DOWN,
		[THEN_STOPPED] = TREE_STOPPED,
		[THEN_START_FAILED] = TREE_START_FAILED,
	};
	struct group *parent = group->node.parent;
	bool was_asked = group->node.state == NODE_STOPPING;

	group_drop_requests(tree, group, NULL, "its group has ended");
	tree->ops->wait(&group->node, -1, tree->data);
	group_is_idle(tree, group);
	group->stop_asked = group->hurry = false;
	if (parent && how != THEN_START_FAILED && !was_asked) {
		/* OTP: both end with reason `shutdown`, which is an orderly end. */
		node_set(&group->node, NODE_ENDED);
		group->node.ended_how = PLAN_NORMAL;
		mail_send(tree, parent, &group->node.mail, MAIL_ENDED, &group->node);
		return;
	}
	node_set(&group->node, NODE_DOWN);
	if (!parent) {
		tree->ops->ended(ends[how], tree->data);
		return;
	}
	parent->cursor_failed = how == THEN_START_FAILED;
	group_take_turn(tree, parent);
}

/* Stopping: backwards through the list. */

void
group_stop_range(struct tree *tree, struct group *group, struct node *from,
    struct node *until, enum group_then then)
{
	group->busy = GROUP_STOPPING;
	group->cursor = from;
	group->until = until;
	group->then = then;
	group_take_turn(tree, group);
}

void
group_stop_all(struct tree *tree, struct group *group, enum group_then then)
{
	group_stop_range(tree, group, TAILQ_LAST(&group->children, node_list),
	    TAILQ_FIRST(&group->children), then);
}

/* Those below that are not being stopped yet learn of it when their turn comes. */
void
group_hurry(struct tree *tree, struct group *group)
{
	struct node *child;

	group->hurry = true;
	TAILQ_FOREACH(child, &group->children, sibling) {
		if (node_is_group(child)) {
			if (child->state == NODE_STOPPING ||
			    child->state == NODE_STARTING)
				group_hurry(tree, node_group(child));
		} else if (child->state == NODE_STOPPING) {
			tree->ops->stop(child, true, tree->data);
		}
	}
}

/* What the group is doing is not completed, but the walk it is on has to end. */
void
group_stop(struct tree *tree, struct group *group)
{
	group->stop_asked = true;
	node_set(&group->node, NODE_STOPPING);
	group_take_turn(tree, group);
}

/* A node that is down now: on with the walk. */
static void
gone(struct tree *tree, struct group *group, struct node *node)
{
	bool keeps_place =
	    group->then == THEN_REQUEST && group->request->kind == PLAN_REQUEST_RESTART;

	group->cursor =
	    node == group->until ? NULL : TAILQ_PREV(node, node_list, sibling);
	node_set(node, NODE_DOWN);
	node->moves = PLAN_RANGE_ONE;
	if (plan_stop_strikes_off(node->config->restart) && !keeps_place)
		node_strike_off(tree, node);
}

static void
stop_group_node(struct tree *tree, struct group *parent, struct group *group)
{
	int64_t shutdown_ns = group->node.config->shutdown_ns;

	if (parent->hurry || shutdown_ns == SHUTDOWN_KILL)
		group_hurry(tree, group);
	else if (shutdown_ns != SHUTDOWN_INFINITY)
		tree->ops->wait(&group->node, shutdown_ns, tree->data);
	group_stop(tree, group);
}

/* Return: true, it is down; false, the walk has to wait for its end. */
static bool
stop_one(struct tree *tree, struct group *group, struct node *node)
{
	switch (node->state) {
	case NODE_DOWN:
		break;
	case NODE_ENDED:
		mail_take(group, &node->mail);
		tree->ops->decided(
		    node, node->ended_how, &plan_swept_along, tree->data);
		break;
	case NODE_WAITING:
		mail_take(group, &node->mail);
		tree->ops->wait(node, -1, tree->data);
		break;
	case NODE_STARTING:
	case NODE_UP:
		if (node_is_group(node)) {
			stop_group_node(tree, group, node_group(node));
			return false;
		}
		if (!tree->ops->stop(node, group->hurry, tree->data))
			break;
		node_set(node, NODE_STOPPING);
		return false;
	case NODE_STOPPING:
		return false;
	}
	return true;
}

static void stopped_range(struct tree *tree, struct group *group);

void
group_walk_down(struct tree *tree, struct group *group)
{
	while (group->cursor) {
		if (!stop_one(tree, group, group->cursor))
			return;
		gone(tree, group, group->cursor);
	}
	stopped_range(tree, group);
}

/* Starting: forwards through the list. Who is to be started is marked first, as waiting
 * for its turn. */

static struct node *
first_to_start(struct group *group)
{
	return group->range == PLAN_RANGE_ALL ? TAILQ_FIRST(&group->children)
					      : group->failed;
}

static void
mark_range(struct group *group)
{
	struct node *node = first_to_start(group);

	for (; node; node = TAILQ_NEXT(node, sibling)) {
		if (node->state == NODE_DOWN) {
			node_set(node, NODE_WAITING);
			node->wake_as = MAIL_NONE;
		}
		if (group->range == PLAN_RANGE_ONE)
			break;
	}
}

static void
unmark_after(struct node *node)
{
	while ((node = TAILQ_NEXT(node, sibling)))
		if (node->state == NODE_WAITING)
			node_set(node, NODE_DOWN);
}

static void
begin_start(struct tree *tree, struct group *group, enum group_start why)
{
	group->busy = GROUP_STARTING;
	group->start = why;
	group->cursor = first_to_start(group);
	group->until = group->range == PLAN_RANGE_ONE ? group->failed : NULL;
	group_take_turn(tree, group);
}

static void
start_alone(
    struct tree *tree, struct group *group, struct node *node, enum group_start why)
{
	group->failed = node;
	group->range = PLAN_RANGE_ONE;
	mark_range(group);
	begin_start(tree, group, why);
}

void
group_start_by_request(struct tree *tree, struct group *group, struct node *node)
{
	start_alone(tree, group, node, START_REQUEST);
}

void
group_start_by_reload(struct tree *tree, struct group *group, struct node *node)
{
	start_alone(tree, group, node, START_RELOAD);
}

void
group_start(struct tree *tree, struct group *group)
{
	node_set(&group->node, NODE_STARTING);
	intensity_reset(&group->window);
	if (group_restore(tree, group) < 0) {
		group_stop_all(tree, group, THEN_START_FAILED);
		return;
	}
	group->range = PLAN_RANGE_ALL;
	mark_range(group);
	begin_start(tree, group, START_FIRST);
}

/* Those added are only there once they have been started, as are temporary ones. */
static void
request_failed(struct tree *tree, struct group *group, struct node *node)
{
	bool strike_off = group->request->kind == PLAN_REQUEST_ADD ||
			  plan_stop_strikes_off(node->config->restart);

	group_request_done(tree, group, "it could not be started");
	if (strike_off)
		node_strike_off(tree, node);
}

static void
start_failed(struct tree *tree, struct group *group, struct node *node)
{
	node_set(node, NODE_DOWN);
	switch (group->start) {
	case START_FIRST:
		unmark_after(node);
		group_stop_range(tree, group, TAILQ_PREV(node, node_list, sibling),
		    TAILQ_FIRST(&group->children), THEN_START_FAILED);
		return;
	case START_RESTART:
		/* At once, but after what has happened meanwhile: OTP posts it to
		 * itself. Those to be started after it wait with it. */
		if (node->moves < group->range)
			node->moves = group->range;
		node_wait_as(tree, node, MAIL_TRY_AGAIN, 0);
		break;
	case START_RELOAD:
		break;
	case START_REQUEST:
		request_failed(tree, group, node);
		break;
	}
	group_is_idle(tree, group);
}

static void
started_range(struct tree *tree, struct group *group)
{
	if (group->start == START_REQUEST)
		group_request_done(tree, group, NULL);
	if (group->start == START_FIRST) {
		node_set(&group->node, NODE_UP);
		if (group->node.parent)
			group_take_turn(tree, group->node.parent);
	}
	group_is_idle(tree, group);
}

enum started { STARTED, STARTED_NOT_YET, STARTED_FAILED };

static enum started
start_one(struct tree *tree, struct group *group, struct node *node)
{
	if (group->cursor_failed) {
		group->cursor_failed = false;
		return STARTED_FAILED;
	}
	if (node->state == NODE_STARTING)
		return STARTED_NOT_YET;
	if (node->state != NODE_WAITING || node->wake_as != MAIL_NONE)
		return STARTED;
	if (node_is_group(node)) {
		group_start(tree, node_group(node));
		return STARTED_NOT_YET;
	}
	if (!tree->ops->start(node, tree->data))
		return STARTED_FAILED;
	node_set(node, NODE_UP);
	return STARTED;
}

void
group_walk_up(struct tree *tree, struct group *group)
{
	while (group->cursor) {
		struct node *node = group->cursor;

		switch (start_one(tree, group, node)) {
		case STARTED:
			if (node->state == NODE_UP)
				node->moves = PLAN_RANGE_ONE;
			break;
		case STARTED_NOT_YET:
			return;
		case STARTED_FAILED:
			start_failed(tree, group, node);
			return;
		}
		group->cursor = node == group->until ? NULL : TAILQ_NEXT(node, sibling);
	}
	started_range(tree, group);
}

/* Between the two: all of the range is down. */

static void
restart_range(struct tree *tree, struct group *group)
{
	int64_t delay_ns = tree->ops->delay(group->failed, tree->data);

	mark_range(group);
	group->failed->moves = group->range;
	if (delay_ns > 0) {
		node_wait_as(tree, group->failed, MAIL_RESUME, delay_ns);
		group_is_idle(tree, group);
		return;
	}
	begin_start(tree, group, START_RESTART);
}

static void
stopped_for_request(struct tree *tree, struct group *group)
{
	struct tree_request *request = group->request;

	if (request->kind == PLAN_REQUEST_RESTART && !group->stop_asked) {
		group_start_by_request(tree, group, request->mail.node);
		return;
	}
	group_request_done(tree, group,
	    request->kind == PLAN_REQUEST_RESTART ? "its group is being stopped"
						  : NULL);
	group_is_idle(tree, group);
}

static void
stopped_range(struct tree *tree, struct group *group)
{
	switch (group->then) {
	case THEN_RESTART:
		if (group->stop_asked)
			group_is_idle(tree, group);
		else
			restart_range(tree, group);
		break;
	case THEN_REQUEST:
		stopped_for_request(tree, group);
		break;
	case THEN_RELOAD:
		group_is_idle(tree, group);
		break;
	case THEN_GAVE_UP:
	case THEN_SHUT_DOWN:
	case THEN_STOPPED:
	case THEN_START_FAILED:
		group_ended(tree, group, group->then);
		break;
	}
}

void
group_restart(
    struct tree *tree, struct group *group, struct node *node, enum plan_range range)
{
	node->without_progress++;
	group->failed = node;
	group->range = range;
	if (range == PLAN_RANGE_ONE)
		group_stop_range(tree, group, NULL, NULL, THEN_RESTART);
	else
		group_stop_range(tree, group, TAILQ_LAST(&group->children, node_list),
		    first_to_start(group), THEN_RESTART);
}

/* The delay is over; with one_for_one nobody else waits for it. */
void
group_resume(struct tree *tree, struct group *group, struct node *node)
{
	node->wake_as = MAIL_NONE;
	group->failed = node;
	group->range = node->moves;
	begin_start(tree, group, START_RESTART);
}

void
group_hand_over(struct tree *tree, struct group *group, struct node *node)
{
	struct node *other;

	if (node->state != NODE_WAITING || node->wake_as == MAIL_NONE ||
	    node->moves == PLAN_RANGE_ONE)
		return;
	TAILQ_FOREACH(other, &group->children, sibling)
		if (other->state == NODE_WAITING && other->wake_as == MAIL_NONE) {
			other->moves = node->moves;
			node_wait_as(tree, other, MAIL_RESUME, 0);
			return;
		}
}
