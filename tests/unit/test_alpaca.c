/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alpaca's answers as text: what is one, what is none, and what it means for a request.
 */
#include "worker/trading/alpaca.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "suite.h"

#define ID "f7f25e89-939a-4587-aaf6-414a6b3c341d"
#define HEAD                                                                           \
	"\"id\":\"" ID "\",\"client_order_id\":\"ts-a\",\"symbol\":\"AAPL\","          \
	"\"type\":\"market\",\"side\":\"buy\","

static const struct order_case {
	const char *body;
	int result;
	enum order_status status;
	int64_t filled, average;
} order_cases[] = {
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"0\",\"status\":\"new\"}", 0,
	    ORDER_OPEN },
	{ "{" HEAD "\"qty\":\"2\",\"status\":\"accepted\",\"filled_avg_price\":null}",
	    0, ORDER_OPEN },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"0.5\",\"filled_avg_price\":\"10.25\""
	  ",\"status\":\"new\"}",
	    0, ORDER_PARTIALLY_FILLED, DECIMAL_ONE / 2, 1025000000 },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"2\",\"filled_avg_price\":\"10\""
	  ",\"status\":\"filled\"}",
	    0, ORDER_FILLED, 2 * DECIMAL_ONE, 10 * DECIMAL_ONE },
	/* It says filled, and not of how much. */
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"0\",\"status\":\"filled\"}", 0,
	    ORDER_OPEN },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"0\",\"status\":\"expired\"}", 0,
	    ORDER_CANCELED },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"0\",\"status\":\"replaced\"}", 0,
	    ORDER_CANCELED },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"0\",\"status\":\"rejected\"}", 0,
	    ORDER_REJECTED },
	/* One that the description does not know is not final. */
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"0\",\"status\":\"pondering\"}", 0,
	    ORDER_OPEN },
	{ "", -EBADMSG },
	{ "[]", -EBADMSG },
	{ "null", -EBADMSG },
	{ "{" HEAD "\"qty\":\"2\",\"status\":\"new\"", -EBADMSG },
	/* Amounts as numbers, to the last digit. */
	{ "{" HEAD "\"qty\":2,\"filled_qty\":1.50000001,\"filled_avg_price\":"
	  "90071992547.40993001,\"status\":\"new\",\"note\":\"\\\"1\\\\\"}",
	    0, ORDER_PARTIALLY_FILLED, 150000001, INT64_C(9007199254740993001) },
	{ "{" HEAD "\"qty\":2e0,\"filled_qty\":0,\"status\":\"new\"}", 0, ORDER_OPEN },
	{ "{" HEAD "\"qty\":02,\"filled_qty\":\"0\",\"status\":\"new\"}", -EBADMSG },
	{ "{" HEAD "\"qty\":1-2,\"filled_qty\":\"0\",\"status\":\"new\"}", -EBADMSG },
	{ "{" HEAD "\"qty\":true,\"filled_qty\":\"0\",\"status\":\"new\"}", -EBADMSG },
	/* Something was left out: not an order of no quantity. */
	{ "{" HEAD "\"qty\":null,\"filled_qty\":\"0\",\"status\":\"new\"}", -EBADMSG },
	{ "{" HEAD "\"filled_qty\":\"0\",\"status\":\"new\"}", -EBADMSG },
	{ "{" HEAD "\"qty\":\"0\",\"notional\":null,\"status\":\"new\"}", -EBADMSG },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"0\"}", -EBADMSG },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"3\",\"filled_avg_price\":\"1\""
	  ",\"status\":\"new\"}",
	    -EBADMSG },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"-1\",\"status\":\"new\"}",
	    -EBADMSG },
	/* A price that is not told yet: no fill, and no end. */
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"1\",\"status\":\"new\"}", 0,
	    ORDER_OPEN },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"2\",\"status\":\"filled\""
	  ",\"filled_avg_price\":null}",
	    0, ORDER_OPEN },
	{ "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"1\",\"status\":\"canceled\""
	  ",\"filled_avg_price\":\"0\"}",
	    0, ORDER_OPEN },
	{ "{" HEAD "\"qty\":\"1e999\",\"filled_qty\":\"0\",\"status\":\"new\"}",
	    -EBADMSG },
	{ "{" HEAD "\"qty\":\"2\",\"qty\":\"3\",\"filled_qty\":\"0\",\"status\":"
	  "\"new\"}",
	    -EBADMSG },
	{ "{\"id\":\"../../account\",\"client_order_id\":\"a\",\"symbol\":\"A\","
	  "\"type\":\"market\",\"side\":\"buy\",\"qty\":\"2\",\"status\":\"new\"}",
	    -EBADMSG },
	{ "{\"id\":\"a\",\"client_order_id\":\"a\",\"symbol\":\"A\","
	  "\"type\":\"market\",\"side\":\"hold\",\"qty\":\"2\",\"status\":\"new\"}",
	    -EBADMSG },
	{ "{\"id\":\"a\",\"client_order_id\":\"a\\u0000b\",\"symbol\":\"A\","
	  "\"type\":\"market\",\"side\":\"buy\",\"qty\":\"2\",\"status\":\"new\"}",
	    -EBADMSG },
};

