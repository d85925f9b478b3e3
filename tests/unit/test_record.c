/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: no value can leave its place, whatever is in it, and logfmt reads back.
 */
#include "common/record.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static const struct {
	const char *value, *logfmt, *json;
} values[] = {
	{ "plain", "plain", "plain" },
	{ "", "\"\"", "" },
	{ "two words", "\"two words\"", "two words" },
	{ "a=b", "\"a=b\"", "a=b" },
	{ "say \"hi\"", "\"say \\\"hi\\\"\"", "say \\\"hi\\\"" },
	{ "back\\slash", "\"back\\\\slash\"", "back\\\\slash" },
	{ "x\nworker.exit worker=flow", "\"x\\nworker.exit worker=flow\"",
	    "x\\nworker.exit worker=flow" },
	{ "\r\t", "\"\\r\\t\"", "\\r\\t" },
	{ "\x1b[2J\x7f", "\"\\x1b[2J\\x7f\"", "\\u001b[2J\\u007f" },
	{ "caf\xc3\xa9", "\"caf\xc3\xa9\"", "caf\xc3\xa9" },
	{ "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80" },
	{ "a\xff\xfe z", "\"a\\xff\\xfe z\"", "a\\ufffd\\ufffd z" },
	{ "\xc0\xaf", "\"\\xc0\\xaf\"", "\\ufffd\\ufffd" },
	{ "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"", "\\ufffd\\ufffd\\ufffd" },
	{ "\xc2", "\"\\xc2\"", "\\ufffd" },
	{ "\xc2\x9b", "\"\\xc2\\x9b\"", "\\u009b" },
	{ "\xe2\x80\xa8", "\"\\xe2\\x80\\xa8\"", "\\u2028" },
	{ "\xe2\x80\xae", "\"\\xe2\\x80\\xae\"", "\\u202e" },
};

START_TEST(values_are_escaped)
{
	char out[256], expected[256], line[256];
	struct record record, parsed;

	record_init(&record, "e.v");
	record_text(&record, "k", values[_i].value);

	snprintf(expected, sizeof(expected), "e.v k=%s", values[_i].logfmt);
	ck_assert_uint_eq(record_logfmt(&record, out, sizeof(out)), strlen(out));
	ck_assert_str_eq(out, expected);

	memcpy(line, out, sizeof(line));
	ck_assert_int_eq(record_parse(line, &parsed), 0);
	ck_assert_str_eq(parsed.event, "e.v");
	ck_assert_str_eq(record_get(&parsed, "k"), values[_i].value);

	snprintf(expected, sizeof(expected), "{\"event\":\"e.v\",\"k\":\"%s\"}",
	    values[_i].json);
	ck_assert_uint_eq(record_json(&record, out, sizeof(out)), strlen(out));
	ck_assert_str_eq(out, expected);
}
END_TEST

START_TEST(types_have_their_own_forms)
{
	struct record record;
	char out[256];

	record_init(&record, NULL);
	record_int(&record, "i", INT64_MIN);
	record_bool(&record, "y", true);
	record_bool(&record, "n", false);
	record_decimal(&record, "d", -150000000);
	record_text(&record, "none", NULL);

	record_logfmt(&record, out, sizeof(out));
	ck_assert_str_eq(out, "i=-9223372036854775808 y=yes n=no d=-1.50000000");
	record_json(&record, out, sizeof(out));
	ck_assert_str_eq(out, "{\"i\":-9223372036854775808,\"y\":true,\"n\":false,"
			      "\"d\":\"-1.50000000\"}");
}
END_TEST

START_TEST(keys_cannot_leave_their_place_either)
{
	struct record record;
	char out[256];

	record_init(&record, "a b\n");
	record_text(&record, "k=1 x", "v");
	record_text(&record, "", "v");
	record_logfmt(&record, out, sizeof(out));
	ck_assert_str_eq(out, "a_b_ k_1_x=v _=v");
}
END_TEST

START_TEST(fields_past_the_bound_are_dropped)
{
	struct record record;

	record_init(&record, "e");
	for (int i = 0; i < 2 * RECORD_FIELDS_MAX; i++)
		record_int(&record, "k", i);
	ck_assert_uint_eq(record.n_fields, RECORD_FIELDS_MAX);
}
END_TEST

START_TEST(a_cut_line_is_still_a_line)
{
	static const char ellipsis[] = "\xe2\x80\xa6";
	struct record record, parsed;
	char out[128], line[128];

	record_init(&record, "e.v");
	record_text(&record, "plain", "0123456789");
	record_text(&record, "quoted", "a \x01\x02\x03 b");
	record_int(&record, "n", 123456);

	for (size_t size = 0; size < sizeof(out); size++) {
		size_t length = record_logfmt(&record, out, size);

		ck_assert_uint_le(length, size > 0 ? size - 1 : 0);
		if (size == 0)
			continue;
		ck_assert_uint_eq(length, strlen(out));
		if (length == 0)
			continue;
		memcpy(line, out, sizeof(line));
		ck_assert_msg(record_parse(line, &parsed) == 0, "broken: %s", out);
		if (!record_get(&parsed, "n"))
			ck_assert_msg(size < 20 || strstr(out, ellipsis),
			    "cut without a mark: %s", out);
	}
}
END_TEST

START_TEST(cut_json_is_still_json)
{
	struct record record;
	char out[128];

	record_init(&record, "e.v");
	record_text(&record, "long", "01234567890123456789");
	record_int(&record, "n", 1);

	ck_assert_uint_eq(record_json(&record, out, 2), 0);
	record_json(&record, out, 3);
	ck_assert_str_eq(out, "{}");
	record_json(&record, out, 30);
	ck_assert_str_eq(out, "{\"event\":\"e.v\",\"n\":1}");
}
END_TEST

static const struct {
	const char *line;
	int result;
} lines[] = {
	{ "event", 0 },
	{ "event k=v", 0 },
	{ "k=v", 0 },
	{ "  k=v   l=w  ", 0 },
	{ "k=v\n", 0 },
	{ "k=", 0 },
	{ "k=\"\\x41\"", 0 },
	{ "", -EINVAL },
	{ "   ", -EINVAL },
	{ "event word", -EINVAL },
	{ "k=v word", -EINVAL },
	{ "=v", -EINVAL },
	{ "k=\"open", -EINVAL },
	{ "k=\"a\"b", -EINVAL },
	{ "k=a\"b", -EINVAL },
	{ "k=a=b", -EINVAL },
	{ "k=\"\\q\"", -EINVAL },
	{ "k=\"\\x4\"", -EINVAL },
	{ "k=\"\\x", -EINVAL },
	{ "k=\"\\x00\"", -EINVAL },
	{ "k=\"\\", -EINVAL },
	{ "\"quoted\"", -EINVAL },
};

START_TEST(lines_are_read_or_refused)
{
	struct record record;
	char *line = strdup(lines[_i].line);

	ck_assert_msg(
	    record_parse(line, &record) == lines[_i].result, "%s", lines[_i].line);
	free(line);
}
END_TEST

START_TEST(too_many_fields_are_refused)
{
	struct record record;
	char line[4 * RECORD_FIELDS_MAX + 16] = "";

	for (int i = 0; i < RECORD_FIELDS_MAX; i++)
		strcat(line, "k=v ");
	strcat(line, "l=w");
	ck_assert_int_eq(record_parse(line, &record), -E2BIG);
}
END_TEST

START_TEST(json_text_is_cut_between_escapes)
{
	char out[8];

	ck_assert_uint_eq(json_escape("\x01\x02", 2, out, sizeof(out)), 6);
	ck_assert_str_eq(out, "\\u0001");
	ck_assert_uint_eq(json_escape("a\0b", 3, out, 0), 0);
	ck_assert_uint_eq(json_escape("a", 1, out, 2), 1);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, values_are_escaped, 0, ARRAY_SIZE(values));
	tcase_add_test(tcase, types_have_their_own_forms);
	tcase_add_test(tcase, keys_cannot_leave_their_place_either);
	tcase_add_test(tcase, fields_past_the_bound_are_dropped);
	tcase_add_test(tcase, a_cut_line_is_still_a_line);
	tcase_add_test(tcase, cut_json_is_still_json);
	tcase_add_loop_test(tcase, lines_are_read_or_refused, 0, ARRAY_SIZE(lines));
	tcase_add_test(tcase, too_many_fields_are_refused);
	tcase_add_test(tcase, json_text_is_cut_between_escapes);
}

int
main(void)
{
	return suite_run("record", add_tests);
}
