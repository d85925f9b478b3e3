/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of every statement. Parameters and columns are in the order in which
 * journal_rows.c binds and reads them; nothing else is known here.
 */
#include "worker/trading/journal_internal.h"

#define ORDER_COLUMNS                                                                  \
	"o.number, o.client_order_id, o.cluster, c.id, o.symbol, o.side, o.quantity, " \
	"o.status, o.reason, o.broker_id, o.time, o.config_hash, o.module_hash"

#define ORDER_FROM "FROM orders o JOIN clusters c ON c.number = o.cluster "

#define LIVE "('intent', 'sent', 'open', 'partially_filled')"

/* A position is what the fills make of it, and what a person accepted besides. */
#define SIGNED "CASE side WHEN 'buy' THEN quantity ELSE -quantity END"

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
	    " reason, broker_id, time, config_hash, module_hash, created)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[STATEMENT_ADD_FILL] =
	    "INSERT INTO fills (order_number, symbol, side, quantity, price, fee, time)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[STATEMENT_SET_PRICE] = "INSERT INTO prices (symbol, price) VALUES (?1, ?2)"
				" ON CONFLICT (symbol) DO UPDATE SET price = ?2",
	[STATEMENT_GET_PRICE] = "SELECT price FROM prices WHERE symbol = ?1",
	[STATEMENT_SET_RISK] = "INSERT OR REPLACE INTO risk (id, day, result, unknown, "
			       "tripped, fills, due,"
			       " reason) VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[STATEMENT_GET_RISK] =
	    "SELECT day, result, unknown, tripped, fills, due, reason FROM risk",
	[STATEMENT_LAST_FILL] =
	    "SELECT coalesce(max(number), 0) FROM fills WHERE time < ?1",
	[STATEMENT_FILLS_BEHIND] =
	    "SELECT f.number, f.symbol, f.side, f.quantity, f.price, f.fee, f.time,"
	    " coalesce((SELECT price FROM prices WHERE symbol = f.symbol), 0)"
	    " FROM fills f WHERE f.number > ?1 ORDER BY f.number",
	[STATEMENT_MOVE_ORDER] =
	    "UPDATE orders SET status = ?3, broker_id = coalesce(?4, broker_id),"
	    " reason = coalesce(?5, reason) WHERE number = ?1 AND status = ?2",
	[STATEMENT_POSITION] =
	    "SELECT (SELECT coalesce(sum(" SIGNED "), 0) FROM fills WHERE symbol = ?1)"
	    " + (SELECT coalesce(sum(quantity), 0) FROM adjustments WHERE symbol = ?1)",
	[STATEMENT_LIVE_ORDER] =
	    "SELECT number, side, quantity, status FROM orders"
	    " WHERE status IN " LIVE " AND symbol = ?1 ORDER BY number LIMIT 1",
	[STATEMENT_ANY_LIVE_ORDER] =
	    "SELECT number, side, quantity, status FROM orders"
	    " WHERE status IN " LIVE " ORDER BY symbol LIMIT 1",
	[STATEMENT_ORDERS_BETWEEN] =
	    "SELECT count(*) FROM orders WHERE time BETWEEN ?1 AND ?2"
	    " AND status != 'refused'",
	[STATEMENT_ORDERS_CREATED] =
	    "SELECT count(*) FROM orders WHERE created > 0 AND created > ?1"
	    " AND status != 'refused'",
	[STATEMENT_SET_SNAPSHOT] =
	    "INSERT OR REPLACE INTO snapshot (id, position, events, dropped,"
	    " config_hash, module_hash, normalizer, module)"
	    " VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[STATEMENT_GET_SNAPSHOT] = "SELECT position, events, dropped, config_hash,"
				   " module_hash, normalizer, module FROM snapshot",
	[STATEMENT_EACH_CLUSTER] = "SELECT number, id, symbol, side, first, last, "
				   "trades, notional, price, skipped"
				   " FROM clusters ORDER BY number",
	[STATEMENT_EACH_ORDER] =
	    "SELECT " ORDER_COLUMNS " " ORDER_FROM "ORDER BY o.number",
	[STATEMENT_EACH_FILL] =
	    "SELECT f.order_number, o.client_order_id, f.symbol, f.side, f.quantity, "
	    "f.price,"
	    " f.fee, f.time FROM fills f JOIN orders o ON o.number = f.order_number"
	    " ORDER BY f.number",
	[STATEMENT_EACH_POSITION] =
	    "SELECT symbol, sum(quantity) AS position,"
	    " coalesce((SELECT price FROM prices WHERE symbol = t.symbol), max(price)),"
	    " max(number) AS opened FROM ("
	    "  SELECT symbol, " SIGNED " AS quantity, number, 0 AS price FROM fills"
	    "  UNION ALL SELECT symbol, quantity, 0, price FROM adjustments) AS t"
	    " GROUP BY symbol HAVING position != 0 ORDER BY opened, symbol",
	[STATEMENT_EACH_PENDING] =
	    "SELECT " ORDER_COLUMNS ", o.created, o.sent, o.unproven, o.looked,"
	    " o.missing_since, o.duplicate, o.late, o.filled, o.average " ORDER_FROM
	    "WHERE o.status IN ('intent', 'sent', 'open', 'partially_filled',"
	    " 'expired') AND (o.status != 'expired' OR o.unproven > 0)"
	    " ORDER BY o.number",
	[STATEMENT_MARK_SENT] =
	    "UPDATE orders SET status = 'sent', sent = ?2, unproven = ?3,"
	    " missing_since = 0 WHERE number = ?1 AND status IN ('intent', 'sent')",
	[STATEMENT_MARK_LOOK] =
	    "UPDATE orders SET looked = ?2, missing_since = ?3 WHERE number = ?1",
	[STATEMENT_SET_LIFE] =
	    "UPDATE orders SET status = ?3, broker_id = coalesce(?4, broker_id),"
	    " reason = coalesce(?5, reason), unproven = ?6, missing_since = ?7,"
	    " duplicate = ?8, late = ?9, filled = ?10, average = ?11, looked = ?12"
	    " WHERE number = ?1 AND status = ?2",
	[STATEMENT_ADD_ADJUSTMENT] =
	    "INSERT INTO adjustments (symbol, quantity, price, time)"
	    " VALUES (?1, ?2, ?3, ?4)",
	[STATEMENT_ADD_ACCEPTED] =
	    "INSERT OR IGNORE INTO accepted_orders (client_order_id) VALUES (?1)",
	[STATEMENT_EACH_ACCEPTED] = "SELECT client_order_id FROM accepted_orders",
	[STATEMENT_SET_ACCOUNT] =
	    "INSERT OR REPLACE INTO account (id, cash, read) VALUES (0, ?1, ?2)",
	[STATEMENT_GET_ACCOUNT] = "SELECT cash, read FROM account",
	[STATEMENT_SCAN_FILLS] =
	    "SELECT number, symbol, side, quantity, price, fee FROM fills"
	    " WHERE number > ?1 ORDER BY number LIMIT ?2",
	[STATEMENT_SCAN_ADJUSTMENTS] =
	    "SELECT number, symbol, quantity, price FROM adjustments"
	    " WHERE number > ?1 ORDER BY number LIMIT ?2",
	[STATEMENT_SCAN_ORDERS] =
	    "SELECT status, count(*), max(number) FROM (SELECT number, status"
	    " FROM orders WHERE number > ?1 ORDER BY number LIMIT ?2) GROUP BY status",
	[STATEMENT_SCAN_REFUSED] =
	    "SELECT rule, count(*), max(number) FROM (SELECT number,"
	    " CASE WHEN skipped LIKE 'risk:%' THEN substr(skipped, 6) END AS rule"
	    " FROM clusters WHERE number > ?1 ORDER BY number LIMIT ?2) GROUP BY rule",
};
