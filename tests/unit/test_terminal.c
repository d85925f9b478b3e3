/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal: what is made harmless, how wide it is, where it is cut, and spans of time.
 */
#include <check.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "supervisor/ctl/terminal.h"
#include "suite.h"

static const struct {
	const char *what, *text, *clean;
} cleans[] = {
	{ "nothing", "", "" },
	{ "plain", "cycle 12, ok", "cycle 12, ok" },
	{ "an escape sequence", "\033[31mred\033[0m", "?[31mred?[0m" },
	{ "line ends, tab, bell", "a\r\nb\tc\a", "a??b?c?" },
	{ "delete",
	    "a\x7f"
	    "b",
	    "a?b" },
	{ "two bytes", "caf\xc3\xa9", "caf\xc3\xa9" },
	{ "three bytes", "\xe2\x82\xac", "\xe2\x82\xac" },
	{ "four bytes", "\xf0\x9f\x93\x88", "\xf0\x9f\x93\x88" },
	{ "a C1 control, CSI",
	    "\xc2\x9b"
	    "31m",
	    "?31m" },
	{ "a lone continuation", "\x80", "?" },
	{ "a sequence that ends early", "\xe2\x82", "??" },
	{ "an overlong slash", "\xc0\xaf", "??" },
	{ "an overlong escape of three bytes", "\xe0\x80\x9b", "???" },
	{ "a surrogate", "\xed\xa0\x80", "???" },
	{ "past the last code point", "\xf4\x90\x80\x80", "????" },
	{ "a mark that turns the direction", "\xe2\x80\xae", "?" },
};

START_TEST(cleans_text)
{
	_cleanup_free_ char *clean = terminal_clean(cleans[_i].text);

	ck_assert_msg(clean != NULL, "%s", cleans[_i].what);
	ck_assert_str_eq(clean, cleans[_i].clean);
}
END_TEST

START_TEST(measures_and_cuts)
{
	ck_assert_uint_eq(terminal_width(""), 0);
	ck_assert_uint_eq(terminal_width("caf\xc3\xa9"), 4);
	ck_assert_uint_eq(terminal_cut("caf\xc3\xa9s", 0), 0);
	ck_assert_uint_eq(terminal_cut("caf\xc3\xa9s", 3), 3);
	ck_assert_uint_eq(terminal_cut("caf\xc3\xa9s", 4), 5);
	ck_assert_uint_eq(terminal_cut("caf\xc3\xa9s", 9), 6);
}
END_TEST

static const struct {
	int64_t ms;
	const char *text;
} spans[] = {
	{ -1, "-" },
	{ 0, "0.0s" },
	{ 99, "0.0s" },
	{ 450, "0.4s" },
	{ 9999, "9.9s" },
	{ 10000, "10s" },
	{ 59999, "59s" },
	{ 60000, "1m00s" },
	{ 185000, "3m05s" },
	{ 3599999, "59m59s" },
	{ 3600000, "1h00m" },
	{ 86399999, "23h59m" },
	{ 86400000, "1d0h" },
	{ INT64_MAX, "106751991167d7h" },
};

START_TEST(says_span)
{
	char span[TERMINAL_SPAN_MAX];

	ck_assert_str_eq(terminal_span(spans[_i].ms, span), spans[_i].text);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, cleans_text, 0, ARRAY_SIZE(cleans));
	tcase_add_test(tcase, measures_and_cuts);
	tcase_add_loop_test(tcase, says_span, 0, ARRAY_SIZE(spans));
}

int
main(void)
{
	return suite_run("terminal", add_tests);
}
