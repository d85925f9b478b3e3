/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the control socket share: its clients and itself. Nothing else
 * includes this.
 *
 *	control.c           the socket: who is let in, and events to all that follow
 *	client.c            a client: its request, its answer, what it follows and loses
 *	control_handover.c  both across an upgrade
 */
#pragma once

#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "supervisor/client.h"
#include "supervisor/context.h"
#include "supervisor/control.h"

struct wish;

struct client {
	TAILQ_ENTRY(client) entry;
	struct control *control;
	struct bufferevent *stream;
	struct wish *wish; /* NULL: the tree does nothing for it */
	struct ucred peer;
	bool is_owner; /* or root; else a guest, who may look */
	bool answered; /* closed when all has been written */
	bool following;
	bool fell_behind;  /* it has just begun to lose events; not yet told */
	uint64_t lost;	   /* events since then; 0: it gets them all */
	int64_t lost_ns;   /* time of day of the first of them */
	int64_t behind_ns; /* monotonic: the last client.behind about it; 0: none */
	char *worker, *match; /* what it follows: struct event_filter */
	const char *event;
};

struct control {
	struct supervisor *supervisor;
	char *path;
	int fd;
	struct event *on_accept, *on_pause;
	TAILQ_HEAD(, client) clients;
	unsigned n_clients, n_guests;
};

/** control_new() - takes @fd, the listening socket; below 0: why there is none. Return:
 * 0, -errno. */
int control_new(struct supervisor *supervisor, int fd, struct control **ret_control);

/** client_new() - takes @fd. Return: NULL: it is closed, and told why it is not let in
 * if that is so. */
struct client *client_new(struct control *control, int fd);

/** client_free() - and its connection is closed. */
void client_free(struct client *client);

/** client_finish() - what it waits for is written as far as its socket takes it, and
 * it is freed: the supervisor ends. */
void client_finish(struct client *client);

/** client_output() - what has not been written to it yet. */
struct evbuffer *client_output(struct client *client);

/** client_follows() - whether this event is one that it follows. */
bool client_follows(const struct client *client, const char *line, const char *worker);

/** client_take_event() - an event that it follows, or loses. Return: whether it is the
 * first that it loses. */
bool client_take_event(struct client *client, const char *line);

/** client_tell_behind() - an event that it has begun to lose some. */
void client_tell_behind(struct client *client);

/** client_tell_lost() - how many it has lost, where they are missing. */
void client_tell_lost(struct client *client);
