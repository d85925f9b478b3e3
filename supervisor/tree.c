/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying out plans. A group is a small actor: it is idle, or on a walk along its list
 * (tree_walk.c), and takes the next thing from its mailbox only when it is idle again.
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
#include "supervisor/tree_reload.h"
#include "supervisor/tree_walk.h"

/* Dealing with the mailbox. */

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
		/* Those who wait for it go with it, also if the strategy has become
		 * another one meanwhile. */
		group_restart(tree, group, node,
		    plan->range > node->moves ? plan->range : node->moves);
		break;
	case PLAN_GIVE_UP:
		group_stop_all(tree, group, THEN_GAVE_UP);
		break;
	case PLAN_SHUTDOWN:
		group_stop_all(tree, group, THEN_SHUT_DOWN);
		break;
	}
}

/* A group makes progress when anybody in it does. */
static bool
reports_cycles(struct node *node)
{
	struct node *child;

	if (!node_is_group(node))
		return node->reports_cycles;
	TAILQ_FOREACH(child, &node_group(node)->children, sibling)
		if (reports_cycles(child))
			return true;
	return false;
}

void
tree_progress(struct node *node)
{
	for (;; node = &node->parent->node) {
		node->without_progress = 0;
		if (!node->parent)
			return;
	}
}

static void
deal_with_end(
    struct tree *tree, struct group *group, struct node *node, enum plan_how how)
{
	const struct config_group *settings = &group->node.config->group;
	struct plan_child child = { .restart = node->config->restart,
		.significant = node->config->significant,
		.reports_cycles = reports_cycles(node),
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

/* Who waits for a sibling's restart is down meanwhile, and an operator may do with it as
 * with any that is. */
static enum plan_child_is
child_is(const struct node *node)
{
	if (node->state == NODE_WAITING && node->wake_as != MAIL_NONE)
		return PLAN_IS_WAITING;
	return node->state == NODE_WAITING || node->state == NODE_DOWN ? PLAN_IS_DOWN
								       : PLAN_IS_UP;
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
		return tree->reload ? "a reload is going on"
				    : names_taken(tree, request->config);
	return plan_request(request->kind, child_is(request->mail.node));
}

static void
add(struct tree *tree, struct group *group, struct tree_request *request)
{
	struct node *node = node_new(tree, request->config, group);

	if (!node) {
		group_request_done(tree, group, "out of memory");
		return;
	}
	node->added = true;
	TAILQ_INSERT_TAIL(&group->children, node, sibling);
	group_start_by_request(tree, group, node);
}

static void
deal_with_request(struct tree *tree, struct group *group, struct tree_request *request)
{
	struct node *node = request->mail.node;
	const char *why = may_be_done(tree, request);

	group->request = request;
	if (why) {
		group_request_done(tree, group, why);
		return;
	}
	switch (request->kind) {
	case PLAN_REQUEST_STOP:
	case PLAN_REQUEST_RESTART:
		node->stopped = request->kind == PLAN_REQUEST_STOP;
		group_hand_over(tree, group, node);
		group_stop_range(tree, group, node, node, THEN_REQUEST);
		break;
	case PLAN_REQUEST_START:
		group_start_by_request(tree, group, node);
		break;
	case PLAN_REQUEST_REMOVE:
		group_request_done(tree, group, NULL);
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
		node->moves = PLAN_RANGE_ONE;
		deal_with_end(tree, group, node, node->ended_how);
		break;
	case MAIL_TRY_AGAIN:
		deal_with_end(tree, group, node, PLAN_START_FAILED);
		break;
	case MAIL_RESUME:
		group_resume(tree, group, node);
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
		group_stop_all(tree, group, THEN_STOPPED);
	else if (mail && !group->held)
		deal_with(tree, group, mail);
}

static void
run(struct tree *tree)
{
	static void (*const steps[])(struct tree * tree, struct group * group) = {
		[GROUP_IDLE] = look_for_work,
		[GROUP_STARTING] = group_walk_up,
		[GROUP_STOPPING] = group_walk_down,
	};
	struct group *group;

	do
		while ((group = TAILQ_FIRST(&tree->turns))) {
			TAILQ_REMOVE(&tree->turns, group, turn);
			group->has_turn = false;
			steps[group->busy](tree, group);
		}
	while (tree->reload && tree_reload_step(tree));
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
	tree->reload = tree_reload_free(tree, tree->reload);
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
	if (tree->reload)
		tree_reload_leave_off(tree, "the supervisor is being stopped");
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
		group_hurry(tree, node_group(node));
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

void
tree_reload(struct tree *tree, const struct config_node *root)
{
	tree_reload_begin(tree, root);
	run(tree);
}
