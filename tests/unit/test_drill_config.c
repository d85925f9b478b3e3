/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drill_config: what is rendered is a good configuration, says about trading what the
 * original said, and names nothing real.
 */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/config_trading.h"
#include "supervisor/ctl/drill_config.h"
#include "suite.h"

#define FEED "/data/it's a \\ \"feed\" ${HOME} #.csv"

static const char original[] =
    "supervisor { strategy = one_for_all  intensity = 9  state_dir = '/real/state' }\n"
    "worker own { command = { \"true\" } }\n"
    "worker first {\n"
    "  restart = transient  memory_max = 1M  cycle_timeout = 7s\n"
    "  trading {\n"
    "    cycle = 1h  batch = 77  feed = file  registry = '/real/registry.conf'\n"
    "    file { path = '/data/it\\'s a \\\\ \"feed\" ${HOME} #.csv'  time_unit = us\n"
    "           format = ndjson  time = 'a b'  side = ''  fixed_symbol = \"X'Y\" }\n"
    "    flow_cluster { window = 90s  min_notional = 0.00000001  dominance = 51 }\n"
    "    orders { order_notional = 12.5  lot = 0.001  long_only = no\n"
    "             max_position_notional = 99.5  max_orders_per_day = 3 }\n"
    "    paper { cash = 1.5  fee_bps = 0.25  slippage_bps = 2.5 }\n"
    "  }\n"
    "}\n"
    "worker second { trading { strategy = '/lib/mine.so'  mine { a = \"1 2\"  b = x }\n"
    "                         synthetic { seed = 5  events = 10  rate = 6  symbols = 7 "
    "} } }\n";

static void
on_error(const char *message, void *data)
{
	(void)data;
	ck_abort_msg("%s", message);
}

/* Through a file, as config_load() wants it. */
static struct config *
load(const char *text)
{
	char path[] = "/tmp/tradesup-test-drill-config-XXXXXX";
	int fd = mkstemp(path);
	struct config *config = NULL;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	ck_assert_int_eq(config_load(path, on_error, NULL, &config), 0);
	unlink(path);
	return config;
}

static char *
render(const struct config *base)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	drill_config_render(out, base, "/tmp/drill's", "/cwd");
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static const struct config_trading *
trading_of(const struct config *config, const char *worker)
{
	const struct config_node *node = config_find(config, worker);

	ck_assert_ptr_nonnull(node);
	return node->worker.trading;
}

static void
assert_common(const struct config *copy)
{
	ck_assert_str_eq(copy->state_dir, "/tmp/drill's/state");
	ck_assert_str_eq(copy->runtime_dir, "/tmp/drill's/run");
	ck_assert_uint_eq(copy->root->group.intensity, DRILL_INTENSITY);
	ck_assert_int_eq(copy->root->group.plan, PLAN_ONE_FOR_ONE);
	for (size_t i = 0; i < copy->root->group.n_children; i++) {
		const struct config_node *node = copy->root->group.children[i];

		ck_assert_int_eq(node->restart, RESTART_PERMANENT);
		ck_assert_uint_eq(node->worker.failed_cycles, DRILL_FAILED_CYCLES);
		ck_assert_int_eq(node->worker.trading->broker, BROKER_PAPER);
		ck_assert_ptr_null(node->worker.trading->registry);
		ck_assert_int_lt(node->worker.trading->cycle_ns, 1000000000);
	}
}

START_TEST(default_is_good)
{
	_cleanup_free_ char *text = render(NULL);
	_cleanup_(config_freep) struct config *copy = load(text);

	assert_common(copy);
	ck_assert_uint_eq(copy->root->group.n_children, 1);
	ck_assert_str_eq(copy->root->group.children[0]->name, DRILL_WORKER);
}
END_TEST

START_TEST(copy_trades_alike)
{
	_cleanup_(config_freep) struct config *base = load(original);
	_cleanup_free_ char *text = render(base);
	_cleanup_(config_freep) struct config *copy = load(text);

	assert_common(copy);
	ck_assert_uint_eq(copy->root->group.n_children, 2);
	ck_assert_ptr_null(config_find(copy, "own"));
	ck_assert_ptr_null(strstr(text, "real"));
	/* The hash is over everything that decides orders. */
	ck_assert_uint_eq(
	    trading_of(copy, "first")->hash, trading_of(base, "first")->hash);
	ck_assert_uint_eq(
	    trading_of(copy, "second")->hash, trading_of(base, "second")->hash);
	ck_assert_uint_eq(trading_of(copy, "first")->batch, 77);
}
END_TEST

START_TEST(file_feed_is_kept_and_endless)
{
	_cleanup_(config_freep) struct config *base = load(original);
	_cleanup_free_ char *text = render(base);
	_cleanup_(config_freep) struct config *copy = load(text);
	const struct config_file *file = &trading_of(copy, "first")->file;

	ck_assert_int_eq(trading_of(copy, "first")->feed, FEED_FILE);
	ck_assert_str_eq(file->path, FEED);
	ck_assert_int_eq(file->format, FEED_FORMAT_NDJSON);
	ck_assert_int_eq(file->time_unit, TIME_UNIT_US);
	ck_assert_str_eq(file->time, "a b");
	ck_assert_str_eq(file->side, "");
	ck_assert_str_eq(file->price, "price");
	ck_assert_str_eq(file->fixed_symbol, "X'Y");
	ck_assert(file->follow);
}
END_TEST

START_TEST(synthetic_feed_is_kept_and_endless)
{
	_cleanup_(config_freep) struct config *base = load(original);
	_cleanup_free_ char *text = render(base);
	_cleanup_(config_freep) struct config *copy = load(text);
	const struct config_synthetic *synthetic =
	    &trading_of(copy, "second")->synthetic;

	ck_assert_int_eq(trading_of(copy, "second")->feed, FEED_SYNTHETIC);
	ck_assert_uint_eq(synthetic->seed, 5);
	ck_assert_uint_eq(synthetic->events, 0);
	ck_assert_uint_eq(synthetic->rate, 6);
	ck_assert_uint_eq(synthetic->symbols, 7);
}
END_TEST

START_TEST(relative_paths_stay_what_they_were)
{
	_cleanup_(config_freep) struct config *base = load(original);
	struct config_trading *trading =
	    (struct config_trading *)trading_of(base, "first");
	_cleanup_free_ char *text = NULL;
	_cleanup_(config_freep) struct config *copy = NULL;

	free(trading->file.path);
	trading->file.path = strdup("data/x.csv");
	text = render(base);
	copy = load(text);
	ck_assert_str_eq(trading_of(copy, "first")->file.path, "/cwd/data/x.csv");
}
END_TEST

START_TEST(names_workers)
{
	_cleanup_(config_freep) struct config *base = load(original);
	const char *names[1] = { NULL };

	ck_assert_uint_eq(drill_config_workers(base, true, NULL, 0), 2);
	ck_assert_uint_eq(drill_config_workers(base, true, names, 1), 2);
	ck_assert_str_eq(names[0], "first");
	ck_assert_uint_eq(drill_config_workers(base, false, names, 1), 1);
	ck_assert_str_eq(names[0], "own");
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, default_is_good);
	tcase_add_test(tcase, copy_trades_alike);
	tcase_add_test(tcase, file_feed_is_kept_and_endless);
	tcase_add_test(tcase, synthetic_feed_is_kept_and_endless);
	tcase_add_test(tcase, relative_paths_stay_what_they_were);
	tcase_add_test(tcase, names_workers);
}

int
main(void)
{
	return suite_run("drill_config", add_tests);
}
