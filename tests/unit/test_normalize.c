/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records to events: what is dropped, the tick rule, the ids of clusters, and that all
 * of it goes on after a save and a load.
 */
#include "worker/trading/normalize.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "tests/unit/state.h"
#include "tests/unit/suite.h"

#define ONE DECIMAL_ONE

static struct feed_record
record(const char *symbol, int64_t time_ns, int64_t price)
{
	return (struct feed_record){
		.time_ns = time_ns,
		.symbol = symbol,
		.side = FEED_SIDE_NONE,
		.price = price,
		.size = ONE,
		.id = "",
	};
}

static void
expect_event(struct normalizer *normalizer, const struct feed_record *record,
    struct tradesup_event *ret_event)
{
	const char *why = NULL;
	int r = normalize(normalizer, record, ret_event, &why);

	ck_assert_msg(r == 0, "%d %s", r, why ? why : "");
}

static void
expect_drop(struct normalizer *normalizer, const struct feed_record *record,
    const char *expected)
{
	struct tradesup_event event;
	const char *why = NULL;

	ck_assert_int_eq(normalize(normalizer, record, &event, &why), NORMALIZE_E_DROP);
	ck_assert_str_eq(why, expected);
}

static const struct {
	struct feed_record record;
	const char *why;
} drops[] = {
	{ { .broken = "price: not a number" }, "price: not a number" },
	{ { .symbol = "A", .price = 0, .size = 1 }, "price: not above 0" },
	{ { .symbol = "A", .price = -1, .size = 1 }, "price: not above 0" },
	{ { .symbol = "A", .price = 1, .size = 0 }, "size: not above 0" },
	{ { .symbol = "A", .price = 1, .size = -1 }, "size: not above 0" },
	{ { .symbol = "A", .price = 1, .size = 1, .has_notional = true, .notional = 0 },
	    "notional: not above 0" },
	{ { .symbol = "A",
	      .price = 1,
	      .size = 1,
	      .has_notional = true,
	      .notional = -1 },
	    "notional: not above 0" },
	{ { .symbol = "A", .price = 1, .size = 1, .time_ns = 99 },
	    "time: before the symbol's last event" },
};

START_TEST(what_makes_no_sense_is_dropped)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct feed_record good = record("A", 100, ONE);
	struct tradesup_event event;

	expect_event(normalizer, &good, &event);
	expect_drop(normalizer, &drops[_i].record, drops[_i].why);
	/* And leaves nothing behind. */
	ck_assert_uint_eq(normalizer_symbols(normalizer), 1);
	expect_event(normalizer, &good, &event);
	ck_assert_int_eq(event.side, TRADESUP_BUY);
}
END_TEST

START_TEST(times_go_forward_for_each_symbol)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct feed_record a = record("A", 100, ONE), b = record("B", 50, ONE);
	struct tradesup_event event;

	expect_event(normalizer, &a, &event);
	expect_event(normalizer, &b, &event);
	expect_event(normalizer, &a, &event); /* the same time is fine */
	a.time_ns = 99;
	expect_drop(normalizer, &a, "time: before the symbol's last event");
	a.time_ns = INT64_MIN;
	expect_drop(normalizer, &a, "time: before the symbol's last event");
	b.time_ns = 51;
	expect_event(normalizer, &b, &event);
	a = record("C", INT64_MIN, ONE);
	expect_event(normalizer, &a, &event);
}
END_TEST

START_TEST(a_dropped_record_does_not_move_the_time)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct feed_record bad = record("A", 1000, 0), good = record("A", 10, ONE);
	struct tradesup_event event;

	expect_drop(normalizer, &bad, "price: not above 0");
	expect_event(normalizer, &good, &event);
	bad = record("A", 5, 3 * ONE);
	expect_drop(normalizer, &bad, "time: before the symbol's last event");
	/* Nor the tick rule: 2 is above 1, not below 3. */
	good.price = 2 * ONE;
	expect_event(normalizer, &good, &event);
	ck_assert_int_eq(event.side, TRADESUP_BUY);
}
END_TEST

