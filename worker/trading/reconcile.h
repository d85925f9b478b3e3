/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker held against the journal: positions and open orders of the account, as the
 * broker has them, against what the journals of all workers of that account explain.
 * What is not explained is a difference; a person may accept the list of them, and the
 * broker's figures become the journal's. Gathering apart, it is pure.
 *
 *	tradesup reconcile            prints the differences
 *	tradesup reconcile --accept   writes them beside the journal, as text
 *	the worker                    reads both sides again, and takes over the
 *	                              broker's if the differences are still the same
 */
#pragma once

#include "worker/trading/broker.h"
#include "worker/trading/journal.h"

/** struct reconcile_other - another worker of the same account */
struct reconcile_other {
	char *name, *journal; /* owned by whoever made the list */
};

/** struct reconcile_site - what is to be compared; all borrowed */
struct reconcile_site {
	const char *worker;
	struct journal *journal;
	const struct broker_ops *ops;
	struct broker *broker;
	const struct reconcile_other *others;
	size_t n_others;
};

/** struct holding_range - what journals explain of a symbol's position */
struct holding_range {
	char symbol[ORDER_ID_MAX];
	int64_t quantity;  /* by the fills that are known */
	int64_t low, high; /* and with those that open orders may have had since */
	int64_t price;	   /* the last, or 0 */
};

/** struct known_order - one that journals explain */
struct known_order {
	char client_order_id[ORDER_ID_MAX];
};

/** struct sides - both sides, to be compared */
struct sides {
	const char *worker; /* borrowed */
	struct holding_range *holdings;
	size_t n_holdings;
	struct known_order *known;
	size_t n_known;
	struct broker_position *positions; /* the broker's */
	size_t n_positions;
	struct broker_view *open; /* the broker's */
	size_t n_open;
};

void sides_deinit(struct sides *sides);

struct difference {
	bool is_position; /* else it is an order */
	char symbol[ORDER_ID_MAX];
	int64_t journal, broker; /* positions */
	int64_t price;
	char client_order_id[ORDER_ID_MAX]; /* orders */
	const char *what;		    /* a constant sentence */
};

struct differences {
	struct difference *list; /* owned */
	size_t n;
};

void differences_deinit(struct differences *differences);

/** reconcile_compare() - what the journals do not explain. Return: 0, -ENOMEM. */
int reconcile_compare(const struct sides *sides, struct differences *ret_differences);

/**
 * reconcile_gather() - read both sides
 * @ret_reply: not BROKER_DONE: the broker's side cannot be told, and @ret_sides is
 * empty
 *
 * Return: 0; -ENOMEM; as the journal's functions, also of another's journal, then with
 * the sentence in @ret_reply.
 */
int reconcile_gather(const struct reconcile_site *site, struct broker_reply *ret_reply,
    struct sides *ret_sides);

/** reconcile_read() - gather and compare. Return: as reconcile_gather(). */
int reconcile_read(const struct reconcile_site *site, struct broker_reply *ret_reply,
    struct differences *ret_differences);

/** reconcile_text() - the differences, a line each, the same for the same ones;
 * allocated. NULL: out of memory. */
char *reconcile_text(const struct differences *differences);

/** reconcile_propose() - write what a person accepts beside the journal. Return: 0,
 * -errno. */
int reconcile_propose(const char *journal_path, const struct differences *differences);

/** reconcile_has_accepted() - whether there is such a file. */
bool reconcile_has_accepted(const char *journal_path);

/** reconcile_is_accepted() - whether it says exactly this. */
bool reconcile_is_accepted(
    const char *journal_path, const struct differences *differences);

/** reconcile_forget_accepted() - it has been carried out, or has no use any more. */
void reconcile_forget_accepted(const char *journal_path);

/** reconcile_accept() - make the broker's figures the journal's, in one transaction.
 * Return: as the journal's functions. */
int reconcile_accept(struct journal *journal, const struct differences *differences);
