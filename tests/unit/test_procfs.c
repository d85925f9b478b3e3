/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/procfs.c: environments as the kernel gives them, and the own
 * process.
 */
#include "supervisor/procfs.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static const struct find_case {
	const char *what;
	const char *environment;
	size_t length; /* without the NUL that the compiler adds */
	const char *name, *value;
} find_cases[] = {
#define ENVIRONMENT(text) text, sizeof(text) - 1
	{ "first", ENVIRONMENT("A=1\0B=2\0"), "A", "1" },
	{ "last", ENVIRONMENT("A=1\0B=2\0"), "B", "2" },
	{ "last, cut off", ENVIRONMENT("A=1\0B=2"), "B", "2" },
	{ "empty value", ENVIRONMENT("A=\0B=2\0"), "A", "" },
	{ "value with =", ENVIRONMENT("A=x=y\0"), "A", "x=y" },
	{ "longer name", ENVIRONMENT("AB=1\0"), "A", NULL },
	{ "shorter name", ENVIRONMENT("A=1\0"), "AB", NULL },
	{ "inside a value", ENVIRONMENT("X=A=1\0"), "A", NULL },
	{ "no value", ENVIRONMENT("A\0B=2\0"), "A", NULL },
	{ "empty entries", ENVIRONMENT("\0\0\0A=1\0"), "A", "1" },
	{ "empty", ENVIRONMENT(""), "A", NULL },
};

START_TEST(finds_in_environment)
{
	const struct find_case *c = &find_cases[_i];
	const char *value = procfs_environ_find(c->environment, c->length, c->name);

	if (c->value)
		ck_assert_msg(value && strcmp(value, c->value) == 0, "%s", c->what);
	else
		ck_assert_msg(!value, "%s: found %s", c->what, value);
}
END_TEST

START_TEST(walks_over_all_pids)
{
	struct procfs_pids pids;
	bool self = false, parent = false;
	pid_t pid;

	ck_assert_int_eq(procfs_pids_open(&pids), 0);
	while ((pid = procfs_pids_next(&pids)) > 0) {
		self = self || pid == getpid();
		parent = parent || pid == getppid();
	}
	ck_assert_int_eq(pid, 0);
	procfs_pids_close(&pids);
	procfs_pids_close(&pids);
	ck_assert(self);
	ck_assert(parent);
}
END_TEST

START_TEST(knows_the_parent)
{
	ck_assert_int_eq(procfs_parent(getpid()), getppid());
	ck_assert_int_lt(procfs_parent(-1), 0);
}
END_TEST

START_TEST(reads_the_beginning)
{
	char text[8];

	ck_assert_int_eq(procfs_read(getpid(), "status", text, sizeof(text)), 7);
	ck_assert_str_eq(text, "Name:\tt");
	ck_assert_int_eq(
	    procfs_read(getpid(), "no-such-file", text, sizeof(text)), -ENOENT);
}
END_TEST

static const struct field_case {
	const char *stat;
	int number;
	const char *expected; /* NULL: none */
} field_cases[] = {
	{ "7 (sh) S 1 7", 3, "S 1 7" },
	{ "7 (sh) S 1 7", 4, "1 7" },
	{ "7 (a) S 3) S 1 7", 4, "1 7" },
	{ "7 (sh) S 1 7", 5, "7" },
	{ "7 (sh) S 1 7", 6, NULL },
	{ "7 (sh", 3, NULL },
	{ "", 3, NULL },
};

START_TEST(finds_fields_of_stat)
{
	const struct field_case *c = &field_cases[_i];
	const char *field = procfs_stat_field(c->stat, c->number);

	if (c->expected)
		ck_assert_msg(field && strcmp(field, c->expected) == 0, "%s", c->stat);
	else
		ck_assert_msg(!field, "%s: %s", c->stat, field);
}
END_TEST

/* Starts a program by vfork(), which returns while it is still being loaded. */
static pid_t
start_sleeping(char *const *environment)
{
	const char *const argv[] = { "sleep", "1000", NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/bin/sleep", (char *const *)argv, environment);
		_exit(127);
	}
	return pid;
}

/* An environment that reads as empty is so, or the program is being loaded. */
START_TEST(tells_a_program_that_is_being_loaded)
{
	const char *const environment[] = { "A=1", NULL };
	char text[64];

	for (int i = 0; i < 200; i++) {
		pid_t pid = start_sleeping((char *const *)environment);

		ck_assert_int_gt(pid, 0);
		while (procfs_read(pid, "environ", text, sizeof(text)) == 0)
			if (!procfs_is_loading(pid))
				break;
		ck_assert_int_eq(procfs_read(pid, "environ", text, sizeof(text)), 4);
		ck_assert(!procfs_is_loading(pid));
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	}
}
END_TEST

START_TEST(tells_an_empty_environment_and_a_zombie)
{
	const char *const environment[] = { NULL };
	pid_t pid = start_sleeping((char *const *)environment);
	siginfo_t info;
	char text[64];

	while (procfs_is_loading(pid))
		sched_yield();
	ck_assert_int_eq(procfs_read(pid, "environ", text, sizeof(text)), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert(!procfs_is_loading(pid));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(!procfs_is_loading(pid));
	ck_assert(!procfs_is_loading(getpid()));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, finds_in_environment, 0, ARRAY_SIZE(find_cases));
	tcase_add_test(tcase, walks_over_all_pids);
	tcase_add_test(tcase, knows_the_parent);
	tcase_add_test(tcase, reads_the_beginning);
	tcase_add_loop_test(tcase, finds_fields_of_stat, 0, ARRAY_SIZE(field_cases));
	tcase_add_test(tcase, tells_a_program_that_is_being_loaded);
	tcase_add_test(tcase, tells_an_empty_environment_and_a_zombie);
}

int
main(void)
{
	return suite_run("procfs", add_tests);
}
