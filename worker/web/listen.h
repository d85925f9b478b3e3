/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address to listen on: "127.0.0.1:9180", "[::1]:9180" or "unix:PATH". No names:
 * what one resolves to is somebody else's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct listen_address {
	struct sockaddr_storage storage;
	socklen_t length;
	bool is_bound; /* a socket's file is ours to remove */
};

/** listen_parse() - Return: 0; -EINVAL; -ENAMETOOLONG for a path. */
int listen_parse(const char *text, struct listen_address *ret_address);

/**
 * listen_open() - bind and listen
 * @url: where it can be reached, with the port that it got where 0 was asked for
 *
 * A socket's file that nobody listens on is replaced, with mode 0660. Return: the
 * descriptor, non-blocking; -errno.
 */
int listen_open(struct listen_address *address, char *url, size_t size);

/** listen_remove() - the socket's file, if we made one. */
void listen_remove(struct listen_address *address);
