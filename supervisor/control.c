/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: it listens, lets clients in, and gives events to those that
 * follow. Requests, clients and backlogs are bounded.
 */
#include "supervisor/control_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/paths.h"

#define ACCEPT_PAUSE_MS 100

/* After the line that was too much has gone to all: this is an event, too. */
static void
log_those_behind(struct control *control)
{
	struct client *client;

	TAILQ_FOREACH(client, &control->clients, entry) {
		bool fell_behind = client->fell_behind;

		client->fell_behind = false;
		if (fell_behind)
			client_tell_behind(client);
	}
}

void
control_event(struct control *control, const char *line, const char *worker)
{
	bool is_behind = false;
	struct client *client;

	TAILQ_FOREACH(client, &control->clients, entry)
		if (client_follows(client, line, worker))
			is_behind |= client_take_event(client, line);
	if (is_behind)
		log_those_behind(control);
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
