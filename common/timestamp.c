/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times of day between text and nanoseconds since the epoch. Pure arithmetic on the
 * proleptic Gregorian calendar: no clock, no locale, no time zone data.
 */
#include "common/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/civil.h"
#include "common/clock.h"
#include "common/decimal.h"

#define DAY_S INT64_C(86400)

/* A text being read; every take_… moves on only when it succeeds. */
struct cursor {
	const char *p, *end;
};

static bool
take_digits(struct cursor *cursor, unsigned n, unsigned *ret_value)
{
	unsigned value = 0;

	if (cursor->end - cursor->p < (long)n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (cursor->p[i] < '0' || cursor->p[i] > '9')
			return false;
		value = value * 10 + (unsigned)(cursor->p[i] - '0');
	}
	cursor->p += n;
	*ret_value = value;
	return true;
}

static bool
take_one_of(struct cursor *cursor, const char *set)
{
	if (cursor->p == cursor->end)
		return false;
	for (; *set; set++) {
		if (*cursor->p == *set) {
			cursor->p++;
			return true;
		}
	}
	return false;
}

static bool
take_date(struct cursor *cursor, int64_t *ret_days)
{
	unsigned year, month, day;
	struct civil civil;

	if (!take_digits(cursor, 4, &year) || !take_one_of(cursor, "-") ||
	    !take_digits(cursor, 2, &month) || !take_one_of(cursor, "-") ||
	    !take_digits(cursor, 2, &day))
		return false;
	civil = (struct civil){ year, (int)month, (int)day };
	if (!civil_is_valid(civil))
		return false;
	*ret_days = civil_to_days(civil);
	return true;
}

static bool
take_fraction(struct cursor *cursor, int64_t *ret_ns)
{
	int64_t ns = 0, weight = NS_PER_S / 10;
	unsigned digit;

	if (!take_digits(cursor, 1, &digit))
		return false;
	do {
		ns += weight * digit;
		weight /= 10;
	} while (take_digits(cursor, 1, &digit));
	*ret_ns = ns;
	return true;
}

static bool
take_time(struct cursor *cursor, int64_t *ret_seconds, int64_t *ret_ns)
{
	unsigned hour, minute, second;

	if (!take_digits(cursor, 2, &hour) || !take_one_of(cursor, ":") ||
	    !take_digits(cursor, 2, &minute) || !take_one_of(cursor, ":") ||
	    !take_digits(cursor, 2, &second))
		return false;
	/* 60 is a leap second, which the epoch counts as the second after it. */
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*ret_seconds = hour * 3600 + minute * 60 + second;
	*ret_ns = 0;
	return !take_one_of(cursor, ".") || take_fraction(cursor, ret_ns);
}

static bool
take_offset(struct cursor *cursor, int64_t *ret_seconds)
{
	unsigned hours, minutes;
	bool west;

	if (take_one_of(cursor, "Zz")) {
		*ret_seconds = 0;
		return true;
	}
	west = take_one_of(cursor, "-");
	if (!west && !take_one_of(cursor, "+"))
		return false;
	if (!take_digits(cursor, 2, &hours) || !take_one_of(cursor, ":") ||
	    !take_digits(cursor, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

static int
parse_rfc3339(struct cursor cursor, int64_t *ret_ns)
{
	int64_t days, seconds, ns, offset;

	while (take_one_of(&cursor, " \t\r\n"))
		;
	if (!take_date(&cursor, &days) || !take_one_of(&cursor, "Tt ") ||
	    !take_time(&cursor, &seconds, &ns) || !take_offset(&cursor, &offset))
		return -EINVAL;
	while (take_one_of(&cursor, " \t\r\n"))
		;
	if (cursor.p != cursor.end)
		return -EINVAL;

	seconds += days * DAY_S - offset;
	return decimal_narrow((__int128)seconds * NS_PER_S + ns, ret_ns);
}

int
timestamp_parse(const char *text, size_t length, enum time_unit unit, int64_t *ret_ns)
{
	switch (unit) {
	case TIME_UNIT_RFC3339:
		return parse_rfc3339((struct cursor){ text, text + length }, ret_ns);
	case TIME_UNIT_S:
		return decimal_parse_scaled(text, length, 9, ret_ns);
	case TIME_UNIT_MS:
		return decimal_parse_scaled(text, length, 6, ret_ns);
	case TIME_UNIT_US:
		return decimal_parse_scaled(text, length, 3, ret_ns);
	case TIME_UNIT_NS:
		return decimal_parse_scaled(text, length, 0, ret_ns);
	}
	return -EINVAL;
}

static int64_t
floor_mod(int64_t value, int64_t by)
{
	return value % by + (value % by < 0 ? by : 0);
}

static size_t
format(int64_t ns, int64_t step_ns, int digits, char out[TIMESTAMP_TEXT_MAX])
{
	int64_t seconds = floor_div(ns, NS_PER_S);
	int64_t fraction = floor_mod(ns, NS_PER_S) / step_ns;
	int64_t days = floor_div(seconds, DAY_S);
	unsigned of_day = (unsigned)floor_mod(seconds, DAY_S);
	struct civil civil = civil_from_days(days);
	int n;

	n = snprintf(out, TIMESTAMP_TEXT_MAX, "%04d-%02d-%02dT%02u:%02u:%02u.%0*dZ",
	    (int)civil.year, civil.month, civil.day, of_day / 3600, of_day / 60 % 60,
	    of_day % 60, digits, (int)fraction);
	return (size_t)n;
}

size_t
timestamp_format(int64_t ns, char out[TIMESTAMP_TEXT_MAX])
{
	return format(ns, 1, 9, out);
}

size_t
timestamp_format_ms(int64_t ns, char out[TIMESTAMP_TEXT_MAX])
{
	return format(ns, NS_PER_MS, 3, out);
}

int64_t
timestamp_utc_day(int64_t ns)
{
	return floor_div(ns, DAY_S * NS_PER_S);
}
