/* SPDX-License-Identifier: Apache-2.0 */
/*
 * near: distances by a table, and which word is proposed for which slip.
 */
#include <check.h>

#include "common/cleanup.h"
#include "common/near.h"
#include "suite.h"

static const struct {
	const char *a, *b;
	size_t distance;
} distances[] = {
	{ "", "", 0 },
	{ "", "abc", 3 },
	{ "status", "status", 0 },
	{ "stauts", "status", 1 },
	{ "statsu", "status", 1 },
	{ "tsatus", "status", 1 },
	{ "staus", "status", 1 },
	{ "sttatus", "status", 1 },
	{ "stafus", "status", 1 },
	{ "kitten", "sitting", 3 },
	{ "ab", "ba", 1 },
	{ "abc", "cba", 2 },
	{ "a234567890123456789012345678901x", "a2345678901234567890123456789012", 1 },
	{ "a23456789012345678901234567890123", "a", NEAR_WORD_MAX + 1 },
	{ "a", "a23456789012345678901234567890123", NEAR_WORD_MAX + 1 },
};

START_TEST(distance_of)
{
	ck_assert_uint_eq(
	    near_distance(distances[_i].a, distances[_i].b), distances[_i].distance);
	ck_assert_uint_eq(
	    near_distance(distances[_i].b, distances[_i].a), distances[_i].distance);
}
END_TEST

static const char *const verbs[] = { "run", "check", "drill", "status", "events",
	"logs", "start", "stop", "restart", "ledger", "healing", "crashes", "version",
	"help" };

static const struct {
	const char *word, *near; /* NULL: nothing is near */
} finds[] = {
	{ "stauts", "status" },
	{ "chekc", "check" },
	{ "heal", "healing" },
	{ "crash", "crashes" },
	{ "stat", "status" },
	{ "strt", "start" },
	{ "lgos", "logs" },
	{ "log", "logs" },
	{ "rn", "run" },
	{ "restrat", "restart" },
	{ "halp", "help" },
	{ "", NULL },
	{ "x", NULL },
	{ "frobnicate", NULL },
	{ "a-word-that-is-far-longer-than-any-of-the-verbs", NULL },
};

START_TEST(near_word_of)
{
	const char *near = near_find(finds[_i].word, verbs, ARRAY_SIZE(verbs));

	if (finds[_i].near)
		ck_assert_pstr_eq(near, finds[_i].near);
	else
		ck_assert_ptr_null(near);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, distance_of, 0, ARRAY_SIZE(distances));
	tcase_add_loop_test(tcase, near_word_of, 0, ARRAY_SIZE(finds));
}

int
main(void)
{
	return suite_run("near", add_tests);
}
