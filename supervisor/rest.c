/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over the tree that looks for somebody who is in the middle of something.
 */
#include "supervisor/rest.h"

#include <stdio.h>

#include "supervisor/child.h"
#include "supervisor/context.h"

/* Return: whether it is at rest; else what it does is in @why. */
static bool
is_worker_at_rest(const struct child *child, bool dying_too, char why[REST_TEXT_MAX])
{
	const struct node *node = &child->node;
	bool is_known =
	    node->state == NODE_UP ? child_is_alive(child) : !child_is_alive(child);

	if (!is_known || node->mail.kind != MAIL_NONE || child->make_safe ||
	    (node->state != NODE_UP && node->state != NODE_DOWN &&
		node->state != NODE_WAITING))
		snprintf(why, REST_TEXT_MAX, "worker %s is %s", child_name(child),
		    child->make_safe ? "being made safe"
				     : node_state_name(node->state));
	else if (!dying_too && child->doom != DOOM_NONE && child_is_alive(child))
		snprintf(
		    why, REST_TEXT_MAX, "worker %s is being ended", child_name(child));
	else
		return true;
	return false;
}

static bool
is_group_idle(const struct group *group)
{
	enum node_state state = group->node.state;

	return group->busy == GROUP_IDLE && !group->has_turn && !group->stop_asked &&
	       !group->hurry && !group->held && !group->request &&
	       TAILQ_EMPTY(&group->mailbox) && group->node.mail.kind == MAIL_NONE &&
	       (state == NODE_UP || state == NODE_DOWN || state == NODE_WAITING);
}

static bool
is_group_at_rest(const struct group *group, bool dying_too, char why[REST_TEXT_MAX])
{
	struct node *node;

	if (!is_group_idle(group)) {
		snprintf(why, REST_TEXT_MAX, "group %s is starting or stopping workers",
		    group->node.config->name);
		return false;
	}
	TAILQ_FOREACH(node, &group->children, sibling)
		if (!(node_is_group(node)
			    ? is_group_at_rest(node_group(node), dying_too, why)
			    : is_worker_at_rest((struct child *)node, dying_too, why)))
			return false;
	return true;
}

bool
rest_is_at_rest(struct supervisor *supervisor, bool dying_too, char why[REST_TEXT_MAX])
{
	why[0] = '\0';
	if (supervisor->reload) {
		snprintf(why, REST_TEXT_MAX, "a reload is going on");
		return false;
	}
	if (supervisor->n_making_safe > 0) {
		snprintf(why, REST_TEXT_MAX, "a worker is being made safe");
		return false;
	}
	if (!TAILQ_EMPTY(&supervisor->launching)) {
		snprintf(why, REST_TEXT_MAX, "a worker is being started");
		return false;
	}
	return is_group_at_rest(supervisor->tree.root, dying_too, why);
}
