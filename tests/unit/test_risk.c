/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each limit refuses what passes it, lets pass what just does not, and says why.
 */
#include "worker/trading/risk.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "tests/unit/suite.h"

#define ONE DECIMAL_ONE

/* Some way in which an order is not as the others are. */
enum oddity { NONE, CLOSES, LOSS_UNKNOWN, NO_LAST_PRICE };

/* Where nothing else is said, an order of 10 at 100, which opens a position, after a
 * trade at 100, with no loss. */
static const struct {
	const char *what;
	struct config_risk limits;
	struct risk_situation situation;
	enum oddity oddity;
	const char *rule; /* NULL: it may be placed */
	const char *latch;
	int64_t value, limit;
} cases[] = {
	{ "nothing is limited", { 0 }, { 0 }, NONE, NULL, NULL, 0, 0 },
	{ "a latch that stops all", { 0 }, { .latch = { true, true, "hold" } }, NONE,
	    "hold", NULL, 0, 0 },
	{ "and closing, too", { 0 }, { .latch = { true, true, "panic" } }, CLOSES,
	    "panic", NULL, 0, 0 },
	{ "a fallback may not open", { 0 },
	    { .latch = { true, false, "module_fallback" } }, NONE, "module_fallback",
	    NULL, 0, 0 },
	{ "a fallback may close", { 0 },
	    { .latch = { true, false, "module_fallback" } }, CLOSES, NULL, NULL, 0, 0 },
	{ "a kill file", { 0 }, { .kill_file = RISK_FILE_THERE }, NONE, "kill_file",
	    NULL, 0, 0 },
	{ "a kill file that cannot be read", { 0 }, { .kill_file = RISK_FILE_UNKNOWN },
	    NONE, "kill_file", NULL, 0, 0 },
	{ "no session asked for", { 0 }, { .session = RISK_SESSION_CLOSED }, NONE, NULL,
	    NULL, 0, 0 },
	{ "the session is open", { .session = SESSION_US_EQUITIES },
	    { .session = RISK_SESSION_OPEN }, NONE, NULL, NULL, 0, 0 },
	{ "the session is over", { .session = SESSION_US_EQUITIES },
	    { .session = RISK_SESSION_CLOSED }, NONE, "session", NULL, 0, 0 },
	{ "nobody knows the session", { .session = SESSION_US_EQUITIES },
	    { .session = RISK_SESSION_UNKNOWN }, NONE, "session", NULL, 0, 0 },
	{ "a stale feed", { 0 }, { .is_stale = true }, NONE, "stale_feed", NULL, 0, 0 },
	{ "the loss just allowed", { .max_daily_loss = 500 * ONE },
	    { .loss = 500 * ONE }, NONE, NULL, NULL, 0, 0 },
	{ "a loss past the limit", { .max_daily_loss = 500 * ONE },
	    { .loss = 500 * ONE + 1 }, NONE, "max_daily_loss", "max_daily_loss",
	    500 * ONE + 1, 500 * ONE },
	{ "a gain", { .max_daily_loss = 1 }, { .loss = INT64_MIN }, NONE, NULL, NULL, 0,
	    0 },
	{ "a loss that cannot be computed", { .max_daily_loss = 500 * ONE }, { 0 },
	    LOSS_UNKNOWN, "max_daily_loss", NULL, 0, 0 },
	{ "it does not matter without a limit", { 0 }, { .loss = INT64_MAX },
	    LOSS_UNKNOWN, NULL, NULL, 0, 0 },
	{ "an order as large as allowed", { .max_order_notional = 1000 * ONE }, { 0 },
	    NONE, NULL, NULL, 0, 0 },
	{ "one that is larger", { .max_order_notional = 1000 * ONE - 1 }, { 0 }, NONE,
	    "max_order_notional", NULL, 1000 * ONE, 1000 * ONE - 1 },
	{ "one that fits no number", { .max_order_notional = INT64_MAX },
	    { .quantity = INT64_MAX, .price = INT64_MAX, .last_price = 1 }, NONE,
	    "max_order_notional", NULL, INT64_MAX, INT64_MAX },
	{ "what closes a position may be larger", { .max_order_notional = 1 }, { 0 },
	    CLOSES, NULL, NULL, 0, 0 },
	{ "a price as far as allowed", { .price_collar = 5 * ONE },
	    { .price = 105 * ONE }, NONE, NULL, NULL, 0, 0 },
	{ "a price above the collar", { .price_collar = 5 * ONE },
	    { .price = 106 * ONE }, NONE, "price_collar", NULL, 6 * ONE, 5 * ONE },
	{ "by the least there is", { .price_collar = 5 * ONE },
	    { .price = 105 * ONE + 1 }, NONE, "price_collar", NULL, 5 * ONE + 1,
	    5 * ONE },
	{ "a price below it", { .price_collar = 5 * ONE }, { .price = 94 * ONE }, NONE,
	    "price_collar", NULL, 6 * ONE, 5 * ONE },
	{ "no trade to compare with", { .price_collar = 5 * ONE }, { 0 }, NO_LAST_PRICE,
	    "price_collar", NULL, 0, 0 },
	{ "the largest of all prices", { .price_collar = 10000 * ONE },
	    { .price = INT64_MAX, .last_price = 1 }, NONE, "price_collar", NULL,
	    INT64_MAX, 10000 * ONE },
	{ "the last order of a cycle", { .max_orders_per_cycle = 2 },
	    { .orders_in_cycle = 1 }, NONE, NULL, NULL, 0, 0 },
	{ "one too many in a cycle", { .max_orders_per_cycle = 2 },
	    { .orders_in_cycle = 2 }, NONE, "max_orders_per_cycle", NULL, 2, 2 },
	{ "the last order of a minute", { .max_orders_per_minute = 2 },
	    { .orders_in_minute = 1 }, NONE, NULL, NULL, 0, 0 },
	{ "one too many in a minute", { .max_orders_per_minute = 2 },
	    { .orders_in_minute = 2 }, NONE, "max_orders_per_minute", "order_throttle",
	    2, 2 },
	{ "the latch comes first",
	    { .max_order_notional = 1, .max_orders_per_cycle = 1 },
	    { .latch = { true, true, "hold" },
		.kill_file = RISK_FILE_THERE,
		.orders_in_cycle = 9 },
	    NONE, "hold", NULL, 0, 0 },
	{ "then the order's size",
	    { .max_order_notional = 1, .max_orders_per_cycle = 1 },
	    { .orders_in_cycle = 9 }, NONE, "max_order_notional", NULL, 1000 * ONE, 1 },
};

