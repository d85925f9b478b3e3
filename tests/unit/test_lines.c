/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines: what a line is, in plain files and in gzip, at the end of a file that grows,
 * and from a mark on.
 */
#include "worker/trading/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"
#include "tests/unit/tempdir.h"

struct fixture {
	struct tempdir dir;
	char path[128];
	struct lines *lines;
	struct error error;
};

static void
setup(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	tempdir_init(&fixture->dir);
	snprintf(fixture->path, sizeof(fixture->path), "%s",
	    tempdir_path(&fixture->dir, "file"));
}

static void
teardown(struct fixture *fixture)
{
	lines_free(fixture->lines);
	tempdir_deinit(&fixture->dir);
}

static void
put(const struct fixture *fixture, const char *mode, const char *bytes, size_t length)
{
	FILE *file = fopen(fixture->path, mode);

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}

static void
put_text(const struct fixture *fixture, const char *mode, const char *text)
{
	put(fixture, mode, text, strlen(text));
}

/* One gzip member. Return: its length. */
static size_t
compress_member(const char *text, unsigned char *out, size_t size)
{
	z_stream stream = { 0 };

	ck_assert_int_eq(
	    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (Bytef *)(uintptr_t)text;
	stream.avail_in = (uInt)strlen(text);
	stream.next_out = out;
	stream.avail_out = (uInt)size;
	ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return size - stream.avail_out;
}

static void
open_lines(struct fixture *fixture, bool follow)
{
	fixture->lines = lines_free(fixture->lines);
	ck_assert_int_eq(
	    lines_open(fixture->path, follow, &fixture->error, &fixture->lines), 0);
}

static void
expect(struct fixture *fixture, int result, const char *text)
{
	char *line;
	size_t length;
	int r = lines_next(fixture->lines, &line, &length, &fixture->error);

	ck_assert_msg(r == result, "result %d instead of %d, before \"%s\"", r, result,
	    text ? text : "");
	if (r != 0)
		return;
	ck_assert_uint_eq(length, strlen(text));
	ck_assert_mem_eq(line, text, length);
	line[length] = '\0'; /* it may be written to */
}

static const struct {
	const char *what, *file;
	const char *lines[4];
} files[] = {
	{ "an empty file", "", { NULL } },
	{ "two lines", "a\nbc\n", { "a", "bc" } },
	{ "a last line without a newline", "a\nbc", { "a", "bc" } },
	{ "blank lines are lines", "\n\na\n", { "", "", "a" } },
	{ "CRLF", "a\r\nb\r\n\r\n", { "a", "b", "" } },
	{ "one CR belongs to the newline", "a\r\r\n", { "a\r" } },
	{ "a CR within", "a\rb\n", { "a\rb" } },
	{ "a byte order mark",
	    "\xef\xbb\xbf"
	    "a\n"
	    "\xef\xbb\xbf"
	    "b\n",
	    { "a", "\xef\xbb\xbf"
		   "b" } },
	{ "a lonely byte order mark", "\xef\xbb\xbf", { "" } },
	{ "one byte", "x", { "x" } },
};

START_TEST(a_file_is_cut_into_lines)
{
	struct fixture fixture;

	setup(&fixture);
	put_text(&fixture, "w", files[_i].file);
	open_lines(&fixture, false);
	for (const char *const *line = files[_i].lines; *line; line++)
		expect(&fixture, 0, *line);
	expect(&fixture, LINES_E_END, NULL);
	expect(&fixture, LINES_E_END, NULL);
	teardown(&fixture);
}
END_TEST

START_TEST(gzip_gives_the_same_lines)
{
	unsigned char packed[512];
	struct fixture fixture;

	setup(&fixture);
	put(&fixture, "w", (char *)packed,
	    compress_member(files[_i].file, packed, sizeof(packed)));
	open_lines(&fixture, false);
	for (const char *const *line = files[_i].lines; *line; line++)
		expect(&fixture, 0, *line);
	expect(&fixture, LINES_E_END, NULL);
	teardown(&fixture);
}
END_TEST

START_TEST(members_of_gzip_are_one_stream_with_padding)
{
	unsigned char packed[512];
	struct fixture fixture;
	size_t n;

	setup(&fixture);
	n = compress_member("a\nb", packed, sizeof(packed));
	n += compress_member("", packed + n, sizeof(packed) - n);
	memset(packed + n, 0, 20);
	n += 20;
	n += compress_member("c\nd\n", packed + n, sizeof(packed) - n);
	memset(packed + n, 0, 20);
	n += 20;
	put(&fixture, "w", (char *)packed, n);
	open_lines(&fixture, false);
	expect(&fixture, 0, "a");
	expect(&fixture, 0, "bc");
	expect(&fixture, 0, "d");
	expect(&fixture, LINES_E_END, NULL);
	teardown(&fixture);
}
END_TEST

START_TEST(truncated_gzip_is_told_after_its_lines)
{
	unsigned char packed[512];
	struct fixture fixture;
	size_t n;

	setup(&fixture);
	n = compress_member("a\nb\nc", packed, sizeof(packed));
	/* Without the checksum all bytes are there, and still it is not whole. */
	put(&fixture, "w", (char *)packed, n - 5);
	open_lines(&fixture, false);
	expect(&fixture, 0, "a");
	expect(&fixture, 0, "b");
	expect(&fixture, LINES_E_DATA, NULL);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, "truncated"));
	expect(&fixture, LINES_E_DATA, NULL);

	put(&fixture, "w", (char *)packed, 5);
	open_lines(&fixture, false);
	expect(&fixture, LINES_E_DATA, NULL);
	teardown(&fixture);
}
END_TEST

