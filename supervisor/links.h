/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The links of all workers, watched together. A thousand heartbeats a second would wake
 * us a thousand times: while packets come thick, they are only looked at every
 * LINKS_PAUSE_NS. A packet after a silence is read at once, and the end of a process
 * has a watch of its own (child.c), which waits for nothing.
 */
#pragma once

#include "common/clock.h"

struct child;
struct supervisor;

#define LINKS_PAUSE_NS (25 * NS_PER_MS)

struct links;

/** links_new(), links_free() - Return: 0, -errno; NULL. */
int links_new(struct supervisor *supervisor, struct links **ret_links);
struct links *links_free(struct links *links);

/** links_add() - watch @fd, to become its link. Return: 0, -errno. */
int links_add(struct links *links, struct child *child, int fd);

/** links_remove() - before @fd is closed. */
void links_remove(struct links *links, int fd);

/** links_on_grid() - a deadline of a heartbeat, or a little later (at most
 * LINKS_PAUSE_NS, and only if it is more than a second away): one wake-up for many. */
int64_t links_on_grid(int64_t due_ns, int64_t now_ns);
