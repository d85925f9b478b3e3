/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that touches libcurl: how a handle is set up, how several are driven and waited
 * for, and what its codes mean. What an answer says is not looked at here.
 */
#include "worker/trading/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/url.h"

#define ALIVE_EVERY_MS 100
#define CONNECT_NS (5 * NS_PER_S)
#define LOW_SPEED_BYTES 1L /* a second, over */
#define LOW_SPEED_S 10L
#define HEADERS_MAX 65536 /* bytes */
/* A server's idle time before it closes a connection is seldom less: a POST on a
 * connection that is being closed has an unknown fate for nothing. */
#define IDLE_S 15L

struct http {
	CURLM *multi;
	CURL *handles[HTTP_PARALLEL_MAX]; /* made when needed; reset before each use */
	http_alive alive;
	void *alive_data;
	int64_t alive_ns; /* when it was called last; monotonic */
};

/** struct transfer - one request on its way */
struct transfer {
	const struct http_request *request;
	struct http_answer *answer;
	struct url url;
	CURL *curl; /* borrowed; NULL: not begun, or over */
	struct curl_slist *headers;
	char text[CURL_ERROR_SIZE]; /* libcurl's words */
	size_t size;		    /* of the body's buffer */
	size_t header_bytes;
	bool has_head;	     /* the headers have come to their end */
	int written;	     /* how often the request was about to be written */
	const char *refused; /* what we did not take; NULL: nothing */
};

static size_t
on_header(char *line, size_t unit, size_t n, void *data)
{
	struct transfer *transfer = data;
	size_t length = unit * n;

	transfer->header_bytes += length;
	if (transfer->header_bytes > HEADERS_MAX) {
		transfer->refused = "the answer's headers are longer than 64 KiB";
		return 0;
	}
	while (length > 0 && strchr("\r\n \t", line[length - 1]))
		length--;
	/* libcurl takes a connection's end for the headers' end, too. */
	if (length >= 5 && strncasecmp(line, "HTTP/", 5) == 0)
		transfer->has_head = false;
	transfer->has_head |= length == 0;
	http_answer_header(transfer->answer, line, length);
	return unit * n;
}

static size_t
on_body(char *bytes, size_t unit, size_t n, void *data)
{
	struct transfer *transfer = data;
	struct http_answer *answer = transfer->answer;
	size_t length = unit * n, size = transfer->size;
	char *larger;

	if (length > transfer->request->answer_max - answer->length) {
		transfer->refused = "the answer is larger than it may be";
		return 0;
	}
	while (size < answer->length + length + 1)
		size = size ? 2 * size : 16384;
	if (size > transfer->size) {
		larger = realloc(answer->body, size);
		if (!larger) {
			transfer->refused = "out of memory";
			return 0;
		}
		answer->body = larger;
		transfer->size = size;
	}
	memcpy(answer->body + answer->length, bytes, length);
	answer->length += length;
	answer->body[answer->length] = '\0';
	return length;
}

/* The border between UNSENT and UNKNOWN. A GET may be written a second time, when a
 * kept-alive connection turns out to be closed; nothing else may. */
