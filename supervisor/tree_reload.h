/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going over to another configuration; of no concern to anyone but tree.c.
 */
#pragma once

#include "supervisor/tree.h"

/** tree_reload_begin() - take it up; it goes on in tree_reload_step(). */
void tree_reload_begin(struct tree *tree, const struct config_node *root);

/** tree_reload_step() - go on, when no group has a turn. Return: false, it has to wait
 * for a group, or is done. */
bool tree_reload_step(struct tree *tree);

/** tree_reload_leave_off() - end it here, and let go of the groups. */
void tree_reload_leave_off(struct tree *tree, const char *why);

/** tree_reload_free() - with the nodes that were made for it. Return: NULL. */
struct tree_reload *tree_reload_free(struct tree *tree, struct tree_reload *reload);
