/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals: names and numbers, and what is neither.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>

#include "common/cleanup.h"
#include "common/signals.h"
#include "suite.h"

static const struct {
	const char *text;
	int number;
} good[] = {
	{ "TERM", SIGTERM },
	{ "SIGTERM", SIGTERM },
	{ "sigusr1", SIGUSR1 },
	{ "usr2", SIGUSR2 },
	{ "9", SIGKILL },
	{ "09", SIGKILL },
	{ "1", SIGHUP },
	{ "64", 64 },
};

static const char *const bad[] = { "", "0", "00", "65", "-9", "999999999999", "SIG",
	"SIGSIGTERM", "TER", "TERMS", " TERM", "RTMIN+", "RTMIN+99", "RTMIN-1",
	"RTMAX+1", "RTMIN+1x", "9 ", "0x9" };

START_TEST(parses)
{
	int number = 0;

	ck_assert_msg(signals_parse(good[_i].text, &number) == 0, "%s", good[_i].text);
	ck_assert_int_eq(number, good[_i].number);
}
END_TEST

START_TEST(refuses)
{
	int number = 4711;

	ck_assert_msg(signals_parse(bad[_i], &number) == -EINVAL, "'%s'", bad[_i]);
	ck_assert_int_eq(number, 4711);
}
END_TEST

START_TEST(names_come_back)
{
	char name[SIGNALS_TEXT_MAX];
	int number;

	for (int i = 1; i <= SIGRTMAX; i++) {
		ck_assert_int_eq(signals_parse(signals_name(i, name), &number), 0);
		ck_assert_int_eq(number, i);
	}
	ck_assert_str_eq(signals_name(SIGSEGV, name), "SEGV");
	ck_assert_str_eq(signals_name(SIGRTMIN + 2, name), "RTMIN+2");
	ck_assert_str_eq(signals_name(4711, name), "4711");
	ck_assert_int_eq(signals_parse("SIGRTMAX-1", &number), 0);
	ck_assert_int_eq(number, SIGRTMAX - 1);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, parses, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(tcase, refuses, 0, ARRAY_SIZE(bad));
	tcase_add_test(tcase, names_come_back);
}

int
main(void)
{
	return suite_run("signals", add_tests);
}
