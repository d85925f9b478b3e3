/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One poll: from where it asks, in how many requests, what is done about a request that
 * is at fault, and the page of the spool that its records become.
 */
#include "worker/trading/feed_poll_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "worker/trading/feed_net.h"

#define ANSWER_MAX (16 * 1024 * 1024)
#define PAGES_MAX 1000
#define FIRST_PAGES_MAX 50 /* of a service that pages backwards, at the very first */
#define SPAN_MIN_NS NS_PER_S
/* A symbol is bad when the server has refused it so often in a row: one refusal may be
 * a proxy's. */
#define REFUSALS_MAX 3
/* A page that was promised and is empty is asked for so often: what it ought to have
 * had would be passed over. */
#define EMPTY_MAX 3

static void
begin(struct feed_poll *poll)
{
	poll_batch_clear(&poll->batch);
	poll->window = (struct poll_window){ .start_ns = POLL_NONE,
		.end_ns = POLL_NONE,
		.older_ns = POLL_NONE,
		.only = -1,
		.is_bad = poll->is_bad };
	poll->pages = poll->empty = 0;
	poll->begun_ns = clock_realtime_ns();
	poll->is_polling = true;
	if (poll->newest_ns == POLL_NONE)
		return;
	poll->batch.last_ns = poll->newest_ns;
	poll->window.start_ns = poll->newest_ns - poll->ops->look_back_ns;
	if (poll->span_ns == 0)
		return;
	if (poll->newest_ns + poll->span_ns >= clock_realtime_ns()) {
		poll->span_ns = 0;
		return;
	}
	poll->window.end_ns = poll->newest_ns + poll->span_ns;
	poll->window.older_ns = poll->window.end_ns + 1;
}

/* More than we want to hold at once: a shorter stretch then, and all of it again. */
static void
shorten(struct feed_poll *poll)
{
	int64_t first_ns = INT64_MAX, last_ns = INT64_MIN, span_ns;

	for (size_t i = 0; i < poll->batch.n; i++) {
		int64_t ns = poll->batch.records[i].time_ns;

		first_ns = ns < first_ns ? ns : first_ns;
		last_ns = ns > last_ns ? ns : last_ns;
	}
	poll->is_polling = false;
	if (poll->newest_ns == POLL_NONE)
		poll->newest_ns = first_ns;
	span_ns = poll->span_ns ? poll->span_ns / 2 : (last_ns - poll->newest_ns) / 2;
	if (poll->span_ns == SPAN_MIN_NS)
		feed_net_failed(poll->net, "there is more in one second than can be "
					   "held");
	poll->span_ns = span_ns > SPAN_MIN_NS ? span_ns : SPAN_MIN_NS;
}

static int
by_key_then_place(const void *a, const void *b)
{
	const struct poll_record *one = a, *two = b;

	if (one->key != two->key)
		return one->key > two->key ? 1 : -1;
	return (one->offset > two->offset) - (one->offset < two->offset);
}

static int
by_time_then_place(const void *a, const void *b)
{
	const struct poll_record *one = a, *two = b;

	if (one->time_ns != two->time_ns)
		return one->time_ns > two->time_ns ? 1 : -1;
	return (one->offset > two->offset) - (one->offset < two->offset);
}

/* Leave out what was given out already or is here twice, and sort the rest by time. */
static void
sift(struct feed_poll *poll)
{
	struct poll_batch *batch = &poll->batch;
	size_t kept = 0;

	if (batch->n == 0)
		return;
	qsort(batch->records, batch->n, sizeof(*batch->records), by_key_then_place);
	for (size_t i = 0; i < batch->n; i++) {
		uint64_t key = batch->records[i].key;

		if (feed_poll_knows(poll, key) ||
		    (kept > 0 && batch->records[kept - 1].key == key))
			continue;
		batch->records[kept++] = batch->records[i];
	}
	batch->n = kept;
	qsort(batch->records, batch->n, sizeof(*batch->records), by_time_then_place);
}

/* Not past the time when the poll began: its pages were answered one after the other,
 * and what came up meanwhile is in the later ones only. */
