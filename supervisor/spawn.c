/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts, signals and collects processes, and looks after adopted ones. When and why is
 * decided elsewhere; there is no state here.
 *
 * Between clone() and exec the child runs on our memory while we stand still, so what
 * it stores (the failed step and its errno) is there when we go on, and what it must
 * not do is return into our code, run one of our signal handlers, or leave anything
 * locked. All signals are blocked from before the clone until the child has reset every
 * disposition. Whatever can be found out beforehand (the path of the program) is,
 * because a failed exec costs a process.
 */
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "supervisor/procfs.h"

#define STACK_SIZE (64 * 1024)
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/** struct launch - what the child needs, and what it leaves */
struct launch {
	const struct spawn_request *request;
	const char *path;
	int link_fd, output_fd; /* the request's, or those of its slots; -1: none */
	pid_t parent;
	bool is_in_cgroup;	      /* from birth */
	bool has_begun;		      /* written by the child */
	struct spawn_failure failure; /* step NULL while nothing failed */
};

static IN_CHILD int
failed(struct launch *launch, const char *step)
{
	launch->failure.error = errno;
	launch->failure.step = step;
	return -1;
}

/* The mask lets nothing in while this runs; a caught signal must not find our handler
 * afterwards, and an ignored one would stay ignored across the exec. */
static IN_CHILD void
reset_dispositions(void)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &dfl, NULL); /* EINVAL for those that have none */
}

/* A descriptor that is out of the way of 0 to 4, which are about to be replaced. */
static IN_CHILD int
lift(int fd)
{
	return fd > SPAWN_LINK_FD + 1 || fd < 0
		   ? fd
		   : fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_LINK_FD + 2);
}

/* Ends the sharing of descriptors with our parent. What lies above those that are
 * needed is not copied at all, or each start would cost as much as we have workers. */
static IN_CHILD int
own_descriptors(const struct launch *launch)
{
	int highest = SPAWN_LINK_FD;

	if (launch->link_fd > highest)
		highest = launch->link_fd;
	if (launch->output_fd > highest)
		highest = launch->output_fd;
	if (launch->request->text_fd > highest)
		highest = launch->request->text_fd;
	return close_range((unsigned)highest + 1, UINT_MAX, CLOSE_RANGE_UNSHARE);
}

static IN_CHILD int
set_descriptors(const struct launch *launch)
{
	const bool has_link = launch->link_fd >= 0;
	const bool has_output = launch->output_fd >= 0;
	const bool has_text = launch->request->text_fd > 0;
	int link, output, text, null;

	if (own_descriptors(launch) < 0)
		return -1;
	link = lift(launch->link_fd);
	output = lift(launch->output_fd);
	text = has_text ? lift(launch->request->text_fd) : -1;
	if ((has_link && link < 0) || (has_output && output < 0) ||
	    (has_text && text < 0))
		return -1;
	if (has_output &&
	    (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0))
		return -1;
	if (has_link && dup2(link, SPAWN_LINK_FD) < 0)
		return -1;
	if (has_text && dup2(text, SPAWN_LINK_FD + has_link) < 0)
		return -1;
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0)
		return -1;
	if (null == STDIN_FILENO ? fcntl(null, F_SETFD, 0) < 0
				 : dup2(null, STDIN_FILENO) < 0)
		return -1;
	return close_range((unsigned)SPAWN_LINK_FD + has_link + has_text, UINT_MAX, 0);
}

static IN_CHILD int
child_steps(struct launch *launch)
{
	const struct spawn_limits *limits = launch->request->limits;
	const char *step;
	sigset_t none;

	reset_dispositions();
	if (setsid() < 0)
		return failed(launch, "setsid");
	if (limits && !launch->is_in_cgroup && spawn_limits_enter_cgroup(limits) < 0)
		return failed(launch, "cgroup");
	if (set_descriptors(launch) < 0)
		return failed(launch, "descriptors");
	if (limits && spawn_limits_apply(limits, &step) < 0)
		return failed(launch, step);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return failed(launch, "pdeathsig");
	/* We may have died before the line above: then no signal will come. */
	if (getppid() != launch->parent)
		return -1;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return failed(launch, "sigmask");
	execve(launch->path, launch->request->argv, launch->request->environ);
	return failed(launch, "exec");
}

