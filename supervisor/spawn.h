/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: the only file that forks, execs, kills and waits. It starts a worker with a failed exec
 * reported at once, signals through pidfds and decodes wait statuses. It decides nothing.
 *
 * The child shares our memory until it execs (clone(2): CLONE_VM | CLONE_VFORK | CLONE_PIDFD), so a start costs no copy of
 * page tables and the errno of a failed step is there when clone() returns.
 */
#pragma once

#include <sys/types.h>

#include "supervisor/exit_reason.h"

struct spawn_request {
	char *const *argv;  /* argv[0] is looked up in PATH, as execvp(3) does */
	char *const *environ; /* the whole environment, "K=V", NULL-terminated */
	int link_fd;        /* the worker's end of the link, becomes @link_number; -1: none */
	int output_fd;      /* becomes standard output and standard error; -1: inherited */
};

#define SPAWN_LINK_FD 3 /* the number the link has in the worker; in TRADESUP_FD */

struct spawned {
	pid_t pid;
	int pidfd; /* close-on-exec; readable when the process has ended */
};

/** struct spawn_failure - which step failed ("clone", "chdir", "exec"), and how */
struct spawn_failure {
	const char *step;
	int error; /* errno, positive */
};

#define SPAWN_E_FAILED 1 /* no process came of it; @ret_failure is filled */

/**
 * spawn_start() - start a program: a session and process group of its own, signal mask and dispositions reset,
 * standard input from /dev/null, SIGTERM when we die (PR_SET_PDEATHSIG), every other descriptor closed
 *
 * Return: 0, SPAWN_E_FAILED. A failed exec has been reaped.
 */
int spawn_start(const struct spawn_request *request, struct spawned *ret_spawned, struct spawn_failure *ret_failure);

/** spawn_signal() - through the pidfd, so never to a recycled pid. Return: 0; -ESRCH: it has ended; -errno. */
int spawn_signal(int pidfd, int signal_number);

#define SPAWN_E_RUNNING 1

/** spawn_reap() - collect it if it has ended; does not block. Return: 0 with @ret_reason; SPAWN_E_RUNNING; -errno. */
int spawn_reap(const struct spawned *spawned, struct exit_reason *ret_reason);

/** spawn_kill_session() - SIGKILL what is left of the process group of a worker that has ended. */
void spawn_kill_group(pid_t pgid);

/** spawn_become_subreaper() - orphans of workers become our children (PR_SET_CHILD_SUBREAPER). Return: 0, -errno. */
int spawn_become_subreaper(void);

/**
 * spawn_sweep_orphans() - reap adopted orphans that have ended, and SIGKILL those that live and belong to a worker that does not
 * @is_alive: whether the worker named in an orphan's TRADESUP_WORKER runs with the given pid as its session; @data: passed through
 * @keep: pids never to be touched (the guardian), terminated by 0
 *
 * Return: how many living orphans were killed; -errno.
 */
int spawn_sweep_orphans(bool (*is_own_child)(pid_t pid, void *data), bool (*is_alive)(const char *worker, void *data), void *data);

/** spawn_rss_bytes() - resident memory of a process, from /proc/PID/statm; -1 if unknown. */
int64_t spawn_rss_bytes(pid_t pid);
