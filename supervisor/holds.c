/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latches, logged and passed on as messages. How they are kept is in common/latch.c,
 * who may ask in control.c.
 */
#include "supervisor/holds.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/duration.h"
#include "common/msg.h"
#include "supervisor/child_link.h"
#include "supervisor/context.h"

/* Where it is said already, nothing is lost but the second word. */
static void
tell(struct child *child, bool even_if_off)
{
	struct msg msg = { .type = MSG_HOLD };
	struct latches latches;

	if (latch_list(child->supervisor->state_dir, child_name(child), &latches) < 0)
		return;
	if (latches.n > 0) {
		msg.hold.on = true;
		snprintf(msg.hold.reason, sizeof(msg.hold.reason), "%s: %s",
		    latches.items[0].rule, latches.items[0].reason);
	}
	if (latches.n > 0 || even_if_off)
		(void)child_send(child, &msg);
	latches_deinit(&latches);
}

void
holds_greet(struct child *child)
{
	tell(child, false);
}

static void
tell_each(struct node *node, void *data)
{
	const char *only = data;

	if (!only || strcmp(only, node->config->name) == 0)
		tell((struct child *)node, true);
}

/* tree_each_worker() hands its data on as it is. */
static void
tell_workers(struct supervisor *supervisor, const char *only)
{
	char name[LATCH_WORKER_MAX];

	if (only)
		snprintf(name, sizeof(name), "%s", only);
	tree_each_worker(&supervisor->tree, tell_each, only ? name : NULL);
}

static void
log_latch(struct supervisor *supervisor, const char *event, enum log_level level,
    const struct latch *latch)
{
	struct record record;

	record_init(&record, event);
	record_text(&record, "worker", latch->worker[0] ? latch->worker : NULL);
	record_text(&record, "rule", latch->rule);
	record_text(&record, "reason", latch->reason);
	record_int(&record, "uid", latch->uid);
	event_log_emit(&supervisor->events, level, &record);
}

int
holds_set(struct supervisor *supervisor, const char *event, const struct latch *latch)
{
	int r = latch_set(supervisor->state_dir, latch);

	if (r != 0)
		return r;
	log_latch(supervisor, event, LOG_LEVEL_WARNING, latch);
	tell_workers(supervisor, latch->worker[0] ? latch->worker : NULL);
	return 0;
}

static void
cannot(struct supervisor *supervisor, const char *event, const char *file, int error)
{
	struct record record;

	record_init(&record, event);
	record_text(&record, "path", file);
	record_text(&record, "error", strerror(-error));
	event_log_emit(&supervisor->events, LOG_LEVEL_ERROR, &record);
}

static void
forget_escalations(struct supervisor *supervisor)
{
	int r;

	supervisor->service.n = 0;
	r = service_store(&supervisor->service, supervisor->state_dir);
	if (r < 0)
		cannot(supervisor, "service.store_failed", SERVICE_FILE, r);
}

int
holds_clear(struct supervisor *supervisor, const char *worker, const struct latch *by,
    struct latches *ret_cleared)
{
	int r = latch_clear(supervisor->state_dir, worker, by, ret_cleared);

	for (size_t i = 0; i < ret_cleared->n; i++) {
		const struct latch *latch = &ret_cleared->items[i];
		struct record record;

		record_init(&record, "supervisor.resume");
		record_text(&record, "worker", latch->worker[0] ? latch->worker : NULL);
		record_text(&record, "rule", latch->rule);
		record_text(&record, "reason", by->reason);
		record_int(&record, "uid", by->uid);
		record_text(&record, "set_reason", latch->reason);
		record_int(&record, "set_uid", latch->uid);
		event_log_emit(&supervisor->events, LOG_LEVEL_NOTICE, &record);
	}
	if (ret_cleared->n > 0)
		tell_workers(supervisor, worker);
	/* Who lifts it gives the service its tries back. */
	if (!worker && r == 0)
		forget_escalations(supervisor);
	return r;
}

static void begin_held(struct supervisor *supervisor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
begin_held(struct supervisor *supervisor, const char *format, ...)
{
	struct latch latch = { .rule = LATCH_SERVICE_INTENSITY,
		.time_ns = clock_realtime_ns(),
		.uid = geteuid() };
	va_list args;
	int r;

	va_start(args, format);
	vsnprintf(latch.reason, sizeof(latch.reason), format, args);
	va_end(args);
	r = latch_set(supervisor->state_dir, &latch);
	if (r < 0)
		cannot(supervisor, "latch.failed", LATCH_DIRECTORY, r);
}

/* Why not to trade, of what is set for all workers: told at every start. */
static void
tell_held(struct supervisor *supervisor)
{
	struct latches latches;

	if (latch_list(supervisor->state_dir, NULL, &latches) < 0)
		return;
	for (size_t i = 0; i < latches.n && latches.items[i].worker[0] == '\0'; i++)
		log_latch(
		    supervisor, "supervisor.held", LOG_LEVEL_ERROR, &latches.items[i]);
	latches_deinit(&latches);
}

void
holds_begin(struct supervisor *supervisor)
{
	const struct config *config = supervisor->config;
	char period[DURATION_TEXT_MAX];
	size_t count;
	int r = service_load(&supervisor->service, supervisor->state_dir);

	count = service_count(
	    &supervisor->service, config->service_period_ns, clock_realtime_ns());
	if (config->service_intensity > 0 && r < 0) {
		begin_held(supervisor, "the history of escalations: %s",
		    r == -EBADMSG ? "damaged, moved aside" : strerror(-r));
	} else if (config->service_intensity > 0 &&
		   count >= config->service_intensity) {
		duration_format(config->service_period_ns, period);
		begin_held(supervisor, "escalated %zu times in %s with no good cycle",
		    count, period);
	}
	tell_held(supervisor);
}

void
holds_escalated(struct supervisor *supervisor)
{
	int r;

	service_escalated(&supervisor->service, clock_realtime_ns());
	r = service_store(&supervisor->service, supervisor->state_dir);
	if (r < 0)
		cannot(supervisor, "service.store_failed", SERVICE_FILE, r);
}

void
holds_good_cycle(struct supervisor *supervisor)
{
	if (supervisor->service.n > 0)
		forget_escalations(supervisor);
}