static IN_CHILD int
child_main(void *argument)
{
	((struct launch *)argument)->has_begun = true;
	child_steps(argument);
	_exit(127);
}

static pid_t
clone_with_pidfd(
    int (*child)(void *), void *stack_top, int flags, void *argument, int *ret_pidfd)
{
	return clone(child, stack_top, flags, argument, ret_pidfd);
}

static const struct spawn_ops kernel_ops = { .clone = clone_with_pidfd };

static const char *
path_variable(char *const *environment)
{
	for (; *environment; environment++)
		if (strncmp(*environment, "PATH=", 5) == 0)
			return *environment + 5;
	return DEFAULT_PATH;
}

/* Return: 0, or the errno with which it cannot be executed. */
static int
check_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* Writes the first executable file @name along @search into @out. Return: 0, an errno.
 */
static int
find_program(const char *name, const char *search, char out[PATH_MAX])
{
	const size_t name_size = strlen(name) + 1;
	int error = ENOENT;

	if (name_size == 1)
		return ENOENT;
	for (;;) {
		size_t length = strcspn(search, ":");
		size_t start =
		    length > 0 ? length + 1 : 0; /* "": the working directory */

		if (start + name_size <= PATH_MAX) {
			int r;

			memcpy(out, search, length);
			if (length > 0)
				out[length] = '/';
			memcpy(out + start, name, name_size);
			r = check_program(out);
			if (r == 0)
				return 0;
			if (r == EACCES)
				error = EACCES;
		}
		if (search[length] == '\0')
			return error;
		search += length + 1;
	}
}

/* Ends and reaps a child by its pid, which stays its own until it is reaped. */
static void
discard(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/*
 * Into its cgroup from birth, because the kernel takes 10 ms and more to move a process
 * that is there already. clone3(2) with a stack of its own would need assembly; without
 * one the child has a copy of our memory, and the launch is in a page that is shared.
 *
 * Kernels exist (6.18 is one) that kill such a child before its first step once
 * cgroup.kill has been used in its cgroup: then there is no child, and -1 is returned.
 */
static pid_t
clone_into_cgroup(struct launch *launch, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP |
			 (unsigned)(CLONE_VFORK | CLONE_FILES | CLONE_PIDFD),
		.pidfd = (uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (unsigned)launch->request->limits->cgroup_fd,
	};
	struct launch *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (shared == MAP_FAILED)
		return -1;
	*shared = *launch;
	shared->is_in_cgroup = true;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		child_main(shared);
	launch->failure = shared->failure;
	if (pid > 0 && !shared->has_begun) {
		discard(pid);
		closep(ret_pidfd);
		*ret_pidfd = -1;
		pid = -1;
	}
	munmap(shared, sizeof(*shared));
	return pid;
}

/* clone() with every signal blocked, because the child begins with our handlers. */
static pid_t
clone_blocked(const struct spawn_ops *ops, struct launch *launch, int *ret_pidfd)
{
	char stack[STACK_SIZE] __attribute__((aligned(16)));
	const struct spawn_limits *limits = launch->request->limits;
	sigset_t all, old;
	pid_t pid = -1;
	int error;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &old) < 0)
		return -1;
	launch->parent = getpid();
	if (limits && limits->cgroup_fd >= 0 && ops == &kernel_ops)
		pid = clone_into_cgroup(launch, ret_pidfd);
	/* Else it moves by itself; that works, too, where a filter hides clone3(). */
	if (pid < 0)
		pid = ops->clone(child_main, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | SIGCHLD,
		    launch, ret_pidfd);
	error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return pid;
}

/* A child that becomes somebody else marks the memory as not to be dumped, and it has
 * ours. */
static pid_t
clone_keeping_dumpable(
    const struct spawn_ops *ops, struct launch *launch, int *ret_pidfd)
{
	bool dumpable = prctl(PR_GET_DUMPABLE) == 1;
	pid_t pid = clone_blocked(ops, launch, ret_pidfd);
	int error = errno;

	if (dumpable)
		(void)prctl(PR_SET_DUMPABLE, 1);
	errno = error;
	return pid;
}

