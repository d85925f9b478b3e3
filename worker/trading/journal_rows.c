/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's rows as structs: each function binds or reads the columns of one
 * statement. What the rows mean, and which of them belong into one transaction, is the
 * trader's business.
 */
#include "worker/trading/journal_internal.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"

static const char *
column_text(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

static enum tradesup_side
column_side(sqlite3_stmt *row, int column)
{
	const char *text = column_text(row, column);

	return text && text[0] == 'b' ? TRADESUP_BUY : TRADESUP_SELL;
}

static int
column_status(struct journal *journal, sqlite3_stmt *row, int column,
    enum order_status *ret_status)
{
	const char *text = column_text(row, column);

	if (!text || order_status_parse(text, ret_status) < 0)
		return journal_refuse(
		    journal, "corrupt: an order has an unknown status");
	return 0;
}

/* The one row of a statement. Return: as journal_step(). */
static int
query_row(struct journal *journal, enum statement which, const struct value *value,
    size_t n, sqlite3_stmt **ret_row)
{
	int r;

	r = journal_query(journal, which, value, n, ret_row);
	return r != 0 ? r : journal_step(journal, *ret_row);
}

int
journal_get_state(struct journal *journal, struct journal_state *ret_state)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	const char *position;
	int r;

	r = query_row(journal, STATEMENT_GET_STATE, NULL, 0, &row);
	if (r == JOURNAL_E_NONE)
		return journal_refuse(journal, "corrupt: its first row is missing");
	if (r != 0)
		return r;
	position = column_text(row, 3);
	if (!position || strlen(position) >= FEED_POSITION_MAX)
		return journal_refuse(journal, "corrupt: the cursor is not one");
	*ret_state = (struct journal_state){
		.events = sqlite3_column_int64(row, 0),
		.dropped = sqlite3_column_int64(row, 1),
		.time_ns = sqlite3_column_int64(row, 2),
		.clusters = sqlite3_column_int64(row, 4),
		.orders = sqlite3_column_int64(row, 5),
		.fills = sqlite3_column_int64(row, 6),
	};
	strcpy(ret_state->position, position);
	return 0;
}

int
journal_set_state(struct journal *journal, const struct journal_state *state)
{
	return JOURNAL_DO(journal, STATEMENT_SET_STATE, INTEGER(state->events),
	    INTEGER(state->dropped), INTEGER(state->time_ns), TEXT(state->position));
}

int
journal_add_cluster(
    struct journal *journal, const struct journal_cluster *cluster, int64_t *ret_number)
{
	int r;

	r = JOURNAL_DO(journal, STATEMENT_ADD_CLUSTER, TEXT(cluster->id),
	    TEXT(cluster->symbol), TEXT(order_side_name(cluster->side)),
	    INTEGER(cluster->first_ns), INTEGER(cluster->last_ns),
	    INTEGER(cluster->trades), TEXT(cluster->notional), INTEGER(cluster->price),
	    TEXT(cluster->skipped));
	if (r != 0)
		return r;
	if (sqlite3_changes(journal->db) == 0)
		return JOURNAL_E_KNOWN;
	*ret_number = sqlite3_last_insert_rowid(journal->db);
	return 0;
}

int
journal_add_order(
    struct journal *journal, const struct journal_order *order, int64_t *ret_number)
{
	int r;

	r = JOURNAL_DO(journal, STATEMENT_ADD_ORDER, TEXT(order->client_order_id),
	    INTEGER(order->cluster), TEXT(order->symbol),
	    TEXT(order_side_name(order->side)), INTEGER(order->quantity),
	    TEXT(order_status_name(order->status)), TEXT(order->reason),
	    TEXT(order->broker_id), INTEGER(order->time_ns),
	    INTEGER(order->config_hash), INTEGER(order->module_hash),
	    INTEGER(order->created_ns));
	if (r != 0)
		return r;
	*ret_number = sqlite3_last_insert_rowid(journal->db);
	return 0;
}

int
journal_add_fill(struct journal *journal, const struct journal_fill *fill)
{
	return JOURNAL_DO(journal, STATEMENT_ADD_FILL, INTEGER(fill->order),
	    TEXT(fill->symbol), TEXT(order_side_name(fill->side)),
	    INTEGER(fill->quantity), INTEGER(fill->price), INTEGER(fill->fee),
	    INTEGER(fill->time_ns));
}

int
journal_set_price(struct journal *journal, const char *symbol, int64_t price)
{
	return JOURNAL_DO(journal, STATEMENT_SET_PRICE, TEXT(symbol), INTEGER(price));
}

int
journal_price(struct journal *journal, const char *symbol, int64_t *ret_price)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = journal_query(
	    journal, STATEMENT_GET_PRICE, &(struct value)TEXT(symbol), 1, &row);
	if (r != 0)
		return r;
	r = journal_step(journal, row);
	if (r != 0)
		return r;
	*ret_price = sqlite3_column_int64(row, 0);
	return 0;
}

