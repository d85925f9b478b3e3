/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cycle from its pre-check to its report, and how each fault ends it. The trading
 * itself is trader.c's; how a fault is mended is remedy.c's; when the next cycle begins
 * is loop.c's.
 */
#include "worker/trading/cycle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "worker/trading/precheck.h"
#include "worker/trading/remedy.h"

#define HEARTBEAT_FILE_EVERY_NS                                                        \
	(500 * NS_PER_MS) /* where cycles go as fast as they can */
#define PRECHECK_FAULTS_MAX 64

static int __attribute__((format(printf, 4, 5))) fail(struct cycle_result *result,
    enum fault_kind kind, const char *suffix, const char *format, ...)
{
	size_t used = (size_t)snprintf(result->error, sizeof(result->error),
	    "%s%s: ", fault_kind_name(kind), suffix);
	va_list args;

	va_start(args, format);
	vsnprintf(result->error + used, sizeof(result->error) - used, format, args);
	va_end(args);
	result->failed = true;
	return -1;
}

static int
fail_with(
    struct cycle_result *result, const struct fault *fault, enum heal_outcome outcome)
{
	return fail(result, fault->kind, outcome == HEAL_RELAPSED ? "_relapsed" : "",
	    "%s: %s", fault->name, fault->why);
}

/* Something that is a pity, but fails no cycle. */
static void
tell_trouble(struct worker *worker, const char *path, int code)
{
	char text[ERROR_TEXT_MAX];

	snprintf(text, sizeof(text), "%s: %s", path, strerror(-code));
	if (report_trouble(&worker->reporter, text) == -EPIPE)
		worker->is_gone = true;
}

/* The registry may have moved what is open. */
static void
close_what_moved(struct worker *worker)
{
	const struct registry *registry = worker->source.registry;

	if (worker->trader &&
	    (strcmp(worker->journal, registry_path(registry, REGISTRY_JOURNAL)) != 0 ||
		strcmp(worker->cursor, registry_path(registry, REGISTRY_CURSOR)) != 0 ||
		strcmp(worker->freeze, registry_path(registry, REGISTRY_FREEZE)) != 0))
		worker_close_trader(worker);
}

/* All names resolve. Return: 0; -1 with @result failed. */
static int
take_over_registry(struct worker *worker, struct cycle_result *result)
{
	const struct registry *registry = worker->source.registry;
	int r;

	r = registry_source_save(&worker->source);
	if (r < 0)
		tell_trouble(worker, worker->source.copy, r);
	close_what_moved(worker);
	r = vitals_set_paths(&worker->vitals,
	    registry_path(registry, REGISTRY_HEARTBEAT),
	    registry_path(registry, REGISTRY_FAIL_COUNTER));
	if (r == 0)
		r = vitals_load(&worker->vitals);
	if (r < 0)
		return fail(result, FAULT_IO, "", "%s: %s",
		    registry_path(registry, REGISTRY_HEARTBEAT), strerror(-r));
	return 0;
}

/* Level 1. Return: 0; -1 with @result failed. */
static int
pre_check(struct worker *worker, struct cycle_result *result)
{
	struct fault fault;

	worker_phase(worker, "pre_check");
	for (int i = 0; precheck_find(worker, &fault); i++) {
		enum heal_outcome outcome = remedy_heal(worker, 1, &fault);

		if (outcome != HEAL_SUCCESS || i == PRECHECK_FAULTS_MAX)
			return fail_with(result, &fault, outcome);
	}
	return take_over_registry(worker, result);
}

/* What a failure inside the cycle is a failure of. */
static void
fault_of(const struct worker *worker, const struct trader_failure *failure,
    struct fault *fault)
{
	enum heal_cause cause = HEAL_CAUSE_TRADER;
	const char *name = REGISTRY_JOURNAL;

	if (failure->kind == FAULT_IMPORT || failure->kind == FAULT_ATTRIBUTE) {
		cause = HEAL_CAUSE_MODULE;
		name = worker->config->trading->strategy;
	}
	fault_set(fault, failure->kind, cause, name, failure->error.text);
}

/* Level 2. Return: -1, since the cycle is over in any case. */
static int
handle(struct worker *worker, const struct fault *fault, struct cycle_result *result)
{
	enum heal_outcome outcome = remedy_heal(worker, 2, fault);

	if (outcome != HEAL_SUCCESS)
		return fail_with(result, fault, outcome);
	snprintf(result->error, sizeof(result->error), "%s_reload",
	    fault_kind_name(fault->kind));
	result->healed = true;
	return -1;
}

static int
handle_failure(struct worker *worker, const struct trader_failure *failure,
    struct cycle_result *result)
{
	struct fault fault;

	if (!fault_is_healable(failure->kind))
		return fail(result, failure->kind, "", "%s", failure->error.text);
	fault_of(worker, failure, &fault);
	return handle(worker, &fault, result);
}

/* Return: whether a drill's fault of that kind is due; it is then spent. */
static bool
take_fault(struct worker *worker, enum fault_kind kind)
{
	bool is_due = worker->faults & 1u << kind;

	worker->faults &= ~(1u << kind);
	return is_due;
}

static bool
drop_module_if_due(struct worker *worker, enum fault_kind kind)
{
	if (!worker->trader || !take_fault(worker, kind))
		return false;
	trader_drop_module(worker->trader);
	return true;
}

