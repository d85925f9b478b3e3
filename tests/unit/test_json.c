/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: commas, escapes, nulls, and which fields of a record become numbers.
 */
#include <check.h>
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/ctl/json.h"
#include "suite.h"

/* What a writer has written; caller frees. */
struct output {
	struct json json;
	char *text;
	size_t size;
};

static struct json *
output_open(struct output *output)
{
	memset(output, 0, sizeof(*output));
	output->json.out = open_memstream(&output->text, &output->size);
	ck_assert_ptr_nonnull(output->json.out);
	return &output->json;
}

static void
assert_output(struct output *output, const char *expected)
{
	ck_assert_int_eq(fclose(output->json.out), 0);
	ck_assert_str_eq(output->text, expected);
	free(output->text);
}

START_TEST(nests)
{
	struct output output;
	struct json *json = output_open(&output);

	json_open(json, NULL, '{');
	json_open(json, "list", '[');
	json_int(json, NULL, 1);
	json_open(json, NULL, '{');
	json_close(json, '}');
	json_text(json, NULL, "x");
	json_close(json, ']');
	json_bool(json, "yes", true);
	json_bool(json, "no", false);
	json_close(json, '}');
	json_end(json);
	json_open(json, NULL, '[');
	json_close(json, ']');
	json_end(json);
	assert_output(
	    &output, "{\"list\":[1,{},\"x\"],\"yes\":true,\"no\":false}\n[]\n");
}
END_TEST

START_TEST(escapes)
{
	struct output output;
	struct json *json = output_open(&output);

	json_open(json, NULL, '{');
	json_text(json, "a\"b", "\\ \n \x01 caf\xc3\xa9");
	json_text(json, "broken", "\xff");
	json_text(json, "none", NULL);
	json_int(json, "least", INT64_MIN);
	json_close(json, '}');
	assert_output(&output,
	    "{\"a\\\"b\":\"\\\\ \\n \\u0001 caf\xc3\xa9\",\"broken\":\"\\ufffd\","
	    "\"none\":null,\"least\":-9223372036854775808}");
}
END_TEST

static const struct {
	int permille;
	const char *text;
} rates[] = {
	{ -1, "null" },
	{ 0, "0.000" },
	{ 7, "0.007" },
	{ 666, "0.666" },
	{ 1000, "1.000" },
};

START_TEST(says_rate)
{
	struct output output;

	json_permille(output_open(&output), NULL, rates[_i].permille);
	assert_output(&output, rates[_i].text);
}
END_TEST

struct field_case {
	const char *line, *json;
};

static const struct field_case fields[] = {
	{ "worker.exit worker=7 pid=8 status=1 up_ms=-5",
	    "{\"worker\":\"7\",\"pid\":8,\"status\":1,\"up_ms\":-5}" },
	{ "worker name=w status=1 memory_bytes=2",
	    "{\"name\":\"w\",\"status\":\"1\",\"memory_bytes\":2}" },
	{ "worker.stop killed=yes reason=yes", "{\"killed\":true,\"reason\":\"yes\"}" },
	{ "x killed=maybe core=no", "{\"killed\":\"maybe\",\"core\":false}" },
	{ "x cycle=1x level=+1 pid=\"\" restarts=\" 1\" life=99999999999999999999",
	    "{\"cycle\":\"1x\",\"level\":\"+1\",\"pid\":\"\",\"restarts\":\" 1\","
	    "\"life\":\"99999999999999999999\"}" },
	{ "x _ms=1 ms=2", "{\"_ms\":\"1\",\"ms\":\"2\"}" },
};

START_TEST(types_fields_by_name)
{
	_cleanup_free_ char *line = strdup(fields[_i].line);
	struct output output;
	struct json *json = output_open(&output);
	struct record record;

	ck_assert_int_eq(record_parse(line, &record), 0);
	json_open(json, NULL, '{');
	json_fields(json, &record);
	json_close(json, '}');
	assert_output(&output, fields[_i].json);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, nests);
	tcase_add_test(tcase, escapes);
	tcase_add_loop_test(tcase, says_rate, 0, ARRAY_SIZE(rates));
	tcase_add_loop_test(tcase, types_fields_by_name, 0, ARRAY_SIZE(fields));
}

int
main(void)
{
	return suite_run("json", add_tests);
}
