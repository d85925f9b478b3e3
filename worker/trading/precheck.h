/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pre-check: whether every name that a cycle needs resolves, and its target can be used.
 * Cheap enough for every cycle: a stat(2) for each, a read only of what has changed.
 */
#pragma once

#include "worker/trading/worker.h"

/**
 * precheck_find() - the first fault
 *
 * In a fixed order, so that a fault which is found no more has been passed by. Reads the
 * registry again if it has changed. Return: whether there is one.
 */
bool precheck_find(struct worker *worker, struct fault *ret_fault);

/** precheck_module() - how the module's file fares; 0 also when it has not changed since it was asked last. Return: as module_check(). */
int precheck_module(struct worker *worker, struct error *error);
