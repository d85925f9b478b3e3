/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups, version 2: a directory below which workers get cgroups of their own,
 * if there is one that is ours to divide. It is ours if $TRADESUP_CGROUP names it, or
 * if we live in it and it is marked as delegated to us, as systemd's Delegate= does.
 * Nothing else is touched.
 *
 * Every worker of it is in <directory>/worker-<name>. A directory with controllers can
 * have no processes itself, so if it is that in which we live, we move into its leaf
 * "supervisor" with everything that is in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_ENV "TRADESUP_CGROUP" /* the directory to use */
#define CGROUP_PATH_MAX 4096

enum { CGROUP_CPU = 1, CGROUP_MEMORY = 2, CGROUP_PIDS = 4 };

struct cgroup {
	int fd;		      /* the directory; -1: there is none */
	unsigned controllers; /* that its workers' cgroups have */
	bool is_ours;	      /* we lived in it, and are in its leaf now */
	const char *why;      /* it was tried in vain: why; static. Else NULL */
};

/** struct cgroup_mount - a mounted hierarchy: what of it is where */
struct cgroup_mount {
	char root[CGROUP_PATH_MAX], point[CGROUP_PATH_MAX];
};

/**
 * cgroup_parse_mount() - a line of /proc/PID/mountinfo
 *
 * Return: whether it is that of a cgroup2 hierarchy and fits.
 */
bool cgroup_parse_mount(const char *line, struct cgroup_mount *ret_mount);

/** cgroup_parse_own() - the path in a line of /proc/PID/cgroup, without its line end;
 * NULL if the line is that of another hierarchy. */
const char *cgroup_parse_own(char *line);

/**
 * cgroup_directory() - where a cgroup's directory is
 * @path: as cgroup_parse_own() has it
 *
 * Return: whether it is below the mount and fits.
 */
bool cgroup_directory(
    const struct cgroup_mount *mount, const char *path, char *out, size_t size);

/** cgroup_init() - there is none. */
void cgroup_init(struct cgroup *cgroup);

/**
 * cgroup_open() - find the directory that is ours, move out of it, hand on controllers
 * @directory: the one to use; NULL: our own, if it is delegated
 *
 * Return: 0; -errno with @cgroup->why, and there is none.
 */
int cgroup_open(struct cgroup *cgroup, const char *directory);

/** cgroup_adopt() - the same for a directory that is open; @fd is taken over. */
int cgroup_adopt(struct cgroup *cgroup, int fd, bool is_ours);

/**
 * cgroup_close() - remove everything that was made, and move back
 *
 * Processes that are left are killed and waited for, a second at the most.
 */
void cgroup_close(struct cgroup *cgroup);

/**
 * cgroup_make_worker() - the directory of a worker's cgroup
 * @name: path_is_safe_name()
 *
 * One that is there already, left by somebody who was killed, is emptied and used.
 * Return: a descriptor, the caller closes it; -errno.
 */
int cgroup_make_worker(const struct cgroup *cgroup, const char *name);

/** cgroup_remove_worker() - kill what is left in it and remove it; if that takes time,
 * cgroup_close() does. */
void cgroup_remove_worker(const struct cgroup *cgroup, const char *name);

/** cgroup_end_workers() - the same for all that are below @fd; waits as long as they
 * take to end, or @patience_ms. */
void cgroup_end_workers(int fd, int patience_ms);

/** cgroup_kill() - SIGKILL to all in it, Linux 5.14 or later. Return: 0, -errno. */
int cgroup_kill(int fd);

/** cgroup_limit_memory() - Return: 0, -errno. The whole cgroup dies of it together. */
int cgroup_limit_memory(int fd, int64_t bytes);

/** cgroup_limit_cpu() - @percent: of one CPU. Return: 0, -errno. */
int cgroup_limit_cpu(int fd, int64_t percent);

/** cgroup_oom_kills() - how many processes in it the kernel has killed for want of
 * memory; 0 if that is not known. */
int64_t cgroup_oom_kills(int fd);
