/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mending: a fault goes through the rules of heal.h with the worker's remedies and
 * checks, and is reported.
 */
#pragma once

#include "worker/trading/worker.h"

/**
 * remedy_heal() - heal a fault if it can be, and report how it went
 * @level: 1: found by the pre-check; 2: met inside the cycle
 *
 * Return: how it ended. After HEAL_RELAPSED it may be mended, but the cycle has failed.
 */
enum heal_outcome remedy_heal(
    struct worker *worker, int level, const struct fault *fault);
