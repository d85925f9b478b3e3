/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trading section: defaults, values, a strategy's parameters, and what is wrong.
 */
#include "common/config_trading.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/cleanup.h"
#include "common/decimal.h"
#include "tests/unit/config_case.h"

static struct config_case c;

static void
set_up(void)
{
	config_case_init(&c);
}

static void
tear_down(void)
{
	config_case_deinit(&c);
}

/* Loads a worker with these lines in its trading section, the first being line 2. */
static void
load(const char *lines)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), "worker w { trading {\n%s\n} }\n", lines);

	config_case_load(&c, text, (size_t)n);
}

static const struct config_trading *
load_good(const char *lines)
{
	load(lines);
	ck_assert_str_eq(c.errors, "");
	ck_assert_int_eq(c.result, 0);
	return config_find(c.config, "w")->worker.trading;
}

/* The parameters as "key=value key=value". */
static const char *
params(const struct config_trading *trading)
{
	static char text[1024];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < trading->n_params; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s=%s",
		    i > 0 ? " " : "", trading->params[i].key, trading->params[i].value);
	return text;
}

START_TEST(defaults_are_those_of_the_manual)
{
	const struct config_trading *t = load_good("");

	ck_assert_int_eq(t->cycle_ns, 5 * NS_PER_S);
	ck_assert_uint_eq(t->batch, 10000);
	ck_assert_int_eq(t->feed, FEED_SYNTHETIC);
	ck_assert_uint_eq(t->synthetic.seed, 1);
	ck_assert_uint_eq(t->synthetic.events, 0);
	ck_assert_uint_eq(t->synthetic.rate, 1000);
	ck_assert_uint_eq(t->synthetic.symbols, 8);
	ck_assert_str_eq(t->file.path, "");
	ck_assert_int_eq(t->file.format, FEED_FORMAT_AUTO);
	ck_assert_int_eq(t->file.time_unit, TIME_UNIT_RFC3339);
	ck_assert_str_eq(t->file.time, "time");
	ck_assert_str_eq(t->file.symbol, "symbol");
	ck_assert_str_eq(t->file.side, "side");
	ck_assert_str_eq(t->file.price, "price");
	ck_assert_str_eq(t->file.size, "size");
	ck_assert_str_eq(t->file.id, "id");
	ck_assert_str_eq(t->file.notional, "");
	ck_assert_str_eq(t->file.fixed_symbol, "");
	ck_assert(!t->file.follow);
	ck_assert_str_eq(t->strategy, "flow_cluster");
	ck_assert_int_eq(t->orders.order_notional, 10000 * DECIMAL_ONE);
	ck_assert_int_eq(t->orders.lot, 1);
	ck_assert(t->orders.long_only);
	ck_assert_int_eq(t->orders.max_position_notional, 0);
	ck_assert_uint_eq(t->orders.max_orders_per_day, 0);
	ck_assert_int_eq(t->broker, BROKER_PAPER);
	ck_assert_int_eq(t->paper.cash, 100000 * DECIMAL_ONE);
	ck_assert_int_eq(t->paper.fee_bps, 0);
	ck_assert_int_eq(t->paper.slippage_bps, 0);
	ck_assert_ptr_null(t->registry);
	ck_assert_str_eq(params(t),
	    "window=5m min_trades=5 min_notional=100000 min_event_notional=0 "
	    "dominance=70 cooldown=5m");
}
END_TEST

START_TEST(a_feed_over_a_network_has_the_defaults_of_the_manual)
{
	const struct config_trading *t = load_good("feed = alpaca");

	ck_assert_str_eq(t->alpaca_data.base_url, "https://data.alpaca.markets");
	ck_assert_str_eq(t->alpaca_data.symbols[0], "AAPL");
	ck_assert_ptr_null(t->alpaca_data.symbols[1]);
	ck_assert_int_eq(t->alpaca_data.interval_ns, NS_PER_S);
	ck_assert_int_eq(t->alpaca_data.feed_max_age_ns, 60 * NS_PER_S);
	ck_assert_str_eq(t->http.url, "");
	ck_assert_int_eq(t->http.interval_ns, NS_PER_S);
	ck_assert_int_eq(t->http.file.format, FEED_FORMAT_AUTO);
	ck_assert_str_eq(t->http.file.time, "time");
	ck_assert_str_eq(t->flow_alerts.base_url, "");
	ck_assert_ptr_null(t->flow_alerts.token_file);
	ck_assert_int_eq(t->flow_alerts.interval_ns, 5 * NS_PER_S);
	ck_assert_uint_eq(t->flow_alerts.limit, 200);
	ck_assert_ptr_null(t->flow_alerts.tickers);
	ck_assert_int_eq(t->flow_alerts.feed_max_age_ns, 600 * NS_PER_S);
}
END_TEST

