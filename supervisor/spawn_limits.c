/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies a worker's limits to the process that calls it. Which ones there are is said
 * in the configuration; what cannot be applied is reported by the caller.
 *
 * Users and groups are changed by the bare system calls, since the C library would have
 * every thread of the process follow, and the process whose memory this is must not.
 */
#include "supervisor/spawn_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "supervisor/sandbox.h"

IN_CHILD int
spawn_limits_enter_cgroup(const struct spawn_limits *limits)
{
	int fd, r;

	if (limits->cgroup_fd < 0)
		return 0;
	fd = openat(limits->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = write(fd, "0", 1) == 1 ? 0 : -1;
	close(fd);
	return r;
}

static IN_CHILD int
set_nofile(const struct config_limits *config)
{
	const struct rlimit limit = { .rlim_cur = (rlim_t)config->nofile,
		.rlim_max = (rlim_t)config->nofile };

	return config->nofile > 0 ? setrlimit(RLIMIT_NOFILE, &limit) : 0;
}

static IN_CHILD int
set_nice(const struct config_limits *config)
{
	if (config->nice == CONFIG_UNSET)
		return 0;
	return setpriority(PRIO_PROCESS, 0, (int)config->nice);
}

/* Whoever we are already needs no privilege to become. */
static IN_CHILD bool
is_ourselves(const struct config_limits *config)
{
	return (config->uid == (uid_t)-1 || config->uid == geteuid()) &&
	       (config->gid == (gid_t)-1 || config->gid == getegid()) && geteuid() != 0;
}

static IN_CHILD int
set_groups(const struct config_limits *config)
{
	if (syscall(SYS_setgroups, config->n_groups, config->groups) < 0)
		return -1;
	return (int)syscall(SYS_setresgid, config->gid, config->gid, config->gid);
}

static IN_CHILD int
set_user(const struct config_limits *config)
{
	if (config->uid == (uid_t)-1 || is_ourselves(config))
		return 0;
	if (set_groups(config) < 0)
		return -1;
	return (int)syscall(SYS_setresuid, config->uid, config->uid, config->uid);
}

/* With a user this has been done. */
static IN_CHILD int
set_group(const struct config_limits *config)
{
	if (config->gid == (gid_t)-1 || config->uid != (uid_t)-1 ||
	    is_ourselves(config))
		return 0;
	return set_groups(config);
}

static IN_CHILD int
set_umask(const struct config_limits *config)
{
	if (config->umask != CONFIG_UNSET)
		umask((mode_t)config->umask);
	return 0;
}

static IN_CHILD int
set_directory(const struct config_limits *config)
{
	return config->chdir ? chdir(config->chdir) : 0;
}

static IN_CHILD int
set_no_new_privs(const struct config_limits *config)
{
	return config->no_new_privs ? prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) : 0;
}

/* Privileges are used before they are given up; the directory is the user's own
 * business, so it comes after. */
static const struct {
	const char *step;
	int (*apply)(const struct config_limits *config);
} steps[] = {
	{ "nofile", set_nofile },
	{ "nice", set_nice },
	{ "user", set_user },
	{ "group", set_group },
	{ "umask", set_umask },
	{ "chdir", set_directory },
	{ "no_new_privs", set_no_new_privs },
};

IN_CHILD int
spawn_limits_apply(const struct spawn_limits *limits, const char **ret_step)
{
	for (size_t i = 0; limits->config && i < ARRAY_SIZE(steps); i++) {
		if (steps[i].apply(limits->config) < 0) {
			*ret_step = steps[i].step;
			return -1;
		}
	}
	return 0;
}

bool
spawn_limits_change_identity(const struct spawn_limits *limits)
{
	if (limits->sandbox && limits->sandbox->needs_user_namespace)
		return true;
	return limits->config &&
	       (limits->config->uid != (uid_t)-1 || limits->config->gid != (gid_t)-1);
}