START_TEST(an_order_is_judged)
{
	struct risk_situation situation = cases[_i].situation;
	struct risk_verdict verdict;

	situation.opens = cases[_i].oddity != CLOSES;
	situation.is_loss_known = cases[_i].oddity != LOSS_UNKNOWN;
	if (situation.quantity == 0)
		situation.quantity = 10 * ONE;
	if (situation.price == 0)
		situation.price = 100 * ONE;
	if (situation.last_price == 0 && cases[_i].oddity != NO_LAST_PRICE)
		situation.last_price = 100 * ONE;
	verdict = risk_judge(&cases[_i].limits, &situation);

	ck_assert_msg(
	    verdict.is_refused == (cases[_i].rule != NULL), "%s", cases[_i].what);
	ck_assert_msg(strcmp(verdict.rule, cases[_i].rule ? cases[_i].rule : "") == 0,
	    "%s: %s", cases[_i].what, verdict.rule);
	ck_assert_msg(
	    (verdict.latch == NULL) == (cases[_i].latch == NULL), "%s", cases[_i].what);
	if (verdict.latch)
		ck_assert_str_eq(verdict.latch, cases[_i].latch);
	ck_assert_msg(verdict.value == cases[_i].value, "%s", cases[_i].what);
	ck_assert_msg(verdict.limit == cases[_i].limit, "%s", cases[_i].what);
	ck_assert_msg((verdict.figures == RISK_NO_FIGURES) == (verdict.limit == 0),
	    "%s", cases[_i].what);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, an_order_is_judged, 0, ARRAY_SIZE(cases));
}

int
main(void)
{
	return suite_run("risk", add_tests);
}