int
journal_move_order(struct journal *journal, int64_t number, enum order_status from,
    enum order_status to, const char *broker_id, const char *reason)
{
	int r;

	if (!order_status_may_follow(from, to))
		return error_set(&journal->error, JOURNAL_E_DATA,
		    "%s: order %lld cannot go from %s to %s", journal->path,
		    (long long)number, order_status_name(from), order_status_name(to));
	r = JOURNAL_DO(journal, STATEMENT_MOVE_ORDER, INTEGER(number),
	    TEXT(order_status_name(from)), TEXT(order_status_name(to)), TEXT(broker_id),
	    TEXT(reason));
	if (r != 0)
		return r;
	if (sqlite3_changes(journal->db) != 1)
		return error_set(&journal->error, JOURNAL_E_DATA,
		    "%s: order %lld is not %s", journal->path, (long long)number,
		    order_status_name(from));
	return 0;
}

/* A statement with one row of one number. */
static int
query_number(struct journal *journal, enum statement which, const struct value *values,
    size_t n, int64_t *ret_value)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = query_row(journal, which, values, n, &row);
	if (r == 0)
		*ret_value = sqlite3_column_int64(row, 0);
	return r;
}

int
journal_position(struct journal *journal, const char *symbol, int64_t *ret_quantity)
{
	return query_number(
	    journal, STATEMENT_POSITION, &(struct value)TEXT(symbol), 1, ret_quantity);
}

int
journal_orders_between(
    struct journal *journal, int64_t begin_ns, int64_t end_ns, int64_t *ret_count)
{
	struct value range[] = { INTEGER(begin_ns), INTEGER(end_ns) };

	return query_number(journal, STATEMENT_ORDERS_BETWEEN, range, 2, ret_count);
}

int
journal_orders_created(struct journal *journal, int64_t after_ns, int64_t *ret_count)
{
	return query_number(journal, STATEMENT_ORDERS_CREATED,
	    &(struct value)INTEGER(after_ns), 1, ret_count);
}

int
journal_live_order(
    struct journal *journal, const char *symbol, struct journal_order *ret_order)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	struct value value = TEXT(symbol);
	enum order_status status;
	int r;

	if (symbol)
		r = query_row(journal, STATEMENT_LIVE_ORDER, &value, 1, &row);
	else
		r = query_row(journal, STATEMENT_ANY_LIVE_ORDER, NULL, 0, &row);
	if (r != 0)
		return r;
	r = column_status(journal, row, 3, &status);
	if (r != 0)
		return r;
	*ret_order = (struct journal_order){
		.number = sqlite3_column_int64(row, 0),
		.side = column_side(row, 1),
		.quantity = sqlite3_column_int64(row, 2),
		.status = status,
	};
	return 0;
}

static int
add_to_cash(const struct journal_fill *fill, void *data)
{
	__int128 *cash = data;
	__int128 notional = decimal_mul(fill->quantity, fill->price);

	*cash += (fill->side == TRADESUP_BUY ? -notional : notional) - fill->fee;
	return 0;
}

int
journal_cash(struct journal *journal, __int128 *ret_cash)
{
	__int128 cash = journal->start_cash;
	int r;

	r = journal_each_fill(journal, add_to_cash, &cash);
	if (r == 0)
		*ret_cash = cash;
	return r;
}

int
journal_set_snapshot(struct journal *journal, const struct journal_snapshot *snapshot)
{
	return JOURNAL_DO(journal, STATEMENT_SET_SNAPSHOT, TEXT(snapshot->position),
	    INTEGER(snapshot->events), INTEGER(snapshot->dropped),
	    INTEGER(snapshot->config_hash), INTEGER(snapshot->module_hash),
	    BLOB(snapshot->normalizer, snapshot->normalizer_length),
	    BLOB(snapshot->module, snapshot->module_length));
}

static int
copy_blob(sqlite3_stmt *row, int column, void **ret_bytes, size_t *ret_length)
{
	const void *bytes = sqlite3_column_blob(row, column);
	size_t length = (size_t)sqlite3_column_bytes(row, column);

	*ret_bytes = malloc(length + 1);
	if (!*ret_bytes)
		return -ENOMEM;
	if (length > 0)
		memcpy(*ret_bytes, bytes, length);
	*ret_length = length;
	return 0;
}

