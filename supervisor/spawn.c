/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts processes. When and why is decided elsewhere; there is no state here.
 *
 * What a child does between clone() and exec, on our memory, is in spawn_child.c. As a
 * rule we stand still meanwhile (CLONE_VFORK); spawn_begin() does not, and everything
 * that its child reads is copied to where it stays. Whatever can be found out
 * beforehand (the path of the program) is, because a failed exec costs a process.
 */
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "supervisor/raw_call.h"

#define STACK_SIZE (64 * 1024)
#define AHEAD_STACK_SIZE (16 * 1024)
#define OWN_PROGRAMS "tradesup-"
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/** struct spawn_pending - a child that may still be on its way to its exec */
struct spawn_pending {
	struct spawn_launch launch;
	sigset_t altered;
	struct spawn_slots *slots;
	struct spawn_slot *slot; /* NULL: nobody is on the way */
	pid_t pid;
	char *copies; /* of argv and the environment; owned */
	size_t copies_room;
	char path[PATH_MAX];
	char stack[AHEAD_STACK_SIZE] __attribute__((aligned(16)));
};

static pid_t
clone_with_pidfd(
    int (*child)(void *), void *stack_top, int flags, void *argument, int *ret_pidfd)
{
	struct spawn_launch *launch = argument;

	return clone(child, stack_top, flags, argument, ret_pidfd, NULL, &launch->tid);
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
clone_into_cgroup(struct spawn_launch *launch, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP |
			 (unsigned)(CLONE_VFORK | CLONE_FILES | CLONE_PIDFD),
		.pidfd = (uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (unsigned)launch->limits->cgroup_fd,
	};
	struct spawn_launch *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (shared == MAP_FAILED)
		return -1;
	*shared = *launch;
	shared->is_in_cgroup = true;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		spawn_child_main(shared);
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

static pid_t
clone_and_wait(const struct spawn_ops *ops, struct spawn_launch *launch, int *ret_pidfd)
{
	char stack[STACK_SIZE] __attribute__((aligned(16)));
	const struct spawn_limits *limits = launch->limits;
	pid_t pid = -1;

	if (limits && limits->cgroup_fd >= 0 && ops == &kernel_ops)
		pid = clone_into_cgroup(launch, ret_pidfd);
	/* Else it moves by itself; that works, too, where a filter hides clone3(). */
	if (pid < 0)
		pid = ops->clone(spawn_child_main, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | SIGCHLD,
		    launch, ret_pidfd);
	return pid;
}

static pid_t
clone_and_go_on(
    const struct spawn_ops *ops, struct spawn_launch *launch, int *ret_pidfd)
{
	struct spawn_pending *pending = (struct spawn_pending *)launch;

	launch->tid = 1;
	return ops->clone(spawn_child_main, pending->stack + sizeof(pending->stack),
	    CLONE_VM | CLONE_FILES | CLONE_PIDFD | CLONE_CHILD_CLEARTID | SIGCHLD,
	    launch, ret_pidfd);
}

typedef pid_t (*clone_way)(
    const struct spawn_ops *ops, struct spawn_launch *launch, int *ret_pidfd);

/* clone() with every signal blocked, because the child begins with our handlers. */
static pid_t
clone_blocked(const struct spawn_ops *ops, clone_way way, struct spawn_launch *launch,
    int *ret_pidfd)
{
	sigset_t all, old;
	pid_t pid;
	int error;

	if (!ops)
		ops = &kernel_ops;
	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &old) < 0)
		return -1;
	launch->parent = getpid();
	pid = way(ops, launch, ret_pidfd);
	error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return pid;
}

/* A child that becomes somebody else marks the memory as not to be dumped, and it has
 * ours. */
static pid_t
clone_keeping_dumpable(
    const struct spawn_ops *ops, struct spawn_launch *launch, int *ret_pidfd)
{
	bool dumpable = prctl(PR_GET_DUMPABLE) == 1;
	pid_t pid = clone_blocked(ops, clone_and_wait, launch, ret_pidfd);
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

static int
open_slot(int null, struct spawn_slot *slot)
{
	slot->link = fcntl(null, F_DUPFD_CLOEXEC, SPAWN_LINK_FD);
	slot->output = fcntl(null, F_DUPFD_CLOEXEC, SPAWN_LINK_FD);
	return slot->link < 0 || slot->output < 0 ? -errno : 0;
}

int
spawn_slots_open(struct spawn_slots *slots)
{
	int r = 0;

	spawn_slots_init(slots);
	slots->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (slots->null < 0)
		return -errno;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(slots->slots); i++)
		r = open_slot(slots->null, &slots->slots[i]);
	return r;
}

