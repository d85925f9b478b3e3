/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trader as a whole, with the real feed, modules, journal and ledger: the same
 * input gives the same ledger, however it is cut into batches and wherever it is
 * interrupted.
 */
#include "worker/trading/trader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "worker/trading/ledger.h"
#include "suite.h"
#include "tempdir.h"

#define ONE DECIMAL_ONE
#define ROWS 3000

static struct tempdir dir;
static struct config_trading trading;
static struct trader_paths paths;
static struct trader_failure failure;
static char feed_path[128], journal_path[128], cursor_path[128], freeze_path[128];

static struct config_param flow_params[] = {
	{ (char *)(uintptr_t) "window", (char *)(uintptr_t) "10s" },
	{ (char *)(uintptr_t) "min_trades", (char *)(uintptr_t) "3" },
	{ (char *)(uintptr_t) "min_notional", (char *)(uintptr_t) "1000" },
	{ (char *)(uintptr_t) "dominance", (char *)(uintptr_t) "60" },
	{ (char *)(uintptr_t) "cooldown", (char *)(uintptr_t) "3s" },
};

static struct config_param each_params[] = {
	{ (char *)(uintptr_t) "fail_at", (char *)(uintptr_t) "none" },
};

#define TEXT(x) ((char *)(uintptr_t)(x))

/* The modules lie in the build folder: flow_cluster at its top, the tests' own beside
 * the tests. */
static void
find_modules(void)
{
	char program[PATH_MAX] = "", where[2 * PATH_MAX + 8];

	ck_assert_int_gt(readlink("/proc/self/exe", program, sizeof(program) - 1), 0);
	*strrchr(program, '/') = '\0';
	snprintf(where, sizeof(where), "%s:%s/..", program, program);
	ck_assert_int_eq(setenv("TRADESUP_STRATEGY_PATH", where, 1), 0);
}

static void
set_up(void)
{
	find_modules();
	tempdir_init(&dir);
	snprintf(feed_path, sizeof(feed_path), "%s/feed.csv", dir.path);
	snprintf(journal_path, sizeof(journal_path), "%s/journal", dir.path);
	snprintf(cursor_path, sizeof(cursor_path), "%s/cursor", dir.path);
	snprintf(freeze_path, sizeof(freeze_path), "%s/freeze", dir.path);
	paths = (struct trader_paths){ journal_path, cursor_path, freeze_path };
	trading = (struct config_trading){
		.batch = 1000,
		.feed = FEED_FILE,
		.file = { .path = feed_path,
		    .format = FEED_FORMAT_CSV,
		    .time_unit = TIME_UNIT_MS,
		    .time = TEXT("time"),
		    .symbol = TEXT("symbol"),
		    .side = TEXT("side"),
		    .price = TEXT("price"),
		    .size = TEXT("size"),
		    .id = TEXT("id"),
		    .notional = TEXT(""),
		    .fixed_symbol = TEXT("") },
		.strategy = TEXT("flow_cluster"),
		.params = flow_params,
		.n_params = ARRAY_SIZE(flow_params),
		.orders = { .order_notional = 10000 * ONE,
		    .lot = 1000,
		    .long_only = true },
		.paper = { .cash = 25000 * ONE,
		    .fee_bps = 3 * ONE,
		    .slippage_bps = ONE / 2 },
		.hash = 1,
	};
	failure = (struct trader_failure){ .kind = FAULT_KIND_COUNT };
}

static void
tear_down(void)
{
	tempdir_deinit(&dir);
}

static uint32_t
draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

/* Rows of six symbols that wander and lean to one side for a while; one in fifty is
 * broken or late. */
