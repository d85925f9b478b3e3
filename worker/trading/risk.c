/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits, one function each, in a table in their order. None of them knows a clock,
 * a file or a broker.
 */
#include "worker/trading/risk.h"

#include <stdio.h>

#include "common/cleanup.h"
#include "common/decimal.h"

#define PERCENT 100

typedef void (*rule)(const struct config_risk *limits,
    const struct risk_situation *situation, struct risk_verdict *verdict);

static void
refuse(struct risk_verdict *verdict, const char *name)
{
	verdict->is_refused = true;
	snprintf(verdict->rule, sizeof(verdict->rule), "%s", name);
}

static void
refuse_figures(struct risk_verdict *verdict, const char *name,
    enum risk_figures figures, int64_t value, int64_t limit)
{
	refuse(verdict, name);
	verdict->figures = figures;
	verdict->value = value;
	verdict->limit = limit;
}

static void
check_latch(const struct config_risk *limits, const struct risk_situation *situation,
    struct risk_verdict *verdict)
{
	const struct latch_check *latch = &situation->latch;

	(void)limits;
	if (latch->stops_all || (latch->stops_opening && situation->opens))
		refuse(verdict, latch->rule);
}

static void
check_kill_file(const struct config_risk *limits,
    const struct risk_situation *situation, struct risk_verdict *verdict)
{
	(void)limits;
	if (situation->kill_file != RISK_FILE_ABSENT)
		refuse(verdict, "kill_file");
}

static void
check_session(const struct config_risk *limits, const struct risk_situation *situation,
    struct risk_verdict *verdict)
{
	if (limits->session != SESSION_ALWAYS &&
	    situation->session != RISK_SESSION_OPEN)
		refuse(verdict, "session");
}

static void
check_stale(const struct config_risk *limits, const struct risk_situation *situation,
    struct risk_verdict *verdict)
{
	(void)limits;
	if (situation->is_stale)
		refuse(verdict, "stale_feed");
}

static void
check_daily_loss(const struct config_risk *limits,
    const struct risk_situation *situation, struct risk_verdict *verdict)
{
	if (limits->max_daily_loss == 0)
		return;
	if (!situation->is_loss_known) {
		refuse(verdict, LATCH_MAX_DAILY_LOSS);
	} else if (situation->loss > limits->max_daily_loss) {
		refuse_figures(verdict, LATCH_MAX_DAILY_LOSS, RISK_AMOUNTS,
		    situation->loss, limits->max_daily_loss);
		verdict->latch = LATCH_MAX_DAILY_LOSS;
	}
}

static int64_t
saturate(__int128 wide)
{
	return wide > INT64_MAX ? INT64_MAX : (int64_t)wide;
}

static void
check_notional(const struct config_risk *limits, const struct risk_situation *situation,
    struct risk_verdict *verdict)
{
	__int128 notional = decimal_mul(situation->quantity, situation->price);

	if (limits->max_order_notional > 0 && situation->opens &&
	    notional > limits->max_order_notional)
		refuse_figures(verdict, "max_order_notional", RISK_AMOUNTS,
		    saturate(notional), limits->max_order_notional);
}

/* |price − last| ÷ last, in percent; compared as a product, so that no digit is lost.
 */
static void
check_collar(const struct config_risk *limits, const struct risk_situation *situation,
    struct risk_verdict *verdict)
{
	int64_t last = situation->last_price;
	__int128 distance = (__int128)situation->price - last;

	if (limits->price_collar == 0)
		return;
	if (last <= 0) {
		refuse(verdict, "price_collar");
		return;
	}
	if (distance < 0)
		distance = -distance;
	/* Both sides have at most 63 + 34 bits. */
	if (distance * (PERCENT * DECIMAL_ONE) <= (__int128)limits->price_collar * last)
		return;
	refuse_figures(verdict, "price_collar", RISK_AMOUNTS,
	    saturate(distance * (PERCENT * DECIMAL_ONE) / last), limits->price_collar);
}

static void
check_cycle(const struct config_risk *limits, const struct risk_situation *situation,
    struct risk_verdict *verdict)
{
	if (limits->max_orders_per_cycle > 0 &&
	    situation->orders_in_cycle >= limits->max_orders_per_cycle)
		refuse_figures(verdict, "max_orders_per_cycle", RISK_COUNTS,
		    situation->orders_in_cycle, limits->max_orders_per_cycle);
}

static void
check_minute(const struct config_risk *limits, const struct risk_situation *situation,
    struct risk_verdict *verdict)
{
	if (limits->max_orders_per_minute == 0 ||
	    situation->orders_in_minute < limits->max_orders_per_minute)
		return;
	refuse_figures(verdict, "max_orders_per_minute", RISK_COUNTS,
	    situation->orders_in_minute, limits->max_orders_per_minute);
	verdict->latch = LATCH_ORDER_THROTTLE;
}

struct risk_verdict
risk_judge(const struct config_risk *limits, const struct risk_situation *situation)
{
	static const rule rules[] = { check_latch, check_kill_file, check_session,
		check_stale, check_daily_loss, check_notional, check_collar,
		check_cycle, check_minute };
	struct risk_verdict verdict = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rules) && !verdict.is_refused; i++)
		rules[i](limits, situation, &verdict);
	return verdict;
}
