/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc tells about processes: their pids, parents and environments. Nothing here
 * allocates, so that the guardian, too, can use it.
 *
 * A pid that was read here may belong to somebody else a moment later. Whoever wants to
 * signal it opens a pidfd first and looks again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCFS_ENVIRON_MAX 65536 /* so much of an environment is looked at */

/** struct procfs_pids - a walk over all processes */
struct procfs_pids {
	int fd; /* -1 when closed */
	size_t offset, length;
	char buffer[4096] __attribute__((aligned(8))); /* of getdents64(2) */
};

/** procfs_pids_open() - Return: 0, -errno. */
int procfs_pids_open(struct procfs_pids *ret_pids);

/** procfs_pids_next() - Return: the next pid; 0 at the end; -errno. */
pid_t procfs_pids_next(struct procfs_pids *pids);

/** procfs_pids_close() - may be called on a closed one. */
void procfs_pids_close(struct procfs_pids *pids);

/**
 * procfs_read() - the beginning of /proc/<pid>/<name>, NUL-terminated
 * @size: of @out; at most @size - 1 bytes are read
 *
 * Return: the length; -errno (-ENOENT, -ESRCH: it has gone; -EACCES: not ours to read).
 */
ssize_t procfs_read(pid_t pid, const char *name, char *out, size_t size);

/** procfs_parent() - Return: the parent's pid; -errno. */
pid_t procfs_parent(pid_t pid);

/**
 * procfs_stat_field() - where a field of /proc/PID/stat begins
 * @stat: the text, as procfs_read() gives it
 * @number: as proc(5) numbers them, 3 or more
 *
 * Return: borrowed from @stat; NULL if it ends before.
 */
const char *procfs_stat_field(const char *stat, int number);

/**
 * procfs_is_loading() - whether a process is in the middle of execve(2)
 *
 * It has a new memory by then and nothing in it: its environment reads as empty until
 * the program is loaded, which takes microseconds, or as long as the disk takes.
 */
bool procfs_is_loading(pid_t pid);

/**
 * procfs_environ_find() - the value of a variable in an environment as procfs_read()
 * gives it
 * @environment: entries "K=V", each ended by a NUL; @length bytes and a NUL after them
 *
 * Return: the value, borrowed from @environment; NULL if there is none.
 */
const char *procfs_environ_find(
    const char *environment, size_t length, const char *name);
