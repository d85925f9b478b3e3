/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A feed's way over the network: one request at a time, paid from the account's budget,
 * and what follows from its failure. It outlives the feed it serves, so that a batch
 * that fails for other reasons forgets neither a backoff nor a refusal.
 *
 * A failure is a `net` fault of the cycle in which it happened, and no more than that:
 * the trading state stays as it is, and the next request waits, 1 s at first, doubling
 * to a minute, with jitter. At least one cycle passes between two requests of which the
 * first failed: it finds nothing new, and is a good one, since orders and journal are
 * as they should be. So an outage of a feed, however long, is never three failed cycles
 * in a row, and restarts nothing: a restart would not bring the server back. That the
 * data are old is another signal: feed.stale.
 *
 * 401 and 403: the keys are no good. Nothing is asked again in this life, the event
 * feed.refused says so, and the feed grows stale. 429: nothing is asked before the
 * reset, by any worker of the account (rate.h).
 */
#pragma once

#include "common/log.h"
#include "common/secret.h"
#include "worker/trading/feed.h"
#include "worker/trading/http.h"

#define FEED_NET_HEADERS_MAX 2

/** struct feed_net_setup - whom to ask, and how; texts are borrowed for the call */
struct feed_net_setup {
	const char *account; /* the base URL, for the budget */
	uint32_t per_minute; /* requests in any 60 s */
	int64_t interval_ns; /* from the start of one poll to the next */
	int64_t max_age_ns;  /* data older than this are stale; 0: never */
	struct {
		const char *name, *prefix;   /* constant: "Authorization", "Bearer " */
		struct secret_source source; /* of the rest of its value */
	} headers[FEED_NET_HEADERS_MAX];
	size_t n_headers; /* the first one's secret is part of the account's name */
};

/**
 * feed_net_new() - for a feed at a place
 *
 * Keys that are not there are as keys that are refused. Return: 0; -errno with @error
 * filled.
 */
int feed_net_new(const struct feed_place *place, const struct feed_net_setup *setup,
    struct error *error, struct feed_net **ret_net);

/** feed_net_is_due() - whether the next request is due; asked once in each batch. */
bool feed_net_is_due(struct feed_net *net);

/** feed_net_wait() - the next request is due an interval after the last poll began, or
 * at once. */
void feed_net_wait(struct feed_net *net, bool at_once);

/** struct feed_get - a GET; NULL: without that header */
struct feed_get {
	const char *url;
	const char *range; /* "bytes=100-199" */
	const char *etag;  /* If-None-Match */
	size_t answer_max;
};

#define FEED_NET_E_NOT_NOW 1 /* it failed, or may not be asked; noted, and later */
#define FEED_NET_E_REQUEST 2 /* as above: 4xx, so the request itself was at fault */

/**
 * feed_net_get() - ask
 * @ret_answer: http_answer_deinit() in every case
 *
 * Return: 0: 200, 206, 304 or 416; FEED_NET_E_….
 */
int feed_net_get(
    struct feed_net *net, const struct feed_get *get, struct http_answer *ret_answer);

/** feed_net_failed() - the last answer was no good after all: a `net` fault. */
void feed_net_failed(struct feed_net *net, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** feed_net_refused() - there is nothing left that could be asked. */
void feed_net_refused(struct feed_net *net, const char *why);

/** feed_net_warn() - something that fails nothing: the event feed.warning. */
void feed_net_warn(struct feed_net *net, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** feed_net_polled() - a poll has come to its end; @has_data: it brought records.
 * Return: how long it was since there were any in this life, ns; -1: there were none.
 */
int64_t feed_net_polled(struct feed_net *net, bool has_data);

/** feed_net_age_ns() - how long ago the last data came, or the first look at it. */
int64_t feed_net_age_ns(const struct feed_net *net);

/** struct feed_news - what the owner has to tell */
struct feed_news {
	bool is_failure; /* the cycle has failed with it, as `net` */
	enum log_level level;
	const char *event; /* if it is none: feed.stale, feed.recovered, … */
	char text[ERROR_TEXT_MAX];
};

/**
 * feed_net_take_news() - the next thing to tell; call until it says false
 * @is_open: the session is: data can be expected
 *
 * feed.stale comes once when the data are older than they may be, feed.recovered once
 * when there are new ones.
 */
bool feed_net_take_news(struct feed_net *net, bool is_open, struct feed_news *ret_news);

struct feed_net *feed_net_free(struct feed_net *net);

/** feed_net_check() - whether the files of secrets that are configured can be read.
 * Return: 0; -errno with @error filled. */
int feed_net_check(const struct feed_net_setup *setup, struct error *error);
