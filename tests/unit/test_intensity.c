/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restart window: how many restarts within how long.
 */
#include "supervisor/intensity.h"

#include "common/cleanup.h"
#include "tests/unit/suite.h"

#define S INT64_C(1000000000)

struct window_case {
	const char *what;
	uint32_t limit;
	int64_t period_ns;
	int64_t at_ns[8]; /* ends with -1 */
	int passed_at;	  /* index of the first that is one too many; -1: none */
};

static const struct window_case window_cases[] = {
	{ "three are allowed, the fourth is not", 3, 60 * S, { 0, S, 2 * S, 3 * S, -1 },
	    3 },
	{ "none is allowed", 0, 60 * S, { 0, -1 }, 0 },
	{ "exactly one period old still counts", 1, 5 * S, { 0, 5 * S, -1 }, 1 },
	{ "older than the period does not", 1, 5 * S, { 0, 5 * S + 1, -1 }, -1 },
	{ "entries drop out one by one", 2, 10 * S, { 0, 6 * S, 11 * S, 15 * S, -1 },
	    3 },
	{ "the same moment", 2, S, { 7, 7, 7, -1 }, 2 },
};

START_TEST(window_counts)
{
	const struct window_case *c = &window_cases[_i];
	struct intensity window;
	int passed_at = -1;

	intensity_init(&window, c->limit, c->period_ns);
	for (int i = 0; c->at_ns[i] >= 0 && passed_at < 0; i++)
		if (intensity_add(&window, c->at_ns[i]) == INTENSITY_E_PASSED)
			passed_at = i;
	ck_assert_msg(passed_at == c->passed_at, "%s: passed at %d, not %d", c->what,
	    passed_at, c->passed_at);
	intensity_deinit(&window);
}
END_TEST

START_TEST(a_reset_forgets)
{
	struct intensity window;

	intensity_init(&window, 1, 60 * S);
	ck_assert_int_eq(intensity_add(&window, 0), 0);
	intensity_reset(&window);
	ck_assert_int_eq(intensity_add(&window, 1), 0);
	ck_assert_int_eq(intensity_add(&window, 2), INTENSITY_E_PASSED);
	intensity_deinit(&window);
}
END_TEST

/* The ring wraps and grows many times; what it counts is held against a plain count. */
START_TEST(a_long_run_agrees_with_a_plain_count)
{
	enum { N = 20000, LIMIT = 100 };
	static int64_t granted[N];
	struct intensity window;
	size_t n = 0, oldest = 0;

	intensity_init(&window, LIMIT, 100);
	for (int64_t now = 0, i = 0; i < N; i++) {
		now += (i * 7919) % 3 == 0 ? i % 5 : 0;
		while (oldest < n && now - granted[oldest] > 100)
			oldest++;
		ck_assert_uint_eq(intensity_used(&window, now), n - oldest);
		if (n - oldest >= LIMIT) {
			ck_assert_int_eq(
			    intensity_add(&window, now), INTENSITY_E_PASSED);
			continue;
		}
		ck_assert_int_eq(intensity_add(&window, now), 0);
		granted[n++] = now;
	}
	ck_assert_uint_gt(n, LIMIT);
	ck_assert_uint_lt(n, N);
	intensity_deinit(&window);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, window_counts, 0, ARRAY_SIZE(window_cases));
	tcase_add_test(tcase, a_reset_forgets);
	tcase_add_test(tcase, a_long_run_agrees_with_a_plain_count);
}

int
main(void)
{
	return suite_run("intensity", add_tests);
}
