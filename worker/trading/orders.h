/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An order's life, pure: what may be done with an order next, which status may follow
 * which, what a cluster becomes under the rules, and the id under which the broker
 * knows the order. No clock, no journal, no broker in here.
 */
#pragma once

#include <stdbool.h>

#include "common/config_trading.h"
#include "worker/trading/strategy.h"

/* clang-format off */
/*
 * With a broker of the outside world:
 *
 *	        ┌───── proved: nobody has it ─────┐
 *	        ▼                                 │
 *	     intent ──────── POST 1 ───────────▶ sent ◀─┐ POST 2, 3, …: looked for, not
 *	        │                                 │ └───┘ there for `settle`, fresh, and the
 *	        │ too old, or                     │       broker stops the same id itself
 *	        │ stopped by a latch              │
 *	        ▼                                 ├─ the broker has it ──▶ open ◀─────────┐
 *	 expired, refused                         │                         │             │
 *	                                          │                         ▼             │
 *	                                          │                  partially_filled     │
 *	                                          │                         │             │
 *	                                          │                         ▼             │
 *	                                          │            filled, canceled, rejected │
 *	                                          │                         ▲             │
 *	                                          ├─ the broker refuses it ─┘             │
 *	                                          │                                       │
 *	                                          └─ not there, and old ──▶ expired ──────┘
 *	                                                  looked for until a look behind the
 *	                                                  broker's day: there after all
 *
 * The paper broker has no POST: intent ──► open ──► filled, rejected or canceled, all
 * in the transactions that its events are in.
 *
 * An order is live while it is intent, sent, open or partially_filled. A symbol has one
 * live order at the most, but for one that turned up after it had been given up.
 */
/* clang-format on */
enum order_status {
	ORDER_INTENT, /* on the disk; no request of it can have been taken */
	ORDER_SENT,   /* a request has left, and nobody knows what became of it */
	ORDER_OPEN,   /* the broker has it */
	ORDER_PARTIALLY_FILLED,
	ORDER_FILLED,
	ORDER_CANCELED, /* at the broker; or never sent, to be safe */
	ORDER_REJECTED, /* by the broker */
	ORDER_REFUSED,	/* by our own limits, before it was sent */
	ORDER_EXPIRED,	/* given up, and not at the broker */
	ORDER_STATUS_COUNT
};

/* What a broker promises about a second order with the same client_order_id. */
enum order_dedup {
	ORDER_DEDUP_NONE,      /* nothing: it would be a second order */
	ORDER_DEDUP_OPEN_ONLY, /* refused while the first is open: a filled one is sent
				  twice */
	ORDER_DEDUP_REPLAY,    /* answered as the first was */
	ORDER_DEDUP_FOREVER,   /* refused */
};

/* What has become known of an order, or of time. */
enum order_event {
	ORDER_EVENT_TIME,    /* nothing has; what is due? */
	ORDER_EVENT_RESTART, /* a new life of the worker found it in the journal */
	ORDER_EVENT_POSTING, /* a request is about to leave */
	ORDER_EVENT_KNOWN,   /* an answer or a look-up shows it at the broker */
	ORDER_EVENT_OTHER,   /* the broker's order of this id has other terms */
	/* what a POST may be answered with, besides */
	ORDER_EVENT_NOT_TAKEN,	 /* proof that this request was not taken: not a byte of
				    it left, or the keys are no good (401) */
	ORDER_EVENT_TURNED_AWAY, /* the broker would not look at it (429): so it says */
	ORDER_EVENT_LOST,      /* no proof of anything: time-out, reset, 5xx, garbage */
	ORDER_EVENT_DUPLICATE, /* the id is in use */
	ORDER_EVENT_DENIED,    /* this order is refused, in the broker's own form */
	/* what a look-up may be answered with, besides */
	ORDER_EVENT_NOT_FOUND, /* the broker's own "not found" */
	ORDER_EVENT_LOOK_UP_FAILED,
	ORDER_EVENT_COUNT
};

enum order_action {
	ORDER_WAIT,    /* nothing now */
	ORDER_POST,    /* send it; ORDER_EVENT_POSTING is to be on record before */
	ORDER_LOOK_UP, /* GET it by its client_order_id */
	ORDER_HOLD,    /* a person must look at this: no new orders until then */
};

/** struct order_life - what is known of an order that was given to a real broker */
struct order_life {
	enum order_status status;
	uint32_t unproven;  /* POSTs of this id that may have been taken */
	bool duplicate;	    /* the broker said that the id is in use */
	int64_t created_ns; /* wall clock, of the intent */
	int64_t
	    missing_since_ns; /* of the first "not found" of an unbroken row; 0: none */
	int64_t other_since_ns; /* the same of answers with other terms */
	bool turned_away; /* a request was, and may go again; but it is not forgotten
			     before it has been looked for */
	bool denied; /* the last request was refused, and there were others before */
};

