/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a worker's files are, from outside: found by its registry, or by whatever
 * serves as one when that is broken. Nothing is made or changed.
 */
#pragma once

#include "common/config.h"
#include "common/error.h"
#include "worker/trading/reconcile.h"
#include "worker/trading/registry_source.h"

/** struct place - a worker's directory and registry; place_deinit() in any case */
struct place {
	char *dir;
	struct registry_source source;
};

/** place_find() - Return: 0; else @error is filled. */
int place_find(const struct config *config, const struct config_node *node,
    struct error *error, struct place *ret_place);
void place_deinit(struct place *place);

/** place_journal() - the path of its journal; borrowed. */
const char *place_journal(const struct place *place);

/** struct account - the other workers of a worker's account at a real broker */
struct account {
	struct reconcile_other *others; /* owned */
	size_t n_others;
};

/** place_is_same_account() - whether both trade at a real broker with the same keys. */
bool place_is_same_account(
    const struct config_node *one, const struct config_node *other);

/** place_account() - who else has the account of @node. Return: 0; else @error is
 * filled. */
int place_account(const struct config *config, const struct config_node *node,
    struct error *error, struct account *ret_account);
void account_deinit(struct account *account);
