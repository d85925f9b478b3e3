/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask: a browser that was led here by somebody else's page or name may not.
 * Pure. A page of another site can have its own name resolve to 127.0.0.1 (DNS
 * rebinding), but the browser still says that name in Host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define GUARD_HOSTS_MAX 8

/** struct guard - names beside localhost, 127.0.0.1 and [::1]; borrowed */
struct guard {
	const char *hosts[GUARD_HOSTS_MAX];
	size_t n_hosts;
};

/** guard_host() - whether a Host header names us, with any port. @host: NULL: no. */
bool guard_host(const struct guard *guard, const char *host);

/** guard_origin() - whether an Origin header is of our own pages; NULL, which no
 * browser leaves out where it matters, is. */
bool guard_origin(const struct guard *guard, const char *origin);

/** guard_bearer() - whether an Authorization header has the token. @header: NULL: no.
 * Its time tells nothing of the token. An empty token is nobody's. */
bool guard_bearer(const char *header, const char *token);

/** guard_is_loopback() - whether only this machine reaches the address. */
bool guard_is_loopback(const struct sockaddr *address);