static void
write_feed(const char *path, uint32_t seed, int rows)
{
	_cleanup_fclose_ FILE *file = fopen(path, "we");
	uint32_t price[6] = { 100, 2000, 37, 5, 900, 12000 }, lean[6] = { 0 };
	long time = 1600000000000;

	ck_assert_ptr_nonnull(file);
	fputs("time,symbol,side,price,size,id\n", file);
	for (int i = 0; i < rows; i++) {
		uint32_t s = draw(&seed, 6), odd = draw(&seed, 100);

		time += draw(&seed, 400);
		price[s] += draw(&seed, 3) - 1;
		if (price[s] < 3)
			price[s] = 3;
		if (draw(&seed, 20) == 0)
			lean[s] = draw(&seed, 101);
		fprintf(file, "%ld,SYM%u,%s,%s%u.%02u,%u.%u,%d\n",
		    time - (odd == 1 ? 5000 : 0), s,
		    draw(&seed, 100) < lean[s] ? "buy" : "sell", odd == 2 ? "x" : "",
		    price[s], draw(&seed, 100), draw(&seed, 50) + 1, draw(&seed, 10),
		    i);
	}
}

static struct trader *
open_trader(void)
{
	struct trader *trader = NULL;
	int r = trader_open("flow", &trading, &paths, &failure, &trader);

	ck_assert_msg(r == 0, "%s", failure.error.text);
	return trader;
}

static struct trader_result
run_one_batch(struct trader *trader)
{
	struct trader_result result;
	int r = trader_batch(trader, &result, &failure);

	ck_assert_msg(r == 0, "%s", failure.error.text);
	return result;
}

/* To the feed's end. @reopen: with a new trader for each batch. */
static void
run_all(uint32_t batch, bool reopen)
{
	struct trader *trader = NULL;
	bool ended = false;

	trading.batch = batch;
	while (!ended) {
		if (!trader)
			trader = open_trader();
		ended = run_one_batch(trader).ended;
		if (reopen)
			trader = trader_free(trader);
	}
	trader_free(trader);
}

static char *
read_ledger(bool json)
{
	struct error error;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int r = ledger_print(journal_path, "flow", json, out, &error);

	ck_assert_msg(r == 0, "%s", error.text);
	fclose(out);
	return text;
}

static void
remove_journal(void)
{
	unlink(journal_path);
	unlink(tempdir_path(&dir, "journal-wal"));
	unlink(tempdir_path(&dir, "journal-shm"));
}

static char *
expected_ledger(void)
{
	char *ledger;

	run_all(100000, false);
	ledger = read_ledger(true);
	remove_journal();
	return ledger;
}

static void
assert_same_ledger(const char *expected, const char *what)
{
	_cleanup_free_ char *ledger = read_ledger(true);

	ck_assert_msg(strcmp(ledger, expected) == 0, "%s: the ledger differs", what);
}

static const struct cut_case {
	const char *what;
	uint32_t batch;
	bool reopen;
} cut_cases[] = {
	{ "batches of 7", 7, false },
	{ "batches of 1000", 1000, false },
	{ "one record at a time", 1, false },
	{ "reopened after every 100", 100, true },
	{ "reopened after every 997", 997, true },
};

START_TEST(test_same_in_any_pieces)
{
	const struct cut_case *c = &cut_cases[_i];
	_cleanup_free_ char *expected = NULL;

	for (uint32_t seed = 1; seed < 4; seed++) {
		trading.orders.long_only = seed != 2;
		trading.orders.max_orders_per_day = seed == 3 ? 20 : 0;
		write_feed(feed_path, seed, c->batch == 1 ? ROWS / 10 : ROWS);
		free(steal(&expected));
		expected = expected_ledger();
		ck_assert_ptr_nonnull(strstr(expected, "\"status\":\"filled\""));
		run_all(c->batch, c->reopen);
		assert_same_ledger(expected, c->what);
		remove_journal();
	}
}
END_TEST

START_TEST(test_second_run_does_nothing)
{
	_cleanup_free_ char *expected = NULL;
	struct trader *trader;
	struct trader_result result;

	write_feed(feed_path, 5, ROWS);
	run_all(500, false);
	expected = read_ledger(true);
	trader = open_trader();
	result = run_one_batch(trader);
	ck_assert(result.ended);
	ck_assert_int_eq(
	    result.events + result.dropped + result.orders + result.fills, 0);
	trader_free(trader);
	assert_same_ledger(expected, "a second run");
}
END_TEST

static void
write_rows(const char *rows)
{
	_cleanup_fclose_ FILE *file = fopen(feed_path, "we");

	ck_assert_ptr_nonnull(file);
	fprintf(file, "time,symbol,side,price,size,id\n%s", rows);
}

