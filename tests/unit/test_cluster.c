/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clusters: each rule by itself, and all of them against a second, slow account of them
 * over random events.
 */
#include "worker/trading/cluster.h"

#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/state.h"
#include "tests/unit/suite.h"

#define ONE TRADESUP_ONE
#define SECOND INT64_C(1000000000)

static void
finder_freep(struct cluster_finder **finder)
{
	cluster_finder_free(*finder);
}

static struct cluster_params
params(void)
{
	return (struct cluster_params){
		.window_ns = 10,
		.min_trades = 3,
		.min_notional = 30 * ONE,
		.dominance = 70 * ONE,
		.cooldown_ns = 10,
	};
}

static struct tradesup_event
event(int64_t time_ns, enum tradesup_side side, __int128 notional)
{
	return (struct tradesup_event){
		.time_ns = time_ns,
		.symbol = "A",
		.side = side,
		.price = ONE,
		.size = ONE,
		.notional = notional,
		.id = "",
	};
}

#define BUY TRADESUP_BUY
#define SELL TRADESUP_SELL

struct step {
	int64_t time_ns;
	enum tradesup_side side;
	int64_t notional;
	uint64_t trades; /* of the cluster that fires; 0: none does */
	int64_t first_ns, sum;
};

static const struct rule {
	const char *what;
	int64_t min_event_notional, dominance, cooldown_ns;
	struct step steps[8];
} rules[] = {
	{ "fires at the third trade", 0, 70 * ONE, 10,
	    { { 0, BUY, 10 * ONE, 0, 0, 0 }, { 1, BUY, 10 * ONE, 0, 0, 0 },
		{ 2, BUY, 10 * ONE, 3, 0, 30 * ONE } } },
	{ "not below min_notional by the last digit", 0, 70 * ONE, 10,
	    { { 0, BUY, 10 * ONE, 0, 0, 0 }, { 1, BUY, 10 * ONE, 0, 0, 0 },
		{ 2, BUY, 10 * ONE - 1, 0, 0, 0 }, { 3, BUY, 1, 4, 0, 30 * ONE } } },
	{ "an event as old as the window is out", 0, 70 * ONE, 10,
	    { { 0, BUY, 10 * ONE, 0, 0, 0 }, { 1, BUY, 10 * ONE, 0, 0, 0 },
		{ 10, BUY, 10 * ONE, 0, 0, 0 },
		{ 10, BUY, 10 * ONE, 3, 1, 30 * ONE } } },
	{ "one younger by 1 ns is in", 0, 70 * ONE, 10,
	    { { 1, BUY, 10 * ONE, 0, 0, 0 }, { 5, BUY, 10 * ONE, 0, 0, 0 },
		{ 10, BUY, 10 * ONE, 3, 1, 30 * ONE } } },
	{ "dominance is reached exactly", 0, 75 * ONE, 10,
	    { { 0, SELL, 10 * ONE, 0, 0, 0 }, { 0, BUY, 10 * ONE, 0, 0, 0 },
		{ 1, BUY, 10 * ONE, 0, 0, 0 }, { 2, BUY, 10 * ONE, 3, 0, 30 * ONE } } },
	{ "or missed by the last digit of the percentage", 0, 75 * ONE + 1, 10,
	    { { 0, SELL, 10 * ONE, 0, 0, 0 }, { 0, BUY, 10 * ONE, 0, 0, 0 },
		{ 1, BUY, 10 * ONE, 0, 0, 0 }, { 2, BUY, 10 * ONE, 0, 0, 0 } } },
	{ "or by the last digit of a notional", 0, 75 * ONE, 10,
	    { { 0, SELL, 10 * ONE + 1, 0, 0, 0 }, { 0, BUY, 10 * ONE, 0, 0, 0 },
		{ 1, BUY, 10 * ONE, 0, 0, 0 }, { 2, BUY, 10 * ONE, 0, 0, 0 } } },
	{ "the other side leaves the window, too", 0, 100 * ONE, 10,
	    { { 0, SELL, 10 * ONE, 0, 0, 0 }, { 1, BUY, 10 * ONE, 0, 0, 0 },
		{ 2, BUY, 10 * ONE, 0, 0, 0 }, { 3, BUY, 10 * ONE, 0, 0, 0 },
		{ 10, BUY, 10 * ONE, 4, 1, 40 * ONE } } },
	{ "cooldown: again when it is over, the window not emptied", 0, 70 * ONE, 5,
	    { { 0, BUY, 10 * ONE, 0, 0, 0 }, { 1, BUY, 10 * ONE, 0, 0, 0 },
		{ 2, BUY, 10 * ONE, 3, 0, 30 * ONE }, { 6, BUY, 10 * ONE, 0, 0, 0 },
		{ 7, BUY, 10 * ONE, 5, 0, 50 * ONE } } },
	{ "no cooldown: at every event", 0, 70 * ONE, 0,
	    { { 0, BUY, 10 * ONE, 0, 0, 0 }, { 0, BUY, 10 * ONE, 0, 0, 0 },
		{ 0, BUY, 10 * ONE, 3, 0, 30 * ONE },
		{ 0, BUY, 10 * ONE, 4, 0, 40 * ONE } } },
	{ "cooldown is for each side", 0, 0, 10,
	    { { 0, BUY, 10 * ONE, 0, 0, 0 }, { 1, BUY, 10 * ONE, 0, 0, 0 },
		{ 2, BUY, 10 * ONE, 3, 0, 30 * ONE }, { 3, SELL, 10 * ONE, 0, 0, 0 },
		{ 3, SELL, 10 * ONE, 0, 0, 0 },
		{ 4, SELL, 10 * ONE, 3, 3, 30 * ONE } } },
	{ "a small event is as if it had not been", 5 * ONE, 100 * ONE, 10,
	    { { 0, BUY, 10 * ONE, 0, 0, 0 }, { 1, BUY, 10 * ONE, 0, 0, 0 },
		{ 1, SELL, 5 * ONE - 1, 0, 0, 0 }, { 2, BUY, 5 * ONE - 1, 0, 0, 0 },
		{ 3, BUY, 10 * ONE, 3, 0, 30 * ONE } } },
	{ "one of just that size is", 5 * ONE, 100 * ONE, 10,
	    { { 0, BUY, 10 * ONE, 0, 0, 0 }, { 1, BUY, 15 * ONE, 0, 0, 0 },
		{ 2, BUY, 5 * ONE, 3, 0, 30 * ONE } } },
	{ "before the epoch, too", 0, 70 * ONE, 10,
	    { { -12, BUY, 10 * ONE, 0, 0, 0 }, { -5, BUY, 10 * ONE, 0, 0, 0 },
		{ -3, BUY, 10 * ONE, 3, -12, 30 * ONE } } },
	{ "over all of time", 0, 70 * ONE, 10,
	    { { INT64_MIN, BUY, 10 * ONE, 0, 0, 0 },
		{ INT64_MIN, BUY, 10 * ONE, 0, 0, 0 },
		{ INT64_MAX, BUY, 40 * ONE, 0, 0, 0 }, { INT64_MAX, BUY, 1, 0, 0, 0 },
		{ INT64_MAX, BUY, 1, 3, INT64_MAX, 40 * ONE + 2 } } },
};

