/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree's part of a handed-over state: groups, workers, those an operator added, in
 * their order. Only a tree at rest can be written: nobody is being started or stopped.
 */
#pragma once

#include "supervisor/handover.h"
#include "supervisor/tree.h"

/** handover_write_tree() - @tree as a value. */
void handover_write_tree(struct handover_writer *writer, const struct tree *tree);

/** handover_read_tree() - into a tree that is down, made from the same configuration.
 * Return: false, and the reader says why; the tree can only be freed then. */
bool handover_read_tree(struct handover_reader *reader, struct tree *tree);

/* The fields of one worker, with those of its node; handover_child.c. */
extern const struct handover_table handover_child_table;

/** handover_check_child() - whether what was read of it can be. */
bool handover_check_child(struct handover_reader *reader, const struct node *worker);
