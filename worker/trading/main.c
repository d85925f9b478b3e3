/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program tradesup-worker: which of its jobs is asked for, the configuration, and
 * the exit status. Nothing else.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/config.h"
#include "common/log.h"
#include "common/paths.h"
#include "worker/trading/check.h"
#include "worker/trading/killpoint.h"
#include "worker/trading/loop.h"
#include "worker/trading/make_safe.h"
#include "worker/trading/options.h"
#include "worker/trading/outside.h"

static void
say(const char *sentence)
{
	fprintf(stderr, "tradesup-worker: %s\n", sentence);
}

static enum exit_code
finish(enum exit_code code, const struct error *error)
{
	if (error->text[0])
		say(error->text);
	return code;
}

static void
on_config_error(const char *message, void *data)
{
	(void)data;
	fprintf(stderr, "%s\n", message);
}

/* Signals wait until a cycle is over; a broken pipe is an error like any other. */
static void
set_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static enum exit_code
run(const struct config *config, const struct config_node *node, bool once)
{
	_cleanup_(worker_freep) struct worker *worker = NULL;
	struct error error = { "" };
	enum exit_code code;

	set_signals();
	log_setup(config->log_format, LOG_LEVEL_INFO, NULL);
	if (worker_new(config, node, &error, &worker) != 0)
		return finish(EXIT_OSERR, &error);
	code = loop_run(worker, once, &error);
	return finish(code, &error);
}

static enum exit_code
check(const struct config *config, const char *name)
{
	int problems = check_workers(config, name, stderr);

	if (problems < 0) {
		say(strerror(-problems));
		return EXIT_OSERR;
	}
	return problems ? EXIT_CONFIG : EXIT_OK;
}

static enum exit_code
act_on_worker(const struct config *config, const struct config_node *node,
    const struct worker_options *options)
{
	const struct outside_wish wish = { .json = options->json,
		.accept = options->accept,
		.flatten = options->flatten };
	struct error error = { "" };
	enum exit_code code;

	if (options->action == ACTION_RUN)
		return run(config, node, options->once);
	if (options->action == ACTION_RECONCILE)
		code = outside_reconcile(config, node, &wish, stdout, &error);
	else if (options->action == ACTION_PANIC)
		code = outside_panic(config, node, &wish, stdout, &error);
	else if (options->backup)
		code = back_up(config, node, options->backup, stdout, &error);
	else if (options->action == ACTION_LEDGER)
		code = print_ledger(config, node, options->json, stdout, &error);
	else
		code = make_safe(config, node, stdout, &error);
	if (code == EXIT_OK && (fflush(stdout) != 0 || ferror(stdout)))
		code = (enum exit_code)error_set(
		    &error, EXIT_OSERR, "the output could not be written");
	return finish(code, &error);
}

static enum exit_code
act_on_config(const struct worker_options *options)
{
	_cleanup_free_ char *path =
	    options->config ? strdup(options->config) : path_config();
	_cleanup_(config_freep) struct config *config = NULL;
	const struct config_node *node = NULL;
	struct error error = { "" };
	int r;

	if (!path)
		return EXIT_OSERR;
	r = options->text_fd ? config_load_text(atoi(options->text_fd), path,
				   on_config_error, NULL, &config)
			     : config_load(path, on_config_error, NULL, &config);
	if (options->text_fd)
		close(atoi(options->text_fd));
	if (r < 0)
		return EXIT_CONFIG;
	if (options->name) {
		node = check_find_worker(config, options->name, &error);
		if (!node)
			return finish(EXIT_CONFIG, &error);
	}
	if (options->action == ACTION_CHECK)
		return check(config, options->name);
	return act_on_worker(config, node, options);
}

/* The jobs that need no configuration. Return: whether it was one. */
static bool
act_alone(enum worker_action action)
{
	if (action == ACTION_HELP)
		worker_options_help(stdout);
	else if (action == ACTION_VERSION)
		puts("tradesup-worker " TRADESUP_VERSION);
	else if (action == ACTION_REGISTRY)
		fputs(registry_builtin(), stdout);
#ifdef TRADESUP_KILL_POINTS
	else if (action == ACTION_KILL_POINTS)
		kill_points_print();
#endif
	else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	struct worker_options options;
	struct error error = { "" };

	(void)argc;
	if (worker_options_parse(argv, &options, &error) != 0) {
		say(error.text);
		fputs("tradesup-worker --help tells more\n", stderr);
		return EXIT_USAGE;
	}
	if (act_alone(options.action))
		return fflush(stdout) == 0 ? EXIT_OK : EXIT_OSERR;
	return (int)act_on_config(&options);
}
