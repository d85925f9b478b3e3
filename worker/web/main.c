/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tradesup-web: how the tree is, for Prometheus and for people with a browser. A
 * worker like any other: it says ready, and its cycle is one look at the supervisor.
 * Without a token's file it can change nothing.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/duration.h"
#include "common/error.h"
#include "common/paths.h"
#include "common/timestamp.h"
#include "worker/web/http.h"
#include "worker/web/listen.h"
#include "worker/web/report.h"
#include "worker/web/web.h"

#define LISTEN_DEFAULT "127.0.0.1:9180"
#define INTERVAL_DEFAULT_NS (2 * NS_PER_S)
#define INTERVAL_LEAST_NS (100 * NS_PER_MS)
#define INTERVAL_MOST_NS (60 * NS_PER_S)
#define EVENT_JSON_MAX 16384
#define CONTROL_ENV "TRADESUP_CONTROL"
#define CONTROL_NAME "control"

static void
on_event(const char *line, void *data)
{
	_cleanup_free_ char *copy = strdup(line);
	_cleanup_free_ char *again = strdup(line);
	char json[EVENT_JSON_MAX];
	struct web *web = data;
	struct record record;

	if (!copy || !again || !report_event_json(copy, json, sizeof(json)))
		return;
	if (record_parse(again, &record) == 0 && record.event &&
	    record_get(&record, "ts")) {
		recent_event(&web->recent, &record);
		if (strcmp(record_get(&record, "ts"), web->started) >= 0)
			tally_event(&web->tally, &record);
	}
	streams_event(web->streams, json);
}

static void
broadcast_status(struct web *web)
{
	_cleanup_free_ char *json = NULL;
	size_t length = 0;
	FILE *out;

	if (streams_count(web->streams) == 0)
		return;
	out = open_memstream(&json, &length);
	if (!out)
		return;
	web_report(out, web);
	if (fclose(out) == 0)
		streams_status(web->streams, json);
}

/* A look that fails is no failed cycle of ours: restarting us would not make the
 * supervisor answer, and could use up the restarts of the workers beside us. */
static void
report_look(struct web *web, bool answered)
{
	struct tradesup_cycle_report report = { .cycle = ++web->looks,
		.duration_ns = answered ? source_look_ns(web->source) : 0 };

	if (answered)
		(void)tradesup_cycle(web->link, &report);
	else if (web->is_up || web->looks == 1)
		(void)tradesup_status(web->link, "the supervisor does not answer");
	if (answered && !web->is_up && http_url(web->http))
		(void)tradesup_status(web->link, http_url(web->http));
}

static void
on_rows(struct rows *rows, void *data)
{
	struct web *web = data;

	report_look(web, rows != NULL);
	rows_deinit(&web->rows);
	web->is_up = rows != NULL;
	if (rows) {
		web->rows = *rows;
		*rows = (struct rows){ 0 };
		recent_look(
		    &web->recent, &web->rows, clock_realtime_ns() / (60 * NS_PER_S));
	}
	broadcast_status(web);
}

static void
on_tick(evutil_socket_t fd, short what, void *data)
{
	struct web *web = data;

	(void)fd, (void)what;
	if (tradesup_heartbeat(web->link, web->looks, "serve") == -EPIPE)
		event_base_loopbreak(web->base);
}

static void
on_order(evutil_socket_t fd, short what, void *data)
{
	struct web *web = data;
	struct tradesup_order order;

	(void)fd, (void)what;
	do {
		if (tradesup_poll(web->link, 0, &order) < 0 ||
		    order.request == TRADESUP_STOP || order.request == TRADESUP_GONE) {
			event_base_loopbreak(web->base);
			return;
		}
	} while (order.request != TRADESUP_NOTHING);
}

static void
on_signal(evutil_socket_t fd, short what, void *data)
{
	struct web *web = data;

	(void)fd, (void)what;
	event_base_loopbreak(web->base);
}

static int
fail(int code, const char *what, int error)
{
	fprintf(stderr, "tradesup-web: %s: %s\n", what, strerror(error));
	return code;
}