static int
on_about_to_write(
    void *data, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct transfer *transfer = data;

	(void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
	if (transfer->written > 0 && transfer->request->method != HTTP_GET) {
		transfer->refused = "the connection was closed without an answer";
		return CURL_PREREQFUNC_ABORT;
	}
	transfer->written++;
	transfer->answer->sent_ns = clock_monotonic_ns();
	return CURL_PREREQFUNC_OK;
}

static bool
is_loopback(const struct curl_sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)&address->addr;
	const struct sockaddr_in6 *v6 = (const void *)&address->addr;

	if (address->family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return address->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* For plain HTTP: whatever the name has become, it must be this machine. */
static curl_socket_t
open_loopback(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = data;

	(void)purpose;
	if (!is_loopback(address)) {
		transfer->refused = "is not a loopback address, and plain http is for "
				    "those alone";
		return CURL_SOCKET_BAD;
	}
	return socket(
	    address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static long
to_ms(int64_t ns)
{
	int64_t ms = (ns + NS_PER_MS - 1) / NS_PER_MS;

	if (ms < 1)
		return 1;
	return ms > 86400000 ? 86400000L : (long)ms;
}

static int
add_header(struct transfer *transfer, const char *name, const char *value)
{
	struct curl_slist *longer;
	char *line;

	if (asprintf(&line, "%s: %s", name, value) < 0)
		return -ENOMEM;
	longer = curl_slist_append(transfer->headers, line);
	explicit_bzero(line, strlen(line));
	free(line);
	if (!longer)
		return -ENOMEM;
	transfer->headers = longer;
	return 0;
}

static void
free_headers(struct transfer *transfer)
{
	for (struct curl_slist *each = transfer->headers; each; each = each->next)
		explicit_bzero(each->data, strlen(each->data));
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
}

static int
make_headers(struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	int r = add_header(transfer, "Accept", "application/json, */*");

	for (size_t i = 0; i < request->n_headers && r == 0; i++)
		r = add_header(
		    transfer, request->headers[i].name, request->headers[i].value);
	/* Without waiting for a "100 Continue" that not every server sends. */
	if (r == 0 && request->method == HTTP_POST)
		r = add_header(transfer, "Expect", "");
	if (r == 0 && request->body)
		r = add_header(transfer, "Content-Type", "application/json");
	return r;
}

static void
set_limits(CURL *curl, const struct http_request *request)
{
	int64_t connect_ns =
	    request->timeout_ns < CONNECT_NS ? request->timeout_ns : CONNECT_NS;

	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, to_ms(connect_ns));
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, to_ms(request->timeout_ns));
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_S);
	curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, IDLE_S);
	curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
}

static CURLcode
set_place(CURL *curl, struct transfer *transfer)
{
	const char *authorities = getenv("SSL_CERT_FILE");
	CURLcode code = CURLE_OK;

	curl_easy_setopt(curl, CURLOPT_URL, transfer->request->url);
	if (transfer->request->is_text)
		curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "identity");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (authorities && authorities[0])
		curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
	if (transfer->url.is_loopback)
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (transfer->url.is_tls)
		return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_loopback);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
	return code;
}

static void
set_method(CURL *curl, const struct http_request *request)
{
	const char *body = request->body ? request->body : "";

	if (request->method == HTTP_POST) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	} else if (request->method == HTTP_DELETE) {
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
	}
}

static void
set_callbacks(CURL *curl, struct transfer *transfer)
{
	curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->text);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_about_to_write);
	curl_easy_setopt(curl, CURLOPT_PREREQDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* A name that is still being looked up must not hold up the end. */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
}

static void
fail(struct transfer *transfer, const char *why)
{
	struct http_answer *answer = transfer->answer;

	answer->fate = transfer->written > 0 ? HTTP_UNKNOWN : HTTP_UNSENT;
	error_set(&answer->error, 0, "%s:%u: %s", transfer->url.host,
	    (unsigned)transfer->url.port, why);
	/* What libcurl or a server put in there goes to a log. */
	for (char *c = answer->error.text; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
}

/* Return: 0; -1: the answer says why not. */
static int
start(struct http *http, CURL *curl, struct transfer *transfer)
{
	const char *why = url_parse(transfer->request->url, &transfer->url);

	if (why) {
		error_set(&transfer->answer->error, 0, "the URL %s", why);
		return -1;
	}
	curl_easy_reset(curl);
	transfer->answer->body = calloc(1, 1);
	if (!transfer->answer->body || make_headers(transfer) < 0) {
		fail(transfer, "out of memory");
		return -1;
	}
	set_callbacks(curl, transfer);
	set_limits(curl, transfer->request);
	set_method(curl, transfer->request);
	if (set_place(curl, transfer) != CURLE_OK ||
	    curl_multi_add_handle(http->multi, curl) != CURLM_OK) {
		fail(transfer, "the transfer library refuses the request");
		return -1;
	}
	transfer->curl = curl;
	return 0;
}

static void
finish(struct http *http, struct transfer *transfer, CURLcode code)
{
	struct http_answer *answer = transfer->answer;
	long status = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(http->multi, transfer->curl);
	transfer->curl = NULL;
	if (code == CURLE_OK && !transfer->has_head)
		transfer->refused = "the answer ends in its headers";
	if (code == CURLE_OK && transfer->has_head) {
		answer->fate = HTTP_ANSWERED;
		answer->status = (int)status;
	} else if (transfer->refused) {
		fail(transfer, transfer->refused);
	} else {
		fail(transfer,
		    transfer->text[0] ? transfer->text : curl_easy_strerror(code));
	}
}

static void
finish_done(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		struct transfer *transfer = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		finish(http, transfer, code);
	}
}

