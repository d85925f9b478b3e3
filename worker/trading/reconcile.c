/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sides, and what one of them cannot explain of the other. Between the reading of
 * the two an order may be filled: so an open order explains any position from none of
 * it to all of it.
 */
#include "worker/trading/reconcile.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/decimal.h"
#include "common/record.h"
#include "common/statefile.h"

#define SIDES_MAX 100000 /* rows of one kind */
/* A broker may count in nine places; what is cut off each fill adds up to so little. */
#define NOISE 100
#define LINE_BYTES (6 * ORDER_ID_MAX + 256)

/* Make room for one more of a list. Return: the place, zeroed; NULL: out of memory, or
 * too many. */
static void *
add(void *list_pointer, size_t *n, size_t size)
{
	void **list = list_pointer;
	char *larger;

	if (*n >= SIDES_MAX)
		return NULL;
	/* A power of two each time it is one. */
	if ((*n & (*n - 1)) == 0) {
		larger = reallocarray(*list, *n ? 2 * *n : 1, size);
		if (!larger)
			return NULL;
		*list = larger;
	}
	larger = (char *)*list + *n * size;
	memset(larger, 0, size);
	++*n;
	return larger;
}

void
sides_deinit(struct sides *sides)
{
	free(sides->holdings);
	free(sides->known);
	free(sides->positions);
	free(sides->open);
	*sides = (struct sides){ 0 };
}

void
differences_deinit(struct differences *differences)
{
	free(differences->list);
	*differences = (struct differences){ 0 };
}

static struct holding_range *
find_holding(struct sides *sides, const char *symbol)
{
	struct holding_range *holding;

	for (size_t i = 0; i < sides->n_holdings; i++)
		if (broker_is_same_symbol(sides->holdings[i].symbol, symbol))
			return &sides->holdings[i];
	holding = add(&sides->holdings, &sides->n_holdings, sizeof(*holding));
	if (holding)
		snprintf(holding->symbol, sizeof(holding->symbol), "%s", symbol);
	return holding;
}

static int
on_holding(const struct journal_position *position, void *data)
{
	struct holding_range *holding = find_holding(data, position->symbol);

	if (!holding)
		return -ENOMEM;
	holding->quantity += position->quantity;
	holding->low += position->quantity;
	holding->high += position->quantity;
	holding->price = position->price;
	return 0;
}

/* What may have been filled of it since anybody looked. */
static int
on_pending(const struct journal_pending *pending, void *data)
{
	int64_t rest = pending->order.quantity - pending->filled;
	struct holding_range *holding = find_holding(data, pending->order.symbol);
	struct sides *sides = data;
	struct known_order *known;

	known = add(&sides->known, &sides->n_known, sizeof(*known));
	if (!holding || !known)
		return -ENOMEM;
	snprintf(known->client_order_id, sizeof(known->client_order_id), "%s",
	    pending->order.client_order_id);
	if (pending->order.side == TRADESUP_BUY)
		holding->high += rest;
	else
		holding->low -= rest;
	return 0;
}

static int
on_accepted(const char *client_order_id, void *data)
{
	struct sides *sides = data;
	struct known_order *known;

	known = add(&sides->known, &sides->n_known, sizeof(*known));
	if (!known)
		return -ENOMEM;
	snprintf(known->client_order_id, sizeof(known->client_order_id), "%s",
	    client_order_id);
	return 0;
}

static int
gather_journal(struct journal *journal, struct sides *sides)
{
	int r;

	r = journal_each_position(journal, on_holding, sides);
	if (r == 0)
		r = journal_each_pending(journal, on_pending, sides);
	if (r == 0)
		r = journal_each_accepted(journal, on_accepted, sides);
	return r;
}

/* A worker that has not traded yet explains nothing. */
static int
gather_other(const struct reconcile_other *other, struct sides *sides,
    struct broker_reply *reply)
{
	_cleanup_(journal_freep) struct journal *journal = NULL;
	struct error error = { "" };
	int r;