/* Return: 0, an exit status. */
static int
open_changes(struct web *web)
{
	struct secret_source source = { .file = web->options.token_file };
	struct error warning = { 0 }, error = { 0 };
	int r;

	if (!web->options.token_file)
		return 0;
	r = secret_load(&source, &warning, &error, &web->token);
	if (r != 0 || warning.text[0]) {
		fprintf(stderr, "tradesup-web: --token-file: %s\n",
		    r != 0 ? error.text : warning.text);
		return EXIT_USAGE;
	}
	if (web->token.length < CHANGES_TOKEN_LEAST) {
		fprintf(stderr,
		    "tradesup-web: --token-file: %s: a token has at least %d "
		    "characters\n",
		    web->options.token_file, CHANGES_TOKEN_LEAST);
		return EXIT_USAGE;
	}
	web->changes = changes_new(web->base, web->options.control, web->token.text);
	return web->changes ? 0 : fail(EXIT_OSERR, web->options.control, ENAMETOOLONG);
}

/* Everything that lives as long as the loop. Return: 0, an exit status. */
static int
open_all(struct web *web)
{
	struct source_config source = { .path = web->options.control,
		.interval_ns = web->options.interval_ns,
		.data = web,
		.on_event = on_event,
		.on_rows = on_rows };
	int r;

	web->base = event_base_new();
	web->streams = streams_new(clock_realtime_ns() / NS_PER_MS);
	web->link = tradesup_open("web");
	if (!web->base || !web->streams || !web->link)
		return fail(EXIT_OSERR, "start", ENOMEM);
	r = open_changes(web);
	if (r != 0)
		return r;
	r = http_new(web, &web->http);
	if (r < 0)
		return fail(
		    r == -EINVAL ? EXIT_USAGE : EXIT_OSERR, web->options.listen, -r);
	web->source = source_new(web->base, &source);
	if (!web->source)
		return fail(EXIT_OSERR, web->options.control, ENAMETOOLONG);
	return 0;
}

struct loop_events {
	struct event *tick, *order, *term, *interrupt;
};

static int
run_loop(struct web *web)
{
	const struct timeval second = { .tv_sec = 1 };
	int fd = tradesup_fd(web->link);
	struct loop_events on = {
		.tick = event_new(web->base, -1, EV_PERSIST, on_tick, web),
		.order = fd >= 0 ? event_new(web->base, fd, EV_READ | EV_PERSIST,
				       on_order, web)
				 : NULL,
		.term = evsignal_new(web->base, SIGTERM, on_signal, web),
		.interrupt = evsignal_new(web->base, SIGINT, on_signal, web),
	};
	bool is_armed = on.tick && on.term && on.interrupt && (fd < 0 || on.order) &&
			event_add(on.tick, &second) == 0 &&
			event_add(on.term, NULL) == 0 &&
			event_add(on.interrupt, NULL) == 0 &&
			(!on.order || event_add(on.order, NULL) == 0);

	if (is_armed) {
		(void)tradesup_ready(web->link);
		event_base_dispatch(web->base);
		(void)tradesup_bye(web->link);
	}
	for (size_t i = 0; i < sizeof(on) / sizeof(on.tick); i++)
		if (((struct event **)&on)[i])
			event_free(((struct event **)&on)[i]);
	return is_armed ? EXIT_OK : fail(EXIT_OSERR, "event loop", ENOMEM);
}

static void
close_all(struct web *web)
{
	web->source = source_free(web->source);
	web->streams = streams_free(web->streams);
	web->changes = changes_free(web->changes);
	web->http = http_free(web->http);
	secret_deinit(&web->token);
	rows_deinit(&web->rows);
	recent_deinit(&web->recent);
	web->link = tradesup_close(web->link);
	if (web->base)
		event_base_free(web->base);
}

