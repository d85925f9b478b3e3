/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox of a worker's processes: files by Landlock, system calls and the network
 * by a seccomp filter, a /tmp of its own by a mount namespace. What can be found out
 * beforehand is, in the parent, for each start (a directory may have been made anew
 * since the last one); between clone and exec there are system calls and nothing else.
 *
 * What the kernel does not have is an error of the start, never a weaker sandbox.
 */
#pragma once

#include <stddef.h>

#include "common/config.h"
#include "supervisor/sandbox_filter.h"

#define SANDBOX_TMP_MAX 2

/** struct sandbox - of one start */
struct sandbox {
	const struct config_sandbox *config; /* borrowed; NULL: none */
	int ruleset_fd;			     /* of Landlock; -1: none */
	struct sock_filter filter[SANDBOX_FILTER_MAX];
	size_t n_filter;
	const char *tmp[SANDBOX_TMP_MAX]; /* what gets a new one; static */
	size_t n_tmp;
	bool needs_user_namespace;     /* to mount, for want of privilege */
	char uid_map[32], gid_map[32]; /* of that namespace */
};

#define SANDBOX_INIT                                                                   \
	{                                                                              \
		.ruleset_fd = -1                                                       \
	}

/** struct sandbox_failure - what cannot be had */
struct sandbox_failure {
	const char *step; /* "sandbox.KEY"; static */
	const char *path; /* the path at fault, borrowed from what was given; NULL */
	int error;	  /* errno, positive */
};

/**
 * sandbox_prepare() - everything that a start needs, before it
 * @writable: paths beside the configuration's that may be written; NULL-terminated
 * @ret_sandbox: was SANDBOX_INIT or released; sandbox_release()
 *
 * Return: 0; -errno with @ret_failure, and nothing is left to release.
 */
int sandbox_prepare(const struct config_sandbox *config, const char *const *writable,
    struct sandbox *ret_sandbox, struct sandbox_failure *ret_failure);

/** sandbox_release() - once the process has it, or will not. */
void sandbox_release(struct sandbox *sandbox);

/**
 * sandbox_enter() - namespaces and files, in the child, while the descriptors of the
 * parent are still there, and before it becomes somebody else
 * @ret_step: what failed; static
 *
 * Return: 0; -1 and errno.
 */
int sandbox_enter(const struct sandbox *sandbox, const char **ret_step);

/** sandbox_filter_calls() - the last step before the exec. Return: as sandbox_enter().
 */
int sandbox_filter_calls(const struct sandbox *sandbox, const char **ret_step);
