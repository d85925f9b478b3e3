/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimals with 8 places in an int64_t (1.5 is 150000000), never floating point. A
 * product or quotient is computed in 128 bits and truncated towards zero.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DECIMAL_PLACES 8
#define DECIMAL_ONE INT64_C(100000000)
#define DECIMAL_TEXT_MAX 48 /* room for any __int128 with sign, point and NUL */

/**
 * decimal_parse() - read decimal text: sign and exponent allowed, blanks around it
 * ignored
 * @text, @length: the text, not necessarily NUL-terminated
 *
 * Accepts what has at least one digit: "1", "-1.5", "+.5", "5.", "1.2e-3". More than 8
 * places are truncated towards zero.
 * Return: 0; -EINVAL if it is not a number; -ERANGE if it does not fit.
 */
int decimal_parse(const char *text, size_t length, int64_t *ret_value);

/**
 * decimal_parse_scaled() - the same with @places decimal places (0 to 18), for times
 * ("1315922016.25" seconds with 9 places are nanoseconds)
 */
int decimal_parse_scaled(
    const char *text, size_t length, unsigned places, int64_t *ret_value);

/** decimal_format() - always 8 places: "-1.50000000". Return: the length of @out. */
size_t decimal_format(__int128 value, char out[DECIMAL_TEXT_MAX]);

/** decimal_mul() - a × b truncated to 8 places; wide, so it always fits. */
__int128 decimal_mul(int64_t a, int64_t b);

/** decimal_div() - a ÷ b truncated to 8 places. @b: not 0. Return: 0, -ERANGE. */
int decimal_div(int64_t a, int64_t b, int64_t *ret_value);

/** decimal_narrow() - a wide value that must fit. Return: 0, -ERANGE. */
int decimal_narrow(__int128 wide, int64_t *ret_value);

/**
 * decimal_floor_to() - @value (not negative) cut down to a whole multiple of @lot (>
 * 0).
 */
int64_t decimal_floor_to(int64_t value, int64_t lot);
