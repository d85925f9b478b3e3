/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/guardian.c: a process that plays the supervisor starts a guardian
 * and marked shells, and is killed. That everything is gone shows by the end of a pipe
 * whose other end only they hold.
 */
#include "supervisor/guardian.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "supervisor/procfs.h"
#include "supervisor/spawn.h"
#include "tests/unit/suite.h"

/* Each writes a line when it is as it should be, and would live on for long. */
#define STUBBORN "trap '' TERM; echo up; sleep 1000; sleep 1000"
#define DAEMON "(trap '' TERM; echo up; exec setsid sleep 1000) & wait"
#define DAEMON_OF_DAEMON                                                               \
	"setsid sh -c 'trap \"\" TERM HUP; (setsid sh -c \"echo up; sleep 1000\" &)' " \
	"& "                                                                           \
	"sleep 1000"
#define FORKING "trap '' TERM; echo up; while :; do sleep 0.01; done"
#define OBEDIENT "echo up; exec sleep 1000"

/** struct stage - the supervisor that is played, and what it tells */
struct stage {
	pid_t pid;
	pid_t shell;
	int guardian_fd; /* a pidfd */
	int output;	 /* ends with the last of the shells */
};

static pid_t
start_marked(const char *script, const char *marker, int output_fd)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	const char *const environment[] = { "PATH=/usr/bin:/bin", marker, NULL };
	const struct spawn_request request = { .argv = (char *const *)argv,
		.environ = (char *const *)environment,
		.link_fd = -1,
		.output_fd = output_fd };
	struct spawned spawned;
	struct spawn_failure failure;

	if (spawn_start(&request, &spawned, &failure) != 0)
		_exit(1);
	close(spawned.pidfd);
	return spawned.pid;
}

static void __attribute__((noreturn))
play_supervisor(const char *script, const char *marker, int output_fd, int report_fd)
{
	struct guardian guardian;
	pid_t pids[2];

	guardian_init(&guardian);
	if (guardian_start(&guardian) < 0)
		_exit(1);
	pids[0] = guardian.pid;
	pids[1] = start_marked(script, marker ? marker : guardian.marker, output_fd);
	close(output_fd);
	if (write(report_fd, pids, sizeof(pids)) < 0)
		_exit(1);
	for (;;)
		pause();
}

static void
stage_set(struct stage *stage, const char *script, const char *marker)
{
	int output[2], report[2];
	pid_t pids[2];
	char line[3];

	ck_assert_int_eq(spawn_become_subreaper(), 0);
	ck_assert_int_eq(pipe2(output, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(report, O_CLOEXEC), 0);
	stage->pid = fork();
	ck_assert_int_ge(stage->pid, 0);
	if (stage->pid == 0)
		play_supervisor(script, marker, output[1], report[1]);
	close(output[1]);
	close(report[1]);
	stage->output = output[0];
	ck_assert_int_eq(read(report[0], pids, sizeof(pids)), sizeof(pids));
	close(report[0]);
	stage->guardian_fd = (int)syscall(SYS_pidfd_open, pids[0], 0);
	stage->shell = pids[1];
	ck_assert_int_ge(stage->guardian_fd, 0);
	ck_assert_int_eq(read(output[0], line, 3), 3);
}

static void
wait_until_ended(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	ck_assert_int_eq(poll(&ended, 1, -1), 1);
}

static void
wait_until_all_gone(int output)
{
	char rest[256];
	ssize_t n;

	while ((n = read(output, rest, sizeof(rest))) > 0)
		;
	ck_assert_int_eq(n, 0);
	close(output);
}

/* Those that the played supervisor left behind come to us, and end. */
static void
reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
	ck_assert_int_eq(errno, ECHILD);
}

static void
kill_supervisor(const struct stage *stage)
{
	kill(stage->pid, SIGKILL);
	ck_assert_int_eq(waitpid(stage->pid, NULL, 0), stage->pid);
}

static const char *const scripts[] = { OBEDIENT, STUBBORN, DAEMON, DAEMON_OF_DAEMON,
	FORKING };

