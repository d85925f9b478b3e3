/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders on their way: each of them a copy of its row, the requests that order_next()
 * asks for, and the rows and events that come of the answers. No order is made here,
 * and none is sent that the journal does not have.
 */
#include "worker/trading/courier.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/latch.h"
#include "worker/trading/killpoint.h"
#include "worker/trading/reconcile.h"

#define TURN_NS (2 * NS_PER_S)	      /* of requests, before a turn ends */
#define LOOK_MIN_NS (100 * NS_PER_MS) /* between two looks at an order */
#define LOOK_MAX_NS (5 * NS_PER_S)
#define WATCH_NS (60 * NS_PER_S) /* between two looks for one that was given up */
#define STEPS_MAX 4		 /* of an order in one turn */
#define LAST_CASH_TRIES 5
#define RECONCILE_NS (10 * NS_PER_S) /* between two, when the broker comes and goes */

/* struct parcel - an order whose life goes on */
struct parcel {
	int64_t number;
	char *client_order_id, *symbol; /* owned */
	char broker_id[BROKER_ID_MAX];	/* "": not known */
	enum tradesup_side side;
	int64_t quantity;
	struct order_life life;
	bool late;
	int64_t filled, average;
	int64_t sent_ns;      /* wall clock; 0: never in our knowledge */
	int64_t next_look_ns; /* monotonic */
	bool is_uncommitted;  /* its transaction is under way */
	bool is_row_intent;   /* while loading: the journal has to be told */
	bool is_told_unknown, is_held;
};

struct courier {
	struct courier_site site;
	struct order_terms terms;
	news_on_event on_event;
	void *on_event_data;

	struct parcel *parcels;
	size_t n_parcels, n_allocated;
	bool is_reconciled;
	bool is_held; /* a mismatch, if the latch cannot be set */
	bool is_due;  /* reconciling, once more */
	bool is_told_difference;
	char *difference;	 /* as text; owned */
	int64_t difference_ns;	 /* monotonic, since when it is this one */
	int64_t reconciled_ns;	 /* monotonic */
	bool is_unreachable;	 /* told */
	bool is_busy, is_locked; /* told */
	bool has_news;
	bool is_cash_old;
	int cash_tries; /* at the feed's end */
	int64_t fills;
	int64_t
	    end_ns; /* monotonic: the feed has ended, and so long open orders have */
};

/* Events ------------------------------------------------------------------------ */

static void
emit(struct courier *courier, enum log_level level, struct record *record)
{
	if (courier->on_event)
		courier->on_event(level, record, courier->on_event_data);
}

static void
start_event(struct record *record, const char *event, const struct parcel *parcel)
{
	record_init(record, event);
	record_text(record, "client_order_id", parcel->client_order_id);
	record_text(record, "symbol", parcel->symbol);
	record_text(record, "side", order_side_name(parcel->side));
	record_decimal(record, "quantity", parcel->quantity);
}

static void
tell(struct courier *courier, enum log_level level, const char *event,
    const struct parcel *parcel, const char *reason)
{
	struct record record;

	start_event(&record, event, parcel);
	if (parcel->filled > 0) {
		record_decimal(&record, "filled", parcel->filled);
		record_decimal(&record, "price", parcel->average);
	}
	record_text(&record, "reason", reason && *reason ? reason : NULL);
	emit(courier, level, &record);
}

static void
tell_state(struct courier *courier, enum log_level level, const char *event,
    const struct broker_reply *reply)
{
	const char *why = NULL;
	int64_t ready_ns = courier->site.ops->ready_ns(courier->site.broker, &why);
	struct record record;

	record_init(&record, event);
	record_text(&record, "broker", courier->site.ops->name);
	if (level < LOG_LEVEL_NOTICE) {
		record_text(&record, "kind", "net");
		record_text(&record, "reason", reply->text);
	}
	if (level < LOG_LEVEL_NOTICE && ready_ns > 0 && ready_ns != INT64_MAX)
		record_int(
		    &record, "retry_ms", (ready_ns - clock_monotonic_ns()) / NS_PER_MS);
	emit(courier, level, &record);
}

/* What has become of the broker itself, once a change. */
static void
tell_broker(struct courier *courier, const struct broker_reply *reply)
{
	bool is_silent =
	    reply->result == BROKER_UNSENT || reply->result == BROKER_UNCLEAR;
	bool is_busy = reply->result == BROKER_BUSY;
	bool is_locked = reply->result == BROKER_LOCKED;

	if (is_locked && !courier->is_locked)
		tell_state(courier, LOG_LEVEL_ERROR, "broker.locked", reply);
	else if (is_silent && !courier->is_unreachable)
		tell_state(courier, LOG_LEVEL_WARNING, "broker.unreachable", reply);
	else if (is_busy && !courier->is_busy)
		tell_state(courier, LOG_LEVEL_WARNING, "broker.busy", reply);
	courier->is_busy = is_busy;
	courier->is_locked |= is_locked;
	if (!is_silent && !is_busy && !is_locked && courier->is_unreachable) {
		tell_state(courier, LOG_LEVEL_NOTICE, "broker.reachable", reply);
		courier->is_due = true;
		courier->is_unreachable = false;
	}
	courier->is_unreachable |= is_silent;
}