START_TEST(test_order)
{
	const struct order_case *c = &order_cases[_i];
	struct broker_view view;
	int r = alpaca_parse_order(c->body, strlen(c->body), &view);

	ck_assert_msg(r == c->result, "%s: %d", c->body, r);
	if (r != 0)
		return;
	ck_assert_msg(view.status == c->status, "%s: %s", c->body,
	    order_status_name(view.status));
	ck_assert_int_eq(view.filled, c->filled);
	ck_assert_int_eq(view.average, c->average);
	ck_assert_int_eq(view.quantity, 2 * DECIMAL_ONE);
	ck_assert_str_eq(view.id, ID);
	ck_assert_str_eq(view.client_order_id, "ts-a");
	ck_assert(view.is_market && view.side == TRADESUP_BUY);
}
END_TEST

START_TEST(test_a_time_before_all_orders_is_none)
{
	static const char body[] =
	    "{" HEAD "\"qty\":\"2\",\"filled_qty\":\"0\",\"status\":\"new\""
	    ",\"submitted_at\":\"1883-11-24T20:03:46Z\"}";
	struct broker_view view;

	ck_assert_int_eq(alpaca_parse_order(body, strlen(body), &view), 0);
	ck_assert_int_eq(view.submitted_ns, 0);
}
END_TEST

/* No beginning of an answer is one, and nothing is read past its end. */
START_TEST(test_order_cut)
{
	const char *whole = order_cases[3].body;
	struct broker_view view;

	for (size_t length = 0; length < strlen(whole); length++) {
		_cleanup_free_ char *part = malloc(length + 1);

		memcpy(part, whole, length);
		ck_assert_int_eq(alpaca_parse_order(part, length, &view), -EBADMSG);
	}
}
END_TEST

static const struct result_case {
	bool is_post;
	int status;
	const char *body;
	enum broker_result result;
} result_cases[] = {
	{ true, 200, "{}", BROKER_DONE },
	{ false, 204, "", BROKER_DONE },
	{ false, 207, "[]", BROKER_DONE },
	{ true, 422,
	    "{\"code\":40010001,\"message\":\"client_order_id must be unique\"}",
	    BROKER_DUPLICATE },
	{ true, 422, "{\"code\":40010001,\"message\":\"order_id is missing\"}",
	    BROKER_DENIED },
	{ true, 422,
	    "{\"code\":42210000,\"message\":\"Client order ID already exists\"}",
	    BROKER_DUPLICATE },
	{ true, 409, "{\"code\":40910000,\"message\":\"duplicate client_order_id\"}",
	    BROKER_DUPLICATE },
	{ true, 422,
	    "{\"code\":40010001,\"message\":\"client_order_id must be no more than 128 "
	    "characters\"}",
	    BROKER_DENIED },
	/* No refusals of an order that the description has. */
	{ true, 422, "{\"message\":\"unprocessable\"}", BROKER_UNCLEAR },
	{ true, 403, "{\"message\":\"Forbidden\"}", BROKER_UNCLEAR },
	{ true, 400, "{\"code\":40010000,\"message\":\"malformed\"}", BROKER_UNCLEAR },
	{ true, 409, "{\"code\":40910000,\"message\":\"conflict\"}", BROKER_UNCLEAR },
	{ false, 422,
	    "{\"code\":40010001,\"message\":\"client_order_id must be unique\"}",
	    BROKER_DENIED },
	{ true, 403, "{\"code\":40310000,\"message\":\"insufficient buying power\"}",
	    BROKER_DENIED },
	{ true, 403, "{\"code\":40110000,\"message\":\"not authorized\"}",
	    BROKER_LOCKED },
	{ true, 403, "<html>blocked</html>", BROKER_UNCLEAR },
	{ false, 403, "{\"code\":40310000,\"message\":\"forbidden.\"}", BROKER_LOCKED },
	{ false, 403, "<html>blocked</html>", BROKER_UNCLEAR },
	{ true, 401, "", BROKER_LOCKED },
	{ false, 404, "{\"code\":40410000,\"message\":\"order not found\"}",
	    BROKER_NOT_FOUND },
	/* Only the broker's own counts. */
	{ false, 404, "<html>not found</html>", BROKER_UNCLEAR },
	{ false, 404, "", BROKER_UNCLEAR },
	{ false, 404, "{\"message\":7}", BROKER_UNCLEAR },
	{ false, 404, "{\"message\":\"no Route matched with those values\"}",
	    BROKER_UNCLEAR },
	{ true, 404, "{\"code\":40410000,\"message\":\"not found\"}", BROKER_UNCLEAR },
	{ true, 408, "{\"code\":1,\"message\":\"time-out\"}", BROKER_UNCLEAR },
	{ true, 429, "{\"code\":42910000,\"message\":\"too many\"}", BROKER_BUSY },
	{ true, 500, "{\"code\":1,\"message\":\"internal\"}", BROKER_UNCLEAR },
	{ true, 504, "", BROKER_UNCLEAR },
	{ true, 302, "", BROKER_UNCLEAR },
	{ true, 0, "", BROKER_UNCLEAR },
};

