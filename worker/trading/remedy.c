/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The remedies, one function each, and the check after them. Which of them is tried, in
 * what order, and what the result counts as is not decided here but in heal.c.
 */
#include "worker/trading/remedy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/latch.h"
#include "common/paths.h"
#include "common/statefile.h"
#include "worker/trading/precheck.h"

static int
failed(struct error *note, const char *path, int code)
{
	return error_set(note, code, "%s: %s", path, strerror(-code));
}

static int
reread_registry(struct worker *worker, const struct fault *fault, struct error *note)
{
	(void)fault;
	return registry_source_reread(&worker->source, note);
}

static int
use_registry_copy(struct worker *worker, const struct fault *fault, struct error *note)
{
	struct error error = { "" };
	int r;

	(void)fault;
	/* On success the note still says what is wrong with the file itself. */
	r = registry_source_use_copy(&worker->source, &error);
	if (r)
		*note = error;
	return r;
}

static const struct registry_entry *
target(const struct worker *worker, const struct fault *fault)
{
	return registry_find(worker->source.registry, fault->name);
}

/* The entry's own directory, or the one that its file is to lie in. */
static int
make_directory(struct worker *worker, const struct fault *fault, struct error *note)
{
	const struct registry_entry *entry = target(worker, fault);
	_cleanup_free_ char *path = entry ? strdup(entry->path) : NULL;
	char *slash;
	int r;

	if (!path)
		return -ENOMEM;
	slash = strrchr(path, '/');
	if (entry->section != REGISTRY_DIRECTORIES && slash)
		*slash = '\0';
	r = path_mkdirs(path, 0700);
	return r < 0 ? failed(note, path, r) : 0;
}

static int
set_aside(struct worker *worker, const struct fault *fault, struct error *note)
{
	const struct registry_entry *entry = target(worker, fault);
	_cleanup_free_ char *name = NULL;
	int r;

	if (!entry)
		return -ENOENT;
	r = statefile_set_aside(entry->path, &name);
	if (r < 0)
		return failed(note, entry->path, r);
	return error_set(note, 0, "%s", name);
}

static int
mend_cursor(struct worker *worker, const struct fault *fault, struct error *note)
{
	int r;

	r = set_aside(worker, fault, note);
	/* Without a trader it is opening the journal that writes the file. */
	if (r || !worker->trader)
		return r;
	r = trader_mend_cursor(worker->trader);
	return r < 0 ? failed(note, worker->cursor, r) : 0;
}

static int
open_trader(struct worker *worker, const struct fault *fault, struct error *note)
{
	struct trader_failure failure = { .kind = FAULT_INTERNAL };

	(void)fault;
	if (worker_open_trader(worker, &failure) < 0)
		return error_set(note, -1, "%s", failure.error.text);
	return 0;
}

static int
reload_module(struct worker *worker, const struct fault *fault, struct error *note)
{
	struct trader_failure failure = { .kind = FAULT_INTERNAL };

	if (!worker->trader)
		return open_trader(worker, fault, note);
	if (trader_reload_module(worker->trader, &failure) < 0)
		return error_set(note, -1, "%s", failure.error.text);
	return 0;
}

/*
 * The old code with real money is how losses have grown (ORDERS.md, rule 10): it may
 * close positions, and open none until a person says so.
 */
static int
latch_fallback(struct worker *worker, const struct fault *fault, struct error *note)
{
	struct latch latch = { .rule = LATCH_MODULE_FALLBACK,
		.time_ns = clock_realtime_ns(),
		.uid = getuid() };
	struct record record;
	int r;

	if (worker->config->trading->broker == BROKER_PAPER)
		return 0;
	snprintf(latch.worker, sizeof(latch.worker), "%s", worker->name);
	snprintf(latch.reason, sizeof(latch.reason), "%.100s: %.200s", fault->name,
	    fault->why);
	r = latch_set(worker->latch_dir, &latch);
	if (r < 0)
		return failed(note, LATCH_DIRECTORY, r);
	record_init(&record, "order.latched");
	record_text(&record, "rule", latch.rule);
	record_text(&record, "reason", latch.reason);
	if (r == 0 &&
	    report_event(&worker->reporter, LOG_LEVEL_ERROR, &record) == -EPIPE)
		worker->is_gone = true;
	return 0;
}

static int
use_last_module(struct worker *worker, const struct fault *fault, struct error *note)
{
	if (!worker->trader || !trader_has_module(worker->trader))
		return -ENOENT;
	if (latch_fallback(worker, fault, note) < 0)
		return -1;
	return trader_keep_module(worker->trader);
}

static int
write_state(struct worker *worker, const struct fault *fault, struct error *note)
{
	int r;

	(void)fault;
	r = vitals_write_heartbeat(&worker->vitals, true, &worker->totals);
	return r < 0 ? failed(note, worker->vitals.heartbeat, r) : 0;
}

static int (*const remedies[HEAL_REMEDY_COUNT])(
    struct worker *worker, const struct fault *fault, struct error *note) = {
	[HEAL_REREAD_REGISTRY] = reread_registry,
	[HEAL_LAST_GOOD_REGISTRY] = use_registry_copy,
	[HEAL_MAKE_DIRECTORY] = make_directory,
	[HEAL_SET_ASIDE] = set_aside,
	[HEAL_MEND_CURSOR] = mend_cursor,
	[HEAL_RELOAD_MODULE] = reload_module,
	[HEAL_LAST_MODULE] = use_last_module,
	[HEAL_WRITE_STATE] = write_state,
	[HEAL_REOPEN_TRADER] = open_trader,
};

static int
apply(
    void *data, enum heal_remedy remedy, const struct fault *fault, struct error *note)
{
	return remedies[remedy](data, fault, note);
}

/* The pre-check looks in a fixed order: a fault it does not find first is no more. */
static bool
is_found_no_more(struct worker *worker, const struct fault *fault, struct error *note)
{
	struct fault now;

	if (!precheck_find(worker, &now) || now.kind != fault->kind ||
	    strcmp(now.name, fault->name) != 0)
		return true;
	error_set(note, 0, "%s", now.why);
	return false;
}

static bool
holds(void *data, const struct fault *fault, struct error *note)
{
	struct worker *worker = data;

	switch (fault->cause) {
	case HEAL_CAUSE_REGISTRY:
	case HEAL_CAUSE_DIRECTORY:
	case HEAL_CAUSE_CORRUPT:
	case HEAL_CAUSE_CURSOR:
	case HEAL_CAUSE_TARGET:
		return is_found_no_more(worker, fault, note);
	case HEAL_CAUSE_STATE:
		return vitals_read_back(&worker->vitals) == 0;
	case HEAL_CAUSE_MODULE_FILE:
	case HEAL_CAUSE_MODULE:
		return worker->trader && trader_module_path(worker->trader);
	case HEAL_CAUSE_TRADER:
		return worker->trader != NULL;
	case HEAL_CAUSE_COUNT:
		break;
	}
	return false;
}

enum heal_outcome
remedy_heal(struct worker *worker, int level, const struct fault *fault)
{
	static const struct heal_ops ops = { .apply = apply, .holds = holds };
	int64_t start_ns = clock_monotonic_ns();
	struct heal_result result;

	heal(&worker->healer, worker->cycle, fault, &ops, worker, &result);
	if (result.outcome == HEAL_SUCCESS)
		worker->vitals.heals++;
	if (report_heal(&worker->reporter, level, worker->cycle, fault, &result,
		clock_monotonic_ns() - start_ns) == -EPIPE)
		worker->is_gone = true;
	return result.outcome;
}
