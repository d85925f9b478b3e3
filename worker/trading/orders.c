/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for orders, as functions of their arguments: no clock, no journal, no
 * broker. Who asks has gathered the situation, and carries out what is decided here.
 */
#include "worker/trading/orders.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"

static const char *const status_names[] = {
	[ORDER_INTENT] = "intent",
	[ORDER_OPEN] = "open",
	[ORDER_FILLED] = "filled",
	[ORDER_CANCELED] = "canceled",
	[ORDER_REJECTED] = "rejected",
};

static const bool may_follow[ORDER_STATUS_COUNT][ORDER_STATUS_COUNT] = {
	[ORDER_INTENT] = { [ORDER_OPEN] = true,
	    [ORDER_CANCELED] = true,
	    [ORDER_REJECTED] = true },
	[ORDER_OPEN] = { [ORDER_FILLED] = true,
	    [ORDER_CANCELED] = true,
	    [ORDER_REJECTED] = true },
};

_Static_assert(
    ARRAY_SIZE(status_names) == ORDER_STATUS_COUNT, "a name for each status");

const char *
order_status_name(enum order_status status)
{
	return status_names[status];
}

int
order_status_parse(const char *text, enum order_status *ret_status)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
		if (strcmp(text, status_names[i]) == 0) {
			*ret_status = (enum order_status)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool
order_status_may_follow(enum order_status from, enum order_status to)
{
	return may_follow[from][to];
}

const char *
order_side_name(enum tradesup_side side)
{
	return side == TRADESUP_BUY ? "buy" : "sell";
}

static struct order_decision
skip(const char *why)
{
	return (struct order_decision){ .skipped = why };
}

/* How much to buy, or to sell short, for the configured money; NULL, or why not. */
static const char *
opening_quantity(
    const struct config_orders *rules, int64_t price, int64_t *ret_quantity)
{
	int64_t quantity;

	if (decimal_div(rules->order_notional, price, &quantity) < 0)
		return "risk:range";
	quantity = decimal_floor_to(quantity, rules->lot);
	if (quantity == 0)
		return "risk:lot";
	if (rules->max_position_notional > 0 &&
	    decimal_mul(quantity, price) > rules->max_position_notional)
		return "risk:max_position_notional";
	*ret_quantity = quantity;
	return NULL;
}

struct order_decision
order_decide(const struct config_orders *rules, const struct order_situation *situation)
{
	struct order_decision decision = { .side = situation->side };
	bool is_buy = situation->side == TRADESUP_BUY;
	int64_t position = situation->position;

	if (situation->order_open)
		return skip("order_open");
	if (is_buy ? position > 0 : position < 0)
		return skip("position_open");
	if (!is_buy && position == 0 && rules->long_only)
		return skip("no_position");
	if (situation->frozen)
		return skip("risk:freeze");

	if (position == 0) {
		decision.skipped =
		    opening_quantity(rules, situation->price, &decision.quantity);
		if (decision.skipped)
			return decision;
	} else {
		decision.quantity = position > 0 ? position : -position;
	}
	if (rules->max_orders_per_day > 0 &&
	    situation->orders_today >= rules->max_orders_per_day)
		return skip("risk:max_orders_per_day");
	return decision;
}

static uint64_t
fnv1a(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return hash;
}

void
order_client_id(
    const char *worker, const char *cluster_id, size_t limit, char ret_id[ORDER_ID_MAX])
{
	char whole[ORDER_ID_MAX * 2];
	int n;

	n = snprintf(whole, sizeof(whole), "ts-%s-%s", worker, cluster_id);
	if (n >= 0 && (size_t)n <= limit)
		memcpy(ret_id, whole, (size_t)n + 1);
	else
		snprintf(ret_id, ORDER_ID_MAX, "%.*s-%016llx", (int)(limit - 17), whole,
		    (unsigned long long)fnv1a(whole));
}
