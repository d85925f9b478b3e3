/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian: a small process that outlives a supervisor killed with SIGKILL by just
 * so long as it takes to end everything that the supervisor had started, workers and
 * what they left behind: SIGTERM at once, SIGKILL from 300 ms on.
 *
 * It finds them by the marker TRADESUP_RUN=<unique> in their environment (the first 64
 * KiB of it), again and again until no scan of /proc finds one. A supervisor that ends
 * in order dismisses it. What hides its environment (another user's process, one that
 * is not dumpable) is not found unless we are root.
 *
 * A supervisor that is itself a worker of another one extends that one's marker, and a
 * marker covers every extension of it.
 */
#pragma once

#include <sys/types.h>

#define GUARDIAN_ENV "TRADESUP_RUN"
#define GUARDIAN_MARKER_MAX 128

struct guardian {
	pid_t pid;     /* 0 when there is none */
	int pidfd;     /* close-on-exec; readable when it has ended: start another */
	int fd;	       /* our end of the pipe; its closing is the alarm */
	int cgroup_fd; /* borrowed, may be -1: it kills what is in workers' cgroups
			  below it, and removes them; see cgroup.h */
	char marker[GUARDIAN_MARKER_MAX]; /* "TRADESUP_RUN=…"; every worker has it */
};

/** guardian_init() - none yet, and no marker. */
void guardian_init(struct guardian *guardian);

/**
 * guardian_start() - fork it; call before there is anything worth inheriting
 * @guardian: initialised. A marker in it is kept, else a new one is made. An earlier
 *            guardian that has ended is reaped and replaced.
 *
 * The marker must not be in our own environment. Return: 0; -errno, and there is none.
 */
int guardian_start(struct guardian *guardian);

/** guardian_dismiss() - orderly end: it goes without ending anybody; reaped. */
void guardian_dismiss(struct guardian *guardian);
