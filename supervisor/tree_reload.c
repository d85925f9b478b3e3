/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going over to another configuration, in five steps: hold the groups whose lists
 * change, and those around them, from the root down; make everything that is new; stop
 * what leaves, in reverse; let the whole tree refer to the new configuration, at once
 * and without anything that could fail; start what is new, in order.
 *
 * A group that is held finishes what it is doing and then takes nothing from its
 * mailbox, so while its parent is held as well it cannot be freed, nor its list become
 * another one. Groups that are not concerned live on, restarts and all; when the new
 * configuration is put in their place they may be in the middle of something, and do
 * not notice. What differs is found in tree_diff.c.
 */
#include "supervisor/tree_reload.h"

#include <errno.h>
#include <stdlib.h>

#include "supervisor/tree_diff.h"
#include "supervisor/tree_list.h"
#include "supervisor/tree_walk.h"

/** struct tree_reshape - the new list of one group */
struct tree_reshape {
	struct group *group; /* NULL: carried out */
	const struct config_node *config;
	struct node **described; /* as the group's; one with no node->next is new */
};

enum reload_step { RELOAD_HOLD, RELOAD_STOP, RELOAD_START };

struct pair {
	struct group *group;
	struct node *node;
};

struct pairs {
	struct pair *list;
	size_t n, next;
};

struct tree_reload {
	const struct config_node *root;
	struct tree_diff diff;
	enum reload_step step;
	bool has_waited; /* for a group to be idle: things have happened since the diff
			  */
	struct tree_reshape *reshapes;
	size_t n_reshapes;
	struct pairs stops;   /* in the tree's order, dealt with from the end */
	struct pairs starts;  /* in order */
	struct pair *current; /* is being stopped or started; NULL: none */
};

/* Holding. */

static struct group *
affected_group(struct node *node)
{
	return node_is_group(node) && node->next && !node->leaves &&
		       node_group(node)->is_affected
		   ? node_group(node)
		   : NULL;
}

/* Return: whether all that have to be are held and idle. */
static bool
hold(struct group *group)
{
	struct node *child;
	bool all = true;

	group->held = true;
	if (group->busy != GROUP_IDLE)
		return false;
	TAILQ_FOREACH(child, &group->children, sibling)
		if (affected_group(child))
			all &= hold(node_group(child));
	return all;
}

/* From the bottom up, so that whoever waits for a group finds it at work. */
static void
let_go(struct tree *tree, struct group *group)
{
	struct node *child;

	TAILQ_FOREACH(child, &group->children, sibling) {
		child->next = NULL;
		child->leaves = false;
		if (node_is_group(child))
			let_go(tree, node_group(child));
	}
	if (!group->held)
		return;
	group->held = false;
	group_take_turn(tree, group);
}

/* Making what is new. */

static void
count(struct group *group, struct tree_reload *reload)
{
	struct node *child;

	if (group->is_reshaped) {
		reload->n_reshapes++;
		reload->starts.n += group->node.next->group.n_children;
	}
	TAILQ_FOREACH(child, &group->children, sibling) {
		reload->stops.n += child->leaves;
		if (affected_group(child))
			count(node_group(child), reload);
	}
}

static bool
make_room(struct tree_reload *reload)
{
	reload->reshapes = calloc(reload->n_reshapes + 1, sizeof(*reload->reshapes));
	reload->stops.list = calloc(reload->stops.n + 1, sizeof(struct pair));
	reload->starts.list = calloc(reload->starts.n + 1, sizeof(struct pair));
	reload->n_reshapes = reload->stops.n = reload->starts.n = 0;
	return reload->reshapes && reload->stops.list && reload->starts.list;
}

/* The new list of one group. Return: false, out of memory. */
static bool
make_list(struct tree *tree, struct group *group, struct tree_reshape *reshape)
{
	const struct config_group *next = &group->node.next->group;
	struct node *child;

	*reshape = (struct tree_reshape){ .group = group, .config = group->node.next };
	group->reshape = reshape;
	reshape->described = calloc(next->n_children + 1, sizeof(struct node *));
	if (!reshape->described)
		return false;
	TAILQ_FOREACH(child, &group->children, sibling)
		if (child->next && !child->leaves)
			reshape->described[child->next_place] = child;
	for (size_t i = 0; i < next->n_children; i++) {
		const struct config_node *config = next->children[i];

		if (reshape->described[i] ||
		    tree_diff_stays_off(&tree->reload->diff, config))
			continue;
		reshape->described[i] = node_new(tree, config, group);
		if (!reshape->described[i])
			return false;
	}
	return true;
}

/* One that an operator has stopped is not started because it became another one. */
static void
note_stopped(const struct group *group)
{
	const struct node *child;

	TAILQ_FOREACH(child, &group->children, sibling)
		if (child->next && child->leaves && child->state == NODE_DOWN)
			group->reshape->described[child->next_place]->stopped =
			    child->stopped;
}

