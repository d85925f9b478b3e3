/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups, and the lists of their children. Each child is [name, fragment, map]: the
 * fragment (nil, or [path, text]) is the configuration of what an operator added. A
 * described child that is not in the list had been struck off.
 */
#include "supervisor/handover_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/config.h"
#include "supervisor/context.h"
#include "supervisor/fragment.h"
#include "supervisor/tree_list.h"

static void write_window(struct handover_writer *writer, const void *object);
static bool read_window(struct handover_reader *reader, void *object);
static void write_children(struct handover_writer *writer, const void *object);
static bool read_children(struct handover_reader *reader, void *object);

#define NUMBER(type, member, low, high)                                                \
	{                                                                              \
#member, type, offsetof(struct group, member), low, high, 0            \
	}
static const struct handover_field fields[] = {
	NUMBER(HANDOVER_INT, node.state, 0, NODE_WAITING),
	NUMBER(HANDOVER_INT, node.wake_as, 0, MAIL_RESUME),
	NUMBER(HANDOVER_INT, node.moves, 0, PLAN_RANGE_ALL),
	NUMBER(HANDOVER_BOOL, node.stopped, 0, 1),
	NUMBER(HANDOVER_UINT32, node.without_progress, 0, 0),
	NUMBER(HANDOVER_INT64, due_ns, 0, INT64_MAX),
	{ "window", HANDOVER_OTHER, 0, 0, 0, 0, write_window, read_window },
	{ "children", HANDOVER_OTHER, 0, 0, 0, 0, write_children, read_children },
};
static const struct handover_table group_table = { fields, ARRAY_SIZE(fields) };

static const struct handover_table *
table_of(const struct node *node)
{
	return node_is_group(node) ? &group_table : &handover_child_table;
}

/* The restart window. */

static void
write_window(struct handover_writer *writer, const void *object)
{
	const struct intensity *window = &((const struct group *)object)->window;

	handover_array(writer, window->used);
	for (size_t i = 0; i < window->used; i++)
		handover_int(
		    writer, window->entries_ns[(window->first + i) % window->room]);
}

static bool
read_window(struct handover_reader *reader, void *object)
{
	struct group *group = object;
	int64_t time_ns = 0;
	uint64_t n;

	if (!handover_read_array(reader, &n))
		return false;
	for (; n > 0; n--) {
		int r;

		if (!handover_read_int(reader, time_ns, INT64_MAX, &time_ns))
			return false;
		r = intensity_add(&group->window, time_ns);
		if (r != 0)
			return handover_wrong(reader, "%s: its restarts: %s",
			    group->node.config->name,
			    r < 0 ? strerror(-r) : "more than its limit");
	}
	return true;
}

/* Writing a list. */

static void
write_fragment(struct handover_writer *writer, const struct node *node)
{
	const struct config *config =
	    node->added ? fragment_config_of(writer->supervisor, node) : NULL;

	if (!config) {
		handover_text(writer, NULL);
		return;
	}
	handover_array(writer, 2);
	handover_text(writer, config->path);
	handover_text_of(writer, config->text_fd);
}

static void
write_node(struct handover_writer *writer, const struct node *node)
{
	const struct handover_table *table = table_of(node);

	handover_map(writer, handover_count_fields(writer, table));
	handover_write_fields(writer, table, node);
}

static void
write_children(struct handover_writer *writer, const void *object)
{
	const struct group *group = object;
	struct node *child;
	size_t n = 0;

	TAILQ_FOREACH(child, &group->children, sibling)
		n++;
	handover_array(writer, n);
	TAILQ_FOREACH(child, &group->children, sibling) {
		handover_array(writer, 3);
		handover_text(writer, child->config->name);
		write_fragment(writer, child);
		write_node(writer, child);
	}
}

/* Reading one. */

/** struct restored - a group's list while it is being read */
struct restored {
	struct tree *tree;
	struct group *group;
	bool *placed; /* by the place in the description; owned */
};

static struct node *
take_described(struct restored *restored, const char *name)
{
	const struct config_group *settings = &restored->group->node.config->group;

	for (size_t i = 0; i < settings->n_children; i++) {
		struct node *node = restored->group->described[i];

		if (!node || restored->placed[i] ||
		    strcmp(node->config->name, name) != 0)
			continue;
		restored->placed[i] = true;
		return node;
	}
	return NULL;
}

static void
on_config_error(const char *message, void *data)
{
	handover_wrong(data, "%s", message);
}

