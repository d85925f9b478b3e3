/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budget of an account: the rules with made-up clocks, and the file.
 */
#include "worker/trading/rate.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/unit/suite.h"
#include "worker/trading/rate_file.h"

#define S NS_PER_S
#define NOON (INT64_C(1700000000) * S)

static struct rate_slot slots[RATE_SLOTS_MAX];
static struct rate_book book;

static struct rate_now
at(int64_t boot_s)
{
	return (struct rate_now){
		.boot = "boot", .boot_ns = boot_s * S, .real_ns = NOON + boot_s * S
	};
}

static struct rate_now
after_boot(int64_t boot_s, int64_t real_s)
{
	return (struct rate_now){
		.boot = "other", .boot_ns = boot_s * S, .real_ns = NOON + real_s * S
	};
}

static void
set_up(void)
{
	struct rate_now now = at(1000);

	memset(slots, 0, sizeof(slots));
	rate_init(&book, slots, &now);
}

/* One request that is over at once. Return: 0, or the wait in seconds. */
static int64_t
ask(int64_t boot_s, uint32_t rate)
{
	struct rate_now now = at(boot_s);
	uint32_t slot;
	int64_t wait_ns = rate_decide(&book, &now, rate, 10 * S, &slot);

	if (wait_ns == 0)
		rate_release(&book, &now, slot, true);
	return (wait_ns + S - 1) / S;
}

START_TEST(no_window_of_60_s_has_more_than_the_rate)
{
	int64_t sent[200];
	int n = 0;

	for (int64_t t = 1000; t < 1400; t++) {
		if (ask(t, 7) == 0)
			sent[n++] = t;
	}
	for (int i = 7; i < n; i++)
		ck_assert_int_ge(sent[i] - sent[i - 7], 60);
	ck_assert_int_ge(n, 7 * 6);
	ck_assert_uint_le(book.n, 7);
}
END_TEST

START_TEST(the_wait_is_exact)
{
	for (int64_t t = 1000; t < 1005; t++)
		ck_assert_int_eq(ask(t, 5), 0);
	ck_assert_int_eq(ask(1010, 5), 50);
	/* A smaller rate must wait for more of them to leave. */
	ck_assert_int_eq(ask(1010, 3), 52);
	ck_assert_int_eq(ask(1010, 1), 54);
	ck_assert_int_eq(ask(1060, 5), 0);
	ck_assert_int_eq(ask(1060, 5), 1);
}
END_TEST

START_TEST(a_request_that_was_not_sent_is_given_back)
{
	struct rate_now now = at(1000);
	uint32_t slot;

	ck_assert_int_eq(rate_decide(&book, &now, 1, 10 * S, &slot), 0);
	ck_assert_int_gt(ask(1001, 1), 0);
	rate_release(&book, &now, slot, false);
	ck_assert_int_eq(ask(1001, 1), 0);
}
END_TEST

START_TEST(a_worker_that_died_on_the_way_counts_from_its_last_moment)
{
	struct rate_now now = at(1000);
	uint32_t slot;

	ck_assert_int_eq(rate_decide(&book, &now, 1, 10 * S, &slot), 0);
	ck_assert_int_eq(ask(1069, 1), 1);
	ck_assert_int_eq(ask(1070, 1), 0);
}
END_TEST

START_TEST(nothing_goes_out_before_a_429s_reset)
{
	struct rate_now now = at(1000);

	rate_refused(&book, &now, 40 * S);
	ck_assert_int_eq(ask(1001, 100), 39);
	rate_refused(&book, &now, 5 * S);
	ck_assert_int_eq(ask(1039, 100), 1);
	ck_assert_int_eq(ask(1040, 100), 0);
}
END_TEST

START_TEST(after_a_boot_the_window_is_full_until_the_first_minute_is_over)
{
	struct rate_now now = after_boot(12, 3000);
	uint32_t slot;

	ask(1000, 5);
	ck_assert(rate_settle(&book, &now));
	ck_assert(!rate_settle(&book, &now));
	ck_assert_int_eq(rate_decide(&book, &now, 5, S, &slot), 48 * S);
	now = after_boot(60, 3048);
	ck_assert_int_eq(rate_decide(&book, &now, 5, S, &slot), 0);
}
END_TEST

