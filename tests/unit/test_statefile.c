/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State files are whole, old or new, whatever fails on the way.
 */
#include "common/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "tests/unit/suite.h"

static char directory[] = "/tmp/tradesup-test-XXXXXX";
static char *path;

static void
make_directory(void)
{
	memcpy(strrchr(directory, '-') + 1, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	path = path_join(directory, "state");
}

static void
remove_directory(void)
{
	_cleanup_free_ char *command = NULL;

	free(path);
	ck_assert_int_gt(asprintf(&command, "rm -r %s", directory), 0);
	ck_assert_int_eq(system(command), 0);
}

static void
expect_content(const char *expected)
{
	_cleanup_free_ char *data = NULL;
	size_t length;

	ck_assert_int_eq(statefile_read(path, &data, &length), 0);
	ck_assert_str_eq(data, expected);
	ck_assert_uint_eq(length, strlen(expected));
}

START_TEST(what_is_written_reads_back)
{
	struct stat st;

	ck_assert_int_eq(statefile_write(path, "one", 3, _i), 0);
	expect_content("one");
	ck_assert_int_eq(statefile_write(path, "", 0, _i), 0);
	expect_content("");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(a_failed_write_leaves_the_old_file)
{
	struct rlimit limit, old;

	ck_assert_int_eq(statefile_write(path, "old", 3, 1), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = (struct rlimit){ 4, old.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(statefile_write(path, "new and too long", 16, 1), -EFBIG);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	expect_content("old");
}
END_TEST

START_TEST(what_a_killed_writer_left_is_no_obstacle)
{
	_cleanup_free_ char *left = path_join(directory, "state.tmp");
	_cleanup_close_ int fd = open(left, O_CREAT | O_WRONLY | O_CLOEXEC, 0400);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(statefile_write(path, "new", 3, 0), 0);
	expect_content("new");
	ck_assert_int_lt(access(left, F_OK), 0);
}
END_TEST

START_TEST(a_missing_directory_is_an_error)
{
	_cleanup_free_ char *elsewhere = path_join(directory, "none/state");

	ck_assert_int_eq(statefile_write(elsewhere, "x", 1, 0), -ENOENT);
}
END_TEST

START_TEST(what_is_no_small_file_is_not_read)
{
	_cleanup_free_ char *fifo = path_join(directory, "fifo");
	char *data = NULL;
	size_t length;

	ck_assert_int_eq(statefile_read(path, &data, &length), -ENOENT);
	ck_assert_int_eq(statefile_read(directory, &data, &length), -EISDIR);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_assert_int_eq(statefile_read(fifo, &data, &length), -EINVAL);

	ck_assert_int_eq(statefile_write(path, "", 0, 0), 0);
	ck_assert_int_eq(truncate(path, STATEFILE_MAX), 0);
	ck_assert_int_eq(statefile_read(path, &data, &length), 0);
	ck_assert_uint_eq(length, STATEFILE_MAX);
	free(data);
	ck_assert_int_eq(truncate(path, STATEFILE_MAX + 1), 0);
	ck_assert_int_eq(statefile_read(path, &data, &length), -EFBIG);
}
END_TEST

START_TEST(a_corrupt_file_is_kept_under_another_name)
{
	_cleanup_free_ char *first = NULL, *second = NULL;

	ck_assert_int_eq(statefile_set_aside(path, NULL), -ENOENT);
	ck_assert_int_eq(statefile_write(path, "1", 1, 0), 0);
	ck_assert_int_eq(statefile_set_aside(path, &first), 0);
	ck_assert_int_eq(statefile_write(path, "2", 1, 0), 0);
	ck_assert_int_eq(statefile_set_aside(path, &second), 0);

	ck_assert_int_eq(strncmp(first, path, strlen(path)), 0);
	ck_assert_int_eq(strncmp(first + strlen(path), ".corrupt-", 9), 0);
	ck_assert_str_ne(first, second);
	ck_assert_int_lt(access(path, F_OK), 0);
	ck_assert_int_eq(access(first, F_OK), 0);
	ck_assert_int_eq(access(second, F_OK), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, make_directory, remove_directory);
	tcase_add_loop_test(tcase, what_is_written_reads_back, 0, 2);
	tcase_add_test(tcase, a_failed_write_leaves_the_old_file);
	tcase_add_test(tcase, what_a_killed_writer_left_is_no_obstacle);
	tcase_add_test(tcase, a_missing_directory_is_an_error);
	tcase_add_test(tcase, what_is_no_small_file_is_not_read);
	tcase_add_test(tcase, a_corrupt_file_is_kept_under_another_name);
}

int
main(void)
{
	return suite_run("statefile", add_tests);
}
