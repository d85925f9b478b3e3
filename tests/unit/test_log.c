/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log on a pipe of our own: what is written, what is dropped, and that the count of
 * it is told.
 */
#include "common/log.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static int saved_stderr, reader;

static void
redirect(void)
{
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	close(ends[1]);
	reader = ends[0];
}

static void
restore(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	if (reader >= 0)
		close(reader);
	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, NULL);
}

/* All that is in the pipe now. */
static const char *
written(void)
{
	static char text[1 << 17];
	ssize_t n;
	size_t used = 0;

	while ((n = read(reader, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	return text;
}

START_TEST(a_record_is_one_line)
{
	struct record record;

	record_init(&record, "worker.start");
	record_text(&record, "worker", "flow");
	log_record(LOG_LEVEL_NOTICE, &record);
	log_message(LOG_LEVEL_ERROR, "supervisor.stop", "two\nlines %d", 1);
	ck_assert_str_eq(written(), "worker.start worker=flow\n"
				    "supervisor.stop message=\"two\\nlines 1\"\n");
}
END_TEST

START_TEST(json_has_time_and_level)
{
	struct record record;
	const char *text;

	log_setup(LOG_FORMAT_JSON, LOG_LEVEL_INFO, NULL);
	record_init(&record, "worker.start");
	record_int(&record, "pid", 1);
	log_record(LOG_LEVEL_WARNING, &record);
	text = written();
	ck_assert_int_eq(strncmp(text, "{\"ts\":\"20", 9), 0);
	ck_assert_ptr_nonnull(strstr(
	    text, "Z\",\"severity\":\"warning\",\"event\":\"worker.start\",\"pid\":1}\n"));

	record_init(&record, NULL);
	log_record(LOG_LEVEL_WARNING, &record);
	ck_assert_ptr_nonnull(strstr(written(), "\"severity\":\"warning\"}\n"));
}
END_TEST

START_TEST(what_lies_below_the_threshold_is_left_out)
{
	log_message(LOG_LEVEL_DEBUG, "e", "no");
	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_DEBUG, NULL);
	log_message(LOG_LEVEL_DEBUG, "e", "yes");
	ck_assert_str_eq(written(), "e message=yes\n");
}
END_TEST

static bool
take_errors(enum log_level level, const struct record *record)
{
	(void)record;
	return level == LOG_LEVEL_ERROR;
}

START_TEST(a_sink_comes_first)
{
	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, take_errors);
	log_message(LOG_LEVEL_ERROR, "e", "to the sink");
	log_message(LOG_LEVEL_INFO, "e", "back");
	ck_assert_str_eq(written(), "e message=back\n");
}
END_TEST

START_TEST(a_long_line_is_cut)
{
	static char text[8192];
	struct record record;

	memset(text, 'x', sizeof(text) - 1);
	record_init(&record, "e");
	record_text(&record, "k", text);
	log_record(LOG_LEVEL_INFO, &record);
	ck_assert_uint_le(strlen(written()), 4096);
}
END_TEST

START_TEST(a_reader_that_stopped_costs_lines_not_time)
{
	uint64_t before = log_dropped();
	const char *text;

	for (int i = 0; i < 4000; i++)
		log_message(LOG_LEVEL_INFO, "flood", "%064d", i);
	ck_assert_uint_gt(log_dropped(), before);

	written();
	log_message(LOG_LEVEL_INFO, "after", "x");
	text = written();
	ck_assert_int_eq(strncmp(text, "log.dropped count=", 18), 0);
	ck_assert_ptr_nonnull(strstr(text, "\nafter message=x\n"));
	ck_assert_uint_eq(strtoull(text + 18, NULL, 10), log_dropped() - before);
}
END_TEST

START_TEST(a_reader_that_has_gone_is_survived)
{
	uint64_t before = log_dropped();

	close(reader);
	reader = -1;
	log_message(LOG_LEVEL_INFO, "e", "nobody reads this");
	ck_assert_uint_eq(log_dropped(), before + 1);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, redirect, restore);
	tcase_add_test(tcase, a_record_is_one_line);
	tcase_add_test(tcase, json_has_time_and_level);
	tcase_add_test(tcase, what_lies_below_the_threshold_is_left_out);
	tcase_add_test(tcase, a_sink_comes_first);
	tcase_add_test(tcase, a_long_line_is_cut);
	tcase_add_test(tcase, a_reader_that_stopped_costs_lines_not_time);
	tcase_add_test(tcase, a_reader_that_has_gone_is_survived);
}

int
main(void)
{
	return suite_run("log", add_tests);
}