START_TEST(damaged_gzip_is_told_after_its_lines)
{
	unsigned char packed[512];
	struct fixture fixture;
	size_t n;

	setup(&fixture);
	n = compress_member("a\nb\n", packed, sizeof(packed));
	packed[n - 8] ^= 1; /* its checksum */
	put(&fixture, "w", (char *)packed, n);
	open_lines(&fixture, false);
	expect(&fixture, 0, "a");
	expect(&fixture, 0, "b");
	expect(&fixture, LINES_E_DATA, NULL);
	expect(&fixture, LINES_E_DATA, NULL);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, "damaged"));

	packed[n - 8] ^= 1;
	memcpy(packed + n, "garbage", 7);
	put(&fixture, "w", (char *)packed, n + 7);
	open_lines(&fixture, false);
	expect(&fixture, 0, "a");
	expect(&fixture, 0, "b");
	expect(&fixture, LINES_E_DATA, NULL);
	teardown(&fixture);
}
END_TEST

static const struct {
	size_t length;
	const char *end;
	int result;
} lengths[] = {
	{ LINES_LENGTH_MAX, "\n", 0 },
	{ LINES_LENGTH_MAX, "\r\n", 0 },
	{ LINES_LENGTH_MAX, "", 0 },
	{ LINES_LENGTH_MAX + 1, "\n", LINES_E_LONG },
	{ LINES_LENGTH_MAX + 1, "\r\n", LINES_E_LONG },
	{ LINES_LENGTH_MAX + 1, "", LINES_E_LONG },
	{ LINES_LENGTH_MAX + 2, "\n", LINES_E_LONG },
	{ 1000000, "\n", LINES_E_LONG },
	{ 1000000, "", LINES_E_LONG },
};

START_TEST(a_line_is_as_long_as_allowed_or_passed_over)
{
	size_t length = lengths[_i].length;
	_cleanup_free_ char *text = malloc(length);
	struct lines_mark mark;
	struct fixture fixture;
	size_t got;
	char *line;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', length);
	setup(&fixture);
	put_text(&fixture, "w", "a\n");
	put(&fixture, "a", text, length);
	put_text(&fixture, "a", lengths[_i].end);
	if (lengths[_i].end[0] != '\0')
		put_text(&fixture, "a", "b\n");
	open_lines(&fixture, false);
	expect(&fixture, 0, "a");
	ck_assert_int_eq(
	    lines_next(fixture.lines, &line, &got, &fixture.error), lengths[_i].result);
	if (lengths[_i].result == 0)
		ck_assert_uint_eq(got, length);
	lines_mark(fixture.lines, &mark);
	ck_assert_uint_eq(mark.offset, 2 + length + strlen(lengths[_i].end));
	ck_assert_uint_eq(mark.row, 2);
	if (lengths[_i].end[0] != '\0')
		expect(&fixture, 0, "b");
	expect(&fixture, LINES_E_END, NULL);
	teardown(&fixture);
}
END_TEST

