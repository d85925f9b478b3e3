/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/capture.c: what comes out for what goes in, in whatever portions,
 * and what is kept.
 */
#include "supervisor/capture.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

/** struct lines - all that came out, each line ended by '|' */
struct lines {
	char text[65536];
	size_t length;
	size_t n, longest;
};

static void
on_line(const char *line, size_t length, void *data)
{
	struct lines *lines = data;

	ck_assert_uint_le(length, CAPTURE_LINE_MAX);
	ck_assert_uint_lt(lines->length + length + 1, sizeof(lines->text));
	memcpy(lines->text + lines->length, line, length);
	lines->length += length;
	lines->text[lines->length++] = '|';
	lines->text[lines->length] = '\0';
	lines->n++;
	if (length > lines->longest)
		lines->longest = length;
}

static void
feed(struct capture *capture, const char *bytes, size_t length, struct lines *lines)
{
	ck_assert_int_eq(capture_feed(capture, bytes, length, on_line, lines), 0);
}

static const struct line_case {
	const char *what, *in;
	const char *lines; /* complete ones */
	const char *rest;  /* what a flush adds */
} line_cases[] = {
	{ "nothing", "", "", "" },
	{ "one line", "one\n", "one|", "" },
	{ "two lines", "one\ntwo\n", "one|two|", "" },
	{ "an empty line", "\n", "|", "" },
	{ "empty lines between", "a\n\n\nb\n", "a|||b|", "" },
	{ "no end", "one\ntwo", "one|", "two|" },
	{ "CR LF", "one\r\ntwo\r\n", "one|two|", "" },
	{ "only CR LF", "\r\n", "|", "" },
	{ "CR inside", "10%\r20%\r\n", "10%\r20%|", "" },
	{ "two CRs", "one\r\r\n", "one\r|", "" },
	{ "ends in CR", "one\r", "", "one|" },
	{ "UTF-8", "Kurs in \xe2\x82\xac: \xf0\x9f\x93\x88\n",
	    "Kurs in \xe2\x82\xac: \xf0\x9f\x93\x88|", "" },
	{ "bytes of no character", "\xff\xfe\x80\n", "\xff\xfe\x80|", "" },
	{ "control characters", "\x1b[2J\a\n", "\x1b[2J\a|", "" },
};

/* In portions of 1, 2, 3 … bytes, and in one. */
START_TEST(cuts_lines)
{
	const struct line_case *c = &line_cases[_i];
	const size_t length = strlen(c->in);
	char expected[256];

	for (size_t portion = 1; portion <= length + 1; portion++) {
		struct capture *capture = capture_new();
		struct lines lines = { .length = 0 };
		struct lines kept = { .length = 0 };

		ck_assert_ptr_nonnull(capture);
		for (size_t at = 0; at < length; at += portion)
			feed(capture, c->in + at,
			    length - at < portion ? length - at : portion, &lines);
		ck_assert_msg(strcmp(lines.text, c->lines) == 0, "%s, by %zu: %s",
		    c->what, portion, lines.text);
		capture_flush(capture, on_line, &lines);
		snprintf(expected, sizeof(expected), "%s%s", c->lines, c->rest);
		ck_assert_msg(strcmp(lines.text, expected) == 0, "%s, flushed: %s",
		    c->what, lines.text);
		capture_flush(capture, on_line, &lines);
		capture_tail(capture, on_line, &kept);
		ck_assert_msg(strcmp(kept.text, expected) == 0, "%s, kept: %s", c->what,
		    kept.text);
		ck_assert_ptr_null(capture_free(capture));
	}
}
END_TEST

START_TEST(passes_a_nul)
{
	struct capture *capture = capture_new();
	struct lines lines = { .length = 0 };

	feed(capture, "a\0b\n", 4, &lines);
	ck_assert_uint_eq(lines.length, 4);
	ck_assert_mem_eq(lines.text, "a\0b|", 4);
	lines.length = 0;
	capture_tail(capture, on_line, &lines);
	ck_assert_uint_eq(lines.length, 4);
	capture_free(capture);
}
END_TEST

static const struct long_case {
	size_t length;	/* of a line of 'x' */
	size_t pieces;	/* that it comes in */
	size_t portion; /* in which it is fed */
} long_cases[] = {
	{ CAPTURE_LINE_MAX - 1, 1, 100000 },
	{ CAPTURE_LINE_MAX, 1, 100000 },
	{ CAPTURE_LINE_MAX, 1, 1 },
	{ CAPTURE_LINE_MAX + 1, 2, 100000 },
	{ CAPTURE_LINE_MAX + 1, 2, 1000 },
	{ 2 * CAPTURE_LINE_MAX, 2, 100000 },
	{ 10 * CAPTURE_LINE_MAX + 7, 11, 16384 },
};

