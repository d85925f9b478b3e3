/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's part in latches: it sets and clears them for whoever asks, logs it,
 * and tells the workers. What stops orders is the file, not us: a worker that looks for
 * it is stopped while no supervisor runs, too.
 */
#pragma once

#include "common/latch.h"
#include "supervisor/child.h"

struct supervisor;

/**
 * holds_set() - set a latch, log it as @event, tell the workers
 * @latch: as for latch_set()
 *
 * Return: 0; LATCH_E_SET: it was set already; -errno.
 */
int holds_set(
    struct supervisor *supervisor, const char *event, const struct latch *latch);

/** holds_clear() - as latch_clear(), with an event for each that was cleared; the
 * workers are told. */
int holds_clear(struct supervisor *supervisor, const char *worker,
    const struct latch *by, struct latches *ret_cleared);

/** holds_begin() - before the first worker starts: what earlier lives of the service
 * have left. Sets LATCH_SERVICE_INTENSITY after too many escalations, and logs
 * supervisor.held where all workers are stopped. */
void holds_begin(struct supervisor *supervisor);

/** holds_escalated() - this life ends in an escalation, which the next is to know. */
void holds_escalated(struct supervisor *supervisor);

/** holds_good_cycle() - a worker had one: what was before is forgotten. */
void holds_good_cycle(struct supervisor *supervisor);

/** holds_greet() - a worker has said hello: tell it if orders are stopped. */
void holds_greet(struct child *child);
