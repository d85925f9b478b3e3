/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a broker: a table of functions, found by the kind in the config. An
 * order is in the journal as `intent` before the broker sees it.
 *
 * A broker that is embedded has no state of its own: its cash and its open orders are a
 * function of the journal's orders and fills. So what it does is written in the same
 * transaction as the intent, and undone with it; restore() tells it what the journal
 * says.
 *
 * A broker of the outside world (not embedded) is called after the intent is committed,
 * and asked by client_order_id what became of an intent after a crash. Each of its
 * functions is one or more requests that are waited for; what it learnt is a broker_
 * reply, and what follows from that is not its business: order_next() knows.
 */
#pragma once

#include "common/config_trading.h"
#include "common/error.h"
#include "worker/trading/market.h"
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

/* What a request to a real broker came to. */
enum broker_result {
	BROKER_SHOWN,	  /* @view is the order as the broker has it */
	BROKER_DONE,	  /* it did what it was asked for, and showed nothing */
	BROKER_NOT_FOUND, /* its own, well-formed "not found" */
	BROKER_DENIED,	  /* its own, well-formed refusal of this request */
	BROKER_DUPLICATE, /* post(): the id is in use */
	BROKER_BUSY, /* it would not look at it: too many requests, or our own budget */
	BROKER_LOCKED,	/* it would not look at it: the keys are no good */
	BROKER_UNSENT,	/* not a byte of it left */
	BROKER_UNCLEAR, /* nothing is proved: no answer, or one that is none */
};

#define BROKER_TEXT_MAX 256

/** struct broker_view - an order as a real broker shows it */
struct broker_view {
	char id[BROKER_ID_MAX]; /* letters, digits, '-' and '_' alone */
	char client_order_id[ORDER_ID_MAX];
	char symbol[ORDER_ID_MAX];
	enum tradesup_side side;
	int64_t quantity; /* 0: given as money */
	bool is_market;
	enum order_status status; /* ORDER_OPEN to ORDER_REJECTED */
	char word[32];		  /* the broker's own for it: "done_for_day" */
	int64_t filled, average;  /* quantity, and its average price; 0: nothing yet */
	bool is_unpriced;     /* more is filled, at a price that is not told yet; then
				 @filled is 0 and @status ORDER_OPEN */
	int64_t time_ns;      /* when it was filled, else changed last; 0: not said */
	int64_t submitted_ns; /* 0: not said */
};

/** struct broker_reply - what is known after a request */
struct broker_reply {
	enum broker_result result;
	bool is_answered;	    /* post() and look_up(): by whoever it reached */
	char text[BROKER_TEXT_MAX]; /* why it is not SHOWN or DONE; the broker's words
				       are in it, so it is no more than data */
	struct broker_view view;    /* SHOWN */
	bool is_ended;		    /* clock(), calendar(): the callback's wish */
};

/** struct broker_request - an order to be sent */
struct broker_request {
	const char *client_order_id, *symbol; /* borrowed */
	enum tradesup_side side;
	int64_t quantity; /* > 0 */
};

/** struct broker_position - what a real broker holds for us */
struct broker_position {
	char symbol[ORDER_ID_MAX];
	int64_t quantity; /* negative: short */
	int64_t price;	  /* the last; 0: not said */
};

/** struct broker_days - what a calendar is asked for, and its answer */
struct broker_days {
	int64_t first, last;	  /* days since 1970-01-01, in New York */
	struct session_day *days; /* borrowed; in the order of their dates */
	size_t max, n;		  /* room in @days; how many there are */
};

/** broker_alive - called while an answer is waited for. Return: false: wait no longer.
 */
typedef bool (*broker_alive)(void *data);

/** broker_on_view, broker_on_position - one of a list; borrowed. Return: 0; else the
 * list ends, and the value is handed on. */
typedef int (*broker_on_view)(const struct broker_view *view, void *data);
typedef int (*broker_on_position)(const struct broker_position *position, void *data);

struct broker;

struct broker_ops {
	const char *name;
	bool embedded;
	size_t id_limit; /* longest client_order_id, in bytes */

	/** create() - Return: 0; -ENOMEM. */
	int (*create)(const struct config_trading *trading, struct broker **ret_broker);

