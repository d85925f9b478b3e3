/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: defaults, values, the tree, and every way to be wrong with
 * the message that a person gets.
 */
#include "common/config.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/cleanup.h"
#include "common/config_trading.h"
#include "common/syntax.h"
#include "tests/unit/config_case.h"

#define S NS_PER_S

static struct config_case c;

static void
set_up(void)
{
	config_case_init(&c);
}

static void
tear_down(void)
{
	config_case_deinit(&c);
}

static void
load(const char *text)
{
	config_case_load(&c, text, strlen(text));
}

static void
load_good(const char *text)
{
	load(text);
	ck_assert_str_eq(c.errors, "");
	ck_assert_int_eq(c.result, 0);
}

START_TEST(defaults_are_those_of_the_manual)
{
	const struct config_node *node;
	const struct config_worker *worker;

	load_good("worker w { command = x }");
	ck_assert_str_eq(c.config->path, c.path);
	ck_assert_ptr_null(c.config->state_dir);
	ck_assert_ptr_null(c.config->runtime_dir);
	ck_assert_ptr_null(c.config->control_group);
	ck_assert_int_eq(c.config->log_format, LOG_FORMAT_LOGFMT);
	ck_assert_uint_eq(c.config->service_intensity, 3);
	ck_assert_int_eq(c.config->service_period_ns, 600 * INT64_C(1000000000));
	ck_assert_int_eq(c.config->root->type, CONFIG_GROUP);
	ck_assert_str_eq(c.config->root->name, "root");
	ck_assert_int_eq(c.config->root->group.plan, PLAN_ONE_FOR_ONE);
	ck_assert_uint_eq(c.config->root->group.intensity, 3);
	ck_assert_int_eq(c.config->root->group.period_ns, 60 * S);
	ck_assert_int_eq(c.config->root->group.auto_shutdown, AUTO_SHUTDOWN_NEVER);
	ck_assert_uint_eq(c.config->root->group.n_children, 1);

	node = c.config->root->group.children[0];
	worker = &node->worker;
	ck_assert_int_eq(node->type, CONFIG_WORKER);
	ck_assert_str_eq(node->name, "w");
	ck_assert_uint_eq(node->line, 1);
	ck_assert_int_eq(node->restart, RESTART_PERMANENT);
	ck_assert(!node->significant);
	ck_assert_int_eq(node->shutdown_ns, 5 * S);
	ck_assert_str_eq(worker->command[0], "x");
	ck_assert_ptr_null(worker->command[1]);
	ck_assert_int_eq(worker->notify, NOTIFY_NONE);
	ck_assert_int_eq(worker->heartbeat_ns, 2 * S);
	ck_assert_uint_eq(worker->misses, 3);
	ck_assert_int_eq(worker->cycle_timeout_ns, 30 * S);
	ck_assert_int_eq(worker->start_timeout_ns, 30 * S);
	ck_assert_int_eq(worker->watchdog_ns, 0);
	ck_assert_int_eq(worker->restart_delay_ns, 0);
	ck_assert_int_eq(worker->restart_delay_max_ns, 30 * S);
	ck_assert_int_eq(worker->stable_after_ns, 60 * S);
	ck_assert_int_eq(worker->memory_max_bytes, 0);
	ck_assert_uint_eq(worker->failed_cycles, 3);
	ck_assert_ptr_null(worker->watch);
	ck_assert_ptr_null(worker->trading);
}
END_TEST

