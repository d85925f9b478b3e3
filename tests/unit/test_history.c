/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/history.c and history_file.c: windows, outages, causes, clocks that
 * are set, bounds, the file in and out.
 */
#include "supervisor/history.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/statefile.h"
#include "tests/unit/suite.h"

#define MINUTE (60 * NS_PER_S)
#define HOUR HISTORY_HOUR_NS
#define DAY HISTORY_DAY_NS
#define YEAR (365 * DAY)
/* 2026-11-23T12:30:00Z, a Monday */
#define START (INT64_C(1795437000) * NS_PER_S)

static struct history history;
static struct history_now now;

static void
set_up(void)
{
	history_init(&history);
	now = (struct history_now){ START, 5 * HOUR };
}

static void
tear_down(void)
{
	history_deinit(&history);
}

static void
pass(int64_t ns)
{
	now.real_ns += ns;
	now.steady_ns += ns;
}

static void
heal(const char *worker, const char *kind, enum heal_outcome outcome)
{
	const struct history_step step = {
		.worker = worker, .level = 2, .kind = kind, .subject = kind
	};

	history_heal(&history, &step, outcome, now);
}

static void
try(const char *worker, int level, const char *kind, int64_t interval_ns)
{
	const struct history_step step = { .worker = worker,
		.level = level,
		.kind = kind,
		.interval_ns = interval_ns };

	history_try(&history, &step, now);
}

static struct history_counts
sum(int64_t hours)
{
	return history_sum(&history, hours, NULL, -1, NULL, now.real_ns);
}

START_TEST(a_day_a_week_and_ever)
{
	heal("flow", "import", HEAL_SUCCESS);
	history_good_cycle(&history, "flow", now);
	pass(6 * DAY);
	heal("flow", "import", HEAL_FAILED);
	pass(23 * HOUR);
	heal("flow", "import", HEAL_SUCCESS);
	ck_assert_uint_eq(sum(24).succeeded, 1);
	ck_assert_uint_eq(sum(24).failed, 1);
	ck_assert_uint_eq(sum(168).succeeded, 2);
	pass(HOUR);
	ck_assert_uint_eq(sum(24).failed, 0);
	ck_assert_uint_eq(sum(168).succeeded, 1);
	/* Hours over eight days old go, what outages cost stays. */
	pass(9 * DAY);
	heal("flow", "import", HEAL_SUCCESS);
	history_stopped(&history, "flow");
	history_good_cycle(&history, "flow", now);
	ck_assert_uint_eq(history.hours.n, 1);
	ck_assert_uint_eq(sum(168).recovered, 0);
	ck_assert_uint_eq(sum(0).recovered, 1);
	/* Outcomes of all time are healing.h's. */
	ck_assert_uint_eq(sum(0).succeeded + sum(0).failed, 0);
}
END_TEST

START_TEST(sums_are_of_a_worker_a_level_a_kind)
{
	heal("flow", "import", HEAL_SUCCESS);
	heal("flow", "key", HEAL_SUCCESS);
	heal("slow", "key", HEAL_SUCCESS);
	try("slow", 3, "crash", 0);
	history_good_cycle(&history, "slow", now);
	for (int64_t hours = 0; hours <= 24; hours += 24) {
		unsigned outcomes = hours > 0;
		struct history_counts counts;

		counts = history_sum(&history, hours, "slow", -1, NULL, now.real_ns);
		ck_assert_uint_eq(counts.succeeded, 2 * outcomes);
		ck_assert_uint_eq(counts.recovered, 1);
		counts = history_sum(&history, hours, NULL, 2, NULL, now.real_ns);
		ck_assert_uint_eq(counts.succeeded, 3 * outcomes);
		ck_assert_uint_eq(counts.recovered, 0);
		counts = history_sum(&history, hours, NULL, 2, "key", now.real_ns);
		ck_assert_uint_eq(counts.succeeded, 2 * outcomes);
		counts = history_sum(&history, hours, NULL, 3, NULL, now.real_ns);
		ck_assert_uint_eq(counts.succeeded, outcomes);
		ck_assert_uint_eq(counts.recovered, 1);
	}
}
END_TEST

static void
put_hour(int64_t hour, const struct history_counts *counts, void *data)
{
	fprintf(data, "%lld:%llu/%llu/%llu ",
	    (long long)(hour - now.real_ns / HISTORY_HOUR_NS),
	    (unsigned long long)counts->succeeded, (unsigned long long)counts->failed,
	    (unsigned long long)counts->relapsed);
}

