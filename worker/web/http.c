/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evhttp: its bounds, its answers. Every answer has the headers that keep a browser
 * from doing with it what it is not for.
 */
#include "worker/web/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "worker/web/listen.h"
#include "worker/web/metrics.h"
#include "worker/web/page.h"
#include "worker/web/processes.h"
#include "worker/web/report.h"
#include "worker/web/web.h"

#define HEADERS_MAX 8192
#define BODY_MAX 1 /* there is none to read */
#define TIMEOUT_S 10
#define DESCRIPTORS_MAX 96 /* then no further connection is taken for a while */
#define PAUSE_MS 200
#define AGAIN_S 5

#define CONTENT_POLICY                                                                 \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src "        \
	"'self'; "                                                                     \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct http {
	struct web *web;
	struct evhttp *server;
	struct listen_address address;
	struct evconnlistener *listener; /* NULL: not yet; the server's */
	struct event *on_resume, *on_again;
	char url[HTTP_URL_MAX];
	bool told;
};

/* Answers */

static void
add_headers(struct evhttp_request *request, const char *type)
{
	static const char *const headers[][2] = {
		{ "Content-Security-Policy", CONTENT_POLICY },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cache-Control", "no-store" },
	};
	struct evkeyvalq *out = evhttp_request_get_output_headers(request);

	evhttp_add_header(out, "Content-Type", type);
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		evhttp_add_header(out, headers[i][0], headers[i][1]);
}

static void
reply(struct evhttp_request *request, int code, const char *type, const char *body,
    size_t length)
{
	struct evbuffer *buffer = evbuffer_new();

	if (buffer)
		evbuffer_add(buffer, body, length);
	add_headers(request, type);
	evhttp_send_reply(request, code, NULL, buffer);
	if (buffer)
		evbuffer_free(buffer);
}

static void
reply_text(struct evhttp_request *request, int code, const char *text)
{
	reply(request, code, "text/plain; charset=utf-8", text, strlen(text));
}

/* What is written into a stream of memory. Return: the status code. */
typedef int (*writer)(FILE *out, struct web *web);

static void
reply_written(
    struct evhttp_request *request, struct web *web, const char *type, writer write)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	int code;

	if (!out) {
		reply_text(request, HTTP_SERVUNAVAIL, "out of memory\n");
		return;
	}
	code = write(out, web);
	if (fclose(out) != 0)
		reply_text(request, HTTP_SERVUNAVAIL, "out of memory\n");
	else
		reply(request, code, type, text, length);
}

/* Paths */

void
web_report(FILE *out, const struct web *web)
{
	report_json(out, web->is_up, &web->rows, &web->recent,
	    clock_realtime_ns() / (60 * NS_PER_S));
}

static int
write_metrics(FILE *out, struct web *web)
{
	struct metrics_input input = { .is_up = web->is_up,
		.rows = &web->rows,
		.tally = &web->tally,
		.streams = streams_count(web->streams),
		.streams_dropped = streams_dropped(web->streams),
		.lines_lost = source_lines_lost(web->source) };

	processes_count(&web->rows);
	metrics_write(out, &input);
	return HTTP_OK;
}

static int
write_status(FILE *out, struct web *web)
{
	web_report(out, web);
	putc('\n', out);
	return HTTP_OK;
}

static int
write_history(FILE *out, struct web *web)
{
	recent_json(out, &web->recent);
	putc('\n', out);
	return HTTP_OK;
}

static int
write_health(FILE *out, struct web *web)
{
	fputs(web->is_up ? "ok\n" : "the supervisor does not answer\n", out);
	return web->is_up ? HTTP_OK : HTTP_SERVUNAVAIL;
}

static int
write_ready(FILE *out, struct web *web)
{
	if (!report_ready(out, web->is_up, &web->rows))
		return HTTP_SERVUNAVAIL;
	fputs("ready\n", out);
	return HTTP_OK;
}

static void
open_stream(struct evhttp_request *request, struct web *web)
{
	_cleanup_free_ char *status = NULL;
	size_t length = 0;
	FILE *out;

	if (evhttp_request_get_command(request) != EVHTTP_REQ_GET) {
		reply_text(request, HTTP_BADMETHOD, "GET alone\n");
		return;
	}
	if (streams_is_full(web->streams)) {
		reply_text(request, HTTP_SERVUNAVAIL, "too many follow already\n");
		return;
	}
	out = open_memstream(&status, &length);
	if (out) {
		web_report(out, web);
		fclose(out);
	}
	add_headers(request, "text/event-stream");
	streams_open(web->streams, request, status);
}

static const struct route {
	const char *path, *type;
	writer write;		      /* either */
	const struct page_part *part; /* or */
} routes[] = {
	{ "/", "text/html; charset=utf-8", .part = &page_html },
	{ "/page.css", "text/css; charset=utf-8", .part = &page_css },
	{ "/page.js", "text/javascript; charset=utf-8", .part = &page_js },
	{ "/metrics", METRICS_CONTENT_TYPE, .write = write_metrics },
	{ "/status.json", "application/json", .write = write_status },
	{ "/history.json", "application/json", .write = write_history },
	{ "/healthz", "text/plain; charset=utf-8", .write = write_health },
	{ "/readyz", "text/plain; charset=utf-8", .write = write_ready },
};

