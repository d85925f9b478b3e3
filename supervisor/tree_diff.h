/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another configuration means for the tree as it is: who leaves, who is replaced,
 * who comes, who only gets other values, and which groups' lists change. Nothing is
 * done here but to mark the nodes (node->next and the like); tree_reload.c does it.
 */
#pragma once

#include "supervisor/tree.h"

enum tree_change_kind {
	TREE_STOPS,    /* it is not in the new configuration any more */
	TREE_RESTARTS, /* its process cannot take over what differs */
	TREE_LIVE,     /* it lives on with other values */
	TREE_ORDER,    /* a group: those who stay are in another order */
	TREE_ADOPTED,  /* an operator had added it, now the file has it, too */
	TREE_STARTS,   /* it is new */
	TREE_CHANGES
};

#define TREE_KEYS_MAX 256

struct tree_change {
	enum tree_change_kind kind;
	const struct config_node *config; /* the new one; of what stops, the old one */
	const char *group;		  /* where it is, or is going to be */
	const char *keys; /* that differ, ", " between two; "group": it moves there */
};

typedef void (*tree_on_change)(const struct tree_change *change, void *data);

/** struct tree_diff - the nodes of the new configuration by name; all zero at first */
struct tree_diff {
	struct tree_entry *entries;
	size_t n;
};

/**
 * tree_diff() - compare the tree with a configuration and mark its nodes
 * @on_change: called for each change: first what there is, in the tree's order, then
 *             what is new, in the file's; of a group that comes or goes, only it; NULL
 *
 * A node is the same one if its name, its kind and its group are; one that an operator
 * added is, too. An added one that the file does not know stays. Return: 0 and the
 * caller calls tree_diff_deinit(); -ENOMEM.
 */
int tree_diff(struct tree *tree, const struct config_node *root,
    tree_on_change on_change, void *data, struct tree_diff *ret_diff);

/** tree_diff_stays_off() - whether this one of the new configuration has left the list,
 * and nothing calls it back. */
bool tree_diff_stays_off(
    const struct tree_diff *diff, const struct config_node *config);

void tree_diff_deinit(struct tree_diff *diff);
