/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch on a followed file, with real files.
 */
#include "worker/trading/feed_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static char folder[32];
static char path[64], other[64];
static struct config_trading trading;
static struct feed_watch watch;

static void
append(const char *to)
{
	_cleanup_close_ int fd = open(to, O_WRONLY | O_CREAT | O_APPEND, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "line\n", 5), 5);
}

/* Inotify's events are there when the call that caused them returns. */
static bool
is_calling(void)
{
	struct pollfd wait = { .fd = watch.fd, .events = POLLIN };

	ck_assert_int_ge(watch.fd, 0);
	return poll(&wait, 1, 0) == 1;
}

static void
set_up(void)
{
	strcpy(folder, "/tmp/feed-watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/feed.csv", folder);
	snprintf(other, sizeof(other), "%s/other.csv", folder);
	trading.feed = FEED_FILE;
	trading.file.path = path;
	trading.file.follow = true;
	append(path);
	feed_watch_init(&watch, &trading);
	ck_assert(!feed_watch_take(&watch));
}

static void
tear_down(void)
{
	feed_watch_deinit(&watch);
	unlink(path);
	unlink(other);
	rmdir(folder);
}

START_TEST(a_line_calls_once)
{
	ck_assert(!is_calling());
	append(path);
	append(path);
	ck_assert(is_calling());
	ck_assert(feed_watch_take(&watch));
	ck_assert(!is_calling());
	ck_assert(!feed_watch_take(&watch));
	append(path);
	ck_assert(is_calling());
}
END_TEST

START_TEST(reading_and_other_files_do_not)
{
	_cleanup_close_ int fd = open(path, O_RDONLY);
	char bytes[8];

	ck_assert_int_eq(read(fd, bytes, sizeof(bytes)), 5);
	append(other);
	ck_assert(!is_calling());
}
END_TEST

START_TEST(another_file_in_its_place_is_watched)
{
	append(other);
	ck_assert_int_eq(rename(other, path), 0);
	ck_assert(is_calling());
	ck_assert(feed_watch_take(&watch));
	feed_watch_take(&watch);
	ck_assert(!is_calling());
	append(path);
	ck_assert(is_calling());
}
END_TEST

START_TEST(one_that_was_moved_away_is_not)
{
	ck_assert_int_eq(rename(path, other), 0);
	append(path);
	ck_assert(feed_watch_take(&watch));
	feed_watch_take(&watch);
	append(other);
	ck_assert(!is_calling());
}
END_TEST

START_TEST(one_that_is_missing_is_watched_when_it_is_there)
{
	ck_assert_int_eq(unlink(path), 0);
	ck_assert(is_calling());
	feed_watch_take(&watch);
	feed_watch_take(&watch);
	ck_assert(!is_calling());
	append(path);
	feed_watch_take(&watch);
	append(path);
	ck_assert(is_calling());
}
END_TEST

START_TEST(a_feed_that_is_not_followed_has_none)
{
	feed_watch_deinit(&watch);
	trading.file.follow = false;
	feed_watch_init(&watch, &trading);
	ck_assert_int_eq(watch.fd, -1);
	ck_assert(!feed_watch_take(&watch));
	trading.file.follow = true;
	trading.feed = FEED_SYNTHETIC;
	feed_watch_init(&watch, &trading);
	ck_assert_int_eq(watch.fd, -1);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_line_calls_once);
	tcase_add_test(tcase, reading_and_other_files_do_not);
	tcase_add_test(tcase, another_file_in_its_place_is_watched);
	tcase_add_test(tcase, one_that_was_moved_away_is_not);
	tcase_add_test(tcase, one_that_is_missing_is_watched_when_it_is_there);
	tcase_add_test(tcase, a_feed_that_is_not_followed_has_none);
}

int
main(void)
{
	return suite_run("feed_watch", add_tests);
}