START_TEST(lines_come_whole_wherever_the_buffer_ends)
{
	struct fixture fixture;
	char text[32];
	FILE *file;

	setup(&fixture);
	file = fopen(fixture.path, "w");
	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < 100000; i++)
		fprintf(file, "line %d%.*s\n", i, i % 10, "..........");
	fclose(file);
	open_lines(&fixture, false);
	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "line %d%.*s", i, i % 10, "..........");
		expect(&fixture, 0, text);
	}
	expect(&fixture, LINES_E_END, NULL);
	teardown(&fixture);
}
END_TEST

START_TEST(a_followed_file_gives_whole_lines_alone)
{
	struct fixture fixture;
	struct lines_mark mark;

	setup(&fixture);
	put_text(&fixture, "w", "");
	open_lines(&fixture, true);
	expect(&fixture, LINES_E_WAIT, NULL);
	put_text(&fixture, "a", "a");
	expect(&fixture, LINES_E_WAIT, NULL);
	put_text(&fixture, "a", "b\nc");
	expect(&fixture, 0, "ab");
	expect(&fixture, LINES_E_WAIT, NULL);
	lines_mark(fixture.lines, &mark);
	ck_assert_uint_eq(mark.offset, 3);
	put_text(&fixture, "a", "\r");
	expect(&fixture, LINES_E_WAIT, NULL);
	put_text(&fixture, "a", "\n");
	expect(&fixture, 0, "c");
	expect(&fixture, LINES_E_WAIT, NULL);
	teardown(&fixture);
}
END_TEST

START_TEST(a_long_line_of_a_followed_file_counts_when_it_ends)
{
	_cleanup_free_ char *text = malloc(500000);
	struct lines_mark mark;
	struct fixture fixture;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', 500000);
	setup(&fixture);
	put_text(&fixture, "w", "a\n");
	put(&fixture, "a", text, 500000);
	open_lines(&fixture, true);
	expect(&fixture, 0, "a");
	expect(&fixture, LINES_E_WAIT, NULL);
	lines_mark(fixture.lines, &mark);
	ck_assert_uint_eq(mark.offset, 2);
	put_text(&fixture, "a", "x\nb\n");
	expect(&fixture, LINES_E_LONG, NULL);
	expect(&fixture, 0, "b");
	teardown(&fixture);
}
END_TEST

START_TEST(a_followed_file_that_was_cut_is_noticed)
{
	struct fixture fixture;

	setup(&fixture);
	put_text(&fixture, "w", "a\nb\n");
	open_lines(&fixture, true);
	expect(&fixture, 0, "a");
	expect(&fixture, 0, "b");
	put_text(&fixture, "w", "c\n");
	expect(&fixture, LINES_E_DATA, NULL);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, "shorter"));
	teardown(&fixture);
}
END_TEST

START_TEST(a_followed_file_that_was_replaced_is_noticed)
{
	struct fixture fixture;

	setup(&fixture);
	put_text(&fixture, "w", "a\n");
	open_lines(&fixture, true);
	expect(&fixture, 0, "a");
	ck_assert_int_eq(rename(fixture.path, tempdir_path(&fixture.dir, "old")), 0);
	expect(&fixture, LINES_E_WAIT, NULL);
	put_text(&fixture, "w", "b\n");
	expect(&fixture, LINES_E_DATA, NULL);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, "replaced"));
	teardown(&fixture);
}
END_TEST

