/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket across an upgrade: the connections live on, and what had not been
 * written yet is written by the next supervisor.
 */
#include "supervisor/control_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/handover.h"

static void
write_buffer(struct handover_writer *writer, struct evbuffer *buffer)
{
	size_t length = evbuffer_get_length(buffer);
	const char *bytes = length > 0 ? (char *)evbuffer_pullup(buffer, -1) : "";

	if (bytes)
		handover_bytes(writer, bytes, length);
	else
		writer->failed = true;
}

static void
hand_over_client(const struct client *client, struct handover_writer *writer)
{
	handover_array(writer, 11);
	handover_fd(writer, bufferevent_getfd(client->stream));
	handover_int(writer, client->wish != NULL);
	handover_int(writer, client->answered);
	handover_int(writer, client->following);
	handover_text(writer, client->worker);
	handover_int(writer, client->event != NULL);
	write_buffer(writer, bufferevent_get_input(client->stream));
	write_buffer(writer, bufferevent_get_output(client->stream));
	handover_text(writer, client->match);
	handover_int(writer, (int64_t)client->lost);
	handover_int(writer, client->lost_ns);
}

void
control_hand_over(const struct control *control, struct handover_writer *writer)
{
	const struct client *client;

	handover_map(writer, 2);
	handover_text(writer, "fd");
	handover_fd(writer, control->fd);
	handover_text(writer, "clients");
	handover_array(writer, control->n_clients);
	TAILQ_FOREACH(client, &control->clients, entry)
		hand_over_client(client, writer);
}

/** struct handed_client - as it was written */
struct handed_client {
	int fd;
	int64_t waits, answered, following, follows_output;
	int64_t lost, lost_ns; /* a supervisor before these knows none */
	char *worker, *match;  /* owned */
	const char *in, *out;
	size_t n_in, n_out;
};

static bool
read_client(struct handover_reader *reader, struct handed_client *ret_client)
{
	uint64_t n;

	if (!handover_read_array(reader, &n) || n < 9 ||
	    !handover_read_fd(reader, &ret_client->fd) ||
	    !handover_read_int(reader, 0, 1, &ret_client->waits) ||
	    !handover_read_int(reader, 0, 1, &ret_client->answered) ||
	    !handover_read_int(reader, 0, 1, &ret_client->following) ||
	    !handover_read_text(reader, &ret_client->worker) ||
	    !handover_read_int(reader, 0, 1, &ret_client->follows_output) ||
	    !handover_read_bytes(reader, &ret_client->in, &ret_client->n_in) ||
	    !handover_read_bytes(reader, &ret_client->out, &ret_client->n_out) ||
	    !handover_read_text(reader, &ret_client->match))
		return handover_wrong(reader, "a client is incomplete");
	if (n >= 11 &&
	    (!handover_read_int(reader, 0, INT64_MAX, &ret_client->lost) ||
		!handover_read_int(reader, 0, INT64_MAX, &ret_client->lost_ns)))
		return handover_wrong(reader, "a client is incomplete");
	for (n -= n >= 11 ? 2 : 0; n > 9; n--)
		if (!handover_skip(reader))
			return false;
	return true;
}

static void
fill_buffers(struct client *client, const struct handed_client *handed)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);

	/* libevent lets nobody but the socket add to it. */
	evbuffer_unfreeze(input, 0);
	evbuffer_add(input, handed->in, handed->n_in);
	evbuffer_freeze(input, 0);
	evbuffer_add(client_output(client), handed->out, handed->n_out);
}

static void
restore_client(struct control *control, struct handed_client *handed)
{
	struct client *client = client_new(control, handed->fd);

	if (!client)
		return;
	fill_buffers(client, handed);
	client->answered = handed->answered;
	client->lost = (uint64_t)handed->lost;
	client->lost_ns = handed->lost_ns;
	if (handed->following)
		client_follow(client,
		    &(struct event_filter){ .worker = handed->worker,
			.match = handed->match,
			.since_ns = EVENT_LOG_EVER },
		    handed->follows_output ? "worker.output" : NULL);
	/* Nobody but who asked for the upgrade waits while all is at rest. */
	if (handed->waits && !control->supervisor->upgraded_for)
		control->supervisor->upgraded_for = client_expect(client);
	/* It has read all that waited for it. */
	if (evbuffer_get_length(client_output(client)) == 0)
		client_tell_lost(client);
	/* It has all that it was to get. */
	if (client->answered && evbuffer_get_length(client_output(client)) == 0)
		client_free(client);
}

static bool
read_clients(struct handover_reader *reader, void *object)
{
	uint64_t n;

	if (!handover_read_array(reader, &n))
		return false;
	for (; n > 0; n--) {
		struct handed_client handed = { .fd = -1 };
		bool is_good = read_client(reader, &handed);

		if (is_good && handed.fd >= 0)
			restore_client(*(struct control **)object, &handed);
		free(handed.worker);
		free(handed.match);
		if (!is_good)
			return false;
	}
	return true;
}

static bool
read_socket(struct handover_reader *reader, void *object)
{
	int fd, r;

	if (!handover_read_fd(reader, &fd))
		return false;
	r = control_new(reader->supervisor, fd < 0 ? -EBADF : fd, object);
	return r == 0 || handover_wrong(reader, "control socket: %s", strerror(-r));
}

bool
control_take_over(struct supervisor *supervisor, struct handover_reader *reader)
{
	static const struct handover_field fields[] = {
		{ "fd", HANDOVER_OTHER, 0, 0, 0, 0, NULL, read_socket },
		{ "clients", HANDOVER_OTHER, 0, 0, 0, 0, NULL, read_clients },
	};
	static const struct handover_table table = { fields, ARRAY_SIZE(fields) };

	return handover_read_fields(reader, &table, &supervisor->control);
}
