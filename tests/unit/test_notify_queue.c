/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of messages on the disk: order, marks, bounds, what a kill leaves, and what
 * lies there that is no message.
 */
#include "worker/notify/queue.h"

#include <errno.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"
#include "tests/unit/tempdir.h"

static struct tempdir dir;
static struct queue queue;

static void
set_up(void)
{
	tempdir_init(&dir);
	ck_assert_int_eq(queue_open(&queue, tempdir_path(&dir, "a/queue")), 0);
}

static void
tear_down(void)
{
	queue_close(&queue);
	tempdir_deinit(&dir);
}

static void
open_again(void)
{
	queue_close(&queue);
	ck_assert_int_eq(queue_open(&queue, tempdir_path(&dir, "a/queue")), 0);
}

static void
put(const char *target, uint64_t sequence, const char *text)
{
	ck_assert_int_eq(queue_put(&queue, target, sequence, text, strlen(text)), 0);
}

static void
assert_first(const char *target, const char *wanted)
{
	struct queue_item *item = queue_first(&queue, target);
	_cleanup_free_ char *text = NULL;

	ck_assert_ptr_nonnull(item);
	ck_assert_int_eq(queue_read(&queue, item, &text), 0);
	ck_assert_str_eq(text, wanted);
}

START_TEST(each_target_has_an_order)
{
	put("ops", 10, "ten");
	put("ops", 9, "nine");
	put("mail", 100, "hundred");
	for (int i = 0; i < 2; i++) {
		assert_first("ops", "nine");
		assert_first("mail", "hundred");
		ck_assert_ptr_null(queue_first(&queue, "op"));
		ck_assert_uint_eq(queue_last_sequence(&queue), 100);
		open_again();
	}
	ck_assert_int_eq(queue_remove(&queue, queue_first(&queue, "ops")), 0);
	assert_first("ops", "ten");
	open_again();
	assert_first("ops", "ten");
	ck_assert_uint_eq(queue.n, 2);
}
END_TEST

START_TEST(a_name_with_dots_is_one_name)
{
	put("a.b", 1, "x");
	put("a", 2, "y");
	open_again();
	assert_first("a.b", "x");
	assert_first("a", "y");
}
END_TEST

START_TEST(a_mark_stays_over_a_kill)
{
	put("ops", 1, "one");
	ck_assert(!queue_first(&queue, "ops")->tried);
	ck_assert_int_eq(queue_mark(&queue, queue_first(&queue, "ops")), 0);
	ck_assert_int_eq(queue_mark(&queue, queue_first(&queue, "ops")), 0);
	open_again();
	ck_assert(queue_first(&queue, "ops")->tried);
	assert_first("ops", "one");
	ck_assert_int_eq(queue_remove(&queue, queue_first(&queue, "ops")), 0);
	open_again();
	ck_assert_uint_eq(queue.n, 0);
}
END_TEST

START_TEST(put_again_is_one_message)
{
	put("ops", 1, "one");
	open_again();
	put("ops", 1, "one, and what came since");
	open_again();
	ck_assert_uint_eq(queue.n, 1);
	assert_first("ops", "one, and what came since");
}
END_TEST

START_TEST(it_is_bounded)
{
	for (uint64_t i = 0; i < QUEUE_MAX; i++)
		put("ops", i, "x");
	ck_assert_int_eq(queue_put(&queue, "ops", QUEUE_MAX, "x", 1), -ENOSPC);
	put("ops", 5, "replaced");
	open_again();
	ck_assert_uint_eq(queue.n, QUEUE_MAX);
	ck_assert_int_eq(queue_remove(&queue, queue_first(&queue, "ops")), 0);
	put("ops", QUEUE_MAX, "x");
}
END_TEST

START_TEST(what_is_no_message_is_left_alone)
{
	static const char *const names[] = { "ops.1", "ops.00000000000000000001.tmp",
		"ops.0000000000000000000x", ".00000000000000000001",
		"ops.99999999999999999999", "-x.00000000000000000001", "ops" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		FILE *file;
		_cleanup_free_ char *path = NULL;

		ck_assert_int_gt(
		    asprintf(&path, "%s/a/queue/%s", dir.path, names[i]), 0);
		file = fopen(path, "w");
		ck_assert_ptr_nonnull(file);
		fclose(file);
	}
	open_again();
	ck_assert_uint_eq(queue.n, 0);
	ck_assert_int_eq(queue_put(&queue, "../x", 1, "x", 1), -EINVAL);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, each_target_has_an_order);
	tcase_add_test(tcase, a_name_with_dots_is_one_name);
	tcase_add_test(tcase, a_mark_stays_over_a_kill);
	tcase_add_test(tcase, put_again_is_one_message);
	tcase_add_test(tcase, it_is_bounded);
	tcase_add_test(tcase, what_is_no_message_is_left_alone);
}

int
main(void)
{
	return suite_run("notify_queue", add_tests);
}
