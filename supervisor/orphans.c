/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orphans: what workers leave behind and we adopt as their subreaper. Which processes
 * are our own is worked out here; spawn_collect.c finds and ends the others.
 */
#include "supervisor/orphans.h"

#include <stdlib.h>
#include <unistd.h>

#include "supervisor/child.h"
#include "supervisor/context.h"
#include "supervisor/upgrade.h"
#include "supervisor/last_words.h"

struct own_pids {
	struct supervisor *supervisor;
	pid_t *pids;
	size_t n, room;
};

static int
compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static void
collect_pid(struct node *node, void *data)
{
	struct own_pids *own = data;
	const struct child *child = (struct child *)node;

	if (!child_is_alive(child))
		return;
	if (own->n == own->room) {
		size_t room = own->room ? own->room * 2 : 16;
		pid_t *pids = reallocarray(own->pids, room, sizeof(*pids));

		if (!pids)
			return;
		own->pids = pids;
		own->room = room;
	}
	own->pids[own->n++] = child->process.pid;
}

static bool
is_own_child(pid_t pid, void *data)
{
	const struct own_pids *own = data;

	if (pid == own->supervisor->guardian.pid || beside_has(own->supervisor, pid) ||
	    upgrade_has(own->supervisor, pid) ||
	    last_words_has(own->supervisor, pid))
		return true;
	return own->n > 0 &&
	       bsearch(&pid, own->pids, own->n, sizeof(pid), compare_pids) != NULL;
}

static bool
is_wanted(const struct spawn_orphan *orphan, void *data)
{
	const struct own_pids *own = data;
	struct node *node = tree_find(&own->supervisor->tree, orphan->worker);
	const struct child *child = (struct child *)node;

	/* To PID 1 of a container all of its orphans come, those of nobody's workers
	 * too.
	 */
	if (getpid() == 1 && orphan->worker[0] == '\0')
		return true;
	if (!node || node_is_group(node) || !child_is_alive(child))
		return false;
	return strtoul(orphan->life, NULL, 10) == child->lives;
}

static int
sweep(const struct own_pids *own)
{
	int left;

	if (own->n > 0)
		qsort(own->pids, own->n, sizeof(*own->pids), compare_pids);
	left = spawn_sweep_orphans(&(struct spawn_sweep){ .is_own_child = is_own_child,
	    .is_wanted = is_wanted,
	    .data = (void *)own });
	return left < 0 ? 0 : left;
}

int
orphans_sweep(struct supervisor *supervisor)
{
	struct own_pids own = { .supervisor = supervisor };
	int left;

	tree_each_worker(&supervisor->tree, collect_pid, &own);
	left = sweep(&own);
	free(own.pids);
	return left;
}
