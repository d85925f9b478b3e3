/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done at a real broker from outside the worker, while it runs or not:
 * reconciling, and panic. Neither has any part in the strategy or the feed.
 */
#pragma once

#include <stdio.h>

#include "common/config.h"
#include "common/error.h"

struct broker;

#define OUTSIDE_DIFFERS ((enum exit_code)1) /* broker and journal do */

/** struct outside_wish - what is asked for */
struct outside_wish {
	bool json;
	bool accept;  /* the differences */
	bool flatten; /* sell the positions, too */
};

/** outside_connect() - the broker of a worker, with the account's request budget.
 * Return: EXIT_OK; EXIT_OSERR with @error filled. */
enum exit_code outside_connect(const struct config *config,
    const struct config_node *node, struct error *error, struct broker **ret_broker);

/**
 * outside_reconcile() - show the broker's side and the journal's, and accept the
 * broker's if that is wished
 * @node: NULL: of every worker that has a real broker, as one JSON object a worker
 *
 * Return: EXIT_OK; OUTSIDE_DIFFERS; EXIT_OSERR with @error filled; the worst of all.
 */
enum exit_code outside_reconcile(const struct config *config,
    const struct config_node *node, const struct outside_wish *wish, FILE *out,
    struct error *error);

/**
 * outside_panic() - no new orders, and none that is open: set the latch `panic`, ask
 * the broker to cancel everything, and read its open orders until there are none
 * @node: one worker; NULL: all of the configuration
 *
 * It goes by accounts: what another worker or a person has open there is cancelled as
 * well. Return: EXIT_OK: the broker confirmed it; EXIT_UNAVAILABLE: not for all, and
 * @out says which; EXIT_OSERR: a latch could not be set, which was tried first.
 */
enum exit_code outside_panic(const struct config *config,
    const struct config_node *node, const struct outside_wish *wish, FILE *out,
    struct error *error);