START_TEST(hours_are_told_of_all_workers)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	heal("flow", "import", HEAL_SUCCESS);
	heal("slow", "key", HEAL_FAILED);
	pass(30 * HOUR);
	heal("slow", "key", HEAL_SUCCESS);
	pass(HOUR);
	heal("slow", "key", HEAL_RELAPSED);
	history_each_hour(&history, put_hour, out);
	fclose(out);
	ck_assert_str_eq(text, "-31:1/1/0 -1:0/1/0 0:0/0/1 ");
}
END_TEST

START_TEST(a_relapse_takes_back_its_success)
{
	heal("flow", "import", HEAL_SUCCESS);
	pass(HOUR);
	heal("flow", "import", HEAL_RELAPSED);
	ck_assert_uint_eq(sum(24).succeeded, 0);
	ck_assert_uint_eq(sum(24).failed, 1);
	ck_assert_uint_eq(sum(24).relapsed, 1);
	/* Once. */
	heal("flow", "import", HEAL_SUCCESS);
	heal("flow", "import", HEAL_FAILED);
	heal("flow", "import", HEAL_RELAPSED);
	ck_assert_uint_eq(sum(24).succeeded, 1);
	ck_assert_uint_eq(sum(24).relapsed, 2);
}
END_TEST

START_TEST(an_outage_lasts_until_the_good_cycle)
{
	struct history_counts counts;

	ck_assert(!history_good_cycle(&history, "flow", now));
	history_bad_cycle(&history, "flow", 5 * NS_PER_S, now);
	pass(5 * NS_PER_S);
	history_bad_cycle(&history, "flow", 5 * NS_PER_S, now);
	pass(5 * NS_PER_S);
	try("flow", 3, "cycles", 0);
	pass(20 * NS_PER_S);
	ck_assert(history_good_cycle(&history, "flow", now));
	ck_assert(!history_good_cycle(&history, "flow", now));
	counts = history_sum(&history, 24, "flow", 3, "cycles", now.real_ns);
	ck_assert_uint_eq(counts.succeeded, 1);
	ck_assert_int_eq(history_recovery_ms(&counts), 30000);
	/* What was run in vain, and what was not run, is the same half minute. */
	ck_assert_uint_eq(counts.lost, 6);
}
END_TEST

START_TEST(an_outage_belongs_to_the_highest_level)
{
	struct history_counts counts;

	try("flow", 3, "crash", 0);
	pass(MINUTE);
	try("flow", 3, "hang", 0);
	heal("flow", "import", HEAL_SUCCESS);
	pass(MINUTE);
	try("flow", 4, "limit", 0);
	pass(MINUTE);
	history_good_cycle(&history, "flow", now);
	ck_assert_uint_eq(sum(24).recovered, 1);
	counts = history_sum(&history, 24, NULL, 4, "limit", now.real_ns);
	ck_assert_int_eq(history_recovery_ms(&counts), 180000);
	ck_assert_uint_eq(counts.succeeded, 1);
	counts = history_sum(&history, 24, NULL, 3, NULL, now.real_ns);
	ck_assert_uint_eq(counts.failed, 2);
	ck_assert_uint_eq(counts.succeeded, 0);
}
END_TEST

START_TEST(failed_cycles_alone_are_of_level_0)
{
	struct history_counts counts;

	history_bad_cycle(&history, "flow", 0, now);
	history_bad_cycle(&history, "flow", 0, now);
	pass(MINUTE);
	history_good_cycle(&history, "flow", now);
	counts = history_sum(&history, 24, NULL, 0, HISTORY_KIND_CYCLE, now.real_ns);
	ck_assert_uint_eq(counts.lost, 2);
	ck_assert_uint_eq(counts.succeeded + counts.failed, 0);
	ck_assert_int_eq(history_recovery_ms(&counts), 60000);
}
END_TEST

START_TEST(a_person_stopped_it)
{
	struct history_counts counts;

	history_stopped(&history, "flow");
	history_bad_cycle(&history, "flow", MINUTE, now);
	try("flow", 3, "crash", MINUTE);
	history_stopped(&history, "flow");
	pass(DAY);
	history_good_cycle(&history, "flow", now);
	counts = sum(24);
	ck_assert_uint_eq(counts.succeeded, 1);
	ck_assert_uint_eq(counts.lost, 1);
	ck_assert_int_eq(history_recovery_ms(&counts), -1);
}
END_TEST

