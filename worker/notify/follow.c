/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A non-blocking socket and a buffer of lines. What a row means is not known here.
 */
#include "worker/notify/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"

#define READS_PER_TURN 16

void
follow_close(struct follow *follow)
{
	closep(&follow->fd);
	free(follow->buffer);
	*follow = (struct follow){ .fd = -1 };
}

int
follow_open(struct follow *follow, const char *path, const char *request)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	size_t length = strlen(request);

	follow_close(follow);
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* A fresh socket has room for a request, which is short. */
	if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		return -EIO;
	follow->buffer = malloc(FOLLOW_ROW_MAX);
	if (!follow->buffer)
		return -ENOMEM;
	follow->fd = steal_fd(&fd);
	return 0;
}

static void
give_lines(struct follow *follow, follow_on_row on_row, void *data)
{
	char *line = follow->buffer, *end = follow->buffer + follow->used, *newline;

	while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
		*newline = '\0';
		if (strlen(line) == (size_t)(newline - line))
			on_row(line, data);
		line = newline + 1;
	}
	follow->used = (size_t)(end - line);
	memmove(follow->buffer, line, follow->used);
}

/* Return: 1: there may be more; 0; -errno. */
static int
read_some(struct follow *follow)
{
	ssize_t n = recv(follow->fd, follow->buffer + follow->used,
	    FOLLOW_ROW_MAX - follow->used, 0);

	if (n > 0) {
		follow->used += (size_t)n;
		return 1;
	}
	if (n == 0)
		return -EPIPE;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int
follow_read(struct follow *follow, follow_on_row on_row, void *data)
{
	int r = 1;

	for (int i = 0; i < READS_PER_TURN && r == 1; i++) {
		r = follow->used == FOLLOW_ROW_MAX ? -EMSGSIZE : read_some(follow);
		if (r == 1)
			give_lines(follow, on_row, data);
	}
	if (r < 0)
		follow_close(follow);
	return r < 0 ? r : 0;
}
