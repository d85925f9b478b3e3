/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying out plans. A group is a small actor: it is idle, or walks its list forwards
 * (starting) or backwards (stopping), and takes the next thing from its mailbox only
 * when it is idle again. Walks are loops that pause where a process has to end first;
 * the end of that process goes on with them.
 *
 * What has to be done is decided in plan.c, how a process is started or stopped in
 * child.c.
 */
#include "supervisor/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void group_drain(struct tree *tree, struct group *group);
static void group_walk_down(struct tree *tree, struct group *group);
static void group_walk_up(struct tree *tree, struct group *group);
static void group_begin_start(struct tree *tree, struct group *group);
static void start_by_request(struct tree *tree, struct group *group, struct node *node);

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

/* The one place where a node's state changes, so that the count of significant ones
 * holds. */
static void
node_set(struct node *node, enum node_state state)
{
	bool was_up = node->state != NODE_DOWN, is_up = state != NODE_DOWN;

	node->state = state;
	if (node->parent && node->config->significant && was_up != is_up)
		node->parent->significant_up += is_up ? 1 : (uint32_t)-1;
}

static void
mail_send(
    struct group *group, struct mail *mail, enum mail_kind kind, struct node *node)
{
	mail->kind = kind;
	mail->node = node;
	TAILQ_INSERT_TAIL(&group->mailbox, mail, entry);
}

static void
mail_drop(struct node *node)
{
	if (node->mail.kind == MAIL_NONE)
		return;
	TAILQ_REMOVE(&node->parent->mailbox, &node->mail, entry);
	node->mail.kind = MAIL_NONE;
}

static void
wait_as(struct tree *tree, struct node *node, enum mail_kind kind, int64_t delay_ns)
{
	node_set(node, NODE_WAITING);
	node->wake_as = kind;
	tree->ops->wait(node, delay_ns, tree->data);
}

/* Building and taking apart. */

static void node_free(struct tree *tree, struct node *node);

static void
group_free(struct tree *tree, struct group *group)
{
	struct node *child;

	while ((child = TAILQ_FIRST(&group->children))) {
		TAILQ_REMOVE(&group->children, child, sibling);
		node_free(tree, child);
	}
	tree->ops->group_removed(group, tree->data);
	intensity_deinit(&group->window);
	free(group->described);
	free(group);
}

static void
node_free(struct tree *tree, struct node *node)
{
	if (node_is_group(node))
		group_free(tree, node_group(node));
	else
		tree->ops->removed(node, tree->data);
}

static struct node *node_new(
    struct tree *tree, const struct config_node *config, struct group *parent);

static struct group *
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
		group->described[i] = child;
		TAILQ_INSERT_TAIL(&group->children, child, sibling);
	}
	return group;
}

static struct node *
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

static void
drop_requests_about(struct tree *tree, struct group *group, struct node *node)
{
	struct mail *mail, *next;

	for (mail = TAILQ_FIRST(&group->mailbox); mail; mail = next) {
		next = TAILQ_NEXT(mail, entry);
		if (mail->kind != MAIL_REQUEST || (node && mail->node != node))
			continue;
		TAILQ_REMOVE(&group->mailbox, mail, entry);
		tree->ops->answered((struct tree_request *)mail,
		    node ? "it has left the list" : "its group has ended", tree->data);
	}
}

static void
node_strike_off(struct tree *tree, struct node *node)
{
	struct group *group = node->parent;
	size_t n = group->node.config->group.n_children;

	mail_drop(node);
	drop_requests_about(tree, group, node);
	node_set(node, NODE_DOWN);
	for (size_t i = 0; i < n; i++)
		if (group->described[i] == node)
			group->described[i] = NULL;
	TAILQ_REMOVE(&group->children, node, sibling);
	node_free(tree, node);
}

/* A group starts afresh with the children of its description: those struck off are
 * back, those added are gone. */
