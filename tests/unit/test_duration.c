/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations and sizes, as people write them.
 */
#include "common/duration.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

#define S INT64_C(1000000000)

struct parse {
	const char *text;
	int result;
	int64_t value;
};

static const struct parse durations[] = {
	{ "0", 0, 0 },
	{ "0s", 0, 0 },
	{ "0ms", 0, 0 },
	{ "-0s", 0, 0 },
	{ "1ns", 0, 1 },
	{ "1us", 0, 1000 },
	{ "500ms", 0, 500000000 },
	{ "2s", 0, 2 * S },
	{ "5m", 0, 300 * S },
	{ "1h", 0, 3600 * S },
	{ "1d", 0, 86400 * S },
	{ "1h30m", 0, 5400 * S },
	{ "1.5s", 0, 1500000000 },
	{ "0.25h", 0, 900 * S },
	{ "1m0.5s", 0, 60 * S + S / 2 },
	{ "0.0000000019s", 0, 1 },
	{ "9223372036854775807ns", 0, INT64_MAX },
	{ "9223372036854775808ns", -ERANGE, 0 },
	{ "99999999999999999999999ns", -ERANGE, 0 },
	{ "106752d", -ERANGE, 0 },
	{ "-5s", -ERANGE, 0 },
	{ "5", -EINVAL, 0 },
	{ "5s3", -EINVAL, 0 },
	{ "1s0", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "-", -EINVAL, 0 },
	{ "s", -EINVAL, 0 },
	{ "5 s", -EINVAL, 0 },
	{ "5S", -EINVAL, 0 },
	{ "5sec", -EINVAL, 0 },
	{ ".5s", -EINVAL, 0 },
	{ "5.s", -EINVAL, 0 },
	{ "1e3s", -EINVAL, 0 },
	{ "5w", -EINVAL, 0 },
	{ "fast", -EINVAL, 0 },
};

START_TEST(durations_need_a_unit)
{
	int64_t ns = 4711;
	int r = duration_parse(durations[_i].text, &ns);

	ck_assert_msg(
	    r == durations[_i].result, "\"%s\": result %d", durations[_i].text, r);
	ck_assert_msg(ns == (r == 0 ? durations[_i].value : 4711), "\"%s\": %lld",
	    durations[_i].text, (long long)ns);
}
END_TEST

static const struct {
	int64_t ns;
	const char *text;
} duration_texts[] = {
	{ 0, "0s" },
	{ 1, "1ns" },
	{ 1500, "1.5us" },
	{ 250000000, "250ms" },
	{ 1500000000, "1.5s" },
	{ 120 * S, "2m" },
	{ 90 * S, "1m30s" },
	{ 5400 * S, "1h30m" },
	{ 86400 * S + 1, "1d1ns" },
	{ -2 * S, "-2s" },
	{ INT64_MAX, "106751d23h47m16.854775807s" },
};

START_TEST(durations_are_written_exactly)
{
	char text[DURATION_TEXT_MAX];
	int64_t back;

	ck_assert_uint_eq(duration_format(duration_texts[_i].ns, text), strlen(text));
	ck_assert_str_eq(text, duration_texts[_i].text);
	if (duration_texts[_i].ns >= 0) {
		ck_assert_int_eq(duration_parse(text, &back), 0);
		ck_assert_int_eq(back, duration_texts[_i].ns);
	}
}
END_TEST

static const struct parse sizes[] = {
	{ "0", 0, 0 },
	{ "4096", 0, 4096 },
	{ "64K", 0, 65536 },
	{ "256M", 0, INT64_C(268435456) },
	{ "1G", 0, INT64_C(1073741824) },
	{ "1.5G", 0, INT64_C(1610612736) },
	{ "2T", 0, INT64_C(2199023255552) },
	{ "9223372036854775807", 0, INT64_MAX },
	{ "8388608T", -ERANGE, 0 },
	{ "-1", -ERANGE, 0 },
	{ "-1K", -ERANGE, 0 },
	{ "1.5", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "K", -EINVAL, 0 },
	{ "64k", -EINVAL, 0 },
	{ "64KB", -EINVAL, 0 },
	{ "64 K", -EINVAL, 0 },
	{ "lots", -EINVAL, 0 },
};

START_TEST(sizes_are_powers_of_1024)
{
	int64_t bytes = 4711;
	int r = size_parse(sizes[_i].text, &bytes);

	ck_assert_msg(r == sizes[_i].result, "\"%s\": result %d", sizes[_i].text, r);
	ck_assert_msg(bytes == (r == 0 ? sizes[_i].value : 4711), "\"%s\": %lld",
	    sizes[_i].text, (long long)bytes);
}
END_TEST

static const struct {
	int64_t bytes;
	const char *text;
} size_texts[] = {
	{ 0, "0B" },
	{ 1023, "1023B" },
	{ 1024, "1.0K" },
	{ INT64_C(64) << 20, "64.0M" },
	{ (INT64_C(3) << 30) / 2, "1.5G" },
	{ INT64_MAX, "8388607.9T" },
};

START_TEST(sizes_are_written_for_people)
{
	char text[DURATION_TEXT_MAX];

	ck_assert_uint_eq(size_format(size_texts[_i].bytes, text), strlen(text));
	ck_assert_str_eq(text, size_texts[_i].text);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, durations_need_a_unit, 0, ARRAY_SIZE(durations));
	tcase_add_loop_test(
	    tcase, durations_are_written_exactly, 0, ARRAY_SIZE(duration_texts));
	tcase_add_loop_test(tcase, sizes_are_powers_of_1024, 0, ARRAY_SIZE(sizes));
	tcase_add_loop_test(
	    tcase, sizes_are_written_for_people, 0, ARRAY_SIZE(size_texts));
}

int
main(void)
{
	return suite_run("duration", add_tests);
}
