/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the broker's calendar is read, and what becomes of the answer.
 */
#include "worker/trading/hours.h"

#include <string.h>

#include "common/clock.h"
#include "common/timestamp.h"

/* More days back than exchanges ever closed in a row, so that today is behind the first
 * day of the answer; and enough ahead for some days without an answer. */
#define DAYS_BACK 14
#define DAYS_AHEAD 30
#define AGAIN_NS (600 * NS_PER_S) /* after one that failed */

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
tell_failed(struct hours *hours, const struct broker_ops *ops, const char *why)
{
	struct record record;

	if (hours->has_failed)
		return;
	hours->has_failed = true;
	record_init(&record, "broker.no_calendar");
	record_text(&record, "broker", ops->name);
	record_text(&record, "reason", why);
	record_text(&record, "hours", hours->calendar.n ? "last_read" : "built_in");
	emit(hours, LOG_LEVEL_WARNING, &record);
}

static void
take(struct hours *hours, const struct broker_ops *ops, const struct session_day *days,
    size_t n, int64_t today)
{
	struct record record;

	memcpy(hours->days, days, n * sizeof(*days));
	hours->calendar = (struct session_calendar){ hours->days, n };
	hours->read_day = today;
	hours->has_failed = false;
	record_init(&record, "broker.calendar");
	record_text(&record, "broker", ops->name);
	record_int(&record, "days", (int64_t)n);
	emit(hours, LOG_LEVEL_INFO, &record);
}

const struct session_calendar *
hours_refresh(struct hours *hours, const struct broker_ops *ops, struct broker *broker)
{
	int64_t now_ns = clock_monotonic_ns();
	int64_t today = timestamp_utc_day(clock_realtime_ns());
	struct session_day days[HOURS_DAYS_MAX];
	struct broker_reply reply;
	const char *why;
	size_t n = 0;

	if ((hours->calendar.n == 0 || hours->read_day != today) &&
	    hours->again_ns <= now_ns && ops->ready_ns(broker, &why) <= now_ns) {
		hours->again_ns = now_ns + AGAIN_NS;
		ops->calendar(broker, today - DAYS_BACK, today + DAYS_AHEAD, days,
		    HOURS_DAYS_MAX, &n, &reply);
		if (reply.result == BROKER_DONE)
			take(hours, ops, days, n, today);
		else
			tell_failed(hours, ops, reply.text);
	}
	return hours->calendar.n ? &hours->calendar : NULL;
}