START_TEST(each_rule_holds)
{
	const struct rule *rule = &rules[_i];
	struct cluster_params with = params();
	_cleanup_(finder_freep) struct cluster_finder *finder = NULL;

	with.min_event_notional = rule->min_event_notional;
	with.dominance = rule->dominance;
	with.cooldown_ns = rule->cooldown_ns;
	finder = cluster_finder_new(&with);
	for (const struct step *step = rule->steps; step->notional > 0; step++) {
		struct tradesup_event now =
		    event(step->time_ns, step->side, step->notional);
		struct tradesup_cluster cluster;
		int r = cluster_finder_event(finder, &now, &cluster);

		ck_assert_msg(r == (step->trades > 0 ? CLUSTER_E_FIRED : 0),
		    "%s: step %zd: %d", rule->what, step - rule->steps, r);
		if (r == 0)
			continue;
		ck_assert_int_eq(cluster.side, step->side);
		ck_assert_uint_eq(cluster.trades, step->trades);
		ck_assert_int_eq(cluster.first_ns, step->first_ns);
		ck_assert(cluster.notional == step->sum);
	}
}
END_TEST

START_TEST(the_largest_notionals_do_not_overflow)
{
	const __int128 largest = (__int128)INT64_MAX * INT64_MAX / ONE;
	struct cluster_params with = params();
	_cleanup_(finder_freep) struct cluster_finder *finder = NULL;
	struct tradesup_cluster cluster;
	struct tradesup_event now;

	with.dominance = 50 * ONE;
	with.cooldown_ns = 0;
	finder = cluster_finder_new(&with);
	for (int i = 0; i < 2; i++) {
		now = event(0, BUY, largest);
		ck_assert_int_eq(cluster_finder_event(finder, &now, &cluster), 0);
		now = event(0, SELL, largest);
		ck_assert_int_eq(cluster_finder_event(finder, &now, &cluster), 0);
	}
	now = event(0, BUY, largest - 1);
	ck_assert_int_eq(cluster_finder_event(finder, &now, &cluster), CLUSTER_E_FIRED);
	now = event(0, SELL, largest - 2);
	ck_assert_int_eq(cluster_finder_event(finder, &now, &cluster), 0);
	now = event(0, SELL, 1);
	ck_assert_int_eq(cluster_finder_event(finder, &now, &cluster), CLUSTER_E_FIRED);
	ck_assert(cluster.notional == 3 * largest - 1);
}
END_TEST