START_TEST(test_result)
{
	const struct result_case *c = &result_cases[_i];
	char text[BROKER_TEXT_MAX];

	ck_assert_msg(alpaca_result(c->is_post, c->status, c->body, strlen(c->body),
			  text) == c->result,
	    "%d %s", c->status, c->body);
}
END_TEST

START_TEST(test_words_are_harmless)
{
	static const char body[] =
	    "{\"code\":1,\"message\":\"a\\u001b[2Jb\\nc\\u202ed\"}";
	struct alpaca_error error;

	ck_assert_int_eq(alpaca_parse_error(body, strlen(body), &error), 0);
	ck_assert_str_eq(error.message, "a?[2Jb?c?d");
}
END_TEST

static int
count(const struct broker_position *position, void *data)
{
	int64_t *sum = data;

	*sum += position->quantity;
	return 0;
}

START_TEST(test_positions)
{
	static const char body[] =
	    "[{\"symbol\":\"A\",\"side\":\"long\",\"qty\":\"5\",\"current_price\":"
	    "\"1\"}"
	    ",{\"symbol\":\"B\",\"side\":\"short\",\"qty\":\"-2\"},"
	    "{\"symbol\":\"C\",\"side\":\"short\",\"qty\":\"1\"}]";
	static const char broken[] = "[{\"symbol\":\"A\",\"qty\":\"5\"}]";
	static const char none[] =
	    "[{\"symbol\":\"A\",\"side\":\"long\",\"qty\":null}]";
	int64_t sum = 0;

	ck_assert_int_eq(alpaca_list_positions(body, strlen(body), count, &sum), 0);
	ck_assert_int_eq(sum, 2 * DECIMAL_ONE);
	ck_assert_int_eq(
	    alpaca_list_positions(broken, strlen(broken), count, &sum), -EBADMSG);
	ck_assert_int_eq(
	    alpaca_list_positions(none, strlen(none), count, &sum), -EBADMSG);
	ck_assert_int_eq(alpaca_list_positions("{}", 2, count, &sum), -EBADMSG);
}
END_TEST

static int
count_orders(const struct broker_view *view, void *data)
{
	int *n = data;

	ck_assert(view->is_market || strcmp(view->symbol, "(legs)") == 0);
	++*n;
	return 0;
}

/* As the API's description shows one: it does not spoil the list, and is not ours. */
START_TEST(test_an_order_of_legs_in_a_list)
{
	static const char body[] =
	    "[{\"id\":\"" ID "\",\"client_order_id\":\"646b1fe6\",\"symbol\":\"\","
	    "\"side\":\"\",\"qty\":\"1\",\"notional\":null,\"filled_qty\":\"1\","
	    "\"filled_avg_price\":\"-1.28\",\"order_class\":\"mleg\",\"type\":"
	    "\"limit\",\"status\":\"new\",\"legs\":[{\"symbol\":"
	    "\"AAPL241213C00250000\"}]}"
	    ",{" HEAD "\"qty\":\"2\",\"order_class\":\"\",\"status\":\"new\"}]";
	int n = 0;

	ck_assert_int_eq(alpaca_list_orders(body, strlen(body), count_orders, &n), 0);
	ck_assert_int_eq(n, 2);
}
END_TEST

