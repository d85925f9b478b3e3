/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One order at a time: what order_next() says is written down, carried out, and its
 * outcome asked about again. The journal comes before each request and after it.
 */
#include "worker/trading/courier_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/latch.h"
#include "worker/trading/guard.h"
#include "worker/trading/killpoint.h"
#include "worker/trading/look.h"

#define STEPS_MAX 4 /* of an order in one turn */

/* Only its certain absence lets orders pass. */
static bool
may_be_there(const char *path)
{
	return path && (access(path, F_OK) == 0 || errno != ENOENT);
}

static bool
is_out_of_session(const struct courier *courier)
{
	return courier->site.guard &&
	       courier->site.trading->risk.session == SESSION_US_EQUITIES &&
	       !guard_is_open(courier->site.guard);
}

/* What stops an order that is about to leave, whatever was decided before; NULL:
 * nothing does. */
static const char *
stopped_by(const struct courier *courier)
{
	struct latch_check check = { 0 };

	if (courier->is_held)
		return "risk:mismatch";
	if (may_be_there(courier->site.freeze) ||
	    may_be_there(courier->site.trading->risk.kill_file))
		return "risk:stopped";
	if (courier->site.state_dir)
		latch_check(courier->site.state_dir, courier->site.worker, &check);
	if (check.stops_all)
		return "risk:stopped";
	return is_out_of_session(courier) ? "risk:session" : NULL;
}

bool
courier_is_broker_ready(const struct courier *courier)
{
	const char *why;

	return courier->site.ops->ready_ns(courier->site.broker, &why) <=
	       clock_monotonic_ns();
}

/* When an order that has just been asked about is looked at next. */
static void
plan_look(const struct courier *courier, struct parcel *parcel)
{
	size_t n_live = (size_t)courier_count_live(courier);
	const struct look_load load = { n_live, courier->n_parcels - n_live,
		courier->site.trading->alpaca.rate };
	int64_t age_ns = clock_realtime_ns() - parcel->life.created_ns;

	parcel->next_look_ns =
	    clock_monotonic_ns() + look_interval_ns(parcel->life.status, age_ns,
				       courier->terms.settle_ns, &load);
}

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

/* An order's life goes on: rows first, then the copy in memory, then events. */
int
courier_settle(struct courier *courier, struct parcel *parcel,
    const struct outcome *outcome, bool is_found)
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
	if (is_fill) {
		courier->is_cash_old = courier->has_filled = true;
		courier->cash_fill_ns = clock_monotonic_ns();
	}
	courier->has_news = courier->has_changed = true;
	if (life->status != before || is_fill)
		courier_tell_outcome(
		    courier, parcel, before, outcome->reason, is_found);
	return 0;
}

