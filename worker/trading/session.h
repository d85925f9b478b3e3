/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the stock exchanges of the United States are open, pure: from 9:30 to 16:00 in
 * New York on their trading days. Holidays, half days and daylight saving time follow
 * the published rules (NYSE Rule 7.2; 15 U.S.C. § 260a, as of 2007); a calendar that a
 * broker gave goes before them for the days that it covers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct session_day - a trading day as a calendar has it */
struct session_day {
	int64_t date;	 /* in New York, days since 1970-01-01 */
	int open, close; /* minutes since midnight there */
};

/** struct session_calendar - a broker's: a day between its first and its last that is
 * not in it is none */
struct session_calendar {
	const struct session_day *days; /* in the order of their dates */
	size_t n;
};

/** session_is_open() - at that moment. @calendar: NULL: by the rules alone. */
bool session_is_open(const struct session_calendar *calendar, int64_t time_ns);

/** session_next_open() - when it opens next, or @time_ns where it is open. */
int64_t session_next_open(const struct session_calendar *calendar, int64_t time_ns);
