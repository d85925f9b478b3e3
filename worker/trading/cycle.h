/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cycle: pre-check → fetch, cluster, decide, place → report.
 */
#pragma once

#include "worker/trading/worker.h"

struct cycle_result {
	int64_t clusters, orders;
	bool failed;
	bool healed; /* ended early by level 2: neither good nor failed */
	bool ended;  /* the feed has */
	bool idle;   /* there was nothing to read */
	char error[ERROR_TEXT_MAX + HEAL_NAME_MAX]; /* "" for a good cycle */
};

/** run_once() - one cycle, with whatever goes wrong in it healed or counted, and all of
 * it reported. */
void run_once(struct worker *worker, struct cycle_result *ret_result);
