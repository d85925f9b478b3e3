/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchanges' hours as a real broker tells them: its clock, read at the start and
 * every ten minutes, and its calendar of some weeks, at the start and once a day. What
 * cannot be read leaves what was read last; without a calendar the rules of session.h
 * count, without a clock this machine's.
 *
 * A broker that does not answer holds up a turn for little more than @patience_ns, once
 * in a while: one of these requests that was slow is enough for a turn.
 */
#pragma once

#include "worker/trading/broker.h"
#include "worker/trading/news.h"

#define HOURS_DAYS_MAX 64

/** struct hours_reading - when something is read */
struct hours_reading {
	int64_t next_ns; /* monotonic: not before; 0: it was never tried */
	bool has_failed; /* told */
};

struct hours {
	int64_t patience_ns;  /* the owner's to fill in: for each request */
	struct market market; /* its calendar is of days */
	struct session_day days[HOURS_DAYS_MAX];
	int64_t read_day; /* UTC, of the last good calendar */
	struct hours_reading clock, calendar;
	bool is_clock_off; /* this machine's; told */
	news_on_event on_event;
	void *on_event_data;
};

/** hours_set_on_event() - who is told: broker.calendar, broker.no_calendar,
 * broker.no_clock, broker.clock_differs, broker.clock_agrees, broker.locked. */
void hours_set_on_event(struct hours *hours, news_on_event on_event, void *data);

/** hours_refresh() - ask the broker for what is due, if it may be asked; and look
 * whether this machine's clock is right. */
void hours_refresh(
    struct hours *hours, const struct broker_ops *ops, struct broker *broker);

/** hours_are_known() - whether both have been tried: before that no order may go. Of a
 * broker that is not asked any more nothing will be known. */
bool hours_are_known(const struct hours *hours, const struct broker_ops *ops,
    const struct broker *broker);
