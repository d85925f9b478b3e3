/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report: always valid JSON, positions and equity from fills and last prices, and
 * nothing of a symbol's name that a terminal would obey.
 */
#include "worker/trading/ledger.h"

#include <errno.h>
#include <jansson.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "worker/trading/journal.h"
#include "suite.h"
#include "tempdir.h"

#define ONE DECIMAL_ONE

static struct tempdir dir;
static const char *path;
static struct error error;
static struct journal *journal;

static void
set_up(void)
{
	tempdir_init(&dir);
	path = tempdir_path(&dir, "journal");
	ck_assert_int_eq(journal_open(path, "flow", 1000 * ONE, &error, &journal), 0);
}

static void
tear_down(void)
{
	journal = journal_free(journal);
	tempdir_deinit(&dir);
}

/* A filled order with a cluster of its own. */
static void
add_trade(const char *id, const char *symbol, enum tradesup_side side, int64_t quantity,
    int64_t price)
{
	struct journal_cluster cluster = { .id = id,
		.symbol = symbol,
		.side = side,
		.trades = 3,
		.notional = "170141183460469231731687303715.88410572",
		.price = price };
	struct journal_order order = { .client_order_id = id,
		.symbol = symbol,
		.side = side,
		.quantity = quantity };
	struct journal_fill fill = {
		.symbol = symbol, .side = side, .quantity = quantity, .price = price
	};

	ck_assert_int_eq(journal_add_cluster(journal, &cluster, &order.cluster), 0);
	ck_assert_int_eq(journal_add_order(journal, &order, &fill.order), 0);
	ck_assert_int_eq(journal_move_order(
			     journal, fill.order, ORDER_INTENT, ORDER_OPEN, "b", NULL),
	    0);
	ck_assert_int_eq(journal_add_fill(journal, &fill), 0);
	ck_assert_int_eq(journal_move_order(
			     journal, fill.order, ORDER_OPEN, ORDER_FILLED, NULL, NULL),
	    0);
	ck_assert_int_eq(journal_set_price(journal, symbol, price), 0);
}

static char *
print(bool json)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int r = ledger_print(path, "flow", json, out, &error);

	ck_assert_msg(r == 0, "%s", error.text);
	fclose(out);
	return text;
}

static json_t *
print_json(void)
{
	_cleanup_free_ char *text = print(true);
	json_error_t why;
	json_t *json = json_loads(text, 0, &why);

	ck_assert_msg(json != NULL, "%s: %s", why.text, text);
	return json;
}

static const char *
text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

START_TEST(test_empty)
{
	json_t *json = print_json();

	ck_assert_int_eq(json_integer_value(json_object_get(json, "events")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "clusters")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "positions")), 0);
	ck_assert_str_eq(text_of(json, "cash"), "1000.00000000");
	ck_assert_str_eq(text_of(json, "equity"), "1000.00000000");
	json_decref(json);
}
END_TEST

START_TEST(test_positions_and_equity)
{
	json_t *json, *positions;

	add_trade("1", "LONG", TRADESUP_BUY, 2 * ONE, 100 * ONE);
	add_trade("2", "SHORT", TRADESUP_SELL, 3 * ONE, 10 * ONE);
	add_trade("3", "GONE", TRADESUP_BUY, ONE, 50 * ONE);
	add_trade("4", "GONE", TRADESUP_SELL, ONE, 60 * ONE);
	ck_assert_int_eq(journal_set_price(journal, "LONG", 110 * ONE), 0);
	ck_assert_int_eq(journal_set_price(journal, "SHORT", 9 * ONE), 0);
	json = print_json();
	positions = json_object_get(json, "positions");
	ck_assert_uint_eq(json_array_size(positions), 2);
	ck_assert_str_eq(
	    text_of(json_array_get(positions, 0), "value"), "220.00000000");
	ck_assert_str_eq(
	    text_of(json_array_get(positions, 1), "quantity"), "-3.00000000");
	ck_assert_str_eq(
	    text_of(json_array_get(positions, 1), "value"), "-27.00000000");
	/* 1000 − 200 + 30 − 50 + 60, and 220 − 27 */
	ck_assert_str_eq(text_of(json, "cash"), "840.00000000");
	ck_assert_str_eq(text_of(json, "equity"), "1033.00000000");
	json_decref(json);
}
END_TEST

START_TEST(test_hostile_symbol)
{
	_cleanup_free_ char *table = NULL;
	json_t *json, *cluster;

	add_trade("a\"\n\033[2J", "S\"\\\t\033]0;x\007", TRADESUP_BUY, ONE, ONE);
	json = print_json();
	cluster = json_array_get(json_object_get(json, "clusters"), 0);
	ck_assert_str_eq(text_of(cluster, "symbol"), "S\"\\\t\033]0;x\007");
	ck_assert_str_eq(
	    text_of(cluster, "notional"), "170141183460469231731687303715.88410572");
	json_decref(json);
	table = print(false);
	ck_assert_ptr_null(strchr(table, '\033'));
	ck_assert_ptr_null(strchr(table, '\007'));
}
END_TEST

START_TEST(test_table_lines_up)
{
	_cleanup_free_ char *table = NULL;
	const char *title, *row;

	add_trade("1", "A_LONG_SYMBOL", TRADESUP_BUY, ONE, 12345 * ONE);
	add_trade("2", "S", TRADESUP_BUY, ONE, ONE);
	table = print(false);
	title = strstr(table, "\nfills\n") + strlen("\nfills\n");
	row = strchr(strchr(title, '\n') + 1, '\n') + 1;
	ck_assert_int_eq(strstr(title, "SIDE") - title, strstr(row, "buy") - row);
	ck_assert_ptr_null(strstr(table, " \n"));
}
END_TEST

START_TEST(test_refused)
{
	journal = journal_free(journal);
	ck_assert_int_eq(ledger_print(path, "other", true, stderr, &error), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(error.text, "other"));
	path = tempdir_path(&dir, "none");
	ck_assert_int_eq(ledger_print(path, "flow", true, stderr, &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, path));
}
END_TEST

START_TEST(test_full_output)
{
	FILE *full = fopen("/dev/full", "we");

	ck_assert_ptr_nonnull(full);
	ck_assert_int_lt(ledger_print(path, "flow", true, full, &error), 0);
	fclose(full);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_empty);
	tcase_add_test(tcase, test_positions_and_equity);
	tcase_add_test(tcase, test_hostile_symbol);
	tcase_add_test(tcase, test_table_lines_up);
	tcase_add_test(tcase, test_refused);
	tcase_add_test(tcase, test_full_output);
}

int
main(void)
{
	return suite_run("ledger", add_tests);
}