	if (access(other->journal, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = journal_open_read(other->journal, &error, &journal);
	if (r == 0)
		r = gather_journal(journal, sides);
	if (r != 0)
		snprintf(reply->text, sizeof(reply->text), "worker %s: %.200s",
		    other->name, journal ? journal_error(journal) : error.text);
	return r;
}

static int
on_position(const struct broker_position *position, void *data)
{
	struct sides *sides = data;
	struct broker_position *copy;

	copy = add(&sides->positions, &sides->n_positions, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *position;
	return 0;
}

static int
on_open(const struct broker_view *view, void *data)
{
	struct sides *sides = data;
	struct broker_view *copy;

	copy = add(&sides->open, &sides->n_open, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *view;
	return 0;
}

/* The broker before the journals: what is filled after it was read is explained by an
 * order that a journal had before. */
int
reconcile_gather(const struct reconcile_site *site, struct broker_reply *ret_reply,
    struct sides *ret_sides)
{
	_cleanup_(sides_deinit) struct sides sides = { .worker = site->worker };
	int r;

	r = site->ops->each_open(site->broker, on_open, &sides, ret_reply);
	if (r != 0 || ret_reply->result != BROKER_DONE)
		return r;
	r = site->ops->each_position(site->broker, on_position, &sides, ret_reply);
	if (r != 0 || ret_reply->result != BROKER_DONE)
		return r;
	r = gather_journal(site->journal, &sides);
	for (size_t i = 0; i < site->n_others && r == 0; i++)
		r = gather_other(&site->others[i], &sides, ret_reply);
	if (r != 0)
		return r;
	*ret_sides = sides;
	sides = (struct sides){ 0 };
	return 0;
}

static bool
is_known(const struct sides *sides, const char *client_order_id)
{
	for (size_t i = 0; i < sides->n_known; i++)
		if (strcmp(sides->known[i].client_order_id, client_order_id) == 0)
			return true;
	return false;
}

static int
compare_orders(const struct sides *sides, struct differences *differences)
{
	for (size_t i = 0; i < sides->n_open; i++) {
		const struct broker_view *view = &sides->open[i];
		struct difference *difference;

		if (is_known(sides, view->client_order_id))
			continue;
		difference =
		    add(&differences->list, &differences->n, sizeof(*difference));
		if (!difference)
			return -ENOMEM;
		snprintf(
		    difference->symbol, sizeof(difference->symbol), "%s", view->symbol);
		snprintf(difference->client_order_id,
		    sizeof(difference->client_order_id), "%s", view->client_order_id);
		difference->what =
		    "an order is open at the broker, and not in the journal";
	}
	return 0;
}

static int
add_position(struct differences *differences, const struct holding_range *holding,
    int64_t quantity, int64_t price)
{
	struct difference *difference;

	if (quantity >= holding->low - NOISE && quantity <= holding->high + NOISE)
		return 0;
	difference = add(&differences->list, &differences->n, sizeof(*difference));
	if (!difference)
		return -ENOMEM;
	difference->is_position = true;
	snprintf(difference->symbol, sizeof(difference->symbol), "%s", holding->symbol);
	difference->journal = holding->quantity;
	difference->broker = quantity;
	difference->price = price ? price : holding->price;
	difference->what = "the position is not what the fills make it";
	return 0;
}

static const struct broker_position *
find_position(const struct sides *sides, const char *symbol)
{
	for (size_t i = 0; i < sides->n_positions; i++)
		if (broker_is_same_symbol(sides->positions[i].symbol, symbol))
			return &sides->positions[i];
	return NULL;
}

static bool
has_holding(const struct sides *sides, const char *symbol)
{
	for (size_t i = 0; i < sides->n_holdings; i++)
		if (broker_is_same_symbol(sides->holdings[i].symbol, symbol))
			return true;
	return false;
}

static int
compare_positions(const struct sides *sides, struct differences *differences)
{
	int r = 0;

	for (size_t i = 0; i < sides->n_holdings && r == 0; i++) {
		const struct holding_range *holding = &sides->holdings[i];
		const struct broker_position *position =
		    find_position(sides, holding->symbol);

		r = add_position(differences, holding,
		    position ? position->quantity : 0, position ? position->price : 0);
	}
	for (size_t i = 0; i < sides->n_positions && r == 0; i++) {
		const struct broker_position *position = &sides->positions[i];
		struct holding_range none = { 0 };

		if (has_holding(sides, position->symbol))
			continue;
		snprintf(none.symbol, sizeof(none.symbol), "%s", position->symbol);
		r = add_position(
		    differences, &none, position->quantity, position->price);
	}
	return r;
}

int
reconcile_compare(const struct sides *sides, struct differences *ret_differences)
{
	_cleanup_(differences_deinit) struct differences differences = { 0 };
	int r;

	r = compare_positions(sides, &differences);
	if (r == 0)
		r = compare_orders(sides, &differences);
	if (r != 0)
		return r;
	*ret_differences = differences;
	differences = (struct differences){ 0 };
	return 0;
}

int
reconcile_read(const struct reconcile_site *site, struct broker_reply *ret_reply,
    struct differences *ret_differences)
{
	_cleanup_(sides_deinit) struct sides sides = { 0 };
	int r;

	r = reconcile_gather(site, ret_reply, &sides);
	if (r != 0 || ret_reply->result != BROKER_DONE)
		return r;
	return reconcile_compare(&sides, ret_differences);
}

static size_t
format_difference(const struct difference *difference, char line[LINE_BYTES])
{
	struct record record;

	record_init(&record, difference->is_position ? "position" : "order");
	record_text(&record, "symbol", difference->symbol);
	if (difference->is_position) {
		record_decimal(&record, "journal", difference->journal);
		record_decimal(&record, "broker", difference->broker);
	} else {
		record_text(&record, "client_order_id", difference->client_order_id);
	}
	return record_logfmt(&record, line, LINE_BYTES);
}

char *
reconcile_text(const struct differences *differences)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < differences->n; i++) {
		char line[LINE_BYTES];

		format_difference(&differences->list[i], line);
		fprintf(out, "%s\n", line);
	}
	return fclose(out) == 0 ? text : NULL;
}

static char *
accept_path(const char *journal_path)
{
	char *path;

	return asprintf(&path, "%s.accept", journal_path) < 0 ? NULL : path;
}

int
reconcile_propose(const char *journal_path, const struct differences *differences)
{
	_cleanup_free_ char *path = accept_path(journal_path);
	_cleanup_free_ char *text = reconcile_text(differences);

	if (!path || !text)
		return -ENOMEM;
	return statefile_write(path, text, strlen(text), true);
}

bool
reconcile_has_accepted(const char *journal_path)
{
	_cleanup_free_ char *path = accept_path(journal_path);

	return path && access(path, F_OK) == 0;
}

bool
reconcile_is_accepted(const char *journal_path, const struct differences *differences)
{
	_cleanup_free_ char *path = accept_path(journal_path);
	_cleanup_free_ char *text = reconcile_text(differences);
	_cleanup_free_ char *accepted = NULL;
	size_t length;

	if (!path || !text || statefile_read(path, &accepted, &length) < 0)
		return false;
	return strcmp(accepted, text) == 0;
}

void
reconcile_forget_accepted(const char *journal_path)
{
	_cleanup_free_ char *path = accept_path(journal_path);

	/* One that stays says what is true no more, and is found not to fit. */
	if (path)
		(void)unlink(path);
}

int
reconcile_accept(struct journal *journal, const struct differences *differences)
{
	int r;

	r = journal_begin(journal);
	for (size_t i = 0; i < differences->n && r == 0; i++) {
		const struct difference *difference = &differences->list[i];

		if (difference->is_position)
			r = journal_add_adjustment(journal, difference->symbol,
			    difference->broker - difference->journal, difference->price,
			    clock_realtime_ns());
		else
			r = journal_add_accepted(journal, difference->client_order_id);
	}
	if (r == 0)
		r = journal_commit(journal);
	if (r != 0)
		journal_rollback(journal);
	return r;
}
