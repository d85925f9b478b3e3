/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pre-check: whether every name that a cycle needs resolves, and its target can be
 * used. Cheap enough for every cycle: a stat(2) for each, a read only of what has
 * changed.
 */
#pragma once

#include "worker/trading/worker.h"

/**
 * precheck_find() - the first fault
 *
 * In a fixed order, so that a fault which is found no more has been passed by. Reads
 * the registry again if it has changed. Return: whether there is one.
 */
bool precheck_find(struct worker *worker, struct fault *ret_fault);
