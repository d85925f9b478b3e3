/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/spawn.c with real processes. They are waited for through their
 * pidfds or through the end of their output, never by time.
 */
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sys/mman.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

/* execve(2) takes no const for historical reasons, and changes nothing. */
#define STRINGS(...) ((char *const *)(const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) STRINGS("sh", "-c", script)

static const char *const environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin",
	SPAWN_WORKER_ENV "=flow", SPAWN_LIFE_ENV "=7", NULL };

static struct spawned
start_limited(
    char *const *argv, int link_fd, int output_fd, const struct spawn_limits *limits)
{
	const struct spawn_request request = { .argv = argv,
		.environ = (char *const *)environment,
		.link_fd = link_fd,
		.output_fd = output_fd,
		.limits = limits };
	struct spawn_failure failure = { "", 0 };
	struct spawned spawned = { 0, -1 };
	int r = spawn_start(&request, &spawned, &failure);

	ck_assert_msg(r == 0, "%s: %s", failure.step, strerror(failure.error));
	ck_assert(fcntl(spawned.pidfd, F_GETFD) & FD_CLOEXEC);
	return spawned;
}

static struct spawned
start(char *const *argv, int link_fd, int output_fd)
{
	return start_limited(argv, link_fd, output_fd, NULL);
}

static void
wait_until_ended(const struct spawned *spawned)
{
	struct pollfd ended = { .fd = spawned->pidfd, .events = POLLIN };

	ck_assert_int_eq(poll(&ended, 1, -1), 1);
}

static struct exit_reason
finish(struct spawned *spawned)
{
	struct exit_reason reason;

	wait_until_ended(spawned);
	ck_assert_int_eq(spawn_reap(spawned, &reason), 0);
	close(spawned->pidfd);
	return reason;
}

/* Reads until nobody holds the other end any more. */
static void
read_all(int fd, char *out, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, out + length, size - 1 - length)) > 0)
		length += (size_t)n;
	ck_assert_int_eq(n, 0);
	out[length] = '\0';
	close(fd);
}

static struct exit_reason
run(char *const *argv, int link_fd, char *output, size_t size)
{
	struct spawned spawned;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	spawned = start(argv, link_fd, fds[1]);
	close(fds[1]);
	read_all(fds[0], output, size);
	return finish(&spawned);
}

static int
count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
assert_no_child(void)
{
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}

static const struct end_case {
	const char *script;
	int status, signal;
} end_cases[] = {
	{ "exit 0", 0, 0 },
	{ "exit 3", 3, 0 },
	{ "exit 127", 127, 0 },
	{ "kill -SEGV $$", -1, SIGSEGV },
	{ "kill -KILL $$", -1, SIGKILL },
};

START_TEST(decodes_how_it_ended)
{
	const struct end_case *c = &end_cases[_i];
	struct spawned spawned = start(SHELL(c->script), -1, -1);
	struct exit_reason reason = finish(&spawned);

	ck_assert_msg(
	    reason.status == c->status && reason.signal == c->signal, "%s", c->script);
	ck_assert_int_ge(reason.cpu_us, 0);
	ck_assert_int_gt(reason.rss_max_kib, 0);
	ck_assert_int_eq(exit_is_normal(&reason), c->status == 0);
}
END_TEST

static const struct failure_case {
	const char *what, *program, *path;
	int error;
} failure_cases[] = {
	{ "no such name", "tradesup-no-such-program", "PATH=/usr/bin:/bin", ENOENT },
	{ "no such path", "/no/such/program", "PATH=/bin", ENOENT },
	{ "a directory", "/usr", "PATH=/bin", EACCES },
	{ "a directory in PATH", "bin", "PATH=/usr", EACCES },
	{ "not executable", "./plain", "PATH=/bin", EACCES },
	{ "not executable in PATH", "plain", "PATH=/bin:.", EACCES },
	{ "not executable, none after it", "plain", "PATH=.:/bin", EACCES },
	{ "empty name", "", "PATH=/bin", ENOENT },
	{ "empty PATH", "sh", "PATH=", ENOENT },
	{ "a format of no system", "./unknown-format", "PATH=/bin", ENOEXEC },
	{ "in the working directory", "unknown-format", "PATH=/bin:", ENOEXEC },
};

