/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tree does its work through in the real program; tests have a simulation.
 */
#pragma once

#include "supervisor/tree.h"

struct supervisor;

/** tree_shell - its @data is the struct supervisor */
extern const struct tree_ops tree_shell;

/** tree_shell_wait() - tree_wake() for @group after that time; negative: forget it. */
void tree_shell_wait(
    struct supervisor *supervisor, struct group *group, int64_t delay_ns);
