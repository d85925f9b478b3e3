/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for orders: which cluster becomes which order, which status may follow
 * which, and ids.
 */
#include "worker/trading/orders.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "suite.h"

static const struct config_orders plain = {
	.order_notional = 10000 * DECIMAL_ONE, .lot = 1, .long_only = true
};

static const struct decide_case {
	const char *what;
	bool both_ways;
	int64_t lot, max_position;
	uint32_t max_orders;
	struct order_situation situation;
	const char *skipped;
	enum tradesup_side side;
	int64_t quantity;
} decide_cases[] = {
	{ "a buy with nothing there opens",
	    .situation = { TRADESUP_BUY, 3 * DECIMAL_ONE },
	    .quantity = INT64_C(333333333333) },
	{ "whole lots", .lot = DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, 3 * DECIMAL_ONE },
	    .quantity = 3333 * DECIMAL_ONE },
	{ "less than a lot", .lot = DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, 10001 * DECIMAL_ONE }, .skipped = "risk:lot" },
	{ "exactly a lot", .lot = DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, 10000 * DECIMAL_ONE },
	    .quantity = DECIMAL_ONE },
	{ "more than 64 bits hold", .situation = { TRADESUP_BUY, 1 },
	    .skipped = "risk:range" },
	{ "a buy on a position",
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .position = 1 },
	    .skipped = "position_open" },
	{ "a sell without one", .situation = { TRADESUP_SELL, DECIMAL_ONE },
	    .skipped = "no_position" },
	{ "a sell closes all of it",
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 12345 },
	    .side = TRADESUP_SELL, .quantity = 12345 },
	{ "an open order comes first",
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .position = 1,
		.order_open = true },
	    .skipped = "order_open" },
	{ "an open order stops a close, too",
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 1,
		.order_open = true },
	    .skipped = "order_open" },
	{ "a short is opened", .both_ways = true,
	    .situation = { TRADESUP_SELL, 4 * DECIMAL_ONE }, .side = TRADESUP_SELL,
	    .quantity = 2500 * DECIMAL_ONE },
	{ "a short is not added to", .both_ways = true,
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = -7 },
	    .skipped = "position_open" },
	{ "a buy closes a short", .both_ways = true,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .position = -7 }, .quantity = 7 },
	{ "a short of former rules is closed",
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .position = -7 }, .quantity = 7 },
	{ "frozen: nothing opens",
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .frozen = true },
	    .skipped = "risk:freeze" },
	{ "frozen: nothing closes",
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 1, .frozen = true },
	    .skipped = "risk:freeze" },
	{ "frozen, and nothing to do anyway",
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .frozen = true },
	    .skipped = "no_position" },
	{ "the position limit", .max_position = 9999 * DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE },
	    .skipped = "risk:max_position_notional" },
	{ "exactly the position limit", .max_position = 10000 * DECIMAL_ONE,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE },
	    .quantity = 10000 * DECIMAL_ONE },
	{ "the position limit does not hold a close up", .max_position = 1,
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 50 * DECIMAL_ONE },
	    .side = TRADESUP_SELL, .quantity = 50 * DECIMAL_ONE },
	{ "the last order of the day", .max_orders = 3,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .orders_today = 2 },
	    .quantity = 10000 * DECIMAL_ONE },
	{ "one too many", .max_orders = 3,
	    .situation = { TRADESUP_BUY, DECIMAL_ONE, .orders_today = 3 },
	    .skipped = "risk:max_orders_per_day" },
	{ "one too many, to close", .max_orders = 3,
	    .situation = { TRADESUP_SELL, DECIMAL_ONE, .position = 1,
		.orders_today = 3 },
	    .skipped = "risk:max_orders_per_day" },
};