START_TEST(test_order_body)
{
	struct broker_request request = { "ts-a", "AAPL", TRADESUP_SELL, 150000000 };
	_cleanup_free_ char *plain = alpaca_order_body(&request);
	_cleanup_free_ char *whole = NULL;

	ck_assert_str_eq(plain,
	    "{\"symbol\":\"AAPL\",\"qty\":\"1.5\",\"side\":\"sell\",\"type\":"
	    "\"market\",\"time_in_force\":\"day\",\"client_order_id\":\"ts-a\"}");
	request.symbol = "BTC/USD";
	request.quantity = 1000 * DECIMAL_ONE;
	whole = alpaca_order_body(&request);
	ck_assert_ptr_nonnull(strstr(whole, "\"qty\":\"1000\""));
	ck_assert_ptr_nonnull(strstr(whole, "\"time_in_force\":\"gtc\""));
	request.symbol = "\xff";
	ck_assert_ptr_null(alpaca_order_body(&request));
}
END_TEST

static const struct {
	const char *what, *body;
	int n; /* -1: it is none */
} calendars[] = {
	{ "two days",
	    "[{\"date\":\"2026-11-25\",\"open\":\"09:30\",\"close\":\"16:00\"},"
	    "{\"date\":\"2026-11-27\",\"open\":\"09:30\",\"close\":\"13:00\"}]",
	    2 },
	{ "no day", "[]", -1 },
	{ "no list", "{\"code\":1}", -1 },
	{ "twice",
	    "[{\"date\":\"2026-11-25\",\"open\":\"09:30\",\"close\":\"16:00\"},"
	    "{\"date\":\"2026-11-25\",\"open\":\"09:30\",\"close\":\"16:00\"}]",
	    -1 },
	{ "not what was asked for",
	    "[{\"date\":\"2027-11-25\",\"open\":\"09:30\",\"close\":\"16:00\"}]", -1 },
	{ "before what was asked for",
	    "[{\"date\":\"2026-11-19\",\"open\":\"09:30\",\"close\":\"16:00\"}]", -1 },
	{ "no such date",
	    "[{\"date\":\"2026-11-31\",\"open\":\"09:30\",\"close\":\"16:00\"}]", -1 },
	{ "a time without its zero",
	    "[{\"date\":\"2026-11-25\",\"open\":\"9:30\",\"close\":\"16:00\"}]", -1 },
	{ "behind midnight",
	    "[{\"date\":\"2026-11-25\",\"open\":\"09:30\",\"close\":\"24:01\"}]", -1 },
	{ "closed before it opens",
	    "[{\"date\":\"2026-11-25\",\"open\":\"16:00\",\"close\":\"09:30\"}]", -1 },
	{ "no close", "[{\"date\":\"2026-11-25\",\"open\":\"09:30\"}]", -1 },
	{ "a number", "[{\"date\":\"2026-11-25\",\"open\":930,\"close\":\"16:00\"}]",
	    -1 },
	{ "more than there is room for",
	    "[{\"date\":\"2026-11-23\",\"open\":\"09:30\",\"close\":\"16:00\"},"
	    "{\"date\":\"2026-11-24\",\"open\":\"09:30\",\"close\":\"16:00\"},"
	    "{\"date\":\"2026-11-25\",\"open\":\"09:30\",\"close\":\"16:00\"}]",
	    -1 },
};

/* 2026-11-20 is day 20777. */
START_TEST(a_calendar_is_read_or_refused)
{
	struct session_day read[2] = { 0 };
	struct broker_days days = {
		.first = 20777, .last = 20787, .days = read, .max = 2
	};
	int r = alpaca_list_days(calendars[_i].body, strlen(calendars[_i].body), &days);

	ck_assert_msg(
	    r == (calendars[_i].n < 0 ? -EBADMSG : 0), "%s: %d", calendars[_i].what, r);
	if (r != 0)
		return;
	ck_assert_uint_eq(days.n, (size_t)calendars[_i].n);
	ck_assert_int_eq(read[0].date, 20782);
	ck_assert_int_eq(read[1].date, 20784);
	ck_assert_int_eq(read[1].open, 570);
	ck_assert_int_eq(read[1].close, 780);
}
END_TEST

