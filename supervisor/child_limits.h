/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of one worker that has some: its cgroup, its environment, and the word to
 * the operator about what cannot be had. The child has NULL where there are none.
 */
#pragma once

#include <stdbool.h>

#include "supervisor/child.h"
#include "supervisor/sandbox.h"

struct child_limits {
	struct spawn_limits spawn; /* cgroup_fd is owned */
	char **environ;		   /* what the next start gets; NULL: as everybody */
	int64_t oom_kills;	   /* in its cgroup when this life began */
	struct sandbox sandbox;	   /* of the start that is under way */
	char *own_directory; /* what a sandbox lets it write; NULL: not known yet */
	char *latch_directory;
	bool is_set_up;	     /* what lasts over restarts has been done */
	bool has_memory_max; /* the kernel watches its memory, we need not */
};

/** child_limits_are_wanted() - whether this worker has any. */
bool child_limits_are_wanted(const struct config_worker *config);

/** child_limits_want_cgroup() - whether any worker at or below @node is to have a
 * cgroup. */
bool child_limits_want_cgroup(const struct config_node *node);

/** child_limits_open_cgroup() - if that has not been tried yet; without one all goes on
 * as well as it can. */
void child_limits_open_cgroup(struct supervisor *supervisor);

/** child_limits_new() - nothing is done yet. NULL: out of memory. */
struct child_limits *child_limits_new(const struct config_worker *config);

/** child_limits_free() - removes the cgroup. The child's; it has none afterwards. */
void child_limits_free(struct child *child);

/**
 * child_limits_prepare() - before a start
 * @common: the environment that every worker gets
 *
 * What cannot be had is reported at the first start (worker.limit_unavailable).
 * Return: the environment to start with, borrowed until the next call; NULL: out of
 * memory.
 */
char *const *child_limits_prepare(struct child *child, char *const *common);

/**
 * child_limits_enclose() - prepare the sandbox of a start, if there is to be one
 * @limits: those of the start; gets it, until child_limits_disclose()
 *
 * Makes the worker's state directory, which it could not do by itself. Return: 0;
 * SPAWN_E_FAILED.
 */
int child_limits_enclose(struct child *child, struct spawn_limits *limits,
    struct spawn_failure *ret_failure);

/** child_limits_disclose() - when the start is over. */
void child_limits_disclose(struct child *child);

/** child_limits_ended() - kill what the process left in its cgroup. Return: whether it
 * was ended for want of memory there. */
bool child_limits_ended(struct child *child);
