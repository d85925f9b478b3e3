/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paper broker: fills a market order in full at the next event of its symbol,
 * against its cash. It keeps the cash and nothing else; which orders are open, the
 * caller knows. It reads no clock and writes no file, so the same calls always have the
 * same answers.
 */
#include "worker/trading/broker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "common/decimal.h"

/* Basis points are decimals: this is 10000 of them, the whole. */
#define BPS_WHOLE (10000 * DECIMAL_ONE)

struct broker {
	struct config_paper terms;
	int64_t cash;
};

static int
paper_create(const struct config_trading *trading, struct broker **ret_broker)
{
	struct broker *broker = calloc(1, sizeof(*broker));

	if (!broker)
		return -ENOMEM;
	broker->terms = trading->paper;
	broker->cash = trading->paper.cash;
	*ret_broker = broker;
	return 0;
}

static void
paper_restore(struct broker *broker, int64_t cash)
{
	broker->cash = cash;
}

static void
paper_submit(struct broker *broker, const struct broker_order *order,
    struct broker_report *ret_report)
{
	(void)broker;
	*ret_report = (struct broker_report){ .status = ORDER_OPEN };
	snprintf(
	    ret_report->id, sizeof(ret_report->id), "paper-%" PRId64, order->number);
}

static void
reject(const char *reason, struct broker_report *ret_report)
{
	*ret_report =
	    (struct broker_report){ .status = ORDER_REJECTED, .reason = reason };
}

/* Up for a buy, down for a sell; one division, truncated. */
static int
fill_price(const struct config_paper *terms, enum tradesup_side side, int64_t price,
    int64_t *ret_price)
{
	__int128 factor = BPS_WHOLE;

	factor += side == TRADESUP_BUY ? terms->slippage_bps : -terms->slippage_bps;
	return decimal_narrow(price * factor / BPS_WHOLE, ret_price);
}

/* @notional is a 64-bit value, so that the product with the rate fits 128 bits. */
static __int128
fee_of(const struct config_paper *terms, int64_t notional)
{
	__int128 product = (__int128)notional * terms->fee_bps;

	return (product + BPS_WHOLE - 1) / BPS_WHOLE;
}

/* Price, fee and the cash afterwards. Return: 0; -ERANGE: something does not fit 64
 * bits. */
static int
price_order(const struct broker *broker, const struct broker_order *order,
    int64_t price, struct broker_report *ret_report, __int128 *ret_cash)
{
	struct broker_report report = { .status = ORDER_FILLED };
	int64_t notional;
	int r;

	r = fill_price(&broker->terms, order->side, price, &report.price);
	if (r < 0)
		return r;
	r = decimal_narrow(decimal_mul(order->quantity, report.price), &notional);
	if (r < 0)
		return r;
	r = decimal_narrow(fee_of(&broker->terms, notional), &report.fee);
	if (r < 0)
		return r;
	*ret_cash = (__int128)broker->cash - report.fee +
		    (order->side == TRADESUP_BUY ? -(__int128)notional : notional);
	*ret_report = report;
	return 0;
}

static void
paper_event(struct broker *broker, const struct broker_order *order, int64_t price,
    struct broker_report *ret_report)
{
	bool is_buy = order->side == TRADESUP_BUY;
	__int128 cash;
	int r;

	r = price_order(broker, order, price, ret_report, &cash);
	/* What a buy costs is more than any cash if it does not even fit. */
	if (is_buy && (r < 0 || cash < 0)) {
		reject("insufficient_cash", ret_report);
		return;
	}
	if (r < 0 || decimal_narrow(cash, &broker->cash) < 0)
		reject("overflow", ret_report);
}

static void
paper_cancel(struct broker *broker, const struct broker_order *order,
    struct broker_report *ret_report)
{
	(void)broker;
	(void)order;
	*ret_report = (struct broker_report){ .status = ORDER_CANCELED };
}

static struct broker *
paper_free(struct broker *broker)
{
	free(broker);
	return NULL;
}

const struct broker_ops broker_paper = {
	.name = "paper",
	.embedded = true,
	.id_limit = ORDER_ID_MAX - 1,
	.create = paper_create,
	.restore = paper_restore,
	.submit = paper_submit,
	.event = paper_event,
	.cancel = paper_cancel,
	.free = paper_free,
};
