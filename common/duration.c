/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations and sizes as people write them in a configuration, and back. Pure; what a
 * key allows beyond "it is a duration" is the configuration's business.
 */
#include "common/duration.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/decimal.h"

#define BILLION 1000000000U

struct unit {
	const char *name;
	int64_t factor;
};

/* Longer names first where one begins with another. */
static const struct unit duration_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", NS_PER_MS },
	{ "s", NS_PER_S },
	{ "m", 60 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
	{ "d", 86400 * NS_PER_S },
	{ NULL, 0 },
};

static const struct unit size_units[] = {
	{ "K", INT64_C(1) << 10 },
	{ "M", INT64_C(1) << 20 },
	{ "G", INT64_C(1) << 30 },
	{ "T", INT64_C(1) << 40 },
	{ NULL, 0 },
};

/* A number of the form 12 or 12.5, in two parts so that no digit is lost. */
struct number {
	uint64_t whole;
	uint32_t billionths;
	bool too_large;
};

static bool
take_number(const char **text, struct number *ret_number)
{
	struct number number = { 0 };
	const char *p = *text;
	uint32_t weight = BILLION / 10;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(number.whole, 10U, &number.whole) ||
		    __builtin_add_overflow(
			number.whole, (uint64_t)(*p - '0'), &number.whole))
			number.too_large = true;
	}
	if (*p == '.') {
		p++;
		if (*p < '0' || *p > '9')
			return false;
		for (; *p >= '0' && *p <= '9'; p++, weight /= 10)
			number.billionths += weight * (uint32_t)(*p - '0');
	}
	*text = p;
	*ret_number = number;
	return true;
}

static const struct unit *
take_unit(const char **text, const struct unit *units)
{
	for (; units->name; units++) {
		size_t length = strlen(units->name);

		if (strncmp(*text, units->name, length) == 0) {
			*text += length;
			return units;
		}
	}
	return NULL;
}

/* Return: false if it does not fit. */
static bool
add_scaled(int64_t *total, const struct number *number, int64_t factor)
{
	__int128 value = (__int128)number->whole * factor;

	value += (__int128)number->billionths * factor / BILLION;
	return !number->too_large && decimal_narrow(*total + value, total) == 0;
}

static bool
is_zero(const struct number *number)
{
	return number->whole == 0 && number->billionths == 0 && !number->too_large;
}

int
duration_parse(const char *text, int64_t *ret_ns)
{
	bool negative = *text == '-', fits = true;
	struct number number;
	const struct unit *unit;
	int64_t total = 0;

	if (negative)
		text++;
	do {
		if (!take_number(&text, &number))
			return -EINVAL;
		unit = take_unit(&text, duration_units);
		if (!unit) {
			if (*text || total != 0 || !is_zero(&number))
				return -EINVAL;
			break;
		}
		fits = add_scaled(&total, &number, unit->factor) && fits;
	} while (*text);

	if (!fits || (negative && total > 0))
		return -ERANGE;
	*ret_ns = total;
	return 0;
}

/* Appends "4.5s": a value in thousandths, millionths or billionths of its unit. */
static size_t
format_fraction(int64_t value, int64_t factor, const char *unit, char *out, size_t size)
{
	int n = snprintf(out, size, "%lld", (long long)(value / factor));
	int64_t rest = value % factor;

	if (rest > 0) {
		out[n++] = '.';
		for (; rest > 0; rest = rest * 10 % factor)
			out[n++] = (char)('0' + rest * 10 / factor);
	}
	return (size_t)n + (size_t)snprintf(out + n, size - (size_t)n, "%s", unit);
}

size_t
duration_format(int64_t ns, char out[DURATION_TEXT_MAX])
{
	size_t length = 0,
	       n_units = sizeof(duration_units) / sizeof(duration_units[0]) - 1;
	bool negative = ns < 0 && ns != INT64_MIN;

	if (negative) {
		ns = -ns;
		out[length++] = '-';
	}
	if (ns <= 0)
		return length +
		       (size_t)snprintf(out + length, DURATION_TEXT_MAX - length, "0s");

	for (size_t i = n_units; ns > 0 && i-- > 0;) {
		const struct unit *unit = &duration_units[i];

		if (ns < unit->factor)
			continue;
		if (unit->factor <= NS_PER_S)
			return length + format_fraction(ns, unit->factor, unit->name,
					    out + length, DURATION_TEXT_MAX - length);
		length += (size_t)snprintf(out + length, DURATION_TEXT_MAX - length,
		    "%lld%s", (long long)(ns / unit->factor), unit->name);
		ns %= unit->factor;
	}
	return length;
}

int
size_parse(const char *text, int64_t *ret_bytes)
{
	bool negative = *text == '-';
	struct number number;
	const struct unit *unit;
	int64_t bytes = 0;
	bool fits;

	if (negative)
		text++;
	if (!take_number(&text, &number))
		return -EINVAL;
	unit = take_unit(&text, size_units);
	if (*text || (!unit && number.billionths > 0))
		return -EINVAL;

	fits = add_scaled(&bytes, &number, unit ? unit->factor : 1);
	if (!fits || (negative && bytes > 0))
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

size_t
size_format(int64_t bytes, char out[DURATION_TEXT_MAX])
{
	const struct unit *unit = NULL;

	for (size_t i = 0; size_units[i].name && bytes >= size_units[i].factor; i++)
		unit = &size_units[i];
	if (!unit)
		return (size_t)snprintf(
		    out, DURATION_TEXT_MAX, "%lldB", (long long)bytes);
	return (size_t)snprintf(out, DURATION_TEXT_MAX, "%lld.%lld%s",
	    (long long)(bytes / unit->factor),
	    (long long)(bytes % unit->factor * 10 / unit->factor), unit->name);
}
