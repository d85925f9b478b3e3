/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file at a URL that grows, CSV or NDJSON. What has come is kept in a copy in the
 * state directory (feed_copy.h), and read from there as a file that is followed: cursor
 * and replay are the file feed's. Nothing is read before it is on the disk, so nothing
 * is skipped.
 *
 * A server that knows no ranges sends everything; then what is known must be its
 * beginning. Where that is not so, or it has become shorter, it is another file, and
 * the feed is unusable (`data`) until a person has looked.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "worker/trading/feed_copy.h"
#include "worker/trading/feed_net.h"
#include "worker/trading/feed_ops.h"

#define CHUNK (8 * 1024 * 1024)
#define ANSWER_MAX (64 * 1024 * 1024) /* of a server that knows no ranges */
#define PER_MINUTE 1200

struct feed_http {
	struct feed base;
	struct config_trading as_file; /* borrows what the configuration owns */
	struct feed_place *place;      /* borrowed */
	struct feed_net *net;	       /* the place's */
	struct feed_copy copy;
	struct feed *file;
	bool has_given;		  /* since the last FEED_E_WAIT */
	char etag[HTTP_TEXT_MAX]; /* of the answer that brought all there was; "" */
};

static struct feed_http *
http_of(const struct feed *feed)
{
	return (struct feed_http *)(uintptr_t)feed;
}

static void
http_feed_free(struct feed *feed)
{
	struct feed_http *http = http_of(feed);

	feed_free(http->file);
	feed_copy_deinit(&http->copy);
	free(http);
}

/* A result of the copy's as one of a feed's. */
static int
translate(int r)
{
	return r == FEED_COPY_E_CHANGED || r == FEED_COPY_E_DATA ? FEED_E_DATA : r;
}

/* Return: 0; FEED_E_DATA; -errno. */
static int
take_whole(struct feed_http *http, const struct http_answer *answer, size_t *ret_new,
    struct error *error)
{
	int r;

	r = feed_copy_compare(&http->copy, answer->body, answer->length, error);
	if (r != 0)
		return translate(r);
	*ret_new = answer->length - http->copy.size;
	return feed_copy_append(
	    &http->copy, answer->body + http->copy.size, *ret_new, error);
}

/* Nothing lies behind the range, and less than there was before it. */
static int
shorter(const struct feed_http *http, struct error *error)
{
	return error_set(error, FEED_E_DATA,
	    "http: what lies at the URL is shorter than what was read of it: it is not "
	    "what %s was copied from",
	    http->copy.path);
}

/* Return: 0; FEED_E_WAIT: it was none we asked for; FEED_E_DATA; -errno. */
static int
take_part(struct feed_http *http, const struct http_answer *answer, size_t *ret_new,
    struct error *error)
{
	if (answer->range_first != (int64_t)http->copy.size) {
		feed_net_failed(http->net,
		    "the server sends the part from %" PRId64 " on, and not from "
		    "%" PRIu64,
		    answer->range_first, http->copy.size);
		return FEED_E_WAIT;
	}
	*ret_new = answer->length;
	return feed_copy_append(&http->copy, answer->body, answer->length, error);
}

/* @ret_new: how many bytes it brought; @ret_more: there are more to be had at once. */
static int
take(struct feed_http *http, const struct http_answer *answer, size_t *ret_new,
    bool *ret_more, struct error *error)
{
	int64_t total = answer->range_total;
	int r = 0;

	*ret_new = 0;
	if (answer->status == 416 && total != HTTP_NONE &&
	    total < (int64_t)http->copy.size)
		return shorter(http, error);
	if (answer->status == 200)
		r = take_whole(http, answer, ret_new, error);
	else if (answer->status == 206)
		r = take_part(http, answer, ret_new, error);
	if (r != 0)
		return r;
	*ret_more =
	    answer->status == 206 && *ret_new > 0 &&
	    (total == HTTP_NONE ? *ret_new == CHUNK : (int64_t)http->copy.size < total);
	if (answer->status == 200 || answer->status == 206)
		memcpy(http->etag, *ret_more ? "" : answer->etag,
		    *ret_more ? 1 : sizeof(http->etag));
	return 0;
}