static void
use_each(const char *fail_at)
{
	trading.strategy = TEXT("strategy_each");
	trading.params = each_params;
	trading.n_params = 1;
	each_params[0].value = TEXT(fail_at);
}

static void
assert_in(const char *ledger, const char *part)
{
	ck_assert_msg(strstr(ledger, part) != NULL, "no %s in %s", part, ledger);
}

START_TEST(test_ledger_by_hand)
{
	_cleanup_free_ char *ledger = NULL;
	struct trader *trader;
	struct trader_result result;

	use_each("");
	trading.paper =
	    (struct config_paper){ .cash = 25000 * ONE, .fee_bps = 10 * ONE };
	/* A buy at a, filled at b; a sell at c, filled at d, and d's own buy opens
	 * again. */
	write_rows("1000,S,buy,10,1,a\n"
		   "1000,S,buy,20,1,b\n"
		   "2000,T,sell,5,1,x\n"
		   "3000,S,sell,30,1,c\n"
		   "4000,S,buy,40,2,d\n"
		   "bad,S,buy,40,2,e\n");
	trader = open_trader();
	result = run_one_batch(trader);
	ck_assert_int_eq(result.events, 5);
	ck_assert_int_eq(result.dropped, 1);
	ck_assert_int_eq(result.clusters, 5);
	ck_assert_int_eq(result.orders, 3);
	ck_assert_int_eq(result.fills, 2);
	ck_assert(result.ended);
	trader_free(trader);

	ledger = read_ledger(true);
	assert_in(ledger, "{\"events\":5,\"dropped\":1,");
	assert_in(ledger,
	    "{\"id\":\"S-buy-1000000000-0\",\"symbol\":\"S\",\"side\":\"buy\","
	    "\"first\":\"1970-01-01T00:00:01.000000000Z\","
	    "\"last\":\"1970-01-01T00:00:01.000000000Z\",\"trades\":1,"
	    "\"notional\":\"10.00000000\",\"price\":\"10.00000000\"}");
	/* The order of a is filled by b before the strategy sees b. */
	assert_in(ledger, "\"id\":\"S-buy-1000000000-1\"");
	assert_in(ledger, "\"price\":\"20.00000000\",\"skipped\":\"position_open\"}");
	assert_in(ledger, "\"price\":\"5.00000000\",\"skipped\":\"no_position\"}");
	assert_in(ledger,
	    "{\"client_order_id\":\"ts-flow-S-buy-1000000000-0\","
	    "\"cluster\":\"S-buy-1000000000-0\",\"symbol\":\"S\",\"side\":\"buy\","
	    "\"quantity\":\"1000.00000000\",\"status\":\"filled\",\"broker_id\":"
	    "\"paper-1\","
	    "\"time\":\"1970-01-01T00:00:01.000000000Z\"}");
	assert_in(ledger,
	    "{\"client_order_id\":\"ts-flow-S-sell-3000000000-0\",\"symbol\":\"S\","
	    "\"side\":\"sell\",\"quantity\":\"1000.00000000\",\"price\":\"40."
	    "00000000\",\"fee\":\"40.00000000\","
	    "\"time\":\"1970-01-01T00:00:04.000000000Z\"}");
	assert_in(ledger, "\"status\":\"open\",\"broker_id\":\"paper-3\"");
	assert_in(ledger, "\"positions\":[]");
	/* 25000 − 20000 − 20 + 40000 − 40 */
	assert_in(ledger, "\"cash\":\"44940.00000000\"");
	assert_in(ledger, "\"equity\":\"44940.00000000\"");
}
END_TEST

