/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events and clusters, carried out: asks orders.c what is to be done, writes it to the
 * journal, and only then tells the broker. Where events and clusters come from, and
 * when a transaction ends, is not known here.
 */
#include "worker/trading/desk.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/decimal.h"
#include "common/paths.h"
#include "worker/trading/killpoint.h"

#define NS_PER_DAY (INT64_C(86400) * NS_PER_S)

/* Beside the workers' directories, since it is the account's. */
static int
keep_budget(struct desk *desk, struct error *error)
{
	_cleanup_free_ char *directory = NULL;

	if (!desk->guard.state_dir)
		return 0;
	directory = path_join(desk->guard.state_dir, "accounts");
	if (!directory)
		return -ENOMEM;
	return desk->ops->keep_budget(desk->broker, directory, error);
}

int
desk_init(struct desk *desk, struct error *error)
{
	struct courier_site site;
	int r;

	desk->ops = broker_find(desk->trading->broker);
	desk->guard.worker = desk->worker;
	desk->guard.trading = desk->trading;
	desk->guard.journal = desk->journal;
	desk->guard.is_embedded = desk->ops->embedded;
	r = desk->ops->create(desk->trading, &desk->broker);
	if (r < 0 || desk->ops->embedded)
		return r;
	r = keep_budget(desk, error);
	if (r < 0)
		return r;
	desk->guard.market = &desk->hours.market;
	site = (struct courier_site){
		.worker = desk->worker,
		.state_dir = desk->guard.state_dir,
		.freeze = desk->freeze,
		.journal_path = desk->journal_path,
		.trading = desk->trading,
		.guard = &desk->guard,
		.journal = desk->journal,
		.ops = desk->ops,
		.broker = desk->broker,
		.others = desk->others,
		.n_others = desk->n_others,
	};
	return courier_new(&site, &desk->courier);
}

void
desk_deinit(struct desk *desk)
{
	desk->courier = courier_free(desk->courier);
	if (desk->broker)
		desk->broker = desk->ops->free(desk->broker);
	book_deinit(&desk->book);
}

static int
restore_embedded(struct desk *desk)
{
	__int128 wide;
	int64_t cash;
	int r;

	r = journal_cash(desk->journal, &wide);
	if (r != 0)
		return r;
	r = decimal_narrow(wide, &cash);
	if (r < 0)
		return r;
	desk->ops->restore(desk->broker, cash);
	return 0;
}

int
desk_reset(struct desk *desk)
{
	int r;

	r = desk->courier ? courier_load(desk->courier) : restore_embedded(desk);
	if (r != 0)
		return r;
	desk->has_intent = false;
	book_reset(&desk->book);
	desk->clusters = desk->orders = desk->fills = 0;
	return guard_load(&desk->guard);
}

static int
record_fill(struct desk *desk, const struct tradesup_event *event,
    struct holding *holding, const struct broker_report *report)
{
	const struct broker_order *order = &holding->order;
	struct journal_fill fill = {
		.order = order->number,
		.symbol = event->symbol,
		.side = order->side,
		.quantity = order->quantity,
		.price = report->price,
		.fee = report->fee,
		.time_ns = event->time_ns,
	};
	int r;

	r = journal_add_fill(desk->journal, &fill);
	if (r != 0)
		return r;
	kill_point("journal.fill_written");
	holding->position +=
	    order->side == TRADESUP_BUY ? order->quantity : -order->quantity;
	desk->fills++;
	return guard_fills(&desk->guard, event->symbol, holding->price);
}

/* The open order of the event's symbol: the broker says what this event does to it. */
static int
settle(struct desk *desk, const struct tradesup_event *event, struct holding *holding)
{
	struct broker_report report;
	int r;

	desk->ops->event(desk->broker, &holding->order, event->price, &report);
	if (report.status == ORDER_OPEN)
		return 0;
	if (report.status == ORDER_FILLED) {
		r = record_fill(desk, event, holding, &report);
		if (r != 0)
			return r;
	}
	r = journal_move_order(desk->journal, holding->order.number, ORDER_OPEN,
	    report.status, NULL, report.reason);
	if (r != 0)
		return r;
	kill_point("journal.order_settled");
	holding->order_open = false;
	return 0;
}

