/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchanges' hours, on days whose hours are known.
 */
#include "worker/trading/session.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/timestamp.h"
#include "tests/unit/suite.h"

static int64_t
at(const char *text)
{
	int64_t ns;

	ck_assert_int_eq(
	    timestamp_parse(text, strlen(text), TIME_UNIT_RFC3339, &ns), 0);
	return ns;
}

static const struct {
	const char *what, *time;
	bool is_open;
} moments[] = {
	{ "before it opens, in winter", "2026-01-05T14:29:59.999Z", false },
	{ "it opens", "2026-01-05T14:30:00Z", true },
	{ "the last moment", "2026-01-05T20:59:59.999Z", true },
	{ "it closes", "2026-01-05T21:00:00Z", false },
	{ "it opens, in summer", "2026-07-01T13:30:00Z", true },
	{ "before that", "2026-07-01T13:29:59Z", false },
	{ "it closes, in summer", "2026-07-01T20:00:00Z", false },
	{ "the Friday before the clocks go forward", "2026-03-06T14:29:00Z", false },
	{ "the Monday after", "2026-03-09T13:30:00Z", true },
	{ "the Friday before they go back", "2026-10-30T13:30:00Z", true },
	{ "the Monday after that", "2026-11-02T13:30:00Z", false },
	{ "and an hour later", "2026-11-02T14:30:00Z", true },
	{ "a Saturday", "2026-01-10T16:00:00Z", false },
	{ "a Sunday", "2026-01-11T16:00:00Z", false },
	{ "New Year's Day", "2026-01-01T16:00:00Z", false },
	{ "New Year's Day on a Sunday, observed", "2023-01-02T16:00:00Z", false },
	{ "New Year's Day on a Saturday: the Friday before", "2021-12-31T16:00:00Z",
	    true },
	{ "Martin Luther King's Day", "2026-01-19T16:00:00Z", false },
	{ "Washington's Birthday", "2026-02-16T16:00:00Z", false },
	{ "Good Friday 2024", "2024-03-29T16:00:00Z", false },
	{ "Good Friday 2025", "2025-04-18T16:00:00Z", false },
	{ "Good Friday 2026", "2026-04-03T16:00:00Z", false },
	{ "Easter Monday", "2026-04-06T16:00:00Z", true },
	{ "Memorial Day", "2026-05-25T16:00:00Z", false },
	{ "Juneteenth", "2026-06-19T16:00:00Z", false },
	{ "Juneteenth before it was kept", "2020-06-19T16:00:00Z", true },
	{ "Juneteenth on a Sunday, observed", "2022-06-20T16:00:00Z", false },
	{ "Independence Day on a Saturday, observed", "2026-07-03T16:00:00Z", false },
	{ "the eve of Independence Day, in the morning", "2025-07-03T16:59:59Z", true },
	{ "and in the afternoon", "2025-07-03T17:00:00Z", false },
	{ "Labor Day", "2026-09-07T16:00:00Z", false },
	{ "Thanksgiving", "2026-11-26T16:00:00Z", false },
	{ "the day after, in the morning", "2026-11-27T17:59:00Z", true },
	{ "and in the afternoon", "2026-11-27T18:00:00Z", false },
	{ "Christmas Eve, in the afternoon", "2026-12-24T18:30:00Z", false },
	{ "Christmas", "2026-12-25T16:00:00Z", false },
	{ "Christmas on a Saturday, observed", "2021-12-24T16:00:00Z", false },
	{ "a leap day", "2024-02-29T16:00:00Z", true },
};

START_TEST(it_is_open_when_it_is)
{
	ck_assert_msg(
	    session_is_open(NULL, at(moments[_i].time)) == moments[_i].is_open,
	    "%s: %s", moments[_i].what, moments[_i].time);
}
END_TEST

static const struct {
	const char *time, *opens;
} nexts[] = {
	{ "2026-01-05T15:00:00Z", "2026-01-05T15:00:00Z" },
	{ "2026-01-05T03:00:00Z", "2026-01-05T14:30:00Z" },
	{ "2026-01-05T21:00:00Z", "2026-01-06T14:30:00Z" },
	{ "2026-03-06T22:00:00Z", "2026-03-09T13:30:00Z" },
	{ "2026-10-30T21:00:00Z", "2026-11-02T14:30:00Z" },
	{ "2026-11-25T22:00:00Z", "2026-11-27T14:30:00Z" },
	{ "2026-12-31T22:00:00Z", "2027-01-04T14:30:00Z" },
};

START_TEST(it_opens_next)
{
	ck_assert_int_eq(
	    session_next_open(NULL, at(nexts[_i].time)), at(nexts[_i].opens));
}
END_TEST

/* 2025-01-09, a day of mourning that no rule knows, and a short day. */
START_TEST(a_brokers_calendar_goes_before_the_rules)
{
	const struct session_day days[] = { { 20096, 570, 960 }, { 20098, 570, 700 } };
	const struct session_calendar calendar = { days, ARRAY_SIZE(days) };

	ck_assert(session_is_open(&calendar, at("2025-01-08T16:00:00Z")));
	ck_assert(!session_is_open(&calendar, at("2025-01-09T16:00:00Z")));
	ck_assert(session_is_open(NULL, at("2025-01-09T16:00:00Z")));
	ck_assert(!session_is_open(&calendar, at("2025-01-10T17:00:00Z")));
	ck_assert(session_is_open(&calendar, at("2025-01-13T17:00:00Z")));
	ck_assert_int_eq(session_next_open(&calendar, at("2025-01-08T22:00:00Z")),
	    at("2025-01-10T14:30:00Z"));
}
END_TEST

START_TEST(no_time_is_too_early_or_too_late)
{
	ck_assert_int_ge(session_next_open(NULL, INT64_MIN + 1), INT64_MIN);
	(void)session_is_open(NULL, INT64_MAX);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, it_is_open_when_it_is, 0, ARRAY_SIZE(moments));
	tcase_add_loop_test(tcase, it_opens_next, 0, ARRAY_SIZE(nexts));
	tcase_add_test(tcase, a_brokers_calendar_goes_before_the_rules);
	tcase_add_test(tcase, no_time_is_too_early_or_too_late);
}

int
main(void)
{
	return suite_run("session", add_tests);
}