START_TEST(every_value_arrives)
{
	const struct config_node *node;

	load_good(
	    "supervisor { strategy = rest_for_one intensity = 0 period = 1h\n"
	    "  auto_shutdown = any_significant state_dir = /s runtime_dir = r\n"
	    "  log_format = json control_group = root }\n"
	    "worker w {\n"
	    "  command = { \"a b\", c, '' }  notify = systemd  watchdog = 10s\n"
	    "  restart = transient  significant = TRUE  shutdown = infinity\n"
	    "  heartbeat = 0  misses = 1000  cycle_timeout = 0ms  start_timeout = 1m\n"
	    "  restart_delay = 10ms  restart_delay_max = 10ms  stable_after = 0s\n"
	    "  memory_max = 256M  failed_cycles = 0\n"
	    "  make_safe { command = cancel  timeout = 1.5s  when = hang }\n"
	    "  probe { tcp = localhost:80  interval = 1s  timeout = 2s  failures = 4 "
	    "}\n"
	    "}\n"
	    "worker p { command = x\n ready = file p.ready\n"
	    "  make_safe { command = { cancel, all } } probe { exec = { a, b } } }\n");
	ck_assert_int_eq(c.config->root->group.plan, PLAN_REST_FOR_ONE);
	ck_assert_uint_eq(c.config->root->group.intensity, 0);
	ck_assert_int_eq(c.config->root->group.period_ns, 3600 * S);
	ck_assert_int_eq(
	    c.config->root->group.auto_shutdown, AUTO_SHUTDOWN_ANY_SIGNIFICANT);
	ck_assert_str_eq(c.config->state_dir, "/s");
	ck_assert_str_eq(c.config->runtime_dir, tempdir_path(&c.dir, "r"));
	ck_assert_int_eq(c.config->log_format, LOG_FORMAT_JSON);
	ck_assert_str_eq(c.config->control_group, "root");
	ck_assert_uint_eq(c.config->control_gid, 0);

	node = c.config->root->group.children[0];
	ck_assert_str_eq(node->worker.command[0], "a b");
	ck_assert_str_eq(node->worker.command[1], "c");
	ck_assert_str_eq(node->worker.command[2], "");
	ck_assert_ptr_null(node->worker.command[3]);
	ck_assert_int_eq(node->worker.notify, NOTIFY_SYSTEMD);
	ck_assert_int_eq(node->worker.watchdog_ns, 10 * S);
	ck_assert_int_eq(node->restart, RESTART_TRANSIENT);
	ck_assert(node->significant);
	ck_assert_int_eq(node->shutdown_ns, SHUTDOWN_INFINITY);
	ck_assert_int_eq(node->worker.heartbeat_ns, 0);
	ck_assert_uint_eq(node->worker.misses, 1000);
	ck_assert_int_eq(node->worker.cycle_timeout_ns, 0);
	ck_assert_int_eq(node->worker.start_timeout_ns, 60 * S);
	ck_assert_int_eq(node->worker.restart_delay_ns, 10 * NS_PER_MS);
	ck_assert_int_eq(node->worker.restart_delay_max_ns, 10 * NS_PER_MS);
	ck_assert_int_eq(node->worker.stable_after_ns, 0);
	ck_assert_int_eq(node->worker.memory_max_bytes, INT64_C(256) << 20);
	ck_assert_uint_eq(node->worker.failed_cycles, 0);
	ck_assert_str_eq(node->worker.watch->make_safe[0], "cancel");
	ck_assert_int_eq(node->worker.watch->make_safe_timeout_ns, 1500 * NS_PER_MS);
	ck_assert_uint_eq(node->worker.watch->make_safe_when, MAKE_SAFE_HANG);
	ck_assert_int_eq(node->worker.watch->ready, READY_BY_ITSELF);
	ck_assert_int_eq(node->worker.watch->probe, PROBE_TCP);
	ck_assert_str_eq(node->worker.watch->probe_tcp, "localhost:80");
	ck_assert_int_eq(node->worker.watch->probe_interval_ns, S);
	ck_assert_int_eq(node->worker.watch->probe_timeout_ns, 2 * S);
	ck_assert_uint_eq(node->worker.watch->probe_failures, 4);

	node = c.config->root->group.children[1];
	ck_assert_int_eq(node->worker.watch->ready, READY_FILE);
	ck_assert_str_eq(
	    node->worker.watch->ready_target, tempdir_path(&c.dir, "p.ready"));
	ck_assert_str_eq(node->worker.watch->make_safe[1], "all");
	ck_assert_uint_eq(node->worker.watch->make_safe_when,
	    MAKE_SAFE_CRASH | MAKE_SAFE_HANG | MAKE_SAFE_ESCALATE);
	ck_assert_int_eq(node->worker.watch->probe, PROBE_EXEC);
	ck_assert_str_eq(node->worker.watch->probe_exec[1], "b");
	ck_assert_int_eq(node->worker.watch->probe_interval_ns, 10 * S);
	ck_assert_int_eq(node->worker.watch->probe_timeout_ns, 5 * S);
	ck_assert_uint_eq(node->worker.watch->probe_failures, 3);
}
END_TEST

