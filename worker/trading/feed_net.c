/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request at a time, and when the next may follow. What is asked, and what an
 * answer says, is the feeds' own business.
 */
#include "worker/trading/feed_net.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "worker/trading/rate_file.h"

#define BACKOFF_MIN_NS NS_PER_S
#define BACKOFF_MAX_NS (60 * NS_PER_S)
#define NEWS_QUEUE 8

struct feed_net {
	struct http *http;
	struct rate *rate; /* NULL: without keys nothing is asked */
	int64_t patience_ns, interval_ns, max_age_ns;
	struct http_header headers[FEED_NET_HEADERS_MAX];
	char *values[FEED_NET_HEADERS_MAX]; /* owned; wiped */
	size_t n_headers;

	bool is_refused;
	bool must_rest;	    /* one batch is to pass without a request */
	int64_t begun_ns;   /* monotonic: the last poll's beginning */
	int64_t next_ns;    /* the next request */
	int64_t backoff_ns; /* 0: the last request went well */
	bool has_had_data;
	int64_t data_ns;    /* when; at first of the beginning */
	int64_t closed_ns;  /* the session was closed; 0: not seen */
	bool is_stale;	    /* and told */
	struct feed_news news[NEWS_QUEUE];
	size_t n_news;
};

static void
tell(struct feed_net *net, const char *event, enum log_level level, const char *text)
{
	struct feed_news *news;

	/* More is not told before somebody has listened. */
	if (net->n_news == NEWS_QUEUE)
		return;
	news = &net->news[net->n_news++];
	*news =
	    (struct feed_news){ .is_failure = !event, .level = level, .event = event };
	snprintf(news->text, sizeof(news->text), "%s", text);
}

void
feed_net_warn(struct feed_net *net, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tell(net, "feed.warning", LOG_LEVEL_WARNING, text);
}

void
feed_net_refused(struct feed_net *net, const char *why)
{
	if (net->is_refused)
		return;
	net->is_refused = true;
	tell(net, "feed.refused", LOG_LEVEL_ERROR, why);
}

/* A quarter more or less, so that workers do not all come at once. */
static int64_t
jitter(int64_t ns)
{
	return ns - ns / 4 + clock_realtime_ns() / 1000 % (ns / 2 / 1000) * 1000;
}

static void
back_off(struct feed_net *net, const char *text)
{
	net->backoff_ns = net->backoff_ns ? 2 * net->backoff_ns : BACKOFF_MIN_NS;
	if (net->backoff_ns > BACKOFF_MAX_NS)
		net->backoff_ns = BACKOFF_MAX_NS;
	net->next_ns = clock_monotonic_ns() + jitter(net->backoff_ns);
	net->must_rest = true;
	tell(net, NULL, LOG_LEVEL_WARNING, text);
}

void
feed_net_failed(struct feed_net *net, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	back_off(net, text);
}

static void
forget(char *value)
{
	if (value)
		explicit_bzero(value, strlen(value));
	free(value);
}

/* Return: 0; SECRET_E_NONE or -EINVAL …: no request without it; -ENOMEM. */
static int
load_header(struct feed_net *net, const struct feed_net_setup *setup, size_t i,
    struct error *error)
{
	_cleanup_(secret_deinit) struct secret secret = { 0 };
	struct error warning = { "" };
	int r;

	r = secret_load(&setup->headers[i].source, &warning, error, &secret);
	if (r != 0)
		return r;
	if (warning.text[0])
		feed_net_warn(net, "%s", warning.text);
	if (asprintf(&net->values[i], "%s%s", setup->headers[i].prefix, secret.text) <
	    0) {
		net->values[i] = NULL;
		return -ENOMEM;
	}
	net->headers[i] =
	    (struct http_header){ setup->headers[i].name, net->values[i] };
	net->n_headers++;
	return 0;
}

static int
load_headers(
    struct feed_net *net, const struct feed_net_setup *setup, struct error *error)
{
	for (size_t i = 0; i < setup->n_headers; i++) {
		int r = load_header(net, setup, i, error);

		if (r == -ENOMEM)
			return r;
		if (r != 0)
			feed_net_refused(net, error->text);
	}
	return 0;
}

int
feed_net_new(const struct feed_place *place, const struct feed_net_setup *setup,
    struct error *error, struct feed_net **ret_net)
{
	struct feed_net *net = calloc(1, sizeof(*net));
	int r;

	if (!net || http_new(place->alive, place->data, &net->http) < 0) {
		free(net);
		return error_set(error, -ENOMEM, "out of memory");
	}
	net->patience_ns = place->patience_ns;
	net->interval_ns = setup->interval_ns;
	net->max_age_ns = setup->max_age_ns;
	net->data_ns = clock_monotonic_ns();
	r = load_headers(net, setup, error);
	if (r == 0 && !net->is_refused)
		r = rate_open(place->accounts_dir, setup->account,
		    net->values[0] ? net->values[0] : "", setup->per_minute, error,
		    &net->rate);
	if (r < 0) {
		feed_net_free(net);
		return r;
	}
	*ret_net = net;
	return 0;
}

struct feed_net *
feed_net_free(struct feed_net *net)
{
	if (!net)
		return NULL;
	http_free(net->http);
	rate_free(net->rate);
	for (size_t i = 0; i < FEED_NET_HEADERS_MAX; i++)
		forget(net->values[i]);
	free(net);
	return NULL;
}

