/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading strategy modules: where they are looked for, what is wrong with those that
 * are none, and that a file which was replaced is really loaded again.
 */
#include "worker/trading/module.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/state.h"
#include "tests/unit/suite.h"
#include "tests/unit/tempdir.h"

struct fixture {
	struct tempdir dir;
	char modules[PATH_MAX]; /* where the build has put those of the tests */
	char strategy[PATH_MAX + 64];
	struct config_param params[4];
	struct config_trading trading;
	struct error error;
};

static void
setup(struct fixture *fixture)
{
	ssize_t length;

	memset(fixture, 0, sizeof(*fixture));
	tempdir_init(&fixture->dir);
	length =
	    readlink("/proc/self/exe", fixture->modules, sizeof(fixture->modules) - 1);
	ck_assert_int_gt(length, 0);
	*strrchr(fixture->modules, '/') = '\0';
	fixture->trading.strategy = fixture->strategy;
	fixture->trading.params = fixture->params;
	unsetenv("TRADESUP_STRATEGY_PATH");
}

static void
teardown(struct fixture *fixture)
{
	unsetenv("TRADESUP_STRATEGY_PATH");
	tempdir_deinit(&fixture->dir);
}

static void
name_module(struct fixture *fixture, const char *folder, const char *name)
{
	snprintf(fixture->strategy, sizeof(fixture->strategy), "%s/%s", folder, name);
}

static void
set_param(struct fixture *fixture, size_t i, const char *key, const char *value)
{
	free(fixture->params[i].key);
	free(fixture->params[i].value);
	fixture->params[i] = (struct config_param){ strdup(key), strdup(value) };
	fixture->trading.n_params = i + 1;
}

static void
free_params(struct fixture *fixture)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixture->params); i++) {
		free(fixture->params[i].key);
		free(fixture->params[i].value);
	}
}

static struct module *
load(struct fixture *fixture)
{
	struct module *module = NULL;
	int r = module_load(&fixture->trading, &fixture->error, &module);

	ck_assert_msg(r == 0, "%d: %s", r, fixture->error.text);
	return module;
}

static void
expect_failure(struct fixture *fixture, int result, const char *text)
{
	struct module *module = NULL;

	fixture->error.text[0] = '\0';
	ck_assert_int_eq(
	    module_load(&fixture->trading, &fixture->error, &module), result);
	ck_assert_ptr_null(module);
	ck_assert_msg(strstr(fixture->error.text, text) != NULL,
	    "\"%s\" is not in \"%s\"", text, fixture->error.text);
	ck_assert_int_eq(module_check(&fixture->trading, &fixture->error), result);
}

static void
copy_file(const char *from, const char *to)
{
	_cleanup_fclose_ FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	char buffer[4096];
	size_t n;

	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(out);
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		ck_assert_uint_eq(fwrite(buffer, 1, n, out), n);
}

/* A module of the build, as `name`.so in the test's own folder. */
static const char *
install(struct fixture *fixture, const char *which, const char *name)
{
	char from[PATH_MAX + 64], file[64];
	const char *to;

	snprintf(from, sizeof(from), "%s/%s.so", fixture->modules, which);
	snprintf(file, sizeof(file), "%s.so", name);
	to = tempdir_path(&fixture->dir, file);
	copy_file(from, to);
	return to;
}

static int
keep_cluster(const struct tradesup_host *host, const struct tradesup_cluster *cluster)
{
	*(struct tradesup_cluster *)host->data = *cluster;
	return 0;
}

/* One event. Return: the module's VERSION; @ret_count: the events it has seen. */
static int64_t
run(struct module *module, uint64_t *ret_count)
{
	struct tradesup_event event = {
		.symbol = "A", .id = "", .price = 1, .size = 1
	};
	struct tradesup_cluster cluster = { .trades = 0 };
	struct tradesup_host host = { .data = &cluster, .emit = keep_cluster };

	ck_assert_int_eq(module_event(module, &event, &host), 0);
	if (ret_count)
		*ret_count = cluster.trades;
	return (int64_t)cluster.notional;
}

static int
count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

START_TEST(a_name_is_found_beside_the_program)
{
	_cleanup_(module_freep) struct module *module = NULL;
	struct fixture fixture;

	setup(&fixture);
	strcpy(fixture.strategy, "loader_first");
	module = load(&fixture);
	ck_assert_int_eq(run(module, NULL), 1);
	ck_assert_ptr_nonnull(strstr(module_path(module), "/loader_first.so"));
	ck_assert_int_eq(module_check(&fixture.trading, &fixture.error), 0);
	teardown(&fixture);
}
END_TEST