/* The clock is set while the supervisor runs, and put right again. */
static const struct jump_case {
	const char *what;
	int64_t jump_ns;
} jump_cases[] = {
	{ "a year back", -YEAR },
	{ "a year forward", YEAR },
	{ "a day back", -DAY },
	{ "back to 1970", -START },
	{ "before 1970", -START - YEAR },
	{ "two hours forward", 2 * HOUR },
	{ "ten minutes back", -10 * MINUTE },
};

static void
assert_all_there(const char *what)
{
	ck_assert_msg(
	    sum(24).succeeded == 2, "%s: %d in a day", what, (int)sum(24).succeeded);
	ck_assert_msg(
	    sum(168).succeeded == 3, "%s: %d in a week", what, (int)sum(168).succeeded);
	ck_assert_msg(history_cause_count(&history.causes[0], 7, now.real_ns) == 3,
	    "%s: causes", what);
}

START_TEST(a_clock_that_is_set_does_no_harm)
{
	const struct jump_case *c = &jump_cases[_i];

	heal("flow", "import", HEAL_SUCCESS);
	pass(3 * DAY);
	heal("flow", "import", HEAL_SUCCESS);
	pass(HOUR);
	try("slow", 3, "hang", 0);
	for (int i = 0; i < 2; i++) {
		now.real_ns += i == 0 ? c->jump_ns : -c->jump_ns;
		pass(MINUTE);
		history_bad_cycle(&history, "slow", 0, now);
		if (i == 0) {
			heal("flow", "import", HEAL_SUCCESS);
			assert_all_there(c->what);
		}
	}
	assert_all_there(c->what);
	history_good_cycle(&history, "slow", now);
	ck_assert_uint_eq(sum(24).recovery_ms, 2 * MINUTE / NS_PER_MS);
	for (size_t i = 1; i < history.hours.n; i++)
		ck_assert_int_le(
		    history.hours.rows[i - 1].hour, history.hours.rows[i].hour);
	ck_assert_int_gt(history.known_ns, 0);
	ck_assert_int_le(history.known_ns, now.real_ns);
}
END_TEST

START_TEST(what_is_old_stays_old_when_the_clock_is_set_back)
{
	heal("flow", "import", HEAL_SUCCESS);
	pass(3 * DAY);
	history_bad_cycle(&history, "flow", 0, now);
	now.real_ns -= YEAR;
	history_bad_cycle(&history, "flow", 0, now);
	ck_assert_uint_eq(sum(24).succeeded, 0);
	ck_assert_uint_eq(sum(168).succeeded, 1);
	ck_assert_uint_eq(history_cause_count(&history.causes[0], 2, now.real_ns), 0);
}
END_TEST

/* In another life, with a clock that was wrong at its start and is put right. */
START_TEST(a_wrong_clock_at_the_start_does_no_harm)
{
	static const int64_t wrong[] = { -YEAR, YEAR, -START };

	heal("flow", "import", HEAL_SUCCESS);
	pass(3 * DAY);
	heal("flow", "import", HEAL_SUCCESS);
	history.seen = (struct history_now){ 0 };
	now = (struct history_now){ now.real_ns + wrong[_i] + MINUTE, MINUTE };
	heal("flow", "import", HEAL_SUCCESS);
	now.real_ns -= wrong[_i];
	pass(MINUTE);
	heal("flow", "import", HEAL_SUCCESS);
	ck_assert_uint_ge(sum(24).succeeded, 3);
	ck_assert_uint_eq(sum(168).succeeded, 4);
}
END_TEST

START_TEST(an_outage_over_a_restart_goes_by_the_time_of_day)
{
	try("flow", 3, "crash", 0);
	history.outages[0].steady_ns = 0; /* as it is read */
	now.steady_ns = MINUTE;
	now.real_ns += 2 * MINUTE;
	history_good_cycle(&history, "flow", now);
	ck_assert_uint_eq(sum(24).recovery_ms, 120000);
	/* If that can be. */
	try("flow", 3, "crash", 0);
	history.outages[0].steady_ns = 0;
	now.real_ns += YEAR;
	now.steady_ns += YEAR;
	history_good_cycle(&history, "flow", now);
	ck_assert_uint_eq(sum(0).recovered, 1);
	ck_assert_uint_eq(sum(24).succeeded, 1);
}
END_TEST

