/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The synthetic feed: the same for the same parameters, from any position on, and with
 * what the defaults are there for in it.
 */
#include "worker/trading/feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "tests/unit/suite.h"
#include "worker/trading/cluster.h"
#include "worker/trading/feed_ops.h"
#include "worker/trading/normalize.h"

#define SECOND INT64_C(1000000000)

/* All that is in a record, as text. */
struct printed {
	char text[160];
};

static struct config_trading
config(uint64_t seed, uint64_t events, uint64_t rate, uint32_t symbols)
{
	return (struct config_trading){
		.feed = FEED_SYNTHETIC,
		.synthetic = { seed, events, rate, symbols },
	};
}

static struct feed *
open_feed(const struct config_trading *trading, const char *position)
{
	struct feed *feed = NULL;
	struct error error = { "" };

	ck_assert_msg(
	    feed_open(trading, NULL, position, &error, &feed) == 0, "%s", error.text);
	return feed;
}

static void
take(struct feed *feed, struct printed *ret_printed)
{
	struct feed_record record;
	struct error error;

	ck_assert_int_eq(feed_next(feed, &record, &error), 0);
	ck_assert_ptr_null(record.broken);
	ck_assert(!record.has_notional);
	snprintf(ret_printed->text, sizeof(ret_printed->text),
	    "%lld %s %d %lld %lld %s", (long long)record.time_ns, record.symbol,
	    (int)record.side, (long long)record.price, (long long)record.size,
	    record.id);
}

static const struct config_synthetic kinds[] = {
	{ 1, 0, 1000, 8 },
	{ 2, 0, 1, 1 },
	{ 3, 0, UINT64_C(3000000000), 1000 },
	{ UINT64_MAX, 0, 7, 3 },
};

START_TEST(from_every_position_the_rest_is_the_same)
{
	const struct config_trading trading = { .feed = FEED_SYNTHETIC,
		.synthetic = kinds[_i] };
	_cleanup_(feed_freep) struct feed *feed = open_feed(&trading, "");
	char position[FEED_POSITION_MAX], again[FEED_POSITION_MAX];
	struct printed one, other;

	for (int i = 0; i < 500; i++) {
		_cleanup_(feed_freep) struct feed *resumed = NULL;

		feed_position(feed, position);
		resumed = open_feed(&trading, position);
		feed_position(resumed, again);
		ck_assert_str_eq(again, position);
		take(feed, &one);
		take(resumed, &other);
		ck_assert_str_eq(one.text, other.text);
	}
}
END_TEST

/* The events are part of what people may rely on: the same on every machine, in every
 * version. */
START_TEST(the_events_are_these)
{
	const struct config_trading trading = config(1, 0, 1000, 8);
	_cleanup_(feed_freep) struct feed *feed = open_feed(&trading, "");
	static const char *const expected[] = {
		"1767225600000272085 SYN3 1 537560000000 35170000 1",
		"1767225600001884971 SYN1 0 47781000000 1005830000 2",
		"1767225600002712185 SYN0 1 20166000000 2923230000 3",
	};
	struct printed printed;

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		take(feed, &printed);
		ck_assert_str_eq(printed.text, expected[i]);
	}
}
END_TEST

START_TEST(another_seed_gives_other_events)
{
	const struct config_trading first = config(1, 0, 1000, 8),
				    second = config(2, 0, 1000, 8);
	_cleanup_(feed_freep) struct feed *one = open_feed(&first, ""),
					  *other = open_feed(&second, "");
	struct printed a, b;
	int same = 0;

	for (int i = 0; i < 100; i++) {
		take(one, &a);
		take(other, &b);
		same += strcmp(a.text, b.text) == 0;
	}
	ck_assert_int_lt(same, 5);
}
END_TEST

START_TEST(every_record_makes_sense)
{
	const struct config_trading trading = { .feed = FEED_SYNTHETIC,
		.synthetic = kinds[_i] };
	_cleanup_(feed_freep) struct feed *feed = open_feed(&trading, "");
	struct feed_record record;
	struct error error;
	int64_t last_ns = 0;
	int buys = 0;

	for (int i = 0; i < 20000; i++) {
		ck_assert_int_eq(feed_next(feed, &record, &error), 0);
		ck_assert_int_ge(record.time_ns, last_ns);
		ck_assert_int_ge(record.price, 90 * DECIMAL_ONE);
		ck_assert_int_le(record.price, 60000 * DECIMAL_ONE);
		ck_assert_int_gt(record.size, 0);
		ck_assert_int_ne(record.side, FEED_SIDE_NONE);
		last_ns = record.time_ns;
		buys += record.side == FEED_SIDE_BUY;
	}
	ck_assert_int_gt(buys, 1000);
	ck_assert_int_lt(buys, 19000);
}
END_TEST

START_TEST(time_goes_on_at_the_rate)
{
	const struct config_trading trading = config(1, 0, 50, 8);
	_cleanup_(feed_freep) struct feed *feed = open_feed(&trading, "");
	struct feed_record record;
	struct error error;
	int64_t first_ns = 0;

	for (int i = 0; i <= 5000; i++) {
		ck_assert_int_eq(feed_next(feed, &record, &error), 0);
		if (i == 0)
			first_ns = record.time_ns;
	}
	ck_assert_int_ge(record.time_ns - first_ns, 99 * SECOND);
	ck_assert_int_le(record.time_ns - first_ns, 101 * SECOND);
}
END_TEST

