/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchanges' hours as a real broker tells them: its calendar of some weeks, read at
 * the start and once a day. One request; what cannot be read leaves the calendar that
 * was, and without one the rules of session.h.
 */
#pragma once

#include "worker/trading/broker.h"
#include "worker/trading/news.h"

#define HOURS_DAYS_MAX 64

struct hours {
	struct session_day days[HOURS_DAYS_MAX];
	struct session_calendar calendar; /* of days; n 0: none yet */
	int64_t read_day;		  /* UTC, of the last good answer */
	int64_t again_ns;		  /* monotonic: not asked before; 0: at once */
	bool has_failed;		  /* told */
	news_on_event on_event;
	void *on_event_data;
};

/** hours_set_on_event() - who is told: broker.calendar, broker.no_calendar. */
void hours_set_on_event(struct hours *hours, news_on_event on_event, void *data);

/**
 * hours_refresh() - ask the broker, if that is due and it may be asked
 *
 * Return: what to go by; NULL: the built-in rules.
 */
const struct session_calendar *hours_refresh(
    struct hours *hours, const struct broker_ops *ops, struct broker *broker);