START_TEST(test_decide)
{
	const struct decide_case *c = &decide_cases[_i];
	struct config_orders rules = plain;
	struct order_decision decision;

	if (c->lot)
		rules.lot = c->lot;
	rules.long_only = !c->both_ways;
	rules.max_position_notional = c->max_position;
	rules.max_orders_per_day = c->max_orders;
	decision = order_decide(&rules, &c->situation);
	ck_assert_msg((decision.skipped == NULL) == (c->skipped == NULL), "%s: %s",
	    c->what, decision.skipped ? decision.skipped : "placed");
	if (c->skipped) {
		ck_assert_msg(strcmp(decision.skipped, c->skipped) == 0, "%s: %s",
		    c->what, decision.skipped);
		return;
	}
	ck_assert_msg(decision.side == c->side, "%s: side", c->what);
	ck_assert_msg(decision.quantity == c->quantity, "%s: %lld", c->what,
	    (long long)decision.quantity);
}
END_TEST

START_TEST(test_status_names)
{
	enum order_status status;

	for (int i = 0; i < ORDER_STATUS_COUNT; i++) {
		ck_assert_int_eq(order_status_parse(
				     order_status_name((enum order_status)i), &status),
		    0);
		ck_assert_int_eq(status, i);
	}
	ck_assert_int_lt(order_status_parse("opened", &status), 0);
}
END_TEST

START_TEST(test_status_may_follow)
{
	static const enum order_status last[] = { ORDER_FILLED, ORDER_CANCELED,
		ORDER_REJECTED, ORDER_REFUSED };

	ck_assert(order_status_may_follow(ORDER_INTENT, ORDER_OPEN));
	ck_assert(order_status_may_follow(ORDER_OPEN, ORDER_FILLED));
	ck_assert(!order_status_may_follow(ORDER_INTENT, ORDER_FILLED));
	ck_assert(!order_status_may_follow(ORDER_OPEN, ORDER_INTENT));
	ck_assert(!order_status_may_follow(ORDER_OPEN, ORDER_EXPIRED));
	ck_assert(order_status_may_follow(ORDER_EXPIRED, ORDER_FILLED));
	ck_assert(!order_status_may_follow(ORDER_EXPIRED, ORDER_SENT));
	for (size_t i = 0; i < ARRAY_SIZE(last); i++) {
		for (int to = 0; to < ORDER_STATUS_COUNT; to++)
			ck_assert(
			    !order_status_may_follow(last[i], (enum order_status)to));
	}
}
END_TEST

#define SECOND INT64_C(1000000000)

static const struct order_terms alpaca = { .dedup = ORDER_DEDUP_FOREVER,
	.settle_ns = 5 * SECOND,
	.max_age_ns = 60 * SECOND,
	.watch_ns = 86400 * SECOND };

