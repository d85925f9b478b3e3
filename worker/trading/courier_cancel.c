/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making safe: what is live is taken back, and read again until it is final, since a
 * cancellation can come too late. No new order is sent here.
 */
#include "worker/trading/courier_internal.h"

#include <time.h>

#include "common/clock.h"
#include "worker/trading/killpoint.h"

/* An order that has never left needs nobody to take it back. */
static int
cancel_intent(struct courier *courier, struct parcel *parcel)
{
	struct outcome outcome = { .reason = "make_safe" };

	outcome.step.life = parcel->life;
	outcome.step.life.status = ORDER_CANCELED;
	return courier_settle(courier, parcel, &outcome, false);
}

static int
take_back(struct courier *courier, struct parcel *parcel, struct courier_cancel *cancel)
{
	struct broker_reply reply;

	kill_point("order.taking_back");
	courier->site.ops->take_back(courier->site.broker, parcel->broker_id, &reply);
	kill_point("order.taken_back");
	courier_tell_broker(courier, &reply);
	if (reply.result != BROKER_DONE)
		snprintf(cancel->why, sizeof(cancel->why), "%s", reply.text);
	/* Whatever was answered: what it is now decides, and what of it was filled. */
	parcel->next_look_ns = 0;
	return courier_advance(courier, parcel, ORDER_EVENT_TIME);
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
		else if (!courier_is_broker_ready(courier))
			continue;
		else if (order_is_unknown(parcel->life.status) || !parcel->broker_id[0])
			r = courier_advance(courier, parcel, ORDER_EVENT_TIME);
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
		courier_forget_final(courier);
		cancel.left = courier_count_live(courier);
		if (r != 0 || cancel.left == 0 ||
		    courier->site.ops->ready_ns(courier->site.broker, &why) ==
			INT64_MAX)
			break;
		nanosleep(&pause, NULL);
	} while (clock_monotonic_ns() < deadline_ns);
	if (cancel.left > 0 && why)
		snprintf(cancel.why, sizeof(cancel.why), "%s", why);
	/* A fill that came in the way of a cancel has moved it. */
	if (r == 0 && courier->is_cash_old && courier_is_broker_ready(courier))
		r = courier_read_cash(courier);
	*ret_cancel = cancel;
	return r;
}
