/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An order's life, pure: what a cluster becomes under the rules, which status may
 * follow which, and the id under which the broker knows the order.
 */
#pragma once

#include <stdbool.h>

#include "common/config_trading.h"
#include "worker/trading/strategy.h"

/*
 * intent ──► open ──► filled
 *    │         │
 *    └────┬────┘
 *         ├──► rejected   by the broker
 *         └──► canceled   by us, to be safe
 *
 * An order is live while it is `intent` or `open`. A symbol has one live order at the
 * most.
 */
enum order_status {
	ORDER_INTENT,
	ORDER_OPEN,
	ORDER_FILLED,
	ORDER_CANCELED,
	ORDER_REJECTED,
	ORDER_STATUS_COUNT
};

/** order_status_name() - "intent", "open", …: the words of the journal and of the
 * report. */
const char *order_status_name(enum order_status status);

/** order_status_parse() - the reverse. Return: 0, -EINVAL. */
int order_status_parse(const char *text, enum order_status *ret_status);

/** order_status_may_follow() - whether an order may go from @from to @to. */
bool order_status_may_follow(enum order_status from, enum order_status to);

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