static const struct {
	const char *what;
	int64_t boot_s, real_s, wait_s;
} boots[] = {
	{ "the reset is still to come", 100, 1500, 500 },
	{ "it has passed", 100, 2001, 0 },
	{ "it has passed, the window not", 20, 2001, 40 },
	{ "it passes before the window", 20, 1990, 40 },
	{ "the clock was set back", 100, -90000, 1000 },
};

START_TEST(a_429s_reset_outlives_the_machine)
{
	struct rate_now now = at(1000);
	uint32_t slot;

	rate_refused(&book, &now, 1000 * S);
	now = after_boot(boots[_i].boot_s, boots[_i].real_s);
	ck_assert(rate_settle(&book, &now));
	ck_assert_msg(rate_decide(&book, &now, 5, S, &slot) == boots[_i].wait_s * S,
	    "%s", boots[_i].what);
}
END_TEST

START_TEST(a_clock_that_was_set_means_nothing_within_a_boot)
{
	struct rate_now now = at(1000);
	uint32_t slot;

	ask(1000, 1);
	now.real_ns -= 86400 * S;
	now.boot_ns += S;
	ck_assert(rate_is_sound(&book, &now));
	ck_assert_int_eq(rate_decide(&book, &now, 1, S, &slot), 59 * S);
}
END_TEST

static const struct {
	int64_t reset_s, date_s, retry_after_s, wait_s;
} resets[] = {
	{ 1700000040, -1, -1, 40 },
	{ 1700000040, 1700000010, -1, 30 }, /* by the server's clock */
	{ 1700000040, -1, 50, 50 },
	{ -1, -1, 7, 7 },
	{ -1, -1, 0, 1 },
	{ -1, 5, -1, 60 },
	{ 1600000000, -1, -1, 1 },
	{ 1700000040000, -1, -1, 40 }, /* in thousandths */
	{ 1700000040000000000, 1700000010, -1, 30 },
	{ 99999999999, -1, -1, 86400 },
	{ INT64_MAX, -1, -1, 86400 },
	{ INT64_MAX, 0, INT64_MAX, 86400 },
};

START_TEST(a_429_says_how_long)
{
	ck_assert_int_eq(rate_reset_wait(resets[_i].reset_s, resets[_i].date_s,
			     resets[_i].retry_after_s, NOON),
	    resets[_i].wait_s * S);
}
END_TEST

START_TEST(what_we_cannot_have_written_is_not_sound)
{
	struct rate_now now = at(1000);

	ask(1000, 5);
	ck_assert(rate_is_sound(&book, &now));
	slots[0].at_ns ^= 1;
	ck_assert(!rate_is_sound(&book, &now));
	slots[0].at_ns = 8000 * S;
	slots[0].check = ~slots[0].at_ns;
	ck_assert(!rate_is_sound(&book, &now));
	set_up();
	book.head.until_ns++;
	ck_assert(!rate_is_sound(&book, &now));
}
END_TEST

/* The file. */

static char directory[32];

static struct rate *
open_rate(const char *key, uint32_t per_minute)
{
	struct rate *rate = NULL;
	struct error error;

	ck_assert_int_eq(
	    rate_open(directory, "http://127.0.0.1:1", key, per_minute, &error, &rate),
	    0);
	return rate;
}

static void
make_directory(void)
{
	strcpy(directory, "/tmp/test_rate.XXXXXX");
	ck_assert(mkdtemp(directory) != NULL);
}

static void
remove_directory(void)
{
	char pattern[64];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*", directory);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			(void)unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	ck_assert(rmdir(directory) == 0);
}

static int
take(struct rate *rate, struct rate_ticket *ticket, int64_t *wait_ns)
{
	struct error error = { "" };
	int r = rate_take(rate, S, ticket, wait_ns, &error);

	if (r == RATE_E_WAIT && error.text[0])
		ck_assert(strstr(error.text, "corrupt") != NULL);
	return r;
}

START_TEST(workers_of_an_account_share_its_budget)
{
	_cleanup_(rate_freep) struct rate *one = open_rate("key", 2);
	_cleanup_(rate_freep) struct rate *two = open_rate("key", 2);
	_cleanup_(rate_freep) struct rate *other = open_rate("other", 2);
	struct rate_ticket ticket;
	int64_t wait_ns;

	ck_assert_int_eq(take(one, &ticket, &wait_ns), 0);
	ck_assert_int_eq(take(two, &ticket, &wait_ns), 0);
	ck_assert_int_eq(take(one, &ticket, &wait_ns), RATE_E_WAIT);
	ck_assert_int_gt(wait_ns, 50 * S);
	ck_assert_int_eq(take(two, &ticket, &wait_ns), RATE_E_WAIT);
	ck_assert_int_eq(take(other, &ticket, &wait_ns), 0);
}
END_TEST