START_TEST(reports_a_failed_exec)
{
	const struct failure_case *c = &failure_cases[_i];
	const struct spawn_request request = {
		.argv = STRINGS(c->program),
		.environ = STRINGS(c->path),
		.link_fd = -1,
		.output_fd = -1,
	};
	struct spawn_failure failure = { "", 0 };
	struct spawned spawned = { 0, -1 };
	char directory[] = "/tmp/test_spawn.XXXXXX";
	_cleanup_close_ int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int before = count_descriptors();
	int r;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	close(open("unknown-format", O_WRONLY | O_CREAT | O_CLOEXEC, 0700));
	close(open("plain", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	r = spawn_start(&request, &spawned, &failure);
	unlink("unknown-format");
	unlink("plain");
	ck_assert_int_eq(fchdir(back), 0);
	rmdir(directory);

	ck_assert_msg(r == SPAWN_E_FAILED, "%s: started", c->what);
	ck_assert_str_eq(failure.step, "exec");
	ck_assert_msg(
	    failure.error == c->error, "%s: %s", c->what, strerror(failure.error));
	ck_assert_int_eq(spawned.pidfd, -1);
	ck_assert_int_eq(count_descriptors(), before);
	assert_no_child();
}
END_TEST

static int clone_error;

static pid_t
failing_clone(
    int (*child)(void *), void *stack_top, int flags, void *argument, int *ret_pidfd)
{
	(void)child, (void)stack_top, (void)flags, (void)argument, (void)ret_pidfd;
	errno = clone_error;
	return -1;
}

/* As a kernel does that does not know CLONE_PIDFD. */
static pid_t
clone_without_pidfd(
    int (*child)(void *), void *stack_top, int flags, void *argument, int *ret_pidfd)
{
	(void)ret_pidfd;
	return clone(child, stack_top, flags & ~CLONE_PIDFD, argument);
}

static const struct spawn_ops failing_ops = { failing_clone };
static const struct spawn_ops old_kernel_ops = { clone_without_pidfd };

static const struct clone_case {
	const struct spawn_ops *ops;
	const char *step;
	int error;
} clone_cases[] = {
	{ &failing_ops, "clone", EAGAIN },
	{ &failing_ops, "clone", ENOMEM },
	{ &failing_ops, "clone", EMFILE },
	{ &old_kernel_ops, "pidfd", ENOSYS },
};

START_TEST(reports_a_failed_clone)
{
	const struct clone_case *c = &clone_cases[_i];
	const struct spawn_request request = { .argv = SHELL("exec sleep 1000"),
		.environ = (char *const *)environment,
		.link_fd = -1,
		.output_fd = -1,
		.ops = c->ops };
	struct spawn_failure failure = { "", 0 };
	struct spawned spawned = { 0, -1 };
	sigset_t mask;

	clone_error = c->error;
	ck_assert_int_eq(spawn_start(&request, &spawned, &failure), SPAWN_E_FAILED);
	ck_assert_str_eq(failure.step, c->step);
	ck_assert_int_eq(failure.error, c->error);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, NULL, &mask), 0);
	ck_assert_int_eq(sigisemptyset(&mask), 1);
	assert_no_child();
}
END_TEST

/* Starts that are not waited for. */

struct ahead {
	struct spawn_slots slots;
	sigset_t altered;
	struct spawn_failure failure;
};

static struct ahead
open_ahead(void)
{
	struct ahead ahead = { .failure = { NULL, 0 } };

	ck_assert_int_eq(spawn_slots_open(&ahead.slots), 0);
	spawn_altered_signals(&ahead.altered);
	return ahead;
}

