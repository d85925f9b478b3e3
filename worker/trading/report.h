/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker tells of itself: to its supervisor over the link, or alone, as events
 * on standard error. The supervisor makes the same events of the messages, so it is
 * never both.
 */
#pragma once

#include "common/log.h"
#include "worker/client/tradesup.h"
#include "worker/trading/heal.h"

struct reporter {
	struct tradesup *link; /* borrowed */
	const char *worker;    /* borrowed */
};

/*
 * Each returns 0; -EPIPE: the supervisor is gone; -EAGAIN: it does not listen, and this
 * report is lost; -errno.
 */

/** report_heal() - one healing step of level 1 or 2 that has ended. */
int report_heal(const struct reporter *reporter, int level, int64_t cycle,
    const struct fault *fault, const struct heal_result *result, int64_t duration_ns);

/** report_cycle() - the end of a cycle; alone, an event if it failed. */
int report_cycle(
    const struct reporter *reporter, const struct tradesup_cycle_report *report);

/** report_figures() - how the trading stands; alone, nothing. */
int report_figures(const struct reporter *reporter, const char *fields);

/** report_ready() - the worker is up. */
int report_ready(const struct reporter *reporter);

/** report_trouble() - something that fails no cycle, but that a person should know. */
int report_trouble(const struct reporter *reporter, const char *text);

/** report_event() - something that happened to an order, a feed or the broker: order.*,
 * feed.*, broker.*. The worker's name is added. */
int report_event(
    const struct reporter *reporter, enum log_level level, const struct record *event);

/** report_end() - the worker ends by itself. @why: a word: "feed_ended", "stop". */
int report_end(const struct reporter *reporter, const char *why);

#define REPORT_EVENT_MAX 64

/** report_heal_event() - the event's name: "self_healing.import_reload_success". */
void report_heal_event(int level, enum fault_kind kind, enum heal_outcome outcome,
    char ret_event[REPORT_EVENT_MAX]);