START_TEST(limits_are_there_when_one_is_set)
{
	const struct config_limits *limits;

	load_good("worker a { command = x }\n"
		  "worker b { command = x cpu_quota = 50% nofile = 16 nice = -20\n"
		  "  umask = 0777 user = 0 group = 0 chdir = sub no_new_privs = yes\n"
		  "  environment = { \"A=\", \"B=1=2\" } }\n"
		  "worker c { command = x umask = 0 cpu_quota = 1 }\n"
		  "worker d { command = x environment = { } }\n"
		  "worker e { command = x group = 0 }");
	ck_assert_ptr_null(config_find(c.config, "a")->worker.limits);

	limits = config_find(c.config, "b")->worker.limits;
	ck_assert_int_eq(limits->cpu_quota, 50);
	ck_assert_int_eq(limits->nofile, 16);
	ck_assert_int_eq(limits->nice, -20);
	ck_assert_int_eq(limits->umask, 0777);
	ck_assert_str_eq(limits->chdir, tempdir_path(&c.dir, "sub"));
	ck_assert(limits->no_new_privs);
	ck_assert_str_eq(limits->environment[0], "A=");
	ck_assert_str_eq(limits->environment[1], "B=1=2");
	ck_assert_ptr_null(limits->environment[2]);
	ck_assert_uint_eq(limits->uid, 0);
	ck_assert_uint_eq(limits->gid, 0);
	ck_assert_uint_ge(limits->n_groups, 1);

	limits = config_find(c.config, "c")->worker.limits;
	ck_assert_int_eq(limits->cpu_quota, 1);
	ck_assert_int_eq(limits->umask, 0);
	ck_assert_int_eq(limits->nice, CONFIG_UNSET);
	ck_assert_int_eq(limits->nofile, 0);
	ck_assert_uint_eq(limits->uid, (uid_t)-1);
	ck_assert_uint_eq(limits->gid, (gid_t)-1);
	ck_assert_ptr_null(config_find(c.config, "d")->worker.limits->environment);

	limits = config_find(c.config, "e")->worker.limits;
	ck_assert_uint_eq(limits->uid, (uid_t)-1);
	ck_assert_uint_eq(limits->gid, 0);
	ck_assert_uint_eq(limits->n_groups, 1);
	ck_assert_uint_eq(limits->groups[0], 0);
}
END_TEST

START_TEST(a_quota_is_no_more_than_the_machine_has)
{
	long most = 100 * sysconf(_SC_NPROCESSORS_CONF);
	char text[128], errors[128];

	snprintf(text, sizeof(text), "worker w { cpu_quota = %ld%% }", most);
	load_good(text);
	snprintf(text, sizeof(text), "worker w {\ncpu_quota = %ld%% }", most + 1);
	load(text);
	snprintf(errors, sizeof(errors),
	    "t.conf:2: worker w: cpu_quota: is more than this machine has: %ld%%",
	    most);
	ck_assert_str_eq(c.errors, errors);
}
END_TEST

START_TEST(shutdown_has_its_words)
{
	load_good("worker a { command = x shutdown = kill }\n"
		  "worker b { command = x shutdown = 0s }");
	ck_assert_int_eq(config_find(c.config, "a")->shutdown_ns, SHUTDOWN_KILL);
	ck_assert_int_eq(config_find(c.config, "b")->shutdown_ns, 0);
}
END_TEST

/* Names in start order, a group's in brackets behind it. */
static void
write_tree(const struct config_node *node, char *out, size_t size)
{
	size_t used = strlen(out);

	snprintf(out + used, size - used, "%s", node->name);
	if (node->type != CONFIG_GROUP)
		return;
	strcat(out, "[");
	for (size_t i = 0; i < node->group.n_children; i++) {
		strcat(out, i > 0 ? " " : "");
		write_tree(node->group.children[i], out, size);
	}
	strcat(out, "]");
}

START_TEST(children_stand_in_the_order_of_the_file)
{
	char tree[256] = "";

	load_good("worker a { command = x }\n"
		  "group g {\n"
		  "  group h { worker b { command = x } }\n"
		  "  worker c { command = x }\n"
		  "  group empty { }\n"
		  "  strategy = one_for_all\n"
		  "}\n"
		  "worker d { command = x }\n"
		  "supervisor { intensity = 5 }\n"
		  "group i { worker e { command = x } }\n");
	write_tree(c.config->root, tree, sizeof(tree));
	ck_assert_str_eq(tree, "root[a g[h[b] c empty[]] d i[e]]");
	ck_assert_uint_eq(c.config->root->group.intensity, 5);
	ck_assert_int_eq(config_find(c.config, "g")->group.plan, PLAN_ONE_FOR_ALL);
	ck_assert_int_eq(config_find(c.config, "g")->shutdown_ns, SHUTDOWN_INFINITY);
	ck_assert_uint_eq(config_find(c.config, "g")->group.intensity, 3);
	ck_assert_uint_eq(config_find(c.config, "b")->line, 3);
	ck_assert_ptr_eq(config_find(c.config, "root"), c.config->root);
	ck_assert_ptr_null(config_find(c.config, "none"));
}
END_TEST

