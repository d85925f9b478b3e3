/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often an order is looked at.
 */
#include "worker/trading/look.h"

#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/unit/suite.h"

#define MS(n) (INT64_C(n) * NS_PER_MS)
#define S(n) (INT64_C(n) * NS_PER_S)

static const struct {
	const char *what;
	enum order_status status;
	int64_t age, settle;
	struct look_load load;
	int64_t interval;
} cases[] = {
	{ "a young one", ORDER_OPEN, MS(10), S(30), { 1, 0, 10000 }, LOOK_MIN_NS },
	{ "a clock that was set back", ORDER_OPEN, -S(9), S(30), { 1, 0, 10000 },
	    LOOK_MIN_NS },
	{ "four looks in its life so far", ORDER_OPEN, S(2), S(30), { 1, 0, 10000 },
	    MS(500) },
	{ "an old one", ORDER_PARTIALLY_FILLED, S(3600), S(30), { 1, 0, 10000 },
	    LOOK_MAX_NS },
	{ "an unknown fate: both ends of the row are seen", ORDER_SENT, S(60), S(2),
	    { 1, 0, 10000 }, MS(500) },
	{ "a known one does not depend on it", ORDER_OPEN, S(60), S(2), { 1, 0, 10000 },
	    LOOK_MAX_NS },
	{ "one of many", ORDER_OPEN, MS(10), S(30), { 100, 0, 200 }, S(60) },
	{ "one of many, of an unknown fate", ORDER_SENT, MS(10), S(2), { 100, 0, 200 },
	    S(60) },
	{ "those that were given up do not count", ORDER_OPEN, MS(10), S(30),
	    { 1, 9999, 10000 }, LOOK_MIN_NS },
	{ "given up", ORDER_EXPIRED, MS(10), S(30), { 1, 1, 200 }, LOOK_WATCH_NS },
	{ "given up, as one of many", ORDER_EXPIRED, S(600), S(30), { 1, 100, 200 },
	    S(120) },
	{ "given up, as one of many with a high rate", ORDER_EXPIRED, S(600), S(30),
	    { 500, 100, 10000 }, LOOK_WATCH_NS },
};

START_TEST(each_case)
{
	int64_t interval = look_interval_ns(
	    cases[_i].status, cases[_i].age, cases[_i].settle, &cases[_i].load);

	ck_assert_msg(interval == cases[_i].interval, "%s: %lld ns", cases[_i].what,
	    (long long)interval);
}
END_TEST

/* Whatever their ages: the looks of a minute fit into three quarters of the rate. */
START_TEST(all_together)
{
	for (size_t live = 1; live < 400; live += 7) {
		struct look_load load = { live, live * 3, 200 };
		int64_t one = look_interval_ns(ORDER_SENT, 0, S(1), &load);
		int64_t watched = look_interval_ns(ORDER_EXPIRED, 0, S(1), &load);
		int64_t looks = (int64_t)load.n_watched * S(60) / watched;

		/* A single young order is looked at ten times a second. */
		if (live > 10)
			looks += (int64_t)live * S(60) / one;
		ck_assert_int_le(looks, 150);
	}
}
END_TEST

START_TEST(after_a_start)
{
	ck_assert_int_eq(look_first_ns(0, 200), 0);
	ck_assert_int_eq(look_first_ns(50, 200), S(60));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, each_case, 0, ARRAY_SIZE(cases));
	tcase_add_test(tcase, all_together);
	tcase_add_test(tcase, after_a_start);
}

int
main(void)
{
	return suite_run("look", add_tests);
}