START_TEST(test_ledger_position_and_rejection)
{
	_cleanup_free_ char *ledger = NULL, *table = NULL;

	use_each("");
	trading.paper = (struct config_paper){ .cash = 15000 * ONE };
	write_rows("1000,S,buy,10,1,a\n"
		   "2000,T,buy,10,1,b\n"
		   "3000,S,buy,11,1,c\n"
		   "4000,T,buy,10,1,d\n"
		   "5000,S,buy,12.5,1,e\n");
	run_all(2, true);
	ledger = read_ledger(true);
	assert_in(ledger, "\"status\":\"rejected\",\"reason\":\"insufficient_cash\"");
	assert_in(ledger,
	    "\"positions\":[\n{\"symbol\":\"S\",\"quantity\":\"1000.00000000\","
	    "\"price\":\"12.50000000\",\"value\":\"12500.00000000\"}]");
	assert_in(ledger, "\"cash\":\"4000.00000000\"");
	assert_in(ledger, "\"equity\":\"16500.00000000\"");
	table = read_ledger(false);
	assert_in(
	    table, "worker flow: 5 events, 0 dropped, 5 clusters, 3 orders, 1 fills");
	assert_in(table, "rejected: insufficient_cash");
	assert_in(table, "position_open");
}
END_TEST

START_TEST(test_freeze)
{
	_cleanup_free_ char *ledger = NULL;
	_cleanup_fclose_ FILE *freeze = fopen(freeze_path, "we");

	ck_assert_ptr_nonnull(freeze);
	use_each("");
	write_rows("1000,S,buy,10,1,a\n2000,S,buy,10,1,b\n");
	run_all(1000, false);
	ledger = read_ledger(true);
	assert_in(ledger, "\"skipped\":\"risk:freeze\"");
	assert_in(ledger, "\"orders\":[]");
}
END_TEST

START_TEST(test_orders_of_a_day)
{
	_cleanup_free_ char *ledger = NULL;

	use_each("");
	trading.orders.max_orders_per_day = 2;
	/* Two symbols on the first day, one of them also on the next; a late third
	 * symbol on the first again. */
	write_rows(
	    "86300000,A,buy,10,1,a\n86399999,B,buy,10,1,b\n86400000,C,buy,10,1,c\n"
	    "86399999,D,buy,10,1,d\n");
	run_all(1, true);
	ledger = read_ledger(true);
	assert_in(ledger, "ts-flow-A-buy-");
	assert_in(ledger, "ts-flow-B-buy-");
	assert_in(ledger, "ts-flow-C-buy-");
	ck_assert_ptr_null(strstr(ledger, "ts-flow-D-buy-"));
	assert_in(ledger, "\"skipped\":\"risk:max_orders_per_day\"");
}
END_TEST

static bool
count_life(void *data)
{
	++*(int *)data;
	return true;
}

/* Long enough for snapshots: a restart replays what came after the last one, and no
 * more. */
START_TEST(test_snapshot)
{
	_cleanup_free_ char *expected = NULL;
	struct trader *trader;
	int life = 0;

	trading.feed = FEED_SYNTHETIC;
	trading.synthetic = (struct config_synthetic){
		.seed = 3, .events = 450000, .rate = 1000, .symbols = 5
	};
	trading.paper.cash = INT64_C(1000000) * ONE;
	expected = expected_ledger();
	ck_assert_ptr_nonnull(strstr(expected, "\"status\":\"filled\""));
	run_all(90000, true);
	assert_same_ledger(expected, "with snapshots");

	trader = open_trader();
	trader_set_alive(trader, count_life, &life);
	ck_assert(run_one_batch(trader).ended);
	trader_free(trader);
	ck_assert_int_gt(life, 0);
	ck_assert_int_lt(life, 250000 / TRADER_ALIVE_RECORDS);

	/* With another configuration the snapshot is of no use; all is replayed,
	 * nothing repeated. */
	trading.hash++;
	life = 0;
	trader = open_trader();
	trader_set_alive(trader, count_life, &life);
	ck_assert(run_one_batch(trader).ended);
	trader_free(trader);
	ck_assert_int_gt(life, 400000 / TRADER_ALIVE_RECORDS);
	assert_same_ledger(expected, "after a change of parameters");
}
END_TEST

START_TEST(test_other_parameters_go_on)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct trader *trader;

	write_feed(feed_path, 9, ROWS);
	trading.batch = ROWS / 2;
	trader = open_trader();
	run_one_batch(trader);
	trader_free(trader);
	before = read_ledger(true);
	/* Every event is a cluster now, also those of ids that the journal has already.
	 */
	use_each("");
	trading.hash = 2;
	trading.paper.cash = 1;
	run_all(1000, false);
	after = read_ledger(true);
	ck_assert_uint_gt(strlen(after), 2 * strlen(before));
	*strstr(before, "],\n\"orders\"") = '\0';
	assert_in(after, strchr(before, '['));
}
END_TEST