START_TEST(a_worker_without_a_command_trades)
{
	load_good("worker w { }");
	ck_assert_ptr_null(config_find(c.config, "w")->worker.command);
	ck_assert_ptr_nonnull(config_find(c.config, "w")->worker.trading);
}
END_TEST

/* A text, and all that is said about it. */
static const struct {
	const char *text, *errors;
} bad[] = {
	{ "", "t.conf:1: worker: there is none in this file" },
	{ "supervisor { }", "t.conf:1: worker: there is none in this file" },
	{ "group g { }", "t.conf:1: worker: there is none in this file" },

	/* Keys. */
	{ "worker w {\n  heartbeats = 2s\n}",
	    "t.conf:2: worker w: heartbeats: unknown key; did you mean heartbeat?" },
	{ "worker w {\n  colour = blue\n  gpu_quota = 50\n}",
	    "t.conf:2: worker w: colour: unknown key\n"
	    "t.conf:3: worker w: gpu_quota: unknown key; did you mean cpu_quota?" },
	{ "supervisr { }\nworker w { }",
	    "t.conf:1: supervisr: unknown section; did you mean supervisor?" },
	{ "worker w { tradin { } }",
	    "t.conf:1: worker w: tradin: unknown section; did you mean trading?" },
	{ "misses = 3\nworker w { }", "t.conf:1: misses: unknown key" },
	{ "group g { worker w { } heartbeat = 2s }",
	    "t.conf:1: group g: heartbeat: unknown key" },
	{ "worker w { Heartbeat = 2s }",
	    "t.conf:1: worker w: Heartbeat: unknown key; did you mean heartbeat?" },
	{ "worker w {\n misses = 3\n misses = 3\n}",
	    "t.conf:3: worker w: misses: is given twice" },
	{ "worker w { command = x\n command = y }",
	    "t.conf:2: worker w: command: is given twice" },
	{ "supervisor { }\nsupervisor { }\nworker w { }",
	    "t.conf:2: supervisor: is given twice" },
	{ "worker w { trading { }\ntrading { } }",
	    "t.conf:2: worker w: trading: is given twice" },

	/* Forms. */
	{ "worker { }", "t.conf:1: worker: is a section: worker NAME { … }\n"
			"t.conf:1: worker: there is none in this file" },
	{ "supervisor s { }\nworker w { }",
	    "t.conf:1: supervisor: is a section: supervisor { … }" },
	{ "worker = w", "t.conf:1: worker: is a section: worker NAME { … }\n"
			"t.conf:1: worker: there is none in this file" },
	{ "worker w { heartbeat { } }",
	    "t.conf:1: worker w: heartbeat: is no section" },
	{ "worker w { heartbeat = { 1s, 2s } }",
	    "t.conf:1: worker w: heartbeat: takes one value, not a list" },

	/* Values. */
	{ "worker w { heartbeat = 2 }",
	    "t.conf:1: worker w: heartbeat: \"2\" is not a duration, as 500ms, 2s or "
	    "1h30m" },
	{ "worker w { heartbeat = \"2 s\" }",
	    "t.conf:1: worker w: heartbeat: \"2 s\" is not a duration, as 500ms, 2s or "
	    "1h30m" },
	{ "worker w { heartbeat = -2s }", "t.conf:1: worker w: heartbeat: \"-2s\" is "
					  "out of range: it must be from 0s "
					  "to 1d" },
	{ "worker w { stable_after = 400d }",
	    "t.conf:1: worker w: stable_after: \"400d\" is out of range: it must be "
	    "from "
	    "0s to 365d" },
	{ "worker w { make_safe { timeout = 0s } }",
	    "t.conf:1: worker w: make_safe: timeout: \"0s\" is out of range: it must "
	    "be "
	    "from 1ms to 365d" },
	{ "worker w { make_safe { when = dawn } }",
	    "t.conf:1: worker w: make_safe: when: \"dawn\" is not one of crash, hang, "
	    "escalate" },
	{ "worker w { command = a make_safe { } }",
	    "t.conf:1: worker w: make_safe: command: is missing" },
	{ "worker w { make_safe = cancel }",
	    "t.conf:1: worker w: make_safe: is a section: make_safe { … }" },
	{ "worker w { probe { interval = 1s } }",
	    "t.conf:1: worker w: probe: needs one of exec, tcp and http" },
	{ "worker w { probe { tcp = a:1 http = 'http://a' } }",
	    "t.conf:1: worker w: probe: needs one of exec, tcp and http, not more" },
	{ "worker w { probe { tcp = ::1:80 } }",
	    "t.conf:1: worker w: probe: tcp: \"::1:80\" is no HOST:PORT, as "
	    "127.0.0.1:8080 or [::1]:8080" },
	{ "worker w { probe { http = 'ftp://a' } }",
	    "t.conf:1: worker w: probe: http: \"ftp://a\" is no URL of http or https" },
	{ "worker w { command = a\n ready = port\n }",
	    "t.conf:2: worker w: ready: is port HOST:PORT, file PATH or log REGEX, at "
	    "the "
	    "end of a line" },
	{ "worker w { command = a\n ready = port x:70000\n }",
	    "t.conf:2: worker w: ready: \"x:70000\" is no HOST:PORT, as 127.0.0.1:8080 "
	    "or "
	    "[::1]:8080" },
	{ "worker w { command = a\n ready = log '('\n }",
	    "t.conf:2: worker w: ready: log: Unmatched ( or \\(" },
	{ "worker w { command = a notify = systemd\n ready = file f\n }",
	    "t.conf:2: worker w: ready: is for a worker that cannot tell it; one with "
	    "notify = systemd does" },
	{ "worker w { heartbeat = 1s 2s }",
	    "t.conf:1: worker w: heartbeat: takes one value, not a list" },
	{ "worker w { misses = 0 }", "t.conf:1: worker w: misses: \"0\" is out of "
				     "range: it must be from 1 to 1000" },
	{ "worker w { misses = 1.5 }",
	    "t.conf:1: worker w: misses: \"1.5\" is not a whole number" },
	{ "worker w { misses = three }",
	    "t.conf:1: worker w: misses: \"three\" is not a whole number" },
	{ "worker w { misses = \"\" }",
	    "t.conf:1: worker w: misses: \"\" is not a whole number" },
	{ "worker w { failed_cycles = 99999999999999999999 }",
	    "t.conf:1: worker w: failed_cycles: \"99999999999999999999\" is out of "
	    "range: "
	    "it must be from 0 to 1000000" },
	{ "worker w { memory_max = 64k }", "t.conf:1: worker w: memory_max: \"64k\" is "
					   "not a size, as 4096, 64K or 256M" },
	{ "worker w { memory_max = -1 }", "t.conf:1: worker w: memory_max: \"-1\" is "
					  "out of range: it must be at least "
					  "0" },
	{ "worker w { significant = maybe }",
	    "t.conf:1: worker w: significant: \"maybe\" is not yes or no" },
	{ "worker w { restart = always }", "t.conf:1: worker w: restart: \"always\" is "
					   "not one of permanent, transient, "
					   "temporary" },
	{ "worker w { shutdown = never }", "t.conf:1: worker w: shutdown: \"never\" is "
					   "not a duration, as 5s, nor kill "
					   "nor infinity" },
	{ "supervisor { strategy = one_for_some }\nworker w { }",
	    "t.conf:1: supervisor: strategy: \"one_for_some\" is not one of "
	    "one_for_one, "
	    "one_for_all, rest_for_one" },
	{ "supervisor { intensity = -1 period = 0s }\nworker w { }",
	    "t.conf:1: supervisor: intensity: \"-1\" is out of range: it must be from "
	    "0 to "
	    "1000000000\n"
	    "t.conf:1: supervisor: period: \"0s\" is out of range: it must be from 1ms "
	    "to "
	    "365d" },
	{ "worker w { heartbeat = \"\\x1b[2J\xc2\x9b\" }",
	    "t.conf:1: worker w: heartbeat: \"\\u001b[2J\\u009b\" is not a duration, "
	    "as "
	    "500ms, 2s or 1h30m" },
	{ "\"\\x1b[2J\"", "t.conf:1: ?[2J: expected = or {\n"
			  "t.conf:1: worker: there is none in this file" },

	/* What must fit together. */
	{ "worker w { command = { } }",
	    "t.conf:1: worker w: command: is empty; it must name a program" },
	{ "worker w { command = \"\" }",
	    "t.conf:1: worker w: command: is empty; it must name a program" },
	{ "worker w { command = x\n trading { } }",
	    "t.conf:2: worker w: trading: is for the built-in worker, and this one has "
	    "a "
	    "command" },
	{ "worker w { command = x\n watchdog = 1s }",
	    "t.conf:2: worker w: watchdog: needs notify = systemd" },
	{ "worker w {\n notify = systemd }", "t.conf:2: worker w: notify: is for a "
					     "worker with a command; the built-in one "
					     "has heartbeats" },
	{ "worker w {\n restart_delay = 2m }",
	    "t.conf:2: worker w: restart_delay_max: is less than restart_delay" },
	{ "worker w { restart_delay = 2s\n restart_delay_max = 1s }",
	    "t.conf:2: worker w: restart_delay_max: is less than restart_delay" },
	{ "worker w { restart = transient\n significant = yes }",
	    "t.conf:2: worker w: significant: needs auto_shutdown around it, which is "
	    "never" },
	{ "worker w {\n significant = yes\n}\nsupervisor { auto_shutdown = "
	  "all_significant }",
	    "t.conf:2: worker w: significant: a permanent worker cannot be "
	    "significant" },
	{ "supervisor { auto_shutdown = all_significant }\n"
	  "group g { worker w { restart = temporary\n significant = yes } }",
	    "t.conf:3: group g: worker w: significant: needs auto_shutdown around it, "
	    "which is never" },
	{ "supervisor { auto_shutdown = all_significant }\n"
	  "group g { significant = yes worker w { } }",
	    "t.conf:2: group g: significant: a permanent group cannot be significant" },

	/* Limits. */
	{ "worker w { nice = 20\n nice = 5 }",
	    "t.conf:1: worker w: nice: \"20\" is out of range: it must be from -20 to "
	    "19\n"
	    "t.conf:2: worker w: nice: is given twice" },
	{ "worker w { nofile = 15 }", "t.conf:1: worker w: nofile: \"15\" is out of "
				      "range: it must be from 16 to 1073741824" },
	{ "worker w { umask = 01000 }", "t.conf:1: worker w: umask: \"01000\" is out "
					"of range: it must be from 0 to 0777" },
	{ "worker w { umask = 8 }",
	    "t.conf:1: worker w: umask: \"8\" is not an octal number, as 027" },
	{ "worker w { umask = 777777777777777777777777 }",
	    "t.conf:1: worker w: umask: \"777777777777777777777777\" is out of range: "
	    "it must be from 0 to 0777" },
	{ "worker w { cpu_quota = 0% }",
	    "t.conf:1: worker w: cpu_quota: \"0%\" is out of range: it must be from "
	    "1% to 1000000%" },
	{ "worker w { cpu_quota = half }",
	    "t.conf:1: worker w: cpu_quota: \"half\" is not a percentage, as 50%" },
	{ "worker w { cpu_quota = % }",
	    "t.conf:1: worker w: cpu_quota: \"%\" is not a percentage, as 50%" },
	{ "worker w { environment = { \"A=1\", B, \"=C\",\n \"TRADESUP_FD=7\" } }",
	    "t.conf:1: worker w: environment: \"B\" is not NAME=VALUE\n"
	    "t.conf:1: worker w: environment: \"=C\" is not NAME=VALUE\n"
	    "t.conf:1: worker w: environment: \"TRADESUP_FD=7\" is set by the "
	    "supervisor itself" },
	{ "worker w {\n user = \"no such\"\n group = \"\" }",
	    "t.conf:2: worker w: user: \"no such\" is not known on this machine\n"
	    "t.conf:3: worker w: group: \"\" is not known on this machine" },
	{ "worker w { nice { } no_new_privs = { yes } }",
	    "t.conf:1: worker w: nice: is no section\n"
	    "t.conf:1: worker w: no_new_privs: takes one value, not a list" },
	{ "group g { worker w { } nice = 5 }", "t.conf:1: group g: nice: unknown key" },

	/* Names. */
	{ "worker w { }\nworker w { }",
	    "t.conf:2: worker w: the name is taken already, in line 1" },
	{ "worker w { }\ngroup g {\n group w { } }",
	    "t.conf:3: group w: the name is taken already, in line 1" },
	{ "worker root { }",
	    "t.conf:1: worker root: this is the name of the supervisor "
	    "itself" },
	{ "worker \"../x\" { }",
	    "t.conf:1: worker ../x: this is no safe name: letters, digits, and . _ - "
	    "behind the first, at most 64" },
	{ "worker \"\" { }", "t.conf:1: worker : this is no safe name: letters, "
			     "digits, and . _ - behind "
			     "the first, at most 64" },

	/* Syntax. */
	{ "worker w {\n misses = 3\n",
	    "t.conf:1: worker w: the section that begins here has no closing }" },
	{ "worker w { }\n}", "t.conf:2: }: no section is open here" },
	{ "worker w {\n misses =\n}", "t.conf:2: misses: expected a value behind =" },
	{ "worker w {\n misses 3\n heartbeat = 3\n}",
	    "t.conf:2: misses: expected {\n"
	    "t.conf:3: worker w: heartbeat: \"3\" is not a duration, as 500ms, 2s or "
	    "1h30m" },
	{ "worker w {\n command = \"x\n}",
	    "t.conf:2: syntax: the text that begins here has no closing \"" },
};

