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

/* An event at so many minutes and seconds past the epoch. */
static void
event(const char *name, int minute, int second)
{
	char line[128];
	struct record record;

	snprintf(line, sizeof(line), "%s ts=1970-01-01T%02d:%02d:%02d.000Z worker=flow",
	    name, minute / 60, minute % 60, second);
	ck_assert_int_eq(record_parse(line, &record), 0);
	recent_event(&recent, &record);
}

static void
assert_heals(int64_t minute, const char *wanted)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	recent_heals_json(out, &recent, minute);
	fclose(out);
	ck_assert_str_eq(text, wanted);
}

START_TEST(healing_is_counted_by_the_minute)
{
	event("self_healing.pre_check_heal_success", 100, 0);
	event("self_healing.import_reload_success", 100, 59);
	event("self_healing.relapsed", 100, 59);
	event("self_healing.name_reload_failed", 101, 0);
	event("self_healing.worker_thread_restart", 159, 30);
	event("self_healing.service_restart", 159, 31);
	event("self_healing.verified", 159, 32);
	event("order.told_success", 159, 33);
	assert_heals(159, "[[100,2,0,1],[101,0,0,1],[159,0,2,0]]");
	assert_heals(160, "[[101,0,0,1],[159,0,2,0]]");
	assert_heals(400, "[]");
	/* The minute of an hour ago makes room. */
	event("self_healing.relapsed", 160, 0);
	assert_heals(160, "[[101,0,0,1],[159,0,2,0],[160,0,0,1]]");
	/* A clock was set back: what is ahead is not told. */
	assert_heals(159, "[[101,0,0,1],[159,0,2,0]]");
}
END_TEST

START_TEST(an_event_without_a_time_is_not_counted)
{
	static const char *const lines[] = { "self_healing.relapsed",
		"self_healing.relapsed ts=yesterday",
		"self_healing.relapsed ts=1969-12-31T23:59:59Z" };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free_ char *line = strdup(lines[i]);
		struct record record;

		ck_assert_int_eq(record_parse(line, &record), 0);
		recent_event(&recent, &record);
	}
	assert_heals(30, "[]");
	assert_heals(-30, "[]");
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
	tcase_add_test(tcase, healing_is_counted_by_the_minute);
	tcase_add_test(tcase, an_event_without_a_time_is_not_counted);
}

int
main(void)
{
	return suite_run("recent", add_tests);
}
