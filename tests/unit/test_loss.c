/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The day's result: fills against the last price, changes of price of what is held.
 */
#include "worker/trading/loss.h"

#include "common/cleanup.h"
#include "common/decimal.h"
#include "tests/unit/suite.h"

#define ONE DECIMAL_ONE
#define DAY_NS (INT64_C(86400) * 1000000000)

static const struct {
	const char *what;
	enum tradesup_side side;
	int64_t quantity, price, fee, last, result;
} fills[] = {
	{ "bought at the last price", TRADESUP_BUY, 10 * ONE, 100 * ONE, 0, 100 * ONE,
	    0 },
	{ "bought dearer", TRADESUP_BUY, 10 * ONE, 101 * ONE, 0, 100 * ONE, -10 * ONE },
	{ "bought cheaper", TRADESUP_BUY, 10 * ONE, 98 * ONE, 0, 100 * ONE, 20 * ONE },
	{ "sold dearer", TRADESUP_SELL, 10 * ONE, 101 * ONE, 0, 100 * ONE, 10 * ONE },
	{ "sold cheaper, with a fee", TRADESUP_SELL, 10 * ONE, 99 * ONE, ONE, 100 * ONE,
	    -11 * ONE },
	{ "truncated towards zero", TRADESUP_BUY, 3, ONE + 5, 0, ONE, 0 },
};

START_TEST(a_fill_is_held_against_the_last_price)
{
	struct loss loss = { .day = 0 };

	loss_fill(&loss, fills[_i].side, fills[_i].quantity, fills[_i].price,
	    fills[_i].fee, fills[_i].last);
	ck_assert_msg(loss.result == fills[_i].result, "%s", fills[_i].what);
	ck_assert(!loss.is_unknown);
}
END_TEST

START_TEST(what_is_held_gains_and_loses)
{
	struct loss loss = { .day = 0 };

	loss_price(&loss, 10 * ONE, 100 * ONE, 97 * ONE);
	ck_assert_int_eq(loss.result, -30 * ONE);
	loss_price(&loss, -5 * ONE, 100 * ONE, 98 * ONE);
	ck_assert_int_eq(loss.result, -20 * ONE);
	loss_price(&loss, 0, 0, 98 * ONE);
	ck_assert_int_eq(loss.result, -20 * ONE);
	ck_assert_int_eq(loss_amount(&loss), 20 * ONE);
	ck_assert(loss_passes(&loss, 20 * ONE - 1));
	ck_assert(!loss_passes(&loss, 20 * ONE));
}
END_TEST

START_TEST(a_day_starts_at_nothing)
{
	struct loss loss = { .day = 0 };

	loss_event(&loss, 5);
	loss_price(&loss, 10 * ONE, 100 * ONE, 97 * ONE);
	loss.is_tripped = true;
	loss_event(&loss, DAY_NS - 1);
	ck_assert_int_eq(loss.result, -30 * ONE);
	loss_event(&loss, DAY_NS);
	ck_assert_int_eq(loss.result, 0);
	ck_assert(!loss.is_tripped);
	loss_price(&loss, 10 * ONE, 97 * ONE, 96 * ONE);
	loss_event(&loss, DAY_NS - 1);
	ck_assert_int_eq(loss.day, 1);
	ck_assert_int_eq(loss.result, -10 * ONE);
	loss_forgive(&loss);
	ck_assert_int_eq(loss.result, 0);
}
END_TEST

START_TEST(what_cannot_be_reckoned_is_unknown_until_the_next_day)
{
	struct loss loss = { .day = 0 };

	switch (_i) {
	case 0:
		loss_price(&loss, 1, 0, ONE);
		break;
	case 1:
		loss_fill(&loss, TRADESUP_BUY, 1, ONE, 0, 0);
		break;
	case 2:
		loss_price(&loss, INT64_MAX, 1, INT64_MAX);
		break;
	case 3:
		loss.result = INT64_MIN + 1;
		loss_fill(&loss, TRADESUP_BUY, 1, ONE, 2, ONE);
		break;
	}
	ck_assert(loss.is_unknown);
	ck_assert(!loss_passes(&loss, 0));
	loss_event(&loss, DAY_NS);
	ck_assert(!loss.is_unknown);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, a_fill_is_held_against_the_last_price, 0, ARRAY_SIZE(fills));
	tcase_add_test(tcase, what_is_held_gains_and_loses);
	tcase_add_test(tcase, a_day_starts_at_nothing);
	tcase_add_loop_test(
	    tcase, what_cannot_be_reckoned_is_unknown_until_the_next_day, 0, 4);
}

int
main(void)
{
	return suite_run("loss", add_tests);
}
