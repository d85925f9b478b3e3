/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restarts that are not waited for. When many workers end at once, the next is started
 * while the last is still on its way to its program, so that all cores are used. Only
 * one_for_one allows it, where nobody waits for another's start.
 *
 * All of them are settled in the same turn of the loop, so that nothing comes from a
 * worker before its worker.start has been logged. One whose exec fails is a failed
 * start, as if it had been waited for.
 */
#pragma once

#include <stdbool.h>

struct child;
struct spawn_pending;
struct supervisor;

/** child_launch_init() - Return: 0, -ENOMEM. */
int child_launch_init(struct supervisor *supervisor);
void child_launch_deinit(struct supervisor *supervisor);

/** child_launch_may_run_ahead() - whether its start need not be waited for; makes room
 * for it. */
bool child_launch_may_run_ahead(struct child *child);

/** child_launch_add() - it has been begun, and is to be settled. */
void child_launch_add(struct child *child, struct spawn_pending *pending);

/**
 * child_launch_settle() - somebody wants to know now
 *
 * Return: false if its start has failed; it is down then, and the caller sees to it:
 *         the tree is not told any more.
 */
bool child_launch_settle(struct child *child);
