/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures are what the ledger and plain counting say, however many steps it takes,
 * and never of half a journal.
 */
#include "worker/trading/figures.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "suite.h"
#include "tempdir.h"
#include "worker/trading/ledger.h"

#define ONE DECIMAL_ONE
#define STEPS_MOST 10000

static struct tempdir dir;
static struct error error;
static struct journal *journal;
static struct figures figures;
static int n_trades;

static void
set_up(void)
{
	tempdir_init(&dir);
	ck_assert_int_eq(journal_open(tempdir_path(&dir, "journal"), "flow", 1000 * ONE,
			     &error, &journal),
	    0);
	figures = (struct figures){ 0 };
	n_trades = 0;
}

static void
tear_down(void)
{
	figures_deinit(&figures);
	journal = journal_free(journal);
	tempdir_deinit(&dir);
}

/* A cluster that a rule refused; NULL: that has an order. Return: its number. */
static int64_t
add_cluster(const char *skipped)
{
	char id[32];
	struct journal_cluster cluster = {
		.id = id, .symbol = "BTC", .notional = "1", .skipped = skipped
	};
	int64_t number;

	snprintf(id, sizeof(id), "c%d", n_trades++);
	ck_assert_int_eq(journal_add_cluster(journal, &cluster, &number), 0);
	return number;
}

/* An order and its fill. Return: the order's number. */
static int64_t
add_fill(const char *symbol, enum tradesup_side side, int64_t quantity, int64_t price)
{
	struct journal_order order = { .symbol = symbol,
		.side = side,
		.quantity = quantity,
		.cluster = add_cluster(NULL) };
	struct journal_fill fill = { .symbol = symbol,
		.side = side,
		.quantity = quantity,
		.price = price,
		.fee = 7 };
	char id[32];

	snprintf(id, sizeof(id), "o%d", n_trades);
	order.client_order_id = id;
	ck_assert_int_eq(journal_add_order(journal, &order, &fill.order), 0);
	ck_assert_int_eq(journal_add_fill(journal, &fill), 0);
	ck_assert_int_eq(journal_set_price(journal, symbol, price), 0);
	return fill.order;
}

static void
finish(int64_t order)
{
	ck_assert_int_eq(
	    journal_move_order(journal, order, ORDER_INTENT, ORDER_OPEN, "b", NULL), 0);
	ck_assert_int_eq(
	    journal_move_order(journal, order, ORDER_OPEN, ORDER_FILLED, NULL, NULL),
	    0);
}

/* Its number of trades, in some symbols. */
static void
trade(int n)
{
	char symbol[16];

	ck_assert_int_eq(journal_begin(journal), 0);
	for (int i = 0; i < n; i++) {
		snprintf(symbol, sizeof(symbol), "S%d", rand() % 50);
		finish(add_fill(symbol, rand() % 2 ? TRADESUP_BUY : TRADESUP_SELL,
		    (1 + rand() % 9) * ONE, (1 + rand() % 99) * ONE));
	}
	ck_assert_int_eq(journal_commit(journal), 0);
}

static void
step(void)
{
	figures_expire(&figures);
	figures_read(&figures, journal, true);
}

/* What has been read now and not before. */
static const char *
read_all(void)
{
	int i = 0;

	figures.text[0] = '\0';
	figures.has_counted = false;
	do {
		step();
	} while (figures.text[0] == '\0' && i++ < STEPS_MOST);
	ck_assert_int_lt(i, STEPS_MOST);
	return figures.text;
}

/* As the ledger says, and with these counts. */
static void
assert_is(const char *orders, const char *refused)
{
	char equity[DECIMAL_TEXT_MAX], cash[DECIMAL_TEXT_MAX], wanted[1024];
	struct ledger_worth worth;

	ck_assert_int_eq(ledger_worth(journal, &worth), 0);
	decimal_format(worth.equity, equity);
	decimal_format(worth.cash, cash);
	snprintf(wanted, sizeof(wanted),
	    " equity=%s cash=%s positions=%lld orders=\"%s\" refused=\"%s\"", equity,
	    cash, (long long)worth.positions, orders, refused);
	ck_assert_str_eq(read_all(), wanted);
}

START_TEST(of_an_empty_journal)
{
	assert_is("", "");
	ck_assert_int_eq(strncmp(figures.text, " equity=1000.00000000", 21), 0);
}
END_TEST

