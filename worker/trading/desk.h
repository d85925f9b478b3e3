/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desk: what becomes of events and clusters at the broker and in the journal. An
 * event first settles the open order of its symbol; a cluster becomes an order, or a
 * reason why not. Every function writes into the transaction that the caller has begun;
 * if one fails, the caller rolls back and calls desk_reset().
 *
 * Where nothing else is said they return 0, -ENOMEM, or as the journal's functions,
 * with the sentence in journal_error().
 */
#pragma once

#include "worker/trading/book.h"
#include "worker/trading/courier.h"
#include "worker/trading/guard.h"
#include "worker/trading/hours.h"

struct desk {
	const char *worker;		      /* borrowed */
	const struct config_trading *trading; /* borrowed */
	struct journal *journal;	      /* borrowed */
	const char *freeze;		      /* borrowed; a path, or NULL */
	const char *journal_path;	      /* borrowed */
	const struct reconcile_other *others; /* borrowed: of the same account */
	size_t n_others;
	const struct broker_ops *ops;
	struct broker *broker;	 /* owned */
	struct courier *courier; /* owned; NULL: the broker is an embedded one */
	bool has_intent;	 /* an order is to be sent after the commit */
	struct book book;
	struct hours hours;   /* of a real broker's exchanges; patience_ns is the
				 caller's to fill in */
	struct guard guard;   /* state_dir is the caller's to fill in */
	uint32_t module_hash; /* of the module that the clusters come from */
	int64_t clusters, orders,
	    fills; /* since desk_reset(), or since the caller set them to 0 */
};

/** desk_init() - set up for @trading->broker; the borrowed members have been filled in.
 * Return: 0, -ENOMEM; -errno with @error filled: the request budget cannot be kept. */
int desk_init(struct desk *desk, struct error *error);
void desk_deinit(struct desk *desk);

/** desk_reset() - begin again from what the journal says; no transaction is under way.
 * Return: also -ERANGE: the cash does not fit. */
int desk_reset(struct desk *desk);

/** desk_event() - settle the open order of the event's symbol, and take note of the
 * price. */
int desk_event(struct desk *desk, const struct tradesup_event *event);

/**
 * desk_cluster() - record a cluster and what becomes of it
 * @event: at which the cluster fired; desk_event() has seen it
 *
 * Return: also JOURNAL_E_KNOWN: @id is taken, and nothing was done.
 */
int desk_cluster(struct desk *desk, const struct tradesup_event *event,
    const struct tradesup_cluster *cluster, const char *id);

/** desk_committed() - the transaction is: send the orders that are in it. An embedded
 * broker has them already. */
int desk_committed(struct desk *desk);

/** desk_turn() - between transactions: what is due at a real broker. */
int desk_turn(struct desk *desk);

/** desk_is_ready() - whether events may be taken: a real broker has been held against
 * the journal, and asked for the hours if they count. */
bool desk_is_ready(const struct desk *desk);

/** desk_may_end() - whether the worker may end with its feed. */
bool desk_may_end(const struct desk *desk);

/** desk_cancel_open() - of an embedded broker: cancel every live order. @ret_canceled:
 * how many. */
int desk_cancel_open(struct desk *desk, int64_t *ret_canceled);
