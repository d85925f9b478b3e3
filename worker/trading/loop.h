/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's life: one cycle after the other, at their pace, until the feed ends or
 * somebody asks it to stop.
 */
#pragma once

#include "common/error.h"
#include "worker/trading/worker.h"

/**
 * loop_run() - run until the end
 * @once: one cycle is enough
 *
 * SIGTERM and SIGINT must be blocked by the caller; they are taken between two cycles.
 * Return: EXIT_OK; EXIT_ESCALATED: alone, and failed_cycles cycles in a row failed
 * (with @once: it failed); EXIT_OSERR with @error filled.
 */
enum exit_code loop_run(struct worker *worker, bool once, struct error *error);
