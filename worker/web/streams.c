/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams over evhttp's chunked replies. What the events say is not known here.
 */
#include "worker/web/streams.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/cleanup.h"

#define WRITE_TIMEOUT_S 30
#define INPUT_MAX 4096 /* a client has nothing to say any more */

struct stream {
	TAILQ_ENTRY(stream) entry;
	struct streams *streams;
	struct evhttp_request *request;
	struct evhttp_connection *connection;
};

struct streams {
	TAILQ_HEAD(, stream) clients;
	uint64_t n, dropped;
	int64_t epoch;
	char *kept[STREAMS_KEPT]; /* ring, by number */
	uint64_t last;		  /* number of the last event; 0: none yet */
};

static void
forget(struct stream *stream)
{
	TAILQ_REMOVE(&stream->streams->clients, stream, entry);
	stream->streams->n--;
	free(stream);
}

static void
on_close(struct evhttp_connection *connection, void *data)
{
	struct stream *stream = data;

	(void)connection;
	/* evhttp leaves a request to us that was being answered when its client went. */
	if (!evhttp_request_get_connection(stream->request))
		evhttp_request_free(stream->request);
	forget(stream);
}

static void
drop(struct stream *stream)
{
	struct evhttp_connection *connection = stream->connection;

	evhttp_connection_set_closecb(connection, NULL, NULL);
	forget(stream);
	evhttp_connection_free(connection);
}

static size_t
backlog(const struct stream *stream)
{
	return evbuffer_get_length(bufferevent_get_output(
	    evhttp_connection_get_bufferevent(stream->connection)));
}

/* Return: false: it could not follow, and is gone. */
static bool
send_text(struct stream *stream, const char *text)
{
	struct evbuffer *chunk;

	if (backlog(stream) + strlen(text) > STREAMS_BACKLOG_MAX) {
		stream->streams->dropped++;
		drop(stream);
		return false;
	}
	chunk = evbuffer_new();
	if (!chunk)
		return true;
	evbuffer_add(chunk, text, strlen(text));
	evhttp_send_reply_chunk(stream->request, chunk);
	evbuffer_free(chunk);
	return true;
}

static char *
event_text(const struct streams *streams, uint64_t number, const char *json)
{
	char *text;

	if (asprintf(&text,
		"id: %" PRId64 "-%" PRIu64 "\nevent: happened\ndata: %s\n\n",
		streams->epoch, number, json) < 0)
		return NULL;
	return text;
}

static void
broadcast(struct streams *streams, const char *text)
{
	struct stream *stream, *next;

	for (stream = TAILQ_FIRST(&streams->clients); stream; stream = next) {
		next = TAILQ_NEXT(stream, entry);
		send_text(stream, text);
	}
}

/* The number after which a client wants to hear; 0: all. */
static uint64_t
heard_by(const struct streams *streams, struct evhttp_request *request)
{
	const char *id = evhttp_find_header(
	    evhttp_request_get_input_headers(request), "Last-Event-ID");
	int64_t epoch;
	uint64_t number;

	if (!id || sscanf(id, "%" SCNd64 "-%" SCNu64, &epoch, &number) != 2 ||
	    epoch != streams->epoch || number > streams->last)
		return 0;
	return number;
}

static void
send_kept(struct stream *stream, uint64_t after)
{
	const struct streams *streams = stream->streams;
	uint64_t number =
	    streams->last > STREAMS_KEPT ? streams->last - STREAMS_KEPT : 0;

	if (number < after)
		number = after;
	while (++number <= streams->last)
		if (streams->kept[number % STREAMS_KEPT] &&
		    !send_text(stream, streams->kept[number % STREAMS_KEPT]))
			return;
}

static char *
status_text(const char *json)
{
	char *text;

	return asprintf(&text, "event: status\ndata: %s\n\n", json) < 0 ? NULL : text;
}

struct streams *
streams_new(int64_t epoch)
{
	struct streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return NULL;
	TAILQ_INIT(&streams->clients);
	streams->epoch = epoch;
	return streams;
}

bool
streams_is_full(const struct streams *streams)
{
	return streams->n >= STREAMS_MAX;
}

void
streams_open(
    struct streams *streams, struct evhttp_request *request, const char *status)
{
	const struct timeval patience = { .tv_sec = WRITE_TIMEOUT_S };
	_cleanup_free_ char *first = status ? status_text(status) : NULL;
	struct stream *stream = calloc(1, sizeof(*stream));
	uint64_t after = heard_by(streams, request);
	struct bufferevent *connection;

	if (!stream) {
		evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	*stream = (struct stream){ .streams = streams,
		.request = request,
		.connection = evhttp_request_get_connection(request) };
	TAILQ_INSERT_TAIL(&streams->clients, stream, entry);
	streams->n++;
	evhttp_connection_set_closecb(stream->connection, on_close, stream);
	connection = evhttp_connection_get_bufferevent(stream->connection);
	evhttp_send_reply_start(request, HTTP_OK, "OK");
	/* It is silent for as long as it likes. */
	bufferevent_set_timeouts(connection, NULL, &patience);
	bufferevent_setwatermark(connection, EV_READ, 0, INPUT_MAX);
	if (send_text(stream, first ? first : ":\n\n"))
		send_kept(stream, after);
}

void
streams_event(struct streams *streams, const char *json)
{
	char *text = event_text(streams, streams->last + 1, json);
	char **kept;

	if (!text)
		return;
	kept = &streams->kept[++streams->last % STREAMS_KEPT];
	free(*kept);
	*kept = text;
	broadcast(streams, text);
}

void
streams_status(struct streams *streams, const char *json)
{
	_cleanup_free_ char *text = status_text(json);

	if (text)
		broadcast(streams, text);
}

uint64_t
streams_count(const struct streams *streams)
{
	return streams->n;
}

uint64_t
streams_dropped(const struct streams *streams)
{
	return streams->dropped;
}

struct streams *
streams_free(struct streams *streams)
{
	if (!streams)
		return NULL;
	while (!TAILQ_EMPTY(&streams->clients))
		drop(TAILQ_FIRST(&streams->clients));
	for (size_t i = 0; i < STREAMS_KEPT; i++)
		free(streams->kept[i]);
	free(streams);
	return NULL;
}
