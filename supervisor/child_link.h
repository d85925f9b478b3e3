/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker says, over its link or by sd_notify, and what follows from it.
 */
#pragma once

#include "supervisor/child.h"

#define CHILD_BAD_PACKETS_MAX 100 /* then it is restarted */

/** child_read_link() - take what has arrived; bounded, so that one worker cannot keep
 * the loop. */
void child_read_link(struct child *child);

/** child_read_notify() - the same for the sd_notify socket. */
void child_read_notify(struct child *child);

/** child_send() - to the worker; a full or closed link is not an error of ours. Return:
 * 0; LINK_E_…; -errno. */
int child_send(struct child *child, const struct msg *msg);
