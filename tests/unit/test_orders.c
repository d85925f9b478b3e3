/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for orders: which cluster becomes which order, which status may follow
 * which, and ids.
 */
#include "worker/trading/orders.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "suite.h"

static const struct config_orders plain = {
	.order_notional = 10000 * DECIMAL_ONE, .lot = 1, .long_only = true
};

static const struct decide_case {
	const char *what;
	bool both_ways;
	int64_t lot, max_position;
	uint32_t max_orders;
	struct order_situation situation;
	const char *skipped;
	enum tradesup_side side;
	int64_t quantity;
} decide_cases[] = {
	{ "a buy with nothing there opens",
	    .situation = { TRADESUP_BUY, 3 * DECIMAL_ONE },
	    .quantity = INT64_C(333333333333) },
	{ "whole lots", .lot = DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, 3 * DECIMAL_ONE },
	    .quantity = 3333 * DECIMAL_ONE },
	{ "less than a lot", .lot = DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, 10001 * DECIMAL_ONE }, .skipped = "risk:lot" },
	{ "exactly a lot", .lot = DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, 10000 * DECIMAL_ONE },
	    .quantity = DECIMAL_ONE },
	{ "more than 64 bits hold", .situation = { TRADESUP_BUY, 1 },
	    .skipped = "risk:range" },
	{ "a buy on a position",
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .position = 1 },
	    .skipped = "position_open" },
	{ "a sell without one", .situation = { TRADESUP_SELL, DECIMAL_ONE },
	    .skipped = "no_position" },
	{ "a sell closes all of it",
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 12345 },
	    .side = TRADESUP_SELL, .quantity = 12345 },
	{ "an open order comes first",
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .position = 1,
		.order_open = true },
	    .skipped = "order_open" },
	{ "an open order stops a close, too",
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 1,
		.order_open = true },
	    .skipped = "order_open" },
	{ "a short is opened", .both_ways = true,
	    .situation = { TRADESUP_SELL, 4 * DECIMAL_ONE }, .side = TRADESUP_SELL,
	    .quantity = 2500 * DECIMAL_ONE },
	{ "a short is not added to", .both_ways = true,
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = -7 },
	    .skipped = "position_open" },
	{ "a buy closes a short", .both_ways = true,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .position = -7 }, .quantity = 7 },
	{ "a short of former rules is closed",
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .position = -7 }, .quantity = 7 },
	{ "frozen: nothing opens",
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .frozen = true },
	    .skipped = "risk:freeze" },
	{ "frozen: nothing closes",
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 1, .frozen = true },
	    .skipped = "risk:freeze" },
	{ "frozen, and nothing to do anyway",
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .frozen = true },
	    .skipped = "no_position" },
	{ "the position limit", .max_position = 9999 * DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE },
	    .skipped = "risk:max_position_notional" },
	{ "exactly the position limit", .max_position = 10000 * DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE },
	    .quantity = 10000 * DECIMAL_ONE },
	{ "the position limit does not hold a close up", .max_position = 1,
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 50 * DECIMAL_ONE },
	    .side = TRADESUP_SELL, .quantity = 50 * DECIMAL_ONE },
	{ "the last order of the day", .max_orders = 3,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .orders_today = 2 },
	    .quantity = 10000 * DECIMAL_ONE },
	{ "one too many", .max_orders = 3,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .orders_today = 3 },
	    .skipped = "risk:max_orders_per_day" },
	{ "one too many, to close", .max_orders = 3,
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 1,
		.orders_today = 3 },
	    .skipped = "risk:max_orders_per_day" },
};

