/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: command lines by a table, what is said about a wrong one, and where the verb
 * is.
 */
#include <check.h>
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/ctl/options.h"
#include "suite.h"

#define WORDS_MAX 8

static const unsigned allowed = OPTION_BIT(OPTION_CONFIG) | OPTION_BIT(OPTION_JSON) |
				OPTION_BIT(OPTION_FOLLOW) | OPTION_BIT(OPTION_LINES) |
				OPTION_BIT(OPTION_HELP);

/* The tables' words are constants; the parser moves them about, but does not write to
 * them. */
static int
parse(const char *const words[WORDS_MAX], char *arguments[WORDS_MAX + 1],
    struct options *options, struct error *error)
{
	memset(arguments, 0, (WORDS_MAX + 1) * sizeof(*arguments));
	for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
		arguments[i] = (char *)words[i];
	return options_parse(arguments, allowed, options, error);
}

struct good_case {
	const char *what;
	const char *words[WORDS_MAX];
	const char *config, *json, *follow, *lines;
	const char *operands[WORDS_MAX];
	size_t n_separated;
};

static const struct good_case good[] = {
	{ "nothing", { NULL }, NULL, NULL, NULL, NULL, { NULL }, 0 },
	{ "a flag", { "--json" }, NULL, "", NULL, NULL, { NULL }, 0 },
	{ "a letter", { "-c", "x" }, "x", NULL, NULL, NULL, { NULL }, 0 },
	{ "a letter with its value", { "-cx" }, "x", NULL, NULL, NULL, { NULL }, 0 },
	{ "a name", { "--config", "x" }, "x", NULL, NULL, NULL, { NULL }, 0 },
	{ "a name with its value", { "--config=x=y" }, "x=y", NULL, NULL, NULL,
	    { NULL }, 0 },
	{ "an empty value", { "--config=" }, "", NULL, NULL, NULL, { NULL }, 0 },
	{ "letters together", { "-fn5" }, NULL, NULL, "", "5", { NULL }, 0 },
	{ "the last value counts", { "-c", "x", "-c", "y" }, "y", NULL, NULL, NULL,
	    { NULL }, 0 },
	{ "operands before", { "a", "b", "--json" }, NULL, "", NULL, NULL, { "a", "b" },
	    0 },
	{ "operands between", { "-f", "a", "-n", "3", "b" }, NULL, NULL, "", "3",
	    { "a", "b" }, 0 },
	{ "after the dashes", { "a", "--", "--json", "-x" }, NULL, NULL, NULL, NULL,
	    { "a", "--json", "-x" }, 2 },
	{ "dashes as a value", { "-c", "--", "a" }, "--", NULL, NULL, NULL, { "a" },
	    0 },
	{ "dashes twice", { "--", "--" }, NULL, NULL, NULL, NULL, { "--" }, 1 },
	{ "a dash is an operand", { "-" }, NULL, NULL, NULL, NULL, { "-" }, 0 },
};

static void
assert_text(const char *got, const char *expected)
{
	if (expected)
		ck_assert_pstr_eq(got, expected);
	else
		ck_assert_ptr_null(got);
}

START_TEST(parses)
{
	char *arguments[WORDS_MAX + 1];
	struct options options;
	struct error error;
	size_t n = 0;

	ck_assert_msg(parse(good[_i].words, arguments, &options, &error) == 0, "%s: %s",
	    good[_i].what, error.text);
	assert_text(options.values[OPTION_CONFIG], good[_i].config);
	assert_text(options.values[OPTION_JSON], good[_i].json);
	assert_text(options.values[OPTION_FOLLOW], good[_i].follow);
	assert_text(options.values[OPTION_LINES], good[_i].lines);
	for (; good[_i].operands[n]; n++)
		assert_text(options.operands[n], good[_i].operands[n]);
	ck_assert_uint_eq(options.n_operands, n);
	ck_assert_ptr_null(options.operands[n]);
	ck_assert_uint_eq(options.n_separated, good[_i].n_separated);
}
END_TEST

struct bad_case {
	const char *words[WORDS_MAX];
	const char *says;
};

