/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/crash.c: what a report says, its name, its place among others.
 */
#include "supervisor/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/paths.h"
#include "common/record.h"
#include "common/statefile.h"
#include "tests/unit/suite.h"

#define NOON_NS (INT64_C(1763985600) * NS_PER_S) /* 2025-11-24T12:00:00Z */

static char parent[64], directory[80];

static void
setup(void)
{
	snprintf(parent, sizeof(parent), "/tmp/test_crash.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(parent));
	snprintf(directory, sizeof(directory), "%s/crashes", parent);
}

static size_t
count_reports(void)
{
	char **names;
	size_t n = 0;

	ck_assert_int_eq(crash_names(directory, &names), 0);
	while (names[n])
		n++;
	crash_names_free(names);
	return n;
}

static void
teardown(void)
{
	char **names;

	ck_assert_int_eq(crash_names(directory, &names), 0);
	for (char **name = names; *name; name++) {
		char *path = path_join(directory, *name);

		unlink(path);
		free(path);
	}
	crash_names_free(names);
	rmdir(directory);
	ck_assert_int_eq(rmdir(parent), 0);
}

static void
ignore_line(const char *line, size_t length, void *data)
{
	(void)line, (void)length, (void)data;
}

static struct crash
make_crash(void)
{
	return (struct crash){ .worker = "flow",
		.pid = 4711,
		.time_ns = NOON_NS + 123 * NS_PER_MS,
		.up_ns = 61250 * NS_PER_MS,
		.reason = { .status = 3, .cpu_us = -1, .rss_max_kib = -1 },
		.why = "exit",
		.action = "restart",
		.phase = "",
		.cycle = -1,
		.last_error = "" };
}

/* Return: the report's text; @ret_mode: of its file. Caller frees. */
static char *
write_and_read(const struct crash *crash, char **ret_name)
{
	char *name = NULL, *path, *text;
	struct stat st;
	size_t length;

	ck_assert_int_eq(crash_write(directory, crash, &name), 0);
	path = path_join(directory, name);
	ck_assert_int_eq(statefile_read(path, &text, &length), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	free(path);
	if (ret_name)
		*ret_name = name;
	else
		free(name);
	return text;
}

static const struct header_case {
	const char *what;
	struct exit_reason reason;
	const char *phase, *error;
	int64_t cycle;
	const char *expected; /* between up_ms and why, and after action */
	const char *after;
} header_cases[] = {
	{ "exit", { .status = 3, .cpu_us = -1, .rss_max_kib = -1 }, "", "", -1,
	    "status=3", "" },
	{ "signal",
	    { .status = -1,
		.signal = SIGSEGV,
		.core = true,
		.cpu_us = 1500,
		.rss_max_kib = 2048 },
	    "place", "", 17, "signal=SEGV core=yes cpu_ms=1 rss_max_kib=2048",
	    " phase=place cycle=17" },
	{ "a signal without a name",
	    { .status = -1, .signal = 40, .cpu_us = -1, .rss_max_kib = -1 }, "", "", -1,
	    "signal=40", "" },
	{ "an error that would forge a line",
	    { .status = 1, .cpu_us = -1, .rss_max_kib = -1 }, "fetch",
	    "no\nrestarts:\x1b", 0, "status=1",
	    " phase=fetch cycle=0 error=\"no\\nrestarts:\\x1b\"" },
};

START_TEST(says_how_it_ended)
{
	const struct header_case *c = &header_cases[_i];
	struct crash crash = make_crash();
	char expected[512];
	char *name, *text;

	setup();
	crash.reason = c->reason;
	crash.phase = c->phase;
	crash.last_error = c->error;
	crash.cycle = c->cycle;
	text = write_and_read(&crash, &name);
	snprintf(expected, sizeof(expected),
	    "crash worker=flow pid=4711 time=2025-11-24T12:00:00.123Z up_ms=61250 %s "
	    "why=exit action=restart%s\nrestarts:\noutput:\n",
	    c->expected, c->after);
	ck_assert_msg(strcmp(text, expected) == 0, "%s: %s", c->what, text);
	ck_assert_str_eq(name, "20251124T120000.123Z-flow-4711.txt");
	free(text);
	free(name);
	teardown();
}
END_TEST

START_TEST(shows_restarts_and_output)
{
	static const char output[] = "calm\n"
				     "two words\n"
				     "\x1b[2Jcrash worker=forged\n"
				     "a\0b\n"
				     "Kurs \xe2\x82\xac\n"
				     "\xff\n"
				     "unfinished";
	const int64_t restarts[] = { NOON_NS - 2 * NS_PER_S, NOON_NS - NS_PER_S };
	struct capture *capture = capture_new();
	struct crash crash = make_crash();
	char *text;

	setup();
	ck_assert_int_eq(
	    capture_feed(capture, output, sizeof(output) - 1, ignore_line, NULL), 0);
	capture_flush(capture, ignore_line, NULL);
	crash.output = capture;
	crash.restarts_ns = restarts;
	crash.n_restarts = 2;
	text = write_and_read(&crash, NULL);
	ck_assert_str_eq(strchr(text, '\n') + 1,
	    "restarts:\n"
	    "  2025-11-24T11:59:58.000Z\n"
	    "  2025-11-24T11:59:59.000Z\n"
	    "output:\n"
	    "  line=calm\n"
	    "  line=\"two words\"\n"
	    "  line=\"\\x1b[2Jcrash worker=forged\"\n"
	    "  line=\"a b\"\n"
	    "  line=\"Kurs \xe2\x82\xac\"\n"
	    "  line=\"\\xff\"\n"
	    "  line=unfinished\n");
	free(text);
	capture_free(capture);
	teardown();
}
END_TEST

START_TEST(keeps_every_byte_of_a_long_line)
{
	struct capture *capture = capture_new();
	struct crash crash = make_crash();
	char output[CAPTURE_LINE_MAX];
	struct record record;
	char *text, *line;

	setup();
	memset(output, 1, sizeof(output));
	ck_assert_int_eq(
	    capture_feed(capture, output, sizeof(output), ignore_line, NULL), 0);
	capture_flush(capture, ignore_line, NULL);
	crash.output = capture;
	text = write_and_read(&crash, NULL);
	line = strstr(text, "output:\n") + 8;
	ck_assert_int_eq(record_parse(line, &record), 0);
	ck_assert_uint_eq(strlen(record_get(&record, "line")), sizeof(output));
	free(text);
	capture_free(capture);
	teardown();
}
END_TEST

START_TEST(gives_names_that_differ_and_sort)
{
	/* In the order of their end; the three in the middle in one millisecond. */
	static const int offsets_ms[] = { 0, 5, 5, 5, 6 };
	char *written[ARRAY_SIZE(offsets_ms)];
	struct crash crash = make_crash();
	char **names;

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(offsets_ms); i++) {
		crash.time_ns = NOON_NS + offsets_ms[i] * NS_PER_MS;
		ck_assert_int_eq(crash_write(directory, &crash, &written[i]), 0);
	}
	ck_assert_int_eq(crash_names(directory, &names), 0);
	for (size_t i = 0; i < ARRAY_SIZE(offsets_ms); i++) {
		ck_assert_str_eq(names[i], written[i]);
		free(written[i]);
	}
	ck_assert_ptr_null(names[ARRAY_SIZE(offsets_ms)]);
	crash_names_free(names);
	teardown();
}
END_TEST

START_TEST(lets_go_of_the_oldest)
{
	struct crash crash = make_crash();
	_cleanup_free_ char *other = NULL;
	char **names;

	setup();
	ck_assert_int_eq(path_mkdirs(directory, 0700), 0);
	other = path_join(directory, "notes.txt");
	ck_assert_int_eq(statefile_write(other, "mine", 4, 0), 0);
	for (int i = 0; i < CRASH_KEEP + 5; i++) {
		crash.time_ns = NOON_NS + i * NS_PER_S;
		ck_assert_int_eq(crash_write(directory, &crash, NULL), 0);
	}
	ck_assert_uint_eq(count_reports(), CRASH_KEEP);
	ck_assert_int_eq(crash_names(directory, &names), 0);
	ck_assert_str_eq(names[0], "20251124T120005.000Z-flow-4711.txt");
	crash_names_free(names);
	ck_assert_int_eq(access(other, F_OK), 0);
	unlink(other);
	teardown();
}
END_TEST

static const struct name_case {
	const char *name;
	bool is_report;
} name_cases[] = {
	{ "20251124T120005.000Z-flow-4711.txt", true },
	{ "20251124T120005.000Z-a.b-1_002.txt", true },
	{ "20251124T120005.000Z-flow-4711.txt.tmp", false },
	{ "20251124T120005.000Z.txt", false },
	{ "2025-11-24T12:00:05-flow-4711.txt", false },
	{ "2025112", false },
	{ ".txt", false },
	{ "flow.txt", false },
};

START_TEST(lists_reports_only)
{
	const struct name_case *c = &name_cases[_i];
	_cleanup_free_ char *path = NULL;

	setup();
	ck_assert_int_eq(path_mkdirs(directory, 0700), 0);
	path = path_join(directory, c->name);
	ck_assert_int_eq(statefile_write(path, "", 0, 0), 0);
	ck_assert_msg(count_reports() == c->is_report, "%s", c->name);
	unlink(path);
	teardown();
}
END_TEST

START_TEST(needs_no_directory)
{
	struct stat st;
	struct crash crash = make_crash();

	setup();
	ck_assert_uint_eq(count_reports(), 0);
	ck_assert_int_eq(crash_write(directory, &crash, NULL), 0);
	ck_assert_int_eq(stat(directory, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_uint_eq(count_reports(), 1);
	ck_assert_ptr_null(crash_names_free(NULL));
	teardown();
}
END_TEST

START_TEST(says_when_it_cannot_write)
{
	struct crash crash = make_crash();
	char *name = NULL;
	char **names;

	setup();
	ck_assert_int_eq(statefile_write(directory, "", 0, 0), 0);
	ck_assert_int_lt(crash_write(directory, &crash, &name), 0);
	ck_assert_ptr_null(name);
	ck_assert_int_eq(crash_names(directory, &names), -ENOTDIR);
	unlink(directory);
	teardown();
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, says_how_it_ended, 0, ARRAY_SIZE(header_cases));
	tcase_add_test(tcase, shows_restarts_and_output);
	tcase_add_test(tcase, keeps_every_byte_of_a_long_line);
	tcase_add_test(tcase, gives_names_that_differ_and_sort);
	tcase_add_test(tcase, lets_go_of_the_oldest);
	tcase_add_loop_test(tcase, lists_reports_only, 0, ARRAY_SIZE(name_cases));
	tcase_add_test(tcase, needs_no_directory);
	tcase_add_test(tcase, says_when_it_cannot_write);
}

int
main(void)
{
	return suite_run("crash", add_tests);
}
