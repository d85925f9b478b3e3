/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glob: what a pattern stands for, and that no pattern takes long.
 */
#include <check.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/glob.h"
#include "suite.h"

static const struct {
	const char *pattern, *text;
	bool matches;
} cases[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "*", "worker.exit", true },
	{ "worker.exit", "worker.exit", true },
	{ "worker.exit", "worker.exits", false },
	{ "worker.*", "worker.exit", true },
	{ "worker.*", "worker", false },
	{ "self_healing.*", "self_healing.verified", true },
	{ "self_healing.*", "my_self_healing.verified", false },
	{ "*.exit", "worker.exit", true },
	{ "*heal*_failed", "self_healing.pre_check_heal_failed", true },
	{ "*heal*_failed", "self_healing.pre_check_heal_success", false },
	{ "w*r.e?it", "worker.exit", true },
	{ "?", "", false },
	{ "?", "a", true },
	{ "a*a*a", "aa", false },
	{ "a*a*a", "aaa", true },
	{ "a*bc", "abcbcd", false },
	{ "a*bc", "abcbc", true },
	{ "**", "x", true },
	{ "[a]", "a", false },
	{ "[a]", "[a]", true },
};

START_TEST(matches)
{
	ck_assert_msg(
	    glob_match(cases[_i].pattern, cases[_i].text) == cases[_i].matches,
	    "'%s' for '%s'", cases[_i].pattern, cases[_i].text);
}
END_TEST

/* Exponential with plain recursion: this would not end before the test's deadline. */
START_TEST(takes_no_time)
{
	char pattern[GLOB_MAX], text[8192];

	for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "*a", 2);
	memcpy(pattern + sizeof(pattern) - 2, "b", 2);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert(!glob_match(pattern, text));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, matches, 0, ARRAY_SIZE(cases));
	tcase_add_test(tcase, takes_no_time);
}

int
main(void)
{
	return suite_run("glob", add_tests);
}