static void
serve(struct evhttp_request *request, struct web *web, const char *path)
{
	if (strcmp(path, "/events") == 0) {
		open_stream(request, web);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (strcmp(path, routes[i].path) != 0)
			continue;
		if (routes[i].write)
			reply_written(request, web, routes[i].type, routes[i].write);
		else
			reply(request, HTTP_OK, routes[i].type, routes[i].part->bytes,
			    *routes[i].part->length);
		return;
	}
	reply_text(request, HTTP_NOTFOUND, "there is no such page\n");
}

static void
change(struct evhttp_request *request, struct web *web, const char *path)
{
	bool is_post = evhttp_request_get_command(request) == EVHTTP_REQ_POST;

	if (is_post != changes_has(path))
		reply_text(
		    request, HTTP_BADMETHOD, is_post ? "GET alone\n" : "POST alone\n");
	else if (is_post)
		changes_serve(web->changes, request, path, reply_text);
	else
		serve(request, web, path);
}

static void
on_request(struct evhttp_request *request, void *data)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	struct http *http = data;
	const struct guard *guard = &http->web->options.guard;

	if (!guard_host(guard, evhttp_find_header(headers, "Host")))
		reply_text(request, 421, "this host is not known here (--host)\n");
	else if (!guard_origin(guard, evhttp_find_header(headers, "Origin")))
		reply_text(request, 403, "not for pages of others\n");
	else if (http->web->changes)
		change(request, http->web, path && *path ? path : "/");
	else
		serve(request, http->web, path && *path ? path : "/");
}

/* Connections */

static int
count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < DESCRIPTORS_MAX * 2; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* For each connection. evhttp has no bound of its own: beyond ours the rest waits in
 * the kernel until some have ended. */
static struct bufferevent *
on_connection(struct event_base *base, void *data)
{
	const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };
	struct http *http = data;

	if (http->listener && count_descriptors() >= DESCRIPTORS_MAX) {
		evconnlistener_disable(http->listener);
		evtimer_add(http->on_resume, &pause);
	}
	return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

static void
on_resume_cb(evutil_socket_t fd, short what, void *data)
{
	const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };
	struct http *http = data;

	(void)fd, (void)what;
	if (count_descriptors() >= DESCRIPTORS_MAX)
		evtimer_add(http->on_resume, &pause);
	else
		evconnlistener_enable(http->listener);
}

/* Also without a descriptor left: no spinning. */
static void
on_accept_error(struct evconnlistener *listener, void *data)
{
	const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };
	struct http *http = data;

	evconnlistener_disable(listener);
	evtimer_add(http->on_resume, &pause);
}

static void
tell(struct http *http, const char *text)
{
	fprintf(stderr, "tradesup-web: %s\n", text);
	(void)tradesup_status(http->web->link, text);
}

static void
on_again_cb(evutil_socket_t fd, short what, void *data)
{
	const struct timeval again = { .tv_sec = AGAIN_S };
	struct evhttp_bound_socket *bound;
	struct http *http = data;
	char text[HTTP_URL_MAX + 128];
	int r = listen_open(&http->address, http->url, sizeof(http->url));

	(void)fd, (void)what;
	if (r >= 0) {
		bound = evhttp_accept_socket_with_handle(http->server, r);
		if (bound) {
			http->listener = evhttp_bound_socket_get_listener(bound);
			evconnlistener_set_error_cb(http->listener, on_accept_error);
			snprintf(text, sizeof(text), "listens on %s", http->url);
			tell(http, text);
			return;
		}
		close(r);
		r = -ENOMEM;
	}
	http->url[0] = '\0';
	snprintf(text, sizeof(text), "cannot listen on %s: %s",
	    http->web->options.listen, strerror(-r));
	if (!http->told)
		tell(http, text);
	http->told = true;
	evtimer_add(http->on_again, &again);
}

int
http_new(struct web *web, struct http **ret_http)
{
	const struct timeval at_once = { 0 };
	struct http *http;
	struct listen_address address;
	int r = listen_parse(web->options.listen, &address);

	if (r < 0)
		return r;
	http = calloc(1, sizeof(*http));
	if (!http)
		return -ENOMEM;
	http->web = web;
	http->address = address;
	http->server = evhttp_new(web->base);
	http->on_resume = evtimer_new(web->base, on_resume_cb, http);
	http->on_again = evtimer_new(web->base, on_again_cb, http);
	if (!http->server || !http->on_resume || !http->on_again ||
	    evtimer_add(http->on_again, &at_once) < 0) {
		http_free(http);
		return -ENOMEM;
	}
	evhttp_set_allowed_methods(http->server,
	    EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | (web->changes ? EVHTTP_REQ_POST : 0));
	evhttp_set_max_headers_size(http->server, HEADERS_MAX);
	evhttp_set_max_body_size(
	    http->server, web->changes ? CHANGES_BODY_MAX : BODY_MAX);
	evhttp_set_timeout(http->server, TIMEOUT_S);
	evhttp_set_bevcb(http->server, on_connection, http);
	evhttp_set_gencb(http->server, on_request, http);
	*ret_http = http;
	return 0;
}

const char *
http_url(const struct http *http)
{
	return http->url[0] ? http->url : NULL;
}

struct http *
http_free(struct http *http)
{
	if (!http)
		return NULL;
	if (http->server)
		evhttp_free(http->server);
	if (http->on_resume)
		event_free(http->on_resume);
	if (http->on_again)
		event_free(http->on_again);
	listen_remove(&http->address);
	free(http);
	return NULL;
}
