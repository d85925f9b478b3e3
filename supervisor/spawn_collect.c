/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals and collects processes, looks after adopted ones, and at what they use. When
 * and why is decided elsewhere; there is no state here.
 */
#include "supervisor/spawn.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "supervisor/procfs.h"

int
spawn_signal(int pidfd, int signal_number)
{
	if (syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) < 0)
		return -errno;
	return 0;
}

static int64_t
microseconds(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

bool
spawn_has_ended(const struct spawned *spawned)
{
	struct pollfd poll_fd = { .fd = spawned->pidfd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

/* By pid and not by pidfd: nobody else reaps our children, so the number is theirs
 * until we do, and wait4() gives the resource use in the same call. */
int
spawn_reap(const struct spawned *spawned, struct exit_reason *ret_reason)
{
	struct rusage usage;
	int status;
	pid_t pid;

	pid = wait4(spawned->pid, &status, WNOHANG, &usage);
	if (pid < 0)
		return -errno;
	if (pid == 0)
		return SPAWN_E_RUNNING;
	*ret_reason = (struct exit_reason){
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.core = WIFSIGNALED(status) && WCOREDUMP(status),
		.cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
		.rss_max_kib = usage.ru_maxrss,
	};
	return 0;
}

void
spawn_kill_group(pid_t pgid)
{
	/* 0 and 1 would name our own group, and everybody. */
	if (pgid > 1)
		kill(-pgid, SIGKILL);
}

int
spawn_become_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
}

/* Whether @pid, a living child of ours, may live on. */
static bool
is_wanted(const struct spawn_sweep *sweep, pid_t pid, char *environment, size_t length)
{
	struct spawn_orphan orphan = { .pid = pid };

	orphan.worker = procfs_environ_find(environment, length, SPAWN_WORKER_ENV);
	orphan.life = procfs_environ_find(environment, length, SPAWN_LIFE_ENV);
	if (!orphan.worker)
		orphan.worker = "";
	if (!orphan.life)
		orphan.life = "";
	return sweep->is_wanted(&orphan, sweep->data);
}

/* Return: 1 if it was killed or cannot be judged yet, 0 if it was reaped or spared. */
static int
sweep_one(const struct spawn_sweep *sweep, pid_t pid)
{
	char environment[PROCFS_ENVIRON_MAX];
	ssize_t length;

	if (sweep->is_own_child(pid, sweep->data))
		return 0;
	/* Fails for what is not our child (any more), which is then not to be killed.
	 */
	if (waitpid(pid, NULL, WNOHANG) != 0)
		return 0;
	length = procfs_read(pid, "environ", environment, sizeof(environment));
	if (length == 0 && procfs_is_loading(pid))
		return 1;
	if (is_wanted(sweep, pid, environment, length > 0 ? (size_t)length : 0))
		return 0;
	/* By pid, which is its own until we reap it, and which needs no descriptor. */
	return kill(pid, SIGKILL) == 0;
}

/* All processes of the machine are gone through, because not every kernel lists the
 * children of one. Those that are not ours cost one waitpid() each. */
int
spawn_sweep_orphans(const struct spawn_sweep *sweep)
{
	_cleanup_(procfs_pids_close) struct procfs_pids pids = { .fd = -1 };
	int pending = 0;
	pid_t pid;
	int r;

	r = procfs_pids_open(&pids);
	if (r < 0)
		return r;
	while ((pid = procfs_pids_next(&pids)) > 0)
		pending += sweep_one(sweep, pid);
	return pid < 0 ? pid : pending;
}

int64_t
spawn_cpu_ms(pid_t pid)
{
	char text[1024];
	const char *field;
	int64_t user, kernel;

	if (procfs_read(pid, "stat", text, sizeof(text)) < 0)
		return -1;
	field = procfs_stat_field(text, 14); /* utime, then stime, in ticks */
	if (!field || sscanf(field, "%" SCNd64 " %" SCNd64, &user, &kernel) != 2)
		return -1;
	return (user + kernel) * 1000 / sysconf(_SC_CLK_TCK);
}

int64_t
spawn_rss_bytes(pid_t pid)
{
	char text[128];
	int64_t pages;

	if (procfs_read(pid, "statm", text, sizeof(text)) < 0 ||
	    sscanf(text, "%*u %" SCNd64, &pages) != 1)
		return -1;
	return pages * sysconf(_SC_PAGESIZE);
}
