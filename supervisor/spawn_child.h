/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child does between clone and exec, on our memory. It must not return into our
 * code, run one of our signal handlers, leave anything locked or change errno. All
 * signals are blocked from before the clone until it has reset the dispositions.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "supervisor/spawn_limits.h"

#define SPAWN_LINK_FD 3 /* the number the link has in the worker; in TRADESUP_FD */

/** struct spawn_failure - which step failed ("clone", "descriptors", "exec", …, or a
 * limit by the name of its key), and how */
struct spawn_failure {
	const char *step; /* static */
	int error;	  /* errno, positive */
};

/** struct spawn_launch - what the child needs, and what it leaves */
struct spawn_launch {
	const char *path;
	char *const *argv, *const *environ;
	const struct spawn_limits *limits; /* NULL: none */
	const sigset_t *altered; /* signals that may not have their default; NULL: all
				  */
	int link_fd, output_fd;	 /* -1: none */
	int text_fd;		 /* below 1: none */
	int null_fd;		 /* /dev/null; -1: the child opens it */
	pid_t parent;
	bool is_in_cgroup;	      /* from birth */
	bool has_begun;		      /* written by the child */
	struct spawn_failure failure; /* step NULL while nothing failed */
	int tid; /* with CLONE_CHILD_CLEARTID: the kernel makes it 0 when the child does
		    not use our memory any more */
};

/** spawn_child_main() - for clone(2), with the struct spawn_launch. Does not return. */
int spawn_child_main(void *argument);