static int64_t
newest_of(const struct feed_poll *poll)
{
	int64_t newest_ns = POLL_NONE;

	if (poll->window.end_ns != POLL_NONE)
		return poll->window.end_ns;
	if (poll->batch.n > 0)
		newest_ns = poll->batch.records[poll->batch.n - 1].time_ns;
	if (newest_ns > poll->begun_ns)
		newest_ns = poll->begun_ns;
	return newest_ns > poll->newest_ns ? newest_ns : poll->newest_ns;
}

/* Before which time a record came too late: there has been nothing for so long that the
 * feed was stale, whether the server failed or had nothing to say, in this life or over
 * a restart; or what was missed meanwhile comes in parts. @since_ns: the last record of
 * this life; -1: there was none. */
static int64_t
late_before(const struct feed_poll *poll, int64_t since_ns, int64_t real_ns)
{
	const struct spool_page *last = spool_last(poll->spool);
	struct feed_net_setup setup;
	bool was_out;

	poll->ops->setup(poll->trading, &setup);
	if (last)
		was_out = poll->is_behind || since_ns > setup.max_age_ns ||
			  real_ns - last->fetched_ns > setup.max_age_ns;
	else
		was_out = poll->trading->broker != BROKER_PAPER;
	return was_out ? real_ns - setup.max_age_ns : 0;
}

static int
write_page(struct feed_poll *poll, struct spool_page *page, struct error *error)
{
	const struct poll_batch *batch = &poll->batch;
	_cleanup_free_ char *text = malloc(batch->used + 1);
	size_t used = 0;

	if (!text)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < batch->n; i++) {
		const struct poll_record *record = &batch->records[i];

		memcpy(text + used, batch->text + record->offset, record->length);
		used += record->length;
	}
	if (batch->n > 0)
		page->newest_ns = batch->records[batch->n - 1].time_ns;
	return spool_append(poll->spool, page, text, used, error);
}

/* Return: 0; -errno. */
static int
finish(struct feed_poll *poll, struct error *error)
{
	struct spool_page page = { .fetched_ns = clock_realtime_ns() };
	bool is_part = poll->window.end_ns != POLL_NONE;
	int64_t newest_ns;
	int r;

	sift(poll);
	newest_ns = newest_of(poll);
	poll->is_polling = false;
	if (is_part && poll->batch.n < POLL_RECORDS_MAX / 4)
		poll->span_ns *= 2;
	feed_net_wait(poll->net, is_part);
	page.late_before_ns = late_before(
	    poll, feed_net_polled(poll->net, poll->batch.n > 0), page.fetched_ns);
	if (poll->batch.n == 0 && newest_ns == poll->newest_ns)
		return 0;
	poll->is_behind = is_part && page.late_before_ns != 0;
	snprintf(page.cursor, sizeof(page.cursor), "t=%" PRId64, newest_ns);
	r = write_page(poll, &page, error);
	if (r < 0)
		return r;
	poll->newest_ns = newest_ns;
	r = feed_poll_learn(poll, poll->batch.records, poll->batch.n);
	return r < 0 ? error_set(error, r, "out of memory") : 0;
}

static size_t
count_symbols(const struct feed_poll *poll)
{
	char *const *symbols = poll->ops->symbols(poll->trading);
	size_t n = 0;

	while (symbols && symbols[n] && n < SYMBOLS_MAX)
		n++;
	return n;
}

/* The next symbol to be asked for alone. Return: whether there is one. */
static bool
go_to_next_symbol(struct feed_poll *poll)
{
	struct poll_window *window = &poll->window;

	window->token[0] = '\0';
	window->older_ns = window->end_ns == POLL_NONE ? POLL_NONE : window->end_ns + 1;
	do
		window->only++;
	while (window->only < (int)count_symbols(poll) && poll->is_bad[window->only]);
	return window->only < (int)count_symbols(poll);
}

/* The symbol that was asked for alone was refused. */
static bool
is_refused_for_good(struct feed_poll *poll, int status)
{
	int symbol = poll->window.only;

	if (++poll->refusals[symbol] < REFUSALS_MAX)
		return false;
	poll->is_bad[symbol] = true;
	feed_net_warn(poll->net,
	    "%s: the server knows no such symbol (%d, %d times); it is no longer asked "
	    "for",
	    poll->ops->symbols(poll->trading)[symbol], status, REFUSALS_MAX);
	return true;
}

