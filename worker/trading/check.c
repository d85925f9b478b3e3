/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look, before anything runs, at what the workers will need. It makes no directory
 * and writes no file. Syntax and values of the configuration are common/config.c's
 * matter.
 */
#include "worker/trading/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/trading/broker.h"
#include "worker/trading/feed.h"
#include "worker/trading/module.h"
#include "worker/trading/worker.h"

struct checker {
	const struct config *config;
	const char *name; /* of the one worker that is asked for, or NULL */
	FILE *out;
	int problems;
};

static void __attribute__((format(printf, 3, 4))) problem(
    struct checker *checker, const struct config_node *node, const char *format, ...)
{
	va_list args;

	fprintf(checker->out, "%s:%u: worker %s: ", checker->config->path, node->line,
	    node->name);
	va_start(args, format);
	vfprintf(checker->out, format, args);
	va_end(args);
	fputc('\n', checker->out);
	checker->problems++;
}

/* A sentence that is no problem: the configuration may be meant so. */
static void
warning(struct checker *checker, const struct config_node *node, const char *text)
{
	fprintf(checker->out, "%s:%u: worker %s: warning: %s\n", checker->config->path,
	    node->line, node->name, text);
}

/* What should stand between a strategy and real money. */
static void
check_limits(struct checker *checker, const struct config_node *node)
{
	const struct config_trading *trading = node->worker.trading;
	const struct {
		bool is_set;
		const char *text;
	} limits[] = {
		{ trading->risk.max_order_notional > 0,
		    "risk: max_order_notional is not set, with a real broker" },
		{ trading->risk.max_daily_loss > 0,
		    "risk: max_daily_loss is not set, with a real broker" },
		{ trading->risk.price_collar > 0,
		    "risk: price_collar is not set, with a real broker" },
		{ trading->orders.max_orders_per_day > 0 ||
			trading->risk.max_orders_per_minute > 0,
		    "neither max_orders_per_day nor max_orders_per_minute is set, with "
		    "a real broker" },
		{ node->worker.cycle_timeout_ns == 0 ||
			trading->alpaca.timeout_ns < node->worker.cycle_timeout_ns / 2,
		    "alpaca: timeout is more than half of cycle_timeout: a slow answer "
		    "looks like a hang" },
	};

	if (broker_find(trading->broker)->embedded)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (!limits[i].is_set)
			warning(checker, node, limits[i].text);
}

/* The worker may be given keys that we are not: as credentials, or as variables. */
static void
check_broker(struct checker *checker, const struct config_node *node)
{
	const struct broker_ops *ops = broker_find(node->worker.trading->broker);
	struct broker *broker;
	const char *why = NULL;

	if (ops->embedded || ops->create(node->worker.trading, &broker) < 0)
		return;
	if (ops->ready_ns(broker, &why) == INT64_MAX)
		warning(
		    checker, node, "alpaca: no keys are found, at least not from here");
	ops->free(broker);
}

static void
check_module(struct checker *checker, const struct config_node *node)
{
	struct error error = { "" };

	if (module_check(node->worker.trading, &error) != 0)
		problem(checker, node, "%s", error.text);
}

static void
check_feed(struct checker *checker, const struct config_node *node)
{
	struct error error = { "" };

	if (feed_check(node->worker.trading, &error) != 0)
		problem(checker, node, "%s", error.text);
}

/* The nearest of @path and its parents that is there must be a directory we can write
 * to. */
static void
check_directory(
    struct checker *checker, const struct config_node *node, const char *path)
{
	_cleanup_free_ char *there = strdup(path);
	char *slash;

	while (there && access(there, F_OK) < 0 && errno == ENOENT) {
		slash = strrchr(there, '/');
		if (!slash || slash == there) {
			strcpy(there, slash ? "/" : ".");
			break;
		}
		*slash = '\0';
	}
	if (there && access(there, W_OK | X_OK) < 0)
		problem(checker, node, "%s: cannot be made: %s: %s", path, there,
		    strerror(errno));
}

static void
check_registry(struct checker *checker, const struct config_node *node,
    struct registry_source *source)
{
	struct error error = { "" };
	const char *missing;

	/* The built-in registry is written at the first start. */
	if (!node->worker.trading->registry && access(source->path, F_OK) < 0)
		return;
	if (registry_source_reread(source, &error) != 0) {
		problem(checker, node, "%s", error.text);
		return;
	}
	missing = registry_missing(source->registry);
	if (missing)
		problem(checker, node, "%s: %s is missing", source->path, missing);
	for (size_t i = 0; i < source->registry->n_entries; i++)
		if (source->registry->entries[i].section == REGISTRY_DIRECTORIES)
			check_directory(
			    checker, node, source->registry->entries[i].path);
}

/* Return: 0, -ENOMEM. */
static int
check_state(struct checker *checker, const struct config_node *node)
{
	_cleanup_free_ char *dir = worker_state_dir(checker->config, node->name);
	struct registry_source source;

	if (!dir || worker_source(node->worker.trading, dir, &source) < 0)
		return -ENOMEM;
	check_directory(checker, node, dir);
	check_registry(checker, node, &source);
	registry_source_deinit(&source);
	return 0;
}

/* Return: 0, -ENOMEM. */
static int
check_node(struct checker *checker, const struct config_node *node)
{
	int r = 0;

	if (node->type == CONFIG_GROUP) {
		for (size_t i = 0; i < node->group.n_children && r == 0; i++)
			r = check_node(checker, node->group.children[i]);
		return r;
	}
	if (!node->worker.trading ||
	    (checker->name && strcmp(checker->name, node->name) != 0))
		return 0;
	check_module(checker, node);
	check_feed(checker, node);
	check_broker(checker, node);
	check_limits(checker, node);
	return check_state(checker, node);
}

int
check_workers(const struct config *config, const char *name, FILE *out)
{
	struct checker checker = { .config = config, .name = name, .out = out };
	int r;

	r = check_node(&checker, config->root);
	return r < 0 ? r : checker.problems;
}

const struct config_node *
check_find_worker(const struct config *config, const char *name, struct error *error)
{
	const struct config_node *node = config_find(config, name);

	if (!node || node->type != CONFIG_WORKER)
		error_set(error, 0, "%s: there is no worker '%s'", config->path, name);
	else if (!node->worker.trading)
		error_set(error, 0,
		    "%s:%u: worker %s: has a command of its own and does no trading of "
		    "ours",
		    config->path, node->line, name);
	else
		return node;
	return NULL;
}
