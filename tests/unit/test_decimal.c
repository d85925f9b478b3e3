/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimals: what is a number and what it is worth, to the last of 8 places.
 */
#include "common/decimal.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static const struct {
	const char *text;
	int result;
	int64_t value;
} parses[] = {
	{ "1", 0, 100000000 },
	{ "1.5", 0, 150000000 },
	{ "-1.5", 0, -150000000 },
	{ "+.5", 0, 50000000 },
	{ "5.", 0, 500000000 },
	{ "-.5e0", 0, -50000000 },
	{ "1.2e-3", 0, 120000 },
	{ "1.2E+3", 0, 120000000000 },
	{ "0", 0, 0 },
	{ "-0", 0, 0 },
	{ "000000000000000000000000001", 0, 100000000 },
	{ " \t1\r\n", 0, 100000000 },
	{ "0.00000001", 0, 1 },
	{ "0.000000019", 0, 1 },
	{ "-0.000000019", 0, -1 },
	{ "0.000000009", 0, 0 },
	{ "1.99999999999999999999999999", 0, 199999999 },
	{ "92233720368.54775807", 0, INT64_MAX },
	{ "92233720368.547758079", 0, INT64_MAX },
	{ "-92233720368.54775808", 0, INT64_MIN },
	{ "9223372036854775807e-8", 0, INT64_MAX },
	{ "0.0000000000000001e16", 0, 100000000 },
	{ "1000000000000000000000000000000e-30", 0, 100000000 },
	{ "0e99999999999999999999", 0, 0 },
	{ "1e-99999999999999999999", 0, 0 },
	{ "92233720368.54775808", -ERANGE, 0 },
	{ "-92233720368.54775809", -ERANGE, 0 },
	{ "999999999999999999", -ERANGE, 0 },
	{ "1e11", -ERANGE, 0 },
	{ "1e99999999999999999999", -ERANGE, 0 },
	{ "", -EINVAL, 0 },
	{ " ", -EINVAL, 0 },
	{ ".", -EINVAL, 0 },
	{ "-", -EINVAL, 0 },
	{ "+-1", -EINVAL, 0 },
	{ "--1", -EINVAL, 0 },
	{ "1.2.3", -EINVAL, 0 },
	{ "1..", -EINVAL, 0 },
	{ "1e", -EINVAL, 0 },
	{ "1e+", -EINVAL, 0 },
	{ "1e1.5", -EINVAL, 0 },
	{ "e5", -EINVAL, 0 },
	{ ".e5", -EINVAL, 0 },
	{ "1 2", -EINVAL, 0 },
	{ "1,5", -EINVAL, 0 },
	{ "0x10", -EINVAL, 0 },
	{ "1_000", -EINVAL, 0 },
	{ "nan", -EINVAL, 0 },
	{ "inf", -EINVAL, 0 },
	{ "1f", -EINVAL, 0 },
};

START_TEST(text_is_read_exactly_or_refused)
{
	const char *text = parses[_i].text;
	int64_t value = 4711;
	int r = decimal_parse(text, strlen(text), &value);

	ck_assert_msg(r == parses[_i].result, "\"%s\": result %d", text, r);
	ck_assert_msg(value == (r == 0 ? parses[_i].value : 4711), "\"%s\": value %lld",
	    text, (long long)value);
}
END_TEST

START_TEST(length_ends_the_text)
{
	int64_t value;

	ck_assert_int_eq(decimal_parse("12345", 2, &value), 0);
	ck_assert_int_eq(value, 12 * DECIMAL_ONE);
	ck_assert_int_eq(decimal_parse("12345", 0, &value), -EINVAL);
}
END_TEST

static const struct {
	const char *text;
	unsigned places;
	int64_t value;
} scales[] = {
	{ "1315922016.25", 9, INT64_C(1315922016250000000) },
	{ "1315922016", 9, INT64_C(1315922016000000000) },
	{ "1.999", 0, 1 },
	{ "-1.999", 0, -1 },
	{ "9223372036854775807", 0, INT64_MAX },
	{ "1.315922016e9", 0, 1315922016 },
	{ "1", 18, INT64_C(1000000000000000000) },
};

START_TEST(places_are_chosen_by_the_caller)
{
	int64_t value;

	ck_assert_int_eq(decimal_parse_scaled(scales[_i].text, strlen(scales[_i].text),
			     scales[_i].places, &value),
	    0);
	ck_assert_int_eq(value, scales[_i].value);
}
END_TEST