START_TEST(test_cluster_id_in_use)
{
	_cleanup_free_ char *ledger = NULL;
	struct trader *trader;

	use_each("");
	trading.batch = 1;
	write_rows("1000,S,buy,10,1,a\n1000,S,buy,10,1,b\n");
	trader = open_trader();
	run_one_batch(trader);
	trader_free(trader);
	/* A module that would not have fired at a counts from 0 at b. */
	trading.strategy = TEXT("flow_cluster");
	trading.params = (struct config_param[]){ { TEXT("min_trades"), TEXT("2") },
		{ TEXT("min_notional"), TEXT("0") } };
	trading.n_params = 2;
	trading.hash = 2;
	run_all(10, false);
	ledger = read_ledger(true);
	assert_in(ledger, "\"id\":\"S-buy-1000000000-0\"");
	assert_in(ledger, "\"id\":\"S-buy-1000000000-1\"");
}
END_TEST

static int
fail_one_batch(struct trader *trader)
{
	struct trader_result result;

	failure.error.text[0] = '\0';
	return trader_batch(trader, &result, &failure);
}

static const uint32_t module_batches[] = { 1, 2, 3, 100 };

/* Whatever the batch, all events before the one that fails are taken, and none after
 * it. */
START_TEST(test_module_fails)
{
	_cleanup_free_ char *ledger = NULL;
	struct trader *trader;
	struct trader_result totals;
	int failed = 0;

	use_each("d");
	trading.batch = module_batches[_i];
	write_rows("1000,S,buy,10,1,a\nbad\n2000,S,buy,10,1,b\n3000,S,sell,10,1,c\n"
		   "4000,S,buy,10,1,d\n5000,S,buy,10,1,e\n");
	trader = open_trader();
	for (int i = 0; i < 10; i++)
		failed += fail_one_batch(trader) < 0;
	ck_assert_int_ge(failed, 5);
	ck_assert_int_eq(failure.kind, FAULT_DATA);
	assert_in(failure.error.text, "id 'd'");
	trader_totals(trader, &totals);
	ck_assert_int_eq(totals.events, 3);
	ck_assert_int_eq(totals.dropped, 1);
	ck_assert_int_eq(totals.clusters, 3);
	trader_free(trader);
	ledger = read_ledger(true);
	ck_assert_ptr_null(strstr(ledger, "4000000000"));
}
END_TEST

START_TEST(test_drop_and_reload)
{
	_cleanup_free_ char *expected = NULL;
	struct trader *trader;
	struct trader_result result;

	write_feed(feed_path, 11, ROWS);
	expected = expected_ledger();
	trading.batch = 300;
	trader = open_trader();
	ck_assert_int_eq(trader_keep_module(trader), -ENOENT);
	ck_assert_int_eq(trader_reload_module(trader, &failure), 0);
	do {
		result = run_one_batch(trader);
		trader_drop_module(trader);
		ck_assert_int_lt(fail_one_batch(trader), 0);
		ck_assert_int_eq(failure.kind, FAULT_IMPORT);
		if (result.events % 2)
			ck_assert_int_eq(trader_keep_module(trader), 0);
		else
			ck_assert_int_eq(trader_reload_module(trader, &failure), 0);
	} while (!result.ended);
	trader_free(trader);
	assert_same_ledger(expected, "with drops and reloads");
}
END_TEST

START_TEST(test_no_module)
{
	struct trader *trader;

	write_feed(feed_path, 1, 10);
	trading.strategy = TEXT("no_such_module");
	trader = open_trader();
	ck_assert_int_lt(fail_one_batch(trader), 0);
	ck_assert_int_eq(failure.kind, FAULT_IMPORT);
	ck_assert_int_lt(trader_reload_module(trader, &failure), 0);
	ck_assert_int_eq(failure.kind, FAULT_IMPORT);
	trading.strategy = TEXT("flow_cluster");
	ck_assert_int_eq(trader_reload_module(trader, &failure), 0);
	ck_assert(run_one_batch(trader).ended);
	trader_free(trader);
}
END_TEST