void
spawn_slots_init(struct spawn_slots *slots)
{
	*slots = (struct spawn_slots){ .null = -1 };
	for (size_t i = 0; i < ARRAY_SIZE(slots->slots); i++)
		slots->slots[i] = (struct spawn_slot){ -1, -1, NULL };
}

void
spawn_slots_close(struct spawn_slots *slots)
{
	closep(&slots->null);
	for (size_t i = 0; i < ARRAY_SIZE(slots->slots); i++) {
		struct spawn_slot *slot = &slots->slots[i];

		closep(&slot->link);
		closep(&slot->output);
		if (slot->pending)
			free(slot->pending->copies);
		free(slot->pending);
		slot->pending = NULL;
	}
}

void
spawn_altered_signals(sigset_t *ret_altered)
{
	struct sigaction action;

	sigemptyset(ret_altered);
	for (int number = 1; number < NSIG; number++)
		if (sigaction(number, NULL, &action) == 0 &&
		    ((action.sa_flags & SA_SIGINFO) || action.sa_handler != SIG_DFL))
			sigaddset(ret_altered, number);
}

static int
fill_number(int fd, int number)
{
	return fd < 0 ? fd : dup3(fd, number, O_CLOEXEC);
}

static int
fill_slot(const struct spawn_request *request, const struct spawn_slot *slot,
    struct spawn_launch *launch)
{
	launch->null_fd = request->slots->null;
	launch->link_fd = fill_number(request->link_fd, slot->link);
	launch->output_fd = fill_number(request->output_fd, slot->output);
	return (request->link_fd >= 0 && launch->link_fd < 0) ||
		       (request->output_fd >= 0 && launch->output_fd < 0)
		   ? -errno
		   : 0;
}

/* A worker's end of its link that stayed open here would hide the worker's end. */
static void
empty_slot(const struct spawn_slots *slots, const struct spawn_slot *slot)
{
	(void)dup3(slots->null, slot->link, O_CLOEXEC);
	(void)dup3(slots->null, slot->output, O_CLOEXEC);
}

static pid_t
clone_launch(
    const struct spawn_request *request, struct spawn_launch *launch, int *ret_pidfd)
{
	struct spawn_slot *slot = request->slots ? &request->slots->slots[0] : NULL;
	pid_t pid = -1;
	int error;

	if (!slot || fill_slot(request, slot, launch) == 0)
		pid = request->limits && spawn_limits_change_identity(request->limits)
			  ? clone_keeping_dumpable(request->ops, launch, ret_pidfd)
			  : clone_blocked(
				request->ops, clone_and_wait, launch, ret_pidfd);
	error = errno;
	if (slot)
		empty_slot(request->slots, slot);
	errno = error;
	return pid;
}

/* Our own programs are no commands for a shell, so no PATH has them. */
static bool
find_own_program(const char *name, char out[PATH_MAX])
{
	_cleanup_free_ char *path = NULL;

	if (strncmp(name, OWN_PROGRAMS, strlen(OWN_PROGRAMS)) != 0)
		return false;
	path = path_program("", name);
	if (!path || strlen(path) >= PATH_MAX || check_program(path) != 0)
		return false;
	strcpy(out, path);
	return true;
}

/* Where its program is, in @room if it has to be looked for. Return: NULL and
 * @ret_failure. */
static const char *
program_of(const struct spawn_request *request, char room[PATH_MAX],
    struct spawn_failure *ret_failure)
{
	int error;

	if (strchr(request->argv[0], '/'))
		return request->argv[0];
	error = find_program(request->argv[0], path_variable(request->environ), room);
	if (error == 0 || find_own_program(request->argv[0], room))
		return room;
	*ret_failure = (struct spawn_failure){ "exec", error };
	return NULL;
}

/* The child has reached its program, or failed: which? */
static int
judge_launch(
    const struct spawn_launch *launch, pid_t pid, struct spawn_failure *ret_failure)
{
	if (!launch->failure.step)
		return 0;
	*ret_failure = launch->failure;
	discard(pid);
	return SPAWN_E_FAILED;
}

int
spawn_start(const struct spawn_request *request, struct spawned *ret_spawned,
    struct spawn_failure *ret_failure)
{
	struct spawn_launch launch = { .argv = request->argv,
		.environ = request->environ,
		.limits = request->limits,
		.altered = request->altered,
		.link_fd = request->link_fd,
		.output_fd = request->output_fd,
		.text_fd = request->text_fd,
		.null_fd = -1 };
	_cleanup_close_ int pidfd = -1;
	char path[PATH_MAX];
	pid_t pid;