START_TEST(what_is_wrong_is_said_with_its_place)
{
	load(bad[_i].text);
	ck_assert_int_eq(c.result, -EINVAL);
	ck_assert_ptr_null(c.config);
	ck_assert_str_eq(c.errors, bad[_i].errors);
}
END_TEST

START_TEST(binary_data_is_one_error)
{
	config_case_load(&c, "worker w {\0}\n\0\0", 16);
	ck_assert_int_eq(c.result, -EINVAL);
	ck_assert_ptr_nonnull(strstr(c.errors,
	    "t.conf:1: syntax: a NUL or control character, so this is no text file"));
}
END_TEST

START_TEST(what_cannot_be_read_is_an_error)
{
	snprintf(c.path, sizeof(c.path), "%s", tempdir_path(&c.dir, "none.conf"));
	ck_assert_int_eq(
	    config_load(c.path, config_case_on_error, &c, &c.config), -EINVAL);
	ck_assert_str_eq(
	    c.errors, "none.conf: cannot be read: No such file or directory");

	c.errors[0] = '\0';
	snprintf(c.path, sizeof(c.path), "%s", tempdir_path(&c.dir, "."));
	ck_assert_int_eq(
	    config_load(c.path, config_case_on_error, &c, &c.config), -EINVAL);
	ck_assert_str_eq(c.errors, ".: cannot be read: Is a directory");
}
END_TEST

