/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New York's time and the exchanges' days, by arithmetic: no zone file is read, so the
 * same events have the same sessions on every machine.
 */
#include "worker/trading/session.h"

#include "common/civil.h"
#include "common/clock.h"

#define MINUTE_NS (60 * NS_PER_S)
#define DAY_MINUTES 1440
#define OPEN 570	/* 9:30 */
#define CLOSE 960	/* 16:00 */
#define CLOSE_EARLY 780 /* 13:00 */
#define LOOK_AHEAD 30	/* days; no closure is as long */

enum { SUNDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY };

static int64_t
days_of(int64_t year, int month, int day)
{
	return civil_to_days((struct civil){ year, month, day });
}

static int
weekday_of(int64_t days)
{
	return (int)(days + 4 - 7 * floor_div(days + 4, 7));
}

/* The @n th @weekday of a month; @n 5: the last, in a month where that is within. */
static int64_t
nth(int64_t year, int month, int weekday, int n)
{
	int64_t first = days_of(year, month, 1);

	return first + (weekday - weekday_of(first) + 7) % 7 + 7 * (n - 1);
}

static int64_t
last_monday_of_may(int64_t year)
{
	int64_t last = days_of(year, 5, 31);

	return last - (weekday_of(last) - MONDAY + 7) % 7;
}

/* The anonymous Gregorian computus. */
static int64_t
easter(int64_t year)
{
	int64_t a = year % 19, b = year / 100, c = year % 100;
	int64_t h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
	int64_t l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
	int64_t m = (a + 11 * h + 22 * l) / 451, sum = h + l - 7 * m + 114;

	return days_of(year, (int)(sum / 31), (int)(sum % 31 + 1));
}

/* A Saturday's holiday is kept on the Friday before, a Sunday's on the Monday after. */
static int64_t
observed(int64_t days)
{
	int weekday = weekday_of(days);

	return weekday == SATURDAY ? days - 1 : weekday == SUNDAY ? days + 1 : days;
}

static bool
is_holiday(int64_t days)
{
	const int64_t year = civil_from_days(days).year, new_year = days_of(year, 1, 1);

	/* New Year's Day on a Saturday is not kept: the year's books are open. */
	if (days == (weekday_of(new_year) == SUNDAY ? new_year + 1 : new_year))
		return true;
	return days == nth(year, 1, MONDAY, 3) || days == nth(year, 2, MONDAY, 3) ||
	       days == easter(year) - 2 || days == last_monday_of_may(year) ||
	       (year >= 2022 && days == observed(days_of(year, 6, 19))) ||
	       days == observed(days_of(year, 7, 4)) ||
	       days == nth(year, 9, MONDAY, 1) || days == nth(year, 11, THURSDAY, 4) ||
	       days == observed(days_of(year, 12, 25));
}

/* The day after Thanksgiving, and the eves of Independence Day and Christmas. */
static bool
is_half_day(int64_t days)
{
	const struct civil date = civil_from_days(days);

	return days == nth(date.year, 11, THURSDAY, 4) + 1 ||
	       (date.month == 7 && date.day == 3) ||
	       (date.month == 12 && date.day == 24);
}

/* Whether @days is a trading day, and its hours. */
static bool
by_rule(int64_t days, struct session_day *ret_day)
{
	int weekday = weekday_of(days);

	if (weekday == SUNDAY || weekday == SATURDAY || is_holiday(days))
		return false;
	*ret_day = (struct session_day){ .date = days,
		.open = OPEN,
		.close = is_half_day(days) ? CLOSE_EARLY : CLOSE };
	return true;
}

static bool
find_day(
    const struct session_calendar *calendar, int64_t days, struct session_day *ret_day)
{
	if (!calendar || calendar->n == 0 || days < calendar->days[0].date ||
	    days > calendar->days[calendar->n - 1].date)
		return by_rule(days, ret_day);
	for (size_t i = 0; i < calendar->n; i++) {
		if (calendar->days[i].date == days) {
			*ret_day = calendar->days[i];
			return true;
		}
	}
	return false;
}

/* From 2:00 on the second Sunday of March to 2:00 on the first of November, New York's
 * time is 4 hours behind UTC, else 5. @minutes: since the epoch, UTC. */
static int64_t
offset_minutes(int64_t minutes)
{
	int64_t year = civil_from_days(floor_div(minutes, DAY_MINUTES)).year;
	int64_t begin = nth(year, 3, SUNDAY, 2) * DAY_MINUTES + 7 * 60;
	int64_t end = nth(year, 11, SUNDAY, 1) * DAY_MINUTES + 6 * 60;

	return minutes >= begin && minutes < end ? -240 : -300;
}

static int64_t
local_minutes(int64_t time_ns)
{
	int64_t minutes = floor_div(time_ns, MINUTE_NS);

	return minutes + offset_minutes(minutes);
}

bool
session_is_open(const struct session_calendar *calendar, int64_t time_ns)
{
	int64_t local = local_minutes(time_ns), days = floor_div(local, DAY_MINUTES);
	int64_t minute = local - days * DAY_MINUTES;
	struct session_day day;

	return find_day(calendar, days, &day) && minute >= day.open &&
	       minute < day.close;
}

int64_t
session_next_open(const struct session_calendar *calendar, int64_t time_ns)
{
	int64_t local = local_minutes(time_ns), days = floor_div(local, DAY_MINUTES);
	struct session_day day;

	if (session_is_open(calendar, time_ns))
		return time_ns;
	for (int i = 0; i <= LOOK_AHEAD; i++) {
		int64_t opens = (days + i) * DAY_MINUTES;

		if (!find_day(calendar, days + i, &day))
			continue;
		opens += day.open;
		/* Never within an hour of the change of the clocks. */
		if (opens > local)
			return (opens - offset_minutes(opens + 300)) * MINUTE_NS;
	}
	return INT64_MAX;
}
