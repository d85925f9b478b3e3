/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker says over its link, and what follows from it; by sd_notify in
 * child_notify.c.
 */
#pragma once

#include "supervisor/child.h"

#define CHILD_BAD_PACKETS_MAX 100 /* then it is restarted */

/** child_read_link() - take what has arrived; bounded, so that one worker cannot keep
 * the loop. Return: whether there may be more. */
bool child_read_link(struct child *child);

/** child_finish_link() - its life is over: tell how many events were left out last. */
void child_finish_link(struct child *child);

/** child_read_notify() - the same for the sd_notify socket. */
void child_read_notify(struct child *child);

/** child_became_ready() - it says so, or another for it; the first time counts. */
void child_became_ready(struct child *child, int64_t now_ns);

/** child_set_status() - its status text; "" for none. */
void child_set_status(struct child *child, const char *text);

/** child_garbage() - what it said makes no sense: counted, and too much ends it. */
void child_garbage(struct child *child);

/** child_send() - to the worker; a full or closed link is not an error of ours. Return:
 * 0; LINK_E_…; -errno. */
int child_send(struct child *child, const struct msg *msg);