static int
usage(FILE *out, int code)
{
	fputs(
	    "usage: tradesup-web [--listen ADDRESS:PORT | unix:PATH] [--host NAME]...\n"
	    "                    [--control PATH] [--interval DURATION] "
	    "[--token-file PATH]\n"
	    "\n"
	    "Serves /metrics, /healthz, /readyz, /status.json, /history.json, "
	    "/events and\n"
	    "a page at /.\n"
	    "It changes nothing, unless --token-file is given.\n"
	    "\n"
	    "  --listen     where; the default is " LISTEN_DEFAULT
	    ". An address that other\n"
	    "               machines reach needs --host\n"
	    "  --host       a name by which browsers may ask for it, beside localhost\n"
	    "  --control    the supervisor's control socket; the default is that of "
	    "the\n"
	    "               supervisor that started it, else that of the verbs\n"
	    "  --interval   between two looks at the supervisor, 100ms to 1m; 2s\n"
	    "  --token-file lets those who send the token in this file restart "
	    "workers, "
	    "hold\n"
	    "               and resume orders; on a loopback address or a socket "
	    "alone\n",
	    out);
	return code;
}

/* Return: 0, or an exit status with the reason printed; -1: --help was given. */
static int
read_options(struct web_options *options, int argc, char **argv)
{
	static const struct option known[] = { { "listen", required_argument, NULL,
						   'l' },
		{ "token-file", required_argument, NULL, 't' },
		{ "host", required_argument, NULL, 'H' },
		{ "control", required_argument, NULL, 'c' },
		{ "interval", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'h')
			return -1;
		if (option == 'l')
			options->listen = optarg;
		else if (option == 't')
			options->token_file = optarg;
		else if (option == 'c')
			options->control = optarg;
		else if (option == 'H' && options->guard.n_hosts < GUARD_HOSTS_MAX)
			options->guard.hosts[options->guard.n_hosts++] = optarg;
		else if (option != 'i')
			return usage(stderr, EXIT_USAGE);
		else if (duration_parse(optarg, &options->interval_ns) < 0 ||
			 options->interval_ns < INTERVAL_LEAST_NS ||
			 options->interval_ns > INTERVAL_MOST_NS) {
			fprintf(stderr, "tradesup-web: --interval: 100ms to 1m\n");
			return EXIT_USAGE;
		}
	}
	return optind == argc ? 0 : usage(stderr, EXIT_USAGE);
}

/* An address that is reached from outside has a name that browsers say. */
static int
check_address(const struct web_options *options)
{
	struct listen_address address;

	if (listen_parse(options->listen, &address) < 0) {
		fprintf(stderr,
		    "tradesup-web: %s: neither ADDRESS:PORT nor unix:PATH\n",
		    options->listen);
		return EXIT_USAGE;
	}
	if (guard_is_loopback((const struct sockaddr *)&address.storage))
		return 0;
	if (options->token_file) {
		fprintf(stderr,
		    "tradesup-web: %s: other machines reach that, and the token would "
		    "go there in the clear; --token-file is for a loopback address\n",
		    options->listen);
		return EXIT_USAGE;
	}
	if (options->guard.n_hosts > 0)
		return 0;
	fprintf(stderr,
	    "tradesup-web: %s: other machines reach that; if they may, name it by "
	    "--host\n",
	    options->listen);
	return EXIT_USAGE;
}

static char *
usual_control(void)
{
	const char *told = getenv(CONTROL_ENV);
	_cleanup_free_ char *runtime = NULL;

	if (told && *told)
		return strdup(told);
	runtime = path_runtime(NULL);
	return runtime ? path_join(runtime, CONTROL_NAME) : NULL;
}

int
main(int argc, char **argv)
{
	static struct web web;
	_cleanup_free_ char *control = usual_control();
	int r;

	web.options = (struct web_options){ .listen = LISTEN_DEFAULT,
		.control = control,
		.interval_ns = INTERVAL_DEFAULT_NS };
	signal(SIGPIPE, SIG_IGN);
	/* It comes with the request to stop, maybe when the loop has ended already. */
	signal(SIGTERM, SIG_IGN);
	r = read_options(&web.options, argc, argv);
	if (r != 0)
		return r < 0 ? usage(stdout, EXIT_OK) : r;
	r = check_address(&web.options);
	if (r != 0)
		return r;
	if (!web.options.control)
		return fail(EXIT_OSERR, "control socket", ENOMEM);
	timestamp_format_ms(clock_realtime_ns(), web.started);
	r = open_all(&web);
	if (r == 0)
		r = run_loop(&web);
	close_all(&web);
	return r;
}