/* Those that are not over. @why: NULL: the callback's wish */
static void
end_all(struct http *http, struct transfer *transfers, size_t n, const char *why)
{
	for (size_t i = 0; i < n; i++) {
		if (!transfers[i].curl)
			continue;
		curl_multi_remove_handle(http->multi, transfers[i].curl);
		transfers[i].curl = NULL;
		transfers[i].answer->is_ended = !why;
		fail(&transfers[i], why ? why : "ended by request");
	}
}

static bool
is_long_ago(int64_t ns)
{
	return clock_monotonic_ns() - ns >= ALIVE_EVERY_MS * NS_PER_MS / 2;
}

/* Call back if that is due, in many quick requests as in a long one. A request that is
 * quick is never ended. */
static bool
is_wanted(struct http *http, int64_t begun_ns)
{
	bool is_wanted = true;

	if (!is_long_ago(http->alive_ns))
		return true;
	if (http->alive)
		is_wanted = http->alive(http->alive_data);
	http->alive_ns = clock_monotonic_ns();
	return is_wanted || !is_long_ago(begun_ns);
}

static void
drive(struct http *http, struct transfer *transfers, size_t n)
{
	int64_t begun_ns = clock_monotonic_ns();
	int running = 1;
	CURLMcode code;

	for (;;) {
		code = curl_multi_perform(http->multi, &running);
		finish_done(http);
		if (code != CURLM_OK)
			break;
		if (running == 0)
			return;
		code = curl_multi_poll(http->multi, NULL, 0, ALIVE_EVERY_MS, NULL);
		if (code != CURLM_OK)
			break;
		if (!is_wanted(http, begun_ns)) {
			end_all(http, transfers, n, NULL);
			return;
		}
	}
	end_all(http, transfers, n, curl_multi_strerror(code));
}

void
http_perform_all(struct http *http, const struct http_request *requests, size_t n,
    struct http_answer *ret_answers)
{
	struct transfer transfers[HTTP_PARALLEL_MAX];

	for (size_t i = 0; i < n; i++) {
		ret_answers[i] = (struct http_answer){ .fate = HTTP_UNSENT };
		transfers[i] = (struct transfer){ .request = &requests[i],
			.answer = &ret_answers[i] };
		http_answer_header(&ret_answers[i], "HTTP/", 5);
		if (!http->handles[i])
			http->handles[i] = curl_easy_init();
		if (http->handles[i])
			(void)start(http, http->handles[i], &transfers[i]);
		else
			error_set(&ret_answers[i].error, 0, "out of memory");
	}
	drive(http, transfers, n);
	for (size_t i = 0; i < n; i++)
		free_headers(&transfers[i]);
}

void
http_perform(struct http *http, const struct http_request *request,
    struct http_answer *ret_answer)
{
	http_perform_all(http, request, 1, ret_answer);
}

void
http_answer_deinit(struct http_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
	answer->length = 0;
}

int
http_new(http_alive alive, void *data, struct http **ret_http)
{
	_cleanup_(http_freep) struct http *http = calloc(1, sizeof(*http));

	/* It counts its calls, and the process never takes it back. */
	if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	http->multi = curl_multi_init();
	if (!http->multi)
		return -ENOMEM;
	http->alive = alive;
	http->alive_data = data;
	*ret_http = steal(&http);
	return 0;
}

struct http *
http_free(struct http *http)
{
	if (!http)
		return NULL;
	for (size_t i = 0; i < HTTP_PARALLEL_MAX; i++)
		curl_easy_cleanup(http->handles[i]);
	curl_multi_cleanup(http->multi);
	free(http);
	return NULL;
}

void
http_freep(struct http **http)
{
	http_free(*http);
}