START_TEST(test_decide)
{
	const struct decide_case *c = &decide_cases[_i];
	struct config_orders rules = plain;
	struct order_decision decision;

	if (c->lot)
		rules.lot = c->lot;
	rules.long_only = !c->both_ways;
	rules.max_position_notional = c->max_position;
	rules.max_orders_per_day = c->max_orders;
	decision = order_decide(&rules, &c->situation);
	ck_assert_msg((decision.skipped == NULL) == (c->skipped == NULL), "%s: %s",
	    c->what, decision.skipped ? decision.skipped : "placed");
	if (c->skipped) {
		ck_assert_msg(strcmp(decision.skipped, c->skipped) == 0, "%s: %s",
		    c->what, decision.skipped);
		return;
	}
	ck_assert_msg(decision.side == c->side, "%s: side", c->what);
	ck_assert_msg(decision.quantity == c->quantity, "%s: %lld", c->what,
	    (long long)decision.quantity);
}
END_TEST

START_TEST(test_status_names)
{
	enum order_status status;

	for (int i = 0; i < ORDER_STATUS_COUNT; i++) {
		ck_assert_int_eq(order_status_parse(
				     order_status_name((enum order_status)i), &status),
		    0);
		ck_assert_int_eq(status, i);
	}
	ck_assert_int_lt(order_status_parse("opened", &status), 0);
}
END_TEST

START_TEST(test_status_may_follow)
{
	static const enum order_status last[] = { ORDER_FILLED, ORDER_CANCELED,
		ORDER_REJECTED };

	ck_assert(order_status_may_follow(ORDER_INTENT, ORDER_OPEN));
	ck_assert(order_status_may_follow(ORDER_OPEN, ORDER_FILLED));
	ck_assert(!order_status_may_follow(ORDER_INTENT, ORDER_FILLED));
	ck_assert(!order_status_may_follow(ORDER_OPEN, ORDER_INTENT));
	for (size_t i = 0; i < ARRAY_SIZE(last); i++) {
		for (int to = 0; to < ORDER_STATUS_COUNT; to++)
			ck_assert(
			    !order_status_may_follow(last[i], (enum order_status)to));
	}
}
END_TEST

START_TEST(test_client_id_whole)
{
	char id[ORDER_ID_MAX];

	order_client_id("flow", "BTCUSD-buy-17-0", ORDER_ID_MAX - 1, id);
	ck_assert_str_eq(id, "ts-flow-BTCUSD-buy-17-0");
	/* Exactly as long as allowed is not cut. */
	order_client_id(
	    "flow", "BTCUSD-buy-17-0", strlen("ts-flow-BTCUSD-buy-17-0"), id);
	ck_assert_str_eq(id, "ts-flow-BTCUSD-buy-17-0");
}
END_TEST

START_TEST(test_client_id_cut)
{
	char id[ORDER_ID_MAX], other[ORDER_ID_MAX];

	order_client_id("flow", "BTCUSD-buy-1322915000000000000-0", 30, id);
	order_client_id("flow", "BTCUSD-buy-1322915000000000000-1", 30, other);
	ck_assert_uint_eq(strlen(id), 30);
	ck_assert_int_eq(strncmp(id, "ts-flow-BTCUS-", 14), 0);
	ck_assert_uint_eq(strspn(id + 14, "0123456789abcdef"), 16);
	ck_assert_str_ne(id, other);
	order_client_id("flow", "BTCUSD-buy-1322915000000000000-0", 30, other);
	ck_assert_str_eq(id, other);
}
END_TEST

START_TEST(test_client_id_hash)
{
	char id[ORDER_ID_MAX];

	/* The known FNV-1a of "ts-aaaaaaaaaaaa-bbbbbbbbbbbb", so that ids stay over
	 * versions. */
	order_client_id("aaaaaaaaaaaa", "bbbbbbbbbbbb", ORDER_ID_LIMIT_MIN, id);
	ck_assert_str_eq(id, "ts-aaaa-7ab9a8d1606826e2");
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, test_decide, 0, ARRAY_SIZE(decide_cases));
	tcase_add_test(tcase, test_status_names);
	tcase_add_test(tcase, test_status_may_follow);
	tcase_add_test(tcase, test_client_id_whole);
	tcase_add_test(tcase, test_client_id_cut);
	tcase_add_test(tcase, test_client_id_hash);
}

int
main(void)
{
	return suite_run("orders", add_tests);
}
