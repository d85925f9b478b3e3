/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's positions and open orders as an array, so that an event in a symbol in
 * which nothing is going on costs no query. It decides nothing and writes nothing but
 * prices, once a batch.
 */
#include "worker/trading/book.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"

static int
grow(struct book *book, size_t n)
{
	struct holding *holdings;
	uint32_t *new_prices;

	if (n < 64)
		n = 64;
	if (n < 2 * book->n_holdings)
		n = 2 * book->n_holdings;
	holdings = reallocarray(book->holdings, n, sizeof(*holdings));
	if (!holdings)
		return -ENOMEM;
	book->holdings = holdings;
	new_prices = reallocarray(book->new_prices, n, sizeof(*new_prices));
	if (!new_prices)
		return -ENOMEM;
	book->new_prices = new_prices;
	memset(
	    holdings + book->n_holdings, 0, (n - book->n_holdings) * sizeof(*holdings));
	book->n_holdings = n;
	return 0;
}

static int
load(struct holding *holding, struct journal *journal, const char *symbol)
{
	struct journal_order order;
	int r;

	r = journal_position(journal, symbol, &holding->position);
	if (r != 0)
		return r;
	r = journal_live_order(journal, symbol, &order);
	if (r != 0 && r != JOURNAL_E_NONE)
		return r;
	holding->order_open = r == 0;
	if (r == 0)
		holding->order = (struct broker_order){ .number = order.number,
			.side = order.side,
			.quantity = order.quantity };
	if (!holding->price_new) {
		r = journal_price(journal, symbol, &holding->price);
		if (r != 0 && r != JOURNAL_E_NONE)
			return r;
	}
	holding->loaded = true;
	return 0;
}

int
book_at(struct book *book, struct journal *journal, uint32_t index, const char *symbol,
    struct holding **ret_holding)
{
	struct holding *holding;
	int r;

	if (index >= book->n_holdings) {
		r = grow(book, (size_t)index + 1);
		if (r < 0)
			return r;
	}
	holding = &book->holdings[index];
	if (!holding->loaded) {
		r = load(holding, journal, symbol);
		if (r != 0)
			return r;
	}
	*ret_holding = holding;
	return 0;
}

void
book_set_price(struct book *book, uint32_t index, int64_t price)
{
	struct holding *holding = &book->holdings[index];

	holding->last_price = holding->price;
	holding->price = price;
	if (!holding->price_new) {
		holding->price_new = true;
		book->new_prices[book->n_new_prices++] = index;
	}
}

int
book_write_prices(
    struct book *book, struct journal *journal, const struct normalizer *normalizer)
{
	for (size_t i = 0; i < book->n_new_prices; i++) {
		uint32_t index = book->new_prices[i];
		struct holding *holding = &book->holdings[index];
		int r;

		r = journal_set_price(
		    journal, normalizer_symbol(normalizer, index), holding->price);
		if (r != 0)
			return r;
		holding->price_new = false;
	}
	book->n_new_prices = 0;
	return 0;
}

void
book_refresh(struct book *book)
{
	for (size_t i = 0; i < book->n_holdings; i++)
		book->holdings[i].loaded = false;
}

void
book_reset(struct book *book)
{
	if (book->n_holdings > 0)
		memset(book->holdings, 0, book->n_holdings * sizeof(*book->holdings));
	book->n_new_prices = 0;
}

void
book_deinit(struct book *book)
{
	free(book->holdings);
	free(book->new_prices);
	*book = (struct book){ 0 };
}