START_TEST(cuts_long_lines)
{
	const struct long_case *c = &long_cases[_i];
	struct capture *capture = capture_new();
	struct lines lines = { .length = 0 };
	char *line = malloc(c->length + 1);

	ck_assert_ptr_nonnull(line);
	memset(line, 'x', c->length);
	line[c->length] = '\n';
	for (size_t at = 0; at <= c->length; at += c->portion) {
		size_t left = c->length + 1 - at;

		feed(capture, line + at, left < c->portion ? left : c->portion, &lines);
	}
	ck_assert_uint_eq(lines.n, c->pieces);
	ck_assert_uint_eq(lines.length, c->length + c->pieces);
	capture_flush(capture, on_line, &lines);
	ck_assert_uint_eq(lines.n, c->pieces);
	free(line);
	capture_free(capture);
}
END_TEST

/* A sign of 2, 3, 4 bytes at each place around the cut. */
START_TEST(cuts_between_characters)
{
	static const char *const signs[] = { "\xc3\xa9", "\xe2\x82\xac",
		"\xf0\x9f\x93\x88" };
	const char *sign = signs[_i];
	const size_t size = strlen(sign);

	for (size_t before = 1; before <= size; before++) {
		struct capture *capture = capture_new();
		struct lines lines = { .length = 0 };
		char line[CAPTURE_LINE_MAX + 16];
		size_t length = CAPTURE_LINE_MAX - before;

		memset(line, 'x', length);
		memcpy(line + length, sign, size);
		memcpy(line + length + size, "y\n", 2);
		feed(capture, line, length + size + 2, &lines);
		ck_assert_uint_eq(lines.n, 2);
		ck_assert_uint_eq(
		    lines.longest, before == size ? CAPTURE_LINE_MAX : length);
		ck_assert_msg(strstr(lines.text, sign), "cut after %zu", before);
		capture_free(capture);
	}
}
END_TEST

START_TEST(ends_a_flood_without_end)
{
	struct capture *capture = capture_new();
	struct lines lines = { .length = 0 };
	char bytes[8192];

	/* Continuation bytes only: no character to be whole. */
	memset(bytes, 0x80, sizeof(bytes));
	feed(capture, bytes, sizeof(bytes), &lines);
	capture_flush(capture, on_line, &lines);
	ck_assert_uint_eq(lines.n, 2);
	ck_assert_uint_eq(lines.length, sizeof(bytes) + 2);
	capture_free(capture);
}
END_TEST

START_TEST(keeps_the_last_lines)
{
	struct capture *capture = capture_new();
	struct lines lines = { .length = 0 };
	struct lines kept = { .length = 0 };
	char line[32];

	for (int i = 0; i < 3000; i++) {
		int length = snprintf(line, sizeof(line), "line %d\n", i);

		feed(capture, line, (size_t)length, &lines);
		lines.length = 0;
	}
	capture_tail(capture, on_line, &kept);
	ck_assert_uint_eq(kept.n, CAPTURE_TAIL_LINES);
	ck_assert_msg(
	    strncmp(kept.text, "line 2950|line 2951|", 20) == 0, "%.40s", kept.text);
	ck_assert_str_eq(kept.text + kept.length - 10, "line 2999|");
	capture_free(capture);
}
END_TEST

START_TEST(keeps_no_more_than_its_bound)
{
	struct capture *capture = capture_new();
	struct lines lines = { .length = 0 };
	struct lines kept = { .length = 0 };
	char line[1001];

	/* Of different lengths, so that the buffer's end falls everywhere. */
	for (size_t i = 0; i < 400; i++) {
		size_t length = 1 + (i * 37) % 1000;

		memset(line, 'a' + (int)(i % 26), length);
		line[length - 1] = '\n';
		feed(capture, line, length, &lines);
		lines.length = kept.length = kept.n = 0;
		capture_tail(capture, on_line, &kept);
		ck_assert_uint_le(kept.length, CAPTURE_TAIL_BYTES);
		ck_assert_uint_le(kept.n, CAPTURE_TAIL_LINES);
		line[length - 1] = '|';
		ck_assert_mem_eq(kept.text + kept.length - length, line, length);
	}
	ck_assert_uint_gt(kept.length, CAPTURE_TAIL_BYTES - 1000);
	capture_free(capture);
}
END_TEST

START_TEST(has_no_tail_at_first)
{
	struct capture *capture = capture_new();
	struct lines kept = { .length = 0 };

	capture_tail(capture, on_line, &kept);
	capture_flush(capture, on_line, &kept);
	ck_assert_uint_eq(kept.n, 0);
	capture_free(capture);
	ck_assert_ptr_null(capture_free(NULL));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, cuts_lines, 0, ARRAY_SIZE(line_cases));
	tcase_add_test(tcase, passes_a_nul);
	tcase_add_loop_test(tcase, cuts_long_lines, 0, ARRAY_SIZE(long_cases));
	tcase_add_loop_test(tcase, cuts_between_characters, 0, 3);
	tcase_add_test(tcase, ends_a_flood_without_end);
	tcase_add_test(tcase, keeps_the_last_lines);
	tcase_add_test(tcase, keeps_no_more_than_its_bound);
	tcase_add_test(tcase, has_no_tail_at_first);
}

int
main(void)
{
	return suite_run("capture", add_tests);
}