static void
tell_trouble(struct courier *courier, const char *text)
{
	struct record record;

	record_init(&record, "broker.trouble");
	record_text(&record, "broker", courier->site.ops->name);
	record_text(&record, "reason", text);
	emit(courier, LOG_LEVEL_WARNING, &record);
}

/* A person must look at it before another order is sent; over restarts, too. */
static void
hold(struct courier *courier, const char *reason)
{
	struct latch latch = {
		.rule = LATCH_MISMATCH, .time_ns = clock_realtime_ns(), .uid = getuid()
	};

	courier->is_held = true;
	if (!courier->site.state_dir)
		return;
	snprintf(latch.worker, sizeof(latch.worker), "%s", courier->site.worker);
	snprintf(latch.reason, sizeof(latch.reason), "%s", reason);
	/* Once it is set it alone counts, since a person may clear it; where it cannot
	 * be, this life at least is stopped. */
	if (latch_set(courier->site.state_dir, &latch) >= 0)
		courier->is_held = false;
}

static void
tell_mismatch(struct courier *courier, struct parcel *parcel, const char *reason)
{
	char text[LATCH_REASON_MAX];

	if (parcel->is_held)
		return;
	parcel->is_held = true;
	snprintf(text, sizeof(text), "order %s: %s", parcel->client_order_id, reason);
	hold(courier, text);
	tell(courier, LOG_LEVEL_ERROR, "order.mismatch", parcel, reason);
}

/* Parcels ----------------------------------------------------------------------- */

static void
parcel_deinit(struct parcel *parcel)
{
	free(parcel->client_order_id);
	free(parcel->symbol);
}

static void
forget_all(struct courier *courier)
{
	for (size_t i = 0; i < courier->n_parcels; i++)
		parcel_deinit(&courier->parcels[i]);
	courier->n_parcels = 0;
}

/* Those whose lives are over; the others keep their order. */
static void
forget_final(struct courier *courier)
{
	int64_t now_ns = clock_realtime_ns();
	size_t kept = 0;

	for (size_t i = 0; i < courier->n_parcels; i++) {
		struct parcel *parcel = &courier->parcels[i];

		if (order_is_live(parcel->life.status) ||
		    order_is_watched(&parcel->life, &courier->terms, now_ns))
			courier->parcels[kept++] = *parcel;
		else
			parcel_deinit(parcel);
	}
	courier->n_parcels = kept;
}

static int
add_parcel(struct courier *courier, const struct journal_order *order,
    struct parcel **ret_parcel)
{
	struct parcel *parcel;

