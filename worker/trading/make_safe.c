/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the journal of a worker that does not run, by the registry or its last good
 * copy, and cancels the orders that are open in it, or prints it. The worker's cycle
 * has no part in this: it may be what is broken.
 */
#include "worker/trading/make_safe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "worker/trading/ledger.h"
#include "worker/trading/worker.h"

/* The registry in use, whatever serves as one: the file, the last good copy, the
 * built-in one. */
static int
load_registry(struct registry_source *source, struct error *error)
{
	const char *text = registry_builtin();
	int r;

	r = registry_source_reread(source, error);
	if (r == -ENOMEM)
		return r;
	if (r == 0 && !registry_missing(source->registry))
		return 0;
	r = registry_source_use_copy(source, error);
	if (r == 0 || r == -ENOMEM)
		return r;
	source->registry = registry_free(source->registry);
	return registry_parse(
	    text, strlen(text), "built-in", source->base, error, &source->registry);
}

/* A worker's directory and registry, from outside. */
struct place {
	char *dir;
	struct registry_source source;
};

static void
place_deinit(struct place *place)
{
	registry_source_deinit(&place->source);
	free(place->dir);
}

/* Return: 0; else @error is filled, and @ret_place may be deinitialised in any case. */
static int
find_place(const struct config *config, const struct config_node *node,
    struct error *error, struct place *ret_place)
{
	*ret_place = (struct place){ .dir = worker_state_dir(config, node->name) };
	if (!ret_place->dir ||
	    worker_source(node->worker.trading, ret_place->dir, &ret_place->source) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	return load_registry(&ret_place->source, error);
}

static enum exit_code
cancel_orders(const struct config_node *node, const struct registry *registry,
    FILE *out, struct error *error)
{
	struct trader_paths paths = {
		.journal = registry_path(registry, REGISTRY_JOURNAL),
		.cursor = registry_path(registry, REGISTRY_CURSOR),
		.freeze = registry_path(registry, REGISTRY_FREEZE),
	};
	struct trader_failure failure = { .kind = FAULT_INTERNAL };
	_cleanup_(trader_freep) struct trader *trader = NULL;
	struct courier_cancel cancel = { 0 };
	const struct config_watch *watch = node->worker.watch;
	int64_t timeout_ns = watch ? watch->make_safe_timeout_ns : MAKE_SAFE_TIMEOUT_NS;
	int64_t deadline_ns = clock_monotonic_ns() + timeout_ns - timeout_ns / 5;

	if (access(paths.journal, F_OK) < 0 && errno == ENOENT) {
		fprintf(out, "%s: never traded, nothing to cancel\n", node->name);
		return EXIT_OK;
	}
	if (trader_open(node->name, node->worker.trading, &paths, &failure, &trader) <
		0 ||
	    trader_cancel_open(trader, deadline_ns, &cancel, &failure) < 0)
		return (enum exit_code)error_set(
		    error, EXIT_OSERR, "%s", failure.error.text);
	fprintf(out, "%s: %" PRId64 " open order%s canceled\n", node->name,
	    cancel.canceled, cancel.canceled == 1 ? "" : "s");
	if (cancel.filled > 0)
		fprintf(out, "%s: %" PRId64 " filled meanwhile\n", node->name,
		    cancel.filled);
	if (cancel.left > 0)
		return (enum exit_code)error_set(error, EXIT_UNAVAILABLE,
		    "%s: %" PRId64 " order%s may still be open at the broker: %s",
		    node->name, cancel.left, cancel.left == 1 ? "" : "s", cancel.why);
	return EXIT_OK;
}

enum exit_code
make_safe(const struct config *config, const struct config_node *node, FILE *out,
    struct error *error)
{
	_cleanup_(place_deinit) struct place place = { NULL };
	_cleanup_close_ int lock = -1;

	if (find_place(config, node, error, &place) != 0)
		return EXIT_OSERR;
	/* Not while the worker runs: it would go on trading behind our back. */
	lock = worker_lock(place.dir, false);
	if (lock == -EWOULDBLOCK)
		return (enum exit_code)error_set(error, EXIT_UNAVAILABLE,
		    "%s: worker %s is running", place.dir, node->name);
	if (lock < 0 && lock != -ENOENT)
		return (enum exit_code)error_set(
		    error, EXIT_OSERR, "%s/lock: %s", place.dir, strerror(-lock));
	return cancel_orders(node, place.source.registry, out, error);
}

enum exit_code
print_ledger(const struct config *config, const struct config_node *node, bool json,
    FILE *out, struct error *error)
{
	_cleanup_(place_deinit) struct place place = { NULL };
	const char *journal;
	int r;

	if (find_place(config, node, error, &place) != 0)
		return EXIT_OSERR;
	journal = registry_path(place.source.registry, REGISTRY_JOURNAL);
	r = ledger_print(journal, node->name, json, out, error);
	if (r == -ENOENT)
		return (enum exit_code)error_set(error, EXIT_OSERR,
		    "%s: worker %s has not traded yet", journal, node->name);
	return r < 0 ? EXIT_OSERR : EXIT_OK;
}
