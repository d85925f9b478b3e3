/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths: joining, safe names, and the order in which the environment is asked.
 */
#include "common/paths.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static const struct {
	const char *a, *b, *joined;
} joins[] = {
	{ "/a", "b", "/a/b" },
	{ "/a/", "b", "/a/b" },
	{ "/a", "/b", "/b" },
	{ "", "b", "b" },
	{ ".", "b/c", "./b/c" },
};

START_TEST(paths_are_joined)
{
	char *joined = path_join(joins[_i].a, joins[_i].b);

	ck_assert_str_eq(joined, joins[_i].joined);
	free(joined);
}
END_TEST

#define SIXTEEN "0123456789abcdef"

static const struct {
	const char *name;
	bool safe;
} names[] = {
	{ "flow", true },
	{ "a.b_c-1", true },
	{ SIXTEEN SIXTEEN SIXTEEN SIXTEEN, true },
	{ SIXTEEN SIXTEEN SIXTEEN SIXTEEN "x", false },
	{ "", false },
	{ ".", false },
	{ "..", false },
	{ ".hidden", false },
	{ "-option", false },
	{ "a/b", false },
	{ "a b", false },
	{ "a\n", false },
	{ "caf\xc3\xa9", false },
};

START_TEST(names_that_are_no_file_names_are_unsafe)
{
	ck_assert_msg(
	    path_is_safe_name(names[_i].name) == names[_i].safe, "%s", names[_i].name);
}
END_TEST

static char directory[] = "/tmp/tradesup-test-XXXXXX";

static void
clear_environment(void)
{
	clearenv();
	memcpy(strrchr(directory, '-') + 1, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void
remove_directory(void)
{
	_cleanup_free_ char *command = NULL;

	ck_assert_int_gt(asprintf(&command, "rm -r %s", directory), 0);
	ck_assert_int_eq(system(command), 0);
}

static void
expect(char *path, const char *expected)
{
	ck_assert_str_eq(path, expected);
	free(path);
}

START_TEST(the_state_directory_is_the_first_that_is_named)
{
	setenv("HOME", "/home/u", 1);
	expect(path_state(NULL),
	    geteuid() == 0 ? "/var/lib/tradesup" : "/home/u/.local/state/tradesup");
	setenv("XDG_STATE_HOME", "/xdg", 1);
	expect(path_state(NULL), "/xdg/tradesup");
	setenv("STATE_DIRECTORY", "/sd:/second", 1);
	expect(path_state(NULL), "/sd");
	expect(path_state("/configured"), "/configured");
}
END_TEST

START_TEST(the_runtime_directory_is_the_first_that_is_named)
{
	char fallback[64] = "/run/tradesup";

	if (geteuid() != 0)
		snprintf(fallback, sizeof(fallback), "/tmp/tradesup-%u", geteuid());
	expect(path_runtime(NULL), fallback);
	setenv("XDG_RUNTIME_DIR", "relative is ignored", 1);
	expect(path_runtime(NULL), fallback);
	setenv("XDG_RUNTIME_DIR", "/xdg", 1);
	expect(path_runtime(NULL), "/xdg/tradesup");
	setenv("RUNTIME_DIRECTORY", "/rd", 1);
	expect(path_runtime(NULL), "/rd");
	expect(path_runtime("/configured"), "/configured");
}
END_TEST

START_TEST(a_users_config_counts_only_if_it_exists)
{
	_cleanup_free_ char *own = path_join(directory, "tradesup");
	_cleanup_free_ char *file = path_join(own, "tradesup.conf");
	_cleanup_fclose_ FILE *created = NULL;

	setenv("XDG_CONFIG_HOME", directory, 1);
	expect(path_config(), "/etc/tradesup/tradesup.conf");
	ck_assert_int_eq(path_mkdirs(own, 0700), 0);
	created = fopen(file, "we");
	ck_assert_ptr_nonnull(created);
	expect(path_config(), file);
}
END_TEST

START_TEST(parents_are_created_and_existing_ones_are_fine)
{
	_cleanup_free_ char *deep = path_join(directory, "a/b//c/");
	_cleanup_free_ char *file = path_join(directory, "file");
	_cleanup_free_ char *below = path_join(file, "x");
	_cleanup_fclose_ FILE *created = NULL;
	struct stat st;

	created = fopen(file, "we");
	ck_assert_ptr_nonnull(created);
	ck_assert_int_eq(path_mkdirs(deep, 0700), 0);
	ck_assert_int_eq(stat(deep, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(path_mkdirs(deep, 0700), 0);
	ck_assert_int_eq(path_mkdirs("/", 0700), 0);
	ck_assert_int_eq(path_mkdirs(file, 0700), -ENOTDIR);
	ck_assert_int_eq(path_mkdirs(below, 0700), -ENOTDIR);
	ck_assert_int_eq(path_mkdirs("", 0700), -ENOENT);
}
END_TEST

START_TEST(a_program_is_named_or_beside_us_or_installed)
{
	char *path;

	setenv("TRADESUP_TEST_PROGRAM", "/named", 1);
	expect(path_program("TRADESUP_TEST_PROGRAM", "x"), "/named");
	unsetenv("TRADESUP_TEST_PROGRAM");
	expect(path_program("TRADESUP_TEST_PROGRAM", "no-such-program"),
	    TRADESUP_LIBEXECDIR "/no-such-program");
	path = path_program("TRADESUP_TEST_PROGRAM", "test_paths");
	ck_assert_int_eq(access(path, X_OK), 0);
	free(path);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, clear_environment, remove_directory);
	tcase_add_loop_test(tcase, paths_are_joined, 0, ARRAY_SIZE(joins));
	tcase_add_loop_test(
	    tcase, names_that_are_no_file_names_are_unsafe, 0, ARRAY_SIZE(names));
	tcase_add_test(tcase, the_state_directory_is_the_first_that_is_named);
	tcase_add_test(tcase, the_runtime_directory_is_the_first_that_is_named);
	tcase_add_test(tcase, a_users_config_counts_only_if_it_exists);
	tcase_add_test(tcase, parents_are_created_and_existing_ones_are_fine);
	tcase_add_test(tcase, a_program_is_named_or_beside_us_or_installed);
}

int
main(void)
{
	return suite_run("paths", add_tests);
}