bool
feed_net_is_due(struct feed_net *net)
{
	int64_t now_ns = clock_monotonic_ns();
	bool rests = net->must_rest;

	net->must_rest = false;
	if (net->is_refused || rests || now_ns < net->next_ns)
		return false;
	net->begun_ns = now_ns;
	return true;
}

void
feed_net_wait(struct feed_net *net, bool at_once)
{
	net->next_ns = at_once ? 0 : net->begun_ns + net->interval_ns;
}

/* Return: 0; FEED_NET_E_NOT_NOW. */
static int
take_budget(struct feed_net *net, struct rate_ticket *ret_ticket)
{
	struct error error = { "" };
	int64_t wait_ns;
	int r;

	r = rate_take(net->rate, net->patience_ns, ret_ticket, &wait_ns, &error);
	if (r == 0)
		return 0;
	if (r == RATE_E_WAIT)
		net->next_ns = clock_monotonic_ns() + wait_ns;
	if (r == RATE_E_WAIT && error.text[0])
		feed_net_warn(net, "%s", error.text);
	if (r < 0)
		back_off(net, error.text);
	return FEED_NET_E_NOT_NOW;
}

static void
perform(struct feed_net *net, const struct feed_get *get, struct http_answer *answer)
{
	struct http_header headers[FEED_NET_HEADERS_MAX + 2];
	struct http_request request = { .method = HTTP_GET,
		.url = get->url,
		.headers = headers,
		.n_headers = net->n_headers,
		.timeout_ns = net->patience_ns,
		.answer_max = get->answer_max };

	memcpy(headers, net->headers, sizeof(net->headers));
	if (get->range)
		headers[request.n_headers++] =
		    (struct http_header){ "Range", get->range };
	if (get->etag)
		headers[request.n_headers++] =
		    (struct http_header){ "If-None-Match", get->etag };
	http_perform(net->http, &request, answer);
}

static int
judge(struct feed_net *net, const struct http_answer *answer)
{
	int status = answer->status;

	if (answer->fate != HTTP_ANSWERED) {
		if (!answer->is_ended)
			back_off(net, answer->error.text);
		return FEED_NET_E_NOT_NOW;
	}
	if (status == 200 || status == 206 || status == 304 || status == 416) {
		net->backoff_ns = 0;
		return 0;
	}
	if (status == 401 || status == 403)
		feed_net_refused(net,
		    status == 401
			? "the server answers 401: the keys are no good; it is not "
			  "asked again before a restart"
			: "the server answers 403: the keys do not allow this; it is "
			  "not asked again before a restart");
	else if (status == 429)
		feed_net_failed(net, "the server answers 429: too many requests; it is "
				     "not asked before it says so");
	else
		feed_net_failed(net, "the server answers %d", status);
	return status >= 400 && status < 429 ? FEED_NET_E_REQUEST : FEED_NET_E_NOT_NOW;
}

int
feed_net_get(
    struct feed_net *net, const struct feed_get *get, struct http_answer *ret_answer)
{
	struct rate_ticket ticket;
	struct error error = { "" };
	int r;

	*ret_answer = (struct http_answer){ 0 };
	r = take_budget(net, &ticket);
	if (r != 0)
		return r;
	perform(net, get, ret_answer);
	if (rate_done(net->rate, &ticket, ret_answer, &error) < 0)
		feed_net_warn(net, "%s", error.text);
	return judge(net, ret_answer);
}

int64_t
feed_net_polled(struct feed_net *net, bool has_data)
{
	int64_t now_ns = clock_monotonic_ns();
	int64_t since_ns = net->has_had_data ? now_ns - net->data_ns : -1;

	if (has_data)
		net->data_ns = now_ns;
	net->has_had_data |= has_data;
	return since_ns;
}

int64_t
feed_net_age_ns(const struct feed_net *net)
{
	return clock_monotonic_ns() - net->data_ns;
}

static void
look_at_age(struct feed_net *net, bool is_open)
{
	int64_t age_ns = feed_net_age_ns(net), open_ns;
	char text[64];

	/* At the opening nothing is old yet. */
	if (!is_open)
		net->closed_ns = clock_monotonic_ns();
	open_ns = clock_monotonic_ns() - net->closed_ns;
	if (net->closed_ns && open_ns < age_ns)
		age_ns = open_ns;
	if (net->max_age_ns == 0)
		return;
	snprintf(
	    text, sizeof(text), "no data for %lld s", (long long)(age_ns / NS_PER_S));
	if (!net->is_stale && is_open && age_ns > net->max_age_ns) {
		net->is_stale = true;
		tell(net, "feed.stale", LOG_LEVEL_ERROR, text);
	} else if (net->is_stale && feed_net_age_ns(net) <= net->max_age_ns) {
		net->is_stale = false;
		tell(net, "feed.recovered", LOG_LEVEL_NOTICE, "data come again");
	}
}

bool
feed_net_take_news(struct feed_net *net, bool is_open, struct feed_news *ret_news)
{
	look_at_age(net, is_open);
	if (net->n_news == 0)
		return false;
	*ret_news = net->news[0];
	net->n_news--;
	memmove(net->news, net->news + 1, net->n_news * sizeof(net->news[0]));
	return true;
}

int
feed_net_check(const struct feed_net_setup *setup, struct error *error)
{
	for (size_t i = 0; i < setup->n_headers; i++) {
		const char *file = setup->headers[i].source.file;

		if (file && access(file, R_OK) < 0)
			return error_set(
			    error, -errno, "%s: %s", file, strerror(errno));
	}
	return 0;
}
