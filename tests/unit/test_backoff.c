/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before the next restart.
 */
#include "supervisor/backoff.h"

#include "common/cleanup.h"
#include "tests/unit/suite.h"

#define MS INT64_C(1000000)

struct delay_case {
	const char *what;
	uint32_t restarts;
	int64_t delay_ms, delay_max_ms, longest_ms;
};

static const struct delay_case delay_cases[] = {
	{ "the first is immediate", 0, 0, 30000, 0 },
	{ "the first is restart_delay", 0, 400, 30000, 400 },
	{ "the second begins to double from the base", 1, 0, 30000, 250 },
	{ "the third", 2, 0, 30000, 500 },
	{ "the fourth", 3, 0, 30000, 1000 },
	{ "a restart_delay above the base doubles itself", 1, 400, 30000, 800 },
	{ "it stops at the maximum", 12, 0, 30000, 30000 },
	{ "also after very many", UINT32_MAX, 0, 30000, 30000 },
	{ "a small maximum", 5, 0, 100, 100 },
	{ "no backoff", 7, 0, 0, 0 },
	{ "a constant delay", 7, 500, 500, 500 },
};

START_TEST(delays)
{
	const struct delay_case *c = &delay_cases[_i];
	int64_t longest =
	    backoff_delay(c->restarts, c->delay_ms * MS, c->delay_max_ms * MS, 0);
	int64_t shortest = backoff_delay(
	    c->restarts, c->delay_ms * MS, c->delay_max_ms * MS, UINT32_MAX);

	ck_assert_msg(
	    longest == c->longest_ms * MS, "%s: %lld ns", c->what, (long long)longest);
	ck_assert_int_le(shortest, longest);
	ck_assert_int_ge(shortest, longest / 100 * (100 - BACKOFF_JITTER_PERCENT));
}
END_TEST

START_TEST(jitter_spreads)
{
	int64_t a = backoff_delay(6, 0, 30000 * MS, 0x20000000);
	int64_t b = backoff_delay(6, 0, 30000 * MS, 0xe0000000);

	ck_assert_int_ne(a, b);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, delays, 0, ARRAY_SIZE(delay_cases));
	tcase_add_test(tcase, jitter_spreads);
}

int
main(void)
{
	return suite_run("backoff", add_tests);
}