/* Whoever was given the text goes by it, however often, whatever the file has become.
 */
START_TEST(a_kept_text_can_be_read_again)
{
	struct config *kept, *again;

	load_good("worker w { trading { registry = own.conf } }");
	ck_assert_int_eq(c.config->text_fd, -1);
	ck_assert_int_eq(config_load_keep(c.path, config_case_on_error, &c, &kept), 0);
	ck_assert_int_eq(unlink(c.path), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(config_load_text(kept->text_fd, c.path,
				     config_case_on_error, &c, &again),
		    0);
		ck_assert_str_eq(
		    again->root->group.children[0]->worker.trading->registry,
		    kept->root->group.children[0]->worker.trading->registry);
		config_free(again);
	}
	ck_assert_int_lt(write(kept->text_fd, "x", 1), 0);
	ck_assert_int_lt(ftruncate(kept->text_fd, 0), 0);
	config_free(kept);
}
END_TEST

START_TEST(a_bad_text_is_told_by_the_name_of_the_file)
{
	FILE *file = tmpfile();
	struct config *none = NULL;

	fputs("worker w {\nbad = 1 }", file);
	fflush(file);
	snprintf(c.path, sizeof(c.path), "%s", tempdir_path(&c.dir, "t.conf"));
	ck_assert_int_eq(
	    config_load_text(fileno(file), c.path, config_case_on_error, &c, &none),
	    -EINVAL);
	ck_assert_str_eq(c.errors, "t.conf:2: worker w: bad: unknown key");
	fclose(file);
}
END_TEST

