/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the values of two nodes and says what follows from the keys that differ.
 * Each key's own word on that is in its table.
 */
#include "common/config_diff.h"

#include <stdio.h>
#include <string.h>

#include "common/config_tree.h"

struct diff {
	bool is_builtin; /* a worker without a command, before and after */
	enum config_diff result;
	struct text_out *keys;
};

static void
differs(struct diff *diff, bool is_live, const char *section, const char *key)
{
	struct text_out *keys = diff->keys;
	enum config_diff result = is_live ? CONFIG_LIVE : CONFIG_RESTART;

	if (result > diff->result)
		diff->result = result;
	if (keys)
		text_putf(keys, "%s%.32s%s%.64s", keys->used > 0 ? ", " : "", section,
		    section[0] ? "." : "", key);
}

/* The built-in worker has read the same file, and beats as often as it found there. */
static bool
is_read_by_worker(const struct diff *diff, const struct config_key *key)
{
	return diff->is_builtin && strcmp(key->name, "heartbeat") == 0;
}

static void
on_key(const struct config_key *key, void *data)
{
	struct diff *diff = data;

	differs(diff, key->is_live && !is_read_by_worker(diff, key), "", key->name);
}

static void
on_trading_key(const char *section, const char *key, void *data)
{
	char place[32];

	snprintf(
	    place, sizeof(place), "trading%s%.20s", section[0] ? "." : "", section);
	differs(data, false, place, key);
}

static void
on_probe_key(const struct config_key *key, void *data)
{
	differs(data, false, "probe", key->name);
}

static void
on_make_safe_key(const struct config_key *key, void *data)
{
	differs(data, true, "make_safe", key->name);
}

/* Who user and group are can change while their names stay. */
static bool
is_same_identity(const struct config_limits *a, const struct config_limits *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->n_groups == b->n_groups &&
	       (a->n_groups == 0 ||
		   memcmp(a->groups, b->groups, a->n_groups * sizeof(*a->groups)) == 0);
}

/* What stands for what a worker has not: all of it is unset. */
struct unset {
	struct config_limits limits;
	struct config_watch watch;
};

static struct config_node
with_all(const struct config_node *node, struct unset *unset)
{
	struct config_node copy = *node;

	*unset = (struct unset){ .limits = { .nice = CONFIG_UNSET,
				     .umask = CONFIG_UNSET,
				     .uid = (uid_t)-1,
				     .gid = (gid_t)-1 } };
	if (!copy.worker.limits)
		copy.worker.limits = &unset->limits;
	if (!copy.worker.watch)
		copy.worker.watch = &unset->watch;
	return copy;
}

static void
compare_workers(const struct config_node *before, const struct config_node *after,
    struct diff *diff)
{
	static const struct config_watch_news news = { .on_probe = on_probe_key,
		.on_make_safe = on_make_safe_key };
	struct unset none_before, none_after;
	const struct config_node a = with_all(before, &none_before),
				 b = with_all(after, &none_after);

	config_compare(&config_worker_table, &a, &b, on_key, diff);
	config_watch_compare(before->worker.watch, after->worker.watch, &news, diff);
	if (diff->result != CONFIG_RESTART &&
	    !is_same_identity(a.worker.limits, b.worker.limits))
		differs(diff, false, "", "user");
	if (a.worker.trading && b.worker.trading)
		config_trading_compare(
		    a.worker.trading, b.worker.trading, on_trading_key, diff);
}

enum config_diff
config_diff_node(const struct config_node *before, const struct config_node *after,
    struct text_out *keys)
{
	struct diff diff = { .keys = keys };

	if (before->type == CONFIG_GROUP) {
		config_compare(&config_group_table, before, after, on_key, &diff);
		return diff.result;
	}
	diff.is_builtin = !before->worker.command && !after->worker.command;
	compare_workers(before, after, &diff);
	return diff.result;
}
