/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker's limits do to its process, between clone and exec: system calls on
 * values that were found out beforehand, and nothing else.
 */
#pragma once

#include "common/config.h"

/* Runs on a stack that the sanitizers do not know, on memory that is not its own. */
#define IN_CHILD __attribute__((no_sanitize("address"), no_sanitize("undefined")))

struct sandbox;

struct spawn_limits {
	const struct config_limits *config; /* borrowed; NULL: none */
	int cgroup_fd; /* directory of the cgroup to live in, borrowed; -1: ours */
	const struct sandbox *sandbox; /* prepared, borrowed; NULL: none */
};

/**
 * spawn_limits_enter_cgroup() - the first step, because it needs a descriptor that is
 * closed later
 *
 * Return: 0; -1 and errno.
 */
int spawn_limits_enter_cgroup(const struct spawn_limits *limits);

/**
 * spawn_limits_apply() - everything else, when the descriptors are in their places
 * @ret_step: the name of what failed, which is that of its key; static
 *
 * A change of the user clears PR_SET_PDEATHSIG: set that afterwards. Return: 0; -1 and
 * errno.
 */
int spawn_limits_apply(const struct spawn_limits *limits, const char **ret_step);

/** spawn_limits_change_identity() - whether the child becomes somebody else: another
 * user or group, or one of another user namespace. */
bool spawn_limits_change_identity(const struct spawn_limits *limits);
