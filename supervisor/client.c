/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the control socket, over a bufferevent: one request, one answer, and
 * what it follows. Whatever it does, or does not do, costs at most its own connection.
 * What requests mean is in command.c.
 */
#include "supervisor/control_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/timestamp.h"
#include "supervisor/command.h"

#define ROW_MAX 16384
#define BEHIND_AGAIN_NS (60 * NS_PER_S) /* between two client.behind of one client */

/* A wish that the tree is carrying out. It outlives its client if need be. */
struct wish {
	struct tree_request request; /* first */
	struct client *client;	     /* NULL: gone */
};

void
client_free(struct client *client)
{
	TAILQ_REMOVE(&client->control->clients, client, entry);
	client->control->n_clients--;
	client->control->n_guests -= !client->is_owner;
	if (client->wish)
		client->wish->client = NULL;
	bufferevent_free(client->stream);
	free(client->worker);
	free(client->match);
	free(client);
}

struct evbuffer *
client_output(struct client *client)
{
	return bufferevent_get_output(client->stream);
}

void
client_line(struct client *client, const char *line)
{
	evbuffer_add_printf(client_output(client), "%s\n", line);
}

void
client_row(struct client *client, const struct record *row)
{
	char line[ROW_MAX];

	record_logfmt(row, line, sizeof(line));
	client_line(client, line);
}

static void
answer(struct client *client, const char *line)
{
	client->answered = true;
	client_line(client, line);
}

void
client_ok(struct client *client)
{
	answer(client, "ok");
}

void
client_error(struct client *client, int code, const char *format, ...)
{
	char message[ERROR_TEXT_MAX], line[ERROR_TEXT_MAX * 4];
	struct record record;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	record_init(&record, "error");
	record_int(&record, "code", code);
	record_text(&record, "message", message);
	record_logfmt(&record, line, sizeof(line));
	answer(client, line);
}

uid_t
client_uid(const struct client *client)
{
	return client->peer.uid;
}

bool
client_is_owner(const struct client *client)
{
	return client->is_owner;
}

struct tree_request *
client_expect(struct client *client)
{
	struct wish *wish = calloc(1, sizeof(*wish));

	if (!wish)
		return NULL;
	wish->client = client;
	client->wish = wish;
	return &wish->request;
}

void
client_answered(struct tree_request *request, const char *why)
{
	struct wish *wish = (struct wish *)request;

	if (wish->client) {
		wish->client->wish = NULL;
		if (why)
			client_error(wish->client, EXIT_OSERR, "%s: %s",
			    request->config->name, why);
		else
			client_ok(wish->client);
	}
	free(wish);
}

struct client *
client_of(struct tree_request *request)
{
	return ((struct wish *)request)->client;
}

void
client_finished(struct tree_request *request, int code, const char *why)
{
	struct wish *wish = (struct wish *)request;

	if (wish && wish->client) {
		wish->client->wish = NULL;
		if (code != EXIT_OK)
			client_error(wish->client, code, "%s", why);
		else
			client_ok(wish->client);
	}
	free(wish);
}

void
client_follow(
    struct client *client, const struct event_filter *filter, const char *event)
{
	client->worker = filter->worker ? strdup(filter->worker) : NULL;
	client->match = filter->match ? strdup(filter->match) : NULL;
	if ((filter->worker && !client->worker) || (filter->match && !client->match)) {
		client_error(client, EXIT_OSERR, "%s", strerror(ENOMEM));
		return;
	}
	client->following = true;
	client->event = event;
	/* It may pause as long as it likes: the backlog is the bound. */
	bufferevent_set_timeouts(client->stream, NULL, NULL);
}

bool
client_follows(const struct client *client, const char *line, const char *worker)
{
	const struct event_filter filter = { client->worker, client->match,
		EVENT_LOG_EVER };
	const char *event = client->event ? client->event : "worker.output";
	size_t length = strlen(event);
	bool is_that = strncmp(line, event, length) == 0 && line[length] == ' ';

	if (!client->following || is_that != (client->event != NULL))
		return false;
	return event_filter_takes(&filter, line, worker);
}

static void
tell_dropped(struct client *client, size_t bytes)
{
	struct record record;

	record_init(&record, "client.dropped");
	record_int(&record, "pid", client->peer.pid);
	record_int(&record, "uid", client->peer.uid);
	record_int(&record, "unread_bytes", (int64_t)bytes);
	event_log_emit(
	    &client->control->supervisor->events, LOG_LEVEL_WARNING, &record);
}

static void
set_patience(struct client *client)
{
	const struct timeval patience = { .tv_sec = CONTROL_PATIENCE_S };

	bufferevent_set_timeouts(client->stream, &patience, &patience);
}

void
client_tell_behind(struct client *client)
{
	int64_t now_ns = clock_monotonic_ns();
	struct record record;

	if (client->behind_ns > 0 && now_ns - client->behind_ns < BEHIND_AGAIN_NS)
		return;
	client->behind_ns = now_ns;
	record_init(&record, "client.behind");
	record_int(&record, "pid", client->peer.pid);
	record_int(&record, "uid", client->peer.uid);
	record_int(
	    &record, "unread_bytes", (int64_t)evbuffer_get_length(client_output(client)));
	event_log_emit(
	    &client->control->supervisor->events, LOG_LEVEL_WARNING, &record);
}

