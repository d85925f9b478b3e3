/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying out plans. A group is a small actor: it is idle, or walks its list forwards
 * (starting) or backwards (stopping), and takes the next thing from its mailbox only
 * when it is idle again. A walk stands still where a process or a group has to end
 * first, and goes on in the group's next turn.
 *
 * Turns: whatever may let a group go on (mail, an end, a child group that is done)
 * gives it a turn, and what the owner calls returns when nobody has one. So no group
 * acts in the middle of another's step, none is freed under its own feet, and a
 * thousand ends at once are a loop, not a recursion. A turn with nothing to do is
 * harmless.
 *
 * What has to be done is decided in plan.c, how a process is started or stopped in
 * child.c; the lists are kept in tree_list.c.
 */
#include "supervisor/tree.h"

#include <errno.h>

#include "supervisor/tree_list.h"

static void
wait_as(struct tree *tree, struct node *node, enum mail_kind kind, int64_t delay_ns)
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

static void
request_done(struct tree *tree, struct group *group, const char *why)
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

static void
stop_range(struct tree *tree, struct group *group, struct node *from,
    struct node *until, enum group_then then)
{
	group->busy = GROUP_STOPPING;
	group->cursor = from;
	group->until = until;
	group->then = then;
	group_take_turn(tree, group);
}

static void
stop_all(struct tree *tree, struct group *group, enum group_then then)
{
	stop_range(tree, group, TAILQ_LAST(&group->children, node_list),
	    TAILQ_FIRST(&group->children), then);
}

/* Those below that are not being stopped yet learn of it when their turn comes. */
static void
hurry(struct tree *tree, struct group *group)
{
	struct node *child;

	group->hurry = true;
	TAILQ_FOREACH(child, &group->children, sibling) {
		if (node_is_group(child)) {
			if (child->state == NODE_STOPPING ||
			    child->state == NODE_STARTING)
				hurry(tree, node_group(child));
		} else if (child->state == NODE_STOPPING) {
			tree->ops->stop(child, true, tree->data);
		}
	}
}

/* What the group is doing is not completed, but the walk it is on has to end. */
static void
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
	if (plan_stop_strikes_off(node->config->restart) && !keeps_place)
		node_strike_off(tree, node);
}

