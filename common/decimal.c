/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal fixed point: text to int64_t and back, products and quotients in 128 bits.
 * Pure. It knows nothing of what the numbers mean, and never rounds: it truncates.
 */
#include "common/decimal.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PLACES_MAX 18
#define EXPONENT_MAX (INT64_C(1) << 40) /* no text is as long as this */

static const int64_t powers_of_ten[PLACES_MAX + 1] = {
	INT64_C(1),
	INT64_C(10),
	INT64_C(100),
	INT64_C(1000),
	INT64_C(10000),
	INT64_C(100000),
	INT64_C(1000000),
	INT64_C(10000000),
	INT64_C(100000000),
	INT64_C(1000000000),
	INT64_C(10000000000),
	INT64_C(100000000000),
	INT64_C(1000000000000),
	INT64_C(10000000000000),
	INT64_C(100000000000000),
	INT64_C(1000000000000000),
	INT64_C(10000000000000000),
	INT64_C(100000000000000000),
	INT64_C(1000000000000000000),
};

/* A number taken apart: digits with at most one point between them, and an exponent. */
struct number {
	bool negative;
	const char *begin, *end; /* the digits, the point included */
	int64_t whole;		 /* how many digits stand before the point */
	int64_t exponent;
};

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
scan_exponent(const char *p, const char *end, int64_t *ret_exponent)
{
	bool negative = false;
	int64_t exponent = 0;

	if (p < end && (*p == '-' || *p == '+'))
		negative = *p++ == '-';
	if (p == end)
		return -EINVAL;

	for (; p < end; p++) {
		if (!is_digit(*p))
			return -EINVAL;
		if (exponent < EXPONENT_MAX)
			exponent = exponent * 10 + (*p - '0');
	}
	*ret_exponent = negative ? -exponent : exponent;
	return 0;
}

static int
scan_number(const char *p, const char *end, struct number *ret_number)
{
	struct number number = { 0 };
	const char *point = NULL;

	if (p < end && (*p == '-' || *p == '+'))
		number.negative = *p++ == '-';

	number.begin = p;
	for (; p < end; p++) {
		if (*p == '.' && !point)
			point = p;
		else if (!is_digit(*p))
			break;
	}
	number.end = p;
	number.whole = (point ? point : p) - number.begin;
	if (number.end - number.begin == (point ? 1 : 0))
		return -EINVAL;

	if (p < end) {
		if (*p != 'e' && *p != 'E')
			return -EINVAL;
		if (scan_exponent(p + 1, end, &number.exponent) < 0)
			return -EINVAL;
	}
	*ret_number = number;
	return 0;
}

/* The digits as an integer of 10^-places; what lies below is cut off. */
static int
evaluate(const struct number *number, unsigned places, int64_t *ret_value)
{
	const uint64_t limit = (uint64_t)INT64_MAX + number->negative;
	int64_t power = number->whole - 1 + number->exponent + places;
	uint64_t value = 0;

	for (const char *p = number->begin; p < number->end && power >= 0; p++) {
		uint64_t digit;

		if (*p == '.')
			continue;
		digit = (uint64_t)(*p - '0');
		if (value > (limit - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
		power--;
	}
	for (; power >= 0 && value > 0; power--) {
		if (value > limit / 10)
			return -ERANGE;
		value *= 10;
	}
	*ret_value = (int64_t)(number->negative ? 0 - value : value);
	return 0;
}

/*
 * The common case in one pass: digits, perhaps a point and few more digits. This is
 * most of what a feed consists of. Return: whether it was that.
 */
static bool
parse_plain(const char *p, const char *end, unsigned places, int64_t *ret_value)
{
	int64_t value = 0;
	unsigned fraction = 0;

	if (end - p > PLACES_MAX || p == end || !is_digit(*p))
		return false;

	for (; p < end && is_digit(*p); p++)
		value = value * 10 + (*p - '0');
	if (p < end) {
		if (*p++ != '.')
			return false;
		for (; p < end && is_digit(*p); p++, fraction++)
			value = value * 10 + (*p - '0');
		if (p < end || fraction > places)
			return false;
	}
	return !__builtin_mul_overflow(
	    value, powers_of_ten[places - fraction], ret_value);
}

int
decimal_parse_scaled(
    const char *text, size_t length, unsigned places, int64_t *ret_value)
{
	const char *end = text + length;
	struct number number;
	int64_t value;
	int r;

	while (text < end && is_blank(*text))
		text++;
	while (end > text && is_blank(end[-1]))
		end--;

	if (parse_plain(text, end, places, &value)) {
		*ret_value = value;
		return 0;
	}

	r = scan_number(text, end, &number);
	if (r < 0)
		return r;
	return evaluate(&number, places, ret_value);
}

int
decimal_parse(const char *text, size_t length, int64_t *ret_value)
{
	return decimal_parse_scaled(text, length, DECIMAL_PLACES, ret_value);
}

size_t
decimal_format(__int128 value, char out[DECIMAL_TEXT_MAX])
{
	unsigned __int128 rest = (unsigned __int128)value;
	char reversed[DECIMAL_TEXT_MAX];
	size_t n = 0, length = 0;

	if (value < 0) {
		rest = 0 - rest;
		out[length++] = '-';
	}
	do {
		if (n == DECIMAL_PLACES)
			reversed[n++] = '.';
		reversed[n++] = (char)('0' + (int)(rest % 10));
		rest /= 10;
	} while (rest > 0 || n < DECIMAL_PLACES + 2);

	while (n > 0)
		out[length++] = reversed[--n];
	out[length] = '\0';
	return length;
}

__int128
decimal_mul(int64_t a, int64_t b)
{
	return (__int128)a * b / DECIMAL_ONE;
}

int
decimal_div(int64_t a, int64_t b, int64_t *ret_value)
{
	return decimal_narrow((__int128)a * DECIMAL_ONE / b, ret_value);
}

int
decimal_narrow(__int128 wide, int64_t *ret_value)
{
	if (wide > INT64_MAX || wide < INT64_MIN)
		return -ERANGE;
	*ret_value = (int64_t)wide;
	return 0;
}

int64_t
decimal_floor_to(int64_t value, int64_t lot)
{
	return value - value % lot;
}
