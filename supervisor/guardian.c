/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian process, and the supervisor's hold on it: a pipe, whose end is the
 * alarm. Until then the guardian sleeps in read(2) and touches no memory, so that it
 * costs next to nothing. It keeps nothing either, so the dismissal is a SIGKILL, which
 * works on a stopped one, too.
 *
 * It trusts the environment and nothing else, because that is what a process can hardly
 * shed: it outlives a new session, a double fork and the loss of the parent.
 */
#include "supervisor/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "supervisor/cgroup.h"
#include "supervisor/procfs.h"
#include "supervisor/spawn.h"

#define PIPE_FD 0   /* where the guardian has its end of the pipe */
#define CGROUP_FD 1 /* and the workers' cgroups, if there are any */
#define TERM_PAUSE_NS (20 * NS_PER_MS)
#define KILL_PAUSE_NS (5 * NS_PER_MS)
#define KILL_AFTER_NS (300 * NS_PER_MS)
#define GIVE_UP_AFTER_NS (10 * NS_PER_S) /* SIGKILL waits for it in the kernel */
#define CLEAN_SCANS 2
#define CGROUP_PATIENCE_MS 1000

enum mark { UNMARKED, MARKED, MARK_UNKNOWN };

/* Whether the environment has the marker, or one that extends it by ".…". */
static enum mark
find_mark(pid_t pid, const char *marker)
{
	static const char name[] = GUARDIAN_ENV;
	const char *unique = marker + sizeof(name);
	const size_t length = strlen(unique);
	char environment[PROCFS_ENVIRON_MAX];
	const char *value;
	ssize_t size;

	size = procfs_read(pid, "environ", environment, sizeof(environment));
	if (size < 0)
		return UNMARKED;
	if (size == 0)
		return procfs_is_loading(pid) ? MARK_UNKNOWN : UNMARKED;
	value = procfs_environ_find(environment, (size_t)size, name);
	if (!value || strncmp(value, unique, length) != 0)
		return UNMARKED;
	return value[length] == '\0' || value[length] == '.' ? MARKED : UNMARKED;
}

/*
 * The second look is at the process that the pidfd holds: the first may have been at
 * one that is gone and whose number belongs to somebody else. SIGKILL goes to its
 * group, too, because that is the one blow that a chain of forks cannot slip away
 * under: the kernel delivers it to all members and to those that are just being made.
 * Workers begin with a session of their own, so there is nobody else in it.
 */
static void
signal_marked(pid_t pid, const char *marker, int signal_number)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	pid_t pgid;

	if (pidfd < 0 || find_mark(pid, marker) != MARKED)
		return;
	pgid = getpgid(pid);
	if (spawn_signal(pidfd, signal_number) == 0 && signal_number == SIGKILL)
		spawn_kill_group(pgid);
}

/* Return: whether none was marked; one that cannot be told yet may be. 0 signals
 * nobody. */
static bool
scan(const char *marker, int signal_number)
{
	_cleanup_(procfs_pids_close) struct procfs_pids pids = { .fd = -1 };
	const pid_t self = getpid();
	bool clean = true;
	pid_t pid;

	if (procfs_pids_open(&pids) < 0)
		return false;
	while ((pid = procfs_pids_next(&pids)) > 0) {
		enum mark mark = pid == self ? UNMARKED : find_mark(pid, marker);

		if (mark == MARKED && signal_number)
			signal_marked(pid, marker, signal_number);
		if (mark != UNMARKED)
			clean = false;
	}
	return clean && pid == 0;
}

static void
pause_ns(int64_t duration_ns)
{
	const struct timespec duration = { .tv_nsec = duration_ns };

	nanosleep(&duration, NULL);
}

/*
 * SIGTERM once to each, since some programs take a second one for impatience; then only
 * looking, so as to be gone early if they are; then SIGKILL in every scan. One clean
 * scan can miss a chain of processes that fork and exit past it, hence CLEAN_SCANS in a
 * row.
 */
static void
end_everything(const char *marker)
{
	const int64_t start_ns = clock_monotonic_ns();
	int signal_number = SIGTERM;
	int clean = 0;

	for (;;) {
		int64_t elapsed_ns;

		clean = scan(marker, signal_number) ? clean + 1 : 0;
		elapsed_ns = clock_monotonic_ns() - start_ns;
		if (clean == CLEAN_SCANS || elapsed_ns > GIVE_UP_AFTER_NS)
			return;
		signal_number = elapsed_ns >= KILL_AFTER_NS ? SIGKILL : 0;
		if (signal_number)
			cgroup_end_workers(CGROUP_FD, 0);
		pause_ns(signal_number ? KILL_PAUSE_NS : TERM_PAUSE_NS);
	}
}

/* On a loaded machine those that are to end must not hold us up. Either takes a
 * privilege; without it we are as fast as anybody. */
static void
hurry(void)
{
	const struct sched_param priority = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_RR, &priority) < 0)
		(void)setpriority(PRIO_PROCESS, 0, -20);
}

