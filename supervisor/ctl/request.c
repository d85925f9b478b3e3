/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange over the control socket. It trusts the supervisor no more than a peer:
 * rows are bounded, and every wait can have a deadline. Finding the socket is
 * place.c's.
 */
#include "supervisor/ctl/request.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "supervisor/control.h"

int
request_open(struct request *ret_request, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	char *buffer;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	buffer = malloc(REQUEST_ROW_MAX);
	if (!buffer)
		return -ENOMEM;
	*ret_request = (struct request){ .fd = steal_fd(&fd), .buffer = buffer };
	return 0;
}

void
request_close(struct request *request)
{
	if (request->fd >= 0)
		close(request->fd);
	free(request->buffer);
	*request = (struct request){ .fd = -1 };
}

int
request_send(struct request *request, const struct record *record)
{
	_cleanup_free_ char *line = malloc(CONTROL_REQUEST_MAX);
	size_t length, sent = 0;

	if (!line)
		return -ENOMEM;
	length = record_logfmt(record, line, CONTROL_REQUEST_MAX - 1);
	if (length >= CONTROL_REQUEST_MAX - 2)
		return -EMSGSIZE;
	line[length++] = '\n';
	while (sent < length) {
		ssize_t n = send(request->fd, line + sent, length - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			sent += (size_t)n;
	}
	return 0;
}

/* Waits until there is something to read. Return: 0, REQUEST_E_TIMEOUT, -errno. */
static int
wait_readable(const struct request *request, int64_t deadline_ns)
{
	struct pollfd entry = { .fd = request->fd, .events = POLLIN };

	for (;;) {
		int64_t left_ns = deadline_ns - clock_monotonic_ns();
		int timeout = -1, r;

		if (deadline_ns != REQUEST_NO_DEADLINE) {
			if (left_ns <= 0)
				return REQUEST_E_TIMEOUT;
			timeout = (int)(left_ns / NS_PER_MS) + 1;
		}
		r = poll(&entry, 1, timeout);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

/* More bytes behind what is buffered. Return: 0, REQUEST_E_TIMEOUT, REQUEST_E_EOF,
 * -errno. */
static int
fill(struct request *request, int64_t deadline_ns)
{
	ssize_t n;
	int r;

	if (request->start > 0) {
		request->end -= request->start;
		memmove(
		    request->buffer, request->buffer + request->start, request->end);
		request->start = 0;
	}
	if (request->end == REQUEST_ROW_MAX)
		return -EMSGSIZE;
	r = wait_readable(request, deadline_ns);
	if (r != 0)
		return r;
	n = recv(request->fd, request->buffer + request->end,
	    REQUEST_ROW_MAX - request->end, 0);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return REQUEST_E_EOF;
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	request->end += (size_t)n;
	return 0;
}

int
request_row(struct request *request, int64_t deadline_ns, struct record *ret_row)
{
	char *line, *newline;
	size_t searched = 0;
	int r;

	for (;;) {
		line = request->buffer + request->start;
		newline = memchr(
		    line + searched, '\n', request->end - request->start - searched);
		if (newline)
			break;
		searched = request->end - request->start;
		r = fill(request, deadline_ns);
		if (r != 0)
			return r;
	}
	*newline = '\0';
	request->start = (size_t)(newline + 1 - request->buffer);
	if (strlen(line) != (size_t)(newline - line) || record_parse(line, ret_row) < 0)
		return -EBADMSG;
	if (ret_row->event && strcmp(ret_row->event, "ok") == 0)
		return REQUEST_E_OK;
	if (ret_row->event && strcmp(ret_row->event, "error") == 0)
		return REQUEST_E_ERROR;
	return 0;
}

/* What stands in the way of an answer, for people. */
static int
describe(int outcome, const struct record *row, struct error *error)
{
	const char *message = NULL;

	if (outcome == REQUEST_E_ERROR)
		message = record_get(row, "message");
	else if (outcome == REQUEST_E_EOF)
		message = "the supervisor has gone away";
	else if (outcome == REQUEST_E_TIMEOUT)
		message = "the supervisor does not answer";
	else if (outcome < 0)
		message = strerror(-outcome);
	return error_set(error, REQUEST_E_ERROR, "%s", message ? message : "no reason");
}

int
request_ask(const char *path, const struct record *record, int64_t timeout_ns,
    const struct request_rows *rows, struct error *ret_error)
{
	struct request request;
	struct record row;
	int r;

	r = request_open(&request, path);
	if (r < 0)
		return error_set(ret_error, REQUEST_E_ERROR,
		    "no supervisor answers: %s", strerror(-r));
	r = request_send(&request, record);
	while (r == 0) {
		r = request_row(&request, clock_monotonic_ns() + timeout_ns, &row);
		if (r == 0)
			rows->call(&row, rows->data);
	}
	if (r != REQUEST_E_OK)
		r = describe(r, &row, ret_error);
	request_close(&request);
	return r == REQUEST_E_OK ? 0 : r;
}

int
request_error_code(const struct record *row)
{
	const char *text = record_get(row, "code");
	long code = text ? strtol(text, NULL, 10) : 0;

	return code > 0 && code < 256 ? (int)code : EXIT_OSERR;
}