static bool
make_lists(struct tree *tree, struct group *group)
{
	struct tree_reload *reload = tree->reload;
	struct node *child;

	if (group->is_reshaped) {
		if (!make_list(tree, group, &reload->reshapes[reload->n_reshapes++]))
			return false;
		note_stopped(group);
	}
	TAILQ_FOREACH(child, &group->children, sibling) {
		if (child->leaves)
			reload->stops.list[reload->stops.n++] =
			    (struct pair){ group, child };
		else if (affected_group(child) && !make_lists(tree, node_group(child)))
			return false;
	}
	return true;
}

static bool
make_all(struct tree *tree)
{
	struct tree_reload *reload = tree->reload;

	count(tree->root, reload);
	if (!make_room(reload) || !make_lists(tree, tree->root))
		return false;
	reload->stops.next = reload->stops.n;
	return true;
}

/* The commitment: nothing in here can fail. */

static void
move_requests(struct group *group, struct node *from, struct node *to)
{
	struct mail *mail;

	if (group->n_requests == 0)
		return;
	TAILQ_FOREACH(mail, &group->mailbox, entry)
		if (mail->kind == MAIL_REQUEST && mail->node == from)
			mail->node = to;
}

static void
take_off_leaving(struct tree *tree, struct group *group)
{
	struct node *child, *next, *replacement;

	for (child = TAILQ_FIRST(&group->children); child; child = next) {
		next = TAILQ_NEXT(child, sibling);
		if (!child->leaves)
			continue;
		replacement =
		    child->next ? group->reshape->described[child->next_place] : NULL;
		if (replacement) {
			move_requests(group, child, replacement);
			if (!node_is_group(child))
				tree->ops->replaced(child, replacement, tree->data);
		}
		node_strike_off(tree, child);
	}
}

static void
note_new(struct tree_reload *reload, struct group *group, struct node *node)
{
	if (!node->next && !node->stopped)
		reload->starts.list[reload->starts.n++] = (struct pair){ group, node };
}

/* Those that the file does not know come last, as they were added. */
static void
put_in_order(struct group *group, const struct tree_reshape *reshape)
{
	const size_t n = reshape->config->group.n_children;
	struct node_list added = TAILQ_HEAD_INITIALIZER(added);
	struct node *child;

	while ((child = TAILQ_FIRST(&group->children))) {
		TAILQ_REMOVE(&group->children, child, sibling);
		if (!child->next)
			TAILQ_INSERT_TAIL(&added, child, sibling);
	}
	for (size_t i = 0; i < n; i++) {
		child = reshape->described[i];
		if (!child)
			continue;
		child->place = i;
		TAILQ_INSERT_TAIL(&group->children, child, sibling);
	}
	TAILQ_CONCAT(&group->children, &added, sibling);
}

static bool
waits_for_itself(const struct node *node)
{
	return node->state == NODE_WAITING && node->wake_as != MAIL_NONE;
}

/* Those who wait for a sibling's start need not any longer if it has left; or if they
 * stand before it now and it only takes those behind it along. */
static void
wake_waiting(struct tree *tree, struct group *group)
{
	struct node *child;
	bool covered = false;

	TAILQ_FOREACH(child, &group->children, sibling)
		covered |= waits_for_itself(child) && child->moves == PLAN_RANGE_ALL;
	TAILQ_FOREACH(child, &group->children, sibling) {
		if (waits_for_itself(child))
			covered |= child->moves == PLAN_RANGE_FROM_IT;
		else if (child->state == NODE_WAITING && !covered)
			node_wait_as(tree, child, MAIL_RESUME, 0);
	}
}

static void
reshape_group(struct tree *tree, struct group *group)
{
	struct tree_reshape *reshape = group->reshape;

	take_off_leaving(tree, group);
	put_in_order(group, reshape);
	wake_waiting(tree, group);
	free(group->described);
	group->described = reshape->described;
	reshape->described = NULL;
	reshape->group = NULL;
	group->reshape = NULL;
}

static void
reconfigure(struct tree *tree, struct node *node, const struct config_node *next)
{
	const struct config_node *before = node->config;

	node->config = next;
	if (before != next)
		tree->ops->reconfigured(node, before, tree->data);
}

static void
refer_requests(struct group *group)
{
	struct tree_request *request = group->request;
	struct mail *mail;

	if (request && request->kind != PLAN_REQUEST_ADD)
		request->config = request->mail.node->config;
	if (group->n_requests == 0)
		return;
	TAILQ_FOREACH(mail, &group->mailbox, entry) {
		request = (struct tree_request *)mail;
		if (mail->kind == MAIL_REQUEST && request->kind != PLAN_REQUEST_ADD)
			request->config = mail->node->config;
	}
}

static void
recount_significant(struct group *group)
{
	const struct node *child;

	group->significant_up = 0;
	TAILQ_FOREACH(child, &group->children, sibling)
		group->significant_up +=
		    child->config->significant && child->state != NODE_DOWN;
}