static int
begin(struct ahead *ahead, char *const *argv, int output_fd,
    struct spawned *ret_spawned, struct spawn_pending **ret_pending)
{
	return spawn_begin(&(struct spawn_request){ .argv = argv,
			       .environ = (char *const *)environment,
			       .slots = &ahead->slots,
			       .altered = &ahead->altered,
			       .link_fd = -1,
			       .output_fd = output_fd },
	    ret_spawned, ret_pending, &ahead->failure);
}

START_TEST(starts_several_without_waiting)
{
	struct ahead ahead = open_ahead();
	struct spawn_pending *pending[SPAWN_AHEAD_MAX], *none;
	struct spawned spawned[SPAWN_AHEAD_MAX], more;
	struct spawn_failure failure;
	char script[32], *argv[] = { (char *)"sh", (char *)"-c", script, NULL };
	int fds[2];
	char output[16];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	/* What a request points to may change at once. */
	for (int i = 0; i < SPAWN_AHEAD_MAX; i++) {
		snprintf(script, sizeof(script), "printf x; exit %d", 10 + i);
		ck_assert_int_eq(
		    begin(&ahead, argv, fds[1], &spawned[i], &pending[i]), 0);
	}
	memset(script, 'X', sizeof(script) - 1);
	ck_assert_int_eq(begin(&ahead, argv, -1, &more, &none), SPAWN_E_WAIT);
	for (int i = 0; i < SPAWN_AHEAD_MAX; i++) {
		ck_assert_int_eq(spawn_settle(pending[i], &failure), 0);
		ck_assert_int_eq(finish(&spawned[i]).status, 10 + i);
	}
	close(fds[1]);
	read_all(fds[0], output, sizeof(output));
	ck_assert_str_eq(output, "xxxx");
	spawn_slots_close(&ahead.slots);
	assert_no_child();
}
END_TEST

START_TEST(tells_later_that_an_exec_failed)
{
	struct ahead ahead = open_ahead();
	struct spawn_pending *pending;
	struct spawn_failure failure = { NULL, 0 };
	struct spawned spawned;

	ck_assert_int_eq(
	    begin(&ahead, STRINGS("/dev/null"), -1, &spawned, &pending), 0);
	ck_assert_int_eq(spawn_settle(pending, &failure), SPAWN_E_FAILED);
	ck_assert_str_eq(failure.step, "exec");
	ck_assert_int_eq(failure.error, EACCES);
	close(spawned.pidfd);
	assert_no_child();
	ck_assert_int_eq(
	    begin(&ahead, STRINGS("no-such-program"), -1, &spawned, &pending),
	    SPAWN_E_FAILED);
	ck_assert_int_eq(ahead.failure.error, ENOENT);
	/* The place is free again. */
	ck_assert_int_eq(begin(&ahead, SHELL("exit 3"), -1, &spawned, &pending), 0);
	ck_assert_int_eq(spawn_settle(pending, &failure), 0);
	ck_assert_int_eq(finish(&spawned).status, 3);
	spawn_slots_close(&ahead.slots);
}
END_TEST

/* Only what we have altered is reset: it must be found, however it was altered. */
START_TEST(finds_the_signals_that_are_not_at_their_default)
{
	struct ahead ahead;
	struct spawn_pending *pending;
	struct spawn_failure failure;
	struct spawned spawned;
	char output[256];
	int fds[2];

	signal(SIGUSR2, SIG_IGN);
	ahead = open_ahead();
	ck_assert_int_eq(sigismember(&ahead.altered, SIGUSR2), 1);
	ck_assert_int_eq(sigismember(&ahead.altered, SIGUSR1), 0);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(begin(&ahead, SHELL("grep SigIgn /proc/self/status"), fds[1],
			     &spawned, &pending),
	    0);
	ck_assert_int_eq(spawn_settle(pending, &failure), 0);
	close(fds[1]);
	read_all(fds[0], output, sizeof(output));
	ck_assert_str_eq(output, "SigIgn:\t0000000000000000\n");
	ck_assert_int_eq(finish(&spawned).status, 0);
	spawn_slots_close(&ahead.slots);
	signal(SIGUSR2, SIG_DFL);
}
END_TEST

