/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tradesup-probe: one look at a program from outside. The supervisor starts it as a
 * child of its own with a deadline, because the supervisor itself waits for nobody and
 * has no network.
 *
 *	tradesup-probe [--wait] [--since NS] tcp HOST:PORT | http URL | file PATH
 */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"

#define AGAIN_NS (50 * NS_PER_MS) /* between two looks of --wait */
#define HOST_MAX 256
#define BODY_MAX (1 << 20) /* so much of an answer is read */

struct probe {
	const char *target;
	int64_t since_ns; /* file: an older one is of an earlier life */
};

/* tcp */

static int
split_address(const char *text, char host[HOST_MAX], const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t length;

	if (!colon || !colon[1])
		return -EINVAL;
	length = (size_t)(colon - text);
	if (length >= 2 && text[0] == '[' && colon[-1] == ']') {
		text++;
		length -= 2;
	}
	if (length == 0 || length >= HOST_MAX)
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	*ret_port = colon + 1;
	return 0;
}

static int
try_address(const struct addrinfo *address)
{
	_cleanup_close_ int fd = socket(address->ai_family,
	    address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);

	if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen) < 0)
		return -errno;
	return 0;
}

static int
probe_tcp(const struct probe *probe, struct error *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char host[HOST_MAX];
	const char *port;
	int r;

	r = split_address(probe->target, host, &port);
	if (r < 0)
		return error_set(error, r, "%s: no HOST:PORT", probe->target);
	r = getaddrinfo(host, port, &hints, &found);
	if (r != 0)
		return error_set(
		    error, -EHOSTUNREACH, "%s: %s", probe->target, gai_strerror(r));
	r = -EHOSTUNREACH;
	for (const struct addrinfo *a = found; a && r < 0; a = a->ai_next)
		r = try_address(a);
	freeaddrinfo(found);
	if (r < 0)
		error_set(error, r, "%s: %s", probe->target, strerror(-r));
	return r;
}

/* http */

static size_t
swallow(char *bytes, size_t size, size_t n, void *data)
{
	size_t *taken = data;

	(void)bytes;
	*taken += size * n;
	return *taken > BODY_MAX ? 0 : size * n;
}

/* An answer below 400 is life. A redirect is one: it is not followed. */
static int
ask(CURL *curl, const struct probe *probe, struct error *error)
{
	char why[CURL_ERROR_SIZE] = "";
	size_t taken = 0;
	long status = 0;
	CURLcode code;

	curl_easy_setopt(curl, CURLOPT_URL, probe->target);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "tradesup-probe/" TRADESUP_VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &taken);
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		return error_set(error, -EIO, "%s: %s", probe->target,
		    why[0] ? why : curl_easy_strerror(code));
	if (status < 200 || status >= 400)
		return error_set(error, -EIO, "%s: status %ld", probe->target, status);
	return 0;
}

static int
probe_http(const struct probe *probe, struct error *error)
{
	CURL *curl;
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(error, -EIO, "libcurl cannot be used");
	curl = curl_easy_init();
	r = curl ? ask(curl, probe, error)
		 : error_set(error, -ENOMEM, "libcurl: out of memory");
	curl_easy_cleanup(curl);
	curl_global_cleanup();
	return r;
}

/* file */

static int
probe_file(const struct probe *probe, struct error *error)
{
	struct stat stat_buf;

	if (stat(probe->target, &stat_buf) < 0)
		return error_set(
		    error, -errno, "%s: %s", probe->target, strerror(errno));
	if (stat_buf.st_ctim.tv_sec * NS_PER_S + stat_buf.st_ctim.tv_nsec <
	    probe->since_ns)
		return error_set(
		    error, -ESTALE, "%s: it is of an earlier life", probe->target);
	return 0;
}

static const struct {
	const char *kind;
	int (*look)(const struct probe *probe, struct error *error);
} kinds[] = {
	{ "tcp", probe_tcp },
	{ "http", probe_http },
	{ "file", probe_file },
};

static int
look_until(int (*look)(const struct probe *, struct error *), const struct probe *probe,
    bool wait, struct error *error)
{
	const struct timespec pause = { .tv_nsec = AGAIN_NS };
	int r;

	while ((r = look(probe, error)) < 0 && wait)
		nanosleep(&pause, NULL);
	return r;
}

static int
usage(FILE *out, int code)
{
	fputs(
	    "usage: tradesup-probe [--wait] [--since NS] tcp HOST:PORT | http URL | "
	    "file PATH\n"
	    "\n"
	    "Ends with 0 if somebody listens there, answers with a status below 400, "
	    "or the\nfile exists; else with 1 and the reason. --wait: look again until "
	    "it is so.\n--since: a file that was changed before (nanoseconds since "
	    "1970) does not count.\n",
	    out);
	return code;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "wait", no_argument, NULL, 'w' },
		{ "since", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct probe probe = { 0 };
	struct error error;
	bool wait = false;
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, EXIT_OK);
		if (option == 'w')
			wait = true;
		else if (option == 's')
			probe.since_ns = strtoll(optarg, NULL, 10);
		else
			return usage(stderr, EXIT_USAGE);
	}
	if (argc - optind != 2)
		return usage(stderr, EXIT_USAGE);
	probe.target = argv[optind + 1];
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(argv[optind], kinds[i].kind) != 0)
			continue;
		if (look_until(kinds[i].look, &probe, wait, &error) == 0)
			return EXIT_OK;
		fprintf(stderr, "tradesup-probe: %s\n", error.text);
		return 1;
	}
	return usage(stderr, EXIT_USAGE);
}
