/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change of the configuration means for a node: nothing, a value that takes
 * effect at once, or a restart. Each key has its row.
 */
#include "common/config_diff.h"

#include "common/config_trading.h"
#include "tests/unit/config_case.h"

static const struct {
	const char *what, *before, *after, *keys;
	enum config_diff result;
} cases[] = {
	{ "nothing", "command = { a }", "command = { a }", "", CONFIG_SAME },
	{ "a comment, and the order of the keys", "command = { a } restart = transient",
	    "# hm\nrestart = transient\ncommand = { \"a\" }", "", CONFIG_SAME },
	{ "a number in another form", "command = { a } heartbeat = 2s",
	    "command = { a } heartbeat = 2000ms", "", CONFIG_SAME },
	{ "a default that is written out", "command = { a }",
	    "command = { a } heartbeat = 2s shutdown = 5s restart = permanent", "",
	    CONFIG_SAME },
	{ "another program", "command = { a }", "command = { b }", "command",
	    CONFIG_RESTART },
	{ "one argument more", "command = { a }", "command = { a, b }", "command",
	    CONFIG_RESTART },
	{ "one argument less", "command = { a, b }", "command = { a }", "command",
	    CONFIG_RESTART },
	{ "words divided otherwise", "command = { a, bc }", "command = { ab, c }",
	    "command", CONFIG_RESTART },
	{ "a heartbeat of a program", "command = { a }",
	    "command = { a } heartbeat = 3s", "heartbeat", CONFIG_LIVE },
	{ "the built-in worker reads its own", "", "heartbeat = 3s", "heartbeat",
	    CONFIG_RESTART },
	{ "all that is only ours", "command = { a }",
	    "command = { a } misses = 4 cycle_timeout = 1s start_timeout = 1s "
	    "restart_delay = 1s restart_delay_max = 1m stable_after = 1s "
	    "failed_cycles = 1 shutdown = kill restart = temporary",
	    "restart, shutdown, misses, cycle_timeout, start_timeout, restart_delay, "
	    "restart_delay_max, stable_after, failed_cycles",
	    CONFIG_LIVE },
	{ "make_safe", "command = { a }",
	    "command = { a } make_safe { command = { b } }", "make_safe.command",
	    CONFIG_LIVE },
	{ "when it is made safe", "command = { a } make_safe { command = { b } }",
	    "command = { a } make_safe { command = { b } when = { hang } timeout = 3s "
	    "}",
	    "make_safe.timeout, make_safe.when", CONFIG_LIVE },
	{ "a probe", "command = { a } probe { exec = { b } }",
	    "command = { a } probe { exec = { b } interval = 3s }", "probe.interval",
	    CONFIG_RESTART },
	{ "readiness beside make_safe", "command = { a } make_safe { command = { b } }",
	    "command = { a } make_safe { command = { b } }\nready = { log, up }\n",
	    "ready", CONFIG_RESTART },
	{ "a live key beside one that is not", "command = { a }",
	    "command = { b } restart = transient", "command, restart", CONFIG_RESTART },
	{ "notify", "command = { a }", "command = { a } notify = systemd", "notify",
	    CONFIG_RESTART },
	{ "watchdog, which is in the environment", "command = { a } notify = systemd",
	    "command = { a } notify = systemd watchdog = 1s", "watchdog",
	    CONFIG_RESTART },
	{ "memory_max", "command = { a }", "command = { a } memory_max = 1M",
	    "memory_max", CONFIG_RESTART },
	{ "a first limit", "command = { a }", "command = { a } nice = 1", "nice",
	    CONFIG_RESTART },
	{ "the last limit", "command = { a } nofile = 64", "command = { a }", "nofile",
	    CONFIG_RESTART },
	{ "a limit that says what is so without it", "command = { a }",
	    "command = { a } no_new_privs = no", "", CONFIG_SAME },
	{ "a limit of several", "command = { a } nofile = 64 umask = 027",
	    "command = { a } nofile = 64 umask = 077", "umask", CONFIG_RESTART },
	{ "environment", "command = { a } environment = { \"A=1\", \"B=2\" }",
	    "command = { a } environment = { \"A=1\", \"B=3\" }", "environment",
	    CONFIG_RESTART },
	{ "chdir", "command = { a } chdir = /", "command = { a } chdir = /tmp", "chdir",
	    CONFIG_RESTART },
	{ "user", "command = { a }", "command = { a } user = root", "user",
	    CONFIG_RESTART },
	{ "a command in place of the built-in worker", "", "command = { a }", "command",
	    CONFIG_RESTART },
	{ "a trading section that says the defaults", "", "trading { cycle = 5s }", "",
	    CONFIG_SAME },
	{ "a trading value", "", "trading { cycle = 6s batch = 1 }",
	    "trading.cycle, trading.batch", CONFIG_RESTART },
	{ "a value of an inner section", "", "trading { synthetic { seed = 2 } }",
	    "trading.synthetic.seed", CONFIG_RESTART },
	{ "a file's name", "trading { feed = file file { path = a.csv } }",
	    "trading { feed = file file { path = b.csv } }", "trading.file.path",
	    CONFIG_RESTART },
	{ "a parameter of the strategy", "",
	    "trading { flow_cluster { min_trades = 6 } }",
	    "trading.flow_cluster.min_trades", CONFIG_RESTART },
	{ "one's own module gets another parameter",
	    "trading { strategy = \"./m.so\" m { a = 1 b = 2 } }",
	    "trading { strategy = \"./m.so\" m { b = 2 c = 1 } }",
	    "trading.m.c, trading.m.a", CONFIG_RESTART },
	{ "one's own module gets them in another order",
	    "trading { strategy = \"./m.so\" m { a = 1 b = 2 } }",
	    "trading { strategy = \"./m.so\" m { b = 2 a = 1 } }", "", CONFIG_SAME },
	{ "another module", "", "trading { strategy = \"./m.so\" m { a = 1 } }",
	    "trading.strategy", CONFIG_RESTART },
};