/** struct order_terms - what the broker and the configuration promise */
struct order_terms {
	enum order_dedup dedup;
	int64_t settle_ns;  /* "not found" counts once it has held for so long */
	int64_t max_age_ns; /* an older intent is not sent any more */
	int64_t watch_ns;   /* when it is so old the broker's day is over: the next look
			       for an order that was given up is the last */
	bool stopped;	    /* no new order may be sent now */
};

/** struct order_step - an order's life after an event, and what is to be done */
struct order_step {
	struct order_life life;
	enum order_action action;
};

/**
 * order_next() - the one function that decides over an order at a real broker
 * @known: with ORDER_EVENT_KNOWN: what it is there, ORDER_OPEN to ORDER_REJECTED
 * @now_ns: wall clock; one that was set back starts `settle` anew
 *
 * It never sends twice: it says ORDER_POST where no request of this id can have been
 * taken (intent: unproven is 0), or where the order has been looked for and was not
 * there for `settle` without a break and the broker refuses or replays a second request
 * of the same id. ORDER_EVENT_POSTING counts the request before it leaves, and only
 * proof takes it back; a new life takes every intent for sent.
 *
 * A final status stays as it is, whatever comes; what cannot happen changes nothing.
 */
struct order_step order_next(const struct order_life *life, enum order_event event,
    enum order_status known, const struct order_terms *terms, int64_t now_ns);

/** order_is_live() - whether it can still become a fill, as far as anybody knows. */
bool order_is_live(enum order_status status);

/** order_is_unknown() - whether its fate is unknown: intent or sent. */
bool order_is_unknown(enum order_status status);

/** order_is_watched() - whether it was given up without proof, and is to be looked for:
 * until a look that comes behind `watch` has not found it, however late that is. */
bool order_is_watched(const struct order_life *life);

/** order_status_name() - "intent", "open", …: the words of the journal and of the
 * report. */
const char *order_status_name(enum order_status status);

/** order_status_parse() - the reverse. Return: 0, -EINVAL. */
int order_status_parse(const char *text, enum order_status *ret_status);

/** order_status_may_follow() - whether an order may go from @from to @to. */
bool order_status_may_follow(enum order_status from, enum order_status to);

/**
 * order_is_behind() - whether a look shows an older state than a former one did
 * @filled: of it, as far as we know; @shown: by this look
 * @since_ns: the caller's; 0, or of the first such look in an unbroken row
 *
 * A broker's copies need not be equally new: one that lags says nothing. What stays so
 * for `settle` is what the broker means.
 */
bool order_is_behind(int64_t filled, int64_t shown, const struct order_terms *terms,
    int64_t now_ns, int64_t *since_ns);

/**
 * order_fill() - what was filled between two looks at an order
 * @filled, @average: quantity and its average price so far; @now_…: as it is now, more
 *
 * The price is that at which the sums come out as the broker has them, to half of the
 * last digit for each unit.
 */
void order_fill(int64_t filled, int64_t average, int64_t now_filled,
    int64_t now_average, int64_t *ret_quantity, int64_t *ret_price);

/** order_side_name() - "buy", "sell". */
const char *order_side_name(enum tradesup_side side);

/** struct order_situation - what a decision depends on, besides the rules */
struct order_situation {
	enum tradesup_side side; /* the cluster's */
	int64_t price;		 /* the cluster's, > 0 */
	int64_t position;	 /* in the symbol; negative: short */
	bool order_open;	 /* the symbol has a live order */
	bool frozen;		 /* no new order is to be placed now */
	int64_t orders_today;	 /* orders so far on the cluster's day, of any status */
};

struct order_decision {
	const char *skipped; /* NULL: place it; else why not, a constant string */
	enum tradesup_side side;
	int64_t quantity; /* > 0 */
};

/**
 * order_decide() - what a cluster becomes
 *
 * The reasons, in the order in which they are looked for: `order_open`,
 * `position_open`, `no_position`, `risk:freeze`, and for an order that opens a position
 * `risk:range` (its quantity does not fit 64 bits), `risk:lot` (it is less than one
 * lot), `risk:max_position_notional`; then for any order `risk:max_orders_per_day`.
 */
struct order_decision order_decide(
    const struct config_orders *rules, const struct order_situation *situation);

#define ORDER_ID_MAX 256
#define ORDER_ID_LIMIT_MIN                                                             \
	24 /* the shortest limit of a broker's that order_client_id() can keep */

/**
 * order_client_id() - `ts-<worker>-<cluster id>`, at most @limit bytes long
 * @limit: the broker's, ORDER_ID_LIMIT_MIN to ORDER_ID_MAX - 1
 *
 * Where the whole would be longer, its first @limit - 17 bytes, a '-' and the 64-bit
 * FNV-1a hash of the whole in 16 hexadecimal digits. The same arguments always give the
 * same id.
 */
void order_client_id(const char *worker, const char *cluster_id, size_t limit,
    char ret_id[ORDER_ID_MAX]);
