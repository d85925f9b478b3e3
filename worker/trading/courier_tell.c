/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the courier tells, and the latch that it sets. Every event of an order has its
 * client_order_id, symbol, side and quantity; what the broker said is data in it.
 */
#include "worker/trading/courier_internal.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/latch.h"

void
courier_emit(struct courier *courier, enum log_level level, struct record *record)
{
	if (courier->on_event)
		courier->on_event(level, record, courier->on_event_data);
}

void
courier_start_event(
    struct record *record, const char *event, const struct parcel *parcel)
{
	record_init(record, event);
	record_text(record, "client_order_id", parcel->client_order_id);
	record_text(record, "symbol", parcel->symbol);
	record_text(record, "side", order_side_name(parcel->side));
	record_decimal(record, "quantity", parcel->quantity);
}

void
courier_tell(struct courier *courier, enum log_level level, const char *event,
    const struct parcel *parcel, const char *reason)
{
	struct record record;

	courier_start_event(&record, event, parcel);
	if (parcel->filled > 0) {
		record_decimal(&record, "filled", parcel->filled);
		record_decimal(&record, "price", parcel->average);
	}
	record_text(&record, "reason", reason && *reason ? reason : NULL);
	courier_emit(courier, level, &record);
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
	courier_emit(courier, level, &record);
}

/* What has become of the broker itself, once a change. */
void
courier_tell_broker(struct courier *courier, const struct broker_reply *reply)
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

void
courier_tell_trouble(struct courier *courier, const char *text)
{
	struct record record;

	record_init(&record, "broker.trouble");
	record_text(&record, "broker", courier->site.ops->name);
	record_text(&record, "reason", text);
	courier_emit(courier, LOG_LEVEL_WARNING, &record);
}

/* A person must look at it before another order is sent; over restarts, too. */
void
courier_hold(struct courier *courier, const char *reason)
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

void
courier_tell_mismatch(
    struct courier *courier, struct parcel *parcel, const char *reason)
{
	char text[LATCH_REASON_MAX];

	if (parcel->is_held)
		return;
	parcel->is_held = true;
	snprintf(text, sizeof(text), "order %s: %s", parcel->client_order_id, reason);
	courier_hold(courier, text);
	courier_tell(courier, LOG_LEVEL_ERROR, "order.mismatch", parcel, reason);
}

/* Told once the row is on the disk. */
void
courier_tell_outcome(struct courier *courier, const struct parcel *parcel,
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
		courier_tell(courier, LOG_LEVEL_NOTICE, "order.adopted", parcel, NULL);
	if (events[now].event && (now != before || now == ORDER_PARTIALLY_FILLED))
		courier_tell(
		    courier, events[now].level, events[now].event, parcel, reason);
}
