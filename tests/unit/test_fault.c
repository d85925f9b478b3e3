/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words for faults and outcomes go both ways.
 */
#include "common/fault.h"

#include <errno.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

START_TEST(every_kind_reads_back)
{
	enum fault_kind kind;

	ck_assert_int_eq(
	    fault_kind_parse(fault_kind_name((enum fault_kind)_i), &kind), 0);
	ck_assert_int_eq(kind, _i);
}
END_TEST

START_TEST(the_four_first_kinds_are_healable)
{
	ck_assert_int_eq(fault_is_healable((enum fault_kind)_i), _i <= FAULT_KEY);
}
END_TEST

START_TEST(every_outcome_reads_back)
{
	enum heal_outcome outcome;

	ck_assert_int_eq(
	    heal_outcome_parse(heal_outcome_name((enum heal_outcome)_i), &outcome), 0);
	ck_assert_int_eq(outcome, _i);
}
END_TEST

START_TEST(other_words_are_refused)
{
	static const char *const words[] = { "", "Name", "names", "nam", "success" };
	enum fault_kind kind = FAULT_NET;
	enum heal_outcome outcome = HEAL_FAILED;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		ck_assert_int_eq(fault_kind_parse(words[i], &kind), -EINVAL);
	ck_assert_int_eq(kind, FAULT_NET);
	ck_assert_int_eq(heal_outcome_parse("name", &outcome), -EINVAL);
	ck_assert_int_eq(outcome, HEAL_FAILED);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, every_kind_reads_back, 0, FAULT_KIND_COUNT);
	tcase_add_loop_test(
	    tcase, the_four_first_kinds_are_healable, 0, FAULT_KIND_COUNT);
	tcase_add_loop_test(tcase, every_outcome_reads_back, 0, HEAL_OUTCOME_COUNT);
	tcase_add_test(tcase, other_words_are_refused);
}

int
main(void)
{
	return suite_run("fault", add_tests);
}
