/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/healing.c: the counts, their order, and the file in and out.
 */
#include "supervisor/healing.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/statefile.h"
#include "tests/unit/suite.h"

static void
assert_row(const struct healing_row *row, uint64_t succeeded, uint64_t failed,
    uint64_t relapsed, uint64_t pending)
{
	ck_assert_uint_eq(row->succeeded, succeeded);
	ck_assert_uint_eq(row->failed, failed);
	ck_assert_uint_eq(row->relapsed, relapsed);
	ck_assert_uint_eq(row->pending, pending);
	ck_assert_uint_eq(row->tried, succeeded + failed + relapsed + pending);
}

static const struct count_case {
	const char *outcomes; /* s, f, r in turn */
	uint64_t succeeded, failed, relapsed;
	int permille;
} count_cases[] = {
	{ "s", 1, 0, 0, 1000 },
	{ "f", 0, 1, 0, 0 },
	{ "ssf", 2, 1, 0, 666 },
	{ "r", 0, 0, 1, 0 },
	{ "sr", 0, 1, 1, 0 },
	{ "ssr", 1, 1, 1, 333 },
	{ "srr", 0, 1, 2, 0 },
	{ "ssrr", 1, 1, 2, 250 },
	{ "srs", 1, 1, 1, 333 },
};

START_TEST(counts_outcomes)
{
	const struct count_case *c = &count_cases[_i];
	struct healing healing;

	healing_init(&healing);
	for (const char *p = c->outcomes; *p; p++) {
		enum heal_outcome outcome = *p == 's'	? HEAL_SUCCESS
					    : *p == 'f' ? HEAL_FAILED
							: HEAL_RELAPSED;

		ck_assert_int_eq(healing_count(&healing, "flow", 2, "import", outcome,
				     p - c->outcomes + 1),
		    0);
	}
	ck_assert_uint_eq(healing.n_rows, 1);
	assert_row(&healing.rows[0], c->succeeded, c->failed, c->relapsed, 0);
	ck_assert_int_eq(healing.rows[0].last_ns, (int64_t)strlen(c->outcomes));
	ck_assert_int_eq(healing_rate_permille(&healing.rows[0]), c->permille);
	healing_deinit(&healing);
}
END_TEST

START_TEST(sorts_rows)
{
	static const struct {
		const char *worker;
		int level;
		const char *kind;
	} keys[] = { { "b", 1, "name" }, { "a", 2, "name" }, { "a", 1, "name" },
		{ "a", 2, "import" }, { "b", 1, "key" }, { "a", 1, "name" } };
	struct healing healing;
	char order[256] = "";

	healing_init(&healing);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_int_eq(healing_count(&healing, keys[i].worker, keys[i].level,
				     keys[i].kind, HEAL_SUCCESS, 1),
		    0);
	for (size_t i = 0; i < healing.n_rows; i++) {
		const struct healing_row *row = &healing.rows[i];
		size_t used = strlen(order);

		snprintf(order + used, sizeof(order) - used, "%s/%d/%s:%d ",
		    row->worker, row->level, row->kind, (int)row->tried);
	}
	ck_assert_str_eq(
	    order, "a/1/name:2 a/2/import:1 a/2/name:1 b/1/key:1 b/1/name:1 ");
	healing_deinit(&healing);
}
END_TEST

START_TEST(verifies_by_a_good_cycle)
{
	struct healing healing;

	healing_init(&healing);
	ck_assert_uint_eq(healing_good_cycle(&healing, "flow"), 0);
	ck_assert_int_eq(healing_begin(&healing, "flow", 3, "crash", 5), 0);
	ck_assert_int_eq(healing_begin(&healing, "other", 3, "hang", 6), 0);
	assert_row(&healing.rows[0], 0, 0, 0, 1);
	ck_assert_int_eq(healing_rate_permille(&healing.rows[0]), -1);
	ck_assert_uint_eq(healing_good_cycle(&healing, "flow"), 1u << 3);
	assert_row(&healing.rows[0], 1, 0, 0, 0);
	assert_row(&healing.rows[1], 0, 0, 0, 1);
	ck_assert_uint_eq(healing_good_cycle(&healing, "flow"), 0);
	assert_row(&healing.rows[0], 1, 0, 0, 0);
	healing_deinit(&healing);
}
END_TEST

START_TEST(fails_what_is_tried_again)
{
	struct healing healing;

	healing_init(&healing);
	ck_assert_int_eq(healing_begin(&healing, "flow", 3, "crash", 1), 0);
	ck_assert_int_eq(healing_begin(&healing, "flow", 3, "crash", 2), 0);
	assert_row(&healing.rows[0], 0, 1, 0, 1);
	ck_assert_int_eq(healing_begin(&healing, "flow", 4, "limit", 3), 0);
	assert_row(&healing.rows[0], 0, 2, 0, 0);
	assert_row(&healing.rows[1], 0, 0, 0, 1);
	ck_assert_uint_eq(healing_good_cycle(&healing, "flow"), 1u << 4);
	assert_row(&healing.rows[1], 1, 0, 0, 0);
	healing_deinit(&healing);
}
END_TEST

