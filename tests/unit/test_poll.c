/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a poll asks for, and what it makes of answers, honest and hostile.
 */
#include "worker/trading/poll.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/unit/suite.h"

static struct config_trading trading;
static struct poll_window window;
static struct poll_batch batch;
static bool is_bad[4], more;

static void
set_up(void)
{
	static char aapl[] = "AAPL", brk[] = "BRK/B", msft[] = "MSFT",
		    base[] = "https://data.example.com/",
		    local[] = "http://127.0.0.1:1";
	static char *symbols[] = { aapl, brk, msft, NULL };

	trading.alpaca_data.base_url = base;
	trading.alpaca_data.symbols = symbols;
	trading.flow_alerts.base_url = local;
	trading.flow_alerts.limit = 2;
	trading.flow_alerts.tickers = NULL;
	memset(is_bad, 0, sizeof(is_bad));
	window = (struct poll_window){ .start_ns = POLL_NONE,
		.end_ns = POLL_NONE,
		.older_ns = POLL_NONE,
		.only = -1,
		.is_bad = is_bad };
	more = false;
}

static void
tear_down(void)
{
	poll_batch_deinit(&batch);
}

static int
parse(const struct poll_ops *ops, const char *text)
{
	_cleanup_free_ char *body = strdup(text);

	return ops->parse(&trading, body, strlen(body), &window, &batch, &more);
}

static void
expect_line(size_t i, const char *line)
{
	const struct poll_record *record = &batch.records[i];

	ck_assert_uint_lt(i, batch.n);
	ck_assert_msg(record->length == strlen(line) + 1 &&
			  memcmp(batch.text + record->offset, line, strlen(line)) == 0,
	    "%.*s", (int)record->length, batch.text + record->offset);
}

START_TEST(alpaca_is_asked_for_what_the_window_says)
{
	char url[URL_MAX + 1];

	ck_assert(poll_alpaca.url(&trading, &window, url));
	ck_assert_str_eq(url,
	    "https://data.example.com/v2/stocks/trades?symbols=AAPL%2CBRK%2FB%2CMSFT"
	    "&limit=10000");
	is_bad[1] = true;
	window.start_ns = 1;
	window.end_ns = NS_PER_S;
	strcpy(window.token, "a+b=");
	ck_assert(poll_alpaca.url(&trading, &window, url));
	ck_assert_str_eq(url,
	    "https://data.example.com/v2/stocks/trades?symbols=AAPL%2CMSFT&limit=10000"
	    "&start=1970-01-01T00%3A00%3A00.000000001Z"
	    "&end=1970-01-01T00%3A00%3A01.000000000Z&page_token=a%2Bb%3D");
	window.only = 2;
	ck_assert(poll_alpaca.url(&trading, &window, url));
	ck_assert(strstr(url, "?symbols=MSFT&") != NULL);
	window.only = -1;
	is_bad[0] = is_bad[2] = true;
	ck_assert(!poll_alpaca.url(&trading, &window, url));
	memset(is_bad, 0, sizeof(is_bad));
	memset(window.token, '%', POLL_TOKEN_MAX - 1);
	ck_assert(poll_alpaca.url(&trading, &window, url));
}
END_TEST

START_TEST(flow_alerts_are_asked_for_by_time)
{
	static char spy[] = "SPY", qqq[] = "QQQ", *tickers[] = { spy, qqq, NULL };
	char url[URL_MAX + 1];

	ck_assert(poll_flow_alerts.url(&trading, &window, url));
	ck_assert_str_eq(
	    url, "http://127.0.0.1:1/api/option-trades/flow-alerts?limit=2");
	trading.flow_alerts.tickers = tickers;
	window.start_ns = 0;
	window.older_ns = 1000;
	ck_assert(poll_flow_alerts.url(&trading, &window, url));
	ck_assert_str_eq(url,
	    "http://127.0.0.1:1/api/option-trades/flow-alerts?limit=2"
	    "&ticker_symbol=SPY%2CQQQ&newer_than=1970-01-01T00%3A00%3A00.000000000Z"
	    "&older_than=1970-01-01T00%3A00%3A00.000001000Z");
}
END_TEST

#define T1 "\"t\":\"2022-01-03T09:00:00.086175744Z\""

