/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An epoll(7) of its own, which is itself watched by the loop, except in a pause. What
 * comes in a packet is not known here.
 */
#include "supervisor/links.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "supervisor/child.h"
#include "supervisor/child_link.h"
#include "supervisor/context.h"

#define BATCH 64
#define BATCHES_MAX 256 /* in one turn of the loop; what is left comes in the next */
#define GRID_FROM_NS NS_PER_S

struct links {
	int fd;
	struct event *on_packets, *on_pause_over;
	int64_t read_ns; /* when there was something last */
};

/* Return: whether to look again soon. *@ret_more: there is more than we took. */
static bool
read_links(struct links *links, bool *ret_more)
{
	struct epoll_event events[BATCH];
	bool any = false;
	int n = BATCH;

	*ret_more = false;
	for (int i = 0; i < BATCHES_MAX && n == BATCH; i++) {
		n = epoll_wait(links->fd, events, BATCH, 0);
		for (int k = 0; k < n; k++)
			*ret_more |= child_read_link(events[k].data.ptr);
		any |= n > 0;
	}
	*ret_more |= n == BATCH;
	return any;
}

static void
pause_now(struct links *links, int64_t now_ns)
{
	int64_t left_ns = LINKS_PAUSE_NS - now_ns % LINKS_PAUSE_NS;
	struct timeval after = clock_timeval(left_ns);

	event_del(links->on_packets);
	evtimer_add(links->on_pause_over, &after);
}

static void
on_packets_cb(evutil_socket_t fd, short what, void *data)
{
	struct links *links = data;
	int64_t now_ns = clock_monotonic_ns();
	bool thick = now_ns - links->read_ns < LINKS_PAUSE_NS, more;

	(void)fd, (void)what;
	if (!read_links(links, &more))
		return;
	links->read_ns = now_ns;
	/* Who sends faster than we take must not be held up by the pause. */
	if (thick && !more)
		pause_now(links, now_ns);
}

static void
on_pause_over_cb(evutil_socket_t fd, short what, void *data)
{
	struct links *links = data;
	int64_t now_ns = clock_monotonic_ns();
	bool more;

	(void)fd, (void)what;
	if (read_links(links, &more)) {
		links->read_ns = now_ns;
		if (!more) {
			pause_now(links, now_ns);
			return;
		}
	}
	event_add(links->on_packets, NULL);
}

int
links_new(struct supervisor *supervisor, struct links **ret_links)
{
	struct links *links = calloc(1, sizeof(*links));

	if (!links)
		return -ENOMEM;
	links->fd = epoll_create1(EPOLL_CLOEXEC);
	if (links->fd >= 0) {
		links->on_packets = event_new(supervisor->base, links->fd,
		    EV_READ | EV_PERSIST, on_packets_cb, links);
		links->on_pause_over =
		    evtimer_new(supervisor->base, on_pause_over_cb, links);
	}
	errno = ENOMEM;
	if (!links->on_packets || !links->on_pause_over ||
	    event_add(links->on_packets, NULL) < 0) {
		int r = -errno;

		links_free(links);
		return r;
	}
	*ret_links = links;
	return 0;
}

struct links *
links_free(struct links *links)
{
	if (!links)
		return NULL;
	if (links->on_packets)
		event_free(links->on_packets);
	if (links->on_pause_over)
		event_free(links->on_pause_over);
	closep(&links->fd);
	free(links);
	return NULL;
}

int
links_add(struct links *links, struct child *child, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = child };

	return epoll_ctl(links->fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Closing is not enough: a child on its way to its exec may still have it. */
void
links_remove(struct links *links, int fd)
{
	(void)epoll_ctl(links->fd, EPOLL_CTL_DEL, fd, NULL);
}

int64_t
links_on_grid(int64_t due_ns, int64_t now_ns)
{
	if (due_ns - now_ns < GRID_FROM_NS)
		return due_ns;
	return due_ns + LINKS_PAUSE_NS - due_ns % LINKS_PAUSE_NS;
}