/* The shell itself holds none; the redirection of the loop's test does not last. */
static const char list_descriptors[] = "for f in 0 1 2 3 4 5 6 7 8 9 20; do "
				       "[ -e /proc/$$/fd/$f ] && printf '%s ' $f; done";

static const struct descriptor_case {
	const char *what;
	bool has_link;
	const char *expected;
} descriptor_cases[] = {
	{ "with a link", true, "0 1 2 3 " },
	{ "without a link", false, "0 1 2 " },
};

START_TEST(closes_every_other_descriptor)
{
	const struct descriptor_case *c = &descriptor_cases[_i];
	int link = c->has_link ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
	int stray = fcntl(STDIN_FILENO, F_DUPFD, 20); /* not close-on-exec */
	char output[256];

	ck_assert_int_eq(stray, 20);
	run(SHELL(list_descriptors), link, output, sizeof(output));
	close(stray);
	if (link >= 0)
		close(link);
	ck_assert_msg(strcmp(output, c->expected) == 0, "%s: %s", c->what, output);
}
END_TEST

/* Whatever numbers the two have, they arrive where they belong. */
static const struct {
	int link, output;
} number_cases[] = { { 3, 20 }, { 0, 20 }, { 1, 20 }, { 2, 3 }, { 20, 3 }, { 3, 0 },
	{ 1, 2 }, { 20, 1 } };

/* Check itself reports through one of these descriptors: no assertion in between. */
static int
start_with_numbers(const struct spawn_request *request, int link, int output,
    struct spawned *ret_spawned)
{
	struct spawn_failure failure;
	int saved[4];
	int r;

	for (int fd = 0; fd < 4; fd++)
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 30);
	dup3(link, request->link_fd, O_CLOEXEC);
	dup3(output, request->output_fd, O_CLOEXEC);
	r = spawn_start(request, ret_spawned, &failure);
	for (int fd = 0; fd < 4; fd++) {
		close(fd);
		if (saved[fd] >= 0) {
			dup2(saved[fd], fd);
			close(saved[fd]);
		}
	}
	return r;
}

static int
move_above(int fd, int least)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, least);

	close(fd);
	return moved;
}