static const struct {
	const char *what, *body;
	bool is_good;
} clocks[] = {
	{ "open",
	    "{\"timestamp\":\"2025-06-24T14:15:22.5-04:00\",\"is_open\":true,"
	    "\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    true },
	{ "closed",
	    "{\"timestamp\":\"2025-06-24T03:15:22.5-04:00\",\"is_open\":false,"
	    "\"next_open\":\"2025-06-24T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    true },
	{ "it never closes",
	    "{\"timestamp\":\"2025-06-24T14:15:22.5-04:00\",\"is_open\":true,"
	    "\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-25T09:30:00-04:00\"}",
	    true },
	{ "no time",
	    "{\"is_open\":true,\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "no closing",
	    "{\"timestamp\":\"2025-06-24T14:15:22.5-04:00\",\"is_open\":true,"
	    "\"next_open\":\"2025-06-25T09:30:00-04:00\"}",
	    false },
	{ "no opening",
	    "{\"timestamp\":\"2025-06-24T14:15:22.5-04:00\",\"is_open\":true,"
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "open is no word",
	    "{\"timestamp\":\"2025-06-24T14:15:22.5-04:00\","
	    "\"is_open\":\"true\",\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "a time that is a number",
	    "{\"timestamp\":1750788922,\"is_open\":true,"
	    "\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "no such day",
	    "{\"timestamp\":\"2025-06-31T14:15:22-04:00\",\"is_open\":true,"
	    "\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "a time without its zone",
	    "{\"timestamp\":\"2025-06-24T14:15:22\",\"is_open\":true,"
	    "\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "before there were such clocks",
	    "{\"timestamp\":\"1970-01-01T00:00:00Z\",\"is_open\":true,"
	    "\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "open, and it has closed",
	    "{\"timestamp\":\"2025-06-24T16:00:00-04:00\",\"is_open\":true,"
	    "\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "open, and it opens before it closes",
	    "{\"timestamp\":\"2025-06-24T03:15:22-04:00\",\"is_open\":true,"
	    "\"next_open\":\"2025-06-24T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "closed, and it closes before it opens",
	    "{\"timestamp\":\"2025-06-24T14:15:22.5-04:00\",\"is_open\":false,"
	    "\"next_open\":\"2025-06-25T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "closed, and it has opened",
	    "{\"timestamp\":\"2025-06-24T14:15:22.5-04:00\",\"is_open\":false,"
	    "\"next_open\":\"2025-06-24T09:30:00-04:00\","
	    "\"next_close\":\"2025-06-24T16:00:00-04:00\"}",
	    false },
	{ "a list", "[]", false },
};

START_TEST(a_clock_is_read_or_refused)
{
	struct market_clock clock = { .asked_ns = 3, .told_ns = 4 };
	int r = alpaca_parse_clock(clocks[_i].body, strlen(clocks[_i].body), &clock);

	ck_assert_msg(
	    r == (clocks[_i].is_good ? 0 : -EBADMSG), "%s: %d", clocks[_i].what, r);
	ck_assert_int_eq(clock.told_ns, 4);
	if (_i > 0)
		return;
	ck_assert(clock.is_open);
	ck_assert_int_eq(clock.time_ns, INT64_C(1750788922500000000));
	ck_assert_int_eq(clock.next_close_ns, INT64_C(1750795200000000000));
	ck_assert_int_eq(clock.next_open_ns, INT64_C(1750858200000000000));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_clock_is_read_or_refused, 0, ARRAY_SIZE(clocks));
	tcase_add_loop_test(
	    tcase, a_calendar_is_read_or_refused, 0, ARRAY_SIZE(calendars));
	tcase_add_test(tcase, test_a_time_before_all_orders_is_none);
	tcase_add_loop_test(tcase, test_order, 0, ARRAY_SIZE(order_cases));
	tcase_add_test(tcase, test_order_cut);
	tcase_add_loop_test(tcase, test_result, 0, ARRAY_SIZE(result_cases));
	tcase_add_test(tcase, test_words_are_harmless);
	tcase_add_test(tcase, test_positions);
	tcase_add_test(tcase, test_an_order_of_legs_in_a_list);
	tcase_add_test(tcase, test_order_body);
}

int
main(void)
{
	return suite_run("alpaca", add_tests);
}
