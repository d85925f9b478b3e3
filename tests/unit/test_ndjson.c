/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NDJSON: what is an object and what is none, and that a number stays the text it was.
 */
#include "worker/trading/ndjson.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static char time_name[] = "time", symbol_name[] = "symbol", side_name[] = "side",
	    price_name[] = "p\xc3\xb6", size_name[] = "size", id_name[] = "id",
	    none[] = "";

/* The line is a block of its own, so that a sanitizer sees a step over its end. */
static const char *
read_line(const char *line, size_t length, char **ret_copy,
    struct field_text texts[FIELD_COUNT])
{
	const struct config_file file = {
		.time = time_name,
		.symbol = symbol_name,
		.side = side_name,
		.price = price_name,
		.size = size_name,
		.id = id_name,
		.notional = none,
		.fixed_symbol = none,
	};
	struct fields fields;

	fields_init(&fields, &file);
	*ret_copy = malloc(length + 1);
	ck_assert_ptr_nonnull(*ret_copy);
	memcpy(*ret_copy, line, length);
	(*ret_copy)[length] = '\n';
	return ndjson_record(&fields, *ret_copy, length, texts);
}

static const char *const good[] = {
	"{}",
	" { } ",
	"\t{\"a\":1}\r",
	"{\"a\" : [ ] , \"b\":[1,2,{\"c\":null}] }",
	"{\"a\":[[[[]]]],\"b\":{\"\":{}}}",
	"{\"a\":true,\"b\":false,\"c\":null}",
	("{\"a\":-0,\"b\":0.0,\"c\":1e5,\"d\":1E+5,\"e\":-1.5e-7,\"f\":"
	"123456789012345678901234567890}"),
	"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00\"}",
	"{\"a\":1,\"a\":2}",
};

