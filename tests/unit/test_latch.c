/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A latch that is set stays set, for whom it is meant, and in doubt for everybody.
 */
#include "common/latch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/statefile.h"
#include "tests/unit/suite.h"
#include "tests/unit/tempdir.h"

static struct tempdir dir;

static void
make_directory(void)
{
	tempdir_init(&dir);
}

static void
remove_directory(void)
{
	chmod(tempdir_path(&dir, "latches"), 0700);
	tempdir_deinit(&dir);
}

static int
set(const char *worker, const char *rule, const char *reason)
{
	struct latch latch = { .time_ns = 1764115200000000000, .uid = 1000 };

	snprintf(latch.worker, sizeof(latch.worker), "%s", worker);
	snprintf(latch.rule, sizeof(latch.rule), "%s", rule);
	snprintf(latch.reason, sizeof(latch.reason), "%s", reason);
	return latch_set(dir.path, &latch);
}

static int
clear(const char *worker, struct latches *ret_cleared)
{
	const struct latch by = {
		.uid = 1001, .time_ns = 1764115260000000000, .reason = "seen to"
	};

	return latch_clear(dir.path, worker, &by, ret_cleared);
}

static void
put_file(const char *name, const char *content)
{
	ck_assert_int_eq(
	    statefile_write(tempdir_path(&dir, name), content, strlen(content), 0), 0);
}

static struct latch_check
check(const char *worker)
{
	struct latch_check result;

	latch_check(dir.path, worker, &result);
	return result;
}

START_TEST(none_is_set_where_there_is_no_directory)
{
	struct latches latches;

	ck_assert(!check("flow").stops_all && !check("flow").stops_opening);
	ck_assert_str_eq(check("flow").rule, "");
	ck_assert_int_eq(latch_list(dir.path, NULL, &latches), 0);
	ck_assert_uint_eq(latches.n, 0);
	latches_deinit(&latches);
	ck_assert_int_eq(clear(NULL, &latches), 0);
	ck_assert_uint_eq(latches.n, 0);
}
END_TEST

START_TEST(what_is_set_is_read_back_whole)
{
	struct latches latches;

	ck_assert_int_eq(set("flow", "max_daily_loss", "lost \"9\"\nof 8 ä"), 0);
	ck_assert_int_eq(latch_list(dir.path, "flow", &latches), 0);
	ck_assert_uint_eq(latches.n, 1);
	ck_assert_str_eq(latches.items[0].worker, "flow");
	ck_assert_str_eq(latches.items[0].rule, "max_daily_loss");
	ck_assert_str_eq(latches.items[0].reason, "lost \"9\"\nof 8 ä");
	ck_assert_str_eq(latches.items[0].name, "flow@max_daily_loss");
	ck_assert_int_eq(latches.items[0].uid, 1000);
	ck_assert_int_eq(latches.items[0].time_ns, 1764115200000000000);
	latches_deinit(&latches);
}
END_TEST

START_TEST(the_first_reason_stays)
{
	struct latches latches;

	ck_assert_int_eq(set("", "hold", "first"), 0);
	ck_assert_int_eq(set("", "hold", "second"), LATCH_E_SET);
	ck_assert_int_eq(latch_list(dir.path, NULL, &latches), 0);
	ck_assert_uint_eq(latches.n, 1);
	ck_assert_str_eq(latches.items[0].reason, "first");
	latches_deinit(&latches);
}
END_TEST

static const struct {
	const char *what, *worker, *rule, *asked, *expected;
	bool opening, all;
} scopes[] = {
	{ "its own", "flow", "hold", "flow", "hold", true, true },
	{ "another's", "flow", "hold", "flo", "", false, false },
	{ "another's, longer", "flow", "hold", "flow2", "", false, false },
	{ "everybody's", "", "panic", "flow", "panic", true, true },
	{ "a rule of the future", "flow", "new_rule", "flow", "new_rule", true, true },
	{ "a fallback may close", "flow", "module_fallback", "flow", "module_fallback",
	    true, false },
};

