/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Days and dates of the proleptic Gregorian calendar, pure: days since 1970-01-01.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct civil {
	int64_t year;
	int month, day; /* from 1 */
};

/** civil_to_days() - of a date; a month is 1 to 12, a day may be past its month's end.
 */
int64_t civil_to_days(struct civil civil);

struct civil civil_from_days(int64_t days);

/** civil_is_valid() - whether there is such a day. */
bool civil_is_valid(struct civil civil);

/** floor_div() - the quotient, rounded down; @by > 0. */
static inline int64_t
floor_div(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}
