/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool: pages whole or absent, places that stay, and what damage does.
 */
#include "worker/trading/spool.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static char path[64];
static struct spool *spool;
static struct error error;

static void
reopen(void)
{
	spool = spool_free(spool);
	ck_assert_msg(
	    spool_open(path, "alpaca", &error, &spool) == 0, "%s", error.text);
}

static void
set_up(void)
{
	strcpy(path, "/tmp/test_spool.XXXXXX");
	close(mkstemp(path));
	reopen();
}

static void
tear_down(void)
{
	spool = spool_free(spool);
	unlink(path);
}

static void
append(const char *records, const char *cursor)
{
	struct spool_page page = { .newest_ns = 5, .fetched_ns = 6 };

	strcpy(page.cursor, cursor);
	ck_assert_int_eq(
	    spool_append(spool, &page, records, strlen(records), &error), 0);
}

static void
expect(const char *text)
{
	size_t length;
	char *line;
	int r = spool_next(spool, &line, &length, &error);

	if (!text) {
		ck_assert_int_eq(r, SPOOL_E_WAIT);
		return;
	}
	ck_assert_msg(r == 0, "%s", error.text);
	ck_assert_uint_eq(length, strlen(text));
	ck_assert(memcmp(line, text, length) == 0);
}

static off_t
size(void)
{
	struct stat st;

	ck_assert(stat(path, &st) == 0);
	return st.st_size;
}

START_TEST(records_come_in_order_over_pages)
{
	ck_assert(spool_last(spool) == NULL);
	expect(NULL);
	append("a\nb\n", "one");
	append("", "two");
	append("c\n", "three");
	expect("a");
	expect("b");
	expect("c");
	expect(NULL);
	append("d\n", "four");
	expect("d");
	ck_assert_str_eq(spool_last(spool)->cursor, "four");
	reopen();
	ck_assert_str_eq(spool_last(spool)->cursor, "four");
	expect("a");
}
END_TEST

START_TEST(a_place_is_found_again)
{
	uint64_t page, at;

	append("a\nb\nc\n", "one");
	append("d\n", "two");
	for (int i = 0; i < _i; i++)
		expect((const char *[]){ "a", "b", "c", "d" }[i]);
	spool_tell(spool, &page, &at);
	reopen();
	ck_assert_int_eq(spool_seek(spool, page, at, &error), 0);
	for (int i = _i; i < 4; i++)
		expect((const char *[]){ "a", "b", "c", "d" }[i]);
	expect(NULL);
}
END_TEST

START_TEST(a_place_that_is_none_is_refused)
{
	uint64_t page, at;

	append("a\nbb\n", "one");
	expect("a");
	spool_tell(spool, &page, &at);
	ck_assert_int_eq(spool_seek(spool, page, at + 1, &error), SPOOL_E_DATA);
	ck_assert_int_eq(spool_seek(spool, page, 6, &error), SPOOL_E_DATA);
	ck_assert_int_eq(spool_seek(spool, page + 1, 0, &error), SPOOL_E_DATA);
	ck_assert_int_eq(spool_seek(spool, 0, 0, &error), SPOOL_E_DATA);
	ck_assert_int_eq(spool_seek(spool, (uint64_t)size(), 0, &error), SPOOL_E_DATA);
}
END_TEST

/* Cut at every byte, as by a kill while the last page was being written. */
START_TEST(an_unfinished_page_was_never_there)
{
	_cleanup_free_ char *bytes = NULL;
	off_t before, after;
	int fd;

	append("a\n", "one");
	before = size();
	append("b\nc\n", "two");
	after = size();
	bytes = malloc((size_t)after);
	fd = open(path, O_RDWR);
	ck_assert(pread(fd, bytes, (size_t)after, 0) == after);
	for (off_t cut = before; cut < after; cut++) {
		for (int filled = 0; filled < 2; filled++) {
			ck_assert(ftruncate(fd, cut) == 0);
			/* The length may be on the disk before the bytes are. */
			ck_assert(!filled || ftruncate(fd, after) == 0);
			reopen();
			ck_assert_str_eq(spool_last(spool)->cursor, "one");
			ck_assert_int_eq(size(), before);
			append("d\n", "three");
			expect("a");
			expect("d");
			ck_assert(pwrite(fd, bytes, (size_t)after, 0) == after);
		}
	}
	close(fd);
}
END_TEST

START_TEST(damage_is_told)
{
	int fd;

	append("aaaa\n", "one");
	append("bbbb\n", "two");
	fd = open(path, O_RDWR);
	ck_assert(pwrite(fd, "x", 1, (off_t)spool_last(spool)->offset - 3) == 1);
	close(fd);
	reopen();
	ck_assert_int_eq(
	    spool_next(spool, &(char *){ NULL }, &(size_t){ 0 }, &error), SPOOL_E_DATA);
}
END_TEST

START_TEST(another_feeds_spool_is_refused)
{
	struct spool *other;

	append("a\n", "one");
	ck_assert_int_eq(spool_open(path, "flow_alerts", &error, &other), SPOOL_E_DATA);
	ck_assert(strstr(error.text, "flow_alerts") != NULL);
}
END_TEST

START_TEST(places_stay_when_the_beginning_goes)
{
	char *large = malloc(100001);
	uint64_t page, at;
	struct stat st;

	memset(large, 'x', 100000);
	strcpy(large + 99999, "\n");
	append(large, "one");
	append(large, "two");
	append("c\nd\n", "three");
	ck_assert_int_eq(spool_seek(spool, spool_last(spool)->offset, 2, &error), 0);
	spool_tell(spool, &page, &at);
	ck_assert(!spool_is_trimmed(spool));
	ck_assert_int_eq(spool_trim(spool, page), 0);
	ck_assert(stat(path, &st) == 0);
	ck_assert_int_lt(st.st_blocks * 512, 100000);
	reopen();
	ck_assert(spool_is_trimmed(spool));
	expect("c");
	ck_assert_int_eq(spool_seek(spool, page, at, &error), 0);
	expect("d");
	append("e\n", "four");
	expect("e");
	free(large);
}
END_TEST

START_TEST(a_page_is_read_by_its_place)
{
	_cleanup_free_ char *records = NULL;
	struct spool_page page;

	append("a\n", "one");
	append("b\n", "two");
	ck_assert_int_eq(
	    spool_read(spool, spool_last(spool)->previous, &page, &records, &error), 0);
	ck_assert_str_eq(records, "a\n");
	ck_assert_str_eq(page.cursor, "one");
	ck_assert_int_eq(page.newest_ns, 5);
	ck_assert_int_eq(page.fetched_ns, 6);
	ck_assert_uint_eq(page.previous, 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, records_come_in_order_over_pages);
	tcase_add_loop_test(tcase, a_place_is_found_again, 1, 5);
	tcase_add_test(tcase, a_place_that_is_none_is_refused);
	tcase_add_test(tcase, an_unfinished_page_was_never_there);
	tcase_add_test(tcase, damage_is_told);
	tcase_add_test(tcase, another_feeds_spool_is_refused);
	tcase_add_test(tcase, places_stay_when_the_beginning_goes);
	tcase_add_test(tcase, a_page_is_read_by_its_place);
}

int
main(void)
{
	return suite_run("spool", add_tests);
}
