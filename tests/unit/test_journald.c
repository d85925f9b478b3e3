/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/journald.c as far as that goes without a journal: when there is to
 * be a sink, and when not. What arrives in a real journal is the matter of an
 * integration test.
 */
#include "supervisor/journald.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static const struct stream_case {
	const char *what, *stream; /* NULL: not set */
} stream_cases[] = {
	{ "not set", NULL },
	{ "empty", "" },
	{ "text", "journal" },
	{ "half", "12:" },
	{ "another stream", "1:1" },
};

START_TEST(has_no_sink)
{
	const struct stream_case *c = &stream_cases[_i];

	unsetenv("JOURNAL_STREAM");
	if (c->stream)
		setenv("JOURNAL_STREAM", c->stream, 1);
	ck_assert_msg(!journald_sink(), "%s", c->what);
	unsetenv("JOURNAL_STREAM");
}
END_TEST

START_TEST(has_a_sink_where_standard_error_is_the_stream)
{
#ifdef HAVE_SYSTEMD
	char stream[64];
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	ck_assert(journald_sink());
	unsetenv("JOURNAL_STREAM");
#endif
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, has_no_sink, 0, ARRAY_SIZE(stream_cases));
	tcase_add_test(tcase, has_a_sink_where_standard_error_is_the_stream);
}

int
main(void)
{
	return suite_run("journald", add_tests);
}