START_TEST(cuts_a_long_kind)
{
	static const char kind[] = "a-kind-that-is-far-too-long";
	struct healing healing;

	healing_init(&healing);
	ck_assert_int_eq(healing_count(&healing, "flow", 1, kind, HEAL_SUCCESS, 1), 0);
	ck_assert_int_eq(healing_count(&healing, "flow", 1, kind, HEAL_SUCCESS, 2), 0);
	ck_assert_uint_eq(healing.n_rows, 1);
	ck_assert_str_eq(healing.rows[0].kind, "a-kind-that-is-");
	healing_deinit(&healing);
}
END_TEST

START_TEST(rows_are_bounded)
{
	struct healing healing;
	char worker[16];

	healing_init(&healing);
	ck_assert_int_eq(healing_begin(&healing, "w0", 3, "crash", 1), 0);
	for (int i = 1; i < HEALING_ROWS_MAX + 100; i++) {
		snprintf(worker, sizeof(worker), "w%d", i);
		ck_assert_int_eq(
		    healing_count(&healing, worker, 1, "name", HEAL_SUCCESS, i + 1), 0);
	}
	ck_assert_uint_eq(healing.n_rows, HEALING_ROWS_MAX);
	for (size_t i = 1; i < healing.n_rows; i++)
		ck_assert_int_lt(
		    strcmp(healing.rows[i - 1].worker, healing.rows[i].worker), 0);
	/* The oldest goes, but not while it is pending. */
	ck_assert_uint_eq(healing_good_cycle(&healing, "w0"), 1u << 3);
	ck_assert_uint_eq(healing_good_cycle(&healing, "w1"), 0);
	healing_deinit(&healing);
}
END_TEST

/* A directory of its own for each test, with the file's path in it. */
static char directory[64], path[80];

static void
make_directory(void)
{
	snprintf(directory, sizeof(directory), "/tmp/test_healing.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/healing", directory);
}