START_TEST(every_value_arrives)
{
	const struct config_trading *t = load_good(
	    "cycle = 0s batch = 1 feed = file broker = paper registry = r.conf\n"
	    "synthetic { seed = 9223372036854775807 events = 5 rate = 1 symbols = 1 }\n"
	    "file { path = \"t.csv.gz\" format = ndjson time_unit = us time = t symbol "
	    "= ''\n"
	    "  side = '' price = p size = q id = '' notional = n fixed_symbol = "
	    "BTCUSD\n"
	    "  follow = yes }\n"
	    "orders { order_notional = 1e3 lot = 0.01 long_only = no\n"
	    "  max_position_notional = 5.5 max_orders_per_day = 7 }\n"
	    "paper { cash = 0 fee_bps = 25.5 slippage_bps = 9999.99999999 }");

	ck_assert_int_eq(t->cycle_ns, 0);
	ck_assert_uint_eq(t->batch, 1);
	ck_assert_int_eq(t->feed, FEED_FILE);
	ck_assert_uint_eq(t->synthetic.seed, INT64_MAX);
	ck_assert_uint_eq(t->synthetic.events, 5);
	ck_assert_str_eq(t->file.path, tempdir_path(&c.dir, "t.csv.gz"));
	ck_assert_int_eq(t->file.format, FEED_FORMAT_NDJSON);
	ck_assert_int_eq(t->file.time_unit, TIME_UNIT_US);
	ck_assert_str_eq(t->file.time, "t");
	ck_assert_str_eq(t->file.symbol, "");
	ck_assert_str_eq(t->file.notional, "n");
	ck_assert_str_eq(t->file.fixed_symbol, "BTCUSD");
	ck_assert(t->file.follow);
	ck_assert_str_eq(t->registry, tempdir_path(&c.dir, "r.conf"));
	ck_assert_int_eq(t->orders.order_notional, 1000 * DECIMAL_ONE);
	ck_assert_int_eq(t->orders.lot, 1000000);
	ck_assert(!t->orders.long_only);
	ck_assert_int_eq(t->orders.max_position_notional, 550000000);
	ck_assert_uint_eq(t->orders.max_orders_per_day, 7);
	ck_assert_int_eq(t->paper.cash, 0);
	ck_assert_int_eq(t->paper.fee_bps, INT64_C(2550000000));
	ck_assert_int_eq(t->paper.slippage_bps, INT64_C(999999999999));
}
END_TEST

START_TEST(absolute_paths_stay)
{
	const struct config_trading *t = load_good(
	    "feed = file file { path = /a/b } registry = /c strategy = /d/e.so");

	ck_assert_str_eq(t->file.path, "/a/b");
	ck_assert_str_eq(t->registry, "/c");
	ck_assert_str_eq(t->strategy, "/d/e.so");
}
END_TEST

START_TEST(parameters_of_flow_cluster_have_one_form)
{
	ck_assert_str_eq(params(load_good("flow_cluster { cooldown = 0 window = 90s\n"
					  "min_notional = 1e2 dominance = 66.50 }")),
	    "window=1m30s min_trades=5 min_notional=100 min_event_notional=0 "
	    "dominance=66.5 cooldown=0s");
}
END_TEST

static const struct {
	const char *strategy, *section;
} own[] = {
	{ "momentum", "momentum" },
	{ "./momentum.so", "momentum" },
	{ "/usr/lib/x/momentum.so", "momentum" },
	{ "./dir/noext", "noext" },
};

START_TEST(a_module_of_ones_own_gets_what_was_written)
{
	char lines[512];

	/* The section may come before the key that names it. */
	snprintf(lines, sizeof(lines),
	    "%s { z = 5m a = \"two words\" cycle = 1e3 }\n"
	    "flow_cluster { }\nstrategy = \"%s\"",
	    own[_i].section, own[_i].strategy);
	ck_assert_str_eq(params(load_good(lines)), "z=5m a=two words cycle=1e3");
}
END_TEST