void
spawn_discard(struct spawned *spawned)
{
	spawn_kill_group(spawned->pid);
	discard(spawned->pid);
	closep(&spawned->pidfd);
}

int
spawn_slots_open(struct spawn_slots *slots)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	*slots = (struct spawn_slots){ .null = null, .link = -1, .output = -1 };
	if (null < 0)
		return -errno;
	slots->link = fcntl(null, F_DUPFD_CLOEXEC, SPAWN_LINK_FD);
	slots->output = fcntl(null, F_DUPFD_CLOEXEC, SPAWN_LINK_FD);
	return slots->link < 0 || slots->output < 0 ? -errno : 0;
}

void
spawn_slots_close(struct spawn_slots *slots)
{
	closep(&slots->null);
	closep(&slots->link);
	closep(&slots->output);
}

static int
fill_slot(int fd, int slot)
{
	return fd < 0 ? fd : dup3(fd, slot, O_CLOEXEC);
}

static int
fill_slots(const struct spawn_request *request, struct launch *launch)
{
	const struct spawn_slots *slots = request->slots;

	if (!slots)
		return 0;
	launch->link_fd = fill_slot(request->link_fd, slots->link);
	launch->output_fd = fill_slot(request->output_fd, slots->output);
	return (request->link_fd >= 0 && launch->link_fd < 0) ||
		       (request->output_fd >= 0 && launch->output_fd < 0)
		   ? -errno
		   : 0;
}

/* A worker's end of its link that stayed open here would hide the worker's end. */
static void
empty_slots(const struct spawn_request *request)
{
	const struct spawn_slots *slots = request->slots;

	if (!slots)
		return;
	(void)dup3(slots->null, slots->link, O_CLOEXEC);
	(void)dup3(slots->null, slots->output, O_CLOEXEC);
}

static pid_t
clone_launch(const struct spawn_request *request, struct launch *launch, int *ret_pidfd)
{
	const struct spawn_ops *ops = request->ops ? request->ops : &kernel_ops;
	pid_t pid = -1;
	int error;

	if (fill_slots(request, launch) == 0)
		pid = request->limits && spawn_limits_change_identity(request->limits)
			  ? clone_keeping_dumpable(ops, launch, ret_pidfd)
			  : clone_blocked(ops, launch, ret_pidfd);
	error = errno;
	empty_slots(request);
	errno = error;
	return pid;
}

int
spawn_start(const struct spawn_request *request, struct spawned *ret_spawned,
    struct spawn_failure *ret_failure)
{
	struct launch launch = { .request = request,
		.path = request->argv[0],
		.link_fd = request->link_fd,
		.output_fd = request->output_fd };
	_cleanup_close_ int pidfd = -1;
	char path[PATH_MAX];
	pid_t pid;
	int r;

	if (!strchr(request->argv[0], '/')) {
		r = find_program(
		    request->argv[0], path_variable(request->environ), path);
		if (r != 0) {
			*ret_failure = (struct spawn_failure){ "exec", r };
			return SPAWN_E_FAILED;
		}
		launch.path = path;
	}
	pid = clone_launch(request, &launch, &pidfd);
	if (pid < 0) {
		*ret_failure = (struct spawn_failure){ "clone", errno };
		return SPAWN_E_FAILED;
	}
	if (!launch.failure.step && pidfd < 0)
		launch.failure = (struct spawn_failure){ "pidfd", ENOSYS };
	if (launch.failure.step) {
		discard(pid);
		*ret_failure = launch.failure;
		return SPAWN_E_FAILED;
	}
	*ret_spawned = (struct spawned){ .pid = pid, .pidfd = steal_fd(&pidfd) };
	return 0;
}

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
spawn_rss_bytes(pid_t pid)
{
	char text[128];
	int64_t pages;

	if (procfs_read(pid, "statm", text, sizeof(text)) < 0 ||
	    sscanf(text, "%*u %" SCNd64, &pages) != 1)
		return -1;
	return pages * sysconf(_SC_PAGESIZE);
}