/* With the link and without it, from a low number and from a high one. */
START_TEST(hands_on_a_text_that_stays_where_it_is)
{
	const int has_link = _i % 2, numbers[] = { 0, 60 };
	const char *const argv[] = { "sh", "-c",
		has_link ? "cat <&4; ls /proc/self/fd" : "cat <&3; ls /proc/self/fd",
		NULL };
	struct spawn_request request = { .argv = (char *const *)argv,
		.environ = (char *const *)environment,
		.link_fd = -1 };
	struct spawn_failure failure;
	struct spawned spawned;
	int link[2], output[2], text_fd = memfd_create("text", MFD_CLOEXEC);
	char text[128];

	ck_assert_int_eq(pipe2(link, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(output, O_CLOEXEC), 0);
	text_fd = move_above(text_fd, numbers[_i / 2]);
	ck_assert_int_eq(pwrite(text_fd, "the text\n", 9, 0), 9);
	if (has_link)
		request.link_fd = link[0];
	request.output_fd = output[1];
	request.text_fd = text_fd;
	ck_assert_int_eq(spawn_text_number(&request), has_link ? 4 : 3);
	ck_assert_int_eq(spawn_start(&request, &spawned, &failure), 0);
	close(output[1]);
	read_all(output[0], text, sizeof(text));
	finish(&spawned);
	/* Itself has the directory open besides. */
	ck_assert_str_eq(text,
	    has_link ? "the text\n0\n1\n2\n3\n4\n5\n" : "the text\n0\n1\n2\n3\n4\n");
	close(text_fd);
	close(link[0]);
	close(link[1]);
	close(output[0]);
}
END_TEST

START_TEST(moves_descriptors_out_of_the_way)
{
	const struct spawn_request request = {
		.argv = SHELL("read line <&3; echo \"$line\"; echo error >&2"),
		.environ = (char *const *)environment,
		.link_fd = number_cases[_i].link,
		.output_fd = number_cases[_i].output,
	};
	struct spawned spawned = { 0, -1 };
	int link[2], output[2];
	char text[64];

	ck_assert_int_eq(pipe2(link, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(output, O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++) {
		link[i] = move_above(link[i], 40);
		output[i] = move_above(output[i], 40);
	}
	ck_assert_int_eq(write(link[1], "hello\n", 6), 6);
	close(link[1]);
	ck_assert_int_eq(start_with_numbers(&request, link[0], output[1], &spawned), 0);
	close(20);
	close(link[0]);
	close(output[1]);
	read_all(output[0], text, sizeof(text));
	finish(&spawned);
	ck_assert_str_eq(text, "hello\nerror\n");
}
END_TEST

static void
on_signal(int number)
{
	(void)number;
}

START_TEST(resets_mask_and_dispositions)
{
	static const char *const none[] = { "SigPnd", "SigBlk", "SigIgn", "SigCgt" };
	sigset_t mask, old;
	char output[8192], expected[64];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, on_signal);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_BLOCK, &mask, &old);
	run(STRINGS("cat", "/proc/self/status"), -1, output, sizeof(output));
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, &old, &mask), 0);
	ck_assert_int_eq(sigismember(&mask, SIGUSR2), 1);
	ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
	ck_assert(signal(SIGPIPE, SIG_DFL) == SIG_IGN);
	ck_assert(signal(SIGHUP, SIG_DFL) == SIG_IGN);
	ck_assert(signal(SIGUSR1, SIG_DFL) == on_signal);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		snprintf(
		    expected, sizeof(expected), "\n%s:\t0000000000000000\n", none[i]);
		ck_assert_msg(strstr(output, expected), "%s: %s", none[i], output);
	}
}
END_TEST

START_TEST(gives_a_session_and_an_environment)
{
	char output[256], expected[256];
	struct spawned spawned;
	int link[2], fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link), 0);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	spawned = start(SHELL("read go <&3; cut -d' ' -f 5,6 /proc/$$/stat; env | grep "
			      "'^TRADESUP' | sort; cat"),
	    link[1], fds[1]);
	close(link[1]);
	close(fds[1]);
	ck_assert_int_eq(getsid(spawned.pid), spawned.pid);
	ck_assert_int_eq(getpgid(spawned.pid), spawned.pid);
	ck_assert_int_eq(write(link[0], "go\n", 3), 3);
	read_all(fds[0], output, sizeof(output));
	finish(&spawned);
	close(link[0]);
	snprintf(expected, sizeof(expected),
	    "%d %d\nTRADESUP_LIFE=7\nTRADESUP_WORKER=flow\n", (int)spawned.pid,
	    (int)spawned.pid);
	ck_assert_str_eq(output, expected);
}
END_TEST

