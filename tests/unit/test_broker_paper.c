/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paper broker's arithmetic, to the last digit, and where it ends.
 */
#include "worker/trading/broker.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "suite.h"

#define ONE DECIMAL_ONE

static struct broker *
new_broker(int64_t cash, int64_t fee_bps, int64_t slippage_bps)
{
	struct config_trading trading = { .paper = { cash, fee_bps, slippage_bps } };
	struct broker *broker;

	ck_assert_int_eq(broker_paper.create(&trading, &broker), 0);
	return broker;
}

static const struct fill_case {
	const char *what;
	int64_t cash, fee_bps, slippage_bps;
	enum tradesup_side side;
	int64_t quantity, price;
	const char *rejected;
	int64_t fill_price, fee;
} fill_cases[] = {
	{ "at the price", 1000 * ONE, 0, 0, TRADESUP_BUY, 10 * ONE, 99 * ONE, NULL,
	    99 * ONE, 0 },
	{ "all of the cash", 990 * ONE, 0, 0, TRADESUP_BUY, 10 * ONE, 99 * ONE, NULL,
	    99 * ONE, 0 },
	{ "one unit short", 990 * ONE - 1, 0, 0, TRADESUP_BUY, 10 * ONE, 99 * ONE,
	    "insufficient_cash", 0, 0 },
	{ "the fee counts", 990 * ONE, 1, 0, TRADESUP_BUY, 10 * ONE, 99 * ONE,
	    "insufficient_cash", 0, 0 },
	{ "the least fee is rounded up to one unit", 1000 * ONE, 1, 0, TRADESUP_BUY, 1,
	    99 * ONE, NULL, 99 * ONE, 1 },
	{ "a fee without a rest", 1000 * ONE, 10 * ONE, 0, TRADESUP_BUY, ONE, 100 * ONE,
	    NULL, 100 * ONE, ONE / 10 },
	{ "a fee with a rest", 1000 * ONE, 10 * ONE, 0, TRADESUP_BUY, ONE,
	    100 * ONE + 1, NULL, 100 * ONE + 1, ONE / 10 + 1 },
	{ "no notional, no fee", 1000 * ONE, 10 * ONE, 0, TRADESUP_BUY, 1, ONE / 2,
	    NULL, ONE / 2, 0 },
	{ "a buy slips up", 1000 * ONE, 0, 5 * ONE, TRADESUP_BUY, ONE, 100 * ONE, NULL,
	    100 * ONE + ONE / 20, 0 },
	{ "a sell slips down", 0, 0, 5 * ONE, TRADESUP_SELL, ONE, 100 * ONE, NULL,
	    100 * ONE - ONE / 20, 0 },
	{ "slippage up is truncated", 1000 * ONE, 0, ONE, TRADESUP_BUY, ONE, 19999,
	    NULL, 20000, 0 },
	{ "slippage down is truncated", 0, 0, ONE, TRADESUP_SELL, ONE, 19999, NULL,
	    19997, 0 },
	{ "half a basis point", 1000 * ONE, 0, ONE / 2, TRADESUP_BUY, ONE, 100 * ONE,
	    NULL, 100 * ONE + ONE / 200, 0 },
	{ "a cost beyond 64 bits", INT64_MAX, 0, 0, TRADESUP_BUY, INT64_MAX, INT64_MAX,
	    "insufficient_cash", 0, 0 },
	{ "a price beyond 64 bits", INT64_MAX, 0, ONE, TRADESUP_BUY, 1, INT64_MAX,
	    "insufficient_cash", 0, 0 },
	{ "proceeds beyond 64 bits", 0, 0, 0, TRADESUP_SELL, INT64_MAX, INT64_MAX,
	    "overflow", 0, 0 },
	{ "cash beyond 64 bits", INT64_MAX, 0, 0, TRADESUP_SELL, ONE, ONE, "overflow",
	    0, 0 },
	{ "a fee beyond 64 bits", 0, INT64_MAX, 0, TRADESUP_SELL, ONE, INT64_MAX,
	    "overflow", 0, 0 },
};

