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
 * runs, or an order may still be open at a real broker; EXIT_OSERR. @error is filled
 * but for the first.
 */
enum exit_code make_safe(const struct config *config, const struct config_node *node,
    FILE *out, struct error *error);

/** back_up() - a copy of the journal as it is now, while the worker runs or not. @to:
 * must not be there. Return: EXIT_OK; EXIT_OSERR with @error filled. */
enum exit_code back_up(const struct config *config, const struct config_node *node,
    const char *to, FILE *out, struct error *error);

/** print_ledger() - the report from the journal that the registry names. Return:
 * EXIT_OK; EXIT_OSERR with @error filled. */
enum exit_code print_ledger(const struct config *config, const struct config_node *node,
    bool json, FILE *out, struct error *error);
