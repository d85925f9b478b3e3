/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top: what stands on which line, in windows of any size.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "suite.h"
#include "supervisor/ctl/terminal.h"
#include "supervisor/top/view.h"

#define ROWS_MAX 60

static struct top top;
static struct view_line lines[ROWS_MAX];

/* Takes rows as the supervisor sends them. */
static void
tell(const char *text)
{
	char line[4096];
	struct record row;

	snprintf(line, sizeof(line), "%s", text);
	ck_assert_int_eq(record_parse(line, &row), 0);
	if (record_get(&row, "ts"))
		top_event(&top, &row);
	else
		top_row(&top, &row);
}

static void
tell_status(const char *held, unsigned cpu_ms)
{
	char row[512];

	top_begin(&top);
	snprintf(row, sizeof(row),
	    "supervisor pid=7 up_ms=185000 state=running restarts=4 in_period=1 "
	    "intensity=3 version=0.1.0%s",
	    held);
	tell(row);
	snprintf(row, sizeof(row),
	    "worker name=flow state=up pid=8 up_ms=9900 restarts=2 heals=3 cycle=36 "
	    "cycle_age_ms=400 memory_bytes=8388608 cpu_ms=%u status=\"3 orders\"",
	    cpu_ms);
	tell(row);
	tell("worker name=fast state=waiting restarts=1 heals=0 next_ms=2500 "
	     "error=\"data: \\x1b[2Jno price\"");
	tell("worker name=last state=down restarts=0 heals=0");
	top_end(&top, 1000);
}

static void
begin(void)
{
	top_deinit(&top);
	tell_status("", 100);
}

START_TEST(wide)
{
	begin();
	tell("worker.exit ts=2026-11-24T20:03:46.123Z worker=flow status=1");
	tell_status("", 350);
	view_draw(&top, lines, 12, 120);
	ck_assert_str_eq(lines[0].text,
	    "tradesup 0.1.0  running  pid 7  up 3m05s  restarts 4 (1 of 3)");
	ck_assert_int_eq(lines[0].mark, VIEW_PLAIN);
	ck_assert_str_eq(lines[1].text,
	    "WORKER STATE       PID      UP  RST HEALS   CYCLE    AGE     MEM    CPU "
	    "STATUS       ");
	ck_assert_str_eq(lines[2].text,
	    "flow   up            8    9.9s    2     3      36   0.4s    8.0M  25.0% "
	    "3 orders");
	ck_assert_int_eq(lines[2].mark, VIEW_GOOD);
	ck_assert_str_eq(lines[3].text,
	    "fast   waiting       -       -    1     0       -      -       -      - "
	    "starts in 2.5s; data: ?[2Jno price");
	ck_assert_int_eq(lines[3].mark, VIEW_BAD);
	ck_assert_int_eq(lines[4].mark, VIEW_DIM);
	ck_assert(lines[2].is_chosen && !lines[3].is_chosen);
	ck_assert_str_eq(lines[5].text, "EVENTS");
	ck_assert_str_eq(lines[9].text, "");
	ck_assert_str_eq(lines[10].text, "20:03:46 worker.exit worker=flow status=1");
	ck_assert_msg(strstr(lines[11].text, "q quit") != NULL, "%s", lines[11].text);
}
END_TEST

START_TEST(narrow_windows_keep_what_matters)
{
	begin();
	view_draw(&top, lines, 8, 40);
	ck_assert_str_eq(lines[1].text, "WORKER STATE        UP  RST STATUS      ");
}
END_TEST

START_TEST(held_comes_first)
{
	begin();
	tell_status(" held=\"all workers: hold: caf\\xc3\\xa9\"", 100);
	view_draw(&top, lines, 5, 40);
	ck_assert_str_eq(
	    lines[0].text, "HELD (all workers: hold: caf\xc3\xa9)  tradesup");
	ck_assert_int_eq(lines[0].mark, VIEW_BAD);
	snprintf(top.trouble, sizeof(top.trouble), "no supervisor answers: x");
	view_draw(&top, lines, 5, 60);
	ck_assert_str_eq(lines[0].text, "no supervisor answers: x; trying again");
	ck_assert_int_eq(lines[0].mark, VIEW_BAD);
}
END_TEST

