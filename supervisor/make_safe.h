/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make safe: the step between a worker's death and its restart, and before an
 * escalation ends the service. It is the worker's `make_safe` command, or, before an
 * escalation, the built-in worker's own, which cancels the open orders. Each runs
 * within its deadline; that it fails is reported and stops nothing.
 */
#pragma once

#include <stdbool.h>

#include "common/config.h"

struct child;
struct supervisor;

/**
 * make_safe_died() - a worker has ended abnormally and is to be restarted
 *
 * Return: whether there is something to do first; then child_was_made_safe() is called
 * when that is over.
 */
bool make_safe_died(struct child *child);

/** make_safe_cancel() - the worker starts, or is freed: an unfinished step is killed.
 */
void make_safe_cancel(struct child *child);

/**
 * make_safe_finish() - before we end
 * @escalated: begin for every worker that ever ran; else only wait for what runs
 * @done: called once, when the last has ended or been killed; maybe before this returns
 */
void make_safe_finish(struct supervisor *supervisor, bool escalated,
    void (*done)(struct supervisor *supervisor));