static int
group_restore(struct tree *tree, struct group *group)
{
	const struct config_group *settings = &group->node.config->group;
	struct node *child, *next;

	for (child = TAILQ_FIRST(&group->children); child; child = next) {
		next = TAILQ_NEXT(child, sibling);
		if (child->added)
			node_strike_off(tree, child);
		else
			child->without_progress = 0;
	}
	for (size_t i = settings->n_children; i-- > 0;) {
		struct node *after =
		    i + 1 < settings->n_children ? group->described[i + 1] : NULL;

		if (group->described[i])
			continue;
		child = node_new(tree, settings->children[i], group);
		if (!child)
			return -ENOMEM;
		group->described[i] = child;
		if (after)
			TAILQ_INSERT_BEFORE(after, child, sibling);
		else
			TAILQ_INSERT_TAIL(&group->children, child, sibling);
	}
	return 0;
}

/* The end of a group. */

static void
request_done(struct tree *tree, struct group *group, const char *why)
{
	struct tree_request *request = group->request;

	group->request = NULL;
	if (request)
		tree->ops->answered(request, why, tree->data);
}

/* Those added are only there once they have been started. */
static void
request_failed(struct tree *tree, struct group *group, struct node *node)
{
	bool adding = group->request && group->request->kind == PLAN_REQUEST_ADD;

	request_done(tree, group, "it could not be started");
	if (adding)
		node_strike_off(tree, node);
}

static void start_failed(struct tree *tree, struct group *group, struct node *node);
static void gone(struct tree *tree, struct group *group, struct node *node);

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

	drop_requests_about(tree, group, NULL);
	tree->ops->wait(&group->node, -1, tree->data);
	group->busy = GROUP_IDLE;
	group->stop_asked = group->hurry = false;
	if (!parent) {
		node_set(&group->node, NODE_DOWN);
		tree->ops->ended(ends[how], tree->data);
	} else if (how == THEN_START_FAILED) {
		node_set(&group->node, NODE_DOWN);
		start_failed(tree, parent, &group->node);
	} else if (was_asked) {
		gone(tree, parent, &group->node);
		group_walk_down(tree, parent);
	} else {
		/* OTP: both end with reason `shutdown`, which is an orderly end. */
		node_set(&group->node, NODE_ENDED);
		group->node.ended_how = PLAN_NORMAL;
		mail_send(parent, &group->node.mail, MAIL_ENDED, &group->node);
		group_drain(tree, parent);
	}
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
	group_walk_down(tree, group);
}

static void
stop_all(struct tree *tree, struct group *group, enum group_then then)
{
	stop_range(tree, group, TAILQ_LAST(&group->children, node_list),
	    TAILQ_FIRST(&group->children), then);
}

static void
hurry(struct tree *tree, struct group *group)
{
	struct node *child;

	group->hurry = true;
	TAILQ_FOREACH(child, &group->children, sibling) {
		if (child->state != NODE_STOPPING)
			continue;
		if (node_is_group(child))
			hurry(tree, node_group(child));
		else
			tree->ops->stop(child, true, tree->data);
	}
}

/* Whatever the group was doing becomes part of stopping it: a restart under way is not
 * completed first. */
static void
group_stop(struct tree *tree, struct group *group)
{
	group->stop_asked = true;
	node_set(&group->node, NODE_STOPPING);
	if (group->busy == GROUP_IDLE) {
		stop_all(tree, group, THEN_STOPPED);
		return;
	}
	if (group->busy == GROUP_STOPPING &&
	    (group->then == THEN_RESTART || group->then == THEN_REQUEST)) {
		if (group->then == THEN_REQUEST)
			request_done(tree, group,
			    group->request && group->request->kind == PLAN_REQUEST_STOP
				? NULL
				: "its group is being stopped");
		group->then = THEN_STOPPED;
		group->until = NULL;
	}
}

