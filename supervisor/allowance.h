/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many events a worker may have logged in a second. A worker that tells of more
 * would fill the disk, push what others told out of the memory of events, and drown
 * whoever follows them. What is left out is counted. Warnings and errors have a share
 * of their own, so that chatter cannot hide them. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/log.h"

#define ALLOWANCE_PER_S 500 /* of each share */

struct allowance {
	int64_t window_ns;     /* monotonic; when this second began */
	uint32_t calm, urgent; /* logged in it */
	uint32_t left_out;     /* in it, and not yet told */
};

/**
 * allowance_turn() - let time pass
 *
 * Return: how many were left out in the second that is over, which from now on count as
 * told; 0: none, or it is not over.
 */
uint32_t allowance_turn(struct allowance *allowance, int64_t now_ns);

/** allowance_take() - Return: whether an event of that level may be logged; if not, it
 * is counted. After allowance_turn(). */
bool allowance_take(struct allowance *allowance, enum log_level level);
