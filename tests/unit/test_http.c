/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP against a server that answers each request with the next text of a script: what
 * is answered, what is unknown, what was never sent.
 */
#include "worker/trading/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/unit/suite.h"

#define CLOSE "" /* close without an answer */
#define HANG NULL

/** struct server - a child that follows a script */
struct server {
	pid_t pid;
	int port;
};

/** struct seen - what the child tells, in shared memory */
static struct seen {
	int requests, connections;
	char last[8192]; /* the last request */
} * seen;

static struct http *http;
static struct http_answer answer;

static bool
read_request(int fd)
{
	size_t used = 0;
	ssize_t n;

	memset(seen->last, 0, sizeof(seen->last));
	while (!strstr(seen->last, "\r\n\r\n")) {
		n = read(fd, seen->last + used, sizeof(seen->last) - 1 - used);
		if (n <= 0)
			return false;
		used += (size_t)n;
	}
	seen->requests++;
	return true;
}

static void
serve(int listener, const char *const *script, int n)
{
	int fd = -1;

	for (int i = 0; i < n;) {
		if (fd < 0) {
			fd = accept(listener, NULL, NULL);
			seen->connections++;
		}
		if (!read_request(fd)) {
			close(fd);
			fd = -1;
			continue;
		}
		if (!script[i])
			pause();
		if (write(fd, script[i], strlen(script[i])) < 0)
			_exit(1);
		/* An answer that says so, or is none, ends its connection. */
		if (!script[i][0] || strstr(script[i], "close")) {
			close(fd);
			fd = -1;
		}
		i++;
	}
	pause();
}

static struct server
server_start(const char *const *script, int n)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct server server;

	ck_assert(bind(fd, (struct sockaddr *)&address, length) == 0);
	ck_assert(listen(fd, 8) == 0);
	ck_assert(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	server.port = ntohs(address.sin_port);
	server.pid = fork();
	ck_assert(server.pid >= 0);
	if (server.pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		serve(fd, script, n);
		_exit(0);
	}
	return server;
}

static void
server_stop(struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}

#define _server_ _cleanup_(server_stop) struct server

