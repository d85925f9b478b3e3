/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of the supervision tree and the lists they stand in: building, finding,
 * striking off, restoring. Who is started or stopped, and when, is tree.c's.
 */
#include "supervisor/tree_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *
node_state_name(enum node_state state)
{
	static const char *const names[] = {
		[NODE_DOWN] = "down",
		[NODE_STARTING] = "starting",
		[NODE_UP] = "up",
		[NODE_STOPPING] = "stopping",
		[NODE_ENDED] = "ended",
		[NODE_WAITING] = "waiting",
	};

	return names[state];
}

void
node_set(struct node *node, enum node_state state)
{
	bool was_up = node->state != NODE_DOWN, is_up = state != NODE_DOWN;

	node->state = state;
	if (state == NODE_UP || state == NODE_STARTING)
		node->stopped = false;
	if (node->parent && node->config->significant && was_up != is_up)
		node->parent->significant_up += is_up ? 1 : (uint32_t)-1;
}

/* Mail. */

void
group_take_turn(struct tree *tree, struct group *group)
{
	if (group->has_turn)
		return;
	group->has_turn = true;
	TAILQ_INSERT_TAIL(&tree->turns, group, turn);
}

static void
give_up_turn(struct tree *tree, struct group *group)
{
	if (!group->has_turn)
		return;
	group->has_turn = false;
	TAILQ_REMOVE(&tree->turns, group, turn);
}

void
mail_send(struct tree *tree, struct group *group, struct mail *mail,
    enum mail_kind kind, struct node *node)
{
	mail->kind = kind;
	mail->node = node;
	TAILQ_INSERT_TAIL(&group->mailbox, mail, entry);
	if (kind == MAIL_REQUEST)
		group->n_requests++;
	group_take_turn(tree, group);
}

enum mail_kind
mail_take(struct group *group, struct mail *mail)
{
	enum mail_kind kind = mail->kind;

	if (kind == MAIL_NONE)
		return kind;
	TAILQ_REMOVE(&group->mailbox, mail, entry);
	mail->kind = MAIL_NONE;
	if (kind == MAIL_REQUEST)
		group->n_requests--;
	return kind;
}

void
group_drop_requests(
    struct tree *tree, struct group *group, struct node *node, const char *why)
{
	struct mail *mail, *next;

	if (group->n_requests == 0)
		return;
	for (mail = TAILQ_FIRST(&group->mailbox); mail; mail = next) {
		next = TAILQ_NEXT(mail, entry);
		if (mail->kind != MAIL_REQUEST || (node && mail->node != node))
			continue;
		mail_take(group, mail);
		tree->ops->answered((struct tree_request *)mail, why, tree->data);
	}
}

/* Building and taking apart. */

void
group_free(struct tree *tree, struct group *group)
{
	struct node *child;

	while ((child = TAILQ_FIRST(&group->children))) {
		TAILQ_REMOVE(&group->children, child, sibling);
		node_free(tree, child);
	}
	give_up_turn(tree, group);
	tree->ops->group_removed(group, tree->data);
	intensity_deinit(&group->window);
	free(group->described);
	free(group);
}

void
node_free(struct tree *tree, struct node *node)
{
	if (node_is_group(node))
		group_free(tree, node_group(node));
	else
		tree->ops->removed(node, tree->data);
}

struct group *
group_new(struct tree *tree, const struct config_node *config, struct group *parent)
{
	const struct config_group *settings = &config->group;
	struct group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->node.config = config;
	group->node.parent = parent;
	TAILQ_INIT(&group->children);
	TAILQ_INIT(&group->mailbox);
	intensity_init(&group->window, settings->intensity, settings->period_ns);
	group->described = calloc(settings->n_children + 1, sizeof(*group->described));
	if (!group->described) {
		group_free(tree, group);
		return NULL;
	}
	for (size_t i = 0; i < settings->n_children; i++) {
		struct node *child = node_new(tree, settings->children[i], group);

		if (!child) {
			group_free(tree, group);
			return NULL;
		}
		child->place = i;
		group->described[i] = child;
		TAILQ_INSERT_TAIL(&group->children, child, sibling);
	}
	return group;
}

struct node *
node_new(struct tree *tree, const struct config_node *config, struct group *parent)
{
	struct node *node;

	if (config->type == CONFIG_GROUP) {
		struct group *group = group_new(tree, config, parent);

		return group ? &group->node : NULL;
	}
	node = tree->ops->new_worker(config, tree->data);
	if (node) {
		node->config = config;
		node->parent = parent;
	}
	return node;
}

void
node_strike_off(struct tree *tree, struct node *node)
{
	struct group *group = node->parent;

	mail_take(group, &node->mail);
	group_drop_requests(tree, group, node, "it has left the list");
	node_set(node, NODE_DOWN);
	if (!node->added)
		group->described[node->place] = NULL;
	TAILQ_REMOVE(&group->children, node, sibling);
	node_free(tree, node);
}

static void
strike_off_added(struct tree *tree, struct group *group)
{
	struct node *child, *next;

	for (child = TAILQ_FIRST(&group->children); child; child = next) {
		next = TAILQ_NEXT(child, sibling);
		if (child->added)
			node_strike_off(tree, child);
		else
			child->without_progress = 0;
	}
}

int
group_restore(struct tree *tree, struct group *group)
{
	const struct config_group *settings = &group->node.config->group;
	struct node *after = NULL, *child;

	strike_off_added(tree, group);
	for (size_t i = settings->n_children; i-- > 0; after = group->described[i]) {
		if (group->described[i])
			continue;
		child = node_new(tree, settings->children[i], group);
		if (!child)
			return -ENOMEM;
		child->place = i;
		group->described[i] = child;
		if (after)
			TAILQ_INSERT_BEFORE(after, child, sibling);
		else
			TAILQ_INSERT_TAIL(&group->children, child, sibling);
	}
	return 0;
}

/* Finding. */

static struct node *
find_in(struct group *group, const char *name)
{
	struct node *child, *found;

	TAILQ_FOREACH(child, &group->children, sibling) {
		if (strcmp(child->config->name, name) == 0)
			return child;
		if (!node_is_group(child))
			continue;
		found = find_in(node_group(child), name);
		if (found)
			return found;
	}
	return NULL;
}

struct node *
tree_find(struct tree *tree, const char *name)
{
	return find_in(tree->root, name);
}

static void
each_worker_in(
    struct group *group, void (*call)(struct node *worker, void *data), void *data)
{
	struct node *child;

	TAILQ_FOREACH(child, &group->children, sibling)
		if (node_is_group(child))
			each_worker_in(node_group(child), call, data);
		else
			call(child, data);
}

void
tree_each_worker(
    struct tree *tree, void (*call)(struct node *worker, void *data), void *data)
{
	each_worker_in(tree->root, call, data);
}