	if (courier->n_parcels == courier->n_allocated) {
		size_t n = courier->n_allocated ? 2 * courier->n_allocated : 16;
		struct parcel *larger =
		    reallocarray(courier->parcels, n, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		courier->parcels = larger;
		courier->n_allocated = n;
	}
	parcel = &courier->parcels[courier->n_parcels];
	*parcel = (struct parcel){
		.number = order->number,
		.client_order_id = strdup(order->client_order_id),
		.symbol = strdup(order->symbol),
		.side = order->side,
		.quantity = order->quantity,
		.life = { .status = order->status, .created_ns = order->created_ns },
	};
	if (!parcel->client_order_id || !parcel->symbol) {
		parcel_deinit(parcel);
		return -ENOMEM;
	}
	courier->n_parcels++;
	*ret_parcel = parcel;
	return 0;
}

/* What stops an order that is about to leave, whatever was decided before. */
static bool
is_stopped(const struct courier *courier)
{
	struct latch_check check = { 0 };

	if (courier->is_held)
		return true;
	if (courier->site.freeze &&
	    (access(courier->site.freeze, F_OK) == 0 || errno != ENOENT))
		return true;
	if (courier->site.state_dir)
		latch_check(courier->site.state_dir, courier->site.worker, &check);
	return check.stops_all;
}

static bool
is_broker_ready(const struct courier *courier)
{
	const char *why;

	return courier->site.ops->ready_ns(courier->site.broker, &why) <=
	       clock_monotonic_ns();
}

/*
 * When an order is looked at next: often while it is young, and never so that all of
 * them together use more than half of the requests that the account has.
 */
static int64_t
look_interval_ns(const struct courier *courier, const struct parcel *parcel)
{
	int64_t age_ns = clock_realtime_ns() - parcel->life.created_ns;
	int64_t share_ns = (int64_t)courier->n_parcels * 120 * NS_PER_S /
			   courier->site.trading->alpaca.rate;
	int64_t interval_ns = age_ns / 4;

	if (parcel->life.status == ORDER_EXPIRED)
		return WATCH_NS;
	/* A row of "not found" has to be seen at both of its ends. */
	if (order_is_unknown(parcel->life.status) &&
	    interval_ns > courier->terms.settle_ns / 4)
		interval_ns = courier->terms.settle_ns / 4;
	if (interval_ns < share_ns)
		interval_ns = share_ns;
	if (interval_ns < LOOK_MIN_NS)
		interval_ns = LOOK_MIN_NS;
	return interval_ns > LOOK_MAX_NS ? LOOK_MAX_NS : interval_ns;
}

/* The journal ------------------------------------------------------------------- */

static int
write_fill(struct courier *courier, const struct parcel *parcel,
    const struct broker_view *view)
{
	struct journal_fill fill = {
		.order = parcel->number,
		.symbol = parcel->symbol,
		.side = parcel->side,
		.time_ns = view->time_ns ? view->time_ns : clock_realtime_ns(),
	};
	int r;

	order_fill(parcel->filled, parcel->average, view->filled, view->average,
	    &fill.quantity, &fill.price);
	r = journal_add_fill(courier->site.journal, &fill);
	kill_point("order.fill_written");
	return r;
}

/* struct outcome - what an order has become, to be written and told */
struct outcome {
	struct order_step step;
	const struct broker_view *view; /* NULL: nothing was shown */
	const char *reason;
};

static int
write_outcome(
    struct courier *courier, const struct parcel *parcel, const struct outcome *outcome)
{
	const struct broker_view *view = outcome->view;
	struct journal_change change = {
		.number = parcel->number,
		.from = parcel->life.status,
		.life = outcome->step.life,
		.broker_id = view ? view->id : NULL,
		.reason = outcome->reason,
		.late = parcel->late || (parcel->life.status == ORDER_EXPIRED && view),
		.filled = parcel->filled,
		.average = parcel->average,
		.looked_ns = clock_realtime_ns(),
	};
	int r = 0;

	if (view && view->filled > parcel->filled) {
		r = write_fill(courier, parcel, view);
		change.filled = view->filled;
		change.average = view->average;
	}
	if (r == 0)
		r = journal_change_order(courier->site.journal, &change);
	kill_point("order.change_written");
	return r;
}

static int
commit_outcome(
    struct courier *courier, const struct parcel *parcel, const struct outcome *outcome)
{
	int r;

	r = journal_begin(courier->site.journal);
	if (r == 0)
		r = write_outcome(courier, parcel, outcome);
	if (r == 0)
		r = journal_commit(courier->site.journal);
	if (r != 0)
		journal_rollback(courier->site.journal);
	kill_point("order.change_committed");
	return r;
}

/* A look that changed nothing but when it was, or since when the order is missing. */
static int
commit_look(
    struct courier *courier, struct parcel *parcel, const struct order_life *life)
{
	int r;

	if (life->missing_since_ns == parcel->life.missing_since_ns)
		return 0;
	r = journal_begin(courier->site.journal);
	if (r == 0)
		r = journal_mark_look(courier->site.journal, parcel->number,
		    clock_realtime_ns(), life->missing_since_ns);
	if (r == 0)
		r = journal_commit(courier->site.journal);
	if (r != 0)
		journal_rollback(courier->site.journal);
	return r;
}

/* Told once the row is on the disk. */
static void
tell_outcome(struct courier *courier, const struct parcel *parcel,
    enum order_status before, const char *reason, bool is_found)
{
	static const struct {
		const char *event;
		enum log_level level;
	} events[ORDER_STATUS_COUNT] = {
		[ORDER_OPEN] = { "order.open", LOG_LEVEL_INFO },
		[ORDER_PARTIALLY_FILLED] = { "order.partially_filled", LOG_LEVEL_INFO },
		[ORDER_FILLED] = { "order.filled", LOG_LEVEL_INFO },
		[ORDER_CANCELED] = { "order.canceled", LOG_LEVEL_NOTICE },
		[ORDER_REJECTED] = { "order.rejected", LOG_LEVEL_WARNING },
		[ORDER_REFUSED] = { "order.refused", LOG_LEVEL_WARNING },
		[ORDER_EXPIRED] = { "order.expired", LOG_LEVEL_WARNING },
	};
	enum order_status now = parcel->life.status;

