/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host, Origin and the token. What is asked for does not matter here.
 */
#include "worker/web/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

static const char *const own_hosts[] = { "localhost", "127.0.0.1", "[::1]" };

static bool
is_named(const char *name, size_t length, const char *host)
{
	return strlen(host) == length && strncasecmp(name, host, length) == 0;
}

/* The name's end: before ":PORT", but not within the brackets of an IPv6 address. */
static size_t
name_length(const char *host)
{
	const char *bracket = host[0] == '[' ? strchr(host, ']') : NULL;

	return bracket ? (size_t)(bracket + 1 - host) : strcspn(host, ":");
}

static bool
is_port(const char *text)
{
	return *text == '\0' || (*text == ':' && text[1] != '\0' &&
				    text[1 + strspn(text + 1, "0123456789")] == '\0');
}

bool
guard_host(const struct guard *guard, const char *host)
{
	size_t length = host ? name_length(host) : 0;

	if (length == 0 || !is_port(host + length))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(own_hosts); i++)
		if (is_named(host, length, own_hosts[i]))
			return true;
	for (size_t i = 0; i < guard->n_hosts; i++)
		if (is_named(host, length, guard->hosts[i]))
			return true;
	return false;
}

bool
guard_origin(const struct guard *guard, const char *origin)
{
	static const char *const schemes[] = { "http://", "https://" };

	if (!origin)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (strncmp(origin, schemes[i], strlen(schemes[i])) == 0)
			return guard_host(guard, origin + strlen(schemes[i]));
	return false;
}

bool
guard_bearer(const char *header, const char *token)
{
	static const char scheme[] = "Bearer ";
	size_t length = strlen(token), given;
	volatile unsigned char differs;

	if (!header || length == 0 ||
	    strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return false;
	header += sizeof(scheme) - 1;
	given = strlen(header);
	differs = given != length;
	for (size_t i = 0; i < given; i++)
		differs |= (unsigned char)(header[i] ^ token[i % length]);
	return differs == 0;
}

bool
guard_is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	return address->sa_family == AF_UNIX;
}