int
journal_get_snapshot(struct journal *journal, struct journal_snapshot *ret_snapshot)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	_cleanup_(journal_snapshot_deinit) struct journal_snapshot snapshot = { 0 };
	const char *position;
	int r;

	r = query_row(journal, STATEMENT_GET_SNAPSHOT, NULL, 0, &row);
	if (r != 0)
		return r;
	position = column_text(row, 0);
	if (!position || strlen(position) >= FEED_POSITION_MAX)
		return journal_refuse(
		    journal, "corrupt: the snapshot's position is not one");
	strcpy(snapshot.position, position);
	snapshot.events = sqlite3_column_int64(row, 1);
	snapshot.dropped = sqlite3_column_int64(row, 2);
	snapshot.config_hash = (uint32_t)sqlite3_column_int64(row, 3);
	snapshot.module_hash = (uint32_t)sqlite3_column_int64(row, 4);
	r = copy_blob(row, 5, &snapshot.normalizer, &snapshot.normalizer_length);
	if (r == 0)
		r = copy_blob(row, 6, &snapshot.module, &snapshot.module_length);
	if (r != 0)
		return error_set(
		    &journal->error, r, "%s: out of memory", journal->path);
	*ret_snapshot = snapshot;
	snapshot = (struct journal_snapshot){ 0 };
	return 0;
}

void
journal_snapshot_deinit(struct journal_snapshot *snapshot)
{
	free(snapshot->normalizer);
	free(snapshot->module);
	*snapshot = (struct journal_snapshot){ 0 };
}

int
journal_each_cluster(struct journal *journal, journal_on_cluster on_cluster, void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = journal_query(journal, STATEMENT_EACH_CLUSTER, NULL, 0, &row);
	if (r != 0)
		return r;
	while ((r = journal_step(journal, row)) == 0) {
		struct journal_cluster cluster = {
			.number = sqlite3_column_int64(row, 0),
			.id = column_text(row, 1),
			.symbol = column_text(row, 2),
			.side = column_side(row, 3),
			.first_ns = sqlite3_column_int64(row, 4),
			.last_ns = sqlite3_column_int64(row, 5),
			.trades = sqlite3_column_int64(row, 6),
			.notional = column_text(row, 7),
			.price = sqlite3_column_int64(row, 8),
			.skipped = column_text(row, 9),
		};

		r = on_cluster(&cluster, data);
		if (r != 0)
			return r;
	}
	return r == JOURNAL_E_NONE ? 0 : r;
}

int
journal_read_order(
    struct journal *journal, sqlite3_stmt *row, struct journal_order *ret_order)
{
	struct journal_order order = {
		.number = sqlite3_column_int64(row, 0),
		.client_order_id = column_text(row, 1),
		.cluster = sqlite3_column_int64(row, 2),
		.cluster_id = column_text(row, 3),
		.symbol = column_text(row, 4),
		.side = column_side(row, 5),
		.quantity = sqlite3_column_int64(row, 6),
		.reason = column_text(row, 8),
		.broker_id = column_text(row, 9),
		.time_ns = sqlite3_column_int64(row, 10),
		.config_hash = (uint32_t)sqlite3_column_int64(row, 11),
		.module_hash = (uint32_t)sqlite3_column_int64(row, 12),
	};
	int r;

	r = column_status(journal, row, 7, &order.status);
	if (r != 0)
		return r;
	*ret_order = order;
	return 0;
}

int
journal_each_order(struct journal *journal, journal_on_order on_order, void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	struct journal_order order;
	int r;

	r = journal_query(journal, STATEMENT_EACH_ORDER, NULL, 0, &row);
	if (r != 0)
		return r;
	while ((r = journal_step(journal, row)) == 0) {
		r = journal_read_order(journal, row, &order);
		if (r == 0)
			r = on_order(&order, data);
		if (r != 0)
			return r;
	}
	return r == JOURNAL_E_NONE ? 0 : r;
}

int
journal_each_fill(struct journal *journal, journal_on_fill on_fill, void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = journal_query(journal, STATEMENT_EACH_FILL, NULL, 0, &row);
	if (r != 0)
		return r;
	while ((r = journal_step(journal, row)) == 0) {
		struct journal_fill fill = {
			.order = sqlite3_column_int64(row, 0),
			.client_order_id = column_text(row, 1),
			.symbol = column_text(row, 2),
			.side = column_side(row, 3),
			.quantity = sqlite3_column_int64(row, 4),
			.price = sqlite3_column_int64(row, 5),
			.fee = sqlite3_column_int64(row, 6),
			.time_ns = sqlite3_column_int64(row, 7),
		};

		r = on_fill(&fill, data);
		if (r != 0)
			return r;
	}
	return r == JOURNAL_E_NONE ? 0 : r;
}

int
journal_each_position(
    struct journal *journal, journal_on_position on_position, void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = journal_query(journal, STATEMENT_EACH_POSITION, NULL, 0, &row);
	if (r != 0)
		return r;
	while ((r = journal_step(journal, row)) == 0) {
		struct journal_position position = {
			.symbol = column_text(row, 0),
			.quantity = sqlite3_column_int64(row, 1),
			.price = sqlite3_column_int64(row, 2),
		};

		r = on_position(&position, data);
		if (r != 0)
			return r;
	}
	return r == JOURNAL_E_NONE ? 0 : r;
}
