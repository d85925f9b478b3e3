/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs of servers that get our keys: what may stand in a configuration, and in a
 * request. Stricter than RFC 3986, so that this reading of a URL and the transfer
 * library's cannot differ: no user, no fragment, no escapes or odd characters in the
 * host. https everywhere; http to a loopback address and nowhere else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX 2048
#define URL_HOST_MAX 254

/** struct url - the parts of a URL that passed */
struct url {
	bool is_tls;
	bool is_loopback;	 /* 127.0.0.0/8, ::1 or localhost by its name */
	char host[URL_HOST_MAX]; /* without the brackets of an IPv6 address */
	uint16_t port;		 /* the scheme's own where none is given */
	const char *path;	 /* in the text; "" or from its '/' or '?' on */
	bool has_query;
};

/**
 * url_parse() - read and judge a URL
 *
 * Return: NULL and @ret_url filled (it borrows @text); else what is wrong, as the end
 * of a sentence that begins with the key ("is empty"); it never quotes the URL, which
 * may hold a token.
 */
const char *url_parse(const char *text, struct url *ret_url);

/** url_check_base() - the same for a base URL, to which a path is added: no query. */
const char *url_check_base(const char *text);

/** url_check_mail() - the same for a mail server: smtps:// or smtp://, both with TLS. */
const char *url_check_mail(const char *text);

/**
 * url_join() - @base, without the slashes at its end, followed by @path
 *
 * Return: allocated; NULL: out of memory.
 */
char *url_join(const char *base, const char *path);

/**
 * url_escape() - append @text to a query, everything but RFC 3986's unreserved
 * characters escaped
 *
 * Return: false: it did not fit, and @out is as it was.
 */
bool url_escape(const char *text, char *out, size_t size);
