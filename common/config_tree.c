/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of supervisor, worker and group, the tree that they make, and what must fit
 * together in it. The trading section is in config_trading.c, and how a section is read
 * by its table in config_keys.c.
 */
#include "common/config_tree.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/latch.h"
#include "common/paths.h"

#define LONGEST                                                                        \
	(INT64_C(365) * 86400 * 1000000000) /* so that no sum of two overflows */
#define DAY (INT64_C(86400) * 1000000000)   /* 1000 misses of it fit int64_t */
#define SHORTEST INT64_C(1000000)	    /* 1 ms, where 0 makes no sense */

static const char *const plans[] = { "one_for_one", "one_for_all", "rest_for_one",
	NULL };
static const char *const restarts[] = { "permanent", "transient", "temporary", NULL };
static const char *const shutdowns[] = { "never", "any_significant", "all_significant",
	NULL };
static const char *const notifies[] = { "none", "systemd", NULL };
static const char *const formats[] = { "logfmt", "json", NULL };

static void read_supervisor(struct config_reader *reader,
    const struct config_place *outer, const struct syntax_entry *entry, void *base);
static void read_worker(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base);
static void read_group(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base);
static void read_trading(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base);
static void read_probe(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base);
static void read_make_safe(struct config_reader *reader,
    const struct config_place *outer, const struct syntax_entry *entry, void *base);

/* The supervisor's values, on their way to struct config and its root. */
struct supervisor_values {
	struct config_group group;
	char *state_dir, *runtime_dir, *control_group;
	enum log_format log_format;
	uint32_t service_intensity;
	int64_t service_period_ns;
	char **on_escalate;
};

#define AT(member) offsetof(struct supervisor_values, member)
static const struct config_key supervisor_keys[] = {
	{ "strategy", KEY_WORD, AT(group.plan), "one_for_one", .words = plans },
	{ "intensity", KEY_COUNT, AT(group.intensity), "3", 0, 1000000000 },
	{ "period", KEY_DURATION, AT(group.period_ns), "60s", SHORTEST, LONGEST },
	{ "auto_shutdown", KEY_WORD, AT(group.auto_shutdown), "never",
	    .words = shutdowns },
	{ "state_dir", KEY_PATH, AT(state_dir) },
	{ "runtime_dir", KEY_PATH, AT(runtime_dir) },
	{ "control_group", KEY_TEXT, AT(control_group) },
	{ "log_format", KEY_WORD, AT(log_format), "logfmt", .words = formats },
	{ "service_intensity", KEY_COUNT, AT(service_intensity), "3", 0, 100 },
	{ "service_period", KEY_DURATION, AT(service_period_ns), "10m", SHORTEST,
	    LONGEST },
	{ "on_escalate", KEY_COMMAND, AT(on_escalate) },
};
#undef AT

#define AT(member) offsetof(struct config_node, member)
static const struct config_key group_keys[] = {
	{ "strategy", KEY_WORD, AT(group.plan), "one_for_one", .words = plans,
	    .is_live = true },
	{ "intensity", KEY_COUNT, AT(group.intensity), "3", 0, 1000000000,
	    .is_live = true },
	{ "period", KEY_DURATION, AT(group.period_ns), "60s", SHORTEST, LONGEST,
	    .is_live = true },
	{ "auto_shutdown", KEY_WORD, AT(group.auto_shutdown), "never",
	    .words = shutdowns, .is_live = true },
	{ "restart", KEY_WORD, AT(restart), "permanent", .words = restarts,
	    .is_live = true },
	{ "significant", KEY_BOOL, AT(significant), "no", .is_live = true },
	{ "shutdown", KEY_SHUTDOWN, AT(shutdown_ns), "infinity", 0, LONGEST,
	    .is_live = true },
	{ "worker", KEY_SECTION, .read = read_worker, .is_titled = true },
	{ "group", KEY_SECTION, .read = read_group, .is_titled = true },
};