START_TEST(causes_are_counted_by_the_day)
{
	struct history_step step = { .worker = "flow",
		.level = 1,
		.kind = "name",
		.subject = "CacheFiles.X",
		.example = "CacheFiles.X: moved aside" };

	history_heal(&history, &step, HEAL_SUCCESS, now);
	pass(2 * DAY);
	step.example = "CacheFiles.X: made anew";
	history_heal(&history, &step, HEAL_SUCCESS, now);
	step.subject = step.example = NULL;
	history_heal(&history, &step, HEAL_SUCCESS, now);
	ck_assert_uint_eq(history.n_causes, 1);
	ck_assert_str_eq(history.causes[0].example, "CacheFiles.X: made anew");
	ck_assert_uint_eq(history_cause_count(&history.causes[0], 1, now.real_ns), 1);
	ck_assert_uint_eq(history_cause_count(&history.causes[0], 7, now.real_ns), 2);
	ck_assert_uint_eq(
	    history_cause_count(&history.causes[0], 7, now.real_ns + 6 * DAY), 1);
	ck_assert_uint_eq(
	    history_cause_count(&history.causes[0], 7, now.real_ns + 7 * DAY), 0);
	ck_assert_uint_eq(history.causes[0].count, 2);
}
END_TEST

static void
one_cause(const char *subject)
{
	const struct history_step step = {
		.worker = "flow", .level = 2, .kind = "key", .subject = subject
	};

	history_heal(&history, &step, HEAL_SUCCESS, now);
}

START_TEST(the_rarest_cause_makes_room)
{
	char subject[32];
	bool found = false;

	for (int i = 0; i < 5; i++)
		one_cause("often");
	for (int i = 0; i < 3 * HISTORY_CAUSES_MAX; i++) {
		pass(NS_PER_S);
		snprintf(subject, sizeof(subject), "once %d", i);
		one_cause(subject);
	}
	ck_assert_uint_eq(history.n_causes, HISTORY_CAUSES_MAX);
	ck_assert_uint_eq(history.forgotten, 2 * HISTORY_CAUSES_MAX + 1);
	for (size_t i = 0; i < history.n_causes; i++)
		found |= strcmp(history.causes[i].subject, "often") == 0;
	ck_assert(found);
}
END_TEST

/* Every hour from many workers, for a fortnight; of four three recover, until no more
 * outages are known. Return: how many have. */
static uint64_t
fill(void)
{
	char worker[HISTORY_WORKER_MAX];
	uint64_t recovered = 0;

	for (unsigned i = 0; i < 14 * 24; i++) {
		pass(HOUR);
		for (unsigned k = 0; k < 40; k++) {
			snprintf(worker, sizeof(worker), "%03u-%055u", i % 512, k % 64);
			heal(worker, "attribute", HEAL_SUCCESS);
			try(worker, 3, "crash", NS_PER_S);
			if (k % 4 != 0)
				recovered += history_good_cycle(&history, worker, now);
		}
	}
	memset(worker, 'w', sizeof(worker));
	for (int i = 0; i < 2 * HISTORY_CAUSES_MAX; i++) {
		char subject[2 * HISTORY_SUBJECT_MAX];

		memset(subject, 1, sizeof(subject));
		subject[sizeof(subject) - 1] = '\0';
		subject[0] = (char)(i + 1);
		one_cause(subject);
	}
	return recovered;
}

START_TEST(all_of_it_is_bounded)
{
	uint64_t recovered = fill();

	ck_assert_uint_le(history.hours.n, HISTORY_ROWS_MAX);
	ck_assert_uint_gt(history.hours.n, HISTORY_ROWS_MAX / 2);
	ck_assert_uint_le(history.sums.n, HISTORY_SUMS_MAX);
	ck_assert_uint_eq(history.n_outages, HISTORY_OUTAGES_MAX);
	ck_assert_uint_gt(history.sums.n, HISTORY_SUMS_MAX / 2);
	ck_assert_uint_gt(recovered, HISTORY_SUMS_MAX);
	ck_assert_uint_eq(sum(0).recovered, recovered);
	/* It says how far back it goes. */
	ck_assert_int_gt(history.known_ns, now.real_ns - 7 * DAY);
	ck_assert_int_le(history.known_ns, now.real_ns);
	ck_assert_uint_eq(history_sum(&history, (now.real_ns - history.known_ns) / HOUR,
			      NULL, -1, NULL, now.real_ns)
			      .succeeded,
	    (uint64_t)((now.real_ns - history.known_ns) / HOUR) * 40 +
		2 * HISTORY_CAUSES_MAX);
}
END_TEST

