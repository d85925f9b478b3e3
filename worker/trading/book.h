/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book: position, open order and last price of each symbol, at hand by the symbol's
 * index. It is a copy of what the journal says; a symbol is read from there when it is
 * first asked for.
 */
#pragma once

#include "worker/trading/broker.h"
#include "worker/trading/journal.h"
#include "worker/trading/normalize.h"

struct holding {
	bool loaded;
	bool order_open;
	struct broker_order order; /* if order_open */
	int64_t position;	   /* negative: short */
	int64_t price;		   /* the last; known once an event came */
	bool price_new;		   /* the journal does not have it yet */
	int64_t last_price;	   /* the one before; 0: there was none */
};

struct book {
	struct holding *holdings; /* by symbol index; owned */
	size_t n_holdings;
	uint32_t *new_prices; /* indexes of those with price_new; owned, as long as
				 holdings */
	size_t n_new_prices;
};

/**
 * book_at() - a symbol's holding
 * @ret_holding: valid until the next book_at() or book_reset()
 *
 * Return: 0; -ENOMEM; as the journal's functions.
 */
int book_at(struct book *book, struct journal *journal, uint32_t index,
    const char *symbol, struct holding **ret_holding);

/** book_set_price() - a symbol's last price; book_at() has been called for @index. */
void book_set_price(struct book *book, uint32_t index, int64_t price);

/** book_write_prices() - the new prices to the journal. Return: as the journal's
 * functions. */
int book_write_prices(
    struct book *book, struct journal *journal, const struct normalizer *normalizer);

/** book_refresh() - read positions and open orders again when they are next asked for;
 * prices stay. */
void book_refresh(struct book *book);

/** book_reset() - forget everything: it is read again from the journal. */
void book_reset(struct book *book);

void book_deinit(struct book *book);