static const struct config_key worker_keys[] = {
	{ "command", KEY_COMMAND, AT(worker.command) },
	{ "restart", KEY_WORD, AT(restart), "permanent", .words = restarts,
	    .is_live = true },
	{ "significant", KEY_BOOL, AT(significant), "no", .is_live = true },
	{ "shutdown", KEY_SHUTDOWN, AT(shutdown_ns), "5s", 0, LONGEST,
	    .is_live = true },
	{ "notify", KEY_WORD, AT(worker.notify), "none", .words = notifies },
	{ "watchdog", KEY_DURATION, AT(worker.watchdog_ns), "0s", 0, LONGEST },
	{ "heartbeat", KEY_DURATION, AT(worker.heartbeat_ns), "2s", 0, DAY,
	    .is_live = true },
	{ "misses", KEY_COUNT, AT(worker.misses), "3", 1, 1000, .is_live = true },
	{ "cycle_timeout", KEY_DURATION, AT(worker.cycle_timeout_ns), "30s", 0, LONGEST,
	    .is_live = true },
	{ "start_timeout", KEY_DURATION, AT(worker.start_timeout_ns), "30s", 0, LONGEST,
	    .is_live = true },
	{ "restart_delay", KEY_DURATION, AT(worker.restart_delay_ns), "0s", 0, LONGEST,
	    .is_live = true },
	{ "restart_delay_max", KEY_DURATION, AT(worker.restart_delay_max_ns), "30s", 0,
	    LONGEST, .is_live = true },
	{ "stable_after", KEY_DURATION, AT(worker.stable_after_ns), "60s", 0, LONGEST,
	    .is_live = true },
	{ "memory_max", KEY_SIZE, AT(worker.memory_max_bytes), "0", 0, INT64_MAX },
	{ "failed_cycles", KEY_COUNT, AT(worker.failed_cycles), "3", 0, 1000000,
	    .is_live = true },
	{ "trading", KEY_SECTION, .read = read_trading },
	{ "ready", KEY_LIST, offsetof(struct config_watch, ready_words),
	    .through = AT(worker.watch) },
	{ "probe", KEY_SECTION, .read = read_probe },
	{ "make_safe", KEY_SECTION, .read = read_make_safe },
	{ "sandbox", KEY_SECTION, .read = config_sandbox_read },
#define IN_LIMITS(member)                                                              \
	offsetof(struct config_limits, member), .through = AT(worker.limits)
	{ "cpu_quota", KEY_PERCENT, IN_LIMITS(cpu_quota), .min = 1, .max = 1000000 },
	{ "nofile", KEY_LONG, IN_LIMITS(nofile), .min = 16, .max = 1 << 30 },
	{ "nice", KEY_LONG, IN_LIMITS(nice), .min = -20, .max = 19 },
	{ "umask", KEY_OCTAL, IN_LIMITS(umask), .min = 0, .max = 0777 },
	{ "user", KEY_TEXT, IN_LIMITS(user) },
	{ "group", KEY_TEXT, IN_LIMITS(group) },
	{ "chdir", KEY_PATH, IN_LIMITS(chdir) },
	{ "environment", KEY_LIST, IN_LIMITS(environment) },
	{ "no_new_privs", KEY_BOOL, IN_LIMITS(no_new_privs) },
#undef IN_LIMITS
};
#undef AT

/* The file itself, which is the root's node. */
static const struct config_key file_keys[] = {
	{ "supervisor", KEY_SECTION, .read = read_supervisor },
	{ "worker", KEY_SECTION, .read = read_worker, .is_titled = true },
	{ "group", KEY_SECTION, .read = read_group, .is_titled = true },
	{ "alert", KEY_SECTION, .read = config_alert_read, .is_titled = true },
	{ "target", KEY_SECTION, .read = config_target_read, .is_titled = true },
	{ "notify", KEY_SECTION, .read = config_notify_read },
};

static const struct config_table supervisor_table = CONFIG_TABLE(supervisor_keys);
const struct config_table config_group_table = CONFIG_TABLE(group_keys);
const struct config_table config_worker_table = CONFIG_TABLE(worker_keys);
static const struct config_table file_table = CONFIG_TABLE(file_keys);

