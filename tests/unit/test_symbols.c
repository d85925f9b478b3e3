/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols: a number for each name, the same again, and names that stay where they are.
 */
#include "worker/trading/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/suite.h"

#define MANY 20000

static uint32_t
add(struct symbols *symbols, const char *name)
{
	uint32_t index = UINT32_MAX;

	ck_assert_int_eq(symbols_add(symbols, name, strlen(name), &index), 0);
	return index;
}

START_TEST(numbers_are_dense_and_in_order_of_appearance)
{
	struct symbols symbols;

	symbols_init(&symbols);
	ck_assert_uint_eq(add(&symbols, "BTC"), 0);
	ck_assert_uint_eq(add(&symbols, "ETH"), 1);
	ck_assert_uint_eq(add(&symbols, "BTC"), 0);
	ck_assert_uint_eq(add(&symbols, "BT"), 2);
	ck_assert_uint_eq(add(&symbols, "BTCX"), 3);
	ck_assert_uint_eq(symbols.count, 4);
	ck_assert_str_eq(symbols_name(&symbols, 3), "BTCX");
	ck_assert_ptr_null(symbols_name(&symbols, 4));
	symbols_deinit(&symbols);
}
END_TEST

START_TEST(a_name_need_not_end_in_a_nul)
{
	struct symbols symbols;
	uint32_t index;

	symbols_init(&symbols);
	ck_assert_int_eq(symbols_add(&symbols, "ABCDEF", 3, &index), 0);
	ck_assert_str_eq(symbols_name(&symbols, index), "ABC");
	ck_assert_int_eq(symbols_add(&symbols, "A\0B", 3, &index), 0);
	ck_assert_uint_eq(index, 1);
	ck_assert_int_eq(symbols_add(&symbols, "A\0C", 3, &index), 0);
	ck_assert_uint_eq(index, 2);
	ck_assert_uint_eq(add(&symbols, "A"), 3);
	symbols_deinit(&symbols);
}
END_TEST

START_TEST(many_names_keep_their_numbers_and_places)
{
	struct symbols symbols;
	const char *first;
	char name[16];

	symbols_init(&symbols);
	add(&symbols, "S0");
	first = symbols_name(&symbols, 0);
	for (uint32_t i = 1; i < MANY; i++) {
		snprintf(name, sizeof(name), "S%u", i);
		ck_assert_uint_eq(add(&symbols, name), i);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "S%u", i);
		ck_assert_uint_eq(add(&symbols, name), i);
	}
	ck_assert_ptr_eq(symbols_name(&symbols, 0), first);
	symbols_deinit(&symbols);
}
END_TEST

START_TEST(there_is_an_upper_bound)
{
	struct symbols symbols;
	uint32_t index;
	char name[16];

	symbols_init(&symbols);
	for (uint32_t i = 0; i < SYMBOLS_MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		add(&symbols, name);
	}
	ck_assert_int_eq(symbols_add(&symbols, "more", 4, &index), -ENOSPC);
	ck_assert_uint_eq(add(&symbols, "0"), 0);
	symbols_deinit(&symbols);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, numbers_are_dense_and_in_order_of_appearance);
	tcase_add_test(tcase, a_name_need_not_end_in_a_nul);
	tcase_add_test(tcase, many_names_keep_their_numbers_and_places);
	tcase_add_test(tcase, there_is_an_upper_bound);
}

int
main(void)
{
	return suite_run("symbols", add_tests);
}
