/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking, without running, what the trading sections of a configuration need.
 */
#pragma once

#include <stdio.h>

#include "common/config.h"
#include "common/error.h"

/**
 * check_workers() - look at module, feed, registry and directories; change nothing
 * @name: a worker's; NULL: all that trade
 * @out: a sentence for each problem goes there, a line each
 *
 * Return: the number of problems; -ENOMEM.
 */
int check_workers(const struct config *config, const char *name, FILE *out);

/**
 * check_find_worker() - the trading worker of that name
 *
 * Return: NULL with @error filled when there is none, or it has a command of its own.
 */
const struct config_node *check_find_worker(
    const struct config *config, const char *name, struct error *error);
