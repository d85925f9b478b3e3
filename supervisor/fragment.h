/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments: the configurations of workers and groups that an operator added while we
 * run. Each lives as long as its node.
 */
#pragma once

#include "common/config.h"

struct node;
struct supervisor;

#define FRAGMENT_E_BAD 1 /* on_error has said why */

/** struct fragment_request - which file, and what the group it is for says */
struct fragment_request {
	const char *path;
	enum auto_shutdown around; /* may its section be significant? */
};

/**
 * fragment_load() - read a file that holds exactly one worker or group section
 * @ret_node: what it holds; valid until fragment_unused()
 *
 * Return: 0; FRAGMENT_E_BAD; -ENOMEM.
 */
int fragment_load(struct supervisor *supervisor, const struct fragment_request *request,
    config_on_error on_error, void *data, const struct config_node **ret_node);

/** fragment_restore() - the same from a text, as an earlier supervisor had loaded it. */
int fragment_restore(struct supervisor *supervisor, const struct config_text *text,
    config_on_error on_error, void *data, const struct config_node **ret_node);

/** fragment_config_of() - that of what was added and holds this node, or is it; NULL:
 * nobody added it. */
const struct config *fragment_config_of(
    const struct supervisor *supervisor, const struct node *node);

/** fragment_unused() - no node uses it any more; freed later. Not a fragment: nothing.
 */
void fragment_unused(struct supervisor *supervisor, const struct config_node *node);

/** fragment_purge() - free the unused ones; with @all, all of them. */
void fragment_purge(struct supervisor *supervisor, bool all);
