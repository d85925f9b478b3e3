/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of tradesup-worker.
 */
#include "worker/trading/options.h"

#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

#define ARGUMENTS_MAX 6

static const struct {
	const char *arguments[ARGUMENTS_MAX];
	struct worker_options options;
} good[] = {
	{ { "flow" }, { .action = ACTION_RUN, .name = "flow" } },
	{ { "-c", "f.conf", "flow" },
	    { .action = ACTION_RUN, .config = "f.conf", .name = "flow" } },
	{ { "-cf.conf", "flow", "--once" }, { .action = ACTION_RUN,
						.config = "f.conf",
						.name = "flow",
						.once = true } },
	{ { "--config=f.conf", "--check" },
	    { .action = ACTION_CHECK, .config = "f.conf" } },
	{ { "--check", "flow" }, { .action = ACTION_CHECK, .name = "flow" } },
	{ { "--ledger", "--json", "flow" },
	    { .action = ACTION_LEDGER, .name = "flow", .json = true } },
	{ { "--make-safe", "--make-safe", "flow" },
	    { .action = ACTION_MAKE_SAFE, .name = "flow" } },
	{ { "--", "-odd" }, { .action = ACTION_RUN, .name = "-odd" } },
	{ { "-h" }, { .action = ACTION_HELP } },
	{ { "--version" }, { .action = ACTION_VERSION } },
	{ { "--registry" }, { .action = ACTION_REGISTRY } },
};

static const struct {
	const char *arguments[ARGUMENTS_MAX];
	const char *error;
} bad[] = {
	{ { NULL }, "which worker? its NAME is missing" },
	{ { "--chekc" }, "unknown option '--chekc'; did you mean '--check'?" },
	{ { "--zzzzzzz", "flow" }, "unknown option '--zzzzzzz'" },
	{ { "-q", "flow" }, "unknown option '-q'" },
	{ { "flow", "-c" }, "option '--config' needs a FILE" },
	{ { "flow", "-c", "f.conf", "--text-fd" },
	    "option '--text-fd' needs a number" },
	{ { "flow", "-c", "f.conf", "--text-fd", "4x" },
	    "--text-fd: '4x' is no descriptor" },
	{ { "flow", "-c", "f.conf", "--text-fd", "" },
	    "--text-fd: '' is no descriptor" },
	{ { "flow", "--text-fd", "4" }, "--text-fd goes with --config" },
	{ { "--json=1", "--ledger", "flow" }, "option '--json' takes no value" },
	{ { "--ledger", "--check", "flow" },
	    "option '--check' cannot go with another of its kind" },
	{ { "a", "b" }, "one worker at a time: 'b' is one too many" },
	{ { "--once", "--ledger", "flow" }, "--once is for running" },
	{ { "--reconcile", "--accept" }, "which worker? its NAME is missing" },
	{ { "--json", "flow" }, "--json goes with --ledger or --reconcile" },
};

/* parse() - with the program's name in front. */
static int
parse(const char *const arguments[ARGUMENTS_MAX], struct worker_options *options,
    struct error *error)
{
	char *argv[ARGUMENTS_MAX + 2] = { (char[]){ "tradesup-worker" } };

	for (int i = 0; i < ARGUMENTS_MAX; i++)
		argv[i + 1] = (char *)arguments[i];
	return worker_options_parse(argv, options, error);
}

static void
assert_text(const char *got, const char *wanted)
{
	if (wanted)
		ck_assert_str_eq(got, wanted);
	else
		ck_assert_ptr_null(got);
}

START_TEST(what_is_understood)
{
	const struct worker_options *wanted = &good[_i].options;
	struct worker_options options;
	struct error error = { "" };

	ck_assert_msg(
	    parse(good[_i].arguments, &options, &error) == 0, "%s", error.text);
	ck_assert_int_eq(options.action, wanted->action);
	ck_assert_int_eq(options.once, wanted->once);
	ck_assert_int_eq(options.json, wanted->json);
	assert_text(options.config, wanted->config);
	assert_text(options.name, wanted->name);
}
END_TEST

START_TEST(what_is_refused)
{
	struct worker_options options = { .name = "untouched" };
	struct error error = { "" };

	ck_assert_int_eq(parse(bad[_i].arguments, &options, &error), OPTIONS_E_USAGE);
	ck_assert_str_eq(error.text, bad[_i].error);
	ck_assert_str_eq(options.name, "untouched");
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, what_is_understood, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(tcase, what_is_refused, 0, ARRAY_SIZE(bad));
}

int
main(void)
{
	return suite_run("worker_options", add_tests);
}