	if (is_found && (order_is_unknown(before) || before == ORDER_EXPIRED))
		tell(courier, LOG_LEVEL_NOTICE, "order.adopted", parcel, NULL);
	if (events[now].event && (now != before || now == ORDER_PARTIALLY_FILLED))
		tell(courier, events[now].level, events[now].event, parcel, reason);
}

/* An order's life goes on: rows first, then the copy in memory, then events. */
static int
settle(struct courier *courier, struct parcel *parcel, const struct outcome *outcome,
    bool is_found)
{
	const struct order_life *life = &outcome->step.life;
	const struct broker_view *view = outcome->view;
	enum order_status before = parcel->life.status;
	bool is_fill = view && view->filled > parcel->filled;
	int r;

	if (life->status == before && !is_fill &&
	    life->unproven == parcel->life.unproven &&
	    life->duplicate == parcel->life.duplicate &&
	    (!view || parcel->broker_id[0])) {
		r = commit_look(courier, parcel, life);
		if (r == 0)
			parcel->life = *life;
		return r;
	}
	r = commit_outcome(courier, parcel, outcome);
	if (r != 0)
		return r;
	parcel->late |= before == ORDER_EXPIRED && view;
	parcel->life = *life;
	if (view)
		strcpy(parcel->broker_id, view->id);
	if (is_fill) {
		parcel->filled = view->filled;
		parcel->average = view->average;
		courier->fills++;
	}
	courier->is_cash_old |= is_fill;
	courier->has_news = true;
	if (life->status != before || is_fill)
		tell_outcome(courier, parcel, before, outcome->reason, is_found);
	return 0;
}

/* Requests ---------------------------------------------------------------------- */

/* The same but for the '/' of a pair, which some answers leave out. */
static bool
is_same_symbol(const char *a, const char *b)
{
	while (*a || *b) {
		a += *a == '/';
		b += *b == '/';
		if (*a != *b)
			return false;
		if (*a) {
			a++;
			b++;
		}
	}
	return true;
}

static bool
has_our_terms(const struct parcel *parcel, const struct broker_view *view)
{
	return view->is_market && view->side == parcel->side &&
	       view->quantity == parcel->quantity &&
	       is_same_symbol(view->symbol, parcel->symbol);
}

/* What a look-up's result is an event of. */
static enum order_event
looked(const struct parcel *parcel, const struct broker_reply *reply)
{
	if (reply->result == BROKER_SHOWN)
		return has_our_terms(parcel, &reply->view) ? ORDER_EVENT_KNOWN
							   : ORDER_EVENT_OTHER;
	if (reply->result == BROKER_NOT_FOUND)
		return ORDER_EVENT_NOT_FOUND;
	return ORDER_EVENT_LOOK_UP_FAILED;
}

static enum order_event
look_up(struct courier *courier, struct parcel *parcel, struct broker_reply *reply)
{
	courier->site.ops->look_up(
	    courier->site.broker, parcel->client_order_id, reply);
	kill_point("order.looked_up");
	tell_broker(courier, reply);
	parcel->next_look_ns = clock_monotonic_ns() + look_interval_ns(courier, parcel);
	return looked(parcel, reply);
}

/* That a request leaves is on record before it does. */
static int
record_posting(struct courier *courier, struct parcel *parcel)
{
	struct order_life life = order_next(&parcel->life, ORDER_EVENT_POSTING,
	    ORDER_OPEN, &courier->terms, clock_realtime_ns())
				     .life;
	int64_t now_ns = clock_realtime_ns();
	int r;

	r = journal_begin(courier->site.journal);
	if (r == 0)
		r = journal_mark_sent(
		    courier->site.journal, parcel->number, now_ns, life.unproven);
	if (r == 0)
		r = journal_commit(courier->site.journal);
	if (r != 0) {
		journal_rollback(courier->site.journal);
		return r;
	}
	parcel->life = life;
	parcel->sent_ns = now_ns;
	kill_point("order.posting_recorded");
	return 0;
}

/* What a POST's result is an event of. An answer with other terms than ours is an
 * answer to somebody else: it says nothing of this order. */
static enum order_event
posted(const struct parcel *parcel, const struct broker_reply *reply)
{
	switch (reply->result) {
	case BROKER_SHOWN:
		return has_our_terms(parcel, &reply->view) ? ORDER_EVENT_KNOWN
							   : ORDER_EVENT_LOST;
	case BROKER_DENIED:
		return ORDER_EVENT_DENIED;
	case BROKER_DUPLICATE:
		return ORDER_EVENT_DUPLICATE;
	case BROKER_BUSY:
	case BROKER_LOCKED:
	case BROKER_UNSENT:
		return ORDER_EVENT_NOT_TAKEN;
	case BROKER_DONE:
	case BROKER_NOT_FOUND:
	case BROKER_UNCLEAR:
		break;
	}
	return ORDER_EVENT_LOST;
}

static void
tell_posted(struct courier *courier, struct parcel *parcel, enum order_event event,
    const struct broker_reply *reply)
{
	struct record record;

	if (event == ORDER_EVENT_NOT_TAKEN)
		return;
	start_event(&record, "order.sent", parcel);
	record_int(&record, "requests", parcel->life.unproven);
	emit(courier, LOG_LEVEL_INFO, &record);
	if (event == ORDER_EVENT_LOST)
		tell(courier, LOG_LEVEL_WARNING, "order.unknown", parcel, reply->text);
}

/* Return: 0 with @ret_event; as the journal's functions: nothing was sent. */
static int
post(struct courier *courier, struct parcel *parcel, struct broker_reply *reply,
    enum order_event *ret_event)
{
	struct broker_request request = {
		.client_order_id = parcel->client_order_id,
		.symbol = parcel->symbol,
		.side = parcel->side,
		.quantity = parcel->quantity,
	};
	int r;

