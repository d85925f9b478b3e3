/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy of the feed http: what counts after a kill or a power cut at any moment, and
 * what a trim leaves of it.
 */
#include "worker/trading/feed_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"
#include "tests/unit/tempdir.h"
#include "worker/trading/feed_ops.h"

#define SIZE (1024 * 1024)
#define LINE 16

static struct tempdir dir;
static struct feed_copy copy;
static struct error error;
static char content[SIZE + 1];

static int
reopen(void)
{
	feed_copy_deinit(&copy);
	return feed_copy_open(&copy, dir.path, &error);
}

/* Lines of 16 bytes, no two of them the same. */
static void
set_up(void)
{
	for (int i = 0; i < SIZE / LINE; i++)
		snprintf(content + i * LINE, LINE + 1, "%014d,\n", i);
	tempdir_init(&dir);
	copy.fd = -1;
	copy.path = copy.end_path = NULL;
	ck_assert_msg(reopen() == 0, "%s", error.text);
}

static void
tear_down(void)
{
	feed_copy_deinit(&copy);
	tempdir_deinit(&dir);
}

static void
fill(size_t to)
{
	ck_assert_msg(
	    feed_copy_append(&copy, content + copy.size, to - copy.size, &error) == 0,
	    "%s", error.text);
}

static void
write_at(const char *name, const char *bytes, size_t length, off_t at)
{
	_cleanup_close_ int fd = open(tempdir_path(&dir, name), O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, length, at), (ssize_t)length);
}

static off_t
length_of_copy(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(copy.fd, &st), 0);
	return st.st_size;
}

static int64_t
bytes_on_disk(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(copy.fd, &st), 0);
	return (int64_t)st.st_blocks * 512;
}

/* Whether it is @content's from @from on. */
static void
expect_content(size_t from)
{
	static char read[SIZE];

	ck_assert_int_eq(pread(copy.fd, read, copy.size - from, (off_t)from),
	    (ssize_t)(copy.size - from));
	ck_assert(memcmp(read, content + from, copy.size - from) == 0);
}

START_TEST(it_grows_and_is_there_again)
{
	ck_assert_uint_eq(copy.size, 0);
	fill(100 * LINE);
	ck_assert_int_eq(reopen(), 0);
	ck_assert_uint_eq(copy.size, 100 * LINE);
	fill(300 * LINE);
	ck_assert_int_eq(reopen(), 0);
	ck_assert_uint_eq(copy.size, 300 * LINE);
	expect_content(0);
	ck_assert(feed_copy_has(&copy, 0));
}
END_TEST

START_TEST(what_is_behind_the_known_end_is_cut_off)
{
	fill(100 * LINE);
	write_at("feed-http.copy", "garbage", 7, 100 * LINE);
	ck_assert_int_eq(reopen(), 0);
	ck_assert_uint_eq(copy.size, 100 * LINE);
	ck_assert_int_eq(length_of_copy(), 100 * LINE);
}
END_TEST

START_TEST(it_is_the_beginning_of_what_it_was_copied_from)
{
	fill(100 * LINE);
	ck_assert_int_eq(feed_copy_compare(&copy, content, 100 * LINE, &error), 0);
	ck_assert_int_eq(feed_copy_compare(&copy, content, SIZE, &error), 0);
	ck_assert_int_eq(feed_copy_compare(&copy, content, 100 * LINE - 1, &error),
	    FEED_COPY_E_CHANGED);
	content[99 * LINE]++;
	ck_assert_int_eq(
	    feed_copy_compare(&copy, content, SIZE, &error), FEED_COPY_E_CHANGED);
}
END_TEST

START_TEST(a_trim_gives_back_all_but_the_head)
{
	const size_t at = SIZE - 64 * LINE;
	int64_t before;

	fill(SIZE);
	before = bytes_on_disk();
	ck_assert_int_eq(feed_copy_trim(&copy, at), 0);
	ck_assert_int_eq(length_of_copy(), SIZE);
	ck_assert_int_lt(bytes_on_disk(), before - SIZE / 2);
	for (int i = 0; i < 2; i++) {
		ck_assert(!feed_copy_has(&copy, 0));
		ck_assert(!feed_copy_has(&copy, at - LINE));
		ck_assert(feed_copy_has(&copy, at));
		/* The newline before the place is looked at. */
		expect_content(at - 1);
		ck_assert_uint_eq(copy.size, SIZE);
		ck_assert_int_eq(reopen(), 0);
	}
	ck_assert_int_eq(pread(copy.fd, content, COPY_HEAD, 0), COPY_HEAD);
	ck_assert_int_eq(
	    memcmp(content + COPY_HEAD - LINE, "00000000016383,\n", LINE), 0);
}
END_TEST

START_TEST(all_of_it_is_compared_after_a_trim_too)
{
	fill(SIZE);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE / 2), 0);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE - 64 * LINE), 0);
	ck_assert_int_eq(reopen(), 0);
	ck_assert_msg(
	    feed_copy_compare(&copy, content, SIZE, &error) == 0, "%s", error.text);
	for (size_t at = 7; at < SIZE; at += SIZE / 8) {
		content[at]++;
		ck_assert_msg(feed_copy_compare(&copy, content, SIZE, &error) ==
				  FEED_COPY_E_CHANGED,
		    "a change at %zu", at);
		content[at]--;
	}
}
END_TEST