START_TEST(a_module_needs_no_section)
{
	const struct config_trading *t = load_good("strategy = ./m.so");

	ck_assert_uint_eq(t->n_params, 0);
	ck_assert_str_eq(t->strategy, tempdir_path(&c.dir, "./m.so"));
}
END_TEST

START_TEST(the_hash_is_of_what_decides_orders)
{
	uint32_t hash = load_good("")->hash;
	static const char *const same[] = { "cycle = 1s", "batch = 5",
		"flow_cluster { window = 300s }", "orders { lot = 1e-8 }",
		"feed = file file { path = x }", "registry = x" };
	static const char *const other[] = { "flow_cluster { window = 301s }",
		"orders { lot = 1 }", "orders { long_only = no }", "paper { cash = 5 }",
		"strategy = m" };

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		ck_assert_msg(load_good(same[i])->hash == hash, "%s", same[i]);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		ck_assert_msg(load_good(other[i])->hash != hash, "%s", other[i]);
}
END_TEST

static const struct {
	const char *lines, *errors;
} bad[] = {
	{ "cycles = 5s",
	    "2: worker w: trading: cycles: unknown key; did you mean cycle?" },
	{ "ibkr { timeout = 1s }", "2: worker w: trading: ibkr: unknown section" },
	{ "momentum { a = 1 }", "2: worker w: trading: momentum: unknown section" },
	{ "strategy = momentum\nmomentums { a = 1 }",
	    "3: worker w: trading: momentums: unknown section" },
	{ "feed = ftp", "2: worker w: trading: feed: \"ftp\" is not one of synthetic, "
			"file, http, alpaca, flow_alerts" },
	{ "broker = ibkr",
	    "2: worker w: trading: broker: \"ibkr\" is not one of paper, alpaca" },
	{ "\nfeed = http", "3: worker w: trading: http: url: is empty" },
	{ "feed = http\nhttp {\n url = 'http://10.0.0.1/x.csv'\n size = '' }",
	    "4: worker w: trading: http: url: is plain http, which is for a loopback "
	    "address alone\n"
	    "5: worker w: trading: http: size: is empty, and feed = http needs it" },
	{ "feed = alpaca\nalpaca_data { base_url = 'https://a:b@c'\n symbols = {} }",
	    "3: worker w: trading: alpaca_data: base_url: has a user in it; a key "
	    "belongs into a file\n"
	    "4: worker w: trading: alpaca_data: symbols: is empty" },
	{ "feed = alpaca alpaca_data { symbols = { 'AA&limit=1' } }",
	    "2: worker w: trading: alpaca_data: symbols: 'AA&limit=1' is no symbol" },
	{ "feed = alpaca alpaca_data { interval = 0s }",
	    "2: worker w: trading: alpaca_data: interval: \"0s\" is out of range: it "
	    "must be from 1ms to 365d" },
	{ "feed = flow_alerts\nflow_alerts { limit = 201 }",
	    "3: worker w: trading: flow_alerts: limit: \"201\" is out of range: it "
	    "must be from 1 to 200\n"
	    "3: worker w: trading: flow_alerts: base_url: is empty" },
	{ "alpaca { patience = 1s }",
	    "2: worker w: trading: alpaca: patience: unknown key" },
	{ "broker = alpaca\nalpaca { base_url = \"http://example.com\" }",
	    "3: worker w: trading: alpaca: base_url: is plain http, which is for a "
	    "loopback address alone" },
	{ "batch = 0", "2: worker w: trading: batch: \"0\" is out of range: it must be "
		       "from 1 to 10000000" },
	{ "\nfeed = file",
	    "3: worker w: trading: file: path: is empty, and feed = file needs it" },
	{ "feed = file\nfile { path = x\n price = '' symbol = '' }",
	    "4: worker w: trading: file: price: is empty, and feed = file needs it\n"
	    "4: worker w: trading: file: symbol: is empty, and feed = file needs it" },
	{ "file { path = { a } }",
	    "2: worker w: trading: file: path: takes one value, not a list" },
	{ "file {\n time_unit = minutes }", "3: worker w: trading: file: time_unit: "
					    "\"minutes\" is not one of rfc3339, s, "
					    "ms, us, ns" },
	{ "synthetic { rate = 0 }", "2: worker w: trading: synthetic: rate: \"0\" is "
				    "out of range: it must be from "
				    "1 to 1000000000" },
	{ "synthetic { seed = -1 }", "2: worker w: trading: synthetic: seed: \"-1\" is "
				     "out of range: it must be at "
				     "least 0" },
	{ "orders { lot = 0 }", "2: worker w: trading: orders: lot: \"0\" is out of "
				"range: it must be at least "
				"0.00000001" },
	{ "orders { order_notional = lots }",
	    "2: worker w: trading: orders: order_notional: \"lots\" is not a number" },
	{ "orders { order_notional = 1e30 }",
	    "2: worker w: trading: orders: order_notional: \"1e30\" is out of range: "
	    "it "
	    "must be at least 0.00000001" },
	{ "paper { slippage_bps = 10000 }",
	    "2: worker w: trading: paper: slippage_bps: \"10000\" is out of range: it "
	    "must "
	    "be from 0 to 9999.99999999" },
	{ "flow_cluster { dominance = 100.1 min_trades = 0\n window = 0s }",
	    "2: worker w: trading: flow_cluster: dominance: \"100.1\" is out of range: "
	    "it "
	    "must be from 0 to 100\n"
	    "2: worker w: trading: flow_cluster: min_trades: \"0\" is out of range: it "
	    "must be from 1 to 4294967295\n"
	    "3: worker w: trading: flow_cluster: window: \"0s\" is out of range: it "
	    "must "
	    "be from 1ns to 365d" },
	{ "flow_cluster { windows = 1s }",
	    "2: worker w: trading: flow_cluster: windows: unknown key; did you mean "
	    "window?" },
	{ "strategy = m\nflow_cluster { dominance = x }",
	    "3: worker w: trading: flow_cluster: dominance: \"x\" is not a number" },
	{ "strategy = ''",
	    "2: worker w: trading: strategy: is neither a module's name nor "
	    "the path of one" },
	{ "strategy = dir/",
	    "2: worker w: trading: strategy: is neither a module's name "
	    "nor the path of one" },
	{ "strategy = m.so", "2: worker w: trading: strategy: a file is given with its "
			     "path, as ./m.so" },
	{ "strategy = orders", "2: worker w: trading: strategy: a module cannot be "
			       "called orders, which is a "
			       "key of this section" },
	{ "strategy = m\nm { a = 1\n a = 2 }",
	    "4: worker w: trading: m: a: is given twice" },
	{ "strategy = m\nm { a = { 1, 2 } }",
	    "3: worker w: trading: m: a: a module's parameter takes one value: a = …" },
	{ "strategy = m\nm { b { } }",
	    "3: worker w: trading: m: b: a module's parameter takes one value: b = …" },
	{ "strategy = m\nm { }\nm { }", "4: worker w: trading: m: is given twice" },
	{ "strategy = m\nm x { }", "3: worker w: trading: m: takes no name" },
	{ "strategy = m\nm = 3", "3: worker w: trading: m: unknown key" },
};