/* Made at second 1000; at @at seconds after that @event comes. */
static const struct next_case {
	const char *what;
	struct order_life life;
	enum order_event event;
	enum order_status known;
	int64_t at;
	enum order_status status;
	enum order_action action;
	uint32_t unproven;
	bool stopped;
	enum order_dedup dedup; /* 0: forever */
	int64_t missing_since; /* in the next life, seconds after it was made; 0: not */
	int64_t other_since;   /* the same */
	bool denied;	       /* the same */
} next_cases[] = {
	{ "a fresh intent goes", { ORDER_INTENT }, ORDER_EVENT_TIME, .at = 1,
	    .status = ORDER_INTENT, .action = ORDER_POST },
	{ "an old one does not", { ORDER_INTENT }, ORDER_EVENT_TIME, .at = 60,
	    .status = ORDER_EXPIRED },
	{ "a latch came between", { ORDER_INTENT }, ORDER_EVENT_TIME, .at = 1,
	    .stopped = true, .status = ORDER_REFUSED },
	{ "it is counted before it leaves", { ORDER_INTENT }, ORDER_EVENT_POSTING,
	    .at = 1, .status = ORDER_SENT, .unproven = 1 },
	{ "who finds an intent takes it for sent", { ORDER_INTENT },
	    ORDER_EVENT_RESTART, .at = 1, .status = ORDER_SENT, .unproven = 1,
	    .action = ORDER_LOOK_UP },
	{ "an old one, too: it may be at the broker", { ORDER_INTENT },
	    ORDER_EVENT_RESTART, .at = 600, .status = ORDER_SENT, .unproven = 1,
	    .action = ORDER_LOOK_UP },
	{ "sent: look", { ORDER_SENT, 1 }, ORDER_EVENT_TIME, .at = 1,
	    .status = ORDER_SENT, .unproven = 1, .action = ORDER_LOOK_UP },
	{ "sent, and a new life: settle anew", { ORDER_SENT, 1, .missing_since_ns = 1 },
	    ORDER_EVENT_RESTART, .at = 1, .status = ORDER_SENT, .unproven = 1,
	    .action = ORDER_LOOK_UP },
	{ "the broker took it", { ORDER_SENT, 1 }, ORDER_EVENT_KNOWN, ORDER_OPEN,
	    .at = 1, .status = ORDER_OPEN, .unproven = 1 },
	{ "and filled it", { ORDER_SENT, 1 }, ORDER_EVENT_KNOWN, ORDER_FILLED, .at = 1,
	    .status = ORDER_FILLED, .unproven = 1 },
	{ "no byte left", { ORDER_SENT, 1 }, ORDER_EVENT_NOT_TAKEN, .at = 1,
	    .status = ORDER_INTENT },
	{ "no byte of the second left", { ORDER_SENT, 2 }, ORDER_EVENT_NOT_TAKEN,
	    .at = 1, .status = ORDER_SENT, .unproven = 1 },
	{ "turned away, and may go again", { ORDER_SENT, 1 }, ORDER_EVENT_TURNED_AWAY,
	    .at = 1, .status = ORDER_INTENT },
	{ "it goes again", { ORDER_INTENT, .turned_away = true }, ORDER_EVENT_TIME,
	    .at = 1, .status = ORDER_INTENT, .action = ORDER_POST },
	{ "turned away, and old: look before it is forgotten",
	    { ORDER_INTENT, .turned_away = true }, ORDER_EVENT_TIME, .at = 60,
	    .status = ORDER_SENT, .unproven = 1, .action = ORDER_LOOK_UP },
	{ "turned away, and a latch came between",
	    { ORDER_INTENT, .turned_away = true }, ORDER_EVENT_TIME, .at = 1,
	    .stopped = true, .status = ORDER_SENT, .unproven = 1,
	    .action = ORDER_LOOK_UP },
	{ "the answer was lost", { ORDER_SENT, 1 }, ORDER_EVENT_LOST, .at = 1,
	    .status = ORDER_SENT, .unproven = 1, .action = ORDER_LOOK_UP },
	{ "the broker refuses it", { ORDER_SENT, 1 }, ORDER_EVENT_DENIED, .at = 1,
	    .status = ORDER_REJECTED, .unproven = 1 },
	{ "the broker refuses the second of two: look for the first", { ORDER_SENT, 2 },
	    ORDER_EVENT_DENIED, .at = 1, .status = ORDER_SENT, .unproven = 2,
	    .action = ORDER_LOOK_UP, .denied = true },
	{ "refused, and the first is there", { ORDER_SENT, 2, .denied = true },
	    ORDER_EVENT_KNOWN, ORDER_FILLED, .at = 1, .status = ORDER_FILLED,
	    .unproven = 2 },
	{ "refused, and the first is not there for long",
	    { ORDER_SENT, 2, .denied = true, .missing_since_ns = 1002 * SECOND },
	    ORDER_EVENT_NOT_FOUND, .at = 7, .status = ORDER_EXPIRED, .unproven = 2,
	    .denied = true },
	{ "refused, and sent again after all", { ORDER_SENT, 2, .denied = true },
	    ORDER_EVENT_POSTING, .at = 7, .status = ORDER_SENT, .unproven = 3 },
	{ "its id is in use", { ORDER_SENT, 2 }, ORDER_EVENT_DUPLICATE, .at = 1,
	    .status = ORDER_SENT, .unproven = 2, .action = ORDER_LOOK_UP },
	{ "in use, and open", { ORDER_SENT, 2, .duplicate = true }, ORDER_EVENT_KNOWN,
	    ORDER_OPEN, .at = 1, .status = ORDER_OPEN, .unproven = 2 },
	{ "in use, and cancelled", { ORDER_SENT, 2, .duplicate = true },
	    ORDER_EVENT_KNOWN, ORDER_CANCELED, .at = 1, .status = ORDER_CANCELED,
	    .unproven = 2, .action = ORDER_HOLD },
	{ "in use, and not ours",
	    { ORDER_SENT, 2, .duplicate = true, .other_since_ns = 1002 * SECOND },
	    ORDER_EVENT_OTHER, .at = 7, .status = ORDER_REJECTED, .unproven = 2,
	    .action = ORDER_HOLD, .other_since = 2 },
	{ "in use, and not ours, the first time", { ORDER_SENT, 2, .duplicate = true },
	    ORDER_EVENT_OTHER, .at = 1, .status = ORDER_SENT, .unproven = 2,
	    .action = ORDER_HOLD, .other_since = 1 },
	{ "other terms, the first time: a mix-up", { ORDER_SENT, 1 }, ORDER_EVENT_OTHER,
	    .at = 1, .status = ORDER_SENT, .unproven = 1, .other_since = 1 },
	{ "other terms, not long", { ORDER_SENT, 1, .other_since_ns = 1002 * SECOND },
	    ORDER_EVENT_OTHER, .at = 6, .status = ORDER_SENT, .unproven = 1,
	    .other_since = 2 },
	{ "other terms, and the clock was set back",
	    { ORDER_SENT, 1, .other_since_ns = 1009 * SECOND }, ORDER_EVENT_OTHER,
	    .at = 2, .status = ORDER_SENT, .unproven = 1, .other_since = 2 },
	{ "other terms break a row of not found",
	    { ORDER_SENT, 1, .missing_since_ns = 1001 * SECOND }, ORDER_EVENT_OTHER,
	    .at = 7, .status = ORDER_SENT, .unproven = 1, .other_since = 7 },
	{ "not found breaks a row of other terms",
	    { ORDER_SENT, 1, .other_since_ns = 1001 * SECOND }, ORDER_EVENT_NOT_FOUND,
	    .at = 7, .status = ORDER_SENT, .unproven = 1, .missing_since = 7 },
	{ "time does not", { ORDER_SENT, 1, .other_since_ns = 1001 * SECOND },
	    ORDER_EVENT_TIME, .at = 7, .status = ORDER_SENT, .unproven = 1,
	    .action = ORDER_LOOK_UP, .other_since = 1 },
	{ "ours after all", { ORDER_SENT, 1, .other_since_ns = 1001 * SECOND },
	    ORDER_EVENT_KNOWN, ORDER_FILLED, .at = 7, .status = ORDER_FILLED,
	    .unproven = 1 },
	{ "open, and for a moment of other terms", { ORDER_OPEN, 1 }, ORDER_EVENT_OTHER,
	    .at = 2, .status = ORDER_OPEN, .unproven = 1, .other_since = 2 },
	{ "open, and of other terms",
	    { ORDER_OPEN, 1, .other_since_ns = 1002 * SECOND }, ORDER_EVENT_OTHER,
	    .at = 9, .status = ORDER_OPEN, .unproven = 1, .action = ORDER_HOLD,
	    .other_since = 2 },
	{ "given up, and of other terms",
	    { ORDER_EXPIRED, 1, .other_since_ns = 1002 * SECOND }, ORDER_EVENT_OTHER,
	    .at = 9, .status = ORDER_EXPIRED, .unproven = 1, .action = ORDER_HOLD,
	    .other_since = 2 },
	{ "in use, and never shown", { ORDER_SENT, 1, true, 0, 1001 * SECOND },
	    ORDER_EVENT_NOT_FOUND, .at = 90, .status = ORDER_SENT, .unproven = 1,
	    .action = ORDER_HOLD, .missing_since = 1 },
	{ "not there, the first time", { ORDER_SENT, 1 }, ORDER_EVENT_NOT_FOUND,
	    .at = 2, .status = ORDER_SENT, .unproven = 1, .missing_since = 2 },
	{ "not there, not long", { ORDER_SENT, 1, false, 0, 1002 * SECOND },
	    ORDER_EVENT_NOT_FOUND, .at = 6, .status = ORDER_SENT, .unproven = 1,
	    .missing_since = 2 },
	{ "not there for long", { ORDER_SENT, 1, false, 0, 1002 * SECOND },
	    ORDER_EVENT_NOT_FOUND, .at = 7, .status = ORDER_SENT, .unproven = 1,
	    .action = ORDER_POST, .missing_since = 2 },
	{ "not there, and nothing stops a second",
	    { ORDER_SENT, 1, false, 0, 1002 * SECOND }, ORDER_EVENT_NOT_FOUND, .at = 7,
	    .dedup = ORDER_DEDUP_OPEN_ONLY, .status = ORDER_SENT, .unproven = 1,
	    .action = ORDER_HOLD, .missing_since = 2 },
	{ "not there, and we are stopped", { ORDER_SENT, 1, false, 0, 1002 * SECOND },
	    ORDER_EVENT_NOT_FOUND, .at = 7, .stopped = true, .status = ORDER_SENT,
	    .unproven = 1, .missing_since = 2 },
	{ "not there, and old", { ORDER_SENT, 1, false, 0, 1002 * SECOND },
	    ORDER_EVENT_NOT_FOUND, .at = 61, .status = ORDER_EXPIRED, .unproven = 1 },
	{ "old, but not there for a moment only", { ORDER_SENT, 1 },
	    ORDER_EVENT_NOT_FOUND, .at = 100, .status = ORDER_SENT, .unproven = 1,
	    .missing_since = 100 },
	{ "an error of the look-up", { ORDER_SENT, 1, false, 0, 1002 * SECOND },
	    ORDER_EVENT_LOOK_UP_FAILED, .at = 90, .status = ORDER_SENT, .unproven = 1,
	    .action = ORDER_LOOK_UP },
	{ "the clock was set back", { ORDER_SENT, 1, false, 0, 1009 * SECOND },
	    ORDER_EVENT_NOT_FOUND, .at = 2, .status = ORDER_SENT, .unproven = 1,
	    .missing_since = 2 },
	{ "open: ask again", { ORDER_OPEN, 1 }, ORDER_EVENT_TIME, .at = 900,
	    .status = ORDER_OPEN, .unproven = 1, .action = ORDER_LOOK_UP },
	{ "a part of it", { ORDER_OPEN, 1 }, ORDER_EVENT_KNOWN, ORDER_PARTIALLY_FILLED,
	    .at = 1, .status = ORDER_PARTIALLY_FILLED, .unproven = 1 },
	{ "an older look", { ORDER_PARTIALLY_FILLED, 1 }, ORDER_EVENT_KNOWN, ORDER_OPEN,
	    .at = 1, .status = ORDER_PARTIALLY_FILLED, .unproven = 1 },
	{ "open, and for a moment not there", { ORDER_OPEN, 1 }, ORDER_EVENT_NOT_FOUND,
	    .at = 2, .status = ORDER_OPEN, .unproven = 1, .missing_since = 2 },
	{ "open, and not there any more", { ORDER_OPEN, 1, false, 0, 1002 * SECOND },
	    ORDER_EVENT_NOT_FOUND, .at = 90, .status = ORDER_OPEN, .unproven = 1,
	    .action = ORDER_HOLD, .missing_since = 2 },
	{ "given up, and looked for", { ORDER_EXPIRED, 1 }, ORDER_EVENT_TIME, .at = 900,
	    .status = ORDER_EXPIRED, .unproven = 1, .action = ORDER_LOOK_UP },
	{ "given up, and the day was over while nobody looked", { ORDER_EXPIRED, 1 },
	    ORDER_EVENT_TIME, .at = 90000, .status = ORDER_EXPIRED, .unproven = 1,
	    .action = ORDER_LOOK_UP },
	{ "the same for a new life", { ORDER_EXPIRED, 1 }, ORDER_EVENT_RESTART,
	    .at = 90000, .status = ORDER_EXPIRED, .unproven = 1,
	    .action = ORDER_LOOK_UP },
	{ "given up, not there, and the day is not over", { ORDER_EXPIRED, 1 },
	    ORDER_EVENT_NOT_FOUND, .at = 86399, .status = ORDER_EXPIRED,
	    .unproven = 1 },
	{ "given up, and not there behind the day", { ORDER_EXPIRED, 2 },
	    ORDER_EVENT_NOT_FOUND, .at = 86400, .status = ORDER_EXPIRED },
	{ "an error behind the day closes nothing", { ORDER_EXPIRED, 1 },
	    ORDER_EVENT_LOOK_UP_FAILED, .at = 90000, .status = ORDER_EXPIRED,
	    .unproven = 1 },
	{ "there, and found behind the day", { ORDER_EXPIRED, 1 }, ORDER_EVENT_KNOWN,
	    ORDER_FILLED, .at = 90000, .status = ORDER_FILLED, .unproven = 1,
	    .action = ORDER_HOLD },
	{ "given up, and never sent", { ORDER_EXPIRED }, ORDER_EVENT_TIME, .at = 900,
	    .status = ORDER_EXPIRED },
	{ "given up, and there after all", { ORDER_EXPIRED, 1 }, ORDER_EVENT_KNOWN,
	    ORDER_FILLED, .at = 900, .status = ORDER_FILLED, .unproven = 1,
	    .action = ORDER_HOLD },
	{ "final", { ORDER_FILLED, 1 }, ORDER_EVENT_KNOWN, ORDER_CANCELED, .at = 900,
	    .status = ORDER_FILLED, .unproven = 1 },
};