START_TEST(one_hour_may_fill_it)
{
	char worker[HISTORY_WORKER_MAX];

	for (int i = 0; i < 3 * HISTORY_ROWS_MAX; i++) {
		snprintf(worker, sizeof(worker), "w%d", i);
		heal(worker, "key", HEAL_FAILED);
	}
	ck_assert_uint_le(history.hours.n, HISTORY_ROWS_MAX);
	ck_assert_uint_eq(sum(1).failed, history.hours.n);
}
END_TEST

/* The file. */

static char directory[64], path[96];

static void
make_directory(void)
{
	snprintf(directory, sizeof(directory), "/tmp/test_history.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/healing.history", directory);
}

static size_t
remove_directory(void)
{
	char pattern[128];
	glob_t found = { 0 };
	size_t n;

	snprintf(pattern, sizeof(pattern), "%s.corrupt-*", path);
	n = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
	for (size_t i = 0; i < n; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
	return n;
}

/* Two files of the same bytes have the same in them. */
static void
assert_comes_back(void)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct history read;
	size_t n_before, n_after;

	make_directory();
	history_init(&read);
	ck_assert_int_eq(history_store(&history, path), 0);
	ck_assert_int_eq(statefile_read(path, &before, &n_before), 0);
	ck_assert_int_eq(history_load(&read, path), 0);
	ck_assert_int_eq(history_store(&read, path), 0);
	ck_assert_int_eq(statefile_read(path, &after, &n_after), 0);
	ck_assert_uint_eq(n_before, n_after);
	ck_assert_str_eq(before, after);
	ck_assert_uint_eq(read.hours.n, history.hours.n);
	ck_assert_uint_eq(read.sums.n, history.sums.n);
	ck_assert_uint_eq(read.n_outages, history.n_outages);
	ck_assert_uint_eq(read.n_causes, history.n_causes);
	history_deinit(&read);
	ck_assert_uint_eq(remove_directory(), 0);
}

START_TEST(comes_back_from_the_file)
{
	heal("flow", "import", HEAL_SUCCESS);
	pass(2 * HOUR);
	heal("flow", "import", HEAL_RELAPSED);
	try("flow", 3, "crash", 7);
	history_bad_cycle(&history, "a.b-c_d", 8, now);
	one_cause("two words, \"quotes\" and \xc3\xa9");
	assert_comes_back();
}
END_TEST

START_TEST(comes_back_as_full_as_can_be)
{
	fill();
	assert_comes_back();
}
END_TEST

START_TEST(needs_no_file)
{
	make_directory();
	ck_assert_int_eq(history_load(&history, path), 0);
	ck_assert_uint_eq(history.hours.n, 0);
	remove_directory();
}
END_TEST

#define KEY " worker=flow level=2 kind=import"
#define COUNTS " ok=1 failed=0 relapsed=0 recovered=0 ms=0 lost=0"
#define GOOD "hour" KEY " hour=498732" COUNTS "\n"