/* Return: NULL, and the reader says why. */
static struct node *
make_added(struct handover_reader *reader, struct restored *restored,
    const struct config_text *text)
{
	const struct config_node *config;
	struct node *node;
	int r = fragment_restore(
	    reader->supervisor, text, on_config_error, reader, &config);

	if (r < 0)
		handover_wrong(reader, "%s", strerror(-r));
	if (r != 0)
		return NULL;
	if (tree_find(restored->tree, config->name)) {
		handover_wrong(reader, "%s is there twice", config->name);
		return NULL;
	}
	node = node_new(restored->tree, config, restored->group);
	if (!node) {
		handover_wrong(reader, "%s", strerror(ENOMEM));
		return NULL;
	}
	node->added = true;
	return node;
}

/* The path and text of what was added; NULL for the others. */
static bool
read_fragment(struct handover_reader *reader, char **ret_path, struct config_text *text)
{
	struct wire ahead = reader->wire;
	struct wire_value value;
	uint64_t n;

	*ret_path = NULL;
	if (wire_next(&ahead, &value) && value.type == WIRE_NIL) {
		reader->wire = ahead;
		return true;
	}
	if (!handover_read_array(reader, &n) || n != 2)
		return handover_wrong(reader, "a fragment is no pair");
	if (!handover_read_text(reader, ret_path))
		return false;
	if (!*ret_path)
		return handover_wrong(reader, "a fragment has no path");
	text->path = *ret_path;
	return handover_read_bytes(reader, &text->text, &text->length);
}

/* Finds or makes the node of that name, and puts it at the end of the list. */
static struct node *
place_child(struct handover_reader *reader, struct restored *restored, const char *name,
    struct config_text *text)
{
	struct node *node;

	text->is_fragment = true;
	text->around = restored->group->node.config->group.auto_shutdown;
	node = text->path ? make_added(reader, restored, text)
			  : take_described(restored, name);
	if (!node) {
		handover_wrong(reader, "%s is not in the configuration", name);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&restored->group->children, node, sibling);
	return node;
}

/* The count of significant ones follows from the states. */
static void
apply_state(struct node *node)
{
	enum node_state state = node->state;

	node->state = NODE_DOWN;
	node_set(node, state);
}

static bool
check_group(struct handover_reader *reader, const struct node *node)
{
	if (node->state == NODE_UP || node->state == NODE_DOWN ||
	    node->state == NODE_WAITING)
		return true;
	return handover_wrong(
	    reader, "%s: it is neither up nor down", node->config->name);
}

static bool
read_node(struct handover_reader *reader, struct node *node)
{
	if (!handover_read_fields(reader, table_of(node), node))
		return false;
	apply_state(node);
	return node_is_group(node) ? check_group(reader, node)
				   : handover_check_child(reader, node);
}

static bool
read_child(struct handover_reader *reader, struct restored *restored)
{
	_cleanup_free_ char *name = NULL, *path = NULL;
	struct config_text text = { 0 };
	struct node *node;
	uint64_t n;

	if (!handover_read_array(reader, &n))
		return false;
	if (n < 3)
		return handover_wrong(reader, "a child is incomplete");
	if (!handover_read_text(reader, &name) || !read_fragment(reader, &path, &text))
		return false;
	node = place_child(reader, restored, name ? name : "", &text);
	if (!node || !read_node(reader, node))
		return false;
	return wire_skip(&reader->wire, n - 3) ||
	       handover_wrong(reader, "the state ends early");
}

/* Those that were not in the list are gone, or, if it could not be read, still there.
 */
static void
finish(struct restored *restored, bool is_good)
{
	struct group *group = restored->group;

	for (size_t i = 0; i < group->node.config->group.n_children; i++) {
		if (restored->placed[i] || !group->described[i])
			continue;
		TAILQ_INSERT_TAIL(&group->children, group->described[i], sibling);
		if (is_good)
			node_strike_off(restored->tree, group->described[i]);
	}
}

static bool
read_children(struct handover_reader *reader, void *object)
{
	struct group *group = object;
	_cleanup_free_ bool *placed =
	    calloc(group->node.config->group.n_children + 1, sizeof(*placed));
	struct restored restored = { &reader->supervisor->tree, group, placed };
	bool is_good;
	uint64_t n;

	if (!placed)
		return handover_wrong(reader, "%s", strerror(ENOMEM));
	if (!handover_read_array(reader, &n))
		return false;
	TAILQ_INIT(&group->children);
	for (is_good = true; is_good && n > 0; n--)
		is_good = read_child(reader, &restored);
	finish(&restored, is_good);
	return is_good;
}

/* The whole. */

void
handover_write_tree(struct handover_writer *writer, const struct tree *tree)
{
	write_node(writer, &tree->root->node);
}

bool
handover_read_tree(struct handover_reader *reader, struct tree *tree)
{
	return read_node(reader, &tree->root->node);
}
