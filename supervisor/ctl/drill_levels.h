/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a drill: what is done to the supervisor and its workers, and what has to
 * come of it.
 */
#pragma once

#include "supervisor/ctl/drill_process.h"

/** struct drill_step - one step, while it runs and when it is reported */
struct drill_step {
	struct drill_process *process;
	int level;	    /* 0: none of the levels */
	const char *name;   /* "pre-check", … */
	const char *worker; /* NULL: none in particular; borrowed */
	int64_t deadline_ns;
	int64_t took_ns;
	bool ok;
	char did[160];
	char saw[512];	    /* events by name, and what else there was to see */
	struct error error; /* why it failed */
};

/** drill_on_step - called when a step has ended; the step is borrowed */
typedef void (*drill_on_step)(const struct drill_step *step, void *data);

/**
 * drill_levels_run() - all steps, one after the other
 * @workers: names; levels 1 and 2 are drilled on each, 3 and 4 on the first
 * @n_workers: at least 1
 *
 * After a step that failed the next ones are tried only if the supervisor still runs.
 * Return: whether every step worked.
 */
bool drill_levels_run(struct drill_process *process, const char *const *workers,
    size_t n_workers, drill_on_step on_step, void *data);
