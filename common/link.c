/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends and receives messages on a SOCK_SEQPACKET socket, without ever waiting. Who
 * waits for the descriptor, and what a message means, is the caller's business.
 */
#include "common/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/cleanup.h"

/* Room for the largest message that we write ourselves. */
#define SEND_MAX (sizeof(struct msg) + 128)

int
link_pair(int *ret_ours, int *ret_theirs)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		r = -errno;
		close(ends[0]);
		close(ends[1]);
		return r;
	}
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return 0;
}

int
link_send(int fd, const struct msg *msg)
{
	char packet[SEND_MAX];
	long length;
	ssize_t n;

	length = msg_encode(msg, packet, sizeof(packet));
	if (length < 0)
		return (int)length;
	do {
		n = send(fd, packet, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;

	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
		return LINK_E_AGAIN;
	case EPIPE:
	case ECONNRESET:
		return LINK_E_EOF;
	}
	return -errno;
}

/* Nothing was received: the end of the connection, or a packet of no bytes? */
static int
tell_end_from_empty(int fd)
{
	struct pollfd state = { .fd = fd, .events = POLLRDHUP };
	int r;

	do {
		r = poll(&state, 1, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return state.revents & (POLLRDHUP | POLLHUP | POLLERR) ? LINK_E_EOF
							       : LINK_E_GARBAGE;
}

static ssize_t
receive(int fd, void *packet, size_t size)
{
	ssize_t n;
	int resets = 0;

	/*
	 * A peer that died with unread packets leaves ECONNRESET before what it had
	 * sent; its last words come after it.
	 */
	do {
		n = recv(fd, packet, size, MSG_DONTWAIT | MSG_TRUNC);
	} while (n < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
	return n;
}

int
link_receive(int fd, struct msg *ret_msg)
{
	char packet[MSG_PACKET_MAX];
	ssize_t n;
	int r;

	n = receive(fd, packet, sizeof(packet));
	if (n < 0) {
		if (errno == EAGAIN)
			return LINK_E_AGAIN;
		return errno == ECONNRESET ? LINK_E_EOF : -errno;
	}
	if (n == 0)
		return tell_end_from_empty(fd);
	if ((size_t)n > sizeof(packet))
		return LINK_E_GARBAGE;

	r = msg_decode(packet, (size_t)n, ret_msg);
	if (r == MSG_E_UNKNOWN)
		return LINK_E_UNKNOWN;
	return r < 0 ? LINK_E_GARBAGE : 0;
}