static const char *const bad[] = {
	"",
	"x",
	"{",
	"{}}",
	"{} {}",
	"[]",
	"1",
	"null",
	"\"a\"",
	"{a:1}",
	"{'a':1}",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{,\"a\":1}",
	"{\"a\":1 \"b\":2}",
	"{\"a\":01}",
	"{\"a\":-}",
	"{\"a\":+1}",
	"{\"a\":.5}",
	"{\"a\":5.}",
	"{\"a\":1e}",
	"{\"a\":1e+}",
	"{\"a\":0x10}",
	"{\"a\":NaN}",
	"{\"a\":Infinity}",
	"{\"a\":tru}",
	"{\"a\":truex}",
	"{\"a\":nul",
	"{\"a\":[1,]}",
	"{\"a\":[1 2]}",
	"{\"a\":[1}",
	"{\"a\":{\"b\"}}",
	"{\"a\":{\"b\":1]}",
	"{\"a\":\"\t\"}",
	"{\"a\":\"\\x\"}",
	"{\"a\":\"\\u12\"}",
	"{\"a\":\"\\u12g4\"}",
	"{\"a\":\"\\uD800\"}",
	"{\"a\":\"\\uD800\\u0041\"}",
	"{\"a\":\"\\uDC00\"}",
	"{\"a\":\"b",
	"{\"a\":\"b\\",
	"{\"a\":\"\\u00",
	"{\"a\":\"\\uD800\\",
	"{\"a\":\"\\uD800\\uDC",
	"{\"a",
	"{\"a\":1",
	"{\"a\":-1.",
};

START_TEST(well_formed_objects_are_taken)
{
	struct field_text texts[FIELD_COUNT];
	_cleanup_free_ char *copy = NULL;

	ck_assert_msg(
	    !read_line(good[_i], strlen(good[_i]), &copy, texts), "%s", good[_i]);
}
END_TEST

START_TEST(everything_else_is_refused)
{
	struct field_text texts[FIELD_COUNT];
	_cleanup_free_ char *copy = NULL;

	ck_assert_msg(
	    read_line(bad[_i], strlen(bad[_i]), &copy, texts) != NULL, "%s", bad[_i]);
}
END_TEST

START_TEST(a_good_line_cut_anywhere_is_refused)
{
	struct field_text texts[FIELD_COUNT];

	for (size_t n = strspn(good[_i], " \t"); n < strlen(good[_i]); n++) {
		_cleanup_free_ char *copy = NULL;

		if (memrchr(good[_i], '}', n) && good[_i][n] != '}' &&
		    strchr(" \r", good[_i][n]))
			continue; /* blanks behind it may go */
		ck_assert_msg(read_line(good[_i], n, &copy, texts) != NULL, "%.*s",
		    (int)n, good[_i]);
	}
}
END_TEST

static const struct {
	const char *line;
	enum field field;
	const char *text; /* NULL: not there */
} values[] = {
	{ "{\"size\":1.10}", FIELD_SIZE, "1.10" },
	{ "{\"size\":0.1000000000000000055511151231257827}", FIELD_SIZE,
	    "0.1000000000000000055511151231257827" },
	{ "{\"size\":12345678901234567890}", FIELD_SIZE, "12345678901234567890" },
	{ "{\"size\":-1.2e-3}", FIELD_SIZE, "-1.2e-3" },
	{ "{\"size\":1 }", FIELD_SIZE, "1" },
	{ "{\"size\":1,\"id\":2}", FIELD_ID, "2" },
	{ "{\"size\":\"1.5\"}", FIELD_SIZE, "1.5" },
	{ "{\"id\":\"\"}", FIELD_ID, "" },
	{ "{\"id\":\"a\\\"b\"}", FIELD_ID, "a\"b" },
	{ "{\"id\":\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00!\"}", FIELD_ID,
	    "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80!" },
	{ "{\"\\u0069d\":7}", FIELD_ID, "7" },
	{ "{\"p\\u00f6\":7}", FIELD_PRICE, "7" },
	{ "{\"p\xc3\xb6\":7}", FIELD_PRICE, "7" },
	{ "{\"id\":1,\"id\":2}", FIELD_ID, "2" },
	{ "{\"id\":1,\"id\":null}", FIELD_ID, NULL },
	{ "{\"id\":null}", FIELD_ID, NULL },
	{ "{\"ID\":1}", FIELD_ID, NULL },
	{ "{\"x\":{\"id\":1}}", FIELD_ID, NULL },
	{ "{\"x\":[\"id\",1]}", FIELD_ID, NULL },
	{ "{\"id\":true}", FIELD_ID, "" },
	{ "{\"id\":[1]}", FIELD_ID, "" },
	{ "{\"id\":{\"id\":1}}", FIELD_ID, "" },
};

START_TEST(values_are_their_text)
{
	struct field_text texts[FIELD_COUNT];
	_cleanup_free_ char *copy = NULL;
	const struct field_text *text = &texts[values[_i].field];

	ck_assert_ptr_null(
	    read_line(values[_i].line, strlen(values[_i].line), &copy, texts));
	if (!values[_i].text) {
		ck_assert_ptr_null(text->text);
		return;
	}
	ck_assert_ptr_nonnull(text->text);
	ck_assert_uint_eq(text->length, strlen(values[_i].text));
	ck_assert_mem_eq(text->text, values[_i].text, text->length);
	if (text->length > 0)
		ck_assert_int_eq(text->text[text->length], '\0');
}
END_TEST

START_TEST(a_nul_is_never_part_of_a_text)
{
	static const char raw[] = "{\"id\":\"a\0b\"}";
	struct field_text texts[FIELD_COUNT];
	_cleanup_free_ char *copy = NULL, *other = NULL, *third = NULL;
	const char *line = "{\"id\":\"a\\u0000b\"}";

	ck_assert_ptr_nonnull(read_line(raw, sizeof(raw) - 1, &copy, texts));
	ck_assert_str_eq(
	    read_line(line, strlen(line), &other, texts), "a NUL character");
	line = "{\"x\":\"a\\u0000b\"}";
	ck_assert_ptr_null(read_line(line, strlen(line), &third, texts));
}
END_TEST

START_TEST(nesting_has_a_bound)
{
	static const int depths[] = { 60, 64, 65, 10000 };
	struct field_text texts[FIELD_COUNT];
	_cleanup_free_ char *line = calloc(1, 30000), *copy = NULL;
	int depth = depths[_i];

	strcpy(line, "{\"a\":");
	memset(line + strlen(line), '[', (size_t)depth);
	memset(line + strlen(line), ']', (size_t)depth);
	strcat(line, "}");
	ck_assert(
	    (read_line(line, strlen(line), &copy, texts) == NULL) == (depth <= 64));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, well_formed_objects_are_taken, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(tcase, everything_else_is_refused, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(
	    tcase, a_good_line_cut_anywhere_is_refused, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(tcase, values_are_their_text, 0, ARRAY_SIZE(values));
	tcase_add_test(tcase, a_nul_is_never_part_of_a_text);
	tcase_add_loop_test(tcase, nesting_has_a_bound, 0, 4);
}

int
main(void)
{
	return suite_run("ndjson", add_tests);
}
