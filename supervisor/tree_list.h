/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tree.c does with nodes, lists and mailboxes; of no concern to anyone else.
 */
#pragma once

#include "supervisor/tree.h"

/** node_set() - the one place where a node's state changes, so that the count of
 * significant ones holds. */
void node_set(struct node *node, enum node_state state);

/** group_take_turn() - let the group look at what it can go on with, after this. */
void group_take_turn(struct tree *tree, struct group *group);

/** mail_send() - into the group's mailbox; it gets a turn. */
void mail_send(struct tree *tree, struct group *group, struct mail *mail,
    enum mail_kind kind, struct node *node);

/** mail_take() - out of the mailbox, if it is in it. Return: what it was. */
enum mail_kind mail_take(struct group *group, struct mail *mail);

/** group_drop_requests() - refuse those about @node, or all (NULL). */
void group_drop_requests(
    struct tree *tree, struct group *group, struct node *node, const char *why);

/** group_new(), node_new() - with all below it, down, in no list. NULL: out of memory.
 */
struct group *group_new(
    struct tree *tree, const struct config_node *config, struct group *parent);
struct node *node_new(
    struct tree *tree, const struct config_node *config, struct group *parent);
void group_free(struct tree *tree, struct group *group);

/** node_free() - with all below it; it must be down and in no list. */
void node_free(struct tree *tree, struct node *node);

/** node_strike_off() - off the list, and free it; it must be down. */
void node_strike_off(struct tree *tree, struct node *node);

/**
 * group_restore() - the children of its description: those struck off are back, those
 * added are gone
 *
 * Return: 0; -ENOMEM, some are missing.
 */
int group_restore(struct tree *tree, struct group *group);