START_TEST(a_file_past_the_bound_is_refused)
{
	load_good("worker w { }");
	ck_assert_int_eq(truncate(c.path, SYNTAX_SIZE_MAX + 1), 0);
	c.config = config_free(c.config);
	ck_assert_int_eq(
	    config_load(c.path, config_case_on_error, &c, &c.config), -EINVAL);
	ck_assert_str_eq(c.errors, "t.conf: cannot be read: it is larger than 16 MiB");
}
END_TEST

START_TEST(a_hundred_errors_are_enough)
{
	char *text = malloc(200000);
	size_t used = 0;

	for (int i = 0; i < 5000; i++)
		used += (size_t)sprintf(text + used, "k%d = 1\n", i);
	config_case_load(&c, text, used);
	ck_assert_int_eq(c.result, -EINVAL);
	ck_assert_ptr_nonnull(strstr(c.errors, "\nt.conf:100: k99: unknown key\n"));
	ck_assert_ptr_nonnull(strstr(c.errors, "\nt.conf: and 4901 more errors"));
	free(text);
}
END_TEST

/* The sample in the tree; with @uncomment, each key in it that is commented out is not.
 */
static void
load_sample(bool uncomment)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	size_t length;

	ck_assert_int_gt(
	    asprintf(&path, "%s/etc/tradesup.conf", getenv("TRADESUP_TREE")), 0);
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s", path);
	text = calloc(1, 65536);
	length = fread(text, 1, 65535, file);
	for (char *p = text; uncomment && (p = strstr(p, "\t#")); p++)
		p[1] = ' ';
	config_case_load(&c, text, length);
	ck_assert_str_eq(c.errors, "");
}