/* Whatever the size: no line is too wide, no byte is half, the chosen one is there. */
START_TEST(any_size)
{
	size_t rows = (size_t)_i;

	begin();
	tell("w.e ts=2026-11-24T20:03:46.123Z "
	     "t=\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"");
	top_move(&top, 2);
	for (size_t columns = 0; columns < 200; columns++) {
		size_t n_chosen = 0;

		view_draw(&top, lines, rows, columns);
		for (size_t i = 0; i < rows; i++) {
			_cleanup_free_ char *clean = terminal_clean(lines[i].text);

			ck_assert_uint_le(terminal_width(lines[i].text), columns);
			ck_assert_str_eq(clean, lines[i].text);
			n_chosen += lines[i].is_chosen;
		}
		ck_assert_uint_eq(n_chosen, rows >= 3);
	}
}
END_TEST

START_TEST(filters)
{
	begin();
	snprintf(top.filter, sizeof(top.filter), "fa");
	top_move(&top, 0);
	ck_assert_str_eq(top_chosen(&top)->name, "fast");
	view_draw(&top, lines, 10, 80);
	ck_assert_int_eq(strncmp(lines[2].text, "fast ", 5), 0);
	ck_assert_str_eq(lines[3].text, "EVENTS (filtered)");
	snprintf(top.filter, sizeof(top.filter), "nothing");
	top_move(&top, 1);
	ck_assert_ptr_null(top_chosen(&top));
	view_draw(&top, lines, 10, 80);
	ck_assert_str_eq(lines[2].text, "EVENTS (filtered)");
}
END_TEST

START_TEST(moves_within_the_list)
{
	begin();
	top_move(&top, -1);
	ck_assert_str_eq(top_chosen(&top)->name, "flow");
	top_move(&top, 1);
	ck_assert_str_eq(top_chosen(&top)->name, "fast");
	top_move(&top, 10);
	ck_assert_str_eq(top_chosen(&top)->name, "last");
	tell_status("", 100);
	ck_assert_str_eq(top_chosen(&top)->name, "last");
}
END_TEST

START_TEST(asks)
{
	begin();
	top.ask = TOP_ASK_HOLD;
	snprintf(top.ask_about, sizeof(top.ask_about), "flow");
	top_input(&top, "a");
	top_input(&top, "\xc3\xa9");
	view_draw(&top, lines, 5, 40);
	ck_assert_str_eq(lines[4].text, "flow: hold, because: a\xc3\xa9_");
	view_draw(&top, lines, 5, 3);
	ck_assert_str_eq(lines[4].text, "a\xc3\xa9_");
	top_input(&top, NULL);
	ck_assert_str_eq(top.input, "a");
	top_input(&top, NULL);
	top_input(&top, NULL);
	ck_assert_str_eq(top.input, "");
	for (int i = 0; i < 2 * TOP_INPUT_MAX; i++)
		top_input(&top, "x");
	ck_assert_uint_eq(strlen(top.input), TOP_INPUT_MAX - 1);
}
END_TEST

START_TEST(pages)
{
	begin();
	top.mode = TOP_PAGE;
	top_page_begin(&top, "logs flow");
	top_page_line(&top, "one\r\ntwo");
	for (int i = 0; i < 2 * TOP_PAGE_MAX; i++)
		top_page_line(&top, "x");
	ck_assert_uint_eq(top.n_page, TOP_PAGE_MAX);
	view_draw(&top, lines, 6, 40);
	ck_assert_str_eq(lines[1].text, "logs flow");
	ck_assert_str_eq(lines[2].text, "one??two");
	top.page_at = TOP_PAGE_MAX;
	view_draw(&top, lines, 6, 40);
	ck_assert_str_eq(lines[4].text, "x");
	top.mode = TOP_HELP;
	view_draw(&top, lines, 20, 80);
	ck_assert_msg(strstr(lines[2].text, "restart") != NULL, "%s", lines[2].text);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, wide);
	tcase_add_test(tcase, narrow_windows_keep_what_matters);
	tcase_add_test(tcase, held_comes_first);
	tcase_add_loop_test(tcase, any_size, 0, 30);
	tcase_add_test(tcase, filters);
	tcase_add_test(tcase, moves_within_the_list);
	tcase_add_test(tcase, asks);
	tcase_add_test(tcase, pages);
}

int
main(void)
{
	int status = suite_run("top_view", add_tests);

	top_deinit(&top);
	return status;
}
