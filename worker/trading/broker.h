/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a broker: a table of functions, found by the kind in the config. An
 * order is in the journal as `intent` before submit() sees it.
 *
 * A broker that is embedded has no state of its own: its cash and its open orders are a
 * function of the journal's orders and fills. So what it does is written in the same
 * transaction as the intent, and undone with it; restore() tells it what the journal
 * says. A broker of the outside world (not embedded) must be called after the intent is
 * committed, and asked by client_order_id what became of an intent after a crash.
 */
#pragma once

#include "common/config_trading.h"
#include "worker/trading/orders.h"

#define BROKER_ID_MAX 64

/** struct broker_order - what a broker is told of an order */
struct broker_order {
	int64_t number; /* the journal's: 1, 2, 3, … */
	enum tradesup_side side;
	int64_t quantity; /* > 0 */
};

/** struct broker_report - what a broker says of an order */
struct broker_report {
	enum order_status status; /* open, filled, canceled or rejected */
	const char *reason;	  /* rejected: why, a constant string; else NULL */
	char id[BROKER_ID_MAX];	  /* submit() alone: the broker's own id */
	int64_t price, fee;	  /* filled: per unit; in all, >= 0 */
};

struct broker;

struct broker_ops {
	const char *name;
	bool embedded;
	size_t id_limit; /* longest client_order_id, in bytes */

	/** create() - Return: 0; -ENOMEM. */
	int (*create)(const struct config_trading *trading, struct broker **ret_broker);

	/** restore() - embedded: start again from what the journal says. */
	void (*restore)(struct broker *broker, int64_t cash);

	/** submit() - give it a new order. */
	void (*submit)(struct broker *broker, const struct broker_order *order,
	    struct broker_report *ret_report);

	/** event() - embedded: the symbol of the open order @order has traded at
	 * @price. */
	void (*event)(struct broker *broker, const struct broker_order *order,
	    int64_t price, struct broker_report *ret_report);

	/** cancel() - take an open order back. */
	void (*cancel)(struct broker *broker, const struct broker_order *order,
	    struct broker_report *ret_report);

	/** free() - Return: NULL. */
	struct broker *(*free)(struct broker *broker);
};

extern const struct broker_ops broker_paper;

/** broker_find() - the functions of a kind of broker. */
const struct broker_ops *broker_find(enum broker_kind kind);