START_TEST(ends_everything_marked)
{
	struct stage stage;

	stage_set(&stage, scripts[_i], NULL);
	kill_supervisor(&stage);
	wait_until_all_gone(stage.output);
	reap_all();
	close(stage.guardian_fd);
}
END_TEST

START_TEST(spares_what_is_not_marked)
{
	struct stage stage;
	struct pollfd gone;

	stage_set(&stage, STUBBORN, GUARDIAN_ENV "=1-0123456789abcdef");
	kill_supervisor(&stage);
	wait_until_ended(stage.guardian_fd);
	close(stage.guardian_fd);
	gone = (struct pollfd){ .fd = stage.output, .events = POLLIN };
	ck_assert_int_eq(poll(&gone, 1, 0), 0);
	close(stage.output);
	spawn_kill_group(stage.shell);
	reap_all();
}
END_TEST

/* Its name is the last thing that it sets. */
static void
wait_for_name(pid_t pid)
{
	char text[256];

	do {
		sched_yield();
		ck_assert_int_ge(procfs_read(pid, "cmdline", text, sizeof(text)), 0);
	} while (strcmp(text, "tradesup-guard") != 0);
	ck_assert_int_gt(procfs_read(pid, "comm", text, sizeof(text)), 0);
	ck_assert_str_eq(text, "tradesup-guard\n");
}

static int
count_descriptors_of(pid_t pid)
{
	char path[64];
	DIR *directory;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	ck_assert_ptr_nonnull(directory);
	for (struct dirent *entry; (entry = readdir(directory));)
		n += entry->d_name[0] != '.';
	closedir(directory);
	return n;
}

