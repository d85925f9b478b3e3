/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the tree with a configuration. Names are looked up in a sorted index, so
 * that ten thousand workers cost no more than a blink; values are compared by
 * config_diff.c.
 */
#include "supervisor/tree_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_diff.h"

/** struct tree_entry - one node of the new configuration */
struct tree_entry {
	const struct config_node *config, *parent;
	size_t place;
	bool is_there;	/* a node of the tree becomes it */
	bool stays_off; /* it has left the list, and nothing calls it back */
	bool moves;	/* a node of this name leaves another group */
};

struct comparison {
	struct tree_diff index;
	tree_on_change on_change;
	void *data;
};

/* The index. */

static size_t
count_below(const struct config_node *node)
{
	size_t n = 0;

	for (size_t i = 0; node->type == CONFIG_GROUP && i < node->group.n_children;
	     i++)
		n += 1 + count_below(node->group.children[i]);
	return n;
}

static void
list_below(struct tree_diff *index, const struct config_node *node)
{
	for (size_t i = 0; node->type == CONFIG_GROUP && i < node->group.n_children;
	     i++) {
		index->entries[index->n++] = (struct tree_entry){
			.config = node->group.children[i], .parent = node, .place = i
		};
		list_below(index, node->group.children[i]);
	}
}

static int
by_name(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return strcmp(x->config->name, y->config->name);
}

static int
index_make(struct tree_diff *index, const struct config_node *root)
{
	size_t n = count_below(root);

	index->entries = calloc(n + 1, sizeof(*index->entries));
	if (!index->entries)
		return -ENOMEM;
	list_below(index, root);
	qsort(index->entries, n, sizeof(*index->entries), by_name);
	return 0;
}

static struct tree_entry *
find(const struct tree_diff *index, const struct config_node *config)
{
	const struct tree_entry key = { .config = config };

	return bsearch(
	    &key, index->entries, index->n, sizeof(*index->entries), by_name);
}

/* The place of @config itself, if it is in the same group of the new configuration. */
static struct tree_entry *
find_same(const struct tree_diff *index, const struct config_node *config,
    const struct config_node *parent)
{
	struct tree_entry *entry = find(index, config);

	return entry && entry->parent == parent && entry->config->type == config->type
		   ? entry
		   : NULL;
}

static bool
knows_any_of(const struct tree_diff *index, const struct config_node *config)
{
	bool known = find(index, config) != NULL;

	for (size_t i = 0;
	     !known && config->type == CONFIG_GROUP && i < config->group.n_children;
	     i++)
		known = knows_any_of(index, config->group.children[i]);
	return known;
}

static void
tell(const struct comparison *comparison, enum tree_change_kind kind,
    const struct config_node *config, const struct config_node *group, const char *keys)
{
	const struct tree_change change = {
		.kind = kind, .config = config, .group = group->name, .keys = keys
	};

	if (comparison->on_change)
		comparison->on_change(&change, comparison->data);
}

/* What there is. */

static void mark_group(
    struct comparison *comparison, struct group *group, const struct config_node *next);

/* The values of one that stays. Return: whether they can be had without a restart. */
static bool
compare_values(const struct comparison *comparison, const struct node *node,
    const struct config_node *group)
{
	char keys[TREE_KEYS_MAX];
	struct text_out out;
	enum config_diff diff;

	text_init(&out, keys, sizeof(keys));
	diff = config_diff_node(node->config, node->next, &out);
	if (diff == CONFIG_RESTART)
		tell(comparison, TREE_RESTARTS, node->next, group, keys);
	else if (diff == CONFIG_LIVE)
		tell(comparison, TREE_LIVE, node->next, group, keys);
	return diff != CONFIG_RESTART;
}

static void
mark_leaving(const struct comparison *comparison, struct node *node,
    const struct config_node *group)
{
	struct tree_entry *entry = find(&comparison->index, node->config);

	node->leaves = !node->added || knows_any_of(&comparison->index, node->config);
	if (!node->leaves)
		return;
	if (entry && entry->config->type == node->config->type) {
		entry->moves = true;
		tell(comparison, TREE_RESTARTS, entry->config, entry->parent, "group");
	} else {
		tell(comparison, TREE_STOPS, node->config, group, "");
	}
}