static void
load(struct config_case *c, const char *text)
{
	config_case_init(c);
	config_case_load(c, text, strlen(text));
	ck_assert_msg(c->result == 0, "%s", c->errors);
}

static void
load_worker(struct config_case *c, const char *keys)
{
	char text[1024];

	snprintf(text, sizeof(text), "worker w {\n%s\n}\n", keys);
	load(c, text);
}

/* The directory of a case is part of its paths, and there are two of them. */
static void
same_directory(struct config_case *to, const struct config_case *from)
{
	struct config_file *file =
	    &to->config->root->group.children[0]->worker.trading->file;
	char *path;

	if (!file->path || strncmp(file->path, to->dir.path, strlen(to->dir.path)) != 0)
		return;
	ck_assert_int_ge(
	    asprintf(&path, "%s%s", from->dir.path, file->path + strlen(to->dir.path)),
	    0);
	free(file->path);
	file->path = path;
}

START_TEST(a_change_means)
{
	struct config_case before, after;
	struct config_node *a, *b;
	char keys[512];
	struct text_out out;

	load_worker(&before, cases[_i].before);
	load_worker(&after, cases[_i].after);
	a = before.config->root->group.children[0];
	b = after.config->root->group.children[0];
	if (b->worker.trading) {
		same_directory(&after, &before);
		/* That of "./m.so" is, too. */
		if (strchr(a->worker.trading ? a->worker.trading->strategy : "", '/')) {
			free(b->worker.trading->strategy);
			b->worker.trading->strategy =
			    strdup(a->worker.trading->strategy);
		}
	}
	text_init(&out, keys, sizeof(keys));
	ck_assert_msg(config_diff_node(a, b, &out) == cases[_i].result, "%s: %s",
	    cases[_i].what, keys);
	ck_assert_msg(strcmp(keys, cases[_i].keys) == 0, "%s: \"%s\", not \"%s\"",
	    cases[_i].what, keys, cases[_i].keys);
	ck_assert_int_eq(config_diff_node(b, a, NULL), cases[_i].result);
	config_case_deinit(&before);
	config_case_deinit(&after);
}
END_TEST

START_TEST(a_group_is_never_restarted_for_its_own_keys)
{
	static const char before_text[] = "group g { worker a { command = { a } } }\n",
			  after_text[] =
			      "group g { strategy = one_for_all intensity = 9\n"
			      "period = 1s auto_shutdown = any_significant\n"
			      "restart = transient shutdown = 1s\n"
			      "worker b { command = { b } } }\n";
	struct config_case before, after;
	char keys[512];
	struct text_out out;

	load(&before, before_text);
	load(&after, after_text);
	text_init(&out, keys, sizeof(keys));
	ck_assert_int_eq(config_diff_node(before.config->root->group.children[0],
			     after.config->root->group.children[0], &out),
	    CONFIG_LIVE);
	ck_assert_str_eq(
	    keys, "strategy, intensity, period, auto_shutdown, restart, shutdown");
	config_case_deinit(&before);
	config_case_deinit(&after);
}
END_TEST

START_TEST(who_a_user_is_may_change_while_the_name_stays)
{
	struct config_case before, after;
	struct config_node *a, *b;

	load_worker(&before, "command = { a } user = root");
	load_worker(&after, "command = { a } user = root");
	a = before.config->root->group.children[0];
	b = after.config->root->group.children[0];
	ck_assert_int_eq(config_diff_node(a, b, NULL), CONFIG_SAME);
	b->worker.limits->uid = 1;
	ck_assert_int_eq(config_diff_node(a, b, NULL), CONFIG_RESTART);
	config_case_deinit(&before);
	config_case_deinit(&after);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, a_change_means, 0, (int)(sizeof(cases) / sizeof(*cases)));
	tcase_add_test(tcase, a_group_is_never_restarted_for_its_own_keys);
	tcase_add_test(tcase, who_a_user_is_may_change_while_the_name_stays);
}

int
main(void)
{
	return suite_run("config_diff", add_tests);
}
