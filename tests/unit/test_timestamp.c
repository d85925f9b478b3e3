/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times of day: text in every unit, the calendar's corners, and text out.
 */
#include "common/timestamp.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

#define S INT64_C(1000000000)

static const struct {
	const char *text;
	enum time_unit unit;
	int result;
	int64_t ns;
} parses[] = {
	{ "1970-01-01T00:00:00Z", TIME_UNIT_RFC3339, 0, 0 },
	{ "1970-01-01t00:00:01z", TIME_UNIT_RFC3339, 0, S },
	{ "1970-01-01 00:00:01Z", TIME_UNIT_RFC3339, 0, S },
	{ " 1970-01-01T00:00:01Z\r\n", TIME_UNIT_RFC3339, 0, S },
	{ "1969-12-31T23:59:59.25Z", TIME_UNIT_RFC3339, 0, -750000000 },
	{ "2026-11-24T20:03:46.123456789Z", TIME_UNIT_RFC3339, 0,
	    INT64_C(1795550626123456789) },
	{ "2026-11-24T20:03:46.1234567899Z", TIME_UNIT_RFC3339, 0,
	    INT64_C(1795550626123456789) },
	{ "2026-11-24T21:33:46+01:30", TIME_UNIT_RFC3339, 0, 1795550626 * S },
	{ "2026-11-24T12:03:46-08:00", TIME_UNIT_RFC3339, 0, 1795550626 * S },
	{ "2000-02-29T00:00:00Z", TIME_UNIT_RFC3339, 0, 951782400 * S },
	{ "2016-12-31T23:59:60Z", TIME_UNIT_RFC3339, 0, 1483228800 * S },
	{ "2262-04-11T23:47:16.854775807Z", TIME_UNIT_RFC3339, 0, INT64_MAX },
	{ "1677-09-21T00:12:43.145224192Z", TIME_UNIT_RFC3339, 0, INT64_MIN },
	{ "2262-04-11T23:47:16.854775808Z", TIME_UNIT_RFC3339, -ERANGE, 0 },
	{ "0000-01-01T00:00:00Z", TIME_UNIT_RFC3339, -ERANGE, 0 },
	{ "9999-12-31T23:59:59Z", TIME_UNIT_RFC3339, -ERANGE, 0 },
	{ "1900-02-29T00:00:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-02-29T00:00:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-04-31T00:00:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-13-01T00:00:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-00-01T00:00:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-00T00:00:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01T24:00:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01T00:60:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01T00:00:61Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01T00:00:00", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01T00:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01T00:00:00.Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01T00:00:00+1:00", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01T00:00:00+24:00", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01T00:00:00Zx", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-1-1T00:00:00Z", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "2023-01-01", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "", TIME_UNIT_RFC3339, -EINVAL, 0 },
	{ "1315922016", TIME_UNIT_S, 0, 1315922016 * S },
	{ "1315922016.1234567899", TIME_UNIT_S, 0, INT64_C(1315922016123456789) },
	{ "1315922016123.5", TIME_UNIT_MS, 0, INT64_C(1315922016123500000) },
	{ "1315922016123456.5", TIME_UNIT_US, 0, INT64_C(1315922016123456500) },
	{ "1315922016123456789", TIME_UNIT_NS, 0, INT64_C(1315922016123456789) },
	{ "1.315922016e9", TIME_UNIT_S, 0, 1315922016 * S },
	{ "-1.5", TIME_UNIT_S, 0, -1500000000 },
	{ "99999999999", TIME_UNIT_S, -ERANGE, 0 },
	{ "yesterday", TIME_UNIT_S, -EINVAL, 0 },
};

START_TEST(text_is_read_exactly_or_refused)
{
	const char *text = parses[_i].text;
	int64_t ns = 4711;
	int r = timestamp_parse(text, strlen(text), parses[_i].unit, &ns);

	ck_assert_msg(r == parses[_i].result, "\"%s\": result %d", text, r);
	ck_assert_msg(
	    ns == (r == 0 ? parses[_i].ns : 4711), "\"%s\": %lld", text, (long long)ns);
}
END_TEST

static const struct {
	int64_t ns;
	const char *full, *ms;
} formats[] = {
	{ 0, "1970-01-01T00:00:00.000000000Z", "1970-01-01T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999Z" },
	{ INT64_C(1795550626123456789), "2026-11-24T20:03:46.123456789Z",
	    "2026-11-24T20:03:46.123Z" },
	{ 951782399 * S, "2000-02-28T23:59:59.000000000Z", "2000-02-28T23:59:59.000Z" },
	{ INT64_MAX, "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854Z" },
	{ INT64_MIN, "1677-09-21T00:12:43.145224192Z", "1677-09-21T00:12:43.145Z" },
};

START_TEST(times_are_written_in_utc)
{
	char text[TIMESTAMP_TEXT_MAX];

	ck_assert_uint_eq(timestamp_format(formats[_i].ns, text), strlen(text));
	ck_assert_str_eq(text, formats[_i].full);
	ck_assert_uint_eq(timestamp_format_ms(formats[_i].ns, text), strlen(text));
	ck_assert_str_eq(text, formats[_i].ms);
}
END_TEST

START_TEST(every_day_of_some_centuries_reads_back)
{
	for (int64_t day = -106000; day < 106000; day += 1) {
		char text[TIMESTAMP_TEXT_MAX];
		int64_t ns = day * 86400 * S + day, back;
		size_t length = timestamp_format(ns, text);

		ck_assert_int_eq(
		    timestamp_parse(text, length, TIME_UNIT_RFC3339, &back), 0);
		ck_assert_int_eq(back, ns);
	}
}
END_TEST

START_TEST(days_are_floored)
{
	ck_assert_int_eq(timestamp_utc_day(0), 0);
	ck_assert_int_eq(timestamp_utc_day(86400 * S - 1), 0);
	ck_assert_int_eq(timestamp_utc_day(86400 * S), 1);
	ck_assert_int_eq(timestamp_utc_day(-1), -1);
	ck_assert_int_eq(timestamp_utc_day(-86400 * S), -1);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, text_is_read_exactly_or_refused, 0, ARRAY_SIZE(parses));
	tcase_add_loop_test(tcase, times_are_written_in_utc, 0, ARRAY_SIZE(formats));
	tcase_add_test(tcase, every_day_of_some_centuries_reads_back);
	tcase_add_test(tcase, days_are_floored);
}

int
main(void)
{
	return suite_run("timestamp", add_tests);
}