static const struct file_case {
	const char *what, *text;
	bool is_good;
} file_cases[] = {
	{ "a row", GOOD, true },
	{ "nothing", "", true },
	{ "a field of a later version", "sum" KEY " hour=0" COUNTS " mood=fine\n",
	    true },
	{ "no newline", "history since=1 forgotten=0", true },
	{ "noise", "\x7f\x45\x4c\x46\n", false },
	{ "another line", GOOD "minute" KEY "\n", false },
	{ "half a row", GOOD "hour" KEY " hour=498732 ok=1 fai", false },
	{ "hours out of order", GOOD "hour" KEY " hour=498731" COUNTS "\n", false },
	{ "an hour after all time", "hour" KEY " hour=9223372036854775807" COUNTS "\n",
	    false },
	{ "a count that overflows",
	    "hour" KEY " hour=1 ok=9223372036854775807 failed=0 relapsed=0 recovered=0 "
	    "ms=0 lost=0\n",
	    false },
	{ "a negative count",
	    "hour" KEY " hour=1 ok=-1 failed=0 relapsed=0 recovered=0 ms=0 lost=0\n",
	    false },
	{ "level 5", "hour worker=flow level=5 kind=import hour=1" COUNTS "\n", false },
	{ "unsafe worker", "hour worker=../x level=1 kind=name hour=1" COUNTS "\n",
	    false },
	{ "a long kind",
	    "hour worker=flow level=1 kind=0123456789abcdef hour=1" COUNTS "\n",
	    false },
	{ "an outage", "outage" KEY " pending=yes since=5 interval=6 bad=7\n", true },
	{ "half an outage", "outage" KEY " since=5 interval=6 bad=7\n", false },
	{ "a cause",
	    "cause" KEY " cause=x example=y days=1,2,3,4,5,6,7,8 count=36 last=5\n",
	    true },
	{ "a cause of seven days",
	    "cause" KEY " cause=x example=y days=1,2,3,4,5,6,7 count=28 last=5\n",
	    false },
	{ "a cause of nine days",
	    "cause" KEY " cause=x example=y days=1,2,3,4,5,6,7,8,9 count=28 last=5\n",
	    false },
};

START_TEST(reads_only_what_makes_sense)
{
	const struct file_case *c = &file_cases[_i];
	int r;

	make_directory();
	ck_assert_int_eq(statefile_write(path, c->text, strlen(c->text), false), 0);
	r = history_load(&history, path);
	ck_assert_msg(r == (c->is_good ? 0 : -EBADMSG), "%s: %d", c->what, r);
	if (!c->is_good)
		ck_assert_uint_eq(history.hours.n, 0);
	ck_assert_msg(remove_directory() == !c->is_good, "%s: set aside", c->what);
}
END_TEST

START_TEST(sums_of_older_versions_are_read)
{
	static const char text[] = "sum" KEY " hour=0 ok=3 failed=2 relapsed=1 "
				   "recovered=4 ms=400 lost=5\n";

	make_directory();
	ck_assert_int_eq(statefile_write(path, text, strlen(text), false), 0);
	ck_assert_int_eq(history_load(&history, path), 0);
	ck_assert_uint_eq(sum(0).recovered, 4);
	ck_assert_uint_eq(sum(0).recovery_ms, 400);
	ck_assert_uint_eq(sum(0).lost, 5);
	ck_assert_uint_eq(sum(0).succeeded + sum(0).failed + sum(0).relapsed, 0);
	ck_assert_uint_eq(remove_directory(), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_day_a_week_and_ever);
	tcase_add_test(tcase, sums_are_of_a_worker_a_level_a_kind);
	tcase_add_test(tcase, hours_are_told_of_all_workers);
	tcase_add_test(tcase, a_relapse_takes_back_its_success);
	tcase_add_test(tcase, an_outage_lasts_until_the_good_cycle);
	tcase_add_test(tcase, an_outage_belongs_to_the_highest_level);
	tcase_add_test(tcase, failed_cycles_alone_are_of_level_0);
	tcase_add_test(tcase, a_person_stopped_it);
	tcase_add_loop_test(
	    tcase, a_clock_that_is_set_does_no_harm, 0, ARRAY_SIZE(jump_cases));
	tcase_add_test(tcase, what_is_old_stays_old_when_the_clock_is_set_back);
	tcase_add_loop_test(tcase, a_wrong_clock_at_the_start_does_no_harm, 0, 3);
	tcase_add_test(tcase, an_outage_over_a_restart_goes_by_the_time_of_day);
	tcase_add_test(tcase, causes_are_counted_by_the_day);
	tcase_add_test(tcase, the_rarest_cause_makes_room);
	tcase_add_test(tcase, all_of_it_is_bounded);
	tcase_add_test(tcase, one_hour_may_fill_it);
	tcase_add_test(tcase, comes_back_from_the_file);
	tcase_add_test(tcase, comes_back_as_full_as_can_be);
	tcase_add_test(tcase, needs_no_file);
	tcase_add_test(tcase, sums_of_older_versions_are_read);
	tcase_add_loop_test(
	    tcase, reads_only_what_makes_sense, 0, ARRAY_SIZE(file_cases));
}

int
main(void)
{
	return suite_run("history", add_tests);
}
