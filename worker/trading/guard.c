/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the limits depend on, gathered, and their answers, carried out. Which order is
 * refused is decided in risk.c; the strategy's own rules are in orders.c.
 */
#include "worker/trading/guard.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/trading/killpoint.h"

#define MINUTE_NS (60 * NS_PER_S)

static enum risk_file
look_for(const char *path)
{
	if (!path || (access(path, F_OK) < 0 && errno == ENOENT))
		return RISK_FILE_ABSENT;
	return access(path, F_OK) == 0 ? RISK_FILE_THERE : RISK_FILE_UNKNOWN;
}

static struct latch_check
look_for_latches(const struct guard *guard)
{
	struct latch_check check = { 0 };

	if (guard->state_dir)
		latch_check(guard->state_dir, guard->worker, &check);
	if (guard->due.rule[0] && !check.stops_all) {
		check.stops_opening = check.stops_all = true;
		memcpy(check.rule, guard->due.rule, sizeof(check.rule));
	}
	return check;
}

/*
 * Of every order that has been sent or may have been, whatever became of it. The minute
 * is that of the events, so that a replay comes out the same at any speed; behind it
 * there is no end, since another symbol's events may be ahead.
 */
static int
count_minute(const struct guard *guard, int64_t time_ns, int64_t *ret_count)
{
	if (guard->trading->risk.max_orders_per_minute == 0) {
		*ret_count = 0;
		return 0;
	}
	return journal_orders_between(guard->journal,
	    time_ns < INT64_MIN + MINUTE_NS ? INT64_MIN : time_ns - MINUTE_NS + 1,
	    INT64_MAX, ret_count);
}

static void
add_figure(
    struct record *record, const char *key, enum risk_figures kind, int64_t value)
{
	if (kind == RISK_AMOUNTS)
		record_decimal(record, key, value);
	else if (kind == RISK_COUNTS)
		record_int(record, key, value);
}

static void
tell_refusal(struct guard *guard, const struct guard_order *order, const char *rule,
    const struct risk_verdict *figures)
{
	struct record record;

	record_init(&record, "order.refused");
	record_text(&record, "rule", rule);
	add_figure(&record, "value", figures->figures, figures->value);
	add_figure(&record, "limit", figures->figures, figures->limit);
	record_text(&record, "symbol", order->symbol);
	record_text(&record, "side", order_side_name(order->side));
	if (order->quantity > 0)
		record_decimal(&record, "quantity", order->quantity);
	record_decimal(&record, "price", order->price);
	record_text(&record, "cluster", order->cluster);
	news_add(&guard->news, LOG_LEVEL_WARNING, &record);
}

static void
describe(const struct risk_verdict *verdict, char reason[LATCH_REASON_MAX])
{
	struct record record;

	record_init(&record, NULL);
	record_text(&record, "rule", verdict->rule);
	add_figure(&record, "value", verdict->figures, verdict->value);
	add_figure(&record, "limit", verdict->figures, verdict->limit);
	record_logfmt(&record, reason, LATCH_REASON_MAX);
}

/* A person has to clear it. The first counts. */
static void
trip(struct guard *guard, const struct risk_verdict *verdict)
{
	struct latch *due = &guard->due;

	if (due->rule[0])
		return;
	*due = (struct latch){ .uid = getuid(), .time_ns = clock_realtime_ns() };
	snprintf(due->worker, sizeof(due->worker), "%s", guard->worker);
	snprintf(due->rule, sizeof(due->rule), "%s", verdict->latch);
	describe(verdict, due->reason);
}

int
guard_check(
    struct guard *guard, const struct guard_order *order, const char **ret_skipped)
{
	const struct config_risk *limits = &guard->trading->risk;
	struct risk_situation situation = {
		.quantity = order->quantity,
		.price = order->price,
		.opens = order->opens,
		.latch = look_for_latches(guard),
		.kill_file = look_for(limits->kill_file),
		.is_stale = guard->is_stale,
		.orders_in_cycle = order->orders_in_cycle,
		.last_price = order->last_price,
	};
	struct risk_verdict verdict;
	int r;

	r = count_minute(guard, order->time_ns, &situation.orders_in_minute);
	if (r != 0)
		return r;
	verdict = risk_judge(limits, &situation);
	*ret_skipped = NULL;
	if (!verdict.is_refused)
		return 0;
	if (verdict.latch)
		trip(guard, &verdict);
	snprintf(guard->skipped, sizeof(guard->skipped), "risk:%s", verdict.rule);
	tell_refusal(guard, order, verdict.rule, &verdict);
	*ret_skipped = guard->skipped;
	return 0;
}

void
guard_skipped(struct guard *guard, const struct guard_order *order, const char *skipped,
    const struct risk_verdict *figures)
{
	tell_refusal(guard, order, skipped + strlen("risk:"), figures);
}

/* Without a state directory, in a tool, there is nobody to latch. */
static void
write_latch(struct guard *guard, news_on_event on_event, void *data)
{
	struct record record;
	int r = 0;

	if (guard->state_dir)
		r = latch_set(guard->state_dir, &guard->due);
	kill_point("latch.written");
	record_init(&record, r < 0 ? "order.latch_failed" : "order.latched");
	record_text(&record, "rule", guard->due.rule);
	record_text(&record, "reason", guard->due.reason);
	if (r < 0)
		record_text(&record, "error", strerror(-r));
	if (on_event && r != LATCH_E_SET)
		on_event(LOG_LEVEL_ERROR, &record, data);
	if (r >= 0)
		guard->due = (struct latch){ .uid = -1 };
}

void
guard_committed(struct guard *guard, news_on_event on_event, void *data)
{
	if (guard->due.rule[0])
		write_latch(guard, on_event, data);
	news_tell(&guard->news, on_event, data);
}

void
guard_reset(struct guard *guard)
{
	news_tell(&guard->news, NULL, NULL);
	guard->due = (struct latch){ .uid = -1 };
}
