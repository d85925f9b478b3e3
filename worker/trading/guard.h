/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard: stands between what the strategy's rules make of a cluster and the
 * journal. It gathers what a limit depends on, asks risk.c, and carries out the answer:
 * an event, and a latch.
 *
 * A latch that a limit sets counts at once, and is written behind the commit: a batch
 * that is rolled back and done again must come out the same.
 */
#pragma once

#include "worker/trading/journal.h"
#include "worker/trading/market.h"
#include "worker/trading/news.h"
#include "worker/trading/risk.h"

struct guard {
	const struct config_trading *trading; /* borrowed, as all of these */
	const char *worker;
	const char *state_dir; /* of all workers, for the latches; NULL: none count */
	struct journal *journal;

	const struct market *market; /* NULL: the built-in hours, and our clock */
	bool is_stale;		     /* the feed, as its owner says */
	bool is_embedded; /* the broker: the time is that of the events */
	struct loss loss; /* kept where max_daily_loss is set */
	bool is_dirty;	  /* the journal's row is not up to date */
	char skipped[sizeof("risk:") + RISK_RULE_MAX]; /* of the last refusal */
	struct latch due; /* a latch to be written; rule "": none */
	struct news news;
};

/** struct guard_order - an order that is about to be made */
struct guard_order {
	const char *symbol, *cluster; /* borrowed; the cluster's id */
	enum tradesup_side side;
	int64_t quantity, price;
	bool opens;
	int64_t last_price; /* of the trade before; 0: none */
	int64_t time_ns;    /* of the event */
	int64_t orders_in_cycle;
};

/** guard_is_open() - whether the market is now. */
bool guard_is_open(const struct guard *guard);

/**
 * guard_check() - whether it may be made
 * @ret_skipped: NULL, or `risk:<rule>`; valid until the next call
 *
 * Return: 0; as the journal's functions.
 */
int guard_check(
    struct guard *guard, const struct guard_order *order, const char **ret_skipped);

/** guard_skipped() - a cluster was refused by another limit: @skipped is `risk:…`.
 * @value, @limit: its figures; @limit 0: none. */
void guard_skipped(struct guard *guard, const struct guard_order *order,
    const char *skipped, const struct risk_verdict *figures);

/** guard_load() - begin with what the journal says; what was due is forgotten. Return:
 * as guard_check(). */
int guard_load(struct guard *guard);

/** guard_begin() - before a transaction: a limit whose latch a person has cleared
 * counts anew. */
void guard_begin(struct guard *guard);

/** guard_event() - an event of that time comes. */
void guard_event(struct guard *guard, int64_t time_ns);

/** guard_price() - what is held in a symbol changes its price. */
void guard_price(struct guard *guard, int64_t position, int64_t from, int64_t to);

/**
 * guard_fills() - look at the fills that have come
 * @symbol, @last: a symbol whose last price is not in the journal yet; or NULL
 *
 * Return: as guard_check().
 */
int guard_fills(struct guard *guard, const char *symbol, int64_t last);

/** guard_write() - within the transaction, behind the orders: what is to be remembered.
 * Return: as guard_check(). */
int guard_write(struct guard *guard);

/** guard_committed() - the batch is on the disk: write the latch that is due, and tell
 * the events. A latch that cannot be written stays due, and stops orders. */
void guard_committed(struct guard *guard, news_on_event on_event, void *data);