static void
set_up(void)
{
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(seen != MAP_FAILED);
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	setenv("https_proxy", "http://127.0.0.1:9", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(http_new(NULL, NULL, &http), 0);
}

static void
tear_down(void)
{
	http_answer_deinit(&answer);
	http = http_free(http);
	munmap(seen, sizeof(*seen));
}

static void
ask(const struct server *server, enum http_method method)
{
	static const struct http_header headers[] = { { "APCA-API-SECRET-KEY",
	    "s3cret" } };
	struct http_request request = { .method = method,
		.headers = headers,
		.n_headers = 1,
		.body = method == HTTP_POST ? "{\"a\":1}" : NULL,
		.timeout_ns = 5 * NS_PER_S,
		.answer_max = 1000 };
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/p?token=t0ken", server->port);
	request.url = url;
	http_answer_deinit(&answer);
	http_perform(http, &request, &answer);
	ck_assert(!strstr(answer.error.text, "s3cret"));
	ck_assert(!strstr(answer.error.text, "t0ken"));
}

#define OK_KEEP "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"e\"\r\n\r\n{}"

START_TEST(a_whole_answer_is_one)
{
	const char *script[] = { OK_KEEP };
	_server_ server = server_start(script, 1);

	ask(&server, HTTP_POST);
	ck_assert_int_eq(answer.fate, HTTP_ANSWERED);
	ck_assert_int_eq(answer.status, 200);
	ck_assert_str_eq(answer.body, "{}");
	ck_assert_uint_eq(answer.length, 2);
	ck_assert_str_eq(answer.etag, "\"e\"");
	ck_assert_int_gt(answer.sent_ns, 0);
	ck_assert(strncmp(seen->last, "POST /p?token=t0ken HTTP/1.1\r\n", 30) == 0);
	ck_assert(strstr(seen->last, "APCA-API-SECRET-KEY: s3cret\r\n") != NULL);
	ck_assert(strstr(seen->last, "Content-Type: application/json\r\n") != NULL);
}
END_TEST

static const struct {
	const char *answer;
	int status;
} whole[] = {
	{ "HTTP/1.1 204 No Content\r\n\r\n", 204 },
	{ "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302 },
	{ "HTTP/1.1 504 Timeout\r\nContent-Length: 0\r\n\r\n", 504 },
	{ "HTTP/1.1 100 Continue\r\n\r\n" OK_KEEP, 200 },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	    200 },
	{ "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n{}", 200 },
};

START_TEST(any_status_is_an_answer_and_no_redirect_is_followed)
{
	_server_ server = server_start(&whole[_i].answer, 1);

	ask(&server, HTTP_DELETE);
	ck_assert_int_eq(answer.fate, HTTP_ANSWERED);
	ck_assert_int_eq(answer.status, whole[_i].status);
	ck_assert(answer.body != NULL);
	ck_assert(strncmp(seen->last, "DELETE ", 7) == 0);
	ck_assert_int_eq(seen->requests, 1);
}
END_TEST

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"

static const char *const broken[] = {
	CLOSE,
	"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{",
	"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
	CHUNKED "Connection: close\r\n\r\n2\r\n{}\r\n",
	"HTTP/1.1 200 OK\r\nConnection: close",
	"garbage that is no answer; close\r\n\r\n",
};

START_TEST(a_broken_answer_leaves_the_fate_unknown)
{
	static char large[1300] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
	const char *script[] = { broken[_i] };
	_server_ server;

	if (_i == 2) {
		/* Longer than it may be, without having said so. */
		memset(large + strlen(large), 'x', 1200);
		script[0] = large;
	}
	server = server_start(script, 1);
	ask(&server, HTTP_POST);
	ck_assert_int_eq(answer.fate, HTTP_UNKNOWN);
	ck_assert(answer.error.text[0] && !answer.is_ended);
	ck_assert_int_eq(seen->requests, 1);
}
END_TEST

START_TEST(headers_have_a_bound)
{
	static char large[80000] = "HTTP/1.1 200 OK\r\n";
	const char *script[] = { large };
	_server_ server;

	for (size_t i = 0, n = strlen(large); i < 70; i++, n += 1003) {
		memset(large + n, 'a', 1000);
		memcpy(large + n + 1000, ":\r\n", 4);
	}
	strcat(large, "\r\n");
	server = server_start(script, 1);
	ask(&server, HTTP_GET);
	ck_assert_int_eq(answer.fate, HTTP_UNKNOWN);
	ck_assert(strstr(answer.error.text, "headers") != NULL);
}
END_TEST

/* libcurl would send it again by itself. */
START_TEST(a_post_on_a_connection_that_closes_is_sent_once)
{
	const char *script[] = { OK_KEEP, CLOSE, OK_KEEP };
	_server_ server = server_start(script, 3);

	ask(&server, HTTP_POST);
	ck_assert_int_eq(answer.fate, HTTP_ANSWERED);
	ask(&server, _i == 0 ? HTTP_POST : HTTP_DELETE);
	ck_assert_int_eq(answer.fate, HTTP_UNKNOWN);
	ck_assert_int_eq(seen->requests, 2);
}
END_TEST

START_TEST(a_get_on_a_connection_that_closes_is_sent_again)
{
	const char *script[] = { OK_KEEP, CLOSE, OK_KEEP };
	_server_ server = server_start(script, 3);

	ask(&server, HTTP_GET);
	ask(&server, HTTP_GET);
	ck_assert_int_eq(answer.fate, HTTP_ANSWERED);
	ck_assert_int_eq(seen->requests, 3);
	ck_assert_int_eq(seen->connections, 2);
}
END_TEST

START_TEST(nobody_there_means_not_sent)
{
	const char *script[] = { OK_KEEP };
	struct server server = server_start(script, 1);

	server_stop(&server);
	ask(&server, HTTP_POST);
	ck_assert_int_eq(answer.fate, HTTP_UNSENT);
	ck_assert(answer.error.text[0] != '\0');
}
END_TEST

static void
ask_url(const char *url)
{
	struct http_request request = { .method = HTTP_POST,
		.url = url,
		.body = "{}",
		.timeout_ns = 3 * NS_PER_S,
		.answer_max = 1000 };

	http_answer_deinit(&answer);
	http_perform(http, &request, &answer);
}

START_TEST(a_handshake_that_fails_means_not_sent)
{
	const char *script[] = { "HTTP/1.1 400 no TLS here; close\r\n\r\n" };
	_server_ server = server_start(script, 1);
	char url[64];

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", server.port);
	ask_url(url);
	ck_assert_int_eq(answer.fate, HTTP_UNSENT);
	ck_assert_int_eq(seen->requests, 0);
}
END_TEST

START_TEST(plain_http_goes_nowhere_else)
{
	ask_url("http://192.0.2.1/");
	ck_assert_int_eq(answer.fate, HTTP_UNSENT);
	ck_assert(strstr(answer.error.text, "loopback") != NULL);
	ck_assert_ptr_null(strstr(answer.error.text, "192.0.2.1"));
}
END_TEST

static bool
count_and_end(void *data)
{
	int *calls = data;

	return ++*calls < 3;
}

START_TEST(the_callback_ends_a_wait)
{
	const char *script[] = { HANG };
	_server_ server = server_start(script, 1);
	int calls = 0;

	http_free(http);
	ck_assert_int_eq(http_new(count_and_end, &calls, &http), 0);
	ask(&server, HTTP_POST);
	ck_assert_int_eq(answer.fate, HTTP_UNKNOWN);
	ck_assert(answer.is_ended);
	ck_assert_int_eq(calls, 3);
}
END_TEST

START_TEST(its_own_limit_ends_a_wait)
{
	const char *script[] = { HANG };
	_server_ server = server_start(script, 1);
	struct http_request request = { .timeout_ns = 200 * NS_PER_MS,
		.answer_max = 10 };
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server.port);
	request.url = url;
	http_perform(http, &request, &answer);
	ck_assert_int_eq(answer.fate, HTTP_UNKNOWN);
	ck_assert(!answer.is_ended);
}
END_TEST