START_TEST(test_fill)
{
	const struct fill_case *c = &fill_cases[_i];
	struct broker *broker = new_broker(c->cash, c->fee_bps, c->slippage_bps);
	struct broker_order order = { 1, c->side, c->quantity };
	struct broker_report report;

	broker_paper.event(broker, &order, c->price, &report);
	if (c->rejected) {
		ck_assert_msg(report.status == ORDER_REJECTED, "%s", c->what);
		ck_assert_msg(strcmp(report.reason, c->rejected) == 0, "%s: %s",
		    c->what, report.reason);
	} else {
		ck_assert_msg(report.status == ORDER_FILLED, "%s", c->what);
		ck_assert_msg(report.price == c->fill_price, "%s: price %lld", c->what,
		    (long long)report.price);
		ck_assert_msg(report.fee == c->fee, "%s: fee %lld", c->what,
		    (long long)report.fee);
	}
	broker_paper.free(broker);
}
END_TEST

/* Whether a buy of one unit at @price is filled. */
static bool
can_pay(struct broker *broker, int64_t price)
{
	struct broker_order order = { 1, TRADESUP_BUY, ONE };
	struct broker_report report;

	broker_paper.event(broker, &order, price, &report);
	return report.status == ORDER_FILLED;
}

START_TEST(test_cash_moves)
{
	struct broker *broker = new_broker(100 * ONE, 100 * ONE, 0);
	struct broker_order sell = { 1, TRADESUP_SELL, 2 * ONE };
	struct broker_report report;

	/* 100 + 2 × 50 − 1 of fee, then a cost of 198 × 1.01 is a little too much. */
	broker_paper.event(broker, &sell, 50 * ONE, &report);
	ck_assert_int_eq(report.status, ORDER_FILLED);
	ck_assert(!can_pay(broker, 198 * ONE));
	ck_assert(can_pay(broker, 197 * ONE));
	ck_assert(!can_pay(broker, ONE / 10 + 1 * ONE));
	broker_paper.restore(broker, 2 * ONE);
	ck_assert(can_pay(broker, ONE));
	broker_paper.free(broker);
}
END_TEST

START_TEST(test_rejection_leaves_cash)
{
	struct broker *broker = new_broker(100 * ONE, 0, 0);

	ck_assert(!can_pay(broker, 101 * ONE));
	ck_assert(can_pay(broker, 100 * ONE));
	broker_paper.free(broker);
}
END_TEST

START_TEST(test_submit_and_cancel)
{
	struct broker *broker = new_broker(100 * ONE, 0, 0);
	struct broker_order order = { 17, TRADESUP_BUY, ONE };
	struct broker_report report;

	broker_paper.submit(broker, &order, &report);
	ck_assert_int_eq(report.status, ORDER_OPEN);
	ck_assert_str_eq(report.id, "paper-17");
	broker_paper.cancel(broker, &order, &report);
	ck_assert_int_eq(report.status, ORDER_CANCELED);
	broker_paper.free(broker);
}
END_TEST

START_TEST(test_contract)
{
	ck_assert_ptr_eq(broker_find(BROKER_PAPER), &broker_paper);
	ck_assert(broker_paper.embedded);
	ck_assert_uint_ge(broker_paper.id_limit, ORDER_ID_LIMIT_MIN);
	ck_assert_uint_lt(broker_paper.id_limit, ORDER_ID_MAX);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, test_fill, 0, ARRAY_SIZE(fill_cases));
	tcase_add_test(tcase, test_cash_moves);
	tcase_add_test(tcase, test_rejection_leaves_cash);
	tcase_add_test(tcase, test_submit_and_cancel);
	tcase_add_test(tcase, test_contract);
}

int
main(void)
{
	return suite_run("broker_paper", add_tests);
}