START_TEST(holds_nothing_and_heeds_nobody)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	struct guardian guardian;
	struct pollfd ended;

	guardian_init(&guardian);
	ck_assert_int_eq(guardian_start(&guardian), 0);
	wait_for_name(guardian.pid);
	ck_assert_int_eq(count_descriptors_of(guardian.pid), 1);
	ck_assert_int_eq(getsid(guardian.pid), guardian.pid);
	ck_assert(fcntl(guardian.fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(guardian.pidfd, F_GETFD) & FD_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		ck_assert_int_eq(kill(guardian.pid, ignored[i]), 0);
	ended = (struct pollfd){ .fd = guardian.pidfd, .events = POLLIN };
	ck_assert_int_eq(poll(&ended, 1, 0), 0);
	guardian_dismiss(&guardian);
	ck_assert_int_eq(guardian.pid, 0);
	ck_assert_int_eq(guardian.fd, -1);
	ck_assert_int_eq(guardian.pidfd, -1);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	guardian_dismiss(&guardian);
}
END_TEST

START_TEST(spares_all_when_dismissed)
{
	struct guardian guardian;
	struct pollfd gone;
	int output[2];
	char line[3];

	guardian_init(&guardian);
	ck_assert_int_eq(guardian_start(&guardian), 0);
	ck_assert_int_eq(pipe2(output, O_CLOEXEC), 0);
	start_marked(OBEDIENT, guardian.marker, output[1]);
	close(output[1]);
	ck_assert_int_eq(read(output[0], line, 3), 3);
	guardian_dismiss(&guardian);
	gone = (struct pollfd){ .fd = output[0], .events = POLLIN };
	ck_assert_int_eq(poll(&gone, 1, 0), 0);
	ck_assert_int_eq(guardian_start(&guardian), 0);
	kill(guardian.pid, SIGSTOP);
	guardian_dismiss(&guardian);
	ck_assert_int_eq(poll(&gone, 1, 0), 0);

	/* Its end is the work of one that is not dismissed. */
	ck_assert_int_eq(guardian_start(&guardian), 0);
	close(guardian.fd);
	guardian.fd = -1;
	wait_until_all_gone(output[0]);
	wait_until_ended(guardian.pidfd);
	guardian_dismiss(&guardian);
	reap_all();
}
END_TEST

START_TEST(is_replaced_under_the_same_marker)
{
	struct guardian guardian;
	char marker[GUARDIAN_MARKER_MAX];
	pid_t first;

	guardian_init(&guardian);
	ck_assert_int_eq(guardian_start(&guardian), 0);
	first = guardian.pid;
	memcpy(marker, guardian.marker, sizeof(marker));
	kill(first, SIGKILL);
	wait_until_ended(guardian.pidfd);
	ck_assert_int_eq(guardian_start(&guardian), 0);
	ck_assert_str_eq(guardian.marker, marker);
	ck_assert_int_ne(guardian.pid, first);
	ck_assert_int_eq(waitpid(first, NULL, WNOHANG), -1);
	guardian_dismiss(&guardian);
}
END_TEST

START_TEST(makes_markers)
{
	struct guardian first, second;
	char long_marker[GUARDIAN_MARKER_MAX];
	int pid;

	guardian_init(&first);
	guardian_init(&second);
	ck_assert_int_eq(guardian_start(&first), 0);
	ck_assert_int_eq(guardian_start(&second), 0);
	ck_assert_str_ne(first.marker, second.marker);
	ck_assert_int_eq(
	    sscanf(first.marker, GUARDIAN_ENV "=%d-%*16[0-9a-f]", &pid), 1);
	ck_assert_int_eq(pid, getpid());
	guardian_dismiss(&first);
	guardian_dismiss(&second);

	guardian_init(&second);
	setenv(GUARDIAN_ENV, first.marker + sizeof(GUARDIAN_ENV), 1);
	ck_assert_int_eq(guardian_start(&second), 0);
	ck_assert_msg(strncmp(second.marker, first.marker, strlen(first.marker)) == 0 &&
			  second.marker[strlen(first.marker)] == '.',
	    "%s does not extend %s", second.marker, first.marker);
	guardian_dismiss(&second);

	guardian_init(&second);
	memset(long_marker, 'x', sizeof(long_marker) - 1);
	long_marker[sizeof(long_marker) - 1] = '\0';
	setenv(GUARDIAN_ENV, long_marker, 1);
	ck_assert_int_eq(guardian_start(&second), 0);
	ck_assert_int_eq(sscanf(second.marker, GUARDIAN_ENV "=%d-", &pid), 1);
	guardian_dismiss(&second);
	unsetenv(GUARDIAN_ENV);
}
END_TEST

static const struct marker_case {
	const char *suffix;
	bool is_covered;
} marker_cases[] = {
	{ "", true },
	{ ".77-0123456789abcdef", true },
	{ "0", false },
	{ "-1", false },
};

START_TEST(covers_extensions_of_its_marker)
{
	const struct marker_case *c = &marker_cases[_i];
	char marker[GUARDIAN_MARKER_MAX + 32];
	struct guardian guardian;
	struct pollfd gone;
	int output[2];
	char line[3];
	pid_t shell;

	guardian_init(&guardian);
	ck_assert_int_eq(guardian_start(&guardian), 0);
	snprintf(marker, sizeof(marker), "%s%s", guardian.marker, c->suffix);
	ck_assert_int_eq(pipe2(output, O_CLOEXEC), 0);
	shell = start_marked(OBEDIENT, marker, output[1]);
	close(output[1]);
	ck_assert_int_eq(read(output[0], line, 3), 3);
	close(guardian.fd);
	guardian.fd = -1;
	wait_until_ended(guardian.pidfd);
	gone = (struct pollfd){ .fd = output[0], .events = POLLIN };
	ck_assert_int_eq(poll(&gone, 1, 0), c->is_covered);
	guardian_dismiss(&guardian);
	close(output[0]);
	spawn_kill_group(shell);
	reap_all();
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, ends_everything_marked, 0, ARRAY_SIZE(scripts));
	tcase_add_test(tcase, spares_what_is_not_marked);
	tcase_add_test(tcase, holds_nothing_and_heeds_nobody);
	tcase_add_test(tcase, spares_all_when_dismissed);
	tcase_add_test(tcase, is_replaced_under_the_same_marker);
	tcase_add_test(tcase, makes_markers);
	tcase_add_loop_test(
	    tcase, covers_extensions_of_its_marker, 0, ARRAY_SIZE(marker_cases));
}

int
main(void)
{
	return suite_run("guardian", add_tests);
}
