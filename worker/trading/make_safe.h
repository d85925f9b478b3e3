/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done with a worker's journal from outside, while the worker does not run:
 * making safe, and the ledger.
 */
#pragma once

#include <stdio.h>

#include "common/config.h"
#include "common/error.h"

/**
 * make_safe() - cancel the worker's open orders, and say on @out what was done
 *
 * A worker that never traded is safe. Return: EXIT_OK; EXIT_UNAVAILABLE: the worker
 * runs; EXIT_OSERR. @error is filled but for the first.
 */
enum exit_code make_safe(const struct config *config, const struct config_node *node,
    FILE *out, struct error *error);

/** print_ledger() - the report from the journal that the registry names. Return:
 * EXIT_OK; EXIT_OSERR with @error filled. */
enum exit_code print_ledger(const struct config *config, const struct config_node *node,
    bool json, FILE *out, struct error *error);