START_TEST(signals_through_the_pidfd)
{
	struct exit_reason reason = { .status = 42 };
	struct spawned spawned = start(SHELL("exec sleep 1000"), -1, -1);

	ck_assert_int_eq(spawn_reap(&spawned, &reason), SPAWN_E_RUNNING);
	ck_assert_int_eq(reason.status, 42);
	ck_assert_int_eq(spawn_signal(spawned.pidfd, SIGTERM), 0);
	wait_until_ended(&spawned);
	ck_assert_int_eq(spawn_signal(spawned.pidfd, SIGTERM), 0);
	ck_assert_int_eq(spawn_reap(&spawned, &reason), 0);
	ck_assert_int_eq(reason.signal, SIGTERM);
	ck_assert_int_eq(spawn_signal(spawned.pidfd, SIGTERM), -ESRCH);
	ck_assert_int_eq(spawn_reap(&spawned, &reason), -ECHILD);
	close(spawned.pidfd);
}
END_TEST

START_TEST(ends_with_its_parent)
{
	char text[16];
	int fds[2];
	pid_t parent;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		start(SHELL("echo up; exec sleep 1000"), -1, fds[1]);
		close(fds[1]);
		pause();
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], text, 3), 3);
	kill(parent, SIGKILL);
	ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
	read_all(fds[0], text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(kills_what_is_left_of_a_group)
{
	struct spawned spawned;
	char text[16];
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	spawned = start(SHELL("sleep 1000 & exit 0"), -1, fds[1]);
	close(fds[1]);
	wait_until_ended(&spawned);
	spawn_kill_group(spawned.pid);
	finish(&spawned);
	read_all(fds[0], text, sizeof(text));
	spawn_kill_group(0);
	spawn_kill_group(1);
}
END_TEST

struct sweep_state {
	pid_t own;
	bool is_wanted;
	int asked;
	char worker[32], life[32];
};

static bool
is_own_child(pid_t pid, void *data)
{
	const struct sweep_state *state = data;

	return pid == state->own;
}

static bool
is_wanted(const struct spawn_orphan *orphan, void *data)
{
	struct sweep_state *state = data;

	state->asked++;
	snprintf(state->worker, sizeof(state->worker), "%s", orphan->worker);
	snprintf(state->life, sizeof(state->life), "%s", orphan->life);
	return state->is_wanted;
}

/* Blocks until a child has ended, and leaves it to be waited for. */
static void
wait_for_any_child(void)
{
	siginfo_t info;

	ck_assert_int_eq(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
}

static const struct orphan_case {
	const char *what, *script, *worker, *life;
} orphan_cases[] = {
	{ "double fork and a session of its own",
	    "(trap '' TERM; exec setsid sleep 1000) & echo", "flow", "7" },
	{ "without an environment", "env -i /bin/sleep 1000 & echo", "", "" },
};

START_TEST(sweeps_orphans)
{
	const struct orphan_case *c = &orphan_cases[_i];
	struct sweep_state state = { .is_wanted = true };
	const struct spawn_sweep sweep = { is_own_child, is_wanted, &state };
	struct spawned spawned;
	char text[16];
	int fds[2];

	ck_assert_int_eq(spawn_become_subreaper(), 0);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	spawned = start(SHELL(c->script), -1, fds[1]);
	close(fds[1]);
	state.own = spawned.pid;
	wait_until_ended(&spawned);

	/* It is seen in its own time: one program replaces another until it sleeps. */
	do
		spawn_sweep_orphans(&sweep);
	while (state.asked == 0 || strcmp(state.worker, c->worker) != 0);
	ck_assert_str_eq(state.life, c->life);
	/* The wait status of our own is still there. */
	finish(&spawned);

	state.is_wanted = false;
	state.asked = 0;
	do
		ck_assert_int_le(spawn_sweep_orphans(&sweep), 1);
	while (state.asked == 0);
	read_all(fds[0], text, sizeof(text));
	wait_for_any_child();
	ck_assert_int_eq(spawn_sweep_orphans(&sweep), 0);
	assert_no_child();
	ck_assert_int_eq(spawn_sweep_orphans(&sweep), 0);
}
END_TEST

#define SOMEBODY 65534

static gid_t somebodys_groups[] = { SOMEBODY, SOMEBODY - 1 };

#define NO_NICE .nice = CONFIG_UNSET
#define NO_UMASK .umask = CONFIG_UNSET
#define OURSELVES .uid = (uid_t)-1, .gid = (gid_t)-1
#define SOMEBODYS_GROUPS                                                               \
	.gid = SOMEBODY, .groups = somebodys_groups,                                   \
	.n_groups = ARRAY_SIZE(somebodys_groups)

static const struct limit_case {
	const char *script, *expected;
	bool needs_root;
	struct config_limits limits;
} limit_cases[] = {
	{ "ulimit -Sn; ulimit -Hn", "64\n64\n", false,
	    { NO_NICE, NO_UMASK, OURSELVES, .nofile = 64 } },
	{ "nice", "7\n", false, { NO_UMASK, OURSELVES, .nice = 7 } },
	{ "umask", "0027\n", false, { NO_NICE, OURSELVES, .umask = 027 } },
	{ "umask", "0000\n", false, { NO_NICE, OURSELVES, .umask = 0 } },
	{ "pwd -P", "/proc\n", false,
	    { NO_NICE, NO_UMASK, OURSELVES, .chdir = (char[]){ "/proc" } } },
	{ "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1\n", false,
	    { NO_NICE, NO_UMASK, OURSELVES, .no_new_privs = true } },
	{ "id -u; id -g; id -G; grep CapEff /proc/self/status",
	    "65534\n65534\n65534 65533\nCapEff:\t0000000000000000\n", true,
	    { NO_NICE, NO_UMASK, SOMEBODYS_GROUPS, .uid = SOMEBODY } },
	{ "id -u; id -G", "0\n65534 65533\n", true,
	    { NO_NICE, NO_UMASK, .uid = (uid_t)-1, SOMEBODYS_GROUPS } },
	{ "id -u; nice; ulimit -n; pwd -P; umask", "65534\n-3\n32\n/proc\n0077\n", true,
	    { SOMEBODYS_GROUPS, .uid = SOMEBODY, .nice = -3, .nofile = 32,
		.chdir = (char[]){ "/proc" }, .umask = 077, .no_new_privs = true } },
};

START_TEST(applies_limits)
{
	const struct limit_case *c = &limit_cases[_i];
	const struct spawn_limits limits = { &c->limits, -1 };
	const uid_t uid = geteuid();
	mode_t mask = umask(022);
	struct spawned spawned;
	char output[256];
	int fds[2];

	umask(mask);
	if (c->needs_root && uid != 0)
		return;
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	spawned = start_limited(SHELL(c->script), -1, fds[1], &limits);
	close(fds[1]);
	read_all(fds[0], output, sizeof(output));
	ck_assert_int_eq(finish(&spawned).status, 0);
	ck_assert_str_eq(output, c->expected);

	/* Ours is as it was, although the memory was the same. */
	ck_assert_uint_eq(umask(mask), mask);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 1);
	ck_assert_uint_eq(geteuid(), uid);
}
END_TEST

static const struct limit_failure_case {
	const char *step;
	int error;
	bool wants_root, wants_cgroup;
	struct config_limits limits;
} limit_failure_cases[] = {
	{ "chdir", ENOENT, false, false,
	    { NO_NICE, NO_UMASK, OURSELVES, .chdir = (char[]){ "/no/such/place" } } },
	{ "nofile", EPERM, false, false,
	    { NO_NICE, NO_UMASK, OURSELVES, .nofile = 1 << 30 } },
	{ "cgroup", ENOENT, false, true, { NO_NICE, NO_UMASK, OURSELVES } },
	{ "chdir", EACCES, true, false,
	    { NO_NICE, NO_UMASK, SOMEBODYS_GROUPS, .uid = SOMEBODY,
		.chdir = (char[]){ "/root" } } },
};

START_TEST(reports_a_limit_that_cannot_be_set)
{
	const struct limit_failure_case *c = &limit_failure_cases[_i];
	_cleanup_close_ int here = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct spawn_limits limits = { &c->limits, c->wants_cgroup ? here : -1 };
	const struct spawn_request request = {
		.argv = SHELL("exit 0"),
		.environ = (char *const *)environment,
		.link_fd = -1,
		.output_fd = -1,
		.limits = &limits,
	};
	struct spawn_failure failure = { "", 0 };
	struct spawned spawned = { 0, -1 };

	if (c->wants_root && geteuid() != 0)
		return;
	ck_assert_int_eq(spawn_start(&request, &spawned, &failure), SPAWN_E_FAILED);
	ck_assert_str_eq(failure.step, c->step);
	ck_assert_int_eq(failure.error, c->error);
	assert_no_child();
}
END_TEST

/* Becoming somebody else clears PR_SET_PDEATHSIG. */
START_TEST(somebody_else_ends_with_its_parent_too)
{
	const struct config_limits config = { NO_NICE, NO_UMASK, SOMEBODYS_GROUPS,
		.uid = SOMEBODY };
	const struct spawn_limits limits = { &config, -1 };
	char text[16];
	int fds[2];
	pid_t parent;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		start_limited(SHELL("echo up; exec sleep 1000"), -1, fds[1], &limits);
		close(fds[1]);
		pause();
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], text, 3), 3);
	kill(parent, SIGKILL);
	ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
	read_all(fds[0], text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(tells_resident_memory)
{
	ck_assert_int_gt(spawn_rss_bytes(getpid()), 100 * 1024);
	ck_assert_int_eq(spawn_rss_bytes(-1), -1);
}
END_TEST

START_TEST(leaks_no_descriptor)
{
	int before = count_descriptors();
	char text[16];

	for (int i = 0; i < 50; i++) {
		int link = open("/dev/null", O_RDWR | O_CLOEXEC);

		run(SHELL("exit 1"), link, text, sizeof(text));
		close(link);
	}
	ck_assert_int_eq(count_descriptors(), before);
	assert_no_child();
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, decodes_how_it_ended, 0, ARRAY_SIZE(end_cases));
	tcase_add_loop_test(tcase, reports_a_failed_exec, 0, ARRAY_SIZE(failure_cases));
	tcase_add_test(tcase, starts_several_without_waiting);
	tcase_add_test(tcase, tells_later_that_an_exec_failed);
	tcase_add_test(tcase, finds_the_signals_that_are_not_at_their_default);
	tcase_add_loop_test(tcase, reports_a_failed_clone, 0, ARRAY_SIZE(clone_cases));
	tcase_add_loop_test(
	    tcase, closes_every_other_descriptor, 0, ARRAY_SIZE(descriptor_cases));
	tcase_add_loop_test(tcase, hands_on_a_text_that_stays_where_it_is, 0, 4);
	tcase_add_loop_test(
	    tcase, moves_descriptors_out_of_the_way, 0, ARRAY_SIZE(number_cases));
	tcase_add_test(tcase, resets_mask_and_dispositions);
	tcase_add_test(tcase, gives_a_session_and_an_environment);
	tcase_add_test(tcase, signals_through_the_pidfd);
	tcase_add_test(tcase, ends_with_its_parent);
	tcase_add_test(tcase, somebody_else_ends_with_its_parent_too);
	tcase_add_test(tcase, kills_what_is_left_of_a_group);
	tcase_add_loop_test(tcase, sweeps_orphans, 0, ARRAY_SIZE(orphan_cases));
	tcase_add_loop_test(tcase, applies_limits, 0, ARRAY_SIZE(limit_cases));
	tcase_add_loop_test(tcase, reports_a_limit_that_cannot_be_set, 0,
	    ARRAY_SIZE(limit_failure_cases));
	tcase_add_test(tcase, tells_resident_memory);
	tcase_add_test(tcase, leaks_no_descriptor);
}

int
main(void)
{
	return suite_run("spawn", add_tests);
}