START_TEST(the_sample_shows_the_defaults)
{
	struct config_worker shipped, uncommented;
	uint32_t hash;

	load_sample(false);
	shipped = config_find(c.config, "flow")->worker;
	hash = shipped.trading->hash;
	ck_assert_int_eq(shipped.trading->feed, FEED_FILE);

	load_sample(true);
	uncommented = config_find(c.config, "flow")->worker;
	ck_assert_uint_eq(uncommented.trading->hash, hash);
	shipped.trading = uncommented.trading = NULL;
	ck_assert_mem_eq(&uncommented, &shipped, sizeof(shipped));
	ck_assert_ptr_null(c.config->state_dir);
	ck_assert_uint_eq(c.config->root->group.intensity, 3);
}
END_TEST

START_TEST(ten_thousand_workers_are_no_trouble)
{
	enum { N = 10000 };
	char *text = malloc(N * 128);
	size_t used = 0;

	for (int i = 0; i < N; i++)
		used += (size_t)sprintf(text + used,
		    "worker w%d { command = { \"python3\", \"bot.py\" } }\n", i);
	config_case_load(&c, text, used);
	ck_assert_str_eq(c.errors, "");
	ck_assert_uint_eq(c.config->root->group.n_children, N);
	ck_assert_str_eq(c.config->root->group.children[N - 1]->name, "w9999");

	used += (size_t)sprintf(text + used, "worker w5000 { }\n");
	config_case_load(&c, text, used);
	ck_assert_str_eq(c.errors,
	    "t.conf:10001: worker w5000: the name is taken already, in line 5001");
	free(text);
}
END_TEST

static const struct {
	const char *command, *name;
} commands[] = {
	{ "python3", "python3" },
	{ "/usr/bin/my bot.sh", "my_bot.sh" },
	{ "./.hidden", "_hidden" },
	{ "-x", "_x" },
	{ "/", "worker" },
	{ "", "worker" },
	{ "root", "worker" },
	{ "caf\xc3\xa9", "caf__" },
};

START_TEST(a_command_needs_no_file)
{
	char *argv[] = { (char *)(uintptr_t)commands[_i].command, (char[]){ "-u" },
		NULL };
	const struct config_node *node;

	ck_assert_int_eq(config_for_command(argv, &c.config), 0);
	ck_assert_str_eq(c.config->path, "-");
	ck_assert_uint_eq(c.config->root->group.intensity, 3);
	ck_assert_uint_eq(c.config->root->group.n_children, 1);
	node = c.config->root->group.children[0];
	ck_assert_str_eq(node->name, commands[_i].name);
	ck_assert_int_eq(node->restart, RESTART_PERMANENT);
	ck_assert_int_eq(node->worker.heartbeat_ns, 2 * S);
	ck_assert_str_eq(node->worker.command[0], commands[_i].command);
	ck_assert_str_eq(node->worker.command[1], "-u");
	ck_assert_ptr_null(node->worker.command[2]);
}
END_TEST

START_TEST(no_command_is_none)
{
	ck_assert_int_eq(config_for_command((char *[]){ NULL }, &c.config), -EINVAL);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, defaults_are_those_of_the_manual);
	tcase_add_test(tcase, every_value_arrives);
	tcase_add_test(tcase, limits_are_there_when_one_is_set);
	tcase_add_test(tcase, a_quota_is_no_more_than_the_machine_has);
	tcase_add_test(tcase, shutdown_has_its_words);
	tcase_add_test(tcase, children_stand_in_the_order_of_the_file);
	tcase_add_test(tcase, a_worker_without_a_command_trades);
	tcase_add_loop_test(
	    tcase, what_is_wrong_is_said_with_its_place, 0, ARRAY_SIZE(bad));
	tcase_add_test(tcase, binary_data_is_one_error);
	tcase_add_test(tcase, what_cannot_be_read_is_an_error);
	tcase_add_test(tcase, a_kept_text_can_be_read_again);
	tcase_add_test(tcase, a_bad_text_is_told_by_the_name_of_the_file);
	tcase_add_test(tcase, a_file_past_the_bound_is_refused);
	tcase_add_test(tcase, a_hundred_errors_are_enough);
	tcase_add_test(tcase, the_sample_shows_the_defaults);
	tcase_add_test(tcase, ten_thousand_workers_are_no_trouble);
	tcase_add_loop_test(tcase, a_command_needs_no_file, 0, ARRAY_SIZE(commands));
	tcase_add_test(tcase, no_command_is_none);
}

int
main(void)
{
	return suite_run("config", add_tests);
}