START_TEST(a_429_stops_all_of_them)
{
	_cleanup_(rate_freep) struct rate *one = open_rate("key", 100);
	_cleanup_(rate_freep) struct rate *two = NULL;
	struct http_answer answer = { .fate = HTTP_ANSWERED,
		.status = 429,
		.rate_reset_s = -1,
		.date_s = -1,
		.retry_after_s = 40 };
	struct rate_ticket ticket;
	struct error error;
	int64_t wait_ns = 0;

	ck_assert_int_eq(take(one, &ticket, &wait_ns), 0);
	ck_assert_int_eq(rate_done(one, &ticket, &answer, &error), 0);
	two = open_rate("key", 100);
	ck_assert_int_eq(take(two, &ticket, &wait_ns), RATE_E_WAIT);
	ck_assert_int_gt(wait_ns, 35 * S);
}
END_TEST

START_TEST(a_corrupt_file_counts_as_used_up_and_is_kept)
{
	_cleanup_(rate_freep) struct rate *rate = open_rate("key", 100);
	_cleanup_free_ char *path = NULL;
	struct rate_ticket ticket;
	int64_t wait_ns = 0;
	char pattern[64];
	glob_t found;
	int fd;

	ck_assert_int_eq(take(rate, &ticket, &wait_ns), 0);
	snprintf(pattern, sizeof(pattern), "%s/*.rate", directory);
	ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
	path = strdup(found.gl_pathv[0]);
	globfree(&found);
	fd = open(path, O_WRONLY);
	ck_assert(pwrite(fd, "x", 1, _i) == 1);
	if (_i == 1)
		ck_assert(ftruncate(fd, _i) == 0);
	close(fd);
	ck_assert_int_eq(take(rate, &ticket, &wait_ns), RATE_E_WAIT);
	ck_assert_int_gt(wait_ns, 50 * S);
	snprintf(pattern, sizeof(pattern), "%s/*.corrupt-*", directory);
	ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
	globfree(&found);
	ck_assert_int_eq(take(rate, &ticket, &wait_ns), RATE_E_WAIT);
}
END_TEST

START_TEST(what_cannot_be_written_lets_nothing_out)
{
	_cleanup_(rate_freep) struct rate *rate = open_rate("key", 100);
	struct rate_ticket ticket;
	int64_t wait_ns;

	remove_directory();
	ck_assert_int_eq(take(rate, &ticket, &wait_ns), -ENOENT);
	ck_assert(mkdir(directory, 0700) == 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_checked_fixture(tcase, make_directory, remove_directory);
	tcase_add_test(tcase, no_window_of_60_s_has_more_than_the_rate);
	tcase_add_test(tcase, the_wait_is_exact);
	tcase_add_test(tcase, a_request_that_was_not_sent_is_given_back);
	tcase_add_test(
	    tcase, a_worker_that_died_on_the_way_counts_from_its_last_moment);
	tcase_add_test(tcase, nothing_goes_out_before_a_429s_reset);
	tcase_add_test(
	    tcase, after_a_boot_the_window_is_full_until_the_first_minute_is_over);
	tcase_add_loop_test(
	    tcase, a_429s_reset_outlives_the_machine, 0, (int)ARRAY_SIZE(boots));
	tcase_add_test(tcase, a_clock_that_was_set_means_nothing_within_a_boot);
	tcase_add_loop_test(tcase, a_429_says_how_long, 0, (int)ARRAY_SIZE(resets));
	tcase_add_test(tcase, what_we_cannot_have_written_is_not_sound);
	tcase_add_test(tcase, workers_of_an_account_share_its_budget);
	tcase_add_test(tcase, a_429_stops_all_of_them);
	tcase_add_loop_test(tcase, a_corrupt_file_counts_as_used_up_and_is_kept, 0, 3);
	tcase_add_test(tcase, what_cannot_be_written_lets_nothing_out);
}

int
main(void)
{
	return suite_run("rate", add_tests);
}