START_TEST(what_is_wrong_is_said_with_its_place)
{
	char expected[2048] = "t.conf:";
	const char *from = bad[_i].errors, *newline;
	size_t used = strlen(expected);

	/* Each line of the table stands for one with the file's name before it. */
	while ((newline = strchr(from, '\n'))) {
		used += (size_t)snprintf(expected + used, sizeof(expected) - used,
		    "%.*s\nt.conf:", (int)(newline - from), from);
		from = newline + 1;
	}
	snprintf(expected + used, sizeof(expected) - used, "%s", from);

	load(bad[_i].lines);
	ck_assert_int_eq(c.result, -EINVAL);
	ck_assert_str_eq(c.errors, expected);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, defaults_are_those_of_the_manual);
	tcase_add_test(tcase, a_feed_over_a_network_has_the_defaults_of_the_manual);
	tcase_add_test(tcase, every_value_arrives);
	tcase_add_test(tcase, absolute_paths_stay);
	tcase_add_test(tcase, parameters_of_flow_cluster_have_one_form);
	tcase_add_loop_test(
	    tcase, a_module_of_ones_own_gets_what_was_written, 0, ARRAY_SIZE(own));
	tcase_add_test(tcase, a_module_needs_no_section);
	tcase_add_test(tcase, the_hash_is_of_what_decides_orders);
	tcase_add_loop_test(
	    tcase, what_is_wrong_is_said_with_its_place, 0, ARRAY_SIZE(bad));
}

int
main(void)
{
	return suite_run("config_trading", add_tests);
}