static void
commit_group(struct tree *tree, struct group *group, const struct config_node *config)
{
	const struct config_group *next = &config->group;
	const bool has_new = group->reshape != NULL;

	if (has_new)
		reshape_group(tree, group);
	reconfigure(tree, &group->node, config);
	for (size_t i = 0; i < next->n_children; i++) {
		struct node *child = group->described[i];

		if (!child)
			continue;
		if (has_new)
			note_new(tree->reload, group, child);
		child->added = false;
		child->next = NULL;
		if (node_is_group(child))
			commit_group(tree, node_group(child), next->children[i]);
		else
			reconfigure(tree, child, next->children[i]);
	}
	group->window.limit = next->intensity;
	group->window.period_ns = next->period_ns;
	recount_significant(group);
	refer_requests(group);
}

/* The steps. */

static int
compare(struct tree *tree)
{
	struct tree_reload *reload = tree->reload;

	tree_diff_deinit(&reload->diff);
	return tree_diff(tree, reload->root, NULL, NULL, &reload->diff);
}

/* Return: whether there is no group that still has to be held. */
static bool
is_held(struct node *node)
{
	struct group *group = node_group(node);
	bool held = group->held;
	struct node *child;

	TAILQ_FOREACH(child, &group->children, sibling)
		if (held && affected_group(child))
			held = is_held(child);
	return held;
}

static bool
step_hold(struct tree *tree)
{
	struct tree_reload *reload = tree->reload;

	if (tree->root->is_affected && !hold(tree->root)) {
		reload->has_waited = true;
		return false;
	}
	if (reload->has_waited) {
		reload->has_waited = false;
		if (compare(tree) < 0) {
			tree_reload_leave_off(tree, "out of memory");
			return true;
		}
		if (tree->root->is_affected && !is_held(&tree->root->node))
			return true;
	}
	if (!make_all(tree)) {
		tree_reload_leave_off(tree, "out of memory");
		return true;
	}
	reload->step = RELOAD_STOP;
	return true;
}

static void
commit(struct tree *tree)
{
	struct tree_reload *reload = tree->reload;

	commit_group(tree, tree->root, reload->root);
	reload->step = RELOAD_START;
	tree->ops->committed(tree->data);
}

static bool
step_stop(struct tree *tree)
{
	struct tree_reload *reload = tree->reload;
	struct pair *pair;

	if (reload->current && reload->current->group->busy != GROUP_IDLE)
		return false;
	if (reload->stops.next == 0) {
		reload->current = NULL;
		commit(tree);
		return true;
	}
	pair = &reload->stops.list[--reload->stops.next];
	reload->current = pair;
	if (pair->node->state == NODE_DOWN)
		return true;
	group_stop_range(tree, pair->group, pair->node, pair->node, THEN_RELOAD);
	return true;
}

static bool
step_start(struct tree *tree)
{
	struct tree_reload *reload = tree->reload;
	struct pair *pair = reload->current;

	if (pair && pair->group->busy != GROUP_IDLE)
		return false;
	if (pair && pair->node->state == NODE_DOWN)
		tree->ops->not_started(pair->node, tree->data);
	reload->current = NULL;
	if (reload->starts.next == reload->starts.n) {
		tree_reload_leave_off(tree, NULL);
		return true;
	}
	pair = &reload->starts.list[reload->starts.next++];
	if (pair->group->node.state != NODE_UP)
		return true;
	reload->current = pair;
	group_start_by_reload(tree, pair->group, pair->node);
	return true;
}

bool
tree_reload_step(struct tree *tree)
{
	static bool (*const steps[])(struct tree * tree) = {
		[RELOAD_HOLD] = step_hold,
		[RELOAD_STOP] = step_stop,
		[RELOAD_START] = step_start,
	};

	if (tree->root->node.state != NODE_UP) {
		tree_reload_leave_off(tree, "the supervisor is ending");
		return true;
	}
	return steps[tree->reload->step](tree);
}

void
tree_reload_begin(struct tree *tree, const struct config_node *root)
{
	struct tree_reload *reload = calloc(1, sizeof(*reload));

	tree->reload = reload;
	if (reload)
		reload->root = root;
	if (!reload || compare(tree) < 0)
		tree_reload_leave_off(tree, "out of memory");
}

void
tree_reload_leave_off(struct tree *tree, const char *why)
{
	tree->reload = tree_reload_free(tree, tree->reload);
	let_go(tree, tree->root);
	tree->ops->reloaded(why, tree->data);
}

/* A list that has not become a group's: what is new in it goes. */
static void
free_list(struct tree *tree, struct tree_reshape *reshape)
{
	if (!reshape->group)
		return;
	for (size_t i = 0; reshape->described && i < reshape->config->group.n_children;
	     i++)
		if (reshape->described[i] && !reshape->described[i]->next)
			node_free(tree, reshape->described[i]);
	free(reshape->described);
	reshape->group->reshape = NULL;
}

struct tree_reload *
tree_reload_free(struct tree *tree, struct tree_reload *reload)
{
	if (!reload)
		return NULL;
	for (size_t i = 0; reload->reshapes && i < reload->n_reshapes; i++)
		free_list(tree, &reload->reshapes[i]);
	tree_diff_deinit(&reload->diff);
	free(reload->reshapes);
	free(reload->stops.list);
	free(reload->starts.list);
	free(reload);
	return NULL;
}
