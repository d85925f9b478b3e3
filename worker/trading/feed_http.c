/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file at a URL that grows, CSV or NDJSON. What has come is kept in a copy in the
 * state directory, and read from there as a file that is followed: cursor and replay
 * are the file feed's. The copy is the beginning of what lies at the URL, byte for
 * byte. How much of it is known to be so stands in a file beside it, written when the
 * bytes are on the disk and before one of them is read: a power cut may leave anything
 * behind that, which is cut off and fetched again. So nothing is skipped.
 *
 * A server that knows no ranges sends everything; then what is known must be its
 * beginning. Where that is not so, or it has become shorter, it is another file, and
 * the feed is unusable (`data`) until a person has looked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/statefile.h"
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
	char *path, *end_path;
	int fd;
	uint64_t size; /* of the copy; in the file at end_path, too */
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
	closep(&http->fd);
	free(http->end_path);
	free(http->path);
	free(http);
}

#define END_FORMAT "http/1 size=%" PRIu64

/* The first @size bytes are on the disk. Return: 0; -errno. */
static int
write_end(const struct feed_http *http, uint64_t size)
{
	char text[FEED_POSITION_MAX];

	snprintf(text, sizeof(text), END_FORMAT, size);
	feed_position_seal(text);
	return statefile_write(http->end_path, text, strlen(text), 1);
}

/* Return: 0; -ENOENT; -EBADMSG; -errno. */
static int
read_end(const struct feed_http *http, uint64_t *ret_size)
{
	char plain[FEED_POSITION_MAX], again[FEED_POSITION_MAX];
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r;

	r = statefile_read(http->end_path, &text, &length);
	if (r < 0)
		return r;
	if (length >= FEED_POSITION_MAX || strlen(text) != length ||
	    feed_position_unseal(text, plain) < 0 ||
	    sscanf(plain, "http/1 size=%" SCNu64, ret_size) != 1)
		return -EBADMSG;
	snprintf(again, sizeof(again), END_FORMAT, *ret_size);
	return strcmp(plain, again) == 0 ? 0 : -EBADMSG;
}

/* Return: 0; -errno. */
static int
append(struct feed_http *http, const char *bytes, size_t length, struct error *error)
{
	size_t done = 0;
	int r = 0;

	while (done < length) {
		ssize_t n = pwrite(
		    http->fd, bytes + done, length - done, (off_t)(http->size + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (done < length || fdatasync(http->fd) < 0)
		r = -errno;
	else if (length > 0)
		r = write_end(http, http->size + length);
	if (r < 0) {
		(void)ftruncate(http->fd, (off_t)http->size);
		return error_set(error, r, "%s: %s", http->path, strerror(-r));
	}
	http->size += length;
	return 0;
}

static int
changed(const struct feed_http *http, const char *what, struct error *error)
{
	return error_set(error, FEED_E_DATA,
	    "http: what lies at the URL %s: it is not what %s was copied from", what,
	    http->path);
}

/* Whether the copy is the beginning of @bytes. Return: 0; FEED_E_DATA; -errno. */
static int
compare(const struct feed_http *http, const char *bytes, struct error *error)
{
	char part[65536];

	for (uint64_t at = 0; at < http->size;) {
		size_t wanted = sizeof(part);
		ssize_t n;

		if (wanted > http->size - at)
			wanted = (size_t)(http->size - at);
		n = pread(http->fd, part, wanted, (off_t)at);
		if (n <= 0)
			return error_set(error, n < 0 ? -errno : -EIO, "%s: %s",
			    http->path, n < 0 ? strerror(errno) : "is shorter");
		if (memcmp(part, bytes + at, (size_t)n) != 0)
			return changed(http, "begins otherwise", error);
		at += (uint64_t)n;
	}
	return 0;
}

static int
take_whole(struct feed_http *http, const struct http_answer *answer, size_t *ret_new,
    struct error *error)
{
	int r;

	if (answer->length < http->size)
		return changed(http, "is shorter than what was read of it", error);
	r = compare(http, answer->body, error);
	if (r != 0)
		return r;
	*ret_new = answer->length - http->size;
	return append(http, answer->body + http->size, *ret_new, error);
}

/* Return: 0; FEED_E_WAIT: it was none we asked for; FEED_E_DATA; -errno. */
static int
take_part(struct feed_http *http, const struct http_answer *answer, size_t *ret_new,
    struct error *error)
{
	if (answer->range_first != (int64_t)http->size) {
		feed_net_failed(http->net,
		    "the server sends the part from %" PRId64 " on, and not from "
		    "%" PRIu64,
		    answer->range_first, http->size);
		return FEED_E_WAIT;
	}
	*ret_new = answer->length;
	return append(http, answer->body, answer->length, error);
}

/* @ret_new: how many bytes it brought; @ret_more: there are more to be had at once. */
static int
take(struct feed_http *http, const struct http_answer *answer, size_t *ret_new,
    bool *ret_more, struct error *error)
{
	int64_t total = answer->range_total;
	int r = 0;

	*ret_new = 0;
	if (answer->status == 416 && total != HTTP_NONE && total < (int64_t)http->size)
		return changed(http, "is shorter than what was read of it", error);
	if (answer->status == 200)
		r = take_whole(http, answer, ret_new, error);
	else if (answer->status == 206)
		r = take_part(http, answer, ret_new, error);
	if (r != 0)
		return r;
	*ret_more =
	    answer->status == 206 && *ret_new > 0 &&
	    (total == HTTP_NONE ? *ret_new == CHUNK : (int64_t)http->size < total);
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

	snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, http->size,
	    http->size + CHUNK - 1);
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
	while (r == 0 && clock_monotonic_ns() < deadline_ns);
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

/* Cut off what is behind the end that is known. */
static int
find_end(struct feed_http *http, uint64_t length, struct error *error)
{
	uint64_t known = 0;
	int r = read_end(http, &known);

	if (r == -EBADMSG)
		return error_set(error, FEED_E_DATA,
		    "%s: is damaged; without it, all of %s counts", http->end_path,
		    http->path);
	/* A copy of an older version has none. */
	if (r == -ENOENT || (r == 0 && known > length)) {
		known = length;
		r = write_end(http, known);
	} else if (r == 0 && known < length && ftruncate(http->fd, (off_t)known) < 0) {
		r = -errno;
	}
	if (r < 0)
		return error_set(error, r, "%s: %s", http->end_path, strerror(-r));
	http->size = known;
	return 0;
}

static int
open_copy(struct feed_http *http, struct error *error)
{
	struct stat st;

	if (asprintf(&http->end_path, "%s/feed-http.end", http->place->state_dir) < 0) {
		http->end_path = NULL;
		return error_set(error, -ENOMEM, "out of memory");
	}
	if (asprintf(&http->path, "%s/feed-http.copy", http->place->state_dir) < 0) {
		http->path = NULL;
		return error_set(error, -ENOMEM, "out of memory");
	}
	http->fd = open(http->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (http->fd < 0 || fstat(http->fd, &st) < 0)
		return error_set(error, -errno, "%s: %s", http->path, strerror(errno));
	return find_end(http, (uint64_t)st.st_size, error);
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
	http->fd = -1;
	http->place = place;
	r = open_net(trading, place, error);
	if (r == 0)
		r = open_copy(http, error);
	if (r != 0)
		return r;
	http->net = place->net;
	http->as_file = *trading;
	http->as_file.feed = FEED_FILE;
	http->as_file.file = trading->http.file;
	http->as_file.file.path = http->path;
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
	.free = http_feed_free,
};
