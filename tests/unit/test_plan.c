/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of supervision: what the end of a child means, row by row.
 */
#include "supervisor/plan.h"

#include "common/cleanup.h"
#include "tests/unit/suite.h"

struct end_case {
	const char *what;
	enum restart_kind restart;
	enum plan_how how;
	bool significant;
	enum auto_shutdown auto_shutdown;
	uint32_t others_up;
	enum plan_verdict verdict;
	bool counts;
};

#define NEVER AUTO_SHUTDOWN_NEVER
#define ANY AUTO_SHUTDOWN_ANY_SIGNIFICANT
#define ALL AUTO_SHUTDOWN_ALL_SIGNIFICANT

static const struct end_case end_cases[] = {
	{ "permanent, abnormal", RESTART_PERMANENT, PLAN_ABNORMAL, false, NEVER, 0,
	    PLAN_RESTART, true },
	{ "permanent, exit 0", RESTART_PERMANENT, PLAN_NORMAL, false, NEVER, 0,
	    PLAN_RESTART, true },
	{ "permanent, cannot start", RESTART_PERMANENT, PLAN_START_FAILED, false, NEVER,
	    0, PLAN_RESTART, true },
	{ "transient, abnormal", RESTART_TRANSIENT, PLAN_ABNORMAL, false, NEVER, 0,
	    PLAN_RESTART, true },
	{ "transient, exit 0", RESTART_TRANSIENT, PLAN_NORMAL, false, NEVER, 0,
	    PLAN_LEAVE, false },
	{ "temporary, abnormal", RESTART_TEMPORARY, PLAN_ABNORMAL, false, NEVER, 0,
	    PLAN_STRIKE_OFF, false },
	{ "temporary, exit 0", RESTART_TEMPORARY, PLAN_NORMAL, false, NEVER, 0,
	    PLAN_STRIKE_OFF, false },
	{ "significant transient, done, any", RESTART_TRANSIENT, PLAN_NORMAL, true, ANY,
	    3, PLAN_SHUTDOWN, false },
	{ "significant transient, failed, any", RESTART_TRANSIENT, PLAN_ABNORMAL, true,
	    ANY, 0, PLAN_RESTART, true },
	{ "significant temporary, failed, any", RESTART_TEMPORARY, PLAN_ABNORMAL, true,
	    ANY, 0, PLAN_SHUTDOWN, false },
	{ "significant transient, done, all, another up", RESTART_TRANSIENT,
	    PLAN_NORMAL, true, ALL, 1, PLAN_LEAVE, false },
	{ "significant transient, done, all, the last", RESTART_TRANSIENT, PLAN_NORMAL,
	    true, ALL, 0, PLAN_SHUTDOWN, false },
	{ "insignificant, done, any", RESTART_TRANSIENT, PLAN_NORMAL, false, ANY, 0,
	    PLAN_LEAVE, false },
};

START_TEST(ends)
{
	const struct end_case *c = &end_cases[_i];
	struct intensity window;
	struct plan_child child = { .restart = c->restart,
		.significant = c->significant };
	struct plan_group group = { .auto_shutdown = c->auto_shutdown,
		.others_significant_up = c->others_up,
		.window = &window };
	struct plan plan;

	intensity_init(&window, 3, 60);
	ck_assert_int_eq(plan_end(&child, &group, c->how, 0, &plan), 0);
	ck_assert_msg(plan.verdict == c->verdict, "%s: verdict %d (%s)", c->what,
	    plan.verdict, plan.rule);
	ck_assert_msg(
	    (intensity_used(&window, 0) == 1) == c->counts, "%s: counted", c->what);
	ck_assert_ptr_nonnull(plan.rule);
	intensity_deinit(&window);
}
END_TEST

START_TEST(the_strategy_says_who_moves)
{
	static const enum plan_range ranges[] = { [PLAN_ONE_FOR_ONE] = PLAN_RANGE_ONE,
		[PLAN_ONE_FOR_ALL] = PLAN_RANGE_ALL,
		[PLAN_REST_FOR_ONE] = PLAN_RANGE_FROM_IT };
	struct intensity window;
	struct plan_child child = { .restart = RESTART_PERMANENT };
	struct plan_group group = { .kind = (enum plan_kind)_i, .window = &window };
	struct plan plan;

	intensity_init(&window, 1, 60);
	ck_assert_int_eq(plan_end(&child, &group, PLAN_ABNORMAL, 0, &plan), 0);
	ck_assert_int_eq(plan.range, ranges[_i]);
	ck_assert_int_eq(plan_end(&child, &group, PLAN_ABNORMAL, 1, &plan), 0);
	ck_assert_int_eq(plan.verdict, PLAN_GIVE_UP);
	intensity_deinit(&window);
}
END_TEST

START_TEST(without_progress_the_window_does_not_matter)
{
	struct intensity window;
	struct plan_child child = { .restart = RESTART_PERMANENT,
		.reports_cycles = true };
	struct plan_group group = { .window = &window };
	struct plan plan;

	intensity_init(&window, 3, 60);
	for (child.without_progress = 0; child.without_progress < 3;
	     child.without_progress++) {
		int64_t hours_apart = child.without_progress * INT64_C(3600);

		ck_assert_int_eq(
		    plan_end(&child, &group, PLAN_ABNORMAL, hours_apart, &plan), 0);
		ck_assert_int_eq(plan.verdict, PLAN_RESTART);
	}
	ck_assert_int_eq(plan_end(&child, &group, PLAN_ABNORMAL, 3 * 3600, &plan), 0);
	ck_assert_int_eq(plan.verdict, PLAN_GIVE_UP);

	child.reports_cycles = false;
	ck_assert_int_eq(plan_end(&child, &group, PLAN_ABNORMAL, 3 * 3600, &plan), 0);
	ck_assert_int_eq(plan.verdict, PLAN_RESTART);
	intensity_deinit(&window);
}
END_TEST

START_TEST(requests)
{
	ck_assert_ptr_null(plan_request(PLAN_REQUEST_STOP, PLAN_IS_UP));
	ck_assert_ptr_null(plan_request(PLAN_REQUEST_STOP, PLAN_IS_DOWN));
	ck_assert_ptr_null(plan_request(PLAN_REQUEST_START, PLAN_IS_DOWN));
	ck_assert_ptr_nonnull(plan_request(PLAN_REQUEST_START, PLAN_IS_UP));
	ck_assert_ptr_nonnull(plan_request(PLAN_REQUEST_START, PLAN_IS_WAITING));
	ck_assert_ptr_null(plan_request(PLAN_REQUEST_REMOVE, PLAN_IS_DOWN));
	ck_assert_ptr_nonnull(plan_request(PLAN_REQUEST_REMOVE, PLAN_IS_UP));
	ck_assert_ptr_nonnull(plan_request(PLAN_REQUEST_REMOVE, PLAN_IS_WAITING));
	ck_assert_ptr_null(plan_request(PLAN_REQUEST_RESTART, PLAN_IS_WAITING));
	ck_assert_ptr_nonnull(plan_request(PLAN_REQUEST_ADD, PLAN_IS_DOWN));
	ck_assert_ptr_nonnull(plan_request(PLAN_REQUEST_ADD, PLAN_IS_UP));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, ends, 0, ARRAY_SIZE(end_cases));
	tcase_add_loop_test(tcase, the_strategy_says_who_moves, 0, 3);
	tcase_add_test(tcase, without_progress_the_window_does_not_matter);
	tcase_add_test(tcase, requests);
}

int
main(void)
{
	return suite_run("plan", add_tests);
}