START_TEST(many_rows_come_to_what_the_ledger_says)
{
	/* A table's end in the middle of a piece, and where one ends. */
	trade(3 * JOURNAL_SCAN_ROWS + 17);
	assert_is("filled:3017", "");
	trade(JOURNAL_SCAN_ROWS - 17);
	assert_is("filled:4000", "");
	trade(1);
	assert_is("filled:4001", "");
	/* An empty position is none. */
	finish(add_fill("X", TRADESUP_BUY, ONE, ONE));
	assert_is("filled:4002", "");
	finish(add_fill("X", TRADESUP_SELL, ONE, 2 * ONE));
	assert_is("filled:4003", "");
}
END_TEST

START_TEST(a_step_is_bounded_and_tells_no_half)
{
	char first[sizeof(figures.text)] = "", symbol[16];

	ck_assert_int_eq(journal_begin(journal), 0);
	for (int i = 0; i < 20 * JOURNAL_SCAN_ROWS; i++) {
		snprintf(symbol, sizeof(symbol), "S%d", i);
		add_fill(symbol, i % 3 ? TRADESUP_BUY : TRADESUP_SELL, ONE, i + 1);
	}
	ck_assert_int_eq(journal_commit(journal), 0);
	for (int i = 0; i < STEPS_MOST && !figures.has_counted; i++) {
		ck_assert_str_eq(figures.text, "");
		step();
	}
	strcpy(first, figures.text);
	ck_assert_str_ne(first, "");
	assert_is("intent:20000", "");
	ck_assert_str_eq(first, figures.text);
}
END_TEST

START_TEST(orders_are_counted_as_they_are_now)
{
	int64_t order = add_fill("X", TRADESUP_BUY, ONE, ONE);

	assert_is("intent:1", "");
	finish(order);
	assert_is("filled:1", "");
}
END_TEST

START_TEST(refusals_by_rule)
{
	char rule[64];

	add_cluster("position_open");
	for (int i = 0; i < 3; i++)
		add_cluster("risk:price_collar");
	add_cluster("risk:hold");
	assert_is("", "hold:1,price_collar:3");
	add_cluster("risk:hold");
	add_cluster("risk:no name");
	add_cluster("risk:");
	assert_is("", "hold:2,price_collar:3,other:2");
	for (int i = 0; i < 2 * FIGURES_NAMES_MAX; i++) {
		snprintf(rule, sizeof(rule), "risk:zz_%02d", i);
		add_cluster(rule);
	}
	read_all();
	ck_assert_ptr_nonnull(strstr(figures.text, "hold:2,price_collar:3,zz_00:1"));
	ck_assert_ptr_nonnull(strstr(figures.text, "zz_20:1,other:29\""));
}
END_TEST

START_TEST(what_may_be_rolled_back_does_not_count)
{
	trade(5);
	assert_is("filled:5", "");
	ck_assert_int_eq(journal_begin(journal), 0);
	add_fill("X", TRADESUP_BUY, ONE, ONE);
	for (int i = 0; i < 5; i++)
		step();
	journal_rollback(journal);
	assert_is("filled:5", "");
	add_fill("Y", TRADESUP_BUY, 2 * ONE, 3 * ONE);
	assert_is("filled:5,intent:1", "");
}
END_TEST

START_TEST(what_a_person_accepted)
{
	ck_assert_int_eq(journal_add_adjustment(journal, "X", 3 * ONE, 5 * ONE, 1), 0);
	assert_is("", "");
	ck_assert_ptr_nonnull(strstr(figures.text, "equity=1015.00000000"));
	ck_assert_int_eq(journal_add_adjustment(journal, "X", -3 * ONE, 9 * ONE, 2), 0);
	assert_is("", "");
	ck_assert_ptr_nonnull(strstr(figures.text, "positions=0"));
}
END_TEST

START_TEST(of_a_real_broker_the_cash_is_its_word)
{
	figures_read(&figures, journal, false);
	ck_assert_str_eq(figures.text, " positions=0 orders=\"\" refused=\"\"");
	ck_assert_int_eq(journal_set_account(journal, 77 * ONE, 1), 0);
	figures_expire(&figures);
	figures_read(&figures, journal, false);
	ck_assert_int_eq(
	    strncmp(figures.text, " equity=77.00000000 cash=77.00000000", 36), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 100);
	tcase_add_test(tcase, of_an_empty_journal);
	tcase_add_test(tcase, many_rows_come_to_what_the_ledger_says);
	tcase_add_test(tcase, a_step_is_bounded_and_tells_no_half);
	tcase_add_test(tcase, orders_are_counted_as_they_are_now);
	tcase_add_test(tcase, refusals_by_rule);
	tcase_add_test(tcase, what_may_be_rolled_back_does_not_count);
	tcase_add_test(tcase, what_a_person_accepted);
	tcase_add_test(tcase, of_a_real_broker_the_cash_is_its_word);
}

int
main(void)
{
	return suite_run("worker_figures", add_tests);
}