/* The drill's faults that take the place of a batch. Return: 0: there is none; -1. */
static int
play_faults(struct worker *worker, struct cycle_result *result)
{
	struct fault fault;

	for (int kind = FAULT_IO; kind < FAULT_KIND_COUNT; kind++)
		if (take_fault(worker, (enum fault_kind)kind))
			return fail(
			    result, (enum fault_kind)kind, "", "a drill's fault");
	if (!take_fault(worker, FAULT_KEY))
		return 0;
	fault_set(&fault, FAULT_KEY, HEAL_CAUSE_STATE, REGISTRY_HEARTBEAT,
	    "a drill's fault: iter_count is missing");
	return handle(worker, &fault, result);
}

/* Return: 0; -1 with @result failed or healed. */
static int
open_if_closed(struct worker *worker, struct cycle_result *result)
{
	struct trader_failure failure = { .kind = FAULT_INTERNAL };

	if (worker->trader)
		return 0;
	worker_phase(worker, "open");
	if (worker_open_trader(worker, &failure) == 0)
		return 0;
	return handle_failure(worker, &failure, result);
}

static void
say_ready(struct worker *worker)
{
	if (worker->is_ready)
		return;
	worker->is_ready = true;
	if (report_ready(&worker->reporter) == -EPIPE)
		worker->is_gone = true;
}

static int
trade(struct worker *worker, struct cycle_result *result)
{
	struct trader_failure failure = { .kind = FAULT_INTERNAL };
	struct trader_result done = { 0 };
	bool attribute;
	int r;

	worker_phase(worker, "fetch");
	r = play_faults(worker, result);
	if (r < 0)
		return r;
	drop_module_if_due(worker, FAULT_IMPORT);
	attribute = drop_module_if_due(worker, FAULT_ATTRIBUTE);
	if (trader_batch(worker->trader, &done, &failure) < 0) {
		if (attribute)
			failure.kind = FAULT_ATTRIBUTE;
		return handle_failure(worker, &failure, result);
	}
	trader_totals(worker->trader, &worker->totals);
	if (done.cursor_error)
		tell_trouble(worker, worker->cursor, done.cursor_error);
	result->clusters = done.clusters;
	result->orders = done.orders;
	result->ended = done.ended;
	result->idle = done.idle;
	if (trader_take_trouble(worker->trader, &failure))
		return fail(result, failure.kind, "", "%s", failure.error.text);
	return 0;
}

static int
write_heartbeat(struct worker *worker, const struct cycle_result *result)
{
	int64_t since_ns = clock_monotonic_ns() - worker->vitals.written_ns;
	bool is_news = result->failed || result->healed || result->ended ||
		       worker->vitals.written_ns == 0;

	if (worker->config->trading->cycle_ns == 0 && !is_news &&
	    since_ns < HEARTBEAT_FILE_EVERY_NS)
		return 0;
	return vitals_write_heartbeat(&worker->vitals, true, &worker->totals);
}

static void
count(struct worker *worker, const struct cycle_result *result)
{
	if (result->failed) {
		worker->vitals.failed_cycles++;
		worker->vitals.consecutive++;
	} else if (!result->healed) {
		worker->vitals.consecutive = 0;
	}
}

/* The files come first: who sees the message may look at them. */
static void
write_files(struct worker *worker, struct cycle_result *result)
{
	int64_t before = worker->vitals.consecutive;
	const char *path = worker->vitals.heartbeat;
	int r;

	count(worker, result);
	r = write_heartbeat(worker, result);
	if (r == 0 && (worker->vitals.consecutive != before || worker->cycle == 1)) {
		path = worker->vitals.counter;
		r = vitals_write_counter(
		    &worker->vitals, result->failed ? result->error : NULL);
	}
	if (r == 0 || result->failed)
		return;
	fail(result, FAULT_IO, "", "%s: %s", path, strerror(-r));
	result->healed = false;
	count(worker, result);
}

/* Where cycles go as fast as they can not with each: they are for people. */
static void
tell_figures(struct worker *worker, const struct cycle_result *result)
{
	int64_t now_ns = clock_monotonic_ns();
	char text[FIGURES_TEXT_MAX];

	if (!worker->trader || !tradesup_is_supervised(worker->link) ||
	    (!result->ended && worker->figures_ns &&
		now_ns - worker->figures_ns < HEARTBEAT_FILE_EVERY_NS))
		return;
	worker->figures_ns = now_ns;
	trader_figures(worker->trader, result->ended, text);
	if (report_figures(&worker->reporter, text) == -EPIPE)
		worker->is_gone = true;
}

static void
report(struct worker *worker, struct cycle_result *result, int64_t start_ns)
{
	struct tradesup_cycle_report message = { .cycle = worker->cycle };

	worker_phase(worker, "report");
	write_files(worker, result);
	tell_figures(worker, result);
	message.clusters = result->clusters;
	message.orders = result->orders;
	message.error = result->error[0] ? result->error : NULL;
	message.healed = result->healed;
	message.duration_ns = clock_monotonic_ns() - start_ns;
	if (report_cycle(&worker->reporter, &message) == -EPIPE)
		worker->is_gone = true;
}

void
run_once(struct worker *worker, struct cycle_result *ret_result)
{
	struct cycle_result result = { 0 };
	int64_t start_ns = clock_monotonic_ns();
	int r;

	worker->cycle++;
	worker->vitals.iter_count++;
	if (take_fault(worker, FAULT_NAME) && worker->source.registry)
		registry_drop(worker->source.registry, REGISTRY_HEARTBEAT);
	r = pre_check(worker, &result);
	if (r == 0)
		r = open_if_closed(worker, &result);
	say_ready(worker);
	if (r == 0)
		(void)trade(worker, &result);
	report(worker, &result, start_ns);
	*ret_result = result;
}
