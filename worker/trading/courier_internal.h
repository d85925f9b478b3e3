/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the courier share: its state, and the functions by which one part
 * reaches another. Nothing else includes this.
 *
 *	courier.c          the orders in memory, and whose turn it is
 *	courier_order.c    one order's next step: rows and requests
 *	courier_account.c  the account held against the journal
 *	courier_cancel.c   making safe
 *	courier_tell.c     events and latches
 */
#pragma once

#include "worker/trading/courier.h"
#include "worker/trading/reconcile.h"

/* struct parcel - an order whose life goes on */
struct parcel {
	int64_t number;
	char *client_order_id, *symbol; /* owned */
	char broker_id[BROKER_ID_MAX];	/* "": not known */
	enum tradesup_side side;
	int64_t quantity;
	struct order_life life;
	bool late;
	int64_t filled, average;
	int64_t sent_ns;      /* wall clock; 0: never in our knowledge */
	int64_t next_look_ns; /* monotonic */
	bool is_looked;	      /* it has been asked about in this life */
	bool is_uncommitted;  /* its transaction is under way */
	bool is_row_intent;   /* while loading: the journal has to be told */
	bool is_told_unknown, is_held;
	int64_t behind_ns; /* monotonic: since when looks show less; 0: they do not */
	char refusal[BROKER_TEXT_MAX]; /* of a request that was not the first */
};

struct courier {
	struct courier_site site;
	struct order_terms terms;
	news_on_event on_event;
	void *on_event_data;

	struct parcel *parcels;
	size_t n_parcels, n_allocated;
	bool is_reconciled;
	bool is_held; /* a mismatch, if the latch cannot be set */
	bool is_due;  /* reconciling, once more */
	bool is_told_difference;
	char *difference;	 /* as text; owned */
	int64_t difference_ns;	 /* monotonic, since when it is this one */
	int64_t reconciled_ns;	 /* monotonic */
	bool is_unreachable;	 /* told */
	bool is_busy, is_locked; /* told */
	bool has_news;		 /* for the book */
	bool has_changed;	 /* for the end */
	bool is_cash_old;	 /* something was filled since it was read */
	bool has_filled;	 /* in this life */
	int64_t cash_ns;	 /* monotonic, when it was read; 0: not in this life */
	int64_t cash_fill_ns; /* monotonic, of the last fill that may have moved it */
	int64_t fills;
	int64_t
	    end_ns; /* monotonic: the feed has ended, and so long open orders have */
};

/* struct outcome - what an order has become, to be written and told */
struct outcome {
	struct order_step step;
	const struct broker_view *view; /* NULL: nothing was shown */
	const char *reason;
};

/* courier_tell.c */
void courier_emit(struct courier *courier, enum log_level level, struct record *record);
void courier_start_event(
    struct record *record, const char *event, const struct parcel *parcel);
void courier_tell(struct courier *courier, enum log_level level, const char *event,
    const struct parcel *parcel, const char *reason);

/** courier_tell_broker() - what has become of the broker itself, once a change. */
void courier_tell_broker(struct courier *courier, const struct broker_reply *reply);
void courier_tell_trouble(struct courier *courier, const char *text);

/** courier_tell_outcome() - after its row is on the disk. @is_found: by a look-up. */
void courier_tell_outcome(struct courier *courier, const struct parcel *parcel,
    enum order_status before, const char *reason, bool is_found);

/** courier_hold() - a person must look at it before another order is sent. */
void courier_hold(struct courier *courier, const char *reason);

/** courier_tell_mismatch() - hold because of an order, and say so once. */
void courier_tell_mismatch(
    struct courier *courier, struct parcel *parcel, const char *reason);

/* courier_order.c; they return as the journal's functions. */

/** courier_is_broker_ready() - whether it may be asked now. */
bool courier_is_broker_ready(const struct courier *courier);

/** courier_settle() - an order's life goes on: rows first, then the copy in memory,
 * then events. */
int courier_settle(struct courier *courier, struct parcel *parcel,
    const struct outcome *outcome, bool is_found);

/**
 * courier_advance() - one order from an event to where nothing more can be done now
 *
 * The event's consequence is written, then what order_next() asks for is carried out,
 * whose outcome is the next event.
 */
int courier_advance(
    struct courier *courier, struct parcel *parcel, enum order_event event);

/* courier_account.c; the same. */

/** courier_is_reconcile_due() - at the start; after the broker was away; and when a
 * person has said yes. */
bool courier_is_reconcile_due(const struct courier *courier);
int courier_reconcile(struct courier *courier);

/** courier_read_cash() - the cash stays old where it is not told. */
int courier_read_cash(struct courier *courier);

/** courier_is_cash_settled() - whether it was read so long after the last fill that it
 * has that fill in it, though the account be shown late. */
bool courier_is_cash_settled(const struct courier *courier);

/** courier_is_cash_due() - whether it is to be read now: when no order is live, and
 * every `settle` until it is settled. */
bool courier_is_cash_due(const struct courier *courier);

/* courier.c */

/** courier_forget_final() - those whose lives are over; the others keep their order. */
void courier_forget_final(struct courier *courier);
int64_t courier_count_live(const struct courier *courier);
