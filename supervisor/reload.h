/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reloading the configuration: reading the file again, saying what differs, handing it
 * to the tree, and what is told to whom when that is done.
 */
#pragma once

#include "supervisor/client.h"

struct reload;
struct supervisor;

/** reload_by_signal() - SIGHUP; nobody waits for the outcome, which is an event. While
 * a reload is going on, another one follows it. */
void reload_by_signal(struct supervisor *supervisor);

/** reload_by_request() - an operator asks; the client gets what control.h says. */
void reload_by_request(struct supervisor *supervisor, struct client *client);

/** reload_show() - what a reload would do if the file were this one; nothing is done.
 */
void reload_show(
    struct supervisor *supervisor, struct client *client, const char *path);

/* What the tree says meanwhile; as in struct tree_ops. */
void reload_committed(struct supervisor *supervisor);
void reload_not_started(struct supervisor *supervisor, const struct node *node);
void reload_ended(struct supervisor *supervisor, const char *why);

/** reload_free() - Return: NULL. */
struct reload *reload_free(struct reload *reload);