/* A node that is down for good in this walk. */
static void
gone(struct tree *tree, struct group *group, struct node *node)
{
	struct node *before = TAILQ_PREV(node, node_list, sibling);
	bool last = node == group->until;
	bool keeps_place = group->then == THEN_REQUEST && group->request &&
			   group->request->kind == PLAN_REQUEST_RESTART;

	node_set(node, NODE_DOWN);
	group->cursor = last ? NULL : before;
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

/* It ended before its turn to be stopped came: that is no second failure. */
static const struct plan swept_along = { .verdict = PLAN_LEAVE,
	.rule = "it ended while its group was stopping it" };

/* Return: true, the walk can go on; false, it waits for the node to end. */
static bool
stop_one(struct tree *tree, struct group *group, struct node *node)
{
	switch (node->state) {
	case NODE_DOWN:
		break;
	case NODE_ENDED:
		mail_drop(node);
		tree->ops->decided(node, node->ended_how, &swept_along, tree->data);
		break;
	case NODE_WAITING:
		mail_drop(node);
		tree->ops->wait(node, -1, tree->data);
		break;
	case NODE_UP:
	case NODE_STARTING:
		if (node_is_group(node)) {
			stop_group_node(tree, group, node_group(node));
			return false;
		}
		if (tree->ops->stop(node, group->hurry, tree->data)) {
			node_set(node, NODE_STOPPING);
			return false;
		}
		break;
	case NODE_STOPPING:
		return false;
	}
	gone(tree, group, node);
	return true;
}

static void
stopped_range(struct tree *tree, struct group *group)
{
	struct tree_request *request = group->request;
	int64_t delay_ns;

	switch (group->then) {
	case THEN_RESTART:
		delay_ns = tree->ops->delay(group->failed, tree->data);
		group->busy = GROUP_IDLE;
		if (delay_ns > 0) {
			group->failed->resume_range = group->range;
			wait_as(tree, group->failed, MAIL_RESUME, delay_ns);
			break;
		}
		group->start = START_RESTART;
		group_begin_start(tree, group);
		return;
	case THEN_REQUEST:
		group->busy = GROUP_IDLE;
		if (request->kind == PLAN_REQUEST_RESTART) {
			start_by_request(tree, group, request->mail.node);
			return;
		}
		request_done(tree, group, NULL);
		break;
	case THEN_GAVE_UP:
	case THEN_SHUT_DOWN:
	case THEN_STOPPED:
	case THEN_START_FAILED:
		group_ended(tree, group, group->then);
		return;
	}
	group_drain(tree, group);
}

static void
group_walk_down(struct tree *tree, struct group *group)
{
	while (group->cursor)
		if (!stop_one(tree, group, group->cursor))
			return;
	stopped_range(tree, group);
}

/* Starting: forwards through the list. */

static void
group_begin_start(struct tree *tree, struct group *group)
{
	group->busy = GROUP_STARTING;
	group->until = group->range == PLAN_RANGE_ONE ? group->failed : NULL;
	group->cursor = group->range == PLAN_RANGE_ALL ? TAILQ_FIRST(&group->children)
						       : group->failed;
	group_walk_up(tree, group);
}

static void
group_start(struct tree *tree, struct group *group)
{
	node_set(&group->node, NODE_STARTING);
	intensity_reset(&group->window);
	group->start = START_FIRST;
	group->range = PLAN_RANGE_ALL;
	if (group_restore(tree, group) < 0) {
		group->busy = GROUP_STARTING;
		stop_all(tree, group, THEN_START_FAILED);
		return;
	}
	group_begin_start(tree, group);
}

static void
start_failed(struct tree *tree, struct group *group, struct node *node)
{
	struct node *before = TAILQ_PREV(node, node_list, sibling);

	switch (group->start) {
	case START_FIRST:
		stop_range(tree, group, before, TAILQ_FIRST(&group->children),
		    THEN_START_FAILED);
		return;
	case START_RESTART:
		/* At once, but after what has happened meanwhile: OTP posts it to
		 * itself. */
		wait_as(tree, node, MAIL_TRY_AGAIN, 0);
		break;
	case START_REQUEST:
		request_failed(tree, group, node);
		break;
	}
	group->busy = GROUP_IDLE;
	group->cursor = NULL;
	group_drain(tree, group);
}

static void
started_range(struct tree *tree, struct group *group)
{
	struct group *parent = group->node.parent;

	group->busy = GROUP_IDLE;
	if (group->start == START_REQUEST)
		request_done(tree, group, NULL);
	if (group->start == START_FIRST && !group->stop_asked) {
		node_set(&group->node, NODE_UP);
		if (parent && parent->busy == GROUP_STARTING &&
		    parent->cursor == &group->node)
			return;
	}
	group_drain(tree, group);
}

/* Return: true, the walk can go on; false, a group has to clean up after a failed start
 * first. */
static bool
start_one(struct tree *tree, struct group *group, struct node *node)
{
	if (node->state != NODE_DOWN)
		return true;
	if (node_is_group(node)) {
		group_start(tree, node_group(node));
		/* If it failed it may have left the list. */
		return group->busy == GROUP_STARTING && group->cursor == node &&
		       node->state == NODE_UP;
	}
	if (!tree->ops->start(node, tree->data)) {
		start_failed(tree, group, node);
		return false;
	}
	node_set(node, NODE_UP);
	return true;
}

static void
group_walk_up(struct tree *tree, struct group *group)
{
	while (group->cursor) {
		struct node *node = group->cursor;

		if (!start_one(tree, group, node))
			return;
		group->cursor = node == group->until ? NULL : TAILQ_NEXT(node, sibling);
	}
	started_range(tree, group);
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
		    range == PLAN_RANGE_ALL ? TAILQ_FIRST(&group->children) : node,
		    THEN_RESTART);
}

