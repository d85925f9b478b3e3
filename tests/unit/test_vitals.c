/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heartbeat and failure counter files: written, read back, and taken over by the
 * next life.
 */
#include "worker/trading/vitals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/statefile.h"
#include "tests/unit/suite.h"
#include "worker/trading/trader.h"

static char dir[] = "/tmp/tradesup-vitals-XXXXXX";
static char heartbeat[64], counter[64];
static struct vitals vitals;

static const struct trader_result totals = { .events = 7, .orders = 2 };

static void
open_vitals(void)
{
	strcpy(strrchr(dir, '-') + 1, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(heartbeat, sizeof(heartbeat), "%s/beat", dir);
	snprintf(counter, sizeof(counter), "%s/counter", dir);
	vitals = (struct vitals){ .heartbeat = NULL };
	ck_assert_int_eq(vitals_set_paths(&vitals, heartbeat, counter), 0);
}

static void
close_vitals(void)
{
	vitals_deinit(&vitals);
	unlink(heartbeat);
	unlink(counter);
	rmdir(dir);
}

static void
write_text(const char *path, const char *text)
{
	ck_assert_int_eq(statefile_write(path, text, strlen(text), false), 0);
}

static void
assert_has(const char *path, const char *text)
{
	_cleanup_free_ char *content = NULL;
	size_t length;

	ck_assert_int_eq(statefile_read(path, &content, &length), 0);
	ck_assert_msg(strstr(content, text) != NULL, "%s: %s", content, text);
}

START_TEST(counts_go_on_in_the_next_life)
{
	struct vitals next = { .iter_count = 1 };

	vitals.iter_count = 41;
	vitals.heals = 3;
	ck_assert_int_eq(vitals_write_heartbeat(&vitals, true, &totals), 0);
	assert_has(heartbeat, "\"running\":true");
	assert_has(heartbeat, "\"events\":7");
	ck_assert_int_eq(vitals_set_paths(&next, heartbeat, counter), 0);
	ck_assert_int_eq(vitals_load(&next), 0);
	ck_assert_int_eq(next.iter_count, 42);
	ck_assert_int_eq(next.heals, 3);
	ck_assert_int_eq(vitals_load(&next), 0);
	ck_assert_int_eq(next.iter_count, 42);
	vitals_deinit(&next);
}
END_TEST

START_TEST(no_file_is_a_first_life)
{
	ck_assert_int_eq(vitals_load(&vitals), 0);
	ck_assert_int_eq(vitals.iter_count, 0);
	ck_assert_int_eq(vitals_read_back(&vitals), -ENOENT);
}
END_TEST

static const struct {
	const char *text;
	int load, read_back;
	int64_t iter_count;
} files[] = {
	{ "", -EBADMSG, -EBADMSG, 0 },
	{ "[1]", -EBADMSG, -EBADMSG, 0 },
	{ "{\"iter_count\": 5", -EBADMSG, -EBADMSG, 0 },
	{ "{}", 0, -EBADMSG, 0 },
	{ "{\"iter_count\": -1}", 0, -EBADMSG, 0 },
	{ "{\"iter_count\": 1.5}", 0, -EBADMSG, 0 },
	{ "{\"iter_count\": 9223372036854775807}", 0, -EBADMSG, 0 },
	{ "{\"iter_count\": 9, \"metrics\": 3}", 0, 0, 9 },
};

START_TEST(a_strange_file_is_taken_over_as_far_as_it_goes)
{
	write_text(heartbeat, files[_i].text);
	ck_assert_int_eq(vitals_load(&vitals), files[_i].load);
	ck_assert_int_eq(vitals_read_back(&vitals), files[_i].read_back);
	ck_assert_int_eq(vitals.iter_count, files[_i].iter_count);
}
END_TEST

START_TEST(the_counter_has_the_last_error)
{
	vitals.consecutive = 2;
	ck_assert_int_eq(vitals_write_counter(&vitals, "io: full \xff\x01"), 0);
	assert_has(counter, "\"consecutive\":2");
	assert_has(counter, "\"last_error\":\"io: full ?\\u0001\"");
	ck_assert_int_eq(json_check(counter), 0);
	vitals.consecutive = 0;
	ck_assert_int_eq(vitals_write_counter(&vitals, NULL), 0);
	assert_has(counter, "\"last_error\":null");
}
END_TEST

START_TEST(without_a_path_nothing_is_written)
{
	struct vitals none = { .iter_count = 1 };

	ck_assert_int_eq(vitals_write_heartbeat(&none, true, &totals), 0);
	ck_assert_int_eq(vitals_write_counter(&none, NULL), 0);
	ck_assert_int_eq(vitals_load(&none), -ENOENT);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, open_vitals, close_vitals);
	tcase_add_test(tcase, counts_go_on_in_the_next_life);
	tcase_add_test(tcase, no_file_is_a_first_life);
	tcase_add_loop_test(tcase, a_strange_file_is_taken_over_as_far_as_it_goes, 0,
	    ARRAY_SIZE(files));
	tcase_add_test(tcase, the_counter_has_the_last_error);
	tcase_add_test(tcase, without_a_path_nothing_is_written);
}

int
main(void)
{
	return suite_run("vitals", add_tests);
}