	launch.path = program_of(request, path, ret_failure);
	if (!launch.path)
		return SPAWN_E_FAILED;
	pid = clone_launch(request, &launch, &pidfd);
	if (pid < 0) {
		*ret_failure = (struct spawn_failure){ "clone", errno };
		return SPAWN_E_FAILED;
	}
	if (!launch.failure.step && pidfd < 0)
		launch.failure = (struct spawn_failure){ "pidfd", ENOSYS };
	if (judge_launch(&launch, pid, ret_failure) != 0)
		return SPAWN_E_FAILED;
	*ret_spawned = (struct spawned){ .pid = pid, .pidfd = steal_fd(&pidfd) };
	return 0;
}

/* Starts that are not waited for. */

static size_t
count_strings(char *const *strings, size_t *bytes)
{
	size_t n = 0;

	for (; strings[n]; n++)
		*bytes += strlen(strings[n]) + 1;
	return n + 1;
}

static char *const *
copy_strings(char *const *strings, char ***pointers, char **text)
{
	char **first = *pointers;

	for (; *strings; strings++) {
		*(*pointers)++ = *text;
		*text = stpcpy(*text, *strings) + 1;
	}
	*(*pointers)++ = NULL;
	return first;
}

/* What the caller has may change before the child has read it. */
static int
copy_request(struct spawn_pending *pending, const struct spawn_request *request)
{
	size_t bytes = 0, n = count_strings(request->argv, &bytes);
	char **pointers, *text;

	n += count_strings(request->environ, &bytes);
	bytes += n * sizeof(char *);
	if (bytes > pending->copies_room) {
		char *room = realloc(pending->copies, bytes);

		if (!room)
			return -ENOMEM;
		pending->copies = room;
		pending->copies_room = bytes;
	}
	pointers = (char **)(void *)pending->copies;
	text = (char *)(pointers + n);
	pending->altered = *request->altered;
	pending->launch = (struct spawn_launch){ .altered = &pending->altered };
	pending->launch.argv = copy_strings(request->argv, &pointers, &text);
	pending->launch.environ = copy_strings(request->environ, &pointers, &text);
	pending->launch.path =
	    strchr(request->argv[0], '/') ? pending->launch.argv[0] : pending->path;
	return 0;
}

/* Return: NULL if there is none, or no memory. */
static struct spawn_slot *
free_slot(struct spawn_slots *slots)
{
	for (size_t i = 1; i < ARRAY_SIZE(slots->slots); i++) {
		struct spawn_slot *slot = &slots->slots[i];

		if (!slot->pending)
			slot->pending = calloc(1, sizeof(*slot->pending));
		if (!slot->pending || !slot->pending->slot)
			return slot->pending ? slot : NULL;
	}
	return NULL;
}

int
spawn_begin(const struct spawn_request *request, struct spawned *ret_spawned,
    struct spawn_pending **ret_pending, struct spawn_failure *ret_failure)
{
	struct spawn_slots *slots = request->slots;
	struct spawn_slot *slot;
	struct spawn_pending *pending;
	int pidfd = -1;

	/* Limits have steps that change errno, and a text is closed by a reload. */
	if (!RAW_CALL_IS_RAW || request->limits || !request->altered ||
	    request->text_fd > 0)
		return SPAWN_E_WAIT;
	slot = free_slot(slots);
	if (!slot || copy_request(slot->pending, request) < 0)
		return SPAWN_E_WAIT;
	if (!program_of(request, slot->pending->path, ret_failure))
		return SPAWN_E_FAILED;
	pending = slot->pending;
	if (fill_slot(request, slot, &pending->launch) == 0)
		pending->pid = clone_blocked(
		    request->ops, clone_and_go_on, &pending->launch, &pidfd);
	else
		pending->pid = -1;
	if (pending->pid < 0) {
		*ret_failure = (struct spawn_failure){ "clone", errno };
		empty_slot(slots, slot);
		return SPAWN_E_FAILED;
	}
	pending->slots = slots;
	pending->slot = slot;
	*ret_spawned = (struct spawned){ .pid = pending->pid, .pidfd = pidfd };
	*ret_pending = pending;
	return 0;
}

int
spawn_settle(struct spawn_pending *pending, struct spawn_failure *ret_failure)
{
	int tid;

	/* The kernel's own wake-up is not a private one. */
	while ((tid = __atomic_load_n(&pending->launch.tid, __ATOMIC_ACQUIRE)) != 0)
		(void)syscall(
		    SYS_futex, &pending->launch.tid, FUTEX_WAIT, tid, NULL, NULL, 0);
	empty_slot(pending->slots, pending->slot);
	pending->slot = NULL;
	return judge_launch(&pending->launch, pending->pid, ret_failure);
}
