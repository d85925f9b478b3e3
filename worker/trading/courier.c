/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders on their way: each of them a copy of its row, and whose turn it is. No order
 * is made here, and none is sent that the journal does not have.
 */
#include "worker/trading/courier_internal.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "worker/trading/look.h"

#define TURN_NS (2 * NS_PER_S) /* of requests, before a turn ends */
/* After the feed's end, an open order has so long from one change to the next. */
#define END_NS (5 * NS_PER_S)

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
void
courier_forget_final(struct courier *courier)
{
	size_t kept = 0;

	for (size_t i = 0; i < courier->n_parcels; i++) {
		struct parcel *parcel = &courier->parcels[i];

		if (order_is_live(parcel->life.status) ||
		    order_is_watched(&parcel->life))
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

/* All at once they would take the requests of a whole minute. */
static void
spread_looks(struct courier *courier)
{
	int64_t now_ns = clock_monotonic_ns();
	size_t n_watched = 0;

	for (size_t i = 0; i < courier->n_parcels; i++)
		if (order_is_watched(&courier->parcels[i].life))
			courier->parcels[i].next_look_ns =
			    now_ns + look_first_ns(n_watched++,
					 courier->site.trading->alpaca.rate);
}

int
courier_load(struct courier *courier)
{
	int r;

	forget_all(courier);
	courier->is_reconciled = false;
	courier->is_cash_old = true;
	courier->cash_fill_ns = clock_monotonic_ns();
	courier->cash_ns = courier->end_ns = 0;
	r = journal_each_pending(courier->site.journal, load_one, courier);
	spread_looks(courier);
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
		if (courier_is_broker_ready(courier))
			r = courier_advance(
			    courier, &courier->parcels[i], ORDER_EVENT_TIME);
	}
	courier_forget_final(courier);
	return r;
}

/* Intents need no look, and without the broker only time goes on: they grow old. */
static int
advance_intents(struct courier *courier, int64_t end_ns)
{
	int r = 0;

	for (size_t i = 0; i < courier->n_parcels && r == 0; i++) {
		if (clock_monotonic_ns() > end_ns)
			break;
		if (courier->parcels[i].life.status == ORDER_INTENT)
			r = courier_advance(
			    courier, &courier->parcels[i], ORDER_EVENT_TIME);
	}
	return r;
}

/* Of those that are live, or of those that were given up: who has waited longest. */
static struct parcel *
next_due(const struct courier *courier, bool is_live, int64_t now_ns)
{
	struct parcel *next = NULL;

	for (size_t i = 0; i < courier->n_parcels; i++) {
		struct parcel *parcel = &courier->parcels[i];
		bool is_one_of_them = is_live ? order_is_live(parcel->life.status)
					      : order_is_watched(&parcel->life);

		if (is_one_of_them && parcel->life.status != ORDER_INTENT &&
		    parcel->next_look_ns <= now_ns &&
		    (!next || parcel->next_look_ns < next->next_look_ns))
			next = parcel;
	}
	return next;
}

/* A turn that is too short for all of them goes on in the next with those it has not
 * come to. */
static int
advance_looks(struct courier *courier, bool is_live, int64_t end_ns)
{
	struct parcel *parcel;
	int64_t now_ns;
	int r = 0;

	while (r == 0 && courier_is_broker_ready(courier) &&
	       (now_ns = clock_monotonic_ns()) <= end_ns &&
	       (parcel = next_due(courier, is_live, now_ns))) {
		int64_t due_ns = parcel->next_look_ns;

		r = courier_advance(courier, parcel, ORDER_EVENT_TIME);
		/* Without a look it would be the first for ever. */
		if (parcel->next_look_ns == due_ns)
			parcel->next_look_ns = now_ns + LOOK_MIN_NS;
	}
	courier_forget_final(courier);
	return r;
}

static int
look_at_account(struct courier *courier)
{
	int r = 0;

	if (courier_is_broker_ready(courier) && courier_is_reconcile_due(courier))
		r = courier_reconcile(courier);
	if (r == 0 && courier_is_broker_ready(courier) && courier->is_reconciled &&
	    courier_is_cash_due(courier))
		r = courier_read_cash(courier);
	return r;
}

int64_t
courier_count_live(const struct courier *courier)
{
	int64_t live = 0;

	for (size_t i = 0; i < courier->n_parcels; i++)
		live += order_is_live(courier->parcels[i].life.status);
	return live;
}

/* What was given up comes last: with a broker that answers badly, and pauses between
 * requests, there may be time for nothing else. */
int
courier_turn(struct courier *courier)
{
	int64_t end_ns = clock_monotonic_ns() + TURN_NS;
	int r;

	r = advance_intents(courier, end_ns);
	if (r == 0)
		r = advance_looks(courier, true, end_ns);
	if (r == 0)
		r = look_at_account(courier);
	return r == 0 ? advance_looks(courier, false, end_ns) : r;
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
	int64_t now_ns = clock_monotonic_ns();
	int64_t patience_ns =
	    courier->terms.settle_ns > END_NS ? courier->terms.settle_ns : END_NS;
	bool is_open = false;

	for (size_t i = 0; i < courier->n_parcels; i++) {
		if (order_is_unknown(courier->parcels[i].life.status))
			return false;
		is_open |= order_is_live(courier->parcels[i].life.status);
	}
	if (courier->end_ns == 0 || courier->has_changed)
		courier->end_ns = now_ns + patience_ns;
	courier->has_changed = false;
	if (is_open && now_ns < courier->end_ns)
		return false;
	/* The report is to have the cash after the last fill. */
	if (courier->is_cash_old && courier_is_broker_ready(courier))
		(void)courier_read_cash(courier);
	if (!courier->is_cash_old &&
	    (!courier->has_filled || courier_is_cash_settled(courier)))
		return true;
	return courier->is_locked || now_ns > courier->end_ns + END_NS;
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
