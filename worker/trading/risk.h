/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of an order, pure: whether one that the strategy's rules allow may be
 * placed now. What it depends on has been gathered by the caller; in doubt the answer
 * is no.
 *
 * A refusal is `risk:<rule>` in the ledger and the event order.refused. Two of them are
 * for a person to clear (latch.h): a passed loss limit and the order throttle.
 */
#pragma once

#include "common/config_trading.h"
#include "common/latch.h"
#include "worker/trading/strategy.h"

/* A file whose being there stops orders; only its certain absence lets them pass. */
enum risk_file { RISK_FILE_ABSENT, RISK_FILE_THERE, RISK_FILE_UNKNOWN };
enum risk_session { RISK_SESSION_OPEN, RISK_SESSION_CLOSED, RISK_SESSION_UNKNOWN };

/** struct risk_situation - what a verdict depends on, besides the limits */
struct risk_situation {
	int64_t quantity, price; /* of the order; > 0 */
	bool opens; /* it makes a position, or a larger one; else it closes */
	struct latch_check latch;
	enum risk_file kill_file;
	enum risk_session session;
	bool is_stale; /* the feed has given nothing for too long */
	int64_t orders_in_cycle, orders_in_minute; /* sent so far, unknown ones too */
	int64_t last_price; /* of the trade before this one; 0: there was none */
	bool is_loss_known; /* @loss is the day's */
	int64_t loss;	    /* negative: a gain */
};

enum risk_figures { RISK_NO_FIGURES, RISK_COUNTS, RISK_AMOUNTS };

#define RISK_RULE_MAX LATCH_RULE_MAX

/** struct risk_verdict - why an order may not be placed, with the figures */
struct risk_verdict {
	bool is_refused;
	char rule[RISK_RULE_MAX]; /* "max_order_notional" */
	const char *latch; /* NULL; else the latch that this sets, a constant string */
	enum risk_figures figures;
	int64_t value, limit; /* as @figures says: counts, or decimals */
};

/**
 * risk_judge() - one order
 *
 * The rules in the order in which they are looked at: a latch, by its name; kill_file;
 * session; stale_feed; max_daily_loss; max_order_notional; price_collar;
 * max_orders_per_cycle; max_orders_per_minute. Those that stop a position from being
 * opened, but not from being closed: the latch module_fallback, and max_order_notional,
 * since a position may be worth more than it was.
 */
struct risk_verdict risk_judge(
    const struct config_risk *limits, const struct risk_situation *situation);