START_TEST(it_ends_after_so_many_events)
{
	const struct config_trading trading = config(1, 3, 1000, 8),
				    longer = config(1, 5, 1000, 8);
	_cleanup_(feed_freep) struct feed *feed = open_feed(&trading, ""),
					  *resumed = NULL;
	char position[FEED_POSITION_MAX];
	struct feed_record record;
	struct printed printed;
	struct error error;

	for (int i = 0; i < 3; i++)
		take(feed, &printed);
	ck_assert_int_eq(feed_next(feed, &record, &error), FEED_E_END);
	ck_assert_int_eq(feed_next(feed, &record, &error), FEED_E_END);
	/* More events are the same feed. */
	feed_position(feed, position);
	resumed = open_feed(&longer, position);
	take(resumed, &printed);
	ck_assert_ptr_nonnull(strstr(printed.text, " 4"));
}
END_TEST

START_TEST(time_itself_ends)
{
	const struct config_trading trading = config(1, 0, 1, 1);
	char position[FEED_POSITION_MAX] =
	    "synthetic/1 next=7456146435 seed=1 rate=1 symbols=1";
	_cleanup_(feed_freep) struct feed *feed = NULL;
	struct feed_record record;
	struct printed printed;
	struct error error;

	feed_position_seal(position);
	feed = open_feed(&trading, position);
	take(feed, &printed);
	ck_assert_int_eq(feed_next(feed, &record, &error), FEED_E_END);
}
END_TEST

static const struct config_synthetic others[] = {
	{ 2, 0, 1000, 8 },
	{ 1, 0, 1001, 8 },
	{ 1, 0, 1000, 9 },
};

START_TEST(a_position_of_other_parameters_is_refused)
{
	const struct config_trading trading = config(1, 0, 1000, 8),
				    other = { .feed = FEED_SYNTHETIC,
					    .synthetic = others[_i] };
	_cleanup_(feed_freep) struct feed *feed = open_feed(&trading, "");
	struct error error = { "" };
	char position[FEED_POSITION_MAX];
	struct feed *resumed = NULL;

	feed_position(feed, position);
	ck_assert_int_eq(feed_open(&other, NULL, position, &error, &resumed), FEED_E_DATA);
	ck_assert_ptr_nonnull(strstr(error.text, "other parameters"));
	position[0] ^= 1;
	ck_assert_int_eq(feed_open(&trading, NULL, position, &error, &resumed), FEED_E_DATA);
	ck_assert_ptr_nonnull(strstr(error.text, "damaged"));
	ck_assert_ptr_null(resumed);
}
END_TEST

/* struct yield - clusters by side, and the symbols that had one */
struct yield {
	int clusters[2];
	bool symbols[64];
	int n_symbols;
};

static void
count_clusters(const struct config_trading *trading, struct yield *ret_yield)
{
	/* As flow_cluster has them by default. */
	static const struct cluster_params params = { 300 * SECOND, 5,
		100000 * DECIMAL_ONE, 0, 70 * DECIMAL_ONE, 300 * SECOND };
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	_cleanup_(feed_freep) struct feed *feed = open_feed(trading, "");
	struct cluster_finder *finder = cluster_finder_new(&params);
	struct tradesup_cluster cluster;
	struct tradesup_event event;
	struct feed_record record;
	struct error error;
	const char *why;

	while (feed_next(feed, &record, &error) == 0) {
		ck_assert_int_eq(normalize(normalizer, &record, &event, &why), 0);
		if (cluster_finder_event(finder, &event, &cluster) != CLUSTER_E_FIRED)
			continue;
		ret_yield->clusters[cluster.side]++;
		ret_yield->n_symbols += !ret_yield->symbols[event.symbol_index];
		ret_yield->symbols[event.symbol_index] = true;
	}
	cluster_finder_free(finder);
}

static const struct config_synthetic demos[] = {
	{ 1, 1000000, 1000, 8 },
	{ 2, 200000, 100, 8 },
	{ 3, 50000, 10, 8 },
};

START_TEST(default_parameters_find_clusters_of_both_sides)
{
	const struct config_trading trading = { .feed = FEED_SYNTHETIC,
		.synthetic = demos[_i] };
	struct yield yield = { 0 };

	count_clusters(&trading, &yield);
	ck_assert_int_ge(yield.clusters[TRADESUP_BUY], 5);
	ck_assert_int_ge(yield.clusters[TRADESUP_SELL], 5);
	ck_assert_int_ge(yield.n_symbols, 6);
	/* But not at every turn: the market is calm half of the time. */
	ck_assert_int_lt(yield.clusters[0] + yield.clusters[1], 400);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, from_every_position_the_rest_is_the_same, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tcase, the_events_are_these);
	tcase_add_test(tcase, another_seed_gives_other_events);
	tcase_add_loop_test(tcase, every_record_makes_sense, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tcase, time_goes_on_at_the_rate);
	tcase_add_test(tcase, time_itself_ends);
	tcase_add_test(tcase, it_ends_after_so_many_events);
	tcase_add_loop_test(
	    tcase, a_position_of_other_parameters_is_refused, 0, ARRAY_SIZE(others));
	tcase_add_loop_test(tcase, default_parameters_find_clusters_of_both_sides, 0,
	    ARRAY_SIZE(demos));
}

int
main(void)
{
	return suite_run("feed_synthetic", add_tests);
}