/* Nobody writes to the pipe, so that read() returns when the supervisor is gone. */
static void
wait_for_alarm(void)
{
	char byte;

	while (read(PIPE_FD, &byte, 1) < 0 && errno == EINTR)
		;
}

/* The area of the command line, which the kernel tells in fields 48 and 49 of stat. */
static bool
find_command_line(char **ret_start, char **ret_end)
{
	char text[1024];
	const char *field;
	uintptr_t start, end;

	if (procfs_read(getpid(), "stat", text, sizeof(text)) < 0)
		return false;
	field = procfs_stat_field(text, 48);
	if (!field || sscanf(field, "%" SCNuPTR " %" SCNuPTR, &start, &end) != 2 ||
	    start == 0 || end <= start)
		return false;
	*ret_start = (char *)start;
	*ret_end = (char *)end;
	return true;
}

/* Somebody who looks for the supervisor by name or command line, to kill it perhaps,
 * must not find us. */
static void
take_name(void)
{
	static const char name[] = "tradesup-guard";
	char *start, *end;

	(void)prctl(PR_SET_NAME, name);
	if (!find_command_line(&start, &end))
		return;
	memset(start, 0, (size_t)(end - start));
	snprintf(start, (size_t)(end - start), "%s", name);
}

/* Nothing here may keep a descriptor, a terminal or a directory of the supervisor, or
 * end with it when somebody signals its session. */
static int
detach(int pipe_fd, int cgroup_fd)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
		SIGUSR2, SIGALRM, SIGPIPE };
	unsigned first;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		if (signal(ignored[i], SIG_IGN) == SIG_ERR)
			return -errno;
	if (setsid() < 0 || chdir("/") < 0)
		return -errno;
	if (cgroup_fd >= 0)
		cgroup_fd = fcntl(cgroup_fd, F_DUPFD, CGROUP_FD + 1);
	if (pipe_fd != PIPE_FD && dup2(pipe_fd, PIPE_FD) < 0)
		return -errno;
	if (cgroup_fd >= 0 && dup2(cgroup_fd, CGROUP_FD) < 0)
		return -errno;
	first = cgroup_fd >= 0 ? CGROUP_FD + 1 : PIPE_FD + 1;
	return close_range(first, UINT_MAX, 0) < 0 ? -errno : 0;
}

static void __attribute__((noreturn))
guardian_main(int pipe_fd, const struct guardian *guardian)
{
	const char *marker = guardian->marker;

	if (detach(pipe_fd, guardian->cgroup_fd) < 0)
		_exit(EXIT_FAILURE);
	take_name();
	wait_for_alarm();
	hurry();
	end_everything(marker);
	cgroup_end_workers(CGROUP_FD, CGROUP_PATIENCE_MS);
	_exit(EXIT_SUCCESS);
}

/* "TRADESUP_RUN=[<that of the supervisor above us>.]<pid>-<random>" */
static int
make_marker(char marker[GUARDIAN_MARKER_MAX])
{
	const char *outer = getenv(GUARDIAN_ENV);
	uint64_t random;
	int length;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	if (!outer || strlen(outer) > GUARDIAN_MARKER_MAX / 2)
		outer = "";
	length =
	    snprintf(marker, GUARDIAN_MARKER_MAX, GUARDIAN_ENV "=%s%s%d-%016" PRIx64,
		outer, *outer ? "." : "", (int)getpid(), random);
	return length < GUARDIAN_MARKER_MAX ? 0 : -ENAMETOOLONG;
}

/* Killed before its pipe is closed, it sees no alarm. */
static void
release(struct guardian *guardian)
{
	if (guardian->pidfd >= 0)
		spawn_signal(guardian->pidfd, SIGKILL);
	if (guardian->pid > 0)
		while (waitpid(guardian->pid, NULL, 0) < 0 && errno == EINTR)
			;
	closep(&guardian->pidfd);
	closep(&guardian->fd);
	guardian->pid = 0;
	guardian->pidfd = -1;
	guardian->fd = -1;
}

void
guardian_init(struct guardian *guardian)
{
	*guardian = (struct guardian){ .pidfd = -1, .fd = -1, .cgroup_fd = -1 };
}

int
guardian_start(struct guardian *guardian)
{
	_cleanup_close_ int theirs = -1;
	_cleanup_close_ int ours = -1;
	int fds[2];
	int r;

	release(guardian);
	if (guardian->marker[0] == '\0') {
		r = make_marker(guardian->marker);
		if (r < 0)
			return r;
	}
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	theirs = fds[0];
	ours = fds[1];

	guardian->pid = fork();
	if (guardian->pid < 0) {
		guardian->pid = 0;
		return -errno;
	}
	if (guardian->pid == 0)
		guardian_main(theirs, guardian);
	guardian->pidfd = (int)syscall(SYS_pidfd_open, guardian->pid, 0);
	if (guardian->pidfd < 0) {
		r = -errno;
		kill(guardian->pid, SIGKILL);
		release(guardian);
		return r;
	}
	guardian->fd = steal_fd(&ours);
	return 0;
}

void
guardian_dismiss(struct guardian *guardian)
{
	release(guardian);
}