START_TEST(gzip_is_followed_into_new_members)
{
	unsigned char packed[512];
	struct fixture fixture;
	size_t n;

	setup(&fixture);
	n = compress_member("a\nb\n", packed, sizeof(packed));
	put(&fixture, "w", (char *)packed, 1);
	open_lines(&fixture, true);
	expect(&fixture, LINES_E_WAIT, NULL);
	put(&fixture, "a", (char *)packed + 1, n - 1);
	expect(&fixture, 0, "a");
	expect(&fixture, 0, "b");
	expect(&fixture, LINES_E_WAIT, NULL);
	n = compress_member("c\n", packed, sizeof(packed));
	put(&fixture, "a", (char *)packed, n);
	expect(&fixture, 0, "c");
	expect(&fixture, LINES_E_WAIT, NULL);
	teardown(&fixture);
}
END_TEST

START_TEST(a_line_can_be_given_back)
{
	struct fixture fixture;
	struct lines_mark mark;

	setup(&fixture);
	put_text(&fixture, "w",
	    "\xef\xbb\xbf"
	    "a\r\nb\n");
	open_lines(&fixture, false);
	expect(&fixture, 0, "a");
	/* expect() has written behind the text, where the CR was. */
	open_lines(&fixture, false);
	ck_assert_int_eq(lines_next(fixture.lines, &(char *){ NULL }, &(size_t){ 0 },
			     &fixture.error),
	    0);
	lines_unread(fixture.lines);
	lines_mark(fixture.lines, &mark);
	ck_assert_uint_eq(mark.offset, 0);
	ck_assert_uint_eq(mark.row, 0);
	expect(&fixture, 0, "a");
	expect(&fixture, 0, "b");
	teardown(&fixture);
}
END_TEST

/* 2000 lines, 1000 of them before the mark that is returned. */
static void
make_marked(struct fixture *fixture, bool is_gzip, struct lines_mark *ret_mark)
{
	_cleanup_free_ unsigned char *packed = malloc(100000);
	_cleanup_free_ char *text = calloc(1, 100000);
	size_t n = 0;

	for (int i = 0; i < 2000; i++)
		n += (size_t)sprintf(text + n, "line %d\n", i);
	if (is_gzip)
		put(fixture, "w", (char *)packed,
		    compress_member(text, packed, 100000));
	else
		put(fixture, "w", text, n);
	open_lines(fixture, false);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(lines_next(fixture->lines, &(char *){ NULL },
				     &(size_t){ 0 }, &fixture->error),
		    0);
	lines_mark(fixture->lines, ret_mark);
	open_lines(fixture, false);
}

START_TEST(a_mark_is_found_again)
{
	struct lines_mark mark, again;
	struct fixture fixture;

	setup(&fixture);
	make_marked(&fixture, _i, &mark);
	/* As a reader of headers does. */
	expect(&fixture, 0, "line 0");
	ck_assert_int_eq(lines_seek(fixture.lines, &mark, &fixture.error), 0);
	lines_mark(fixture.lines, &again);
	ck_assert_uint_eq(again.offset, mark.offset);
	ck_assert_uint_eq(again.row, 1000);
	ck_assert_uint_eq(again.prefix_crc, mark.prefix_crc);
	expect(&fixture, 0, "line 1000");
	for (int i = 1001; i < 2000; i++)
		ck_assert_int_eq(lines_next(fixture.lines, &(char *){ NULL },
				     &(size_t){ 0 }, &fixture.error),
		    0);
	expect(&fixture, LINES_E_END, NULL);
	teardown(&fixture);
}
END_TEST

START_TEST(a_mark_must_fit_the_file)
{
	struct lines_mark mark, wrong;
	struct fixture fixture;

	setup(&fixture);
	make_marked(&fixture, _i, &mark);
	wrong = mark;
	wrong.prefix_crc ^= 1;
	ck_assert_int_eq(
	    lines_seek(fixture.lines, &wrong, &fixture.error), LINES_E_DATA);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, "not the file"));
	open_lines(&fixture, false);
	wrong = mark;
	wrong.offset += 3;
	ck_assert_int_eq(
	    lines_seek(fixture.lines, &wrong, &fixture.error), LINES_E_DATA);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, "no line begins"));
	open_lines(&fixture, false);
	wrong.offset = 1000000;
	ck_assert_int_eq(
	    lines_seek(fixture.lines, &wrong, &fixture.error), LINES_E_DATA);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, "shorter"));
	teardown(&fixture);
}
END_TEST

