/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets to listen on. What is spoken over them is http.c's.
 */
#include "worker/web/listen.h"

#include <errno.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"

#define UNIX_PREFIX "unix:"
#define QUEUE 16

static int
parse_path(const char *path, struct listen_address *ret_address)
{
	struct sockaddr_un *address = (void *)&ret_address->storage;

	if (*path == '\0')
		return -EINVAL;
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	ret_address->length = sizeof(*address);
	return 0;
}

/* 0: the kernel chooses one. */
static int
parse_port(const char *text, in_port_t *ret_port)
{
	long port;
	char *end;

	port = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = htons((uint16_t)port);
	return 0;
}

static int
parse_internet(const char *text, struct listen_address *ret_address)
{
	struct sockaddr *address = (struct sockaddr *)&ret_address->storage;
	const char *colon = strrchr(text, ':');
	int length = sizeof(ret_address->storage);
	char host[INET6_ADDRSTRLEN + 2]; /* with its brackets */
	in_port_t port;

	if (!colon || (size_t)(colon - text) >= sizeof(host) ||
	    parse_port(colon + 1, &port) < 0)
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if ((strchr(host, ':') != NULL) != (host[0] == '[') ||
	    evutil_parse_sockaddr_port(host, address, &length) < 0)
		return -EINVAL;
	if (address->sa_family == AF_INET)
		((struct sockaddr_in *)(void *)address)->sin_port = port;
	else
		((struct sockaddr_in6 *)(void *)address)->sin6_port = port;
	ret_address->length = (socklen_t)length;
	return 0;
}

int
listen_parse(const char *text, struct listen_address *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return parse_path(text + strlen(UNIX_PREFIX), ret_address);
	return parse_internet(text, ret_address);
}

/* A file of an earlier life is in the way of bind(2); one that answers is not ours. */
static int
clear_path(const struct listen_address *address)
{
	const struct sockaddr_un *sun = (const void *)&address->storage;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(sun->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode) ||
	    connect(fd, (const struct sockaddr *)sun, address->length) == 0)
		return -EADDRINUSE;
	return unlink(sun->sun_path) < 0 ? -errno : 0;
}

static int
bind_at(const struct listen_address *address, int fd)
{
	const struct sockaddr *where = (const void *)&address->storage;
	bool is_unix = where->sa_family == AF_UNIX;
	mode_t mask;
	int one = 1, r;

	if (is_unix) {
		r = clear_path(address);
		if (r < 0)
			return r;
	} else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	mask = umask(0117);
	r = bind(fd, where, address->length) < 0 ? -errno : 0;
	umask(mask);
	return r;
}

static void
write_url(int fd, char *url, size_t size)
{
	struct sockaddr_storage bound = { 0 };
	socklen_t length = sizeof(bound);
	char text[64];
	const struct sockaddr_in6 *v6 = (const void *)&bound;
	const struct sockaddr_in *v4 = (const void *)&bound;

	getsockname(fd, (struct sockaddr *)&bound, &length);
	if (bound.ss_family == AF_UNIX)
		snprintf(url, size, "unix:%s",
		    ((const struct sockaddr_un *)(const void *)&bound)->sun_path);
	else if (bound.ss_family == AF_INET6)
		snprintf(url, size, "http://[%s]:%u/",
		    evutil_inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)),
		    ntohs(v6->sin6_port));
	else
		snprintf(url, size, "http://%s:%u/",
		    evutil_inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)),
		    ntohs(v4->sin_port));
}

int
listen_open(struct listen_address *address, char *url, size_t size)
{
	_cleanup_close_ int fd = socket(
	    address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = bind_at(address, fd);
	if (r < 0)
		return r;
	address->is_bound = true;
	if (listen(fd, QUEUE) < 0)
		return -errno;
	write_url(fd, url, size);
	return steal_fd(&fd);
}

void
listen_remove(struct listen_address *address)
{
	const struct sockaddr_un *sun = (const void *)&address->storage;

	if (address->is_bound && address->storage.ss_family == AF_UNIX)
		unlink(sun->sun_path);
	address->is_bound = false;
}