START_TEST(the_tick_rule_sets_a_side)
{
	static const struct {
		int64_t price;
		enum feed_side given;
		enum tradesup_side side;
	} steps[] = {
		{ 10, FEED_SIDE_NONE, TRADESUP_BUY }, /* before any change */
		{ 10, FEED_SIDE_NONE, TRADESUP_BUY },
		{ 9, FEED_SIDE_NONE, TRADESUP_SELL },
		{ 9, FEED_SIDE_NONE, TRADESUP_SELL }, /* as the last comparison said */
		{ 10, FEED_SIDE_NONE, TRADESUP_BUY },
		{ 10, FEED_SIDE_NONE, TRADESUP_BUY },
		{ 8, FEED_SIDE_BUY, TRADESUP_BUY },   /* the feed knows better */
		{ 8, FEED_SIDE_NONE, TRADESUP_SELL }, /* but the price fell */
		{ 9, FEED_SIDE_SELL, TRADESUP_SELL },
		{ 9, FEED_SIDE_NONE, TRADESUP_BUY },
	};
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct feed_record other = record("B", 0, 1);
	struct tradesup_event event;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct feed_record step = record("A", (int64_t)i, steps[i].price);

		step.side = steps[i].given;
		expect_event(normalizer, &step, &event);
		ck_assert_msg(event.side == steps[i].side, "step %zu", i);
		/* Another symbol's prices are nothing to this one. */
		expect_event(normalizer, &other, &event);
		ck_assert_int_eq(event.side, TRADESUP_BUY);
	}
}
END_TEST

START_TEST(notional_is_the_events_own_or_the_product)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct feed_record one = record("A", 0, INT64_MAX);
	struct tradesup_event event;

	one.size = INT64_MAX;
	expect_event(normalizer, &one, &event);
	ck_assert(event.notional == (__int128)INT64_MAX * INT64_MAX / ONE);
	one.price = one.size = 9999;
	expect_event(normalizer, &one, &event);
	ck_assert(event.notional == 0); /* truncated */
	one.price = 14142;
	one.size = 14143;
	expect_event(normalizer, &one, &event);
	ck_assert(event.notional == 2);
	one.has_notional = true;
	one.notional = 7 * ONE;
	expect_event(normalizer, &one, &event);
	ck_assert(event.notional == 7 * ONE);
	ck_assert_int_eq(event.size, 14143);
}
END_TEST

START_TEST(symbols_have_dense_indexes_and_lasting_names)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct tradesup_event event;
	const char *first;
	char name[16];

	for (int i = 0; i < 1000; i++) {
		struct feed_record one;

		snprintf(name, sizeof(name), "S%d", i);
		one = record(name, 5, ONE);
		expect_event(normalizer, &one, &event);
		ck_assert_uint_eq(event.symbol_index, (uint32_t)i);
		ck_assert_str_eq(event.symbol, name);
		if (i == 0)
			first = event.symbol;
	}
	ck_assert_ptr_eq(normalizer_symbol(normalizer, 0), first);
	ck_assert_uint_eq(normalizer_symbols(normalizer), 1000);
	ck_assert_ptr_null(normalizer_symbol(normalizer, 1000));
}
END_TEST

static void
expect_id(struct normalizer *normalizer, const struct tradesup_event *event,
    enum tradesup_side side, const char *expected)
{
	char id[CLUSTER_ID_MAX];

	normalizer_cluster_id(normalizer, event, side, id);
	ck_assert_str_eq(id, expected);
}

START_TEST(cluster_ids_count_those_of_one_time)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct feed_record one = record("A-B", 0, ONE);
	struct tradesup_event event;

	expect_event(normalizer, &one, &event);
	expect_id(normalizer, &event, TRADESUP_BUY, "A-B-buy-0-0");
	expect_id(normalizer, &event, TRADESUP_BUY, "A-B-buy-0-1");
	expect_id(normalizer, &event, TRADESUP_SELL, "A-B-sell-0-0");
	expect_event(normalizer, &one, &event);
	expect_id(normalizer, &event, TRADESUP_BUY, "A-B-buy-0-2");
	one.time_ns = INT64_C(1570752011620000000);
	expect_event(normalizer, &one, &event);
	expect_id(normalizer, &event, TRADESUP_BUY, "A-B-buy-1570752011620000000-0");
	expect_id(normalizer, &event, TRADESUP_SELL, "A-B-sell-1570752011620000000-0");
}
END_TEST

START_TEST(the_longest_id_fits)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	char symbol[FEED_SYMBOL_MAX + 1] = { 0 }, id[CLUSTER_ID_MAX];
	struct tradesup_event event;
	struct feed_record one;

	memset(symbol, 's', FEED_SYMBOL_MAX);
	one = record(symbol, INT64_MIN, ONE);
	expect_event(normalizer, &one, &event);
	normalizer_cluster_id(normalizer, &event, TRADESUP_SELL, id);
	ck_assert_uint_lt(strlen(id), CLUSTER_ID_MAX - 20);
	ck_assert_str_eq(id + strlen(id) - 2, "-0");
}
END_TEST