static void
stop_group_node(struct tree *tree, struct group *parent, struct group *group)
{
	int64_t shutdown_ns = group->node.config->shutdown_ns;

	if (parent->hurry || shutdown_ns == SHUTDOWN_KILL)
		hurry(tree, group);
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

static void
walk_down(struct tree *tree, struct group *group)
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
start_by_request(struct tree *tree, struct group *group, struct node *node)
{
	group->failed = node;
	group->range = PLAN_RANGE_ONE;
	mark_range(group);
	begin_start(tree, group, START_REQUEST);
}

static void
group_start(struct tree *tree, struct group *group)
{
	node_set(&group->node, NODE_STARTING);
	intensity_reset(&group->window);
	if (group_restore(tree, group) < 0) {
		stop_all(tree, group, THEN_START_FAILED);
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

	request_done(tree, group, "it could not be started");
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
		stop_range(tree, group, TAILQ_PREV(node, node_list, sibling),
		    TAILQ_FIRST(&group->children), THEN_START_FAILED);
		return;
	case START_RESTART:
		/* At once, but after what has happened meanwhile: OTP posts it to
		 * itself. Those to be started after it wait with it. */
		wait_as(tree, node, MAIL_TRY_AGAIN, 0);
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
		request_done(tree, group, NULL);
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

static void
walk_up(struct tree *tree, struct group *group)
{
	while (group->cursor) {
		struct node *node = group->cursor;

		switch (start_one(tree, group, node)) {
		case STARTED:
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
	if (delay_ns > 0) {
		wait_as(tree, group->failed, MAIL_RESUME, delay_ns);
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
		start_by_request(tree, group, request->mail.node);
		return;
	}
	request_done(tree, group,
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
	case THEN_GAVE_UP:
	case THEN_SHUT_DOWN:
	case THEN_STOPPED:
	case THEN_START_FAILED:
		group_ended(tree, group, group->then);
		break;
	}
}

/* Dealing with the mailbox. */

static void
restart(
    struct tree *tree, struct group *group, struct node *node, enum plan_range range)
{
	node->without_progress++;
	group->failed = node;
	group->range = range;
	if (range == PLAN_RANGE_ONE)
		stop_range(tree, group, NULL, NULL, THEN_RESTART);
	else
		stop_range(tree, group, TAILQ_LAST(&group->children, node_list),
		    first_to_start(group), THEN_RESTART);
}

static void
carry_out(
    struct tree *tree, struct group *group, struct node *node, const struct plan *plan)
{
	if (plan->strike_off || plan->verdict == PLAN_STRIKE_OFF)
		node_strike_off(tree, node);
	switch (plan->verdict) {
	case PLAN_LEAVE:
	case PLAN_STRIKE_OFF:
		break;
	case PLAN_RESTART:
		restart(tree, group, node, plan->range);
		break;
	case PLAN_GIVE_UP:
		stop_all(tree, group, THEN_GAVE_UP);
		break;
	case PLAN_SHUTDOWN:
		stop_all(tree, group, THEN_SHUT_DOWN);
		break;
	}
}

static void
deal_with_end(
    struct tree *tree, struct group *group, struct node *node, enum plan_how how)
{
	const struct config_group *settings = &group->node.config->group;
	struct plan_child child = { .restart = node->config->restart,
		.significant = node->config->significant,
		.reports_cycles = node->reports_cycles,
		.without_progress = node->without_progress };
	struct plan_group siblings = { .kind = settings->plan,
		.auto_shutdown = settings->auto_shutdown,
		.window = &group->window };
	struct plan plan;

	node_set(node, NODE_DOWN);
	siblings.others_significant_up = group->significant_up;
	/* Out of memory while recording: not to restart is the safe side of an unknown
	 * count. */
	if (plan_end(&child, &siblings, how, tree->ops->now(tree->data), &plan) < 0)
		plan = (struct plan){ .verdict = PLAN_GIVE_UP,
			.rule = "out of memory: the restart could not be counted" };
	tree->ops->decided(node, how, &plan, tree->data);
	carry_out(tree, group, node, &plan);
}

/* The delay is over; with one_for_one nobody else waits for it. */
static void
resume(struct tree *tree, struct group *group, struct node *node)
{
	node->wake_as = MAIL_NONE;
	group->failed = node;
	group->range = group->node.config->group.plan == PLAN_ONE_FOR_ONE
			   ? PLAN_RANGE_ONE
			   : PLAN_RANGE_ALL;
	begin_start(tree, group, START_RESTART);
}

/* An operator takes away the one for whose sake its siblings are down: they do not wait
 * any longer. */
static void
hand_over(struct tree *tree, struct group *group, struct node *node)
{
	struct node *other;

	if (node->state != NODE_WAITING || node->wake_as == MAIL_NONE ||
	    group->node.config->group.plan == PLAN_ONE_FOR_ONE)
		return;
	TAILQ_FOREACH(other, &group->children, sibling)
		if (other->state == NODE_WAITING && other->wake_as == MAIL_NONE) {
			wait_as(tree, other, MAIL_RESUME, 0);
			return;
		}
}

static enum plan_child_is
child_is(const struct node *node)
{
	if (node->state == NODE_DOWN)
		return PLAN_IS_DOWN;
	return node->state == NODE_WAITING ? PLAN_IS_WAITING : PLAN_IS_UP;
}

/* Return: NULL if the names are free; else why not. */
static const char *
names_taken(struct tree *tree, const struct config_node *config)
{
	const struct node *known = tree_find(tree, config->name);
	const char *why = NULL;

	if (known)
		return plan_request(PLAN_REQUEST_ADD, child_is(known));
	if (config->type == CONFIG_GROUP)
		for (size_t i = 0; !why && i < config->group.n_children; i++)
			why = names_taken(tree, config->group.children[i]);
	return why;
}

static const char *
may_be_done(struct tree *tree, const struct tree_request *request)
{
	if (request->kind == PLAN_REQUEST_ADD)
		return names_taken(tree, request->config);
	return plan_request(request->kind, child_is(request->mail.node));
}

static void
add(struct tree *tree, struct group *group, struct tree_request *request)
{
	struct node *node = node_new(tree, request->config, group);

	if (!node) {
		request_done(tree, group, "out of memory");
		return;
	}
	node->added = true;
	TAILQ_INSERT_TAIL(&group->children, node, sibling);
	start_by_request(tree, group, node);
}

static void
deal_with_request(struct tree *tree, struct group *group, struct tree_request *request)
{
	struct node *node = request->mail.node;
	const char *why = may_be_done(tree, request);

	group->request = request;
	if (why) {
		request_done(tree, group, why);
		return;
	}
	switch (request->kind) {
	case PLAN_REQUEST_STOP:
	case PLAN_REQUEST_RESTART:
		hand_over(tree, group, node);
		stop_range(tree, group, node, node, THEN_REQUEST);
		break;
	case PLAN_REQUEST_START:
		start_by_request(tree, group, node);
		break;
	case PLAN_REQUEST_REMOVE:
		request_done(tree, group, NULL);
		node_strike_off(tree, node);
		break;
	case PLAN_REQUEST_ADD:
		add(tree, group, request);
		break;
	}
}

static void
deal_with(struct tree *tree, struct group *group, struct mail *mail)
{
	struct node *node = mail->node;

	switch (mail_take(group, mail)) {
	case MAIL_NONE:
		break;
	case MAIL_ENDED:
		deal_with_end(tree, group, node, node->ended_how);
		break;
	case MAIL_TRY_AGAIN:
		deal_with_end(tree, group, node, PLAN_START_FAILED);
		break;
	case MAIL_RESUME:
		resume(tree, group, node);
		break;
	case MAIL_REQUEST:
		deal_with_request(tree, group, (struct tree_request *)mail);
		break;
	}
	group_take_turn(tree, group);
}

static void
look_for_work(struct tree *tree, struct group *group)
{
	struct mail *mail = TAILQ_FIRST(&group->mailbox);

	if (group->stop_asked)
		stop_all(tree, group, THEN_STOPPED);
	else if (mail)
		deal_with(tree, group, mail);
}

static void
run(struct tree *tree)
{
	static void (*const steps[])(struct tree * tree, struct group * group) = {
		[GROUP_IDLE] = look_for_work,
		[GROUP_STARTING] = walk_up,
		[GROUP_STOPPING] = walk_down,
	};
	struct group *group;

	while ((group = TAILQ_FIRST(&tree->turns))) {
		TAILQ_REMOVE(&tree->turns, group, turn);
		group->has_turn = false;
		steps[group->busy](tree, group);
	}
}

/* What the owner calls. */

int
tree_init(struct tree *tree, const struct config_node *root, const struct tree_ops *ops,
    void *data)
{
	*tree = (struct tree){ .ops = ops, .data = data };
	TAILQ_INIT(&tree->turns);
	tree->root = group_new(tree, root, NULL);
	return tree->root ? 0 : -ENOMEM;
}

void
tree_deinit(struct tree *tree)
{
	if (tree->root)
		group_free(tree, tree->root);
	tree->root = NULL;
}

void
tree_start(struct tree *tree)
{
	group_start(tree, tree->root);
	run(tree);
}

void
tree_stop(struct tree *tree)
{
	if (tree->root->node.state != NODE_UP &&
	    tree->root->node.state != NODE_STARTING)
		return;
	group_stop(tree, tree->root);
	run(tree);
}

void
tree_ended(struct tree *tree, struct node *worker, enum plan_how how)
{
	struct group *group = worker->parent;

	if (worker->state == NODE_STOPPING) {
		node_set(worker, NODE_DOWN);
		group_take_turn(tree, group);
	} else {
		node_set(worker, NODE_ENDED);
		worker->ended_how = how;
		mail_send(tree, group, &worker->mail, MAIL_ENDED, worker);
	}
	run(tree);
}

void
tree_wake(struct tree *tree, struct node *node)
{
	if (node->state == NODE_STOPPING && node_is_group(node))
		hurry(tree, node_group(node));
	if (node->state != NODE_WAITING || node->wake_as == MAIL_NONE ||
	    node->mail.kind != MAIL_NONE)
		return;
	mail_send(tree, node->parent, &node->mail, node->wake_as, node);
	run(tree);
}

/* A group that is not there has nobody to do anything for: OTP's noproc. */
static void
send_request(struct tree *tree, struct tree_request *request, struct group *group,
    struct node *node)
{
	enum node_state state = group->node.state;

	request->mail.node = node;
	if (state == NODE_DOWN || state == NODE_ENDED || state == NODE_WAITING) {
		tree->ops->answered(request, "its group is not running", tree->data);
		return;
	}
	mail_send(tree, group, &request->mail, MAIL_REQUEST, node);
	run(tree);
}

void
tree_ask(struct tree *tree, struct tree_request *request, struct node *node,
    enum plan_request kind)
{
	request->kind = kind;
	request->config = node->config;
	send_request(tree, request, node->parent, node);
}

void
tree_add(struct tree *tree, struct tree_request *request, struct group *group,
    const struct config_node *config)
{
	request->kind = PLAN_REQUEST_ADD;
	request->config = config;
	send_request(tree, request, group, NULL);
}
