/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a secret comes from, which is refused, and that it is gone afterwards.
 */
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static char directory[] = "/tmp/test_secret.XXXXXX";
static struct error warning, error;
static struct secret secret;

static void
set_up(void)
{
	strcpy(directory, "/tmp/test_secret.XXXXXX");
	ck_assert(mkdtemp(directory) != NULL);
	ck_assert(chdir(directory) == 0);
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("TEST_KEY");
	warning.text[0] = error.text[0] = '\0';
}

static void
tear_down(void)
{
	secret_deinit(&secret);
	(void)unlink("key");
	ck_assert(chdir("/") == 0);
	ck_assert(rmdir(directory) == 0);
}

static void
write_key(const char *text, size_t length, mode_t mode)
{
	_cleanup_close_ int fd = open("key", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert(fd >= 0 && fchmod(fd, mode) == 0);
	ck_assert(write(fd, text, length) == (ssize_t)length);
}

static int
load(const char *file)
{
	const struct secret_source source = { file, "key", "TEST_KEY" };

	return secret_load(&source, &warning, &error, &secret);
}

START_TEST(a_file_comes_before_all_and_loses_its_newline)
{
	write_key("s3cret\n", 7, 0600);
	setenv("TEST_KEY", "other", 1);
	ck_assert_int_eq(load("key"), 0);
	ck_assert_str_eq(secret.text, "s3cret");
	ck_assert_uint_eq(secret.length, 6);
	ck_assert_str_eq(warning.text, "");
}
END_TEST

START_TEST(a_mode_that_lets_others_read_is_told)
{
	write_key("s3cret", 6, 0644);
	ck_assert_int_eq(load("key"), 0);
	ck_assert(strstr(warning.text, "0644") && strstr(warning.text, "key:"));
	ck_assert(!strstr(warning.text, "s3cret"));
}
END_TEST

START_TEST(a_variable_goes_to_no_program_and_can_be_loaded_again)
{
	struct secret again = { 0 };

	setenv("TEST_KEY", "variable", 1);
	for (int i = 0; i < 2; i++) {
		struct secret_source source = { NULL, NULL, "TEST_KEY" };

		ck_assert_int_eq(secret_load(&source, &warning, &error, &again), 0);
		ck_assert_str_eq(again.text, "variable");
		ck_assert_ptr_null(getenv("TEST_KEY"));
		secret_deinit(&again);
	}
}
END_TEST

START_TEST(a_credential_comes_before_the_environment)
{
	write_key("credential\r\n", 12, 0644);
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	setenv("TEST_KEY", "variable", 1);
	ck_assert_int_eq(load(""), 0);
	ck_assert_str_eq(secret.text, "credential");
	ck_assert_str_eq(warning.text, "");
}
END_TEST

START_TEST(a_variable_is_wiped_where_others_can_read_it)
{
	const char *value;

	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	setenv("TEST_KEY", "variable", 1);
	value = getenv("TEST_KEY");
	ck_assert_int_eq(load(NULL), 0);
	ck_assert_str_eq(secret.text, "variable");
	ck_assert_str_eq(value, "");
	secret_deinit(&secret);
	ck_assert_int_eq(load(NULL), 0);
	ck_assert_str_eq(secret.text, "variable");
}
END_TEST

START_TEST(nowhere_is_an_outcome_of_its_own)
{
	ck_assert_int_eq(load(NULL), SECRET_E_NONE);
	ck_assert(strstr(error.text, "TEST_KEY") != NULL);
	ck_assert_int_eq(load("key"), -ENOENT);
	ck_assert(strstr(error.text, "key: ") != NULL);
}
END_TEST

static const struct {
	const char *text;
	size_t length;
	int result;
} unusable[] = {
	{ "", 0, -EINVAL },
	{ "\n", 1, -EINVAL },
	{ "two\nlines", 9, -EINVAL },
	{ "two\n\n", 5, -EINVAL },
	{ "a blank", 7, -EINVAL },
	{ "nul\0", 4, -EINVAL },
	{ "\xc3\xa9", 2, -EINVAL },
};

START_TEST(what_cannot_be_a_headers_value_is_refused)
{
	write_key(unusable[_i].text, unusable[_i].length, 0600);
	ck_assert_int_eq(load("key"), unusable[_i].result);
	ck_assert(secret.text == NULL);
	if (unusable[_i].length > 2)
		ck_assert(!strstr(error.text, "two"));
}
END_TEST

START_TEST(its_length_has_a_bound)
{
	static char text[SECRET_MAX + 1];

	memset(text, 'k', sizeof(text));
	write_key(text, SECRET_MAX, 0600);
	ck_assert_int_eq(load("key"), 0);
	ck_assert_uint_eq(strlen(secret.text), SECRET_MAX);
	secret_deinit(&secret);
	write_key(text, SECRET_MAX + 1, 0600);
	ck_assert_int_eq(load("key"), -EFBIG);
}
END_TEST

START_TEST(only_a_file_is_read)
{
	ck_assert(mkfifo("key", 0600) == 0);
	ck_assert_int_eq(load("key"), -EINVAL);
	ck_assert_int_eq(load("/"), -EINVAL);
}
END_TEST

START_TEST(a_process_with_a_secret_dumps_no_core)
{
	ck_assert(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	write_key("s3cret", 6, 0600);
	ck_assert_int_eq(load("key"), 0);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	/* First: a variable that was taken is remembered by the process. */
	tcase_add_test(tcase, nowhere_is_an_outcome_of_its_own);
	tcase_add_test(tcase, a_file_comes_before_all_and_loses_its_newline);
	tcase_add_test(tcase, a_mode_that_lets_others_read_is_told);
	tcase_add_test(tcase, a_variable_goes_to_no_program_and_can_be_loaded_again);
	tcase_add_test(tcase, a_credential_comes_before_the_environment);
	tcase_add_test(tcase, a_variable_is_wiped_where_others_can_read_it);
	tcase_add_loop_test(tcase, what_cannot_be_a_headers_value_is_refused, 0,
	    (int)ARRAY_SIZE(unusable));
	tcase_add_test(tcase, its_length_has_a_bound);
	tcase_add_test(tcase, only_a_file_is_read);
	tcase_add_test(tcase, a_process_with_a_secret_dumps_no_core);
}

int
main(void)
{
	return suite_run("secret", add_tests);
}
