/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walks of a group; of no concern to anyone but tree.c. All of these only begin
 * what they are named after and give the group a turn, but for the last two, which are
 * its turn.
 */
#pragma once

#include "supervisor/tree.h"

/** node_wait_as() - it is to be started later: after @delay_ns the group gets mail of
 * this kind about it. */
void node_wait_as(
    struct tree *tree, struct node *node, enum mail_kind kind, int64_t delay_ns);

/** group_start() - all of the list, afresh: the children of the description, no restart
 * counted. */
void group_start(struct tree *tree, struct group *group);

/** group_stop() - all of the list, and itself, as soon as what it is doing can be left.
 */
void group_stop(struct tree *tree, struct group *group);

/** group_stop_range() - backwards, from @from to @until; NULL: nobody. */
void group_stop_range(struct tree *tree, struct group *group, struct node *from,
    struct node *until, enum group_then then);
void group_stop_all(struct tree *tree, struct group *group, enum group_then then);

/** group_hurry() - no more patience with those being stopped: SIGKILL. */
void group_hurry(struct tree *tree, struct group *group);

/** group_restart() - stop the range, then, after the delay, start it. */
void group_restart(
    struct tree *tree, struct group *group, struct node *node, enum plan_range range);

/** group_resume() - the delay before a restart for @node's sake is over. */
void group_resume(struct tree *tree, struct group *group, struct node *node);

/**
 * group_hand_over() - @node is about to be taken away, and may be the one for whose
 * sake its siblings are down: they do not wait for it any longer
 */
void group_hand_over(struct tree *tree, struct group *group, struct node *node);

/** group_start_by_reload() - start one; if it cannot be started it stays down. */
void group_start_by_reload(struct tree *tree, struct group *group, struct node *node);

/** group_start_by_request() - start one; the group's request is answered then. */
void group_start_by_request(struct tree *tree, struct group *group, struct node *node);

/** group_request_done() - answer the request being carried out, if there is one. */
void group_request_done(struct tree *tree, struct group *group, const char *why);

/** group_walk_up(), group_walk_down() - go on with the walk as far as it goes. */
void group_walk_up(struct tree *tree, struct group *group);
void group_walk_down(struct tree *tree, struct group *group);
