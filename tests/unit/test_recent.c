/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a page that is opened later is told: in order, of those who are there, and never
 * more than fits.
 */
#include "worker/web/recent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static struct recent recent;

static void
end(void)
{
	recent_deinit(&recent);
}

static void
look(int64_t minute, const char *const *lines, size_t n)
{
	struct rows rows = { 0 };

	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(rows_add(&rows, lines[i]), 0);
	recent_look(&recent, &rows, minute);
	rows_deinit(&rows);
}

#define LOOK(minute, ...)                                                              \
	look(minute, (const char *const[]){ __VA_ARGS__ },                             \
	    sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void
assert_json(const char *wanted)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	recent_json(out, &recent);
	fclose(out);
	ck_assert_str_eq(text, wanted);
}

START_TEST(looks_and_minutes_are_told_oldest_first)
{
	LOOK(7, "supervisor pid=1", "worker name=flow state=starting");
	LOOK(7, "worker name=flow state=up equity=100.5 orders=open:1,filled:2");
	LOOK(7, "worker name=flow state=up failed_cycles=1 equity=99 orders=filled:3 "
		"refused=hold:4,freeze:1");
	LOOK(8, "worker name=flow state=down error=x equity=-1.25");
	LOOK(9, "worker name=flow state=down");
	assert_json("{\"workers\":[{\"name\":\"flow\",\"looks\":\"wgwb-\",\"minutes\":["
		    "[7,\"99.00000000\",3,5],[8,\"-1.25000000\",null,null]]}]}");
}
END_TEST

START_TEST(who_is_gone_is_forgotten)
{
	LOOK(1, "worker name=a state=up", "worker name=b state=up");
	LOOK(1, "worker name=b state=up", "worker name=b state=down");
	assert_json("{\"workers\":[{\"name\":\"b\",\"looks\":\"gg\",\"minutes\":[]}]}");
}
END_TEST

START_TEST(a_clock_that_goes_back_changes_the_last_minute)
{
	LOOK(5, "worker name=a state=up equity=1");
	LOOK(3, "worker name=a state=up equity=2");
	assert_json("{\"workers\":[{\"name\":\"a\",\"looks\":\"gg\",\"minutes\":["
		    "[5,\"2.00000000\",null,null]]}]}");
}
END_TEST

START_TEST(what_makes_no_sense_is_not_told)
{
	LOOK(1, "worker name=\"a\\\"<\" state=up equity=much orders=a:-1 "
		"refused=a:9223372036854775807,b:1");
	assert_json(
	    "{\"workers\":[{\"name\":\"a\\\"<\",\"looks\":\"g\",\"minutes\":[]}]}");
}
END_TEST

START_TEST(only_the_last_are_kept)
{
	for (int i = 0; i < 3 * RECENT_MINUTES; i++)
		LOOK(i, i < 2 * RECENT_MINUTES ? "worker name=a state=down error=x"
					       : "worker name=a state=up orders=a:1");
	for (int i = 0; i < 10; i++)
		LOOK(1000 + i, "worker name=a state=up orders=a:2");
	ck_assert_uint_eq(recent.n, 1);
	ck_assert_int_eq(recent.workers[0].looks[0], 'g');
	{
		_cleanup_free_ char *text = NULL;
		size_t length;
		FILE *out = open_memstream(&text, &length);

		recent_json(out, &recent);
		fclose(out);
		ck_assert_ptr_null(strchr(text, 'b'));
		ck_assert_ptr_nonnull(strstr(text, "[[130,"));
		ck_assert_ptr_nonnull(strstr(text, "[1009,null,2,null]]"));
	}
}
END_TEST

START_TEST(ever_more_workers_are_bounded)
{
	struct rows rows = { 0 };
	char line[64];

	for (int i = 0; i < 2 * RECENT_WORKERS_MAX; i++) {
		snprintf(line, sizeof(line), "worker name=w%d state=up", i);
		ck_assert_int_eq(rows_add(&rows, line), 0);
	}
	recent_look(&recent, &rows, 1);
	rows_deinit(&rows);
	ck_assert_uint_eq(recent.n, RECENT_WORKERS_MAX);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, NULL, end);
	tcase_add_test(tcase, looks_and_minutes_are_told_oldest_first);
	tcase_add_test(tcase, who_is_gone_is_forgotten);
	tcase_add_test(tcase, a_clock_that_goes_back_changes_the_last_minute);
	tcase_add_test(tcase, what_makes_no_sense_is_not_told);
	tcase_add_test(tcase, only_the_last_are_kept);
	tcase_add_test(tcase, ever_more_workers_are_bounded);
}

int
main(void)
{
	return suite_run("recent", add_tests);
}
