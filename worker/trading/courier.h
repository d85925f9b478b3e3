/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * The courier: carries orders to a real broker, and what becomes of them back to the
 * journal. What is to be done with an order is order_next()'s decision alone; this does
 * it, one order at a time, with the journal before the request and after it:
 *
 *	intent committed, synced ─▶ request on record ─▶ POST ─▶ answer committed, synced
 *	                                                   │              ▲
 *	                                         no answer └─▶ look-ups ──┘ until it is known
 *
 * It keeps the orders whose lives go on in memory, as a copy of the journal's rows. If
 * the journal cannot be written nothing is sent (ORDERS.md, rule 9).
 *
 * Unless something else is said the functions return 0, or as the journal's functions
 * with the sentence in journal_error(). What the network or the broker does is no
 * failure of theirs: it is told as an event, and the next turn goes on.
 */
/* clang-format on */
#pragma once

#include "worker/trading/broker.h"
#include "worker/trading/journal.h"
#include "worker/trading/news.h"

struct guard;

/** struct courier_site - what it works with; all borrowed */
struct courier_site {
	const char *worker, *state_dir; /* for latches; state_dir may be NULL: none */
	const char *freeze;		/* while this file is there nothing is sent; or
					   NULL */
	const char *journal_path;
	const struct config_trading *trading;
	const struct guard *guard; /* for `session`, when an order leaves */
	struct journal *journal;
	const struct broker_ops *ops;
	struct broker *broker;
	const struct reconcile_other *others; /* workers of the same account */
	size_t n_others;
};

struct courier;
struct reconcile_other;

/** courier_new() - Return: 0, -ENOMEM. */
int courier_new(const struct courier_site *site, struct courier **ret_courier);
struct courier *courier_free(struct courier *courier);

/** courier_set_on_event() - who is told: order.*, broker.*; NULL: nobody. */
void courier_set_on_event(struct courier *courier, news_on_event on_event, void *data);

/**
 * courier_load() - begin with what the journal says, as a new life does: every order
 * that may have been sent is looked up before anything else, and the account is held
 * against the journal
 */
int courier_load(struct courier *courier);

/** courier_expect() - an intent was written, in the transaction that is under way.
 * @intent: its texts are copied. Return: also -ENOMEM. */
int courier_expect(struct courier *courier, const struct journal_order *intent);

/** courier_send() - that transaction is committed: send what was expected. */
int courier_send(struct courier *courier);

/**
 * courier_turn() - whatever is due: reconciling, look-ups, orders that had to wait
 *
 * Takes a few seconds at the most, and the timeout of one request.
 */
int courier_turn(struct courier *courier);

/** courier_is_ready() - whether new orders can be decided upon: the broker has been
 * held against the journal in this life. */
bool courier_is_ready(const struct courier *courier);

/** courier_stops() - why no new order can be sent now, as `risk:…`; NULL: it can. */
const char *courier_stops(const struct courier *courier);

/** courier_may_end() - whether a feed's end may be the worker's: no order's fate is
 * unknown, and those that are open have had their time to become final. */
bool courier_may_end(struct courier *courier);

/** courier_has_news() - whether an order has changed since the last call: positions and
 * open orders are to be read from the journal again. */
bool courier_has_news(struct courier *courier);

/** courier_fills() - fills written since the last call. */
int64_t courier_fills(struct courier *courier);

/** struct courier_cancel - what became of the orders that were live */
struct courier_cancel {
	int64_t canceled, filled;  /* final now */
	int64_t left;		   /* still live, or of unknown fate */
	char why[BROKER_TEXT_MAX]; /* of the last that is left */
};

/**
 * courier_cancel_open() - take back every live order, and read each again until it is
 * final
 * @deadline_ns: monotonic; what is not final then is left
 *
 * Sends no new order, and looks for those of unknown fate first.
 */
int courier_cancel_open(
    struct courier *courier, int64_t deadline_ns, struct courier_cancel *ret_cancel);