/* Where they are missing, it gets their number. */
void
client_tell_lost(struct client *client)
{
	char now[TIMESTAMP_TEXT_MAX], since[TIMESTAMP_TEXT_MAX];
	struct record row;

	if (client->lost == 0)
		return;
	timestamp_format_ms(clock_realtime_ns(), now);
	timestamp_format_ms(client->lost_ns, since);
	record_init(&row, CONTROL_LOST);
	record_text(&row, "ts", now);
	record_int(&row, "events", (int64_t)client->lost);
	record_text(&row, "since", since);
	client->lost = 0;
	client_row(client, &row);
}

/* Once it loses one, it gets none until it has read what waits for it. */
static bool
has_room(const struct client *client)
{
	return client->lost == 0 && evbuffer_get_length(bufferevent_get_output(
					client->stream)) <= CONTROL_BACKLOG_MAX;
}

bool
client_take_event(struct client *client, const char *line)
{
	if (has_room(client)) {
		client_line(client, line);
		return false;
	}
	if (client->lost++ > 0)
		return false;
	client->lost_ns = clock_realtime_ns();
	client->fell_behind = true;
	return true;
}

/* Requests. */

static void
take_request(struct client *client, char *line)
{
	const struct timeval patience = { .tv_sec = CONTROL_PATIENCE_S };
	struct record request;

	bufferevent_set_timeouts(client->stream, NULL, &patience);
	if (record_parse(line, &request) != 0 || !request.event)
		client_error(client, EXIT_USAGE, "that is not a request");
	else
		command_run(client->control->supervisor, client, &request);
}

static void
on_read(struct bufferevent *stream, void *data)
{
	struct evbuffer *input = bufferevent_get_input(stream);
	struct client *client = data;
	_cleanup_free_ char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_LF);

	if (line && !client->answered && !client->wish && !client->following)
		take_request(client, line);
	else if (!line && evbuffer_get_length(input) >= CONTROL_REQUEST_MAX)
		client_error(client, EXIT_USAGE, "the request is too long");
	/* One request a connection; whatever follows is not read. */
	if (client->answered || client->wish || client->following)
		evbuffer_drain(input, evbuffer_get_length(input));
}

static void
on_written(struct bufferevent *stream, void *data)
{
	struct client *client = data;

	(void)stream;
	client_tell_lost(client);
	if (client->answered && evbuffer_get_length(client_output(client)) == 0)
		client_free(client);
}

static void
on_gone(struct bufferevent *stream, short what, void *data)
{
	struct client *client = data;

	(void)stream;
	/* A client may close its sending side and still wait for the answer. */
	if ((what & BEV_EVENT_EOF) && (client->answered || client->wish))
		return;
	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_WRITING))
		tell_dropped(client, evbuffer_get_length(client_output(client)));
	client_free(client);
}

/* Nobody else is let in by the socket's mode; what the mode cannot tell is who of the
 * group is more than a guest. */
static bool
is_owner(const struct ucred *peer)
{
	return peer->uid == 0 || peer->uid == geteuid();
}

/* Why not; NULL: it is let in. */
static const char *
refusal(const struct control *control, int fd, struct ucred *ret_peer)
{
	socklen_t length = sizeof(*ret_peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &length) < 0)
		return "the kernel does not say who you are";
	if (!is_owner(ret_peer) && !control->supervisor->config->control_group)
		return "only the supervisor's owner and root may";
	if (control->n_clients >= CONTROL_CLIENTS_MAX ||
	    (!is_owner(ret_peer) && control->n_guests >= CONTROL_GUESTS_MAX))
		return "too many clients";
	return NULL;
}

/* Into an empty buffer of the kernel's, which takes so little. */
static void
refuse(int fd, const char *why)
{
	char line[ERROR_TEXT_MAX];
	int length = snprintf(line, sizeof(line), "error code=%d message=\"%s\"\n",
	    EXIT_UNAVAILABLE, why);

	(void)send(fd, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

struct client *
client_new(struct control *control, int fd)
{
	struct client *client;
	struct ucred peer;
	const char *why = refusal(control, fd, &peer);

	if (why) {
		refuse(fd, why);
		return NULL;
	}
	client = calloc(1, sizeof(*client));
	if (client)
		client->stream = bufferevent_socket_new(
		    control->supervisor->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client || !client->stream) {
		free(client);
		close(fd);
		return NULL;
	}
	client->control = control;
	client->peer = peer;
	client->is_owner = is_owner(&peer);
	TAILQ_INSERT_TAIL(&control->clients, client, entry);
	control->n_clients++;
	control->n_guests += !client->is_owner;
	bufferevent_setwatermark(client->stream, EV_READ, 0, CONTROL_REQUEST_MAX);
	bufferevent_setcb(client->stream, on_read, on_written, on_gone, client);
	set_patience(client);
	if (bufferevent_enable(client->stream, EV_READ | EV_WRITE) == 0)
		return client;
	client_free(client);
	return NULL;
}

/* What the last clients wait for is written as far as their sockets take it. */
void
client_finish(struct client *client)
{
	int fd = bufferevent_getfd(client->stream);

	if (client->wish)
		client_error(client, EXIT_UNAVAILABLE, "the supervisor has ended");
	client_tell_lost(client);
	/* The bufferevent keeps its own output to itself. */
	evbuffer_unfreeze(client_output(client), 1);
	while (evbuffer_get_length(client_output(client)) > 0)
		if (evbuffer_write(client_output(client), fd) <= 0)
			break;
	client_free(client);
}

