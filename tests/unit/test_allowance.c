/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/allowance.c, with made-up times.
 */
#include "supervisor/allowance.h"

#include "common/clock.h"
#include "tests/unit/suite.h"

#define BEGIN (1000 * NS_PER_S)

/* Return: how many of @n were let through. */
static uint32_t
take(struct allowance *allowance, enum log_level level, uint32_t n)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n; i++)
		taken += allowance_take(allowance, level);
	return taken;
}

START_TEST(a_second_lets_so_many_through)
{
	struct allowance allowance = { 0 };

	ck_assert_uint_eq(allowance_turn(&allowance, BEGIN), 0);
	ck_assert_uint_eq(
	    take(&allowance, LOG_LEVEL_NOTICE, ALLOWANCE_PER_S), ALLOWANCE_PER_S);
	ck_assert_uint_eq(take(&allowance, LOG_LEVEL_INFO, 7), 0);
	ck_assert_uint_eq(allowance_turn(&allowance, BEGIN + NS_PER_S - 1), 0);
	ck_assert_uint_eq(take(&allowance, LOG_LEVEL_NOTICE, 1), 0);
	ck_assert_uint_eq(allowance_turn(&allowance, BEGIN + NS_PER_S), 8);
	ck_assert_uint_eq(take(&allowance, LOG_LEVEL_NOTICE, 10), 10);
	ck_assert_uint_eq(allowance_turn(&allowance, BEGIN + 2 * NS_PER_S), 0);
}
END_TEST

START_TEST(chatter_does_not_hide_what_is_urgent)
{
	struct allowance allowance = { 0 };

	allowance_turn(&allowance, BEGIN);
	take(&allowance, LOG_LEVEL_DEBUG, ALLOWANCE_PER_S * 2);
	ck_assert_uint_eq(take(&allowance, LOG_LEVEL_WARNING, 3), 3);
	ck_assert_uint_eq(
	    take(&allowance, LOG_LEVEL_ERROR, ALLOWANCE_PER_S), ALLOWANCE_PER_S - 3);
	ck_assert_uint_eq(
	    allowance_turn(&allowance, BEGIN + NS_PER_S), ALLOWANCE_PER_S + 3);
}
END_TEST

START_TEST(the_count_stays_at_its_bound)
{
	struct allowance allowance = {
		.window_ns = BEGIN, .calm = ALLOWANCE_PER_S, .left_out = UINT32_MAX - 1
	};

	take(&allowance, LOG_LEVEL_INFO, 5);
	ck_assert_uint_eq(allowance_turn(&allowance, BEGIN + 9 * NS_PER_S), UINT32_MAX);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_second_lets_so_many_through);
	tcase_add_test(tcase, chatter_does_not_hide_what_is_urgent);
	tcase_add_test(tcase, the_count_stays_at_its_bound);
}

int
main(void)
{
	return suite_run("allowance", add_tests);
}
