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
#include "common/timestamp.h"

#define MINUTE_NS (60 * NS_PER_S)

static enum risk_file
look_for(const char *path)
{
	if (!path || (access(path, F_OK) < 0 && errno == ENOENT))
		return RISK_FILE_ABSENT;
	return access(path, F_OK) == 0 ? RISK_FILE_THERE : RISK_FILE_UNKNOWN;
}

bool
guard_is_open(const struct guard *guard)
{
	const struct market_now now = { clock_boottime_ns(), clock_realtime_ns() };

	return market_is_open(guard->market, &now);
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
 * Of every order that has been sent or may have been, whatever became of it. To a real
 * broker the minute is that of the wall clock, since that is how fast the money goes:
 * what a feed catches up with after a pause is hours of events. Else it is that of the
 * events, so that a replay comes out the same at any speed; behind it there is no end,
 * since another symbol's events may be ahead.
 */
static int
count_minute(const struct guard *guard, int64_t time_ns, int64_t *ret_count)
{
	if (guard->trading->risk.max_orders_per_minute == 0) {
		*ret_count = 0;
		return 0;
	}
	if (!guard->is_embedded)
		return journal_orders_created(
		    guard->journal, clock_realtime_ns() - MINUTE_NS, ret_count);
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
	guard->is_dirty = true;
}

static bool
limits_loss(const struct guard *guard)
{
	return guard->trading->risk.max_daily_loss > 0;
}

static void
judge_loss(struct guard *guard)
{
	struct risk_verdict verdict = {
		.is_refused = true,
		.rule = LATCH_MAX_DAILY_LOSS,
		.latch = LATCH_MAX_DAILY_LOSS,
		.figures = RISK_AMOUNTS,
		.value = loss_amount(&guard->loss),
		.limit = guard->trading->risk.max_daily_loss,
	};

	guard->is_dirty = true;
	if (guard->loss.is_tripped || !loss_passes(&guard->loss, verdict.limit))
		return;
	guard->loss.is_tripped = true;
	trip(guard, &verdict);
}

void
guard_event(struct guard *guard, int64_t time_ns)
{
	int64_t day = guard->loss.day;

	if (!limits_loss(guard))
		return;
	loss_event(&guard->loss, time_ns);
	if (guard->loss.day != day)
		guard->is_dirty = true;
}

void
guard_price(struct guard *guard, int64_t position, int64_t from, int64_t to)
{
	if (position == 0 || !limits_loss(guard))
		return;
	loss_price(&guard->loss, position, from, to);
	judge_loss(guard);
}

/* struct fills - what a callback reaches the guard through */
struct fills {
	struct guard *guard;
	const char *symbol;
	int64_t last;
};

static int
on_fill(const struct journal_fill *fill, int64_t number, int64_t last, void *data)
{
	const struct fills *fills = data;
	struct loss *loss = &fills->guard->loss;

	if (fills->symbol && strcmp(fills->symbol, fill->symbol) == 0)
		last = fills->last;
	loss_fill(loss, fill->side, fill->quantity, fill->price, fill->fee, last);
	loss->fills = number;
	return 0;
}

int
guard_fills(struct guard *guard, const char *symbol, int64_t last)
{
	struct fills fills = { guard, symbol, last };
	int r;

	if (!limits_loss(guard))
		return 0;
	r = journal_each_fill_behind(
	    guard->journal, guard->loss.fills, on_fill, &fills);
	if (r == 0)
		judge_loss(guard);
	return r;
}

/* The limit is new, or was away for a while: of today there are the fills. */
static int
rebuild(struct guard *guard)
{
	struct journal_state state;
	int r;

	guard->loss = (struct loss){ 0 };
	r = journal_get_state(guard->journal, &state);
	if (r != 0 || state.time_ns == 0)
		return r;
	loss_event(&guard->loss, state.time_ns);
	r = journal_fill_before(guard->journal,
	    guard->loss.day * INT64_C(86400) * NS_PER_S, &guard->loss.fills);
	return r != 0 ? r : guard_fills(guard, NULL, 0);
}

static bool
is_of_today(struct guard *guard, const struct loss *loss)
{
	struct journal_state state;

	return journal_get_state(guard->journal, &state) == 0 &&
	       timestamp_utc_day(state.time_ns) <= loss->day;
}

int
guard_load(struct guard *guard)
{
	struct journal_risk risk = { .due = "" };
	int r;

	news_tell(&guard->news, NULL, NULL);
	guard->due = (struct latch){ .uid = getuid() };
	guard->is_dirty = false;
	r = journal_get_risk(guard->journal, &risk);
	if (r != 0 && r != JOURNAL_E_NONE)
		return r;
	if (risk.due[0]) {
		/* Committed, and then killed before its file was written. */
		guard->due.time_ns = clock_realtime_ns();
		snprintf(
		    guard->due.worker, sizeof(guard->due.worker), "%s", guard->worker);
		memcpy(guard->due.rule, risk.due, sizeof(risk.due));
		memcpy(guard->due.reason, risk.reason, sizeof(risk.reason));
	}
	guard->loss = risk.loss;
	if (!limits_loss(guard) || (r == 0 && is_of_today(guard, &risk.loss)))
		return 0;
	return rebuild(guard);
}

void
guard_begin(struct guard *guard)
{
	struct record record;

	if (!guard->loss.is_tripped || guard->due.rule[0] || !guard->state_dir ||
	    latch_is_set(guard->state_dir, guard->worker, LATCH_MAX_DAILY_LOSS))
		return;
	record_init(&record, "order.loss_forgiven");
	record_decimal(&record, "value", loss_amount(&guard->loss));
	news_add(&guard->news, LOG_LEVEL_NOTICE, &record);
	loss_forgive(&guard->loss);
	guard->is_dirty = true;
}

int
guard_write(struct guard *guard)
{
	struct journal_risk risk = { .loss = guard->loss };
	int r;

	if (!guard->is_dirty)
		return 0;
	memcpy(risk.due, guard->due.rule, sizeof(risk.due));
	memcpy(risk.reason, guard->due.reason, sizeof(risk.reason));
	r = journal_set_risk(guard->journal, &risk);
	guard->is_dirty = r != 0;
	return r;
}

/* To a real broker it goes now, on paper at the time of the event. */
static enum risk_session
look_for_session(const struct guard *guard, int64_t time_ns)
{
	bool is_open;

	if (guard->trading->risk.session == SESSION_ALWAYS)
		return RISK_SESSION_OPEN;
	is_open =
	    guard->is_embedded ? session_is_open(NULL, time_ns) : guard_is_open(guard);
	return is_open ? RISK_SESSION_OPEN : RISK_SESSION_CLOSED;
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
		.session = look_for_session(guard, order->time_ns),
		.is_stale = guard->is_stale,
		.orders_in_cycle = order->orders_in_cycle,
		.last_price = order->last_price,
		.is_loss_known = !guard->loss.is_unknown,
		.loss = loss_amount(&guard->loss),
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
	record_init(&record, r < 0 ? "order.latch_failed" : "order.latched");
	record_text(&record, "rule", guard->due.rule);
	record_text(&record, "reason", guard->due.reason);
	if (r < 0)
		record_text(&record, "error", strerror(-r));
	if (on_event && r != LATCH_E_SET)
		on_event(LOG_LEVEL_ERROR, &record, data);
	if (r < 0)
		return;
	guard->due.rule[0] = guard->due.reason[0] = '\0';
	guard->is_dirty = true;
}

void
guard_committed(struct guard *guard, news_on_event on_event, void *data)
{
	if (guard->due.rule[0])
		write_latch(guard, on_event, data);
	news_tell(&guard->news, on_event, data);
}
