/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The year is taken to begin in March, so that the leap day is its last, and 400 years,
 * which have 146097 days, are one era.
 */
#include "common/civil.h"

int64_t
civil_to_days(struct civil civil)
{
	int64_t year = civil.year - (civil.month <= 2);
	int64_t era = floor_div(year, 400), of_era = year - era * 400;
	int64_t month = civil.month > 2 ? civil.month - 3 : civil.month + 9;
	int64_t of_year = (153 * month + 2) / 5 + civil.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       719468;
}

struct civil
civil_from_days(int64_t days)
{
	int64_t shifted = days + 719468, era = floor_div(shifted, 146097);
	int64_t day = shifted - era * 146097;
	int64_t of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
	int64_t month = (5 * of_year + 2) / 153;

	return (struct civil){
		.year = of_era + era * 400 + (month >= 10),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.day = (int)(of_year - (153 * month + 2) / 5 + 1),
	};
}

bool
civil_is_valid(struct civil civil)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap =
	    civil.year % 4 == 0 && (civil.year % 100 != 0 || civil.year % 400 == 0);

	if (civil.month < 1 || civil.month > 12 || civil.day < 1)
		return false;
	return civil.day <= lengths[civil.month - 1] + (civil.month == 2 && leap);
}
