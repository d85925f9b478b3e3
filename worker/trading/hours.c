/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the broker's clock and calendar are read, and what becomes of the answers.
 */
#include "worker/trading/hours.h"

#include <string.h>

#include "common/clock.h"
#include "common/timestamp.h"

/* More days back than exchanges ever closed in a row, so that today is behind the first
 * day of the answer; and enough ahead for some days without an answer. */
#define DAYS_BACK 14
#define DAYS_AHEAD 30
#define CALENDAR_AGAIN_NS (600 * NS_PER_S) /* after one that failed, or was read */
#define CLOCK_EVERY_NS (600 * NS_PER_S)
#define CLOCK_AGAIN_NS (60 * NS_PER_S) /* after one that failed */
/* This machine's clock differs, and agrees again. */
#define DIFFERS_NS (5 * NS_PER_S)
#define AGREES_NS (2 * NS_PER_S)

_Static_assert(DAYS_BACK + DAYS_AHEAD < HOURS_DAYS_MAX, "room for every day");

void
hours_set_on_event(struct hours *hours, news_on_event on_event, void *data)
{
	hours->on_event = on_event;
	hours->on_event_data = data;
}

static void
emit(const struct hours *hours, enum log_level level, struct record *record)
{
	if (hours->on_event)
		hours->on_event(level, record, hours->on_event_data);
}

static void
start_event(struct record *record, const char *event, const struct broker_ops *ops)
{
	record_init(record, event);
	record_text(record, "broker", ops->name);
}

static struct market_now
read_clocks(void)
{
	return (struct market_now){ clock_boottime_ns(), clock_realtime_ns() };
}

/* The broker is not asked any more after this, so nobody else would tell. */
static void
tell_locked(struct hours *hours, const struct broker_ops *ops, const char *why)
{
	struct record record;

	start_event(&record, "broker.locked", ops);
	record_text(&record, "kind", "net");
	record_text(&record, "reason", why);
	emit(hours, LOG_LEVEL_ERROR, &record);
}

/* @key: what counts instead, @value */
static void
tell_failed(struct hours *hours, const struct broker_ops *ops, const char *event,
    const struct broker_reply *reply, const char *key, const char *value)
{
	struct record record;

	if (reply->result == BROKER_LOCKED)
		tell_locked(hours, ops, reply->text);
	start_event(&record, event, ops);
	record_text(&record, "reason", reply->text);
	record_text(&record, key, value);
	emit(hours, LOG_LEVEL_WARNING, &record);
}

static void
read_clock(struct hours *hours, const struct broker_ops *ops, struct broker *broker)
{
	struct market_clock clock = { 0 };
	struct broker_reply reply;
	bool has_failed;

	ops->clock(broker, hours->patience_ns, &clock, &reply);
	if (reply.is_ended)
		return;
	has_failed = reply.result != BROKER_DONE;
	hours->clock.next_ns =
	    clock_monotonic_ns() + (has_failed ? CLOCK_AGAIN_NS : CLOCK_EVERY_NS);
	if (!has_failed)
		hours->market.clock = clock;
	else if (!hours->clock.has_failed)
		tell_failed(hours, ops, "broker.no_clock", &reply, "clock",
		    hours->market.clock.told_ns ? "last_read" : "local");
	hours->clock.has_failed = has_failed;
}

static int64_t
today(const struct hours *hours)
{
	struct market_now now = read_clocks();

	return timestamp_utc_day(market_time(&hours->market, &now).earliest_ns);
}

static void
take_calendar(struct hours *hours, const struct broker_ops *ops,
    const struct broker_days *days, int64_t day)
{
	struct record record;

	memcpy(hours->days, days->days, days->n * sizeof(*hours->days));
	hours->market.calendar = (struct session_calendar){ hours->days, days->n };
	hours->read_day = day;
	start_event(&record, "broker.calendar", ops);
	record_int(&record, "days", (int64_t)days->n);
	emit(hours, LOG_LEVEL_INFO, &record);
}

static void
read_calendar(struct hours *hours, const struct broker_ops *ops, struct broker *broker)
{
	struct session_day room[HOURS_DAYS_MAX];
	int64_t day = today(hours);
	struct broker_days days = { day - DAYS_BACK, day + DAYS_AHEAD, room,
		HOURS_DAYS_MAX, 0 };
	struct broker_reply reply;
	bool has_failed;

	ops->calendar(broker, hours->patience_ns, &days, &reply);
	if (reply.is_ended)
		return;
	hours->calendar.next_ns = clock_monotonic_ns() + CALENDAR_AGAIN_NS;
	has_failed = reply.result != BROKER_DONE;
	if (!has_failed)
		take_calendar(hours, ops, &days, day);
	else if (!hours->calendar.has_failed)
		tell_failed(hours, ops, "broker.no_calendar", &reply, "hours",
		    hours->market.calendar.n ? "last_read" : "built_in");
	hours->calendar.has_failed = has_failed;
}

/* It may have been set since the broker's was read. */
static void
look_at_own_clock(struct hours *hours, const struct broker_ops *ops)
{
	struct market_now now = read_clocks();
	int64_t error_ns = market_clock_error(&hours->market, &now);
	int64_t limit_ns = hours->is_clock_off ? AGREES_NS : DIFFERS_NS;
	bool is_off = error_ns > limit_ns || error_ns < -limit_ns;
	struct record record;

	if (is_off == hours->is_clock_off)
		return;
	hours->is_clock_off = is_off;
	start_event(
	    &record, is_off ? "broker.clock_differs" : "broker.clock_agrees", ops);
	record_int(&record, "ahead_ms", error_ns / NS_PER_MS);
	emit(hours, is_off ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, &record);
}

static bool
may_ask(const struct broker_ops *ops, const struct broker *broker)
{
	const char *why;

	return ops->ready_ns(broker, &why) <= clock_monotonic_ns();
}

void
hours_refresh(struct hours *hours, const struct broker_ops *ops, struct broker *broker)
{
	int64_t begun_ns = clock_monotonic_ns();

	/* First the time: it says which days are asked for. */
	if (hours->clock.next_ns <= begun_ns && may_ask(ops, broker))
		read_clock(hours, ops, broker);
	if ((hours->market.calendar.n == 0 || hours->read_day != today(hours)) &&
	    hours->calendar.next_ns <= begun_ns && may_ask(ops, broker) &&
	    clock_monotonic_ns() - begun_ns < hours->patience_ns / 2)
		read_calendar(hours, ops, broker);
	look_at_own_clock(hours, ops);
}

bool
hours_are_known(const struct hours *hours, const struct broker_ops *ops,
    const struct broker *broker)
{
	const char *why;

	return (hours->clock.next_ns != 0 && hours->calendar.next_ns != 0) ||
	       ops->ready_ns(broker, &why) == INT64_MAX;
}