/* One request. Return: 0; FEED_E_WAIT: that is all for now; FEED_E_DATA; -errno. */
static int
ask(struct feed_http *http, const char *url, struct error *error)
{
	_cleanup_(http_answer_deinit) struct http_answer answer = { 0 };
	struct feed_get get = { .url = url,
		.etag = http->etag[0] ? http->etag : NULL,
		.answer_max = ANSWER_MAX };
	char range[64];
	bool more = false;
	size_t n;
	int r;

	snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, http->copy.size,
	    http->copy.size + CHUNK - 1);
	get.range = range;
	if (feed_net_get(http->net, &get, &answer) != 0)
		return FEED_E_WAIT;
	r = take(http, &answer, &n, &more, error);
	if (r != 0)
		return r;
	if (more)
		return 0;
	feed_net_wait(http->net, false);
	(void)feed_net_polled(http->net, n > 0);
	return FEED_E_WAIT;
}

/* Return: 0; FEED_E_DATA; -errno. */
static int
fetch(struct feed_http *http, struct error *error)
{
	int64_t deadline_ns = clock_monotonic_ns() + http->place->patience_ns;
	int r;

	if (!feed_net_is_due(http->net))
		return 0;
	do
		r = ask(http, http->as_file.http.url, error);
	while (r == 0 && clock_monotonic_ns() < deadline_ns &&
	       feed_place_is_wanted(http->place));
	return r == FEED_E_WAIT ? 0 : r;
}

static int
http_next(struct feed *feed, struct feed_record *ret_record, struct error *error)
{
	struct feed_http *http = http_of(feed);
	int r;

	r = feed_next(http->file, ret_record, error);
	if (r == 0)
		http->has_given = true;
	if (r != FEED_E_WAIT)
		return r;
	if (http->has_given) {
		http->has_given = false;
		return FEED_E_WAIT;
	}
	r = fetch(http, error);
	if (r != 0)
		return r;
	r = feed_next(http->file, ret_record, error);
	http->has_given = r == 0;
	return r;
}

static void
http_position(const struct feed *feed, char ret_position[FEED_POSITION_MAX])
{
	feed_position(http_of(feed)->file, ret_position);
}

static void
http_trim(struct feed *feed, const char *position)
{
	struct feed_http *http = http_of(feed);
	uint64_t offset;
	int r;

	if (feed_file_offset(position, &offset) < 0)
		return;
	r = feed_copy_trim(&http->copy, offset);
	if (r < 0 && r != -EOPNOTSUPP)
		feed_net_warn(
		    http->net, "the copy cannot be made shorter: %s", strerror(-r));
}

/* Whether it leads to bytes that are kept; what else is wrong with it, the file feed
 * finds. Return: 0; FEED_E_DATA. */
static int
check_position(const struct feed_http *http, const char *position, struct error *error)
{
	uint64_t offset = 0;

	if (position[0] != '\0' && feed_file_offset(position, &offset) < 0)
		return 0;
	if (feed_copy_has(&http->copy, offset))
		return 0;
	return error_set(error, FEED_E_DATA,
	    "http: what the feed received %s is no longer kept",
	    offset == 0 ? "first" : "where the cursor stands");
}

static int
open_net(
    const struct config_trading *trading, struct feed_place *place, struct error *error)
{
	const struct feed_net_setup setup = { .account = trading->http.url,
		.per_minute = PER_MINUTE,
		.interval_ns = trading->http.interval_ns };

	if (place->net)
		return 0;
	return feed_net_new(place, &setup, error, &place->net);
}

static int
http_open(const struct config_trading *trading, struct feed_place *place,
    const char *position, struct error *error, struct feed **ret_feed)
{
	_cleanup_(feed_freep) struct feed *feed = NULL;
	struct feed_http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return error_set(error, -ENOMEM, "out of memory");
	feed = &http->base;
	feed->ops = &feed_http_ops;
	http->copy.fd = -1;
	http->place = place;
	r = open_net(trading, place, error);
	if (r == 0)
		r = translate(feed_copy_open(&http->copy, place->state_dir, error));
	if (r == 0)
		r = check_position(http, position, error);
	if (r != 0)
		return r;
	http->net = place->net;
	http->as_file = *trading;
	http->as_file.feed = FEED_FILE;
	http->as_file.file = trading->http.file;
	http->as_file.file.path = http->copy.path;
	http->as_file.file.follow = true;
	r = feed_open(&http->as_file, NULL, position, error, &http->file);
	if (r != 0)
		return r;
	*ret_feed = steal(&feed);
	return 0;
}

static int
http_check(const struct config_trading *trading, struct error *error)
{
	(void)trading;
	(void)error;
	return 0;
}

const struct feed_ops feed_http_ops = {
	.needs_place = true,
	.open = http_open,
	.check = http_check,
	.next = http_next,
	.position = http_position,
	.trim = http_trim,
	.free = http_feed_free,
};
