/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns the configuration of what was added. A fragment is freed in its own time,
 * not where it becomes unused: whoever said so may still want to name it.
 */
#include "supervisor/fragment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "supervisor/context.h"

struct fragment {
	TAILQ_ENTRY(fragment) entry;
	struct config *config;
	bool unused;
};

/* @loaded: ours from now on. */
static int
keep(struct supervisor *supervisor, struct config *loaded, config_on_error on_error,
    void *data, const struct config_node **ret_node)
{
	_cleanup_(config_freep) struct config *config = loaded;
	struct fragment *fragment;

	if (config->root->group.n_children != 1) {
		_cleanup_free_ char *message = NULL;

		if (asprintf(&message, "%s: it must hold one worker or group",
			config->path) < 0) {
			message = NULL;
			return -ENOMEM;
		}
		on_error(message, data);
		return FRAGMENT_E_BAD;
	}
	fragment = calloc(1, sizeof(*fragment));
	if (!fragment)
		return -ENOMEM;
	fragment->config = steal(&config);
	TAILQ_INSERT_TAIL(&supervisor->fragments, fragment, entry);
	*ret_node = fragment->config->root->group.children[0];
	return 0;
}

int
fragment_load(struct supervisor *supervisor, const struct fragment_request *request,
    config_on_error on_error, void *data, const struct config_node **ret_node)
{
	struct config *config;
	int r = config_load_fragment(
	    request->path, request->around, on_error, data, &config);

	if (r == -EINVAL)
		return FRAGMENT_E_BAD;
	return r < 0 ? r : keep(supervisor, config, on_error, data, ret_node);
}

int
fragment_restore(struct supervisor *supervisor, const struct config_text *text,
    config_on_error on_error, void *data, const struct config_node **ret_node)
{
	struct config *config;
	int r = config_load_again(text, on_error, data, &config);

	if (r == -EINVAL)
		return FRAGMENT_E_BAD;
	return r < 0 ? r : keep(supervisor, config, on_error, data, ret_node);
}

static struct fragment *
find(const struct supervisor *supervisor, const struct config_node *node)
{
	struct fragment *fragment;

	TAILQ_FOREACH(fragment, &supervisor->fragments, entry)
		if (fragment->config->root->group.children[0] == node)
			return fragment;
	return NULL;
}

const struct config *
fragment_config_of(const struct supervisor *supervisor, const struct node *node)
{
	const struct fragment *fragment = NULL;

	for (; node && !fragment; node = node->parent ? &node->parent->node : NULL)
		if (node->added)
			fragment = find(supervisor, node->config);
	return fragment ? fragment->config : NULL;
}

void
fragment_unused(struct supervisor *supervisor, const struct config_node *node)
{
	struct fragment *fragment = find(supervisor, node);

	if (fragment)
		fragment->unused = true;
}

void
fragment_purge(struct supervisor *supervisor, bool all)
{
	struct fragment *fragment, *next;

	for (fragment = TAILQ_FIRST(&supervisor->fragments); fragment;
	     fragment = next) {
		next = TAILQ_NEXT(fragment, entry);
		if (!fragment->unused && !all)
			continue;
		TAILQ_REMOVE(&supervisor->fragments, fragment, entry);
		config_free(fragment->config);
		free(fragment);
	}
}