START_TEST(several_go_at_once)
{
	const char *script[] = { OK_KEEP };
	_server_ one = server_start(script, 1);
	_server_ two = server_start(script, 1);
	struct http_request requests[3] = { 0 };
	struct http_answer answers[3];
	char urls[3][64] = { "", "", "http://example.com/" };

	snprintf(urls[0], sizeof(urls[0]), "http://127.0.0.1:%d/", one.port);
	snprintf(urls[1], sizeof(urls[1]), "http://localhost:%d/", two.port);
	for (int i = 0; i < 3; i++) {
		requests[i] = (struct http_request){
			.url = urls[i], .timeout_ns = 5 * NS_PER_S, .answer_max = 10
		};
	}
	http_perform_all(http, requests, 3, answers);
	ck_assert_int_eq(answers[0].fate, HTTP_ANSWERED);
	ck_assert_int_eq(answers[1].fate, HTTP_ANSWERED);
	ck_assert_int_eq(answers[2].fate, HTTP_UNSENT);
	for (int i = 0; i < 3; i++)
		http_answer_deinit(&answers[i]);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_whole_answer_is_one);
	tcase_add_loop_test(tcase, any_status_is_an_answer_and_no_redirect_is_followed,
	    0, (int)ARRAY_SIZE(whole));
	tcase_add_loop_test(
	    tcase, a_broken_answer_leaves_the_fate_unknown, 0, (int)ARRAY_SIZE(broken));
	tcase_add_test(tcase, headers_have_a_bound);
	tcase_add_loop_test(
	    tcase, a_post_on_a_connection_that_closes_is_sent_once, 0, 2);
	tcase_add_test(tcase, a_get_on_a_connection_that_closes_is_sent_again);
	tcase_add_test(tcase, nobody_there_means_not_sent);
	tcase_add_test(tcase, a_handshake_that_fails_means_not_sent);
	tcase_add_test(tcase, plain_http_goes_nowhere_else);
	tcase_add_test(tcase, the_callback_ends_a_wait);
	tcase_add_test(tcase, its_own_limit_ends_a_wait);
	tcase_add_test(tcase, several_go_at_once);
}

int
main(void)
{
	return suite_run("http", add_tests);
}
