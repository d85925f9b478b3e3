/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of every statement. Parameters and columns are in the order in which
 * journal_rows.c binds and reads them; nothing else is known here.
 */
#include "worker/trading/journal_internal.h"

#define ORDER_COLUMNS                                                                  \
	"o.number, o.client_order_id, o.cluster, c.id, o.symbol, o.side, o.quantity, " \
	"o.status, o.reason, o.broker_id, o.time, o.config_hash, o.module_hash "       \
	"FROM orders o JOIN clusters c ON c.number = o.cluster "

const char *const journal_statement_texts[STATEMENT_COUNT] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_GET_META] = "SELECT worker, start_cash FROM meta",
	[STATEMENT_GET_STATE] =
	    "SELECT events, dropped, time, position,"
	    " (SELECT count(*) FROM clusters), (SELECT count(*) FROM orders),"
	    " (SELECT count(*) FROM fills) FROM meta",
	[STATEMENT_SET_STATE] = "UPDATE meta SET events = ?1, dropped = ?2, time = ?3,"
				" position = ?4",
	[STATEMENT_ADD_CLUSTER] =
	    "INSERT INTO clusters (id, symbol, side, first, last, trades, notional, "
	    "price,"
	    " skipped) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
	    " ON CONFLICT (id) DO NOTHING",
	[STATEMENT_ADD_ORDER] =
	    "INSERT INTO orders (client_order_id, cluster, symbol, side, quantity, "
	    "status,"
	    " reason, broker_id, time, config_hash, module_hash)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[STATEMENT_ADD_FILL] =
	    "INSERT INTO fills (order_number, symbol, side, quantity, price, fee, time)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[STATEMENT_SET_PRICE] = "INSERT INTO prices (symbol, price) VALUES (?1, ?2)"
				" ON CONFLICT (symbol) DO UPDATE SET price = ?2",
	[STATEMENT_GET_PRICE] = "SELECT price FROM prices WHERE symbol = ?1",
	[STATEMENT_MOVE_ORDER] =
	    "UPDATE orders SET status = ?3, broker_id = coalesce(?4, broker_id),"
	    " reason = coalesce(?5, reason) WHERE number = ?1 AND status = ?2",
	[STATEMENT_POSITION] =
	    "SELECT sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END)"
	    " FROM fills WHERE symbol = ?1",
	[STATEMENT_LIVE_ORDER] = "SELECT number, side, quantity, status FROM orders"
				 " WHERE status IN ('intent', 'open') AND symbol = ?1",
	[STATEMENT_ANY_LIVE_ORDER] =
	    "SELECT number, side, quantity, status FROM orders"
	    " WHERE status IN ('intent', 'open') ORDER BY symbol LIMIT 1",
	[STATEMENT_ORDERS_BETWEEN] =
	    "SELECT count(*) FROM orders WHERE time BETWEEN ?1 AND ?2",
	[STATEMENT_SET_SNAPSHOT] =
	    "INSERT OR REPLACE INTO snapshot (id, position, events, dropped,"
	    " config_hash, module_hash, normalizer, module)"
	    " VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[STATEMENT_GET_SNAPSHOT] = "SELECT position, events, dropped, config_hash,"
				   " module_hash, normalizer, module FROM snapshot",
	[STATEMENT_EACH_CLUSTER] = "SELECT number, id, symbol, side, first, last, "
				   "trades, notional, price, skipped"
				   " FROM clusters ORDER BY number",
	[STATEMENT_EACH_ORDER] = "SELECT " ORDER_COLUMNS "ORDER BY o.number",
	[STATEMENT_EACH_FILL] =
	    "SELECT f.order_number, o.client_order_id, f.symbol, f.side, f.quantity, "
	    "f.price,"
	    " f.fee, f.time FROM fills f JOIN orders o ON o.number = f.order_number"
	    " ORDER BY f.number",
	[STATEMENT_EACH_POSITION] =
	    "SELECT f.symbol, sum(CASE f.side WHEN 'buy' THEN f.quantity ELSE "
	    "-f.quantity END)"
	    " AS position, p.price, max(f.number) AS opened"
	    " FROM fills f JOIN prices p ON p.symbol = f.symbol"
	    " GROUP BY f.symbol HAVING position != 0 ORDER BY opened",
};
