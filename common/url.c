/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small reader of URLs, strict where leniency would let a key go elsewhere.
 */
#include "common/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool
is_loopback(const char *host, bool is_ipv6)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (is_ipv6)
		return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return strcasecmp(host, "localhost") == 0;
}

/* "[::1]" or a name. Return: what follows; NULL: it is no host. */
static const char *
read_host(const char *text, struct url *url)
{
	bool is_ipv6 = *text == '[';
	const char *end = text += is_ipv6;
	struct in6_addr v6;

	while (is_alnum(*end) || (*end && strchr(is_ipv6 ? ":." : ".-", *end)))
		end++;
	if (end == text || (size_t)(end - text) >= sizeof(url->host))
		return NULL;
	memcpy(url->host, text, (size_t)(end - text));
	url->host[end - text] = '\0';
	url->is_loopback = is_loopback(url->host, is_ipv6);
	if (!is_ipv6)
		return end;
	if (*end != ']' || inet_pton(AF_INET6, url->host, &v6) != 1)
		return NULL;
	return end + 1;
}

/* ":443", or nothing. Return: what follows; NULL: it is no port. */
static const char *
read_port(const char *text, struct url *url)
{
	unsigned port = 0;
	int digits = 0;

	if (*text != ':')
		return text;
	for (text++; *text >= '0' && *text <= '9' && digits < 6; text++, digits++)
		port = port * 10 + (unsigned)(*text - '0');
	if (port == 0 || port > UINT16_MAX)
		return NULL;
	url->port = (uint16_t)port;
	return text;
}

static const char *
check_rest(const char *text, struct url *url)
{
	if (*text && *text != '/' && *text != '?')
		return "has a host that is neither a plain name nor an address";
	for (const char *c = text; *c; c++) {
		if (*c <= ' ' || *c >= 127 || strchr("\"<>\\^`{|}", *c))
			return "has a character in it that must be escaped";
		if (*c == '#')
			return "has a fragment ('#'), which means nothing to a server";
		url->has_query |= *c == '?';
	}
	url->path = text;
	return NULL;
}

/* What follows the scheme; the port is the scheme's own so far. */
static const char *
parse_place(const char *text, struct url *url)
{
	if (memchr(text, '@', strcspn(text, "/?#")))
		return "has a user in it; a key belongs into a file";
	text = read_host(text, url);
	if (!text)
		return "has a host that is neither a plain name nor an address";
	text = read_port(text, url);
	if (!text)
		return "has a port that is none";
	return check_rest(text, url);
}

const char *
url_parse(const char *text, struct url *ret_url)
{
	struct url url = { .is_tls = strncasecmp(text, "https://", 8) == 0 };
	const char *why;

	if (text[0] == '\0')
		return "is empty";
	if (strlen(text) > URL_MAX)
		return "is longer than 2048 bytes";
	if (!url.is_tls && strncasecmp(text, "http://", 7) != 0)
		return "is no URL that begins with https:// (or http:// to a loopback "
		       "address)";
	url.port = url.is_tls ? 443 : 80;
	why = parse_place(text + (url.is_tls ? 8 : 7), &url);
	if (why)
		return why;
	if (!url.is_tls && !url.is_loopback)
		return "is plain http, which is for a loopback address alone";
	*ret_url = url;
	return NULL;
}

const char *
url_check_mail(const char *text)
{
	bool is_tls = strncasecmp(text, "smtps://", 8) == 0;
	struct url url = { .port = is_tls ? 465 : 587 };

	if (text[0] == '\0')
		return "is empty";
	if (strlen(text) > URL_MAX)
		return "is longer than 2048 bytes";
	if (!is_tls && strncasecmp(text, "smtp://", 7) != 0)
		return "is no URL that begins with smtps:// or smtp://";
	return parse_place(text + (is_tls ? 8 : 7), &url);
}

const char *
url_check_base(const char *text)
{
	struct url url;
	const char *why = url_parse(text, &url);

	if (!why && url.has_query)
		why = "has a query ('?'), but a path is to be added to it";
	return why;
}

char *
url_join(const char *base, const char *path)
{
	size_t length = strlen(base);
	char *joined;

	while (length > 0 && base[length - 1] == '/')
		length--;
	if (asprintf(&joined, "%.*s%s", (int)length, base, path) < 0)
		return NULL;
	return joined;
}

bool
url_escape(const char *text, char *out, size_t size)
{
	size_t start = strlen(out), used = start;

	for (; *text; text++) {
		bool is_plain = is_alnum(*text) || strchr("-._~", *text);
		size_t need = is_plain ? 1 : 3;

		if (used + need >= size) {
			out[start] = '\0';
			return false;
		}
		if (is_plain)
			out[used] = *text;
		else
			snprintf(out + used, 4, "%%%02X", (unsigned char)*text);
		used += need;
		out[used] = '\0';
	}
	return true;
}