static bool
has_our_terms(const struct parcel *parcel, const struct broker_view *view)
{
	return view->is_market && view->side == parcel->side &&
	       view->quantity == parcel->quantity &&
	       broker_is_same_symbol(view->symbol, parcel->symbol);
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

static bool
is_behind(const struct courier *courier, struct parcel *parcel,
    const struct broker_view *view)
{
	int64_t shown = view->is_unpriced ? parcel->filled : view->filled;

	return order_is_behind(parcel->filled, shown, &courier->terms,
	    clock_monotonic_ns(), &parcel->behind_ns);
}

static enum order_event
look_up(struct courier *courier, struct parcel *parcel, struct broker_reply *reply)
{
	courier->site.ops->look_up(
	    courier->site.broker, parcel->client_order_id, reply);
	kill_point("order.looked_up");
	courier_tell_broker(courier, reply);
	parcel->is_looked = true;
	plan_look(courier, parcel);
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
		return reply->is_answered ? ORDER_EVENT_TURNED_AWAY
					  : ORDER_EVENT_NOT_TAKEN;
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

	if (event == ORDER_EVENT_NOT_TAKEN || event == ORDER_EVENT_TURNED_AWAY)
		return;
	courier_start_event(&record, "order.sent", parcel);
	record_int(&record, "requests", parcel->life.unproven);
	courier_emit(courier, LOG_LEVEL_INFO, &record);
	if (event == ORDER_EVENT_LOST)
		courier_tell(
		    courier, LOG_LEVEL_WARNING, "order.unknown", parcel, reply->text);
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
	if (*ret_event == ORDER_EVENT_DENIED)
		memcpy(parcel->refusal, reply->text, sizeof(parcel->refusal));
	tell_posted(courier, parcel, *ret_event, reply);
	courier_tell_broker(courier, reply);
	parcel->is_looked = true;
	plan_look(courier, parcel);
	return 0;
}

/* The broker's word against ours, where it is not for order_next() to see. */
static void
judge_view(struct courier *courier, struct parcel *parcel,
    const struct broker_view *view, enum order_action action)
{
	if (action == ORDER_HOLD && parcel->life.status == ORDER_EXPIRED)
		courier_tell_mismatch(courier, parcel, "it is at the broker after all");
	else if (action == ORDER_HOLD)
		courier_tell_mismatch(
		    courier, parcel, "the broker's order of this id is not ours");
	else if (view->is_unpriced)
		return;
	else if (parcel->life.status == ORDER_SENT && view->filled == 0 &&
		 strcmp(view->word, "canceled") == 0)
		/* Nobody of ours did it: what has our id need not be our order. */
		courier_tell_mismatch(
		    courier, parcel, "it was cancelled before we knew of it");
	else if (strcmp(view->word, "replaced") == 0)
		courier_tell_mismatch(courier, parcel, "it was replaced at the broker");
	else if (view->filled < parcel->filled)
		courier_tell_mismatch(courier, parcel, "less of it is filled than was");
}

/* Why a status was reached, for the ledger and the event. */
static const char *
reason_of(const char *stopped, const struct parcel *parcel, enum order_event event,
    const struct order_life *life, const struct broker_reply *reply)
{
	switch (life->status) {
	case ORDER_EXPIRED:
		return parcel->life.denied ? parcel->refusal : "max_age";
	case ORDER_REFUSED:
		return stopped;
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
	return NULL;
}

/*
 * One order from an event to where nothing more can be done in this turn: the event's
 * consequence is written, then what order_next() asks for is carried out, whose outcome
 * is the next event.
 */
int
courier_advance(struct courier *courier, struct parcel *parcel, enum order_event event)
{
	struct broker_reply reply = { 0 };
	bool is_found = false, is_looked = false;
	const char *stopped;
	int r;

	for (int i = 0; i < STEPS_MAX; i++) {
		struct outcome outcome = { 0 };
		enum order_action action;

		stopped = stopped_by(courier);
		courier->terms.stopped = stopped != NULL;
		outcome.step = order_next(&parcel->life, event, reply.view.status,
		    &courier->terms, clock_realtime_ns());
		action = outcome.step.action;
		if (event == ORDER_EVENT_KNOWN)
			outcome.view = &reply.view;
		if (outcome.step.life.status != parcel->life.status)
			outcome.reason = reason_of(
			    stopped, parcel, event, &outcome.step.life, &reply);
		if (event == ORDER_EVENT_KNOWN ||
		    (event == ORDER_EVENT_OTHER && action == ORDER_HOLD))
			judge_view(courier, parcel, &reply.view, action);
		else if (action == ORDER_HOLD)
			courier_tell_mismatch(courier, parcel,
			    parcel->life.duplicate
				? "its id is in use, and the broker does not show it"
				: "it is not at the broker");
		r = courier_settle(courier, parcel, &outcome, is_found);
		if (r != 0)
			return r;
		if (!courier_is_broker_ready(courier))
			return 0;
		if (action == ORDER_POST) {
			r = post(courier, parcel, &reply, &event);
			if (r != 0)
				return r;
			is_found = false;
		} else if (action == ORDER_LOOK_UP && !is_looked) {
			event = look_up(courier, parcel, &reply);
			if (event == ORDER_EVENT_KNOWN &&
			    is_behind(courier, parcel, &reply.view))
				event = ORDER_EVENT_LOOK_UP_FAILED;
			is_looked = is_found = true;
		} else {
			return 0;
		}
	}
	return 0;
}