/*
 * The request itself was at fault. One bad symbol must not end the run: each is asked
 * for alone, to find out which, and then all good ones again: answers of different
 * moments do not make one page. A page's token may have expired: all of it again.
 */
static void
look_for_fault(struct feed_poll *poll, int status)
{
	struct poll_window *window = &poll->window;
	bool is_first_page =
	    !window->token[0] && (poll->pages == 0 || window->only >= 0);

	if ((status != 400 && status != 404 && status != 422) || !is_first_page ||
	    count_symbols(poll) < 2) {
		poll->is_polling = false;
		return;
	}
	if (window->only >= 0 && !is_refused_for_good(poll, status)) {
		poll->is_polling = false; /* nothing is passed over meanwhile */
		return;
	}
	poll->is_polling = go_to_next_symbol(poll);
}

/* Take in an answer. Return: 0; -ENOMEM. */
static int
take(struct feed_poll *poll, const struct http_answer *answer, bool *ret_more)
{
	struct poll_batch *batch = &poll->batch;
	struct poll_window window = poll->window;
	size_t n = batch->n, used = batch->used;
	int r = -EBADMSG;

	if (answer->status == 200)
		r = poll->ops->parse(poll->trading, answer->body, answer->length,
		    &window, batch, ret_more);
	if (r == 0 && poll->window.token[0] && batch->n == n && !*ret_more &&
	    ++poll->empty < EMPTY_MAX) {
		*ret_more = true;
		return 0;
	}
	if (r == 0) {
		if (window.only >= 0)
			poll->refusals[window.only] = 0;
		poll->window = window;
		poll->pages++;
		poll->empty = 0;
		return 0;
	}
	batch->n = n;
	batch->used = used;
	batch->is_full = false;
	if (r == -EBADMSG)
		feed_net_failed(poll->net,
		    "the server's answer (%d, %zu bytes) is none of this service's",
		    answer->status, answer->length);
	return r;
}

/* Return: whether the poll goes on with another request. */
static bool
has_more(struct feed_poll *poll, bool more)
{
	if (poll->batch.is_full || poll->pages >= PAGES_MAX) {
		shorten(poll);
		return false;
	}
	if (more && poll->newest_ns == POLL_NONE &&
	    poll->window.older_ns != POLL_NONE && poll->pages >= FIRST_PAGES_MAX)
		more = false;
	if (poll->window.only < 0)
		return more;
	poll->is_polling = go_to_next_symbol(poll);
	return poll->is_polling;
}

/* One request. Return: 0; FEED_E_WAIT: that is all for now; -errno. */
static int
ask(struct feed_poll *poll, struct error *error)
{
	_cleanup_(http_answer_deinit) struct http_answer answer = { 0 };
	char url[URL_MAX + 1] = "";
	struct feed_get get = { .url = url, .answer_max = ANSWER_MAX };
	bool more = false;
	int r;

	if (!poll->ops->url(poll->trading, &poll->window, url)) {
		feed_net_refused(poll->net, "there is no symbol left to ask for");
		return FEED_E_WAIT;
	}
	r = feed_net_get(poll->net, &get, &answer);
	if (r == FEED_NET_E_REQUEST)
		look_for_fault(poll, answer.status);
	if (r != 0)
		return FEED_E_WAIT;
	r = take(poll, &answer, &more);
	if (r < 0)
		return r == -EBADMSG ? FEED_E_WAIT
				     : error_set(error, r, "out of memory");
	if (has_more(poll, more))
		return 0;
	if (!poll->is_polling)
		return FEED_E_WAIT;
	r = finish(poll, error);
	return r < 0 ? r : FEED_E_WAIT;
}

int
feed_poll_fetch(struct feed_poll *poll, int64_t patience_ns, struct error *error)
{
	int64_t deadline_ns = clock_monotonic_ns() + patience_ns;
	int r;

	if (!feed_net_is_due(poll->net))
		return 0;
	if (!poll->is_polling)
		begin(poll);
	do
		r = ask(poll, error);
	while (r == 0 && clock_monotonic_ns() < deadline_ns &&
	       feed_place_is_wanted(poll->place));
	return r == FEED_E_WAIT ? 0 : r;
}