/* The second account: all events, looked through at each. */
struct history {
	struct tradesup_event events[4000];
	size_t n;
	int64_t fired_ns[8][2];
	bool fired[8][2];
};

static bool
fires_slowly(struct history *history, const struct cluster_params *with,
    const struct tradesup_event *now, struct tradesup_cluster *ret_cluster)
{
	struct tradesup_cluster cluster = { .side = now->side,
		.first_ns = now->time_ns };
	uint32_t s = now->symbol_index;
	__int128 all = 0;

	if (now->notional < with->min_event_notional)
		return false;
	history->events[history->n++] = *now;
	for (size_t i = history->n; i-- > 0;) {
		const struct tradesup_event *old = &history->events[i];

		if (old->symbol_index != s ||
		    old->time_ns <= now->time_ns - with->window_ns)
			continue;
		all += old->notional;
		if (old->side != now->side)
			continue;
		cluster.trades++;
		cluster.notional += old->notional;
		cluster.first_ns = old->time_ns;
	}
	if (cluster.trades < with->min_trades ||
	    cluster.notional < with->min_notional ||
	    cluster.notional * 100 * ONE < with->dominance * all)
		return false;
	if (history->fired[s][now->side] &&
	    history->fired_ns[s][now->side] > now->time_ns - with->cooldown_ns)
		return false;
	history->fired[s][now->side] = true;
	history->fired_ns[s][now->side] = now->time_ns;
	*ret_cluster = cluster;
	return true;
}

static uint64_t
draw(uint64_t *random, uint64_t below)
{
	*random =
	    *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*random >> 33) % below;
}

static struct tradesup_event
draw_event(uint64_t *random, int64_t *time_ns)
{
	static const char *const names[] = { "A", "BB", "CCC", "AA" };
	struct tradesup_event now;

	*time_ns += (int64_t)draw(random, 3) * SECOND / 2;
	now = event(*time_ns, draw(random, 5) < 3 ? BUY : SELL,
	    (int64_t)draw(random, 2000) * ONE / 7);
	now.symbol_index = (uint32_t)draw(random, 4);
	now.symbol = names[now.symbol_index];
	return now;
}

static struct cluster_params
draw_params(uint64_t *random)
{
	return (struct cluster_params){
		.window_ns = 1 + (int64_t)draw(random, 60 * SECOND),
		.min_trades = draw(random, 8),
		.min_notional = (int64_t)draw(random, 3000) * ONE,
		.min_event_notional = (int64_t)draw(random, 100) * ONE,
		.dominance =
		    (int64_t)draw(random, 100) * ONE + (int64_t)draw(random, ONE),
		.cooldown_ns = (int64_t)draw(random, 40 * SECOND),
	};
}

/* Save, and go on with another one that has loaded it. */
static void
pass_on(struct cluster_finder **finder, const struct cluster_params *with)
{
	struct cluster_finder *loaded = cluster_finder_new(with);
	struct state state = { 0 };

	ck_assert_int_eq(cluster_finder_save(*finder, state_write, &state), 0);
	ck_assert_int_eq(cluster_finder_load(loaded, state.bytes, state.length), 0);
	cluster_finder_free(*finder);
	*finder = loaded;
	state_deinit(&state);
}