START_TEST(it_goes_on_growing_after_a_trim)
{
	fill(SIZE / 2);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE / 2), 0);
	fill(SIZE);
	ck_assert_int_eq(reopen(), 0);
	ck_assert_uint_eq(copy.size, SIZE);
	ck_assert_uint_eq(copy.base, SIZE / 2 - 1);
	expect_content(SIZE / 2);
	ck_assert_int_eq(feed_copy_compare(&copy, content, SIZE, &error), 0);
}
END_TEST

START_TEST(there_is_nothing_to_trim)
{
	fill(SIZE);
	ck_assert_int_eq(feed_copy_trim(&copy, 0), 0);
	ck_assert_int_eq(feed_copy_trim(&copy, COPY_HEAD), 0);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE + LINE), 0);
	ck_assert_uint_eq(copy.base, 0);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE / 2), 0);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE / 2 - LINE), 0);
	ck_assert_uint_eq(copy.base, SIZE / 2 - 1);
}
END_TEST

START_TEST(gzip_is_kept)
{
	content[0] = 0x1f;
	content[1] = (char)0x8b;
	fill(SIZE);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE / 2), 0);
	ck_assert(feed_copy_has(&copy, 0));
	expect_content(0);
}
END_TEST

/* Written before the hole is made, and then the power goes. */
START_TEST(a_trim_that_was_not_carried_out)
{
	_cleanup_close_ int fd = -1;
	char end[FEED_POSITION_MAX] = "";

	fill(SIZE);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE / 2), 0);
	fd = open(copy.end_path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_gt(read(fd, end, sizeof(end) - 1), 0);
	feed_copy_deinit(&copy);
	ck_assert_int_eq(unlink(tempdir_path(&dir, "feed-http.copy")), 0);
	ck_assert_int_eq(unlink(tempdir_path(&dir, "feed-http.end")), 0);
	ck_assert_int_eq(reopen(), 0);
	fill(SIZE);
	write_at("feed-http.end", end, strlen(end), 0);
	ck_assert_int_eq(reopen(), 0);
	ck_assert(!feed_copy_has(&copy, 0));
	ck_assert(feed_copy_has(&copy, SIZE / 2));
	ck_assert_int_eq(feed_copy_compare(&copy, content, SIZE, &error), 0);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE - 64 * LINE), 0);
	ck_assert_int_lt(bytes_on_disk(), SIZE / 2);
}
END_TEST

START_TEST(a_copy_of_an_older_version)
{
	char end[FEED_POSITION_MAX] = "http/1 size=1600";

	fill(100 * LINE);
	ck_assert_int_eq(unlink(copy.end_path), 0);
	ck_assert_int_eq(reopen(), 0);
	ck_assert_uint_eq(copy.size, 100 * LINE);
	feed_position_seal(end);
	write_at("feed-http.end", end, strlen(end), 0);
	ck_assert_int_eq(truncate(copy.end_path, (off_t)strlen(end)), 0);
	write_at("feed-http.copy", "garbage", 7, 100 * LINE);
	ck_assert_msg(reopen() == 0, "%s", error.text);
	ck_assert_uint_eq(copy.size, 100 * LINE);
	ck_assert_uint_eq(copy.base, 0);
}
END_TEST

START_TEST(damage_is_told)
{
	fill(SIZE);
	ck_assert_int_eq(feed_copy_trim(&copy, SIZE / 2), 0);
	ck_assert_int_eq(truncate(copy.path, SIZE / 4), 0);
	ck_assert_int_eq(reopen(), FEED_COPY_E_DATA);
	ck_assert_ptr_nonnull(strstr(error.text, "shorter than where it was trimmed"));
	ck_assert_int_eq(truncate(copy.path, SIZE), 0);
	ck_assert_int_eq(reopen(), 0);
	write_at("feed-http.end", "x", 1, 7);
	ck_assert_int_eq(reopen(), FEED_COPY_E_DATA);
	ck_assert_ptr_nonnull(strstr(error.text, "feed-http.end: is damaged"));
	ck_assert_int_eq(unlink(copy.end_path), 0);
	ck_assert_int_eq(reopen(), FEED_COPY_E_DATA);
	ck_assert_ptr_nonnull(strstr(error.text, "feed-http.end: is not there"));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, it_grows_and_is_there_again);
	tcase_add_test(tcase, what_is_behind_the_known_end_is_cut_off);
	tcase_add_test(tcase, it_is_the_beginning_of_what_it_was_copied_from);
	tcase_add_test(tcase, a_trim_gives_back_all_but_the_head);
	tcase_add_test(tcase, all_of_it_is_compared_after_a_trim_too);
	tcase_add_test(tcase, it_goes_on_growing_after_a_trim);
	tcase_add_test(tcase, there_is_nothing_to_trim);
	tcase_add_test(tcase, gzip_is_kept);
	tcase_add_test(tcase, a_trim_that_was_not_carried_out);
	tcase_add_test(tcase, a_copy_of_an_older_version);
	tcase_add_test(tcase, damage_is_told);
}

int
main(void)
{
	return suite_run("feed_copy", add_tests);
}