	/** free() - Return: NULL. */
	struct broker *(*free)(struct broker *broker);

	/* Of an embedded broker. */

	/** restore() - start again from what the journal says. */
	void (*restore)(struct broker *broker, int64_t cash);

	/** submit() - give it a new order. */
	void (*submit)(struct broker *broker, const struct broker_order *order,
	    struct broker_report *ret_report);

	/** event() - the symbol of the open order @order has traded at @price. */
	void (*event)(struct broker *broker, const struct broker_order *order,
	    int64_t price, struct broker_report *ret_report);

	/** cancel() - take an open order back. */
	void (*cancel)(struct broker *broker, const struct broker_order *order,
	    struct broker_report *ret_report);

	/* Of a real one. */

	/** terms() - what it and the configuration promise */
	struct order_terms (*terms)(const struct config_trading *trading);

	/** keep_budget() - keep the account's request budget in @directory, shared by
	 * all its workers. Without this call there is none. Return: 0; -errno, @error
	 * filled.
	 */
	int (*keep_budget)(
	    struct broker *broker, const char *directory, struct error *error);

	/** set_alive() - NULL: nobody is told while an answer is waited for. */
	void (*set_alive)(struct broker *broker, broker_alive alive, void *data);

	/** ready_ns() - when it may be asked again, CLOCK_MONOTONIC; 0: now; INT64_MAX:
	 * never in this life. @ret_why: constant words, or NULL. */
	int64_t (*ready_ns)(const struct broker *broker, const char **ret_why);

	/** post() - send an order, once: SHOWN, DENIED, DUPLICATE, BUSY, LOCKED,
	 * UNSENT, UNCLEAR. */
	void (*post)(struct broker *broker, const struct broker_request *request,
	    struct broker_reply *ret_reply);

	/** look_up() - by our id: SHOWN, NOT_FOUND, or it says nothing. */
	void (*look_up)(struct broker *broker, const char *client_order_id,
	    struct broker_reply *ret_reply);

	/** take_back() - ask for the cancellation of @id: DONE; DENIED: it cannot be;
	 * NOT_FOUND; or it says nothing. The order is to be looked up after it. */
	void (*take_back)(
	    struct broker *broker, const char *id, struct broker_reply *ret_reply);

	/** each_open() - the orders that are open there, all of the account's: DONE, or
	 * it says nothing. Return: of @on_view, the last. */
	int (*each_open)(struct broker *broker, broker_on_view on_view, void *data,
	    struct broker_reply *ret_reply);

	/** each_position() - all of the account's positions; as each_open(). */
	int (*each_position)(struct broker *broker, broker_on_position on_position,
	    void *data, struct broker_reply *ret_reply);

	/** cash() - of the account: DONE and @ret_cash, or it says nothing. */
	void (*cash)(
	    struct broker *broker, int64_t *ret_cash, struct broker_reply *ret_reply);

	/* What no order waits for: the answer is waited for @patience_ns at the most,
	 * and a failure counts for no other request, unless it is the account's. */

	/** clock() - its time, and when the market opens and closes: DONE, or it says
	 * nothing. */
	void (*clock)(struct broker *broker, int64_t patience_ns,
	    struct market_clock *ret_clock, struct broker_reply *ret_reply);

	/** calendar() - the exchanges' trading days: DONE, at least one, or it says
	 * nothing. */
	void (*calendar)(struct broker *broker, int64_t patience_ns,
	    struct broker_days *days, struct broker_reply *ret_reply);

	/** cancel_all(), close_all() - for a panic: ask for the cancellation of every
	 * open order, for the sale of every position. DONE: it was asked for. */
	void (*cancel_all)(struct broker *broker, struct broker_reply *ret_reply);
	void (*close_all)(struct broker *broker, struct broker_reply *ret_reply);
};

extern const struct broker_ops broker_paper, broker_alpaca;

/** broker_find() - the functions of a kind of broker. */
const struct broker_ops *broker_find(enum broker_kind kind);

/** broker_is_same_symbol() - the same but for the '/' of a pair, which some of a
 * broker's answers leave out. */
bool broker_is_same_symbol(const char *a, const char *b);