START_TEST(test_next)
{
	const struct next_case *c = &next_cases[_i];
	struct order_terms terms = alpaca;
	struct order_life life = c->life;
	struct order_step next;

	life.created_ns = 1000 * SECOND;
	terms.stopped = c->stopped;
	if (c->dedup)
		terms.dedup = c->dedup;
	next = order_next(&life, c->event, c->known, &terms, (1000 + c->at) * SECOND);
	ck_assert_msg(next.life.status == c->status, "%s: %s", c->what,
	    order_status_name(next.life.status));
	ck_assert_msg(
	    next.action == c->action, "%s: action %d", c->what, (int)next.action);
	ck_assert_msg(next.life.unproven == c->unproven, "%s: unproven %u", c->what,
	    next.life.unproven);
	ck_assert_msg(next.life.missing_since_ns ==
			  (c->missing_since ? (1000 + c->missing_since) * SECOND : 0),
	    "%s: missing since %lld", c->what, (long long)next.life.missing_since_ns);
	ck_assert_msg(next.life.other_since_ns ==
			  (c->other_since ? (1000 + c->other_since) * SECOND : 0),
	    "%s: other since %lld", c->what, (long long)next.life.other_since_ns);
	ck_assert_msg(next.life.denied == c->denied, "%s: denied", c->what);
}
END_TEST

