/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker held against the journal: what explains a position or an order, and what
 * is a difference.
 */
#include "worker/trading/reconcile.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "suite.h"

#define U DECIMAL_ONE

static const struct case_ {
	const char *what;
	struct holding_range holding;	 /* symbol "": none */
	struct broker_position position; /* the same */
	const char *known, *open;	 /* client_order_ids; NULL: none */
	size_t differences;
} cases[] = {
	{ "nothing at all" },
	{ "the same", { "A", 5 * U, 5 * U, 5 * U }, { "A", 5 * U } },
	{ "the same pair, written otherwise", { "BTC/USD", 5 * U, 5 * U, 5 * U },
	    { "BTCUSD", 5 * U } },
	{ "what was cut off in the ninth place", { "A", 5 * U, 5 * U, 5 * U },
	    { "A", 5 * U + 3 } },
	{ "more than the fills", { "A", 5 * U, 5 * U, 5 * U }, { "A", 6 * U },
	    .differences = 1 },
	{ "an open buy explains more", { "A", 5 * U, 5 * U, 8 * U }, { "A", 7 * U } },
	{ "but not so much", { "A", 5 * U, 5 * U, 8 * U }, { "A", 9 * U },
	    .differences = 1 },
	{ "an open sell explains none at all", { "A", 5 * U, 0 * U, 5 * U } },
	{ "gone", { "A", 5 * U, 5 * U, 5 * U }, .differences = 1 },
	{ "short where we are long", { "A", 5 * U, 5 * U, 5 * U }, { "A", -5 * U },
	    .differences = 1 },
	{ "nobody's", .position = { "B", 1 * U }, .differences = 1 },
	{ "our order", .known = "ts-a", .open = "ts-a" },
	{ "nobody's order", .known = "ts-a", .open = "by-hand", .differences = 1 },
	{ "an order that the broker does not have open", .known = "ts-a" },
};

START_TEST(test_compare)
{
	const struct case_ *c = &cases[_i];
	struct holding_range holding = c->holding;
	struct broker_position position = c->position;
	struct known_order known;
	struct broker_view open = { .symbol = "A" };
	struct sides sides = { .holdings = &holding,
		.n_holdings = holding.symbol[0] != '\0',
		.positions = &position,
		.n_positions = position.symbol[0] != '\0',
		.known = &known,
		.n_known = c->known != NULL,
		.open = &open,
		.n_open = c->open != NULL };
	_cleanup_(differences_deinit) struct differences differences = { 0 };

	if (c->known)
		strcpy(known.client_order_id, c->known);
	if (c->open)
		strcpy(open.client_order_id, c->open);
	ck_assert_int_eq(reconcile_compare(&sides, &differences), 0);
	ck_assert_msg(
	    differences.n == c->differences, "%s: %zu", c->what, differences.n);
}
END_TEST

START_TEST(test_text)
{
	struct difference list[] = {
		{ .is_position = true,
		    .symbol = "A",
		    .journal = DECIMAL_ONE,
		    .broker = -DECIMAL_ONE },
		{ .symbol = "B", .client_order_id = "by hand\n" },
	};
	struct differences differences = { list, ARRAY_SIZE(list) };
	_cleanup_free_ char *text = reconcile_text(&differences);

	ck_assert_str_eq(text,
	    "position symbol=A journal=1.00000000 broker=-1.00000000\n"
	    "order symbol=B client_order_id=\"by hand\\n\"\n");
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, test_compare, 0, ARRAY_SIZE(cases));
	tcase_add_test(tcase, test_text);
}

int
main(void)
{
	return suite_run("reconcile", add_tests);
}