static const struct {
	__int128 value;
	const char *text;
} formats[] = {
	{ 0, "0.00000000" },
	{ 1, "0.00000001" },
	{ -1, "-0.00000001" },
	{ 150000000, "1.50000000" },
	{ -150000000, "-1.50000000" },
	{ INT64_MAX, "92233720368.54775807" },
	{ INT64_MIN, "-92233720368.54775808" },
	{ (__int128)1 << 126, "850705917302346158658436518579.42052864" },
	{ -((__int128)1 << 126) * 2, "-1701411834604692317316873037158.84105728" },
};

START_TEST(eight_places_are_always_written)
{
	char text[DECIMAL_TEXT_MAX];

	ck_assert_uint_eq(decimal_format(formats[_i].value, text), strlen(text));
	ck_assert_str_eq(text, formats[_i].text);
}
END_TEST

START_TEST(what_was_written_reads_back)
{
	static const int64_t values[] = { 0, 1, -1, 99999999, 100000000,
		123456789012345, INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char text[DECIMAL_TEXT_MAX];
		int64_t back;
		size_t length = decimal_format(values[i], text);

		ck_assert_int_eq(decimal_parse(text, length, &back), 0);
		ck_assert_int_eq(back, values[i]);
	}
}
END_TEST

START_TEST(products_truncate_towards_zero_and_never_overflow)
{
	ck_assert(decimal_mul(150000000, 150000000) == 225000000);
	ck_assert(decimal_mul(1, 99999999) == 0);
	ck_assert(decimal_mul(-1, 99999999) == 0);
	ck_assert(decimal_mul(-3, 50000000) == -1);
	ck_assert(
	    decimal_mul(INT64_MIN, INT64_MIN) == ((__int128)1 << 126) / DECIMAL_ONE);
}
END_TEST

START_TEST(quotients_truncate_towards_zero_and_say_when_they_do_not_fit)
{
	int64_t value = 4711;

	ck_assert_int_eq(decimal_div(DECIMAL_ONE, 3 * DECIMAL_ONE, &value), 0);
	ck_assert_int_eq(value, 33333333);
	ck_assert_int_eq(decimal_div(-DECIMAL_ONE, 3 * DECIMAL_ONE, &value), 0);
	ck_assert_int_eq(value, -33333333);
	ck_assert_int_eq(decimal_div(INT64_MAX, 1, &value), -ERANGE);
	ck_assert_int_eq(decimal_div(INT64_MIN, -DECIMAL_ONE, &value), -ERANGE);
	ck_assert_int_eq(value, -33333333);
}
END_TEST

START_TEST(narrowing_keeps_what_fits)
{
	int64_t value = 0;

	ck_assert_int_eq(decimal_narrow(INT64_MAX, &value), 0);
	ck_assert_int_eq(value, INT64_MAX);
	ck_assert_int_eq(decimal_narrow((__int128)INT64_MAX + 1, &value), -ERANGE);
	ck_assert_int_eq(decimal_narrow((__int128)INT64_MIN - 1, &value), -ERANGE);
	ck_assert_int_eq(value, INT64_MAX);
}
END_TEST

START_TEST(quantities_are_cut_to_whole_lots)
{
	ck_assert_int_eq(decimal_floor_to(123456789, 1), 123456789);
	ck_assert_int_eq(decimal_floor_to(123456789, 1000000), 123000000);
	ck_assert_int_eq(decimal_floor_to(99, 100), 0);
	ck_assert_int_eq(decimal_floor_to(0, 100), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, text_is_read_exactly_or_refused, 0, ARRAY_SIZE(parses));
	tcase_add_test(tcase, length_ends_the_text);
	tcase_add_loop_test(
	    tcase, places_are_chosen_by_the_caller, 0, ARRAY_SIZE(scales));
	tcase_add_loop_test(
	    tcase, eight_places_are_always_written, 0, ARRAY_SIZE(formats));
	tcase_add_test(tcase, what_was_written_reads_back);
	tcase_add_test(tcase, products_truncate_towards_zero_and_never_overflow);
	tcase_add_test(
	    tcase, quotients_truncate_towards_zero_and_say_when_they_do_not_fit);
	tcase_add_test(tcase, narrowing_keeps_what_fits);
	tcase_add_test(tcase, quantities_are_cut_to_whole_lots);
}

int
main(void)
{
	return suite_run("decimal", add_tests);
}