START_TEST(the_variable_goes_before_and_in_order)
{
	_cleanup_(module_freep) struct module *module = NULL;
	_cleanup_free_ char *path = NULL;
	struct fixture fixture;

	setup(&fixture);
	install(&fixture, "loader_second", "loader_first");
	strcpy(fixture.strategy, "loader_first");
	ck_assert_int_gt(
	    asprintf(&path, "::/nowhere:%s:%s", fixture.dir.path, fixture.modules), 0);
	setenv("TRADESUP_STRATEGY_PATH", path, 1);
	module = load(&fixture);
	ck_assert_int_eq(run(module, NULL), 2);
	teardown(&fixture);
}
END_TEST

START_TEST(a_path_is_taken_as_it_is)
{
	_cleanup_(module_freep) struct module *module = NULL;
	struct fixture fixture;

	setup(&fixture);
	strcpy(fixture.strategy, install(&fixture, "loader_second", "mine"));
	module = load(&fixture);
	ck_assert_int_eq(run(module, NULL), 2);
	ck_assert_str_eq(module_path(module), fixture.strategy);
	teardown(&fixture);
}
END_TEST

START_TEST(what_cannot_be_loaded_is_an_import_fault)
{
	struct fixture fixture;
	FILE *file;

	setup(&fixture);
	strcpy(fixture.strategy, "loader_nowhere");
	expect_failure(&fixture, MODULE_E_IMPORT, "there is no loader_nowhere.so in");
	name_module(&fixture, fixture.dir.path, "nowhere.so");
	expect_failure(&fixture, MODULE_E_IMPORT, "nowhere.so: No such file");
	strcpy(fixture.strategy, fixture.dir.path);
	expect_failure(&fixture, MODULE_E_IMPORT, "not a module");
	name_module(&fixture, fixture.dir.path, "text.so");
	file = fopen(fixture.strategy, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	expect_failure(&fixture, MODULE_E_IMPORT, "text.so: file too short");
	ck_assert_ptr_null(strstr(fixture.error.text, "/proc/"));
	file = fopen(fixture.strategy, "w");
	fprintf(file, "%01000d", 0);
	fclose(file);
	expect_failure(&fixture, MODULE_E_IMPORT, "text.so: invalid ELF header");
	teardown(&fixture);
}
END_TEST

static const struct {
	const char *name, *text;
} incomplete[] = {
	{ "loader_no_symbol", "no symbol tradesup_strategy" },
	{ "loader_other_abi", "made for ABI 2, this is ABI 1" },
	{ "loader_no_event", "no function event" },
	{ "loader_no_load", "no function load" },
};

START_TEST(what_is_no_module_is_an_attribute_fault)
{
	struct fixture fixture;

	setup(&fixture);
	strcpy(fixture.strategy, incomplete[_i].name);
	expect_failure(&fixture, MODULE_E_ATTRIBUTE, incomplete[_i].text);
	teardown(&fixture);
}
END_TEST

START_TEST(a_refused_parameter_is_told_in_the_modules_words)
{
	struct fixture fixture;

	setup(&fixture);
	strcpy(fixture.strategy, "loader_first");
	set_param(&fixture, 0, "fail", "step: 70 is too much");
	expect_failure(&fixture, -EINVAL, "loader_first.so: step: 70 is too much");
	set_param(&fixture, 0, "fail", "");
	expect_failure(&fixture, -EINVAL, "does not say why");
	free_params(&fixture);
	teardown(&fixture);
}
END_TEST

START_TEST(a_replaced_file_is_loaded_and_a_loaded_one_stays)
{
	_cleanup_(module_freep) struct module *old = NULL, *new = NULL;
	struct fixture fixture;

	setup(&fixture);
	strcpy(fixture.strategy, install(&fixture, "loader_first", "mine"));
	old = load(&fixture);
	/* In place, which would kill a program that has the file mapped. */
	install(&fixture, "loader_second", "mine");
	new = load(&fixture);
	ck_assert_int_eq(run(old, NULL), 1);
	ck_assert_int_eq(run(new, NULL), 2);
	/* The number of the closed copy comes again. */
	old = module_free(old);
	install(&fixture, "loader_first", "mine");
	old = load(&fixture);
	ck_assert_int_eq(run(old, NULL), 1);
	teardown(&fixture);
}
END_TEST

START_TEST(an_object_that_cannot_be_unloaded_is_replaced_all_the_same)
{
	struct fixture fixture;

	setup(&fixture);
	for (int i = 0; i < 4; i++) {
		_cleanup_(module_freep) struct module *module = NULL;

		strcpy(fixture.strategy,
		    install(
			&fixture, i % 2 ? "loader_stays_too" : "loader_stays", "mine"));
		module = load(&fixture);
		ck_assert_int_eq(run(module, NULL), i % 2 ? 4 : 3);
	}
	teardown(&fixture);
}
END_TEST

START_TEST(nothing_is_left_open)
{
	struct fixture fixture;
	int before;

	setup(&fixture);
	before = count_descriptors();
	for (size_t i = 0; i < ARRAY_SIZE(incomplete); i++) {
		strcpy(fixture.strategy, incomplete[i].name);
		expect_failure(&fixture, MODULE_E_ATTRIBUTE, "");
	}
	strcpy(fixture.strategy, "loader_first");
	module_free(load(&fixture));
	ck_assert_int_eq(count_descriptors(), before);
	teardown(&fixture);
}
END_TEST

START_TEST(a_state_moves_with_the_same_code)
{
	_cleanup_(module_freep) struct module *from = NULL, *to = NULL;
	struct fixture fixture;
	uint64_t count;

	setup(&fixture);
	strcpy(fixture.strategy, _i ? "loader_no_save" : "loader_first");
	from = load(&fixture);
	ck_assert_int_eq(module_can_save(from), _i == 0);
	run(from, NULL);
	run(from, NULL);
	to = load(&fixture);
	ck_assert_int_eq(module_move_state(from, to), 0);
	from = module_free(from);
	/* The state points into the object that made it. */
	ck_assert_int_eq(run(to, &count), 1);
	ck_assert_uint_eq(count, 3);
	teardown(&fixture);
}
END_TEST

static const struct {
	const char *from, *to;
	int result;
} moves[] = {
	{ "loader_first", "loader_second", 0 },
	{ "loader_first", "loader_no_save", -EINVAL },
	{ "loader_no_save", "loader_first", -EINVAL },
	{ "loader_first", "loader_stays", -EINVAL }, /* load() refuses it */
};

START_TEST(to_other_code_a_state_goes_as_bytes)
{
	_cleanup_(module_freep) struct module *from = NULL, *to = NULL;
	struct fixture fixture;
	uint64_t count;

	setup(&fixture);
	strcpy(fixture.strategy, moves[_i].from);
	from = load(&fixture);
	run(from, NULL);
	strcpy(fixture.strategy, moves[_i].to);
	to = load(&fixture);
	ck_assert_int_eq(module_move_state(from, to), moves[_i].result);
	from = module_free(from);
	if (moves[_i].result == 0) {
		ck_assert_int_eq(run(to, &count), 2);
		ck_assert_uint_eq(count, 2);
	}
	teardown(&fixture);
}
END_TEST

START_TEST(other_parameters_are_not_moved_along)
{
	_cleanup_(module_freep) struct module *from = NULL, *to = NULL;
	struct fixture fixture;

	setup(&fixture);
	strcpy(fixture.strategy, "loader_no_save");
	set_param(&fixture, 0, "step", "1");
	from = load(&fixture);
	set_param(&fixture, 0, "step", "2");
	to = load(&fixture);
	ck_assert_int_eq(module_move_state(from, to), -EINVAL);
	free_params(&fixture);
	teardown(&fixture);
}
END_TEST

START_TEST(a_module_needs_no_state)
{
	_cleanup_(module_freep) struct module *module = NULL;
	struct fixture fixture;

	setup(&fixture);
	strcpy(fixture.strategy, "loader_no_state");
	module = load(&fixture);
	ck_assert_int_eq(run(module, NULL), 1);
	teardown(&fixture);
}
END_TEST

START_TEST(what_was_saved_can_be_restored)
{
	_cleanup_(module_freep) struct module *one = NULL, *other = NULL,
					      *without = NULL;
	struct state state = { 0 };
	struct fixture fixture;
	uint64_t count;

	setup(&fixture);
	strcpy(fixture.strategy, "loader_first");
	one = load(&fixture);
	other = load(&fixture);
	run(one, NULL);
	ck_assert_int_eq(module_save(one, state_write, &state), 0);
	ck_assert_int_eq(module_restore(other, state.bytes, state.length), 0);
	run(other, &count);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(module_restore(other, state.bytes, 1), -EINVAL);
	strcpy(fixture.strategy, "loader_no_save");
	without = load(&fixture);
	ck_assert_int_eq(module_save(without, state_write, &state), -EINVAL);
	ck_assert_int_eq(module_restore(without, state.bytes, state.length), -EINVAL);
	state_deinit(&state);
	teardown(&fixture);
}
END_TEST

static const struct {
	const char *key, *value, *error; /* NULL: it is taken */
} parameters[] = {
	{ "window", "1ms", NULL },
	{ "window", "1h30m", NULL },
	{ "window", "0", "window: \"0\" is not a duration above 0" },
	{ "window", "300", "window: \"300\" is not a duration above 0" },
	{ "window", "", "window: \"\" is not a duration above 0" },
	{ "min_trades", "0", NULL },
	{ "min_trades", "5.5", "min_trades: \"5.5\" is not a number of trades" },
	{ "min_trades", "-1", "min_trades: \"-1\" is not a number of trades" },
	{ "min_trades", "5x", "min_trades: \"5x\" is not a number of trades" },
	{ "min_trades", "99999999999999999999", "is not a number of trades" },
	{ "min_notional", "0.00000001", NULL },
	{ "min_notional", "-1", "min_notional: \"-1\" is not an amount, not below 0" },
	{ "min_notional", "many",
	    "min_notional: \"many\" is not an amount, not below 0" },
	{ "min_event_notional", "1e5", NULL },
	{ "min_event_notional", "1e50", "is not an amount, not below 0" },
	{ "dominance", "0", NULL },
	{ "dominance", "100", NULL },
	{ "dominance", "66.66666667", NULL },
	{ "dominance", "100.00000001", "is not a percentage, 0 to 100" },
	{ "cooldown", "0", NULL },
	{ "cooldown", "-5m", "cooldown: \"-5m\" is not a duration" },
	{ "windows", "5m", "windows: there is no such parameter" },
};

START_TEST(flow_cluster_reads_its_parameters)
{
	struct fixture fixture;

	setup(&fixture);
	name_module(&fixture, fixture.modules, "../flow_cluster.so");
	set_param(&fixture, 0, parameters[_i].key, parameters[_i].value);
	if (parameters[_i].error)
		expect_failure(&fixture, -EINVAL, parameters[_i].error);
	else
		module_free(load(&fixture));
	free_params(&fixture);
	teardown(&fixture);
}
END_TEST

START_TEST(flow_cluster_fires_by_its_defaults)
{
	_cleanup_(module_freep) struct module *module = NULL, *restored = NULL;
	struct tradesup_cluster cluster = { .trades = 0 };
	struct tradesup_host host = { .data = &cluster, .emit = keep_cluster };
	struct tradesup_event event = { .symbol = "A",
		.id = "",
		.price = 1,
		.size = 1,
		.notional = 20000 * TRADESUP_ONE };
	struct state state = { 0 };
	struct fixture fixture;

	setup(&fixture);
	name_module(&fixture, fixture.modules, "../flow_cluster.so");
	module = load(&fixture);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(module_event(module, &event, &host), 0);
	ck_assert_uint_eq(cluster.trades, 0);
	ck_assert_int_eq(module_save(module, state_write, &state), 0);
	restored = load(&fixture);
	ck_assert_int_eq(module_restore(restored, state.bytes, state.length), 0);
	ck_assert_int_eq(module_event(restored, &event, &host), 0);
	ck_assert_uint_eq(cluster.trades, 5);
	ck_assert(cluster.notional == 100000 * TRADESUP_ONE);
	state_deinit(&state);
	teardown(&fixture);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_name_is_found_beside_the_program);
	tcase_add_test(tcase, the_variable_goes_before_and_in_order);
	tcase_add_test(tcase, a_path_is_taken_as_it_is);
	tcase_add_test(tcase, what_cannot_be_loaded_is_an_import_fault);
	tcase_add_loop_test(
	    tcase, what_is_no_module_is_an_attribute_fault, 0, ARRAY_SIZE(incomplete));
	tcase_add_test(tcase, a_refused_parameter_is_told_in_the_modules_words);
	tcase_add_test(tcase, a_replaced_file_is_loaded_and_a_loaded_one_stays);
	tcase_add_test(
	    tcase, an_object_that_cannot_be_unloaded_is_replaced_all_the_same);
	tcase_add_test(tcase, nothing_is_left_open);
	tcase_add_loop_test(tcase, a_state_moves_with_the_same_code, 0, 2);
	tcase_add_loop_test(
	    tcase, to_other_code_a_state_goes_as_bytes, 0, ARRAY_SIZE(moves));
	tcase_add_test(tcase, other_parameters_are_not_moved_along);
	tcase_add_test(tcase, a_module_needs_no_state);
	tcase_add_test(tcase, what_was_saved_can_be_restored);
	tcase_add_loop_test(
	    tcase, flow_cluster_reads_its_parameters, 0, ARRAY_SIZE(parameters));
	tcase_add_test(tcase, flow_cluster_fires_by_its_defaults);
}

int
main(void)
{
	return suite_run("module", add_tests);
}