START_TEST(test_feed_missing_then_there)
{
	struct trader *trader = open_trader();

	ck_assert_int_lt(fail_one_batch(trader), 0);
	ck_assert_int_eq(failure.kind, FAULT_DATA);
	assert_in(failure.error.text, "feed.csv");
	write_feed(feed_path, 1, 10);
	ck_assert(run_one_batch(trader).ended);
	trader_free(trader);
}
END_TEST

START_TEST(test_feed_changed)
{
	struct trader *trader;

	write_feed(feed_path, 1, 100);
	run_all(1000, false);
	write_feed(feed_path, 2, 50);
	trader = open_trader();
	ck_assert_int_lt(fail_one_batch(trader), 0);
	ck_assert_int_eq(failure.kind, FAULT_DATA);
	trader_free(trader);
}
END_TEST

/* Blank lines after the last record are passed over when the end is looked for, but not
 * by a replay. */
START_TEST(test_blank_end)
{
	struct trader *trader;

	write_rows("1000,S,buy,10,1,a\n\n\n\n");
	run_all(1000, false);
	trader = open_trader();
	ck_assert(run_one_batch(trader).ended);
	trader_free(trader);
}
END_TEST

static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(test_full_disk)
{
	_cleanup_free_ char *expected = NULL;
	struct trader *trader;
	struct trader_result before, after;

	signal(SIGXFSZ, SIG_IGN);
	write_feed(feed_path, 21, ROWS);
	expected = expected_ledger();
	trading.batch = 50;
	trader = open_trader();
	/* More than the copy of a module in memory needs, which the limit concerns,
	 * too. */
	limit_files(512 * 1024);
	do
		trader_totals(trader, &before);
	while (fail_one_batch(trader) == 0);
	ck_assert_int_lt(before.events, ROWS / 2);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_lt(fail_one_batch(trader), 0);
		ck_assert_msg(failure.kind == FAULT_IO, "%s", failure.error.text);
		ck_assert(strstr(failure.error.text, journal_path) != NULL);
	}
	trader_totals(trader, &after);
	limit_files(RLIM_INFINITY);
	ck_assert_int_eq(before.events, after.events);
	ck_assert_int_eq(before.orders, after.orders);
	trader_free(trader);
	run_all(200, false);
	assert_same_ledger(expected, "after a full disk");
}
END_TEST

START_TEST(test_bad_journal)
{
	_cleanup_fclose_ FILE *file = fopen(journal_path, "we");
	struct trader *trader = NULL;

	fputs("this is no journal\n", file);
	fflush(file);
	write_feed(feed_path, 1, 10);
	ck_assert_int_lt(trader_open("flow", &trading, &paths, &failure, &trader), 0);
	ck_assert_int_eq(failure.kind, FAULT_DATA);
	assert_in(failure.error.text, journal_path);
}
END_TEST

START_TEST(test_journal_in_use)
{
	struct trader *trader = open_trader(), *second = NULL;

	ck_assert_int_lt(trader_open("flow", &trading, &paths, &failure, &second), 0);
	ck_assert_int_eq(failure.kind, FAULT_IO);
	assert_in(failure.error.text, "in use by process");
	trader_free(trader);
}
END_TEST

START_TEST(test_cancel_open)
{
	_cleanup_free_ char *ledger = NULL;
	struct trader *trader;
	struct courier_cancel cancel = { -1 };

	use_each("");
	trading.batch = 2;
	write_rows("1000,S,buy,10,1,a\n1000,T,buy,10,1,b\n2000,S,buy,10,1,c\n2000,T,"
		   "buy,10,1,d\n"
		   "3000,S,buy,10,1,e\n");
	trader = open_trader();
	run_one_batch(trader);
	ck_assert_int_eq(trader_cancel_open(trader, 0, &cancel, &failure), 0);
	ck_assert_int_eq(cancel.canceled, 2);
	ck_assert_int_eq(trader_cancel_open(trader, 0, &cancel, &failure), 0);
	ck_assert_int_eq(cancel.canceled, 0);
	/* The symbols are free for new orders; what was canceled is not filled. */
	ck_assert_int_eq(run_one_batch(trader).orders, 2);
	ck_assert_int_eq(run_one_batch(trader).fills, 1);
	trader_free(trader);
	ledger = read_ledger(true);
	assert_in(ledger, "\"status\":\"canceled\",\"reason\":\"make_safe\"");
}
END_TEST