struct config_node *
config_node_free(struct config_node *node)
{
	if (!node)
		return NULL;
	if (node->type == CONFIG_GROUP) {
		for (size_t i = 0; i < node->group.n_children; i++)
			config_node_free(node->group.children[i]);
		free(node->group.children);
	} else {
		config_deinit(&config_worker_table, node);
		config_limits_free(node->worker.limits);
		config_watch_free(node->worker.watch);
		config_sandbox_free(node->worker.sandbox);
		config_trading_free(node->worker.trading);
	}
	free(node->name);
	free(node);
	return NULL;
}

struct config_node *
config_node_new(enum config_node_type type, const char *name, unsigned line)
{
	struct config_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->type = type;
	node->line = line;
	node->name = strdup(name);
	return node->name ? node : config_node_free(node);
}

static bool
is_child(const struct syntax_entry *entry)
{
	return entry->kind == SYNTAX_SECTION && entry->title &&
	       (strcmp(entry->key, "worker") == 0 || strcmp(entry->key, "group") == 0);
}

static void
reserve_children(struct config_reader *reader, struct config_group *group,
    const struct syntax_entry *section)
{
	size_t n = 0;

	for (const struct syntax_entry *e = section->entry; e; e = e->next)
		n += is_child(e);
	if (n == 0)
		return;
	group->children = calloc(n, sizeof(struct config_node *));
	if (!group->children)
		reader->errors.out_of_memory = true;
}

/* A new last child of @parent. NULL: out of memory, which is noted. */
static struct config_node *
add_child(struct config_reader *reader, struct config_node *parent,
    enum config_node_type type, const struct syntax_entry *entry)
{
	struct config_group *group = &parent->group;
	struct config_node *node = NULL;

	if (group->children)
		node = config_node_new(type, entry->title, entry->line);
	if (node)
		group->children[group->n_children++] = node;
	else
		reader->errors.out_of_memory = true;
	return node;
}

/* What no value has that is right by itself. */

static void
check_name(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry)
{
	if (!path_is_safe_name(entry->title))
		config_report(reader, place, entry->line, NULL,
		    "this is no safe name: letters, digits, and . _ - behind the "
		    "first, "
		    "at most 64");
	else if (strcmp(entry->title, CONFIG_ROOT_NAME) == 0)
		config_report(reader, place, entry->line, NULL,
		    "this is the name of the supervisor itself");
	else if (strcmp(entry->title, LATCH_DIRECTORY) == 0)
		config_report(reader, place, entry->line, NULL,
		    "the state directory has a directory of this name for what stops "
		    "orders");
}

static void
check_worker(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, const struct config_node *node)
{
	const struct config_worker *worker = &node->worker;
	bool is_systemd = worker->notify == NOTIFY_SYSTEMD;

	if (worker->restart_delay_max_ns < worker->restart_delay_ns)
		config_report(reader, place,
		    config_line(entry, config_entry(entry, "restart_delay_max")
					   ? "restart_delay_max"
					   : "restart_delay"),
		    "restart_delay_max", "is less than restart_delay");
	if (is_systemd && !config_entry(entry, "command"))
		config_report(reader, place, config_line(entry, "notify"), "notify",
		    "is for a worker with a command; the built-in one has heartbeats");
	if (!is_systemd && worker->watchdog_ns > 0)
		config_report(reader, place, config_line(entry, "watchdog"), "watchdog",
		    "needs notify = systemd");
	if (node->significant && node->restart == RESTART_PERMANENT)
		config_report(reader, place, config_line(entry, "significant"),
		    "significant", "a permanent worker cannot be significant");
}

/* Significance is for whom the group ends with; a group that never ends so has none. */
static void
check_significance(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *section, const struct config_group *group)
{
	size_t i = 0;

	if (group->auto_shutdown != AUTO_SHUTDOWN_NEVER)
		return;
	for (const struct syntax_entry *e = section->entry; e && i < group->n_children;
	     e = e->next) {
		struct config_place inner = { place, e->key, e->title };

		if (is_child(e) && group->children[i++]->significant)
			config_report(reader, &inner, config_line(e, "significant"),
			    "significant",
			    "needs auto_shutdown around it, which is never");
	}
}