	r = record_posting(courier, parcel);
	if (r != 0)
		return r;
	courier->site.ops->post(courier->site.broker, &request, reply);
	kill_point("order.posted");
	*ret_event = posted(parcel, reply);
	tell_posted(courier, parcel, *ret_event, reply);
	tell_broker(courier, reply);
	parcel->next_look_ns = clock_monotonic_ns() + look_interval_ns(courier, parcel);
	return 0;
}

/* The broker's word against ours, where it is not for order_next() to see. */
static void
judge_view(struct courier *courier, struct parcel *parcel,
    const struct broker_view *view, enum order_action action)
{
	if (action == ORDER_HOLD && parcel->life.status == ORDER_EXPIRED)
		tell_mismatch(courier, parcel, "it is at the broker after all");
	else if (action == ORDER_HOLD)
		tell_mismatch(
		    courier, parcel, "the broker's order of this id is not ours");
	else if (strcmp(view->word, "replaced") == 0)
		tell_mismatch(courier, parcel, "it was replaced at the broker");
	else if (view->filled < parcel->filled)
		tell_mismatch(courier, parcel, "less of it is filled than was");
}

/* Why a status was reached, for the ledger and the event. */
static const char *
reason_of(const struct courier *courier, const struct parcel *parcel,
    enum order_event event, const struct order_life *life,
    const struct broker_reply *reply)
{
	switch (life->status) {
	case ORDER_EXPIRED:
		return event == ORDER_EVENT_DENIED ? reply->text : "max_age";
	case ORDER_REFUSED:
		return courier->is_held ? "risk:mismatch" : "risk:stopped";
	case ORDER_REJECTED:
		if (event == ORDER_EVENT_OTHER)
			return "the broker's order of this id has other terms";
		return event == ORDER_EVENT_KNOWN ? reply->view.word : reply->text;
	case ORDER_CANCELED:
		return event == ORDER_EVENT_KNOWN ? reply->view.word : NULL;
	case ORDER_INTENT:
	case ORDER_SENT:
	case ORDER_OPEN:
	case ORDER_PARTIALLY_FILLED:
	case ORDER_FILLED:
	case ORDER_STATUS_COUNT:
		break;
	}
	(void)parcel;
	return NULL;
}

/*
 * One order from an event to where nothing more can be done in this turn: the event's
 * consequence is written, then what order_next() asks for is carried out, whose outcome
 * is the next event.
 */
static int
advance(struct courier *courier, struct parcel *parcel, enum order_event event)
{
	struct broker_reply reply = { 0 };
	bool is_found = false, is_looked = false;
	int r;

	for (int i = 0; i < STEPS_MAX; i++) {
		struct outcome outcome = { 0 };
		enum order_action action;

		courier->terms.stopped = is_stopped(courier);
		outcome.step = order_next(&parcel->life, event, reply.view.status,
		    &courier->terms, clock_realtime_ns());
		action = outcome.step.action;
		if (event == ORDER_EVENT_KNOWN)
			outcome.view = &reply.view;
		if (outcome.step.life.status != parcel->life.status)
			outcome.reason = reason_of(
			    courier, parcel, event, &outcome.step.life, &reply);
		if (event == ORDER_EVENT_KNOWN || event == ORDER_EVENT_OTHER)
			judge_view(courier, parcel, &reply.view, action);
		else if (action == ORDER_HOLD)
			tell_mismatch(courier, parcel,
			    parcel->life.duplicate
				? "its id is in use, and the broker does not show it"
				: "it is not at the broker");
		r = settle(courier, parcel, &outcome, is_found);
		if (r != 0)
			return r;
		if (!is_broker_ready(courier))
			return 0;
		if (action == ORDER_POST) {
			r = post(courier, parcel, &reply, &event);
			if (r != 0)
				return r;
			is_found = false;
		} else if (action == ORDER_LOOK_UP && !is_looked) {
			event = look_up(courier, parcel, &reply);
			is_looked = is_found = true;
		} else {
			return 0;
		}
	}
	return 0;
}

/* Life -------------------------------------------------------------------------- */

int
courier_new(const struct courier_site *site, struct courier **ret_courier)
{
	struct courier *courier = calloc(1, sizeof(*courier));

	if (!courier)
		return -ENOMEM;
	courier->site = *site;
	courier->terms = site->ops->terms(site->trading);
	*ret_courier = courier;
	return 0;
}

struct courier *
courier_free(struct courier *courier)
{
	if (!courier)
		return NULL;
	forget_all(courier);
	free(courier->parcels);
	free(courier->difference);
	free(courier);
	return NULL;
}

void
courier_set_on_event(struct courier *courier, news_on_event on_event, void *data)
{
	courier->on_event = on_event;
	courier->on_event_data = data;
}

static int
load_one(const struct journal_pending *pending, void *data)
{
	struct courier *courier = data;
	struct parcel *parcel;
	int r;

	/* One whose day is over is as final as any. */
	if (pending->life.status == ORDER_EXPIRED &&
	    !order_is_watched(&pending->life, &courier->terms, clock_realtime_ns()))
		return 0;
	r = add_parcel(courier, &pending->order, &parcel);
	if (r < 0)
		return r;
	parcel->life = order_next(&pending->life, ORDER_EVENT_RESTART, ORDER_OPEN,
	    &courier->terms, clock_realtime_ns())
			   .life;
	parcel->is_row_intent = pending->life.status == ORDER_INTENT;
	parcel->late = pending->late;
	parcel->filled = pending->filled;
	parcel->average = pending->average;
	parcel->sent_ns = pending->sent_ns;
	if (pending->order.broker_id)
		snprintf(parcel->broker_id, sizeof(parcel->broker_id), "%s",
		    pending->order.broker_id);
	return 0;
}

/* An intent of a former life may have left: the journal says so, too. */
static int
mark_found(struct courier *courier)
{
	int r;

	r = journal_begin(courier->site.journal);
	for (size_t i = 0; i < courier->n_parcels && r == 0; i++) {
		struct parcel *parcel = &courier->parcels[i];

		if (parcel->is_row_intent)
			r = journal_mark_sent(courier->site.journal, parcel->number,
			    parcel->sent_ns, parcel->life.unproven);
		parcel->is_row_intent = false;
	}
	if (r == 0)
		r = journal_commit(courier->site.journal);
	if (r != 0)
		journal_rollback(courier->site.journal);
	return r;
}

int
courier_load(struct courier *courier)
{
	int r;

	forget_all(courier);
	courier->is_reconciled = false;
	courier->is_cash_old = true;
	courier->end_ns = 0;
	r = journal_each_pending(courier->site.journal, load_one, courier);
	return r != 0 ? r : mark_found(courier);
}

int
courier_expect(struct courier *courier, const struct journal_order *intent)
{
	struct parcel *parcel;
	int r;

	r = add_parcel(courier, intent, &parcel);
	if (r == 0)
		parcel->is_uncommitted = true;
	return r;
}

/*
 * In the life that wrote it, before anything else: what was committed a moment ago
 * goes now.
 */
int
courier_send(struct courier *courier)
{
	int r = 0;

	for (size_t i = 0; i < courier->n_parcels && r == 0; i++) {
		if (!courier->parcels[i].is_uncommitted)
			continue;
		courier->parcels[i].is_uncommitted = false;
		if (is_broker_ready(courier))
			r = advance(courier, &courier->parcels[i], ORDER_EVENT_TIME);
	}
	forget_final(courier);
	return r;
}

/* The account ------------------------------------------------------------------- */

/* Return: 0; as the journal's functions. The cash stays old where it is not told. */
static int
read_cash(struct courier *courier)
{
	struct broker_reply reply;
	int64_t cash;
	int r;

	courier->site.ops->cash(courier->site.broker, &cash, &reply);
	tell_broker(courier, &reply);
	if (reply.result != BROKER_DONE)
		return 0;
	r = journal_begin(courier->site.journal);
	if (r == 0)
		r = journal_set_account(
		    courier->site.journal, cash, clock_realtime_ns());
	if (r == 0)
		r = journal_commit(courier->site.journal);
	if (r != 0)
		journal_rollback(courier->site.journal);
	courier->is_cash_old = r != 0;
	return r;
}

static void
tell_differences(struct courier *courier, const struct differences *differences)
{
	struct record record;

	for (size_t i = 0; i < differences->n; i++) {
		const struct difference *difference = &differences->list[i];

		record_init(&record, "order.mismatch");
		record_text(&record, "symbol", difference->symbol);
		if (difference->is_position) {
			record_decimal(&record, "journal", difference->journal);
			record_decimal(&record, "broker", difference->broker);
		} else {
			record_text(
			    &record, "client_order_id", difference->client_order_id);
		}
		record_text(&record, "reason", difference->what);
		emit(courier, LOG_LEVEL_ERROR, &record);
	}
}

/* What a person has accepted becomes the journal's. Return: 0; as the journal's
 * functions. */
static int
take_over(struct courier *courier, const struct differences *differences)
{
	struct record record;
	int r;

	kill_point("reconcile.accepting");
	r = reconcile_accept(courier->site.journal, differences);
	if (r != 0)
		return r;
	kill_point("reconcile.accepted");
	courier->is_held = false;
	courier->has_news = true;
	if (courier->site.state_dir)
		(void)latch_clear_rule(
		    courier->site.state_dir, courier->site.worker, LATCH_MISMATCH);
	reconcile_forget_accepted(courier->site.journal_path);
	record_init(&record, "order.reconciled");
	record_int(&record, "differences", (int64_t)differences->n);
	emit(courier, LOG_LEVEL_NOTICE, &record);
	return 0;
}

/* Return: whether every order has been looked for since it was loaded. */
static bool
is_all_looked(const struct courier *courier)
{
	for (size_t i = 0; i < courier->n_parcels; i++)
		if (courier->parcels[i].next_look_ns == 0)
			return false;
	return true;
}

/* Differences that have stayed the same for `settle`: positions, too, may be shown
 * late. Return: whether they have. */
static bool
is_difference_settled(struct courier *courier, const struct differences *differences)
{
	_cleanup_free_ char *text = reconcile_text(differences);
	int64_t now_ns = clock_monotonic_ns();

	if (!text)
		return false;
	if (!courier->difference || strcmp(courier->difference, text) != 0) {
		free(courier->difference);
		courier->difference = steal(&text);
		courier->difference_ns = now_ns;
		courier->is_told_difference = false;
	}
	return now_ns - courier->difference_ns >= courier->terms.settle_ns;
}

static void
stop_for(struct courier *courier, const struct differences *differences)
{
	char text[LATCH_REASON_MAX];

	if (courier->is_told_difference)
		return;
	courier->is_told_difference = true;
	snprintf(text, sizeof(text), "%zu difference%s between broker and journal",
	    differences->n, differences->n == 1 ? "" : "s");
	hold(courier, text);
	tell_differences(courier, differences);
}

/* What follows from the comparison. Return: 0; as the journal's functions. */
static int
judge(struct courier *courier, const struct differences *differences)
{
	int r = 0;

	if (differences->n == 0) {
		reconcile_forget_accepted(courier->site.journal_path);
	} else if (reconcile_is_accepted(courier->site.journal_path, differences)) {
		r = take_over(courier, differences);
	} else if (is_difference_settled(courier, differences)) {
		reconcile_forget_accepted(courier->site.journal_path);
		stop_for(courier, differences);
	} else {
		return 0;
	}
	if (r != 0)
		return r;
	courier->is_reconciled = true;
	courier->is_due = false;
	return 0;
}

/* The broker held against the journal. Return: 0; as the journal's functions. */
static int
reconcile(struct courier *courier)
{
	_cleanup_(differences_deinit) struct differences differences = { 0 };
	const struct reconcile_site site = { courier->site.worker,
		courier->site.journal, courier->site.ops, courier->site.broker,
		courier->site.others, courier->site.n_others };
	struct broker_reply reply = { 0 };
	int r;

	courier->reconciled_ns = clock_monotonic_ns();
	r = reconcile_read(&site, &reply, &differences);
	tell_broker(courier, &reply);
	if (r != 0 && reply.text[0]) {
		/* Another worker's journal: ours is as good as it was. */
		tell_trouble(courier, reply.text);
		return 0;
	}
	if (r != 0 || reply.result != BROKER_DONE)
		return r;
	kill_point("reconcile.read");
	return judge(courier, &differences);
}

/* At the start; after the broker was away; and when a person has said yes. */
static bool
is_reconcile_due(const struct courier *courier)
{
	int64_t since_ns = clock_monotonic_ns() - courier->reconciled_ns;

	if (!courier->is_reconciled)
		return is_all_looked(courier) &&
		       (courier->reconciled_ns == 0 || since_ns > RECONCILE_NS / 10);
	if (courier->is_due && since_ns > RECONCILE_NS)
		return true;
	return since_ns > RECONCILE_NS / 10 &&
	       reconcile_has_accepted(courier->site.journal_path);
}

/* Turns ------------------------------------------------------------------------- */

static int
advance_all(struct courier *courier, int64_t end_ns)
{
	int r = 0;

	for (size_t i = 0; i < courier->n_parcels && r == 0; i++) {
		struct parcel *parcel = &courier->parcels[i];
		int64_t now_ns = clock_monotonic_ns();
		bool is_due = parcel->life.status == ORDER_INTENT ||
			      parcel->next_look_ns <= now_ns;

		if (now_ns > end_ns)
			break;
		/* Without the broker only time goes on: an intent grows old. */
		if (is_due &&
		    (is_broker_ready(courier) || parcel->life.status == ORDER_INTENT))
			r = advance(courier, parcel, ORDER_EVENT_TIME);
	}
	forget_final(courier);
	return r;
}

static int64_t
count_live(const struct courier *courier)
{
	int64_t live = 0;

	for (size_t i = 0; i < courier->n_parcels; i++)
		live += order_is_live(courier->parcels[i].life.status);
	return live;
}

int
courier_turn(struct courier *courier)
{
	int64_t end_ns = clock_monotonic_ns() + TURN_NS;
	int r;

	r = advance_all(courier, end_ns);
	if (r != 0 || !is_broker_ready(courier))
		return r;
	if (is_reconcile_due(courier)) {
		r = reconcile(courier);
		if (r != 0 || !is_broker_ready(courier))
			return r;
	}
	if (courier->is_cash_old && courier->is_reconciled && count_live(courier) == 0)
		r = read_cash(courier);
	return r;
}

bool
courier_is_ready(const struct courier *courier)
{
	return courier->is_reconciled;
}

const char *
courier_stops(const struct courier *courier)
{
	const char *why;

	if (courier->is_held)
		return "risk:mismatch";
	if (courier->site.ops->ready_ns(courier->site.broker, &why) == INT64_MAX)
		return "risk:broker";
	return NULL;
}

bool
courier_may_end(struct courier *courier)
{
	bool is_open = false;

	for (size_t i = 0; i < courier->n_parcels; i++) {
		if (order_is_unknown(courier->parcels[i].life.status))
			return false;
		is_open |= order_is_live(courier->parcels[i].life.status);
	}
	if (courier->end_ns == 0)
		courier->end_ns = clock_monotonic_ns() + courier->terms.settle_ns;
	if (is_open && clock_monotonic_ns() < courier->end_ns)
		return false;
	/* The report is to have the cash after the last fill. */
	if (courier->is_cash_old && courier->cash_tries++ < LAST_CASH_TRIES &&
	    is_broker_ready(courier))
		(void)read_cash(courier);
	return !courier->is_cash_old || courier->cash_tries >= LAST_CASH_TRIES;
}

bool
courier_has_news(struct courier *courier)
{
	bool has_news = courier->has_news;

	courier->has_news = false;
	return has_news;
}

int64_t
courier_fills(struct courier *courier)
{
	int64_t fills = courier->fills;

	courier->fills = 0;
	return fills;
}

/* Making safe ------------------------------------------------------------------- */

/* An order that has never left needs nobody to take it back. */
static int
cancel_intent(struct courier *courier, struct parcel *parcel)
{
	struct outcome outcome = { .reason = "make_safe" };

	outcome.step.life = parcel->life;
	outcome.step.life.status = ORDER_CANCELED;
	return settle(courier, parcel, &outcome, false);
}

static int
take_back(struct courier *courier, struct parcel *parcel, struct courier_cancel *cancel)
{
	struct broker_reply reply;

	kill_point("order.taking_back");
	courier->site.ops->take_back(courier->site.broker, parcel->broker_id, &reply);
	kill_point("order.taken_back");
	tell_broker(courier, &reply);
	if (reply.result != BROKER_DONE)
		snprintf(cancel->why, sizeof(cancel->why), "%s", reply.text);
	/* Whatever was answered: what it is now decides, and what of it was filled. */
	parcel->next_look_ns = 0;
	return advance(courier, parcel, ORDER_EVENT_TIME);
}

/* One round over all that is live. Return: 0; as the journal's functions. */
static int
cancel_round(struct courier *courier, struct courier_cancel *cancel)
{
	int r = 0;

	for (size_t i = 0; i < courier->n_parcels && r == 0; i++) {
		struct parcel *parcel = &courier->parcels[i];

		if (!order_is_live(parcel->life.status))
			continue;
		if (parcel->life.status == ORDER_INTENT)
			r = cancel_intent(courier, parcel);
		else if (!is_broker_ready(courier))
			continue;
		else if (order_is_unknown(parcel->life.status) || !parcel->broker_id[0])
			r = advance(courier, parcel, ORDER_EVENT_TIME);
		else
			r = take_back(courier, parcel, cancel);
	}
	return r;
}

int
courier_cancel_open(
    struct courier *courier, int64_t deadline_ns, struct courier_cancel *ret_cancel)
{
	const struct timespec pause = { .tv_nsec = 100 * NS_PER_MS };
	struct courier_cancel cancel = { 0 };
	const char *why = NULL;
	int r;

	courier->is_held = true;
	do {
		r = cancel_round(courier, &cancel);
		for (size_t i = 0; i < courier->n_parcels; i++) {
			enum order_status now = courier->parcels[i].life.status;

			cancel.canceled += now == ORDER_CANCELED;
			cancel.filled += now == ORDER_FILLED;
		}
		forget_final(courier);
		cancel.left = count_live(courier);
		if (r != 0 || cancel.left == 0 ||
		    courier->site.ops->ready_ns(courier->site.broker, &why) ==
			INT64_MAX)
			break;
		nanosleep(&pause, NULL);
	} while (clock_monotonic_ns() < deadline_ns);
	if (cancel.left > 0 && why)
		snprintf(cancel.why, sizeof(cancel.why), "%s", why);
	*ret_cancel = cancel;
	return r;
}