START_TEST(a_mark_early_in_a_file_holds_while_it_grows)
{
	struct lines_mark mark, later;
	struct fixture fixture;

	setup(&fixture);
	put_text(&fixture, "w", "a\nb\n");
	open_lines(&fixture, true);
	expect(&fixture, 0, "a");
	expect(&fixture, 0, "b");
	lines_mark(fixture.lines, &mark);
	open_lines(&fixture, true);
	ck_assert_int_eq(lines_seek(fixture.lines, &mark, &fixture.error), 0);
	expect(&fixture, LINES_E_WAIT, NULL);
	put_text(&fixture, "a", "c\nd\n");
	expect(&fixture, 0, "c");
	lines_mark(fixture.lines, &later);
	ck_assert_uint_eq(later.offset, 6);
	open_lines(&fixture, true);
	ck_assert_int_eq(lines_seek(fixture.lines, &later, &fixture.error), 0);
	expect(&fixture, 0, "d");
	teardown(&fixture);
}
END_TEST

START_TEST(a_last_line_that_got_its_newline_later_is_not_read_twice)
{
	struct lines_mark mark;
	struct fixture fixture;

	setup(&fixture);
	put_text(&fixture, "w", "a\nb");
	open_lines(&fixture, false);
	expect(&fixture, 0, "a");
	expect(&fixture, 0, "b");
	lines_mark(fixture.lines, &mark);
	put_text(&fixture, "a", "\nc\n");
	open_lines(&fixture, false);
	ck_assert_int_eq(lines_seek(fixture.lines, &mark, &fixture.error), 0);
	expect(&fixture, 0, "");
	expect(&fixture, 0, "c");
	teardown(&fixture);
}
END_TEST

START_TEST(what_cannot_be_read_is_refused)
{
	struct fixture fixture;

	setup(&fixture);
	ck_assert_int_eq(
	    lines_open(fixture.path, false, &fixture.error, &fixture.lines),
	    LINES_E_DATA);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, fixture.path));
	ck_assert_int_eq(
	    lines_open(fixture.dir.path, false, &fixture.error, &fixture.lines),
	    LINES_E_DATA);
	ck_assert_int_eq(mkfifo(fixture.path, 0600), 0);
	ck_assert_int_eq(
	    lines_open(fixture.path, false, &fixture.error, &fixture.lines),
	    LINES_E_DATA);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, "regular"));
	ck_assert_ptr_null(fixture.lines);
	teardown(&fixture);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_file_is_cut_into_lines, 0, ARRAY_SIZE(files));
	tcase_add_loop_test(tcase, gzip_gives_the_same_lines, 0, ARRAY_SIZE(files));
	tcase_add_test(tcase, members_of_gzip_are_one_stream_with_padding);
	tcase_add_test(tcase, truncated_gzip_is_told_after_its_lines);
	tcase_add_test(tcase, damaged_gzip_is_told_after_its_lines);
	tcase_add_loop_test(
	    tcase, a_line_is_as_long_as_allowed_or_passed_over, 0, ARRAY_SIZE(lengths));
	tcase_add_test(tcase, lines_come_whole_wherever_the_buffer_ends);
	tcase_add_test(tcase, a_followed_file_gives_whole_lines_alone);
	tcase_add_test(tcase, a_long_line_of_a_followed_file_counts_when_it_ends);
	tcase_add_test(tcase, a_followed_file_that_was_cut_is_noticed);
	tcase_add_test(tcase, a_followed_file_that_was_replaced_is_noticed);
	tcase_add_test(tcase, gzip_is_followed_into_new_members);
	tcase_add_test(tcase, a_line_can_be_given_back);
	tcase_add_loop_test(tcase, a_mark_is_found_again, 0, 2);
	tcase_add_loop_test(tcase, a_mark_must_fit_the_file, 0, 2);
	tcase_add_test(tcase, a_mark_early_in_a_file_holds_while_it_grows);
	tcase_add_test(tcase, a_last_line_that_got_its_newline_later_is_not_read_twice);
	tcase_add_test(tcase, what_cannot_be_read_is_refused);
}

int
main(void)
{
	return suite_run("lines", add_tests);
}