static void
read_trading(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	struct config_node *node = base;

	node->worker.trading = config_trading_read(reader, outer, entry);
}

static void
read_probe(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	struct config_node *node = base;

	if (node->worker.watch)
		config_watch_read_probe(reader, outer, entry, node->worker.watch);
}

static void
read_make_safe(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	struct config_node *node = base;

	if (node->worker.watch)
		config_watch_read_make_safe(reader, outer, entry, &node->worker);
}

/* Before the values, which go into it. */
static void
make_watch(struct config_reader *reader, const struct syntax_entry *entry,
    struct config_worker *worker)
{
	if (!config_entry(entry, "ready") && !config_entry(entry, "probe") &&
	    !config_entry(entry, "make_safe"))
		return;
	worker->watch = config_watch_new();
	if (!worker->watch)
		reader->errors.out_of_memory = true;
}

static void
make_limits(struct config_reader *reader, const struct syntax_entry *entry,
    struct config_worker *worker)
{
	if (!config_uses(&config_worker_table, entry,
		offsetof(struct config_node, worker.limits)))
		return;
	worker->limits = config_limits_new();
	if (!worker->limits)
		reader->errors.out_of_memory = true;
}

/* Two sections that cannot both be meant: the worker would run, and reach nobody. */
static void
check_network(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, const struct config_worker *worker)
{
	static const char *const feeds[] = { [FEED_HTTP] = "http",
		[FEED_ALPACA] = "alpaca",
		[FEED_FLOW_ALERTS] = "flow_alerts" };
	const struct config_place place = { outer, "sandbox", NULL };
	const struct config_trading *trading = worker->trading;
	const struct syntax_entry *section = config_entry(entry, "trading");
	unsigned line;

	if (!trading || !section || !worker->sandbox || !worker->sandbox->no_network)
		return;
	line = config_line(config_entry(entry, "sandbox"), "no_network");
	if (trading->broker == BROKER_ALPACA)
		config_report(reader, &place, line, "no_network",
		    "contradicts broker = alpaca of line %u, which needs the network",
		    config_line(section, "broker"));
	if ((size_t)trading->feed < ARRAY_SIZE(feeds) && feeds[trading->feed])
		config_report(reader, &place, line, "no_network",
		    "contradicts feed = %s of line %u, which needs the network",
		    feeds[trading->feed], config_line(section, "feed"));
}

static void
read_worker(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	struct config_place place = { outer, entry->key, entry->title };
	const struct syntax_entry *command = config_entry(entry, "command");
	struct config_node *node = add_child(reader, base, CONFIG_WORKER, entry);

	if (!node)
		return;
	check_name(reader, &place, entry);
	make_limits(reader, entry, &node->worker);
	make_watch(reader, entry, &node->worker);
	config_read(reader, &place, &config_worker_table, entry, NULL, node);
	check_worker(reader, &place, entry, node);
	if (node->worker.limits)
		config_limits_check(reader, &place, entry, node->worker.limits);
	if (node->worker.watch)
		config_watch_check(reader, &place, entry, &node->worker);

	if (command && config_entry(entry, "trading"))
		config_report(reader, &place, config_line(entry, "trading"), "trading",
		    "is for the built-in worker, and this one has a command");
	else if (!command && !node->worker.trading)
		node->worker.trading = config_trading_read(reader, &place, NULL);
	check_network(reader, &place, entry, &node->worker);
}

static void
read_group(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	struct config_place place = { outer, entry->key, entry->title };
	struct config_node *node = add_child(reader, base, CONFIG_GROUP, entry);

	if (!node)
		return;
	check_name(reader, &place, entry);
	reserve_children(reader, &node->group, entry);
	config_read(reader, &place, &config_group_table, entry, NULL, node);
	if (node->significant && node->restart == RESTART_PERMANENT)
		config_report(reader, &place, config_line(entry, "significant"),
		    "significant", "a permanent group cannot be significant");
	check_significance(reader, &place, entry, &node->group);
}

