/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State as bytes: what is put comes back, and a reader stops at the end of its bytes.
 */
#include "worker/trading/bytes.h"

#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

struct sink {
	unsigned char bytes[64 * 1024];
	size_t length, calls;
	int fail_at; /* the call that fails; 0: none */
};

static int
write_sink(void *data, const void *bytes, size_t length)
{
	struct sink *sink = data;

	if (++sink->calls == (size_t)sink->fail_at)
		return -5;
	ck_assert_uint_le(sink->length + length, sizeof(sink->bytes));
	memcpy(sink->bytes + sink->length, bytes, length);
	sink->length += length;
	return 0;
}

START_TEST(what_is_put_comes_back)
{
	const __int128 wide = (__int128)INT64_MIN * INT32_MAX + 7;
	struct sink sink = { 0 };
	struct bytes_writer writer;
	struct bytes_reader reader;
	const char *text;
	size_t length;

	bytes_writer_init(&writer, write_sink, &sink);
	bytes_put_text(&writer, "form 1");
	bytes_put_u64(&writer, UINT64_MAX - 1);
	bytes_put_i128(&writer, wide);
	bytes_put_text(&writer, "");
	ck_assert_int_eq(bytes_writer_finish(&writer), 0);

	bytes_reader_init(&reader, sink.bytes, sink.length);
	ck_assert(bytes_get_magic(&reader, "form 1"));
	ck_assert_uint_eq(bytes_get_u64(&reader), UINT64_MAX - 1);
	ck_assert(bytes_get_i128(&reader) == wide);
	text = bytes_get_text(&reader, &length);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(length, 0);
	ck_assert(bytes_is_done(&reader));
}
END_TEST

START_TEST(numbers_are_little_endian_everywhere)
{
	static const unsigned char expected[] = { 0x08, 7, 6, 5, 4, 3, 2, 1 };
	struct sink sink = { 0 };
	struct bytes_writer writer;

	bytes_writer_init(&writer, write_sink, &sink);
	bytes_put_u64(&writer, UINT64_C(0x0102030405060708));
	ck_assert_int_eq(bytes_writer_finish(&writer), 0);
	ck_assert_uint_eq(sink.length, sizeof(expected));
	ck_assert_mem_eq(sink.bytes, expected, sizeof(expected));
}
END_TEST

START_TEST(many_small_pieces_are_few_writes)
{
	struct sink sink = { 0 };
	struct bytes_writer writer;
	struct bytes_reader reader;

	bytes_writer_init(&writer, write_sink, &sink);
	for (uint64_t i = 0; i < 5000; i++)
		bytes_put_u64(&writer, i);
	ck_assert_int_eq(bytes_writer_finish(&writer), 0);
	ck_assert_uint_le(sink.calls, 10);

	bytes_reader_init(&reader, sink.bytes, sink.length);
	for (uint64_t i = 0; i < 5000; i++)
		ck_assert_uint_eq(bytes_get_u64(&reader), i);
	ck_assert(bytes_is_done(&reader));
}
END_TEST

START_TEST(the_first_error_of_a_write_stays)
{
	struct sink sink = { .fail_at = 2 };
	struct bytes_writer writer;

	bytes_writer_init(&writer, write_sink, &sink);
	for (uint64_t i = 0; i < 5000; i++)
		bytes_put_u64(&writer, i);
	ck_assert_int_eq(bytes_writer_finish(&writer), -5);
	ck_assert_uint_eq(sink.calls, 2);
}
END_TEST

START_TEST(a_reader_runs_dry_and_says_so)
{
	/* A text of 100 bytes of which two are there. */
	static const unsigned char bytes[] = { 100, 0, 0, 0, 0, 0, 0, 0, 'a', 'b' };
	struct bytes_reader reader;
	size_t length;

	for (size_t n = 0; n <= sizeof(bytes); n++) {
		bytes_reader_init(&reader, bytes, n);
		bytes_get_text(&reader, &length);
		ck_assert_uint_eq(length, 0);
		ck_assert(reader.broken);
		ck_assert_uint_eq(bytes_get_u64(&reader), 0);
		ck_assert(!bytes_is_done(&reader));
	}
}
END_TEST

START_TEST(what_is_left_over_is_not_done)
{
	static const unsigned char bytes[9] = { 1 };
	struct bytes_reader reader;

	bytes_reader_init(&reader, bytes, sizeof(bytes));
	ck_assert_uint_eq(bytes_get_u64(&reader), 1);
	ck_assert(!bytes_is_done(&reader));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, what_is_put_comes_back);
	tcase_add_test(tcase, numbers_are_little_endian_everywhere);
	tcase_add_test(tcase, many_small_pieces_are_few_writes);
	tcase_add_test(tcase, the_first_error_of_a_write_stays);
	tcase_add_test(tcase, a_reader_runs_dry_and_says_so);
	tcase_add_test(tcase, what_is_left_over_is_not_done);
}

int
main(void)
{
	return suite_run("bytes", add_tests);
}
