/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtradesup: the worker's side of the protocol. It turns calls into packets and
 * packets into requests, and remembers that the supervisor is gone. It decides nothing:
 * what to do about a request, and when to heartbeat, is the worker's own business.
 */
#include "worker/client/tradesup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/link.h"

#define SEND_PATIENCE_MS 1000

struct tradesup {
	int fd; /* -1: not supervised */
	bool gone;
};

static int
remaining_ms(int64_t deadline_ns)
{
	int64_t left = deadline_ns - clock_monotonic_ns();

	if (left <= 0)
		return 0;
	left = (left + NS_PER_MS - 1) / NS_PER_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* A text that is too long is cut before a character, not within it. */
static void
copy_text(char *to, size_t size, const char *from)
{
	size_t length = from ? strnlen(from, size - 1) : 0;

	if (length == size - 1)
		while (length > 0 && (from[length] & 0xc0) == 0x80)
			length--;
	if (length)
		memcpy(to, from, length);
	to[length] = '\0';
}

/* A full socket means a busy supervisor, seldom for long; a frozen one must not freeze
 * us. */
static int
send_msg(struct tradesup *link, const struct msg *msg)
{
	int64_t deadline_ns = clock_monotonic_ns() + SEND_PATIENCE_MS * NS_PER_MS;
	struct pollfd wait = { .fd = link->fd, .events = POLLOUT };
	int r;

	if (link->fd < 0)
		return 0;
	if (link->gone)
		return -EPIPE;
	while ((r = link_send(link->fd, msg)) == LINK_E_AGAIN) {
		int left = remaining_ms(deadline_ns);

		if (left == 0)
			return -EAGAIN;
		if (poll(&wait, 1, left) < 0 && errno != EINTR)
			return -errno;
	}
	if (r == LINK_E_EOF) {
		link->gone = true;
		return -EPIPE;
	}
	return r;
}

/*
 * The descriptor that the environment names, or -1 where it names none. Only a
 * SEQPACKET socket will do: with anything else a stray variable would make us write
 * into a file.
 */
static int
take_descriptor(int *ret_fd)
{
	const char *text = getenv(MSG_FD_ENV);
	int type, flags;
	socklen_t size = sizeof(type);
	char *end;
	long fd;

	if (!text) {
		*ret_fd = -1;
		return 0;
	}
	errno = 0;
	fd = strtol(text, &end, 10);
	if (errno || end == text || *end || fd < 0 || fd > INT_MAX)
		return -EINVAL;
	if (getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return -errno;
	if (type != SOCK_SEQPACKET)
		return -EINVAL;
	flags = fcntl((int)fd, F_GETFL);
	if (flags < 0 || fcntl((int)fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	unsetenv(MSG_FD_ENV);
	*ret_fd = (int)fd;
	return 0;
}

struct tradesup *
tradesup_open(const char *name)
{
	struct msg hello = { .type = MSG_HELLO };
	struct tradesup *link;

	link = calloc(1, sizeof(*link));
	if (!link)
		return NULL;
	if (take_descriptor(&link->fd) < 0) {
		free(link);
		return NULL;
	}
	hello.hello.version = MSG_VERSION;
	copy_text(hello.hello.name, sizeof(hello.hello.name), name);
	hello.hello.pid = getpid();
	/* A supervisor that is gone already shows at the first tradesup_poll(). */
	(void)send_msg(link, &hello);
	return link;
}

bool
tradesup_is_supervised(const struct tradesup *link)
{
	return link->fd >= 0;
}

int
tradesup_ready(struct tradesup *link)
{
	struct msg msg = { .type = MSG_READY };

	return send_msg(link, &msg);
}

int
tradesup_heartbeat(struct tradesup *link, int64_t cycle, const char *phase)
{
	struct msg msg = { .type = MSG_HEARTBEAT };

	if (cycle < 0)
		return -EINVAL;
	msg.heartbeat.cycle = cycle;
	copy_text(msg.heartbeat.phase, sizeof(msg.heartbeat.phase), phase);
	return send_msg(link, &msg);
}

int
tradesup_cycle(struct tradesup *link, const struct tradesup_cycle_report *report)
{
	struct msg msg = { .type = MSG_CYCLE };

	if (!report || report->cycle < 0 || report->clusters < 0 ||
	    report->orders < 0 || report->duration_ns < 0)
		return -EINVAL;
	msg.cycle.cycle = report->cycle;
	msg.cycle.clusters = report->clusters;
	msg.cycle.orders = report->orders;
	/* An empty text would be nil on the wire, which is a good cycle. */
	copy_text(msg.cycle.error, sizeof(msg.cycle.error),
	    report->error && !*report->error ? "failed" : report->error);
	msg.cycle.healed = report->healed;
	msg.cycle.duration_ns = report->duration_ns;
	return send_msg(link, &msg);
}

int
tradesup_heal(struct tradesup *link, int level, const char *kind, const char *outcome,
    const char *detail)
{
	struct msg msg = { .type = MSG_HEAL };
	int r;

	if (level < 1 || level > 2 || !kind || !outcome)
		return -EINVAL;
	msg.heal.level = level;
	r = fault_kind_parse(kind, &msg.heal.kind);
	if (r < 0)
		return r;
	r = heal_outcome_parse(outcome, &msg.heal.outcome);
	if (r < 0)
		return r;
	copy_text(msg.heal.detail, sizeof(msg.heal.detail), detail);
	return send_msg(link, &msg);
}

int
tradesup_status(struct tradesup *link, const char *text)
{
	struct msg msg = { .type = MSG_STATUS };

	copy_text(msg.status.text, sizeof(msg.status.text), text);
	return send_msg(link, &msg);
}

int
tradesup_restart(struct tradesup *link, const char *reason)
{
	struct msg msg = { .type = MSG_RESTART };

	copy_text(msg.restart.text, sizeof(msg.restart.text), reason);
	return send_msg(link, &msg);
}

int
tradesup_event(struct tradesup *link, int level, const char *name, const char *fields)
{
	struct msg msg = { .type = MSG_EVENT };

	if (level < 3 || level > 7 || !name)
		return -EINVAL;
	msg.event.level = level;
	copy_text(msg.event.name, sizeof(msg.event.name), name);
	copy_text(msg.event.fields, sizeof(msg.event.fields), fields);
	return send_msg(link, &msg);
}

int
tradesup_figures(struct tradesup *link, const char *fields)
{
	struct msg msg = { .type = MSG_FIGURES };

	copy_text(msg.figures.fields, sizeof(msg.figures.fields), fields);
	return send_msg(link, &msg);
}

int
tradesup_bye(struct tradesup *link)
{
	struct msg msg = { .type = MSG_BYE };

	return send_msg(link, &msg);
}

/* Return: whether @msg is a request at all; a worker's own messages coming back are
 * none. */
static bool
translate(const struct msg *msg, struct tradesup_order *order)
{
	if (msg->type == MSG_STOP) {
		order->request = TRADESUP_STOP;
		order->deadline_ms = msg->stop.deadline_ms;
	} else if (msg->type == MSG_RELOAD) {
		order->request = TRADESUP_RELOAD;
	} else if (msg->type == MSG_FAULT) {
		order->request = TRADESUP_FAULT;
		copy_text(
		    order->kind, sizeof(order->kind), fault_kind_name(msg->fault.kind));
	} else if (msg->type == MSG_HOLD) {
		order->request = TRADESUP_HOLD;
		order->hold = msg->hold.on;
		copy_text(order->reason, sizeof(order->reason), msg->hold.reason);
	}
	return order->request != TRADESUP_NOTHING;
}

/* Return: 0 with a request or the end in @order; LINK_E_AGAIN; -errno. */
static int
receive_request(struct tradesup *link, struct tradesup_order *order)
{
	struct msg msg;
	int r;

	if (link->fd < 0)
		return LINK_E_AGAIN;
	while (!link->gone) {
		r = link_receive(link->fd, &msg);
		if (r == LINK_E_EOF || r == -ECONNRESET)
			link->gone = true;
		if (r == 0 && translate(&msg, order))
			return 0;
		if (!link->gone && (r < 0 || r == LINK_E_AGAIN))
			return r;
	}
	order->request = TRADESUP_GONE;
	return 0;
}

int
tradesup_poll(struct tradesup *link, int timeout_ms, struct tradesup_order *ret_order)
{
	int64_t deadline_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
	struct pollfd wait = { .fd = link->fd, .events = POLLIN };
	struct tradesup_order order = { .request = TRADESUP_NOTHING };
	int r, left;

	for (;;) {
		r = receive_request(link, &order);
		if (r < 0)
			return r;
		left = timeout_ms < 0 ? -1 : remaining_ms(deadline_ns);
		if (r == 0 || left == 0)
			break;
		/* poll(2) passes over a descriptor of -1: then it only waits. */
		if (poll(&wait, 1, left) < 0)
			return -errno;
	}
	*ret_order = order;
	return 0;
}

int
tradesup_fd(const struct tradesup *link)
{
	return link->fd;
}

struct tradesup *
tradesup_close(struct tradesup *link)
{
	if (!link)
		return NULL;
	closep(&link->fd);
	free(link);
	return NULL;
}
