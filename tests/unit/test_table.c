/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table: widths, alignment, headings, colours, cutting, and cells that try to break
 * out.
 */
#include <check.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "supervisor/ctl/table.h"
#include "suite.h"

static const struct table_column columns[] = {
	{ "NAME", TABLE_LEFT },
	{ "N", TABLE_RIGHT },
	{ "TEXT", TABLE_LEFT },
};

static struct table *
small_table(void)
{
	struct table *table = table_new(columns, ARRAY_SIZE(columns));

	ck_assert_ptr_nonnull(table);
	return table;
}

static void
assert_renders(struct table *table, struct table_look look, const char *expected)
{
	_cleanup_free_ char *text = NULL;

	ck_assert_int_eq(table_render(table, &look, &text), 0);
	ck_assert_str_eq(text, expected);
}

static const struct table_look plain = { false, 0 };

START_TEST(aligns_columns)
{
	_cleanup_(table_freep) struct table *table = small_table();

	table_cell(table, TABLE_PLAIN, "flow");
	table_cellf(table, TABLE_PLAIN, "%d", 7);
	table_cell(table, TABLE_PLAIN, "first");
	table_cell(table, TABLE_PLAIN, "a");
	table_cell(table, TABLE_PLAIN, "1234");
	table_cell(table, TABLE_PLAIN, "second one");
	assert_renders(table, plain,
	    "NAME     N  TEXT\n"
	    "flow     7  first\n"
	    "a     1234  second one\n");
}
END_TEST

START_TEST(says_dash_for_unknown_and_fills_up)
{
	_cleanup_(table_freep) struct table *table = small_table();

	table_cell(table, TABLE_PLAIN, NULL);
	table_cell(table, TABLE_PLAIN, NULL);
	table_cell(table, TABLE_PLAIN, "");
	table_cell(table, TABLE_PLAIN, "b");
	assert_renders(table, plain,
	    "NAME  N  TEXT\n"
	    "-     -\n"
	    "b\n");
}
END_TEST

START_TEST(titles_alone)
{
	_cleanup_(table_freep) struct table *table = small_table();

	assert_renders(table, plain, "NAME  N  TEXT\n");
}
END_TEST

START_TEST(heading_does_not_widen)
{
	_cleanup_(table_freep) struct table *table = small_table();

	table_line(table, "a group with a long name:");
	table_cell(table, TABLE_PLAIN, "  w");
	table_cell(table, TABLE_PLAIN, "1");
	table_cell(table, TABLE_PLAIN, "x");
	assert_renders(table, plain,
	    "NAME  N  TEXT\n"
	    "a group with a long name:\n"
	    "  w   1  x\n");
}
END_TEST

START_TEST(counts_characters_not_bytes)
{
	_cleanup_(table_freep) struct table *table = small_table();

	table_cell(table, TABLE_PLAIN, "caf\xc3\xa9s");
	table_cell(table, TABLE_PLAIN, "1");
	table_cell(table, TABLE_PLAIN, "x");
	assert_renders(table, plain,
	    "NAME   N  TEXT\n"
	    "caf\xc3\xa9s  1  x\n");
}
END_TEST

START_TEST(cell_cannot_break_out)
{
	_cleanup_(table_freep) struct table *table = small_table();

	table_cell(table, TABLE_PLAIN, "a\nb");
	table_cell(table, TABLE_PLAIN, "1");
	table_cell(table, TABLE_PLAIN, "\033[2J");
	assert_renders(table, plain,
	    "NAME  N  TEXT\n"
	    "a?b   1  ?[2J\n");
}
END_TEST

START_TEST(colours_do_not_shift)
{
	_cleanup_(table_freep) struct table *table = small_table();

	table_cell(table, TABLE_GOOD, "up");
	table_cell(table, TABLE_PLAIN, "1");
	table_cell(table, TABLE_BAD, "x");
	assert_renders(table, (struct table_look){ true, 0 },
	    "\033[2mNAME\033[0m  \033[2mN\033[0m  \033[2mTEXT\033[0m\n"
	    "\033[32mup\033[0m    1  \033[31mx\033[0m\n");
}
END_TEST

START_TEST(cuts_at_the_terminals_edge)
{
	_cleanup_(table_freep) struct table *table = small_table();

	table_line(table, "a group with a long name:");
	table_cell(table, TABLE_PLAIN, "flow");
	table_cell(table, TABLE_PLAIN, "1");
	table_cell(table, TABLE_PLAIN, "a long story");
	table_cell(table, TABLE_PLAIN, "b");
	table_cell(table, TABLE_PLAIN, "2");
	table_cell(table, TABLE_PLAIN, "fits");
	assert_renders(table, (struct table_look){ false, 13 },
	    "NAME  N  TEXT\n"
	    "a group with…\n"
	    "flow  1  a l…\n"
	    "b     2  fits\n");
	assert_renders(table, (struct table_look){ false, 3 },
	    "NA…\n"
	    "a …\n"
	    "fl…\n"
	    "b\n");
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, aligns_columns);
	tcase_add_test(tcase, says_dash_for_unknown_and_fills_up);
	tcase_add_test(tcase, titles_alone);
	tcase_add_test(tcase, heading_does_not_widen);
	tcase_add_test(tcase, counts_characters_not_bytes);
	tcase_add_test(tcase, cell_cannot_break_out);
	tcase_add_test(tcase, colours_do_not_shift);
	tcase_add_test(tcase, cuts_at_the_terminals_edge);
}

int
main(void)
{
	return suite_run("table", add_tests);
}
