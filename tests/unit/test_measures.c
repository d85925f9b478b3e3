/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted of cycles: each in its bucket, the last good one remembered, and no
 * number that a worker reports breaks the sum.
 */
#include "supervisor/measures.h"

#include <string.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

static const char *
field(const struct measures *measures, const char *key, char text[MEASURES_TEXT_MAX])
{
	static char line[2048];
	struct record row, parsed;

	record_init(&row, "worker");
	measures_fields(measures, 100 * NS_PER_S, &row, text);
	record_logfmt(&row, line, sizeof(line));
	ck_assert_int_eq(record_parse(line, &parsed), 0);
	return record_get(&parsed, key);
}

START_TEST(without_cycles_there_are_no_fields)
{
	struct measures measures = { 0 };
	char text[MEASURES_TEXT_MAX];

	ck_assert_ptr_null(field(&measures, "cycles_good", text));
	ck_assert_ptr_null(field(&measures, "duration_buckets", text));
}
END_TEST

START_TEST(buckets_are_cumulative_and_their_bounds_belong_to_them)
{
	struct measures measures = { 0 };
	char text[MEASURES_TEXT_MAX];

	measures_add(&measures, MEASURES_GOOD, NS_PER_MS, 0);
	measures_add(&measures, MEASURES_GOOD, NS_PER_MS + 1, 0);
	measures_add(&measures, MEASURES_FAILED, 30 * NS_PER_S, 0);
	measures_add(&measures, MEASURES_HEALED, 61 * NS_PER_S, 0);
	ck_assert_str_eq(field(&measures, "duration_buckets", text),
	    "0.001:1,0.0025:2,0.005:2,0.01:2,0.025:2,0.05:2,0.1:2,0.25:2,0.5:2,1.0:2,"
	    "2.5:2,5.0:2,10.0:2,30.0:3,60.0:3,+Inf:4");
	ck_assert_str_eq(field(&measures, "duration_sum_ns", text), "91002000001");
	ck_assert_str_eq(field(&measures, "cycles_good", text), "2");
	ck_assert_str_eq(field(&measures, "cycles_failed", text), "1");
	ck_assert_str_eq(field(&measures, "cycles_healed", text), "1");
}
END_TEST

START_TEST(only_a_good_cycle_is_the_last_good_one)
{
	struct measures measures = { 0 };
	char text[MEASURES_TEXT_MAX];

	measures_add(&measures, MEASURES_FAILED, 0, 10 * NS_PER_S);
	ck_assert_ptr_null(field(&measures, "good_cycle_age_ms", text));
	measures_add(&measures, MEASURES_GOOD, 0, 90 * NS_PER_S);
	measures_add(&measures, MEASURES_HEALED, 0, 95 * NS_PER_S);
	ck_assert_str_eq(field(&measures, "good_cycle_age_ms", text), "10000");
}
END_TEST

START_TEST(any_number_can_be_reported)
{
	struct measures measures = { 0 };
	char text[MEASURES_TEXT_MAX];

	measures_add(&measures, MEASURES_GOOD, INT64_MIN, 1);
	measures_add(&measures, MEASURES_GOOD, INT64_MAX, 1);
	measures_add(&measures, MEASURES_GOOD, INT64_MAX, 1);
	ck_assert_int_eq(measures.duration_sum_ns, INT64_MAX);
	ck_assert_ptr_nonnull(
	    strstr(field(&measures, "duration_buckets", text), "+Inf:3"));
	for (int i = 0; i <= MEASURES_BOUNDS; i++)
		measures.buckets[i] = INT64_MAX / 32;
	ck_assert_ptr_nonnull(
	    strstr(field(&measures, "duration_buckets", text), "+Inf:"));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, without_cycles_there_are_no_fields);
	tcase_add_test(tcase, buckets_are_cumulative_and_their_bounds_belong_to_them);
	tcase_add_test(tcase, only_a_good_cycle_is_the_last_good_one);
	tcase_add_test(tcase, any_number_can_be_reported);
}

int
main(void)
{
	return suite_run("measures", add_tests);
}