START_TEST(a_latch_stops_whom_it_names)
{
	struct latch_check result;

	ck_assert_int_eq(set(scopes[_i].worker, scopes[_i].rule, "r"), 0);
	result = check(scopes[_i].asked);
	ck_assert_msg(result.stops_opening == scopes[_i].opening &&
			  result.stops_all == scopes[_i].all,
	    "%s", scopes[_i].what);
	ck_assert_str_eq(result.rule, scopes[_i].expected);
}
END_TEST

START_TEST(what_stops_more_is_named)
{
	ck_assert_int_eq(set("flow", "module_fallback", "r"), 0);
	ck_assert_int_eq(set("flow", "order_throttle", "r"), 0);
	ck_assert_str_eq(check("flow").rule, "order_throttle");
	ck_assert(check("flow").stops_all);
}
END_TEST

static const struct {
	const char *worker, *rule;
} no_words[] = { { "flow", "" }, { "flow", "Hold" }, { "flow", "a/b" }, { "", ".." },
	{ "a/b", "hold" }, { ".x", "hold" }, { "a@b", "hold" } };

START_TEST(no_word_no_latch)
{
	ck_assert_int_eq(set(no_words[_i].worker, no_words[_i].rule, "r"), -EINVAL);
}
END_TEST

/* In doubt all stops. @all: for which workers. */
static const struct {
	const char *file, *content, *rule;
	bool all;
} doubts[] = {
	{ "latches/flow@hold", "", "hold", false },
	{ "latches/flow@hold", "latch reason=\"cut sh", "hold", false },
	{ "latches/flow@hold", "another thing=1\n", "hold", false },
	{ "latches/@hold", "\xff\xfe\n", "hold", true },
	{ "latches/note", "what is this\n", "latch", true },
	{ "latches/flow@", "", "latch", false },
	{ "latches/flow@hold~", "", "latch", false },
	{ "latches/-x@hold", "", "latch", true },
};

START_TEST(in_doubt_a_latch_is_set)
{
	struct latches latches;

	ck_assert_int_eq(mkdir(tempdir_path(&dir, "latches"), 0700), 0);
	put_file(doubts[_i].file, doubts[_i].content);
	ck_assert(check("flow").stops_all);
	ck_assert_str_eq(check("flow").rule, doubts[_i].rule);
	ck_assert_int_eq(check("other").stops_all, doubts[_i].all);

	ck_assert_int_eq(latch_list(dir.path, "flow", &latches), 0);
	ck_assert_uint_eq(latches.n, 1);
	ck_assert_str_ne(latches.items[0].reason, "");
	latches_deinit(&latches);
	/* It is cleared like any other. */
	ck_assert_int_eq(clear(NULL, &latches), 0);
	ck_assert_uint_eq(latches.n, 1);
	latches_deinit(&latches);
	ck_assert(!check("flow").stops_all);
}
END_TEST

START_TEST(a_directory_that_is_none_stops_everybody)
{
	struct latches latches;

	put_file("latches", "x");
	ck_assert(check("flow").stops_all);
	ck_assert_str_eq(check("flow").rule, "latch");
	ck_assert_int_eq(latch_list(dir.path, "flow", &latches), 0);
	ck_assert_uint_eq(latches.n, 1);
	latches_deinit(&latches);
	ck_assert_int_lt(clear(NULL, &latches), 0);
	ck_assert_uint_eq(latches.n, 0);
	ck_assert_int_lt(set("flow", "hold", "r"), 0);
}
END_TEST

START_TEST(what_cannot_be_cleared_is_said)
{
	struct latches latches;

	ck_assert_int_eq(set("flow", "hold", "r"), 0);
	ck_assert_int_eq(mkdir(tempdir_path(&dir, "latches/flow@panic"), 0700), 0);
	ck_assert_int_lt(clear("flow", &latches), 0);
	ck_assert_uint_eq(latches.n, 1);
	ck_assert_str_eq(latches.items[0].rule, "hold");
	latches_deinit(&latches);
	ck_assert_str_eq(check("flow").rule, "panic");
}
END_TEST