int
desk_event(struct desk *desk, const struct tradesup_event *event)
{
	struct holding *holding;
	int r;

	r = book_at(
	    &desk->book, desk->journal, event->symbol_index, event->symbol, &holding);
	if (r != 0)
		return r;
	guard_event(&desk->guard, event->time_ns);
	if (holding->order_open && desk->ops->embedded) {
		r = settle(desk, event, holding);
		if (r != 0)
			return r;
	}
	guard_price(&desk->guard, holding->position, holding->price, event->price);
	book_set_price(&desk->book, event->symbol_index, event->price);
	return 0;
}

/* A file that may be there counts as there: only its certain absence lets orders pass.
 */
static bool
is_frozen(const struct desk *desk)
{
	return desk->freeze && (access(desk->freeze, F_OK) == 0 || errno != ENOENT);
}

static int
count_orders_of_day(struct desk *desk, int64_t time_ns, int64_t *ret_count)
{
	__int128 begin = (__int128)timestamp_utc_day(time_ns) * NS_PER_DAY;
	__int128 end = begin + NS_PER_DAY - 1;

	return journal_orders_between(desk->journal,
	    begin < INT64_MIN ? INT64_MIN : (int64_t)begin,
	    end > INT64_MAX ? INT64_MAX : (int64_t)end, ret_count);
}

/* The figures of the limits that order_decide() knows. */
static struct risk_verdict
figures_of(const struct desk *desk, const struct order_situation *situation)
{
	const struct config_orders *rules = &desk->trading->orders;
	struct risk_verdict figures = { 0 };

	if (rules->max_orders_per_day > 0 &&
	    situation->orders_today >= rules->max_orders_per_day) {
		figures.figures = RISK_COUNTS;
		figures.value = situation->orders_today;
		figures.limit = rules->max_orders_per_day;
	}
	return figures;
}

/* What the rules let pass, or refuse by one of the limits in them, is the guard's. */
static int
guard(struct desk *desk, const struct tradesup_event *event, const char *id,
    const struct order_situation *situation, struct order_decision *decision)
{
	const struct guard_order order = {
		.symbol = event->symbol,
		.cluster = id,
		.side = decision->side,
		.quantity = decision->quantity,
		.price = situation->price,
		.opens = situation->position == 0,
		.last_price = desk->book.holdings[event->symbol_index].last_price,
		.time_ns = event->time_ns,
		.orders_in_cycle = desk->orders,
	};
	struct risk_verdict figures;

	if (!decision->skipped)
		return guard_check(&desk->guard, &order, &decision->skipped);
	if (strncmp(decision->skipped, "risk:", 5) == 0) {
		figures = figures_of(desk, situation);
		guard_skipped(&desk->guard, &order, decision->skipped, &figures);
	}
	return 0;
}

static int
decide(struct desk *desk, const struct tradesup_event *event,
    const struct tradesup_cluster *cluster, const char *id,
    struct order_decision *ret_decision)
{
	const struct holding *holding = &desk->book.holdings[event->symbol_index];
	struct order_situation situation = {
		.side = cluster->side,
		.price = event->price,
		.position = holding->position,
		.order_open = holding->order_open,
		.frozen = is_frozen(desk),
	};
	int r;

	if (desk->trading->orders.max_orders_per_day > 0) {
		r = count_orders_of_day(desk, event->time_ns, &situation.orders_today);
		if (r != 0)
			return r;
	}
	*ret_decision = order_decide(&desk->trading->orders, &situation);
	if (desk->courier && !ret_decision->skipped)
		ret_decision->skipped = courier_stops(desk->courier);
	return guard(desk, event, id, &situation, ret_decision);
}

static int
record_cluster(struct desk *desk, const struct tradesup_event *event,
    const struct tradesup_cluster *cluster, const char *id, const char *skipped,
    int64_t *ret_number)
{
	char notional[DECIMAL_TEXT_MAX];
	struct journal_cluster row = {
		.id = id,
		.symbol = event->symbol,
		.side = cluster->side,
		.first_ns = cluster->first_ns,
		.last_ns = event->time_ns,
		.trades = (int64_t)cluster->trades,
		.notional = notional,
		.price = event->price,
		.skipped = skipped,
	};
	int r;

	decimal_format(cluster->notional, notional);
	r = journal_add_cluster(desk->journal, &row, ret_number);
	if (r != 0)
		return r;
	kill_point("journal.cluster_written");
	desk->clusters++;
	return 0;
}

/* To a real broker it goes once it is on the disk: desk_committed(). */
static int
place_later(struct desk *desk, struct journal_order *intent, struct holding *holding)
{
	int r;

	intent->created_ns = clock_realtime_ns();
	r = journal_add_order(desk->journal, intent, &intent->number);
	if (r != 0)
		return r;
	kill_point("journal.intent_written");
	r = courier_expect(desk->courier, intent);
	if (r != 0)
		return r;
	holding->order_open = true;
	desk->has_intent = true;
	desk->orders++;
	return 0;
}

