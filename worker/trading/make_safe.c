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
#include "worker/trading/place.h"
#include "worker/trading/worker.h"

/* Before the supervisor's patience is over, there must be time to say what is left. */
static int64_t
time_for(const struct config_worker *worker)
{
	int64_t patience_ns =
	    worker->watch ? worker->watch->make_safe_timeout_ns : MAKE_SAFE_TIMEOUT_NS;

	return patience_ns - patience_ns / 5;
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
	int64_t deadline_ns = clock_monotonic_ns() + time_for(&node->worker);

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

	if (place_find(config, node, error, &place) != 0)
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
back_up(const struct config *config, const struct config_node *node, const char *to,
    FILE *out, struct error *error)
{
	_cleanup_(place_deinit) struct place place = { NULL };

	if (place_find(config, node, error, &place) != 0 ||
	    journal_backup(place_journal(&place), node->name, to, error) != 0)
		return EXIT_OSERR;
	fprintf(out, "%s: backed up to %s\n", node->name, to);
	return EXIT_OK;
}

enum exit_code
print_ledger(const struct config *config, const struct config_node *node, bool json,
    FILE *out, struct error *error)
{
	_cleanup_(place_deinit) struct place place = { NULL };
	const char *journal;
	int r;

	if (place_find(config, node, error, &place) != 0)
		return EXIT_OSERR;
	journal = place_journal(&place);
	r = ledger_print(journal, node->name, json, out, error);
	if (r == -ENOENT)
		return (enum exit_code)error_set(error, EXIT_OSERR,
		    "%s: worker %s has not traded yet", journal, node->name);
	return r < 0 ? EXIT_OSERR : EXIT_OK;
}
