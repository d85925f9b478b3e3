/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latches, logged and passed on as messages. How they are kept is in common/latch.c,
 * who may ask in control.c.
 */
#include "supervisor/holds.h"

#include <stdio.h>
#include <string.h>

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
	return r;
}
