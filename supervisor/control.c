/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket and its clients, over libevent's bufferevents. Whatever a client
 * does, or does not do, costs at most its own connection: requests, clients and
 * backlogs are bounded. What requests mean is in command.c.
 */
#include "supervisor/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/paths.h"
#include "supervisor/client.h"
#include "supervisor/command.h"
#include "supervisor/context.h"

#define ROW_MAX 16384
#define ACCEPT_PAUSE_MS 100

/* A wish that the tree is carrying out. It outlives its client if need be. */
struct wish {
	struct tree_request request; /* first */
	struct client *client;	     /* NULL: gone */
};

struct client {
	TAILQ_ENTRY(client) entry;
	struct control *control;
	struct bufferevent *stream;
	struct wish *wish;
	struct ucred peer;
	bool is_owner; /* or root; else a guest, who may look */
	bool answered; /* closed when all has been written */
	bool following;
	bool was_dropped;
	size_t fell_behind; /* bytes that it has not read; dropped, and not yet told */
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

static void
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

static struct evbuffer *
output_of(struct client *client)
{
	return bufferevent_get_output(client->stream);
}

void
client_line(struct client *client, const char *line)
{
	evbuffer_add_printf(output_of(client), "%s\n", line);
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

static bool
follows(const struct client *client, const char *line, const char *worker)
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

/* It keeps what waits for it, and then gets to know why there is no more. */
static void
fall_behind(struct client *client)
{
	client->fell_behind = evbuffer_get_length(output_of(client));
	client->following = false;
	client->was_dropped = true;
	set_patience(client);
	client_error(client, EXIT_UNAVAILABLE,
	    "dropped: %zu bytes were waiting to be read", client->fell_behind);
}

/* After the line that was too much has gone to all: this is an event, too. */
static void
log_those_behind(struct control *control)
{
	struct client *client;

	TAILQ_FOREACH(client, &control->clients, entry) {
		size_t bytes = client->fell_behind;

		client->fell_behind = 0;
		if (bytes > 0)
			tell_dropped(client, bytes);
	}
}

void
control_event(struct control *control, const char *line, const char *worker)
{
	bool is_behind = false;
	struct client *client;

	TAILQ_FOREACH(client, &control->clients, entry) {
		if (!follows(client, line, worker))
			continue;
		if (evbuffer_get_length(output_of(client)) <= CONTROL_BACKLOG_MAX) {
			client_line(client, line);
			continue;
		}
		fall_behind(client);
		is_behind = true;
	}
	if (is_behind)
		log_those_behind(control);
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
	if (client->answered)
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
	/* One that has been told to go has its event already. */
	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_WRITING) &&
	    !client->was_dropped)
		tell_dropped(client, evbuffer_get_length(output_of(client)));
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

static void
client_new(struct control *control, int fd)
{
	struct client *client;
	struct ucred peer;
	const char *why = refusal(control, fd, &peer);

	if (why) {
		refuse(fd, why);
		return;
	}
	client = calloc(1, sizeof(*client));
	if (client)
		client->stream = bufferevent_socket_new(
		    control->supervisor->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client || !client->stream) {
		free(client);
		close(fd);
		return;
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
	if (bufferevent_enable(client->stream, EV_READ | EV_WRITE) < 0)
		client_free(client);
}

/* It stays in the queue, and we look again in a while instead of spinning. */
static void
pause_accepting(struct control *control)
{
	struct timeval pause = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

	event_del(control->on_accept);
	evtimer_add(control->on_pause, &pause);
}

static void
on_accept_cb(evutil_socket_t fd, short what, void *data)
{
	int client_fd;

	(void)what;
	client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client_fd >= 0)
		client_new(data, client_fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		 errno == ENOBUFS)
		pause_accepting(data);
}

static void
on_pause_cb(evutil_socket_t fd, short what, void *data)
{
	struct control *control = data;

	(void)fd, (void)what;
	if (event_add(control->on_accept, NULL) < 0)
		pause_accepting(control);
}

static int
listen_at(const char *path, const struct config *config)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (r < 0)
		return -errno;
	if (config->control_group &&
	    (chown(path, (uid_t)-1, config->control_gid) < 0 || chmod(path, 0660) < 0))
		return -errno;
	if (listen(fd, 16) < 0)
		return -errno;
	return steal_fd(&fd);
}

static void
on_event_line(const char *line, const char *worker, void *data)
{
	control_event(data, line, worker);
}

int
control_open(struct supervisor *supervisor, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return -ENOMEM;
	control->supervisor = supervisor;
	TAILQ_INIT(&control->clients);
	control->path = path_join(supervisor->runtime_dir, CONTROL_SOCKET);
	control->fd =
	    control->path ? listen_at(control->path, supervisor->config) : -ENOMEM;
	if (control->fd < 0) {
		r = control->fd;
		free(control->path);
		free(control);
		return r;
	}
	control->on_accept = event_new(
	    supervisor->base, control->fd, EV_READ | EV_PERSIST, on_accept_cb, control);
	control->on_pause = evtimer_new(supervisor->base, on_pause_cb, control);
	if (!control->on_accept || !control->on_pause) {
		control_close(control);
		return -ENOMEM;
	}
	errno = ENOMEM;
	if (event_add(control->on_accept, NULL) < 0) {
		r = -errno;
		control_close(control);
		return r;
	}
	supervisor->events.follower = on_event_line;
	supervisor->events.data = control;
	*ret_control = control;
	return 0;
}

/* What the last clients wait for is written as far as their sockets take it. */
static void
client_finish(struct client *client)
{
	int fd = bufferevent_getfd(client->stream);

	if (client->wish)
		client_error(client, EXIT_UNAVAILABLE, "the supervisor has ended");
	/* The bufferevent keeps its own output to itself. */
	evbuffer_unfreeze(output_of(client), 1);
	while (evbuffer_get_length(output_of(client)) > 0)
		if (evbuffer_write(output_of(client), fd) <= 0)
			break;
	client_free(client);
}

struct control *
control_close(struct control *control)
{
	struct client *client;

	if (!control)
		return NULL;
	control->supervisor->events.follower = NULL;
	while ((client = TAILQ_FIRST(&control->clients)))
		client_finish(client);
	if (control->on_accept)
		event_free(control->on_accept);
	if (control->on_pause)
		event_free(control->on_pause);
	close(control->fd);
	unlink(control->path);
	free(control->path);
	free(control);
	return NULL;
}
