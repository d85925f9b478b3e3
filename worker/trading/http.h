/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP for the worker's one loop: requests that are waited for, over libcurl's multi
 * interface, with a callback that keeps the heartbeat going and may end the wait.
 * HTTP/1.1, kept-alive connections, TLS always verified, no redirect followed; plain
 * HTTP to loopback addresses alone, which is held against the address that is really
 * connected to, and proxies are ignored there. Everything the server controls is
 * bounded.
 *
 * The one question that matters after a failure is whether the request may have
 * reached the server, and every result answers it:
 *
 *	            nothing was written           a whole answer came
 *	(start) ──────────────────────► UNSENT   ┌──────────────────► ANSWERED
 *	   │                                     │
 *	   └── connected, about to write ────────┤
 *	                                         └──────────────────► UNKNOWN
 *	                                           anything else
 *
 * UNSENT is no guess from an error's code: libcurl calls back before it writes the
 * first byte of a request (CURLOPT_PREREQFUNCTION), and that call is the border. The
 * same callback keeps libcurl from repeating a request by itself: it would send a
 * POST again when a kept-alive connection is closed on it without an answer, though
 * the server may have acted upon it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct http;

/**
 * http_alive - called while a request is waited for, at least every 100 ms; of many
 * quick ones as often
 *
 * Return: false: end the wait now; a request that has just begun may go on.
 */
typedef bool (*http_alive)(void *data);

enum http_method { HTTP_GET, HTTP_POST, HTTP_DELETE };

/** struct http_header - of a request; the value may be a secret and is never logged */
struct http_header {
	const char *name, *value;
};

/** struct http_request - what to ask; everything is borrowed for the call */
struct http_request {
	enum http_method method;
	const char *url;  /* whole; what url_parse() takes */
	const char *body; /* JSON; NULL: none. POST alone */
	const struct http_header *headers;
	size_t n_headers;
	int64_t timeout_ns; /* from start to end; > 0 */
	size_t answer_max;  /* bytes of the answer's body; > 0 */
	bool is_text; /* a content coding that the server chose, though it was asked
			 for none, is undone; @answer_max counts behind it */
};

enum http_fate {
	HTTP_UNSENT,   /* not one byte of the request was written */
	HTTP_UNKNOWN,  /* it may have reached the server, whole or in part, or not */
	HTTP_ANSWERED, /* a whole answer came, of whatever status */
};

#define HTTP_TEXT_MAX 256 /* a longer header is as if it were not there */
#define HTTP_NONE INT64_C(-1)

/** struct http_answer - the result; { 0 } before, http_answer_deinit() after */
struct http_answer {
	enum http_fate fate;
	bool is_ended;	    /* by the alive callback; @fate says how far it had come */
	struct error error; /* why it is not ANSWERED: host and cause, no query, no
			       header, no body */

	/* These count with ANSWERED alone. */
	int status;
	char *body; /* NUL-terminated after @length bytes, never NULL; owned */
	size_t length;
	int64_t rate_limit, rate_remaining; /* X-RateLimit-…; HTTP_NONE: not given */
	int64_t rate_reset_s;		    /* unix seconds; HTTP_NONE */
	int64_t retry_after_s;		    /* from now; HTTP_NONE: not given */
	char etag[HTTP_TEXT_MAX];	    /* with its quotes; "": none */
	char last_modified[HTTP_TEXT_MAX];
	char content_type[HTTP_TEXT_MAX];
	int64_t range_first, range_total; /* Content-Range; HTTP_NONE: not given, or
					     "*" */
	int64_t date_s;			  /* the server's clock; HTTP_NONE */
	/* When its request was about to be written, CLOCK_MONOTONIC. */
	int64_t sent_ns;
};

/**
 * http_new() - @alive may be NULL: then a wait ends by its own limits alone
 *
 * Return: 0, -ENOMEM.
 */
int http_new(http_alive alive, void *data, struct http **ret_http);

/** http_perform() - one request, waited for; @ret_answer is filled in every case. */
void http_perform(struct http *http, const struct http_request *request,
    struct http_answer *ret_answer);

#define HTTP_PARALLEL_MAX 16

/**
 * http_perform_all() - several at once, each on a connection of its own
 * @n: at most HTTP_PARALLEL_MAX
 *
 * Returns when the last has ended. An end by the callback ends all of them.
 */
void http_perform_all(struct http *http, const struct http_request *requests, size_t n,
    struct http_answer *ret_answers);

void http_answer_deinit(struct http_answer *answer);

struct http *http_free(struct http *http);
void http_freep(struct http **http);

/** http_answer_header() - take one header line of an answer, without its end, into
 * @answer; a status line begins a new answer. For http.c, and for its tests. */
void http_answer_header(struct http_answer *answer, const char *line, size_t length);