/*
 * Every status, with every history it can have, and every event: whether one may send.
 * `sent` with nothing unproven is no state that order_next() makes.
 */
START_TEST(test_next_posts_only_where_it_may)
{
	int posts = 0;

	for (int bits = 0; bits < ORDER_STATUS_COUNT * ORDER_EVENT_COUNT << 10;
	     bits++) {
		struct order_life life = { .created_ns = 1000 * SECOND };
		struct order_terms terms = alpaca;
		int rest = bits >> 10;
		enum order_event event = (enum order_event)(rest % ORDER_EVENT_COUNT);
		int64_t now_ns = (bits & 1 ? 1010 : 1090) * SECOND;
		bool is_held = (bits >> 1 & 3) == 2;
		struct order_step next;

		life.status = (enum order_status)(rest / ORDER_EVENT_COUNT);
		life.missing_since_ns = (bits >> 1 & 3) == 0 ? 0
					: is_held	     ? now_ns - 6 * SECOND
							     : now_ns - SECOND;
		life.duplicate = bits >> 3 & 1;
		life.unproven = bits >> 4 & 3;
		terms.dedup = (enum order_dedup)(bits >> 6 & 3);
		terms.stopped = bits >> 8 & 1;
		if ((life.status == ORDER_INTENT) != (life.unproven == 0) &&
		    order_is_unknown(life.status))
			continue;
		next = order_next(&life, event,
		    bits >> 9 & 1 ? ORDER_OPEN : ORDER_CANCELED, &terms, now_ns);
		ck_assert(next.life.status == life.status ||
			  order_status_may_follow(life.status, next.life.status));
		ck_assert(
		    (next.life.status == ORDER_INTENT) <= (next.life.unproven == 0));
		if (next.action != ORDER_POST)
			continue;
		posts++;
		ck_assert(!terms.stopped && now_ns == 1010 * SECOND);
		ck_assert_int_eq(next.life.status, life.status);
		if (life.status == ORDER_INTENT)
			continue;
		ck_assert_int_eq(life.status, ORDER_SENT);
		ck_assert_int_eq(event, ORDER_EVENT_NOT_FOUND);
		ck_assert(is_held && !life.duplicate);
		ck_assert(terms.dedup == ORDER_DEDUP_FOREVER ||
			  terms.dedup == ORDER_DEDUP_REPLAY);
	}
	ck_assert_int_gt(posts, 0);
}
END_TEST