static char *
read_cursor(void)
{
	_cleanup_fclose_ FILE *file = fopen(cursor_path, "re");
	char *text = calloc(1, 4096);

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_gt(fread(text, 1, 4095, file), 0);
	return text;
}

START_TEST(test_cursor_file)
{
	_cleanup_free_ char *text = NULL, *corrupt = NULL, *again = NULL;
	struct trader *trader;

	write_feed(feed_path, 1, 100);
	run_all(30, false);
	text = read_cursor();
	assert_in(text, "\"position\":\"");
	assert_in(text, "\"events\":");
	unlink(cursor_path);
	trader = open_trader();
	again = read_cursor();
	ck_assert_str_eq(text, again);
	/* One that is no JSON is the healer's to set aside. */
	ck_assert_int_eq(truncate(cursor_path, 10), 0);
	trader_free(trader);
	trader = open_trader();
	corrupt = read_cursor();
	ck_assert_uint_eq(strlen(corrupt), 10);
	ck_assert_int_eq(trader_mend_cursor(trader), 0);
	trader_free(trader);
	free(steal(&again));
	again = read_cursor();
	ck_assert_str_eq(text, again);
}
END_TEST

START_TEST(test_cursor_file_cannot_be_written)
{
	struct trader *trader;
	struct trader_result result;

	write_feed(feed_path, 1, 100);
	paths.cursor = tempdir_path(&dir, "none/cursor");
	trader = open_trader();
	result = run_one_batch(trader);
	ck_assert_int_gt(result.events, 0);
	ck_assert_int_eq(result.cursor_error, -ENOENT);
	trader_free(trader);
}
END_TEST

#ifdef TRADESUP_KILL_POINTS
/* Run to the feed's end in a child that is to die at the Nth step. Return: whether it
 * did. */
static bool
run_until_killed(unsigned step)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		char where[32];

		snprintf(where, sizeof(where), "*:%u", step);
		setenv("TRADESUP_KILL_AT", where, 1);
		run_all(40, false);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

START_TEST(test_killed_at_every_step)
{
	_cleanup_free_ char *expected = NULL;
	unsigned step = 0;
	bool killed;

	write_feed(feed_path, 31, 200);
	expected = expected_ledger();
	do {
		killed = run_until_killed(++step);
		run_all(25, false);
		assert_same_ledger(expected, "after a kill");
		remove_journal();
	} while (killed);
	ck_assert_uint_gt(step, 50);
}
END_TEST
#endif

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_same_in_any_pieces, 0, ARRAY_SIZE(cut_cases));
	tcase_add_test(tcase, test_second_run_does_nothing);
	tcase_add_test(tcase, test_ledger_by_hand);
	tcase_add_test(tcase, test_ledger_position_and_rejection);
	tcase_add_test(tcase, test_freeze);
	tcase_add_test(tcase, test_orders_of_a_day);
	tcase_add_test(tcase, test_snapshot);
	tcase_add_test(tcase, test_other_parameters_go_on);
	tcase_add_test(tcase, test_cluster_id_in_use);
	tcase_add_loop_test(tcase, test_module_fails, 0, ARRAY_SIZE(module_batches));
	tcase_add_test(tcase, test_drop_and_reload);
	tcase_add_test(tcase, test_no_module);
	tcase_add_test(tcase, test_feed_missing_then_there);
	tcase_add_test(tcase, test_feed_changed);
	tcase_add_test(tcase, test_blank_end);
	tcase_add_test(tcase, test_full_disk);
	tcase_add_test(tcase, test_bad_journal);
	tcase_add_test(tcase, test_journal_in_use);
	tcase_add_test(tcase, test_cancel_open);
	tcase_add_test(tcase, test_cursor_file);
	tcase_add_test(tcase, test_cursor_file_cannot_be_written);
#ifdef TRADESUP_KILL_POINTS
	tcase_add_test(tcase, test_killed_at_every_step);
#endif
}

int
main(void)
{
	return suite_run("trader", add_tests);
}
