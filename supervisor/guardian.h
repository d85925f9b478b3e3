/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian: a small process that outlives a supervisor killed with SIGKILL by just so long as it takes to end
 * everything that the supervisor had started: workers and what they left behind, SIGTERM first, SIGKILL within 400 ms.
 *
 * It finds them by the marker TRADESUP_RUN=<unique> in their environment (and by cgroup, once there is one), again and again
 * until a scan of /proc finds none. A supervisor that ends in order dismisses it.
 */
#pragma once

#include <sys/types.h>

#define GUARDIAN_ENV "TRADESUP_RUN"

struct guardian {
	pid_t pid;
	int pidfd;
	int fd;          /* our end of the pipe; its closing is the alarm */
	char marker[64]; /* "TRADESUP_RUN=…", for the environment of every worker */
};

/** guardian_start() - fork it; call before there is anything worth inheriting. Return: 0, -errno. */
int guardian_start(struct guardian *ret_guardian);

/** guardian_dismiss() - orderly end: it exits without killing anybody. */
void guardian_dismiss(struct guardian *guardian);