START_TEST(one_workers_are_cleared_alone)
{
	struct latches latches;

	ck_assert_int_eq(set("", "hold", "all"), 0);
	ck_assert_int_eq(set("flow", "hold", "flow's"), 0);
	ck_assert_int_eq(set("other", "hold", "other's"), 0);
	ck_assert_int_eq(clear("flow", &latches), 0);
	ck_assert_uint_eq(latches.n, 1);
	ck_assert_str_eq(latches.items[0].reason, "flow's");
	latches_deinit(&latches);

	ck_assert_int_eq(latch_list(dir.path, NULL, &latches), 0);
	ck_assert_uint_eq(latches.n, 2);
	ck_assert_str_eq(latches.items[0].name, "@hold");
	ck_assert_str_eq(latches.items[1].name, "other@hold");
	latches_deinit(&latches);
	ck_assert_int_eq(clear(NULL, &latches), 0);
	ck_assert_uint_eq(latches.n, 2);
	latches_deinit(&latches);
	ck_assert(!check("other").stops_all);
}
END_TEST

START_TEST(what_a_killed_writer_left_does_not_count)
{
	ck_assert_int_eq(mkdir(tempdir_path(&dir, "latches"), 0700), 0);
	put_file("latches/.flow@hold.17", "latch ru");
	ck_assert(!check("flow").stops_opening);
}
END_TEST

START_TEST(who_cleared_it_is_noted)
{
	_cleanup_free_ char *log = NULL;
	struct latches latches;
	size_t length;

	ck_assert_int_eq(set("flow", "hold", "lunch"), 0);
	ck_assert_int_eq(clear("flow", &latches), 0);
	latches_deinit(&latches);
	ck_assert_int_eq(
	    statefile_read(tempdir_path(&dir, LATCH_LOG), &log, &length), 0);
	ck_assert_str_eq(log,
	    "cleared time=2025-11-26T00:01:00.000000000Z worker=flow rule=hold "
	    "uid=1001 reason=\"seen to\" set_time=2025-11-26T00:00:00.000000000Z "
	    "set_uid=1000 set_reason=lunch\n");
}
END_TEST

START_TEST(what_cannot_be_noted_is_not_cleared)
{
	struct latches latches;

	ck_assert_int_eq(set("flow", "hold", "lunch"), 0);
	ck_assert_int_eq(mkdir(tempdir_path(&dir, LATCH_LOG), 0700), 0);
	ck_assert_int_eq(clear("flow", &latches), -EISDIR);
	ck_assert_uint_eq(latches.n, 0);
	ck_assert(check("flow").stops_all);
}
END_TEST

/* Many at once, each with a name of its own on the way. */
START_TEST(writers_do_not_disturb_each_other)
{
	struct latches latches;
	int status;

	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			_exit(set("flow", "hold", "the whole reason") < 0);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(latch_list(dir.path, NULL, &latches), 0);
	ck_assert_uint_eq(latches.n, 1);
	ck_assert_str_eq(latches.items[0].reason, "the whole reason");
	latches_deinit(&latches);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, make_directory, remove_directory);
	tcase_add_test(tcase, none_is_set_where_there_is_no_directory);
	tcase_add_test(tcase, what_is_set_is_read_back_whole);
	tcase_add_test(tcase, the_first_reason_stays);
	tcase_add_loop_test(tcase, a_latch_stops_whom_it_names, 0, ARRAY_SIZE(scopes));
	tcase_add_test(tcase, what_stops_more_is_named);
	tcase_add_loop_test(tcase, no_word_no_latch, 0, ARRAY_SIZE(no_words));
	tcase_add_loop_test(tcase, in_doubt_a_latch_is_set, 0, ARRAY_SIZE(doubts));
	tcase_add_test(tcase, a_directory_that_is_none_stops_everybody);
	tcase_add_test(tcase, what_cannot_be_cleared_is_said);
	tcase_add_test(tcase, one_workers_are_cleared_alone);
	tcase_add_test(tcase, who_cleared_it_is_noted);
	tcase_add_test(tcase, what_cannot_be_noted_is_not_cleared);
	tcase_add_test(tcase, what_a_killed_writer_left_does_not_count);
	tcase_add_test(tcase, writers_do_not_disturb_each_other);
}

int
main(void)
{
	return suite_run("latch", add_tests);
}