/* struct play - an order's life against a broker that lies as far as its terms allow */
struct play {
	struct order_life life;
	struct order_terms terms;
	int64_t now_ns;
	int at_broker; /* orders of the id */
	bool posted;   /* the last step was a POST without an answer yet */
};

static long plays;

static void
feed(struct play play, enum order_event event, int depth)
{
	struct order_step next;
	static const enum order_event answers[] = { ORDER_EVENT_KNOWN, ORDER_EVENT_LOST,
		ORDER_EVENT_NOT_TAKEN, ORDER_EVENT_TURNED_AWAY, ORDER_EVENT_DENIED,
		ORDER_EVENT_RESTART };
	static const enum order_event looks[] = { ORDER_EVENT_KNOWN,
		ORDER_EVENT_NOT_FOUND, ORDER_EVENT_LOOK_UP_FAILED, ORDER_EVENT_RESTART,
		ORDER_EVENT_TIME };

	plays++;
	next = order_next(&play.life, event, ORDER_OPEN, &play.terms, play.now_ns);
	play.life = next.life;
	play.now_ns += 3 * SECOND;
	ck_assert_int_le(play.at_broker, 1);
	if (depth == 0)
		return;
	if (next.action == ORDER_POST) {
		play.life = order_next(&play.life, ORDER_EVENT_POSTING, ORDER_OPEN,
		    &play.terms, play.now_ns)
				.life;
		for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
			struct play taken = play;
			bool is_stopped = play.terms.dedup >= ORDER_DEDUP_REPLAY;

			/* Taken; the answer says so, is lost, lies, or we die. */
			if (answers[i] != ORDER_EVENT_NOT_TAKEN &&
			    answers[i] != ORDER_EVENT_DENIED &&
			    (answers[i] != ORDER_EVENT_TURNED_AWAY || is_stopped)) {
				bool is_second = play.at_broker > 0;

				if (is_second && is_stopped)
					feed(taken, ORDER_EVENT_DUPLICATE, depth - 1);
				else {
					taken.at_broker++;
					feed(taken, answers[i], depth - 1);
				}
			}
			if (answers[i] != ORDER_EVENT_KNOWN)
				feed(play, answers[i], depth - 1);
		}
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
		if (looks[i] != ORDER_EVENT_KNOWN || play.at_broker > 0)
			feed(play, looks[i], depth - 1);
}

