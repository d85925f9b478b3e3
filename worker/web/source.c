/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two connections: one that follows, and one for each look. The supervisor is trusted
 * no more than a peer: lines are bounded, and each look has a deadline.
 */
#include "worker/web/source.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/clock.h"

#define LINE_MAX_BYTES 65536
#define HISTORY 256 /* as many as the supervisor remembers */
#define AGAIN_NS NS_PER_S
#define LOOK_TIMEOUT_S 5

struct source {
	struct source_config config;
	struct event_base *base;
	struct sockaddr_un address;
	struct bufferevent *follow, *look; /* NULL: not connected */
	struct event *on_again, *on_interval;
	struct rows rows; /* of the look under way */
	/* The last lines, to know again what is told once more after a reconnect. */
	char *seen[HISTORY];
	size_t next;
	char newest[40], replayed_to[40]; /* ts= */
	uint64_t lines_lost;
	int64_t look_began_ns;
};

static struct bufferevent *
hang_up(struct bufferevent *stream)
{
	if (stream)
		bufferevent_free(stream);
	return NULL;
}

static struct bufferevent *
ask(struct source *source, const char *request, bufferevent_data_cb on_read,
    bufferevent_event_cb on_gone)
{
	struct bufferevent *stream =
	    bufferevent_socket_new(source->base, -1, BEV_OPT_CLOSE_ON_FREE);

	if (!stream)
		return NULL;
	bufferevent_setcb(stream, on_read, NULL, on_gone, source);
	bufferevent_setwatermark(stream, EV_READ, 0, LINE_MAX_BYTES);
	if (evbuffer_add(bufferevent_get_output(stream), request, strlen(request)) <
		0 ||
	    bufferevent_enable(stream, EV_READ | EV_WRITE) < 0 ||
	    bufferevent_socket_connect(stream, (struct sockaddr *)&source->address,
		sizeof(source->address)) < 0)
		return hang_up(stream);
	return stream;
}

/* A line, or NULL when there is none yet. @ret_broken: none can come any more. */
static char *
next_line(struct source *source, struct bufferevent *stream, bool *ret_broken)
{
	struct evbuffer *input = bufferevent_get_input(stream);
	char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_LF);

	*ret_broken = !line && evbuffer_get_length(input) >= LINE_MAX_BYTES;
	source->lines_lost += *ret_broken;
	return line;
}

/* Events */

static bool
was_seen(const struct source *source, const char *line)
{
	for (size_t i = 0; i < HISTORY; i++)
		if (source->seen[i] && strcmp(source->seen[i], line) == 0)
			return true;
	return false;
}

static void
take_event(struct source *source, char *line)
{
	static const char key[] = " ts=";
	const char *found = strstr(line, key);
	char time[sizeof(source->newest)];

	if (!found) {
		source->lines_lost++;
		free(line);
		return;
	}
	found += strlen(key);
	snprintf(time, sizeof(time), "%.*s", (int)strcspn(found, " "), found);
	if (strcmp(time, source->replayed_to) <= 0 && was_seen(source, line)) {
		free(line);
		return;
	}
	if (strcmp(time, source->newest) > 0)
		snprintf(source->newest, sizeof(source->newest), "%s", time);
	free(source->seen[source->next]);
	source->seen[source->next] = line;
	source->next = (source->next + 1) % HISTORY;
	source->config.on_event(line, source->config.data);
}

static void
follow_ended(struct source *source)
{
	struct timeval again = clock_timeval(AGAIN_NS);

	source->follow = hang_up(source->follow);
	evtimer_add(source->on_again, &again);
}

static void
on_event_read(struct bufferevent *stream, void *data)
{
	struct source *source = data;
	bool broken;
	char *line;

	while ((line = next_line(source, stream, &broken)))
		take_event(source, line);
	if (broken)
		follow_ended(source);
}

static void
on_follow_gone(struct bufferevent *stream, short what, void *data)
{
	(void)stream;
	if (!(what & BEV_EVENT_CONNECTED))
		follow_ended(data);
}

static void
on_again_cb(evutil_socket_t fd, short what, void *data)
{
	struct source *source = data;

	(void)fd, (void)what;
	memcpy(source->replayed_to, source->newest, sizeof(source->newest));
	source->follow =
	    ask(source, "events lines=256 follow=yes\n", on_event_read, on_follow_gone);
	if (!source->follow)
		follow_ended(source);
}

/* Looks */

static void
look_ended(struct source *source, bool answered)
{
	source->look = hang_up(source->look);
	source->config.on_rows(answered ? &source->rows : NULL, source->config.data);
	rows_deinit(&source->rows);
}

static bool
is_verdict(const char *line, const char *verdict)
{
	size_t length = strlen(verdict);

	return strncmp(line, verdict, length) == 0 &&
	       (line[length] == '\0' || line[length] == ' ');
}

static void
on_row_read(struct bufferevent *stream, void *data)
{
	struct source *source = data;
	bool broken;

	for (;;) {
		_cleanup_free_ char *line = next_line(source, stream, &broken);

		if (!line)
			break;
		if (is_verdict(line, "ok") || is_verdict(line, "error")) {
			look_ended(source, line[0] == 'o');
			return;
		}
		source->lines_lost += rows_add(&source->rows, line) < 0;
	}
	if (broken)
		look_ended(source, false);
}

static void
on_look_gone(struct bufferevent *stream, short what, void *data)
{
	(void)stream;
	if (!(what & BEV_EVENT_CONNECTED))
		look_ended(data, false);
}

/* One that is still under way has a deadline of its own. */
static void
on_interval_cb(evutil_socket_t fd, short what, void *data)
{
	const struct timeval patience = { .tv_sec = LOOK_TIMEOUT_S };
	struct source *source = data;

	(void)fd, (void)what;
	if (source->look)
		return;
	source->look_began_ns = clock_monotonic_ns();
	source->look = ask(source, "metrics\n", on_row_read, on_look_gone);
	if (!source->look)
		look_ended(source, false);
	else
		bufferevent_set_timeouts(source->look, &patience, &patience);
}

struct source *
source_new(struct event_base *base, const struct source_config *config)
{
	const struct timeval at_once = { 0 },
			     interval = clock_timeval(config->interval_ns);
	struct source *source;

	if (strlen(config->path) >= sizeof(source->address.sun_path))
		return NULL;
	source = calloc(1, sizeof(*source));
	if (!source)
		return NULL;
	source->config = *config;
	source->base = base;
	source->address.sun_family = AF_UNIX;
	strcpy(source->address.sun_path, config->path);
	source->on_again = evtimer_new(base, on_again_cb, source);
	source->on_interval = event_new(base, -1, EV_PERSIST, on_interval_cb, source);
	if (!source->on_again || !source->on_interval ||
	    evtimer_add(source->on_again, &at_once) < 0 ||
	    event_add(source->on_interval, &interval) < 0)
		return source_free(source);
	event_active(source->on_interval, EV_TIMEOUT, 0);
	return source;
}

int64_t
source_look_ns(const struct source *source)
{
	return clock_monotonic_ns() - source->look_began_ns;
}

uint64_t
source_lines_lost(const struct source *source)
{
	return source->lines_lost;
}

struct source *
source_free(struct source *source)
{
	if (!source)
		return NULL;
	source->follow = hang_up(source->follow);
	source->look = hang_up(source->look);
	if (source->on_again)
		event_free(source->on_again);
	if (source->on_interval)
		event_free(source->on_interval);
	rows_deinit(&source->rows);
	for (size_t i = 0; i < HISTORY; i++)
		free(source->seen[i]);
	free(source);
	return NULL;
}