START_TEST(random_events_give_the_clusters_of_the_slow_account)
{
	_cleanup_free_ struct history *history = calloc(1, sizeof(*history));
	uint64_t random = 4711 + (uint64_t)_i;
	struct cluster_params with = draw_params(&random);
	_cleanup_(finder_freep) struct cluster_finder *finder =
	    cluster_finder_new(&with);
	int64_t time_ns = -1000 * SECOND;

	for (int i = 0; i < 3000; i++) {
		struct tradesup_event now = draw_event(&random, &time_ns);
		struct tradesup_cluster cluster, expected;
		bool fires = fires_slowly(history, &with, &now, &expected);

		ck_assert_msg(cluster_finder_event(finder, &now, &cluster) ==
				  (fires ? CLUSTER_E_FIRED : 0),
		    "seed %d, event %d", _i, i);
		if (fires) {
			ck_assert_int_eq(cluster.side, expected.side);
			ck_assert_uint_eq(cluster.trades, expected.trades);
			ck_assert_int_eq(cluster.first_ns, expected.first_ns);
			ck_assert(cluster.notional == expected.notional);
		}
		if (draw(&random, 400) == 0)
			pass_on(&finder, &with);
	}
}
END_TEST

START_TEST(after_a_load_the_name_counts_and_not_the_index)
{
	const struct cluster_params with = params();
	_cleanup_(finder_freep) struct cluster_finder *finder =
	    cluster_finder_new(&with);
	struct tradesup_event a = event(0, BUY, 10 * ONE), b = event(0, BUY, 10 * ONE);
	struct tradesup_cluster cluster;

	b.symbol = "B";
	b.symbol_index = 1;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(cluster_finder_event(finder, &a, &cluster), 0);
	ck_assert_int_eq(cluster_finder_event(finder, &b, &cluster), 0);
	pass_on(&finder, &with);
	a.symbol_index = 1;
	b.symbol_index = 0;
	ck_assert_int_eq(cluster_finder_event(finder, &b, &cluster), 0);
	ck_assert_int_eq(cluster_finder_event(finder, &a, &cluster), CLUSTER_E_FIRED);
	ck_assert_uint_eq(cluster.trades, 3);
}
END_TEST

START_TEST(other_bytes_are_refused)
{
	struct cluster_params with = params();
	_cleanup_(finder_freep) struct cluster_finder *finder =
	    cluster_finder_new(&with);
	struct tradesup_event now = event(0, BUY, 10 * ONE);
	struct tradesup_cluster cluster;
	struct state state = { 0 };

	ck_assert_int_eq(cluster_finder_event(finder, &now, &cluster), 0);
	ck_assert_int_eq(cluster_finder_save(finder, state_write, &state), 0);
	for (size_t n = 0; n <= state.length + 1; n++) {
		_cleanup_(finder_freep) struct cluster_finder *loaded =
		    cluster_finder_new(&with);

		ck_assert_int_eq(cluster_finder_load(loaded, state.bytes, n),
		    n == state.length ? 0 : -EINVAL);
	}
	/* A window kept for other parameters does not hold what these need. */
	with.window_ns++;
	{
		_cleanup_(finder_freep) struct cluster_finder *loaded =
		    cluster_finder_new(&with);

		ck_assert_int_eq(
		    cluster_finder_load(loaded, state.bytes, state.length), -EINVAL);
	}
	state.refuses = true;
	ck_assert_int_eq(cluster_finder_save(finder, state_write, &state), -ENOSPC);
	state_deinit(&state);
}
END_TEST

START_TEST(an_index_out_of_bounds_is_refused)
{
	const struct cluster_params with = params();
	_cleanup_(finder_freep) struct cluster_finder *finder =
	    cluster_finder_new(&with);
	struct tradesup_event now = event(0, BUY, 10 * ONE);
	struct tradesup_cluster cluster;

	now.symbol_index = UINT32_MAX;
	ck_assert_int_eq(cluster_finder_event(finder, &now, &cluster), -EINVAL);
	now.symbol_index = 100000;
	ck_assert_int_eq(cluster_finder_event(finder, &now, &cluster), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, each_rule_holds, 0, ARRAY_SIZE(rules));
	tcase_add_test(tcase, the_largest_notionals_do_not_overflow);
	tcase_add_loop_test(
	    tcase, random_events_give_the_clusters_of_the_slow_account, 0, 40);
	tcase_add_test(tcase, after_a_load_the_name_counts_and_not_the_index);
	tcase_add_test(tcase, other_bytes_are_refused);
	tcase_add_test(tcase, an_index_out_of_bounds_is_refused);
}

int
main(void)
{
	return suite_run("cluster", add_tests);
}
