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
#include "common/clock.h"
#include "common/error.h"
#include "common/paths.h"
#include "common/timestamp.h"
#include "supervisor/client.h"
#include "supervisor/command.h"
#include "supervisor/context.h"
#include "supervisor/handover.h"

#define ROW_MAX 16384
#define ACCEPT_PAUSE_MS 100
#define BEHIND_AGAIN_NS (60 * NS_PER_S) /* between two client.behind of one client */

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

static void
tell_behind(struct client *client)
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
	    &record, "unread_bytes", (int64_t)evbuffer_get_length(output_of(client)));
	event_log_emit(
	    &client->control->supervisor->events, LOG_LEVEL_WARNING, &record);
}

/* After the line that was too much has gone to all: this is an event, too. */
static void
log_those_behind(struct control *control)
{
	struct client *client;

	TAILQ_FOREACH(client, &control->clients, entry) {
		bool fell_behind = client->fell_behind;

		client->fell_behind = false;
		if (fell_behind)
			tell_behind(client);
	}
}

/* Where they are missing, it gets their number. */
static void
tell_lost(struct client *client)
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

void
control_event(struct control *control, const char *line, const char *worker)
{
	bool is_behind = false;
	struct client *client;

	TAILQ_FOREACH(client, &control->clients, entry) {
		if (!follows(client, line, worker))
			continue;
		if (has_room(client)) {
			client_line(client, line);
			continue;
		}
		if (client->lost++ > 0)
			continue;
		client->lost_ns = clock_realtime_ns();
		client->fell_behind = is_behind = true;
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
	tell_lost(client);
	if (client->answered && evbuffer_get_length(output_of(client)) == 0)
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

/* Takes @fd. Return: NULL: it is closed. */
static struct client *
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

/* Takes @fd, the listening socket; below 0: why there is none. */
static int
control_new(struct supervisor *supervisor, int fd, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control || fd < 0) {
		closep(&fd);
		free(control);
		return fd < 0 ? fd : -ENOMEM;
	}
	control->supervisor = supervisor;
	TAILQ_INIT(&control->clients);
	control->fd = fd;
	control->path = path_join(supervisor->runtime_dir, CONTROL_SOCKET);
	control->on_accept = event_new(
	    supervisor->base, control->fd, EV_READ | EV_PERSIST, on_accept_cb, control);
	control->on_pause = evtimer_new(supervisor->base, on_pause_cb, control);
	errno = ENOMEM;
	if (!control->path || !control->on_accept || !control->on_pause ||
	    event_add(control->on_accept, NULL) < 0) {
		r = -errno;
		control_close(control);
		return r;
	}
	supervisor->events.follower = on_event_line;
	supervisor->events.data = control;
	*ret_control = control;
	return 0;
}

int
control_open(struct supervisor *supervisor, struct control **ret_control)
{
	_cleanup_free_ char *path = path_join(supervisor->runtime_dir, CONTROL_SOCKET);

	return control_new(supervisor,
	    path ? listen_at(path, supervisor->config) : -ENOMEM, ret_control);
}

/* What the last clients wait for is written as far as their sockets take it. */
static void
client_finish(struct client *client)
{
	int fd = bufferevent_getfd(client->stream);

	if (client->wish)
		client_error(client, EXIT_UNAVAILABLE, "the supervisor has ended");
	tell_lost(client);
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
	if (control->path)
		unlink(control->path);
	free(control->path);
	free(control);
	return NULL;
}

/* An upgrade: the connections live on, and what had not been written yet is written by
 * the next supervisor. */

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
	evbuffer_add(output_of(client), handed->out, handed->n_out);
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
	if (evbuffer_get_length(output_of(client)) == 0)
		tell_lost(client);
	/* It has all that it was to get. */
	if (client->answered && evbuffer_get_length(output_of(client)) == 0)
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