START_TEST(test_next_never_makes_two)
{
	struct play play = { .terms = alpaca, .now_ns = 1000 * SECOND };

	play.terms.dedup = (enum order_dedup)_i;
	play.life = (struct order_life){ .created_ns = play.now_ns };
	plays = 0;
	feed(play, ORDER_EVENT_TIME, 7);
	ck_assert_int_gt(plays, 1000);
}
END_TEST

START_TEST(test_client_id_whole)
{
	char id[ORDER_ID_MAX];

	order_client_id("flow", "BTCUSD-buy-17-0", ORDER_ID_MAX - 1, id);
	ck_assert_str_eq(id, "ts-flow-BTCUSD-buy-17-0");
	/* Exactly as long as allowed is not cut. */
	order_client_id(
	    "flow", "BTCUSD-buy-17-0", strlen("ts-flow-BTCUSD-buy-17-0"), id);
	ck_assert_str_eq(id, "ts-flow-BTCUSD-buy-17-0");
}
END_TEST

START_TEST(test_client_id_cut)
{
	char id[ORDER_ID_MAX], other[ORDER_ID_MAX];

	order_client_id("flow", "BTCUSD-buy-1322915000000000000-0", 30, id);
	order_client_id("flow", "BTCUSD-buy-1322915000000000000-1", 30, other);
	ck_assert_uint_eq(strlen(id), 30);
	ck_assert_int_eq(strncmp(id, "ts-flow-BTCUS-", 14), 0);
	ck_assert_uint_eq(strspn(id + 14, "0123456789abcdef"), 16);
	ck_assert_str_ne(id, other);
	order_client_id("flow", "BTCUSD-buy-1322915000000000000-0", 30, other);
	ck_assert_str_eq(id, other);
}
END_TEST

