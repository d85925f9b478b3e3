/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the programs that look at a worker from outside and takes what they say. They
 * never block the loop: a probe that hangs is killed at its deadline and has failed.
 */
#include "supervisor/child_watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/duration.h"
#include "supervisor/beside.h"
#include "supervisor/child_link.h"
#include "supervisor/context.h"

static const struct config_watch *
config_of(const struct child *child)
{
	return child_config(child)->watch;
}

bool
child_watch_is_wanted(const struct config_worker *config)
{
	return config->watch && (config->watch->ready != READY_BY_ITSELF ||
				    config->watch->probe != PROBE_NONE);
}

struct child_watch *
child_watch_new(const struct config_worker *config)
{
	struct child_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->probe_ns = HEARTBEAT_NEVER;
	if (config->watch->ready == READY_LOG &&
	    regcomp(&watch->log, config->watch->ready_target,
		REG_EXTENDED | REG_NOSUB) != 0) {
		free(watch);
		return NULL;
	}
	return watch;
}

void
child_watch_free(struct child *child)
{
	if (!child->watch)
		return;
	child_watch_end(child);
	if (config_of(child)->ready == READY_LOG)
		regfree(&child->watch->log);
	free(child->watch);
	child->watch = NULL;
}

static void
report_failed(struct child *child, const char *what, const char *error, bool is_late)
{
	char timeout[DURATION_TEXT_MAX];
	struct record record;

	record_init(&record, "worker.probe_failed");
	record_text(&record, "worker", child_name(child));
	record_text(&record, "what", what);
	record_int(&record, "failures", child->watch->failures);
	record_text(&record, "error", error);
	if (is_late) {
		duration_format(config_of(child)->probe_timeout_ns, timeout);
		record_text(&record, "timeout", timeout);
	}
	event_log_emit(&child->supervisor->events, LOG_LEVEL_WARNING, &record);
}

/* Readiness. */

static void
on_readying_ended(void *data, const struct exit_reason *reason, bool killed)
{
	struct child *child = data;

	(void)killed;
	child->watch->readying = NULL;
	/* Else it has said why on the worker's output, and the start timeout follows.
	 */
	if (exit_is_normal(reason))
		child_became_ready(child, clock_monotonic_ns());
}

static void
wait_for_ready(struct child *child)
{
	const struct config_watch *config = config_of(child);
	struct child_watch *watch = child->watch;
	char since[32];
	char *argv[] = { child->supervisor->probe_program, (char *)"--wait",
		(char *)"--since", since,
		(char *)(config->ready == READY_PORT ? "tcp" : "file"),
		config->ready_target, NULL };
	struct beside_program program = {
		.argv = argv, .ended = on_readying_ended, .data = child
	};
	struct spawn_failure failure;

	snprintf(since, sizeof(since), "%" PRId64, watch->start_ns);
	watch->readying = beside_start(child, &program, &failure);
	if (!watch->readying)
		report_failed(child, "ready", strerror(failure.error), false);
}

bool
child_watch_line(const struct child *child, const char *line)
{
	return config_of(child)->ready == READY_LOG &&
	       regexec(&child->watch->log, line, 0, NULL, 0) == 0;
}

/* Probes. */

static void
probe_failed(struct child *child, const char *error, bool is_late)
{
	const struct config_watch *config = config_of(child);
	char detail[64];

	child->watch->failures++;
	report_failed(child, "probe", error, is_late);
	if (child->watch->failures < config->probe_failures)
		return;
	snprintf(detail, sizeof(detail), "%u probe%s failed in a row",
	    child->watch->failures, child->watch->failures == 1 ? "" : "s");
	child_doomed(child, DOOM_PROBE, detail);
}

static void
schedule(struct child *child, int64_t now_ns)
{
	struct child_watch *watch = child->watch;

	watch->probe_ns = watch->probed_ns + config_of(child)->probe_interval_ns;
	if (watch->probe_ns < now_ns)
		watch->probe_ns = now_ns;
	child_rearm(child);
}

static void
on_probe_ended(void *data, const struct exit_reason *reason, bool killed)
{
	struct child *child = data;

	child->watch->probing = NULL;
	if (!killed && exit_is_normal(reason))
		child->watch->failures = 0;
	else
		probe_failed(child, NULL, killed);
	schedule(child, clock_monotonic_ns());
}

static void
probe(struct child *child)
{
	const struct config_watch *config = config_of(child);
	struct child_watch *watch = child->watch;
	bool is_tcp = config->probe == PROBE_TCP;
	char *argv[] = { child->supervisor->probe_program,
		(char *)(is_tcp ? "tcp" : "http"),
		is_tcp ? config->probe_tcp : config->probe_http, NULL };
	struct beside_program program = {
		.argv = config->probe == PROBE_EXEC ? config->probe_exec : argv,
		.deadline_ns = config->probe_timeout_ns,
		.ended = on_probe_ended,
		.data = child
	};
	struct spawn_failure failure;

	watch->probing = beside_start(child, &program, &failure);
	if (watch->probing)
		return;
	probe_failed(child, strerror(failure.error), false);
	schedule(child, clock_monotonic_ns());
}

void
child_watch_due(struct child *child, int64_t now_ns)
{
	struct child_watch *watch = child->watch;

	if (now_ns < watch->probe_ns || watch->probing)
		return;
	watch->probe_ns = HEARTBEAT_NEVER;
	watch->probed_ns = now_ns;
	probe(child);
}

/* A life. */

void
child_watch_prepare(struct child *child)
{
	struct timespec now;

	/* The clock that a file's times are taken from. */
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	child->watch->start_ns = now.tv_sec * NS_PER_S + now.tv_nsec;
}

void
child_watch_begin(struct child *child)
{
	const struct config_watch *config = config_of(child);

	child->watch->failures = 0;
	child->watch->probe_ns = HEARTBEAT_NEVER;
	if (config->ready == READY_PORT || config->ready == READY_FILE)
		wait_for_ready(child);
	/* One that never tells has begun to live when its process has. */
	if (config->ready == READY_BY_ITSELF && !child->seen.speaks)
		child_watch_ready(child, clock_monotonic_ns());
}

/* Who waited for it to become ready was the earlier supervisor's, and is gone. */
void
child_watch_adopt(struct child *child)
{
	const struct config_watch *config = config_of(child);

	if (!child->seen.ready &&
	    (config->ready == READY_PORT || config->ready == READY_FILE))
		wait_for_ready(child);
}

void
child_watch_ready(struct child *child, int64_t now_ns)
{
	if (config_of(child)->probe == PROBE_NONE ||
	    child->watch->probe_ns != HEARTBEAT_NEVER || child->watch->probing)
		return;
	child->watch->probed_ns = now_ns;
	schedule(child, now_ns);
}

void
child_watch_end(struct child *child)
{
	struct child_watch *watch = child->watch;

	beside_cancel(watch->readying);
	beside_cancel(watch->probing);
	watch->readying = watch->probing = NULL;
	watch->probe_ns = HEARTBEAT_NEVER;
}