/* What depends on the past: the time, the tick and k. */
static void
expect_remembered(struct normalizer *normalizer)
{
	struct feed_record late = record("B", 199, ONE),
			   equal = record("A", 100, 9 * ONE),
			   fresh = record("C", 1, ONE);
	struct tradesup_event event;

	expect_drop(normalizer, &late, "time: before the symbol's last event");
	expect_event(normalizer, &fresh, &event);
	ck_assert_uint_eq(event.symbol_index, 2);
	expect_event(normalizer, &equal, &event);
	ck_assert_uint_eq(event.symbol_index, 0);
	ck_assert_int_eq(event.side, TRADESUP_SELL);
	expect_id(normalizer, &event, TRADESUP_SELL, "A-sell-100-2");
	expect_id(normalizer, &event, TRADESUP_BUY, "A-buy-100-0");
}

START_TEST(what_was_saved_goes_on_where_it_was)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new(),
						      *loaded = normalizer_new();
	struct feed_record a = record("A", 100, 10 * ONE), b = record("B", 200, ONE);
	struct tradesup_event event;
	struct state state = { 0 };

	expect_event(normalizer, &a, &event);
	a.price = 9 * ONE;
	expect_event(normalizer, &a, &event);
	expect_id(normalizer, &event, TRADESUP_SELL, "A-sell-100-0");
	expect_id(normalizer, &event, TRADESUP_SELL, "A-sell-100-1");
	expect_event(normalizer, &b, &event);
	ck_assert_int_eq(normalizer_save(normalizer, state_write, &state), 0);

	ck_assert_int_eq(normalizer_load(loaded, state.bytes, state.length), 0);
	expect_remembered(normalizer);
	expect_remembered(loaded);
	ck_assert_int_eq(normalizer_load(loaded, state.bytes, state.length), -EINVAL);
	state_deinit(&state);
}
END_TEST

START_TEST(other_bytes_are_refused)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct feed_record a = record("A", 100, 10 * ONE), b = record("B", 200, ONE);
	struct tradesup_event event;
	struct state state = { 0 };

	expect_event(normalizer, &a, &event);
	expect_event(normalizer, &b, &event);
	ck_assert_int_eq(normalizer_save(normalizer, state_write, &state), 0);
	for (size_t n = 0; n < state.length; n++) {
		_cleanup_(normalizer_freep) struct normalizer *loaded =
		    normalizer_new();

		ck_assert_int_eq(normalizer_load(loaded, state.bytes, n), -EINVAL);
	}
	/* Two symbols of one name; and a byte too many. */
	for (size_t n = 0; n < 2; n++) {
		_cleanup_(normalizer_freep) struct normalizer *loaded =
		    normalizer_new();
		char *b_name = memrchr(state.bytes, 'B', state.length);

		if (n == 0)
			*b_name = 'A';
		ck_assert_int_eq(
		    normalizer_load(loaded, state.bytes, state.length + n), -EINVAL);
		*b_name = 'B';
	}
	state_deinit(&state);
}
END_TEST

START_TEST(a_failed_write_is_told)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct state state = { .refuses = true };

	ck_assert_int_eq(normalizer_save(normalizer, state_write, &state), -ENOSPC);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, what_makes_no_sense_is_dropped, 0, ARRAY_SIZE(drops));
	tcase_add_test(tcase, times_go_forward_for_each_symbol);
	tcase_add_test(tcase, a_dropped_record_does_not_move_the_time);
	tcase_add_test(tcase, the_tick_rule_sets_a_side);
	tcase_add_test(tcase, notional_is_the_events_own_or_the_product);
	tcase_add_test(tcase, symbols_have_dense_indexes_and_lasting_names);
	tcase_add_test(tcase, cluster_ids_count_those_of_one_time);
	tcase_add_test(tcase, the_longest_id_fits);
	tcase_add_test(tcase, what_was_saved_goes_on_where_it_was);
	tcase_add_test(tcase, other_bytes_are_refused);
	tcase_add_test(tcase, a_failed_write_is_told);
}

int
main(void)
{
	return suite_run("normalize", add_tests);
}