static size_t
count_set_aside(bool remove)
{
	char pattern[96];
	glob_t found = { 0 };
	size_t n;

	snprintf(pattern, sizeof(pattern), "%s.corrupt-*", path);
	n = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
	for (size_t i = 0; remove && i < n; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
	return n;
}

static void
remove_directory(void)
{
	count_set_aside(true);
	unlink(path);
	chmod(directory, 0700);
	ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(comes_back_from_the_file)
{
	struct healing before, after;

	make_directory();
	healing_init(&before);
	healing_init(&after);
	ck_assert_int_eq(healing_count(&before, "flow", 1, "name", HEAL_SUCCESS, 7), 0);
	ck_assert_int_eq(
	    healing_count(&before, "flow", 2, "import", HEAL_FAILED, 8), 0);
	ck_assert_int_eq(healing_begin(&before, "flow", 3, "hang", 9), 0);
	ck_assert_int_eq(healing_begin(&before, "a.b-c_d", 4, "limit", 10), 0);
	ck_assert_int_eq(healing_store(&before, path), 0);
	ck_assert_int_eq(healing_load(&after, path), 0);
	ck_assert_uint_eq(after.n_rows, before.n_rows);
	for (size_t i = 0; i < after.n_rows; i++) {
		const struct healing_row *a = &before.rows[i], *b = &after.rows[i];

		ck_assert_str_eq(a->worker, b->worker);
		ck_assert_str_eq(a->kind, b->kind);
		ck_assert_int_eq(a->level, b->level);
		ck_assert_int_eq(a->last_ns, b->last_ns);
		assert_row(b, a->succeeded, a->failed, a->relapsed, a->pending);
	}
	/* Pending in one life, verified in the next. */
	ck_assert_uint_eq(healing_good_cycle(&after, "a.b-c_d"), 1u << 4);
	healing_deinit(&before);
	healing_deinit(&after);
	remove_directory();
}
END_TEST

START_TEST(a_clock_before_1970_is_no_corruption)
{
	struct healing healing;

	make_directory();
	healing_init(&healing);
	ck_assert_int_eq(healing_begin(&healing, "flow", 3, "hang", -5), 0);
	ck_assert_int_eq(healing_count(&healing, "flow", 1, "name", 0, -5), 0);
	ck_assert_int_eq(healing_store(&healing, path), 0);
	healing_deinit(&healing);
	ck_assert_int_eq(healing_load(&healing, path), 0);
	ck_assert_uint_eq(healing.n_rows, 2);
	healing_deinit(&healing);
	remove_directory();
}
END_TEST

START_TEST(needs_no_file)
{
	struct healing healing;

	make_directory();
	healing_init(&healing);
	ck_assert_int_eq(healing_load(&healing, path), 0);
	ck_assert_uint_eq(healing.n_rows, 0);
	ck_assert_int_eq(healing_store(&healing, path), 0);
	ck_assert_int_eq(healing_load(&healing, path), 0);
	ck_assert_uint_eq(healing.n_rows, 0);
	ck_assert_uint_eq(count_set_aside(false), 0);
	remove_directory();
}
END_TEST

#define COUNTS " tried=3 succeeded=1 failed=1 relapsed=1 pending=0 last=5"
#define GOOD "heal worker=flow level=1 kind=name" COUNTS "\n"

static const struct file_case {
	const char *what, *text;
	bool is_good;
} file_cases[] = {
	{ "one row", GOOD, true },
	{ "an empty line", "\n" GOOD "\n", true },
	{ "no newline at the end", "heal worker=flow level=1 kind=name" COUNTS, true },
	{ "a field of a later version",
	    "heal worker=flow level=1 kind=name" COUNTS " mood=fine\n", true },
	{ "nothing", "", true },
	{ "noise", "\x7f\x45\x4c\x46\x02\x01\n", false },
	{ "another event", "cure worker=flow level=1 kind=name" COUNTS "\n", false },
	{ "no worker", "heal level=1 kind=name" COUNTS "\n", false },
	{ "unsafe worker", "heal worker=../x level=1 kind=name" COUNTS "\n", false },
	{ "no kind", "heal worker=flow level=1" COUNTS "\n", false },
	{ "empty kind", "heal worker=flow level=1 kind=\"\"" COUNTS "\n", false },
	{ "long kind", "heal worker=flow level=1 kind=0123456789abcdef" COUNTS "\n",
	    false },
	{ "level 0", "heal worker=flow level=0 kind=name" COUNTS "\n", false },
	{ "level 5", "heal worker=flow level=5 kind=name" COUNTS "\n", false },
	{ "level of text", "heal worker=flow level=1x kind=name" COUNTS "\n", false },
	{ "the same twice", GOOD GOOD, false },
	{ "half a row after a good one", GOOD "heal worker=flow level=2 ki", false },
	{ "a count is missing",
	    "heal worker=flow level=1 kind=name tried=0 succeeded=0\n", false },
	{ "negative",
	    "heal worker=flow level=1 kind=name tried=-1 succeeded=-1 failed=0 "
	    "relapsed=0 pending=0 last=1\n",
	    false },
	{ "too large",
	    "heal worker=flow level=1 kind=name tried=9223372036854775808 "
	    "succeeded=9223372036854775808 failed=0 relapsed=0 pending=0 last=1\n",
	    false },
	{ "pending twice",
	    "heal worker=flow level=3 kind=hang tried=2 succeeded=0 failed=0 "
	    "relapsed=0 pending=2 last=1\n",
	    false },
	{ "does not add up",
	    "heal worker=flow level=1 kind=name tried=5 succeeded=1 failed=1 "
	    "relapsed=1 pending=0 last=1\n",
	    false },
};

START_TEST(reads_only_what_makes_sense)
{
	const struct file_case *c = &file_cases[_i];
	struct healing healing;
	int r;

	make_directory();
	healing_init(&healing);
	ck_assert_int_eq(statefile_write(path, c->text, strlen(c->text), false), 0);
	r = healing_load(&healing, path);
	ck_assert_msg(r == (c->is_good ? 0 : -EBADMSG), "%s: %d", c->what, r);
	ck_assert_uint_eq(count_set_aside(false), !c->is_good);
	if (!c->is_good) {
		ck_assert_uint_eq(healing.n_rows, 0);
		ck_assert_int_eq(access(path, F_OK), -1);
		ck_assert_int_eq(healing_load(&healing, path), 0);
	}
	healing_deinit(&healing);
	remove_directory();
}
END_TEST

START_TEST(sets_aside_a_nul_and_too_much)
{
	struct healing healing;
	FILE *file;

	make_directory();
	healing_init(&healing);
	ck_assert_int_eq(statefile_write(path, GOOD "\0\n", sizeof(GOOD) + 1, 0), 0);
	ck_assert_int_eq(healing_load(&healing, path), -EBADMSG);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < STATEFILE_MAX / 16 + 1; i++)
		fputs("0123456789abcdef", file);
	fclose(file);
	ck_assert_int_eq(healing_load(&healing, path), -EBADMSG);
	ck_assert_uint_eq(count_set_aside(false), 2);
	remove_directory();
}
END_TEST

START_TEST(says_when_it_cannot_store)
{
	struct healing healing;

	make_directory();
	healing_init(&healing);
	snprintf(path, sizeof(path), "%s/none/healing", directory);
	ck_assert_int_eq(healing_store(&healing, path), -ENOENT);
	remove_directory();
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, counts_outcomes, 0, ARRAY_SIZE(count_cases));
	tcase_add_test(tcase, sorts_rows);
	tcase_add_test(tcase, verifies_by_a_good_cycle);
	tcase_add_test(tcase, fails_what_is_tried_again);
	tcase_add_test(tcase, cuts_a_long_kind);
	tcase_add_test(tcase, comes_back_from_the_file);
	tcase_add_test(tcase, rows_are_bounded);
	tcase_add_test(tcase, a_clock_before_1970_is_no_corruption);
	tcase_add_test(tcase, needs_no_file);
	tcase_add_loop_test(
	    tcase, reads_only_what_makes_sense, 0, ARRAY_SIZE(file_cases));
	tcase_add_test(tcase, sets_aside_a_nul_and_too_much);
	tcase_add_test(tcase, says_when_it_cannot_store);
}

int
main(void)
{
	return suite_run("healing", add_tests);
}