START_TEST(numbers_keep_their_digits)
{
	ck_assert_int_eq(
	    parse(&poll_alpaca, "{\"trades\":{\"AAPL\":[{" T1
				",\"i\":52983525029461,\"p\":0.123456789012345678,"
				"\"s\":1e2,\"x\":\"V\",\"c\":[\"@\",{}]}]},"
				"\"next_page_token\":\"n\\u00e9xt\"}"),
	    0);
	ck_assert_uint_eq(batch.n, 1);
	expect_line(0, "{\"time\":\"2022-01-03T09:00:00.086175744Z\",\"symbol\":"
		       "\"AAPL\",\"price\":\"0.123456789012345678\",\"size\":\"1e2\","
		       "\"id\":\"52983525029461\"}");
	ck_assert_int_eq(batch.records[0].time_ns, 1641200400086175744);
	ck_assert(more);
	ck_assert_str_eq(window.token, "n\xc3\xa9xt");
}
END_TEST

START_TEST(a_trade_that_was_taken_back_has_no_price)
{
	ck_assert_int_eq(
	    parse(&poll_alpaca, "{\"next_page_token\":null,\"trades\":{\"A\":["
				"{" T1 ",\"i\":1,\"p\":5,\"s\":1,\"u\":\"canceled\"},"
				"{" T1 ",\"i\":1,\"p\":6,\"s\":1,\"u\":\"incorrect\"},"
				"{" T1 ",\"i\":1,\"p\":7,\"s\":1,\"u\":\"corrected\"},"
				"{" T1 ",\"i\":1,\"p\":7,\"s\":1},"
				"{" T1 ",\"i\":2,\"p\":8,\"s\":1,\"u\":\"new\"}]}}"),
	    0);
	ck_assert(!more);
	ck_assert_uint_eq(batch.n, 5);
	for (size_t i = 0; i < batch.n; i++) {
		const char *text = batch.text + batch.records[i].offset;
		bool has_price = memmem(text, batch.records[i].length, "\"price\"", 7);

		ck_assert_int_eq(has_price, i == 2 || i == 3);
	}
	/* The one that corrects is the trade itself; what is taken back is not. */
	ck_assert(batch.records[2].key == batch.records[3].key);
	ck_assert(batch.records[0].key != batch.records[2].key);
	ck_assert(batch.records[0].key != batch.records[1].key);
}
END_TEST

START_TEST(texts_that_could_break_a_line_are_escaped)
{
	ck_assert_int_eq(
	    parse(&poll_alpaca, "{\"trades\":{\"A\\n\\\"\\u0000\\\\\":[{}]}}"), 0);
	expect_line(0, "{\"symbol\":\"A\\u000a\\u0022\\u0000\\u005c\"}");
}
END_TEST

static const char *const no_trades[] = {
	"{\"trades\":{},\"next_page_token\":null}",
	"{\"trades\":null}",
	"{\"trades\":{\"A\":[],\"B\":null}}",
	" {\"trades\" : { } } \n",
};

START_TEST(an_empty_answer_is_one)
{
	ck_assert_int_eq(parse(&poll_alpaca, no_trades[_i]), 0);
	ck_assert_uint_eq(batch.n, 0);
	ck_assert(!more);
}
END_TEST

static const char *const hostile[] = {
	"",
	"{",
	"{}",
	"[]",
	"null",
	"<html>",
	"{\"message\":\"trades\"}",
	"{\"trades\":5}",
	"{\"trades\":[]}",
	"{\"trades\":{\"A\":{}}}",
	"{\"trades\":{\"A\":[5]}}",
	"{\"trades\":{\"A\":[{\"t\":}]}}",
	"{\"trades\":{\"A\":[{\"t\":1,}]}}",
	"{\"trades\":{\"A\":[{\"t\":1}",
	"{\"trades\":{\"A\":[{\"t\":1}]}",
	"{\"trades\":{\"A\":[{\"t\":1}]}} {}",
	"{\"trades\":{},\"next_page_token\":7.5.5}",
	"{\"trades\":{},\"next_page_token\":[\"x\"]}",
	"{\"trades\":{},\"next_page_token\":\"a\\u0000b\"}",
	"{\"trades\":{\"A\":[{\"p\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
	"[[["
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
};

START_TEST(what_is_no_answer_of_alpacas_is_refused)
{
	ck_assert_int_eq(parse(&poll_alpaca, hostile[_i]), -EBADMSG);
	set_up();
	ck_assert_int_eq(parse(&poll_flow_alerts, hostile[_i]), -EBADMSG);
}
END_TEST

START_TEST(the_same_page_again_is_refused)
{
	const char *page = "{\"trades\":{},\"next_page_token\":\"x\"}";

	ck_assert_int_eq(parse(&poll_alpaca, page), 0);
	ck_assert_int_eq(parse(&poll_alpaca, page), -EBADMSG);
}
END_TEST

