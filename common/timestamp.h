/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times of day as text: RFC 3339 in and out, in nanoseconds since the epoch.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TIMESTAMP_TEXT_MAX 40

enum time_unit {
	TIME_UNIT_RFC3339,
	TIME_UNIT_S,
	TIME_UNIT_MS,
	TIME_UNIT_US,
	TIME_UNIT_NS
};

/**
 * timestamp_parse() - read a time in the given unit; fractions beyond 1 ns are
 * truncated
 *
 * RFC 3339, section 5.6: "T" or a blank between date and time, "Z" or an offset, any
 * number of fractional digits. The numeric units take what decimal_parse() takes.
 * Return: 0; -EINVAL; -ERANGE if it does not fit int64_t nanoseconds.
 */
int timestamp_parse(
    const char *text, size_t length, enum time_unit unit, int64_t *ret_ns);

/**
 * timestamp_format() - "2026-11-24T20:03:46.000000000Z", always UTC and 9 digits.
 * Return: length.
 */
size_t timestamp_format(int64_t ns, char out[TIMESTAMP_TEXT_MAX]);

/** timestamp_format_ms() - the same with 3 digits, for log lines. */
size_t timestamp_format_ms(int64_t ns, char out[TIMESTAMP_TEXT_MAX]);

/** timestamp_utc_day() - days since the epoch, floored; for limits by the day. */
int64_t timestamp_utc_day(int64_t ns);