START_TEST(test_client_id_hash)
{
	char id[ORDER_ID_MAX];

	/* The known FNV-1a of "ts-aaaaaaaaaaaa-bbbbbbbbbbbb", so that ids stay over
	 * versions. */
	order_client_id("aaaaaaaaaaaa", "bbbbbbbbbbbb", ORDER_ID_LIMIT_MIN, id);
	ck_assert_str_eq(id, "ts-aaaa-7ab9a8d1606826e2");
}
END_TEST

static const struct fill_case {
	int64_t filled, average, now_filled, now_average, quantity, price;
} fill_cases[] = {
	{ 0, 0, 5, 700, 5, 700 },
	{ 5, 700, 10, 750, 5, 800 },
	/* 1 at 100 and 2 at 101: the average is cut, and the price comes out all the
	   same. */
	{ 100000000, 10000000000, 300000000, 10066666667, 200000000, 10100000001 },
	/* A correction that leaves no price. */
	{ 10, 1000, 11, 1, 1, 1 },
};

START_TEST(test_fill)
{
	const struct fill_case *c = &fill_cases[_i];
	int64_t quantity, price;

	order_fill(
	    c->filled, c->average, c->now_filled, c->now_average, &quantity, &price);
	ck_assert_int_eq(quantity, c->quantity);
	ck_assert_int_eq(price, c->price);
}
END_TEST

/* Looks, one a row, at an order of which 5 were filled. */
static const struct {
	int64_t shown, at;
	bool is_behind;
} looks_behind[] = {
	{ 5, 1, false },
	{ 3, 2, true },
	{ 3, 6, true },
	{ 5, 7, false },
	{ 3, 8, true }, /* another row */
	{ 0, 12, true },
	{ 0, 13, false }, /* so it is */
	{ 9, 14, false },
	{ 4, 20, true },
	{ 4, 19, true }, /* the clock was set back */
	{ 4, 24, false },
};

START_TEST(test_a_copy_that_lags_is_no_news)
{
	int64_t since_ns = 0;

	for (size_t i = 0; i < ARRAY_SIZE(looks_behind); i++)
		ck_assert_msg(order_is_behind(5, looks_behind[i].shown, &alpaca,
				  (1000 + looks_behind[i].at) * SECOND,
				  &since_ns) == looks_behind[i].is_behind,
		    "at %d", (int)looks_behind[i].at);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, test_a_copy_that_lags_is_no_news);
	tcase_add_loop_test(tcase, test_fill, 0, ARRAY_SIZE(fill_cases));
	tcase_add_loop_test(tcase, test_decide, 0, ARRAY_SIZE(decide_cases));
	tcase_add_test(tcase, test_status_names);
	tcase_add_test(tcase, test_status_may_follow);
	tcase_add_loop_test(tcase, test_next, 0, ARRAY_SIZE(next_cases));
	tcase_add_test(tcase, test_next_posts_only_where_it_may);
	tcase_add_loop_test(tcase, test_next_never_makes_two, 0, 4);
	tcase_add_test(tcase, test_client_id_whole);
	tcase_add_test(tcase, test_client_id_cut);
	tcase_add_test(tcase, test_client_id_hash);
}

int
main(void)
{
	return suite_run("orders", add_tests);
}