static const struct {
	const char *type, *ask, *bid, *side;
} sides[] = {
	{ "\"call\"", "\"2\"", "\"1\"", "buy" },
	{ "\"call\"", "\"1\"", "\"2\"", "sell" },
	{ "\"call\"", "\"2\"", "2.0", "sell" },
	{ "\"put\"", "\"2\"", "\"1\"", "sell" },
	{ "\"put\"", "\"1\"", "\"2\"", "buy" },
	{ "\"PUT\"", "0", "0", "buy" },
	{ "\"spread\"", "\"1\"", "\"2\"", NULL },
	{ "null", "\"1\"", "\"2\"", NULL },
	{ "\"put\"", "null", "\"2\"", NULL },
	{ "\"put\"", "\"x\"", "\"2\"", NULL },
};

START_TEST(an_alert_says_a_side)
{
	char body[512], line[64];

	snprintf(body, sizeof(body),
	    "{\"data\":[{\"type\":%s,\"total_ask_side_prem\":%s,"
	    "\"total_bid_side_prem\":%s}]}",
	    sides[_i].type, sides[_i].ask, sides[_i].bid);
	ck_assert_int_eq(parse(&poll_flow_alerts, body), 0);
	snprintf(line, sizeof(line), "{\"side\":\"%s\"}", sides[_i].side);
	expect_line(0, sides[_i].side ? line : "{}");
}
END_TEST

START_TEST(an_alert_is_an_event_of_the_underlying)
{
	ck_assert_int_eq(
	    parse(&poll_flow_alerts,
		"{\"data\":[{\"id\":\"x\",\"ticker\":\"SPY\",\"type\":\"call\","
		"\"created_at\":\"2023-12-12T16:35:52.168490Z\","
		"\"total_premium\":\"186705\",\"total_ask_side_prem\":\"151875\","
		"\"total_bid_side_prem\":\"405\",\"price\":\"4.05\","
		"\"total_size\":461,\"underlying_price\":\"372.99\","
		"\"has_sweep\":true}]}"),
	    0);
	expect_line(0, "{\"time\":\"2023-12-12T16:35:52.168490Z\",\"symbol\":\"SPY\","
		       "\"side\":\"buy\",\"price\":\"372.99\",\"size\":\"461\","
		       "\"id\":\"x\",\"notional\":\"186705\"}");
	ck_assert(!more);
}
END_TEST

static int
alerts_at(const char *one, const char *two)
{
	char body[256];

	snprintf(body, sizeof(body),
	    "{\"data\":[{\"created_at\":\"%s\"},{\"created_at\":\"%s\"}]}", one, two);
	return parse(&poll_flow_alerts, body);
}

START_TEST(a_full_answer_has_older_ones_behind_it)
{
	ck_assert_int_eq(alerts_at("1970-01-01T00:00:09Z", "1970-01-01T00:00:05Z"), 0);
	ck_assert(more);
	ck_assert_int_eq(window.older_ns, 5 * NS_PER_S + 1000);
	/* No progress but by asking for less than that very time. */
	ck_assert_int_eq(alerts_at("1970-01-01T00:00:05Z", "1970-01-01T00:00:05Z"), 0);
	ck_assert(more);
	ck_assert_int_eq(window.older_ns, 5 * NS_PER_S);
	ck_assert_int_eq(alerts_at("1970-01-01T00:00:05Z", "1970-01-01T00:00:05Z"), 0);
	ck_assert(!more);
}
END_TEST

START_TEST(alerts_without_a_time_go_nowhere)
{
	ck_assert_int_eq(alerts_at("x", "y"), 0);
	ck_assert(!more);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, alpaca_is_asked_for_what_the_window_says);
	tcase_add_test(tcase, flow_alerts_are_asked_for_by_time);
	tcase_add_test(tcase, numbers_keep_their_digits);
	tcase_add_test(tcase, a_trade_that_was_taken_back_has_no_price);
	tcase_add_test(tcase, texts_that_could_break_a_line_are_escaped);
	tcase_add_loop_test(
	    tcase, an_empty_answer_is_one, 0, (int)ARRAY_SIZE(no_trades));
	tcase_add_loop_test(tcase, what_is_no_answer_of_alpacas_is_refused, 0,
	    (int)ARRAY_SIZE(hostile));
	tcase_add_test(tcase, the_same_page_again_is_refused);
	tcase_add_loop_test(tcase, an_alert_says_a_side, 0, (int)ARRAY_SIZE(sides));
	tcase_add_test(tcase, an_alert_is_an_event_of_the_underlying);
	tcase_add_test(tcase, a_full_answer_has_older_ones_behind_it);
	tcase_add_test(tcase, alerts_without_a_time_go_nowhere);
}

int
main(void)
{
	return suite_run("poll", add_tests);
}
