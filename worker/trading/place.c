/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registries read from outside, and the workers of an account. Whoever looks in here
 * holds no lock, and opens none of the files that it finds.
 */
#include "worker/trading/place.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/trading/broker.h"
#include "worker/trading/worker.h"

/* The registry in use, whatever serves as one: the file, the last good copy, the
 * built-in one. */
static int
load_registry(struct registry_source *source, struct error *error)
{
	const char *text = registry_builtin();
	int r;

	r = registry_source_reread(source, error);
	if (r == -ENOMEM)
		return r;
	if (r == 0 && !registry_missing(source->registry))
		return 0;
	r = registry_source_use_copy(source, error);
	if (r == 0 || r == -ENOMEM)
		return r;
	source->registry = registry_free(source->registry);
	return registry_parse(
	    text, strlen(text), "built-in", source->base, error, &source->registry);
}

int
place_find(const struct config *config, const struct config_node *node,
    struct error *error, struct place *ret_place)
{
	*ret_place = (struct place){ .dir = worker_state_dir(config, node->name) };
	if (!ret_place->dir ||
	    worker_source(node->worker.trading, ret_place->dir, &ret_place->source) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	return load_registry(&ret_place->source, error);
}

void
place_deinit(struct place *place)
{
	registry_source_deinit(&place->source);
	free(place->dir);
}

const char *
place_journal(const struct place *place)
{
	return registry_path(place->source.registry, REGISTRY_JOURNAL);
}

static bool
is_same_path(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool
place_is_same_account(const struct config_node *one, const struct config_node *other)
{
	const struct config_trading *a = one->worker.trading,
				    *b = other->worker.trading;

	return a && b && a->broker == b->broker && !broker_find(a->broker)->embedded &&
	       strcmp(a->alpaca.base_url, b->alpaca.base_url) == 0 &&
	       is_same_path(a->alpaca.key_id_file, b->alpaca.key_id_file);
}

static int
add_other(const struct config *config, const struct config_node *node,
    struct error *error, struct account *account)
{
	_cleanup_(place_deinit) struct place place = { NULL };
	struct reconcile_other *larger, other;
	int r;

	r = place_find(config, node, error, &place);
	if (r != 0)
		return r;
	larger = reallocarray(account->others, account->n_others + 1, sizeof(*larger));
	if (!larger)
		return error_set(error, -ENOMEM, "out of memory");
	account->others = larger;
	other = (struct reconcile_other){ strdup(node->name),
		strdup(place_journal(&place)) };
	larger[account->n_others++] = other;
	return other.name && other.journal ? 0
					   : error_set(error, -ENOMEM, "out of memory");
}

static int
add_others(const struct config *config, const struct config_node *node,
    const struct config_node *among, struct error *error, struct account *account)
{
	int r = 0;

	if (among->type == CONFIG_WORKER)
		return among != node && place_is_same_account(node, among)
			   ? add_other(config, among, error, account)
			   : 0;
	for (size_t i = 0; i < among->group.n_children && r == 0; i++)
		r = add_others(config, node, among->group.children[i], error, account);
	return r;
}

int
place_account(const struct config *config, const struct config_node *node,
    struct error *error, struct account *ret_account)
{
	struct account account = { 0 };
	int r;

	r = add_others(config, node, config->root, error, &account);
	if (r != 0)
		account_deinit(&account);
	else
		*ret_account = account;
	return r;
}

void
account_deinit(struct account *account)
{
	for (size_t i = 0; i < account->n_others; i++) {
		free(account->others[i].name);
		free(account->others[i].journal);
	}
	free(account->others);
	*account = (struct account){ 0 };
}