static void
carry_out(
    struct tree *tree, struct group *group, struct node *node, const struct plan *plan)
{
	if (plan->verdict != PLAN_RESTART)
		node_set(node, NODE_DOWN);
	switch (plan->verdict) {
	case PLAN_LEAVE:
		break;
	case PLAN_STRIKE_OFF:
		node_strike_off(tree, node);
		break;
	case PLAN_RESTART:
		restart(tree, group, node, plan->range);
		break;
	case PLAN_GIVE_UP:
	case PLAN_SHUTDOWN:
		if (plan->strike_off)
			node_strike_off(tree, node);
		stop_all(tree, group,
		    plan->verdict == PLAN_GIVE_UP ? THEN_GAVE_UP : THEN_SHUT_DOWN);
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

static enum plan_child_is
child_is(const struct node *node)
{
	if (node->state == NODE_DOWN)
		return PLAN_IS_DOWN;
	return node->state == NODE_WAITING ? PLAN_IS_WAITING : PLAN_IS_UP;
}

static void
start_by_request(struct tree *tree, struct group *group, struct node *node)
{
	group->start = START_REQUEST;
	group->failed = node;
	group->range = PLAN_RANGE_ONE;
	group_begin_start(tree, group);
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

static void
deal_with_add(struct tree *tree, struct group *group, struct tree_request *request)
{
	const char *why = names_taken(tree, request->config);
	struct node *node;

	if (why) {
		tree->ops->answered(request, why, tree->data);
		return;
	}
	node = node_new(tree, request->config, group);
	if (!node) {
		tree->ops->answered(request, "out of memory", tree->data);
		return;
	}
	node->added = true;
	TAILQ_INSERT_TAIL(&group->children, node, sibling);
	group->request = request;
	start_by_request(tree, group, node);
}

static void
deal_with_request(struct tree *tree, struct group *group, struct tree_request *request)
{
	struct node *node = request->mail.node;
	const char *why;

	if (request->kind == PLAN_REQUEST_ADD) {
		deal_with_add(tree, group, request);
		return;
	}
	why = plan_request(request->kind, child_is(node));
	if (why) {
		tree->ops->answered(request, why, tree->data);
		return;
	}
	group->request = request;
	switch (request->kind) {
	case PLAN_REQUEST_STOP:
	case PLAN_REQUEST_RESTART:
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
		break;
	}
}

static void
deal_with(struct tree *tree, struct group *group, struct mail *mail)
{
	struct node *node = mail->node;
	enum mail_kind kind = mail->kind;

	if (kind != MAIL_REQUEST)
		mail->kind = MAIL_NONE;
	switch (kind) {
	case MAIL_NONE:
		break;
	case MAIL_ENDED:
		deal_with_end(tree, group, node, node->ended_how);
		break;
	case MAIL_TRY_AGAIN:
		deal_with_end(tree, group, node, PLAN_START_FAILED);
		break;
	case MAIL_RESUME:
		node_set(node, NODE_DOWN);
		group->start = START_RESTART;
		group->failed = node;
		group->range = node->resume_range;
		group_begin_start(tree, group);
		break;
	case MAIL_REQUEST:
		deal_with_request(tree, group, (struct tree_request *)mail);
		break;
	}
}

static void
group_drain(struct tree *tree, struct group *group)
{
	struct mail *mail;

	while (group->busy == GROUP_IDLE) {
		if (group->stop_asked) {
			if (group->node.state != NODE_DOWN)
				stop_all(tree, group, THEN_STOPPED);
			return;
		}
		mail = TAILQ_FIRST(&group->mailbox);
		if (!mail)
			return;
		TAILQ_REMOVE(&group->mailbox, mail, entry);
		deal_with(tree, group, mail);
	}
}

/* What the owner calls. */

int
tree_init(struct tree *tree, const struct config_node *root, const struct tree_ops *ops,
    void *data)
{
	*tree = (struct tree){ .ops = ops, .data = data };
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
}

void
tree_stop(struct tree *tree)
{
	if (tree->root->node.state == NODE_UP ||
	    tree->root->node.state == NODE_STARTING)
		group_stop(tree, tree->root);
}

void
tree_ended(struct tree *tree, struct node *worker, enum plan_how how)
{
	struct group *group = worker->parent;

	if (worker->state == NODE_STOPPING) {
		gone(tree, group, worker);
		group_walk_down(tree, group);
		return;
	}
	node_set(worker, NODE_ENDED);
	worker->ended_how = how;
	mail_send(group, &worker->mail, MAIL_ENDED, worker);
	group_drain(tree, group);
}

void
tree_wake(struct tree *tree, struct node *node)
{
	if (node->state == NODE_WAITING && node->mail.kind == MAIL_NONE) {
		mail_send(node->parent, &node->mail, node->wake_as, node);
		group_drain(tree, node->parent);
	} else if (node->state == NODE_STOPPING && node_is_group(node)) {
		hurry(tree, node_group(node));
	}
}

/* A group that is not there has nobody to do anything for: OTP's noproc. */
static void
send_request(struct tree *tree, struct tree_request *request, struct group *group,
    struct node *node, enum plan_request kind)
{
	request->kind = kind;
	request->mail.node = node;
	switch (group->node.state) {
	case NODE_DOWN:
	case NODE_ENDED:
	case NODE_WAITING:
		tree->ops->answered(request, "its group is not running", tree->data);
		return;
	case NODE_STARTING:
	case NODE_UP:
	case NODE_STOPPING:
		break;
	}
	mail_send(group, &request->mail, MAIL_REQUEST, node);
	group_drain(tree, group);
}

void
tree_ask(struct tree *tree, struct tree_request *request, struct node *node,
    enum plan_request kind)
{
	request->config = node->config;
	send_request(tree, request, node->parent, node, kind);
}

void
tree_add(struct tree *tree, struct tree_request *request, struct group *group,
    const struct config_node *config)
{
	request->config = config;
	send_request(tree, request, group, NULL, PLAN_REQUEST_ADD);
}

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