/* The intent first, then the broker, then what the broker said. */
static int
place(struct desk *desk, const struct journal_order *intent, struct holding *holding)
{
	struct broker_order order = { .side = intent->side,
		.quantity = intent->quantity };
	struct broker_report report;
	int r;

	r = journal_add_order(desk->journal, intent, &order.number);
	if (r != 0)
		return r;
	kill_point("journal.intent_written");
	desk->ops->submit(desk->broker, &order, &report);
	r = journal_move_order(desk->journal, order.number, ORDER_INTENT, report.status,
	    report.id, report.reason);
	if (r != 0)
		return r;
	kill_point("journal.order_open");
	holding->order_open = report.status == ORDER_OPEN;
	holding->order = order;
	desk->orders++;
	return 0;
}

int
desk_cluster(struct desk *desk, const struct tradesup_event *event,
    const struct tradesup_cluster *cluster, const char *id)
{
	char client_order_id[ORDER_ID_MAX];
	struct order_decision decision;
	struct holding *holding;
	struct journal_order intent;
	int r;

	r = book_at(
	    &desk->book, desk->journal, event->symbol_index, event->symbol, &holding);
	if (r != 0)
		return r;
	r = decide(desk, event, cluster, id, &decision);
	if (r != 0)
		return r;
	intent = (struct journal_order){
		.client_order_id = client_order_id,
		.symbol = event->symbol,
		.side = decision.side,
		.quantity = decision.quantity,
		.status = ORDER_INTENT,
		.time_ns = event->time_ns,
		.config_hash = desk->trading->hash,
		.module_hash = desk->module_hash,
	};
	r = record_cluster(desk, event, cluster, id, decision.skipped, &intent.cluster);
	if (r != 0 || decision.skipped)
		return r;
	order_client_id(desk->worker, id, desk->ops->id_limit, client_order_id);
	return desk->courier ? place_later(desk, &intent, holding)
			     : place(desk, &intent, holding);
}

/* What has become of orders is in the journal: the book reads it again. */
static int
take_news(struct desk *desk)
{
	int64_t fills = courier_fills(desk->courier);

	if (courier_has_news(desk->courier))
		book_refresh(&desk->book);
	desk->fills += fills;
	return fills > 0 ? guard_fills(&desk->guard, NULL, 0) : 0;
}

/* The first failure counts; the news are taken in any case. */
static int
take_news_after(struct desk *desk, int r)
{
	int other = take_news(desk);

	return r != 0 ? r : other;
}

int
desk_committed(struct desk *desk)
{
	int r;

	if (!desk->has_intent)
		return 0;
	desk->has_intent = false;
	r = courier_send(desk->courier);
	return take_news_after(desk, r);
}

static bool
needs_hours(const struct desk *desk)
{
	return desk->trading->risk.session == SESSION_US_EQUITIES;
}

int
desk_turn(struct desk *desk)
{
	int r;

	if (!desk->courier)
		return 0;
	r = courier_turn(desk->courier);
	if (r == 0 && courier_is_ready(desk->courier) && needs_hours(desk))
		hours_refresh(&desk->hours, desk->ops, desk->broker);
	return take_news_after(desk, r);
}

bool
desk_is_ready(const struct desk *desk)
{
	if (!desk->courier)
		return true;
	return courier_is_ready(desk->courier) &&
	       (!needs_hours(desk) ||
		   hours_are_known(&desk->hours, desk->ops, desk->broker));
}

bool
desk_may_end(const struct desk *desk)
{
	return !desk->courier || courier_may_end(desk->courier);
}

int
desk_cancel_open(struct desk *desk, int64_t *ret_canceled)
{
	struct journal_order live;
	int64_t canceled = 0;
	int r;

	while ((r = journal_live_order(desk->journal, NULL, &live)) == 0) {
		struct broker_order order = { .number = live.number,
			.side = live.side,
			.quantity = live.quantity };
		struct broker_report report;

		desk->ops->cancel(desk->broker, &order, &report);
		r = journal_move_order(desk->journal, live.number, live.status,
		    report.status, NULL, "make_safe");
		if (r != 0)
			return r;
		kill_point("journal.order_canceled");
		canceled++;
	}
	if (r != JOURNAL_E_NONE)
		return r;
	*ret_canceled = canceled;
	return 0;
}