static void
mark_node(struct comparison *comparison, struct group *group, struct node *node,
    const struct config_node *next_group)
{
	struct tree_entry *entry =
	    find_same(&comparison->index, node->config, next_group);

	node->next = entry ? entry->config : NULL;
	node->leaves = false;
	if (!entry) {
		mark_leaving(comparison, node, group->node.config);
		group->is_reshaped |= node->leaves;
		return;
	}
	entry->is_there = true;
	node->next_place = entry->place;
	if (node->added)
		tell(comparison, TREE_ADOPTED, node->next, next_group, "");
	group->is_reshaped |= node->added;
	if (!compare_values(comparison, node, next_group)) {
		node->leaves = true;
		group->is_reshaped = true;
	} else if (node_is_group(node)) {
		mark_group(comparison, node_group(node), node->next);
	}
}

/* One that is off the list, as temporary ones are when they have ended, is not called
 * back by a change that a running one would not be restarted for. */
static void
mark_struck_off(struct comparison *comparison, struct group *group,
    const struct config_node *next_group)
{
	const struct config_group *settings = &group->node.config->group;

	for (size_t i = 0; i < settings->n_children; i++) {
		const struct config_node *config = settings->children[i];
		struct tree_entry *entry;

		if (group->described[i])
			continue;
		entry = find_same(&comparison->index, config, next_group);
		if (!entry || entry->is_there)
			continue;
		entry->stays_off =
		    config->type == CONFIG_GROUP ||
		    config_diff_node(config, entry->config, NULL) != CONFIG_RESTART;
	}
}

static bool
has_other_names(const struct config_group *a, const struct config_group *b)
{
	bool other = a->n_children != b->n_children;

	for (size_t i = 0; !other && i < a->n_children; i++)
		other = strcmp(a->children[i]->name, b->children[i]->name) != 0;
	return other;
}

/* Whether those who stay change places among each other. */
static bool
is_reordered(const struct group *group)
{
	const struct node *child;
	size_t last = 0;

	TAILQ_FOREACH(child, &group->children, sibling) {
		if (!child->next || child->added)
			continue;
		if (child->next_place < last)
			return true;
		last = child->next_place;
	}
	return false;
}

static void
mark_group(
    struct comparison *comparison, struct group *group, const struct config_node *next)
{
	struct node *child;

	group->is_reshaped = has_other_names(&group->node.config->group, &next->group);
	TAILQ_FOREACH(child, &group->children, sibling)
		mark_node(comparison, group, child, next);
	mark_struck_off(comparison, group, next);
	if (is_reordered(group))
		tell(comparison, TREE_ORDER, next, next, "");
}

/* What is new. */

static void
look_for_new(struct comparison *comparison, const struct config_node *group)
{
	for (size_t i = 0; i < group->group.n_children; i++) {
		const struct config_node *config = group->group.children[i];
		const struct tree_entry *entry = find(&comparison->index, config);

		if (!entry->is_there && !entry->stays_off) {
			if (!entry->moves)
				tell(comparison, TREE_STARTS, config, group, "");
		} else if (config->type == CONFIG_GROUP && entry->is_there) {
			look_for_new(comparison, config);
		}
	}
}

/* A group gets a new list, too, if one of its own that had left it comes back. */
static bool
mark_affected(const struct tree_diff *index, struct group *group)
{
	const struct config_group *next = &group->node.next->group;
	struct node *child;

	for (size_t i = 0; !group->is_reshaped && i < next->n_children; i++) {
		const struct tree_entry *entry = find(index, next->children[i]);

		group->is_reshaped = !entry->is_there && !entry->stays_off;
	}
	group->is_affected = group->is_reshaped;
	TAILQ_FOREACH(child, &group->children, sibling)
		if (child->next && !child->leaves && node_is_group(child))
			group->is_affected |= mark_affected(index, node_group(child));
	return group->is_affected;
}

int
tree_diff(struct tree *tree, const struct config_node *root, tree_on_change on_change,
    void *data, struct tree_diff *ret_diff)
{
	struct comparison comparison = { .on_change = on_change, .data = data };
	int r = index_make(&comparison.index, root);

	if (r < 0)
		return r;
	tree->root->node.next = root;
	compare_values(&comparison, &tree->root->node, root);
	mark_group(&comparison, tree->root, root);
	look_for_new(&comparison, root);
	mark_affected(&comparison.index, tree->root);
	*ret_diff = comparison.index;
	return 0;
}

bool
tree_diff_stays_off(const struct tree_diff *diff, const struct config_node *config)
{
	return find(diff, config)->stays_off;
}

void
tree_diff_deinit(struct tree_diff *diff)
{
	free(diff->entries);
	*diff = (struct tree_diff){ 0 };
}
