/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client of the control socket, as a command sees it: rows, and one answer. A
 * client may go away at any time; what is written to it then is dropped.
 */
#pragma once

#include <sys/types.h>

#include "common/record.h"
#include "supervisor/event_log.h"
#include "supervisor/tree.h"

struct client;

/** client_row(), client_line() - one line of output. */
void client_row(struct client *client, const struct record *row);
void client_line(struct client *client, const char *line);

/** client_ok(), client_error() - the answer; nothing may be written after it. @code:
 * the client's exit status. */
void client_ok(struct client *client);
void client_error(struct client *client, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** client_uid() - whose process it is, as the kernel says. */
uid_t client_uid(const struct client *client);

/** client_is_owner() - whether it may change something, and not only look. */
bool client_is_owner(const struct client *client);

/** client_expect() - a request to the tree whose answer is this client's; NULL: out of
 * memory. */
struct tree_request *client_expect(struct client *client);

/** client_answered() - the tree has answered; @why: NULL, or why not. Frees @request.
 */
void client_answered(struct tree_request *request, const char *why);

/** client_of() - the client that waits for this request; NULL: it is gone. */
struct client *client_of(struct tree_request *request);

/** client_finished() - the same for what the tree does not answer; @code: EXIT_OK, or
 * why not. @request: NULL: nobody waits. */
void client_finished(struct tree_request *request, int code, const char *why);

/**
 * client_follow() - from now on each event line that passes; its time does not matter
 * @filter: copied
 * @event: static; only events of this name; NULL: all but worker.output
 *
 * Out of memory is answered as an error.
 */
void client_follow(
    struct client *client, const struct event_filter *filter, const char *event);
