/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted of a worker's cycles for those who draw curves: how many ended how,
 * and how long they took. Pure, and a few additions a cycle; no rule looks at it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/record.h"

#define MEASURES_BOUNDS 15 /* of durations, without +Inf */

enum measures_cycle { MEASURES_GOOD, MEASURES_FAILED, MEASURES_HEALED };
#define MEASURES_CYCLE_COUNT 3

/** struct measures - since the supervisor started; kept over the worker's restarts */
struct measures {
	uint64_t cycles[MEASURES_CYCLE_COUNT];
	uint64_t buckets[MEASURES_BOUNDS + 1]; /* each by itself, the last is +Inf */
	int64_t duration_sum_ns;	       /* stays at its bound when it is full */
	int64_t good_ns; /* monotonic, the last good cycle; 0: none yet */
};

/** measures_add() - a cycle has ended. @duration_ns: as reported; below 0 is 0. */
void measures_add(struct measures *measures, enum measures_cycle how,
    int64_t duration_ns, int64_t now_ns);

#define MEASURES_TEXT_MAX 512

/**
 * measures_fields() - as fields of a row: cycles_good cycles_failed cycles_healed
 * good_cycle_age_ms duration_sum_ns duration_buckets
 * @text: where duration_buckets lies, "0.001:5,0.005:9,…,+Inf:9": at most so many
 *        seconds: so many cycles
 */
void measures_fields(const struct measures *measures, int64_t now_ns,
    struct record *row, char text[MEASURES_TEXT_MAX]);