static void
read_supervisor(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	struct config_place place = { outer, "supervisor", NULL };
	struct supervisor_values values = { 0 };
	struct config *config = reader->config;
	struct config_group *root = &((struct config_node *)base)->group;

	config_read(reader, &place, &supervisor_table, entry, NULL, &values);
	root->plan = values.group.plan;
	root->intensity = values.group.intensity;
	root->period_ns = values.group.period_ns;
	root->auto_shutdown = values.group.auto_shutdown;
	config->log_format = values.log_format;
	config->service_intensity = values.service_intensity;
	config->service_period_ns = values.service_period_ns;
	free(config->state_dir);
	free(config->runtime_dir);
	free(config->on_escalate);
	config->state_dir = values.state_dir;
	config->runtime_dir = values.runtime_dir;
	free(config->control_group);
	config->control_group = values.control_group;
	if (values.control_group && !values.control_group[0]) {
		free(values.control_group);
		config->control_group = NULL;
	} else if (values.control_group) {
		config->control_gid = config_limits_group(
		    reader, &place, entry, "control_group", values.control_group);
	}
	config->on_escalate = values.on_escalate;
}

/* The tree as a whole. */

struct node_list {
	const struct config_node **nodes;
	size_t n, n_workers;
};

static size_t
count_nodes(const struct config_node *node)
{
	size_t n = 1;

	if (node->type == CONFIG_GROUP) {
		for (size_t i = 0; i < node->group.n_children; i++)
			n += count_nodes(node->group.children[i]);
	}
	return n;
}

static void
list_nodes(const struct config_node *node, struct node_list *list)
{
	list->nodes[list->n++] = node;
	list->n_workers += node->type == CONFIG_WORKER;
	if (node->type != CONFIG_GROUP)
		return;
	for (size_t i = 0; i < node->group.n_children; i++)
		list_nodes(node->group.children[i], list);
}

static int
by_name(const void *a, const void *b)
{
	const struct config_node *x = *(const struct config_node *const *)a;
	const struct config_node *y = *(const struct config_node *const *)b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->line < y->line ? -1 : x->line > y->line;
}

static void
check_names(struct config_reader *reader, const struct config_node *root)
{
	struct node_list list = { 0 };
	_cleanup_free_ const struct config_node **nodes =
	    calloc(count_nodes(root), sizeof(*nodes));

	if (!nodes) {
		reader->errors.out_of_memory = true;
		return;
	}
	list.nodes = nodes;
	list_nodes(root, &list);
	if (list.n_workers == 0)
		config_report(reader, NULL, 1, "worker", "there is none in this file");

	qsort(nodes, list.n, sizeof(*nodes), by_name);
	for (size_t i = 1; i < list.n; i++) {
		const struct config_node *node = nodes[i];
		struct config_place place = { NULL,
			node->type == CONFIG_WORKER ? "worker" : "group", node->name };

		if (node->line > 0 && nodes[i - 1]->line > 0 &&
		    strcmp(node->name, nodes[i - 1]->name) == 0)
			config_report(reader, &place, node->line, NULL,
			    "the name is taken already, in line %u",
			    nodes[i - 1]->line);
	}
}

void
config_tree_read(struct config_reader *reader, const struct syntax_entry *file)
{
	struct config_node *root = reader->config->root;

	reserve_children(reader, &root->group, file);
	read_supervisor(reader, NULL, NULL, root);
	config_read(reader, NULL, &file_table, file, NULL, root);
	if (reader->is_fragment)
		root->group.auto_shutdown = reader->around;
	check_significance(reader, NULL, file, &root->group);
	check_names(reader, root);
	config_alerts_check(reader);
}

void
config_tree_defaults(struct config_reader *reader, struct config_node *worker)
{
	read_supervisor(reader, NULL, NULL, reader->config->root);
	config_read(reader, NULL, &config_worker_table, NULL, NULL, worker);
}