static const struct bad_case bad[] = {
	{ { "--jsn" }, "unknown option '--jsn' (did you mean '--json'?)" },
	{ { "--folow" }, "unknown option '--folow' (did you mean '--follow'?)" },
	{ { "--conf=x" }, "unknown option '--conf=x' (did you mean '--config'?)" },
	{ { "--frobnicate" }, "unknown option '--frobnicate'" },
	{ { "a", "--keep" }, "unknown option '--keep'" }, /* known, but not allowed */
	{ { "-x" }, "unknown option '-x'" },
	{ { "-fx" }, "unknown option '-x'" },
	{ { "---" }, "unknown option '---'" },
	{ { "--json=yes" }, "option '--json' takes no value" },
	{ { "-c" }, "option '-c' needs a value, FILE" },
	{ { "-fn" }, "option '-n' needs a value, N" },
	{ { "--config" }, "option '--config' needs a value, FILE" },
};

START_TEST(refuses)
{
	char *arguments[WORDS_MAX + 1];
	struct options options;
	struct error error = { "" };

	ck_assert_int_eq(
	    parse(bad[_i].words, arguments, &options, &error), OPTIONS_E_USAGE);
	ck_assert_str_eq(error.text, bad[_i].says);
}
END_TEST

struct numbers_case {
	const char *text;
	long number; /* -1: refused */
};

static const struct numbers_case numbers[] = {
	{ NULL, 50 },
	{ "0", 0 },
	{ "7", 7 },
	{ "100", 100 },
	{ "101", -1 },
	{ "", -1 },
	{ "-1", -1 },
	{ "+1", -1 },
	{ " 1", -1 },
	{ "1x", -1 },
	{ "1.5", -1 },
	{ "99999999999999999999", -1 },
};

START_TEST(reads_number)
{
	struct options options = { .values[OPTION_LINES] = numbers[_i].text };
	struct error error = { "" };
	long number = -1;

	ck_assert_int_eq(
	    options_number(&options, OPTION_LINES, 100, 50, &number, &error),
	    numbers[_i].number < 0 ? OPTIONS_E_USAGE : 0);
	ck_assert_int_eq(number, numbers[_i].number);
	ck_assert_int_eq(error.text[0] != '\0', numbers[_i].number < 0);
}
END_TEST

struct verbs_case {
	const char *words[WORDS_MAX];
	size_t index;
};

static const struct verbs_case verbs[] = {
	{ { "status" }, 0 },
	{ { "-c", "f", "status", "-f" }, 2 },
	{ { "-cf", "status" }, 1 },
	{ { "--config", "f", "status" }, 2 },
	{ { "--config=f", "status" }, 1 },
	{ { "--json", "status" }, 1 },
	{ { "--unknown", "status" }, 1 },
	{ { "--", "status" }, 1 },
	{ { "--" }, 0 },
	{ { "--help" }, 1 },
	{ { "-c" }, 1 },
	{ { NULL }, 0 },
};

START_TEST(finds_verb)
{
	char *arguments[WORDS_MAX + 1] = { NULL };

	for (size_t i = 0; verbs[_i].words[i]; i++)
		arguments[i] = (char *)verbs[_i].words[i];
	ck_assert_uint_eq(options_first_operand(arguments), verbs[_i].index);
}
END_TEST

START_TEST(every_option_is_described)
{
	for (unsigned id = 0; id < OPTION_COUNT; id++) {
		const struct option_spec *spec = options_spec((enum option_id)id);

		ck_assert_ptr_nonnull(spec->name);
		ck_assert_ptr_nonnull(spec->summary);
		for (unsigned other = 0; other < id; other++) {
			const struct option_spec *before =
			    options_spec((enum option_id)other);

			ck_assert_str_ne(spec->name, before->name);
			ck_assert(!spec->letter || spec->letter != before->letter);
		}
	}
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, parses, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(tcase, refuses, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(tcase, reads_number, 0, ARRAY_SIZE(numbers));
	tcase_add_loop_test(tcase, finds_verb, 0, ARRAY_SIZE(verbs));
	tcase_add_test(tcase, every_option_is_described);
}

int
main(void)
{
	return suite_run("options", add_tests);
}
