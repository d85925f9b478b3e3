/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds of services that are polled. What comes is put into the spool first, and read
 * from there: a record that the worker has seen is one that a replay will see, at the
 * same place (spool.h). Only when the spool has nothing more, and this batch has had
 * nothing yet, is the network asked: so no batch that has events waits for it.
 *
 * Nothing is skipped: each poll asks from the newest time known, and a little before
 * it, since a record may become visible late. Nothing comes twice: records of that
 * stretch are known by a key, and the keys are found again in the spool after a
 * restart. A poll counts when its last page is there; its records are then sorted by
 * time, and become one page of the spool together with the time that the next one
 * starts from.
 *
 * At the very first the service decides where it begins. What is older than
 * feed_max_age is then marked as too late for a real broker.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/paths.h"
#include "worker/trading/feed_ops.h"
#include "worker/trading/ndjson.h"
#include "worker/trading/poll.h"
#include "worker/trading/spool.h"

#define ANSWER_MAX (16 * 1024 * 1024)
#define PAGES_MAX 1000
#define FIRST_PAGES_MAX 50 /* of a service that pages backwards, at the very first */
#define SYMBOLS_MAX 128
#define SPAN_MIN_NS NS_PER_S
/* A symbol is bad when the server has refused it so often in a row: one refusal may be
 * a proxy's. */
#define REFUSALS_MAX 3
/* A page that was promised and is empty is asked for so often: what it ought to have
 * had would be passed over. */
#define EMPTY_MAX 3

/** struct known - a record that was given out and may be answered again */
struct known {
	uint64_t key;
	int64_t time_ns;
};

struct feed_poll {
	struct feed base;
	const struct config_trading *trading; /* borrowed */
	const struct poll_ops *ops;
	struct feed_place *place; /* borrowed */
	struct feed_net *net;	  /* the place's */
	struct spool *spool;
	struct fields fields;
	bool has_given;	       /* since the last FEED_E_WAIT */
	int64_t record_ns;     /* time of the last record */

	int64_t newest_ns; /* the cursor; POLL_NONE: nothing yet */
	struct known *known;
	size_t n_known;

	/* The poll that is under way. */
	bool is_polling;
	struct poll_window window;
	struct poll_batch batch;
	int pages, empty;
	int64_t begun_ns; /* of the real-time clock */
	int64_t span_ns;  /* of one poll while there is much to catch up; 0: no limit */
	bool is_bad[SYMBOLS_MAX];
	unsigned char
	    refusals[SYMBOLS_MAX]; /* in a row, of the symbol asked for alone */
};

static struct feed_poll *
poll_of(const struct feed *feed)
{
	return (struct feed_poll *)(uintptr_t)feed;
}

static void
poll_free(struct feed *feed)
{
	struct feed_poll *poll = poll_of(feed);

	spool_free(poll->spool);
	poll_batch_deinit(&poll->batch);
	free(poll->known);
	free(poll);
}

/* What is known. */

static int
by_key(const void *a, const void *b)
{
	const struct known *one = a, *two = b;

	return (one->key > two->key) - (one->key < two->key);
}

static bool
is_known(const struct feed_poll *poll, uint64_t key)
{
	const struct known wanted = { .key = key };

	return poll->n_known > 0 &&
	       bsearch(&wanted, poll->known, poll->n_known, sizeof(wanted), by_key);
}

/* Forget what no poll will ask for again, and learn @n records. */
static int
learn(struct feed_poll *poll, const struct poll_record *records, size_t n)
{
	int64_t from_ns = poll->newest_ns - poll->ops->look_back_ns;
	struct known *larger;
	size_t kept = 0;

	larger = realloc(poll->known, (poll->n_known + n + 1) * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	poll->known = larger;
	for (size_t i = 0; i < n; i++)
		larger[poll->n_known + i] =
		    (struct known){ records[i].key, records[i].time_ns };
	for (size_t i = 0; i < poll->n_known + n; i++) {
		if (larger[i].time_ns >= from_ns)
			larger[kept++] = larger[i];
	}
	poll->n_known = kept;
	qsort(larger, kept, sizeof(*larger), by_key);
	return 0;
}

/* A line of the spool, as the record of an answer that it was. Return: 0, -ENOMEM. */
static int
read_back(struct feed_poll *poll, char *line, size_t length, struct poll_record *record)
{
	_cleanup_free_ char *copy = strndup(line, length);
	struct field_text found[FIELD_COUNT];

	if (!copy)
		return -ENOMEM;
	*record = (struct poll_record){ .time_ns = poll->newest_ns };
	(void)ndjson_record(&poll->fields, line, length, found);
	record->key = poll_key(found, copy, length);
	if (found[FIELD_TIME].text)
		(void)timestamp_parse(found[FIELD_TIME].text, found[FIELD_TIME].length,
		    TIME_UNIT_RFC3339, &record->time_ns);
	return 0;
}

/* @text: changed */
static int
remember_lines(struct feed_poll *poll, char *text, size_t length)
{
	_cleanup_free_ struct poll_record *records = NULL;
	size_t n = 0;
	char *end;

	for (size_t i = 0; i < length; i++)
		n += text[i] == '\n';
	records = calloc(n + 1, sizeof(*records));
	if (!records)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++, text = end + 1) {
		end = strchr(text, '\n');
		if (read_back(poll, text, (size_t)(end - text), &records[i]) < 0)
			return -ENOMEM;
	}
	return learn(poll, records, n);
}

/* Return: 0; FEED_E_DATA; -errno. */
static int
remember_page(struct feed_poll *poll, uint64_t offset, struct spool_page *ret_page,
    struct error *error)
{
	_cleanup_free_ char *records = NULL;
	int r;

	r = spool_read(poll->spool, offset, ret_page, &records, error);
	if (r != 0)
		return r == SPOOL_E_DATA ? FEED_E_DATA : r;
	r = remember_lines(poll, records, ret_page->length);
	return r < 0 ? error_set(error, r, "out of memory") : 0;
}

/* The cursor, and the pages that the next poll's answer may repeat. */
static int
remember(struct feed_poll *poll, struct error *error)
{
	const struct spool_page *last = spool_last(poll->spool);
	struct spool_page page;
	int r;

	if (!last)
		return 0;
	if (sscanf(last->cursor, "t=%" SCNd64, &poll->newest_ns) != 1)
		return error_set(error, FEED_E_DATA, "the spool's cursor '%s' is none",
		    last->cursor);
	page.previous = last->offset;
	do {
		r = remember_page(poll, page.previous, &page, error);
		if (r != 0)
			return r;
	} while (spool_has(poll->spool, page.previous) && page.previous < page.offset &&
		 (page.newest_ns == 0 ||
		     page.newest_ns >= poll->newest_ns - poll->ops->look_back_ns));
	return 0;
}

/* Asking. */

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

		if (is_known(poll, key) ||
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
 * feed was stale, whether the server failed or had nothing to say; in this life or over
 * a restart. @since_ns: the last record of this life; -1: there was none. */
static int64_t
late_before(const struct feed_poll *poll, int64_t since_ns, int64_t real_ns)
{
	const struct spool_page *last = spool_last(poll->spool);
	struct feed_net_setup setup;
	bool was_out;

	poll->ops->setup(poll->trading, &setup);
	if (last)
		was_out = since_ns > setup.max_age_ns ||
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
	snprintf(page.cursor, sizeof(page.cursor), "t=%" PRId64, newest_ns);
	r = write_page(poll, &page, error);
	if (r < 0)
		return r;
	poll->newest_ns = newest_ns;
	r = learn(poll, poll->batch.records, poll->batch.n);
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

/* Fill the spool, if it is time to. Return: 0; -errno. */
static int
fetch(struct feed_poll *poll, int64_t patience_ns, struct error *error)
{
	int64_t deadline_ns = clock_monotonic_ns() + patience_ns;
	int r;

	if (!feed_net_is_due(poll->net))
		return 0;
	if (!poll->is_polling)
		begin(poll);
	do
		r = ask(poll, error);
	while (r == 0 && clock_monotonic_ns() < deadline_ns);
	return r == FEED_E_WAIT ? 0 : r;
}

/* Reading. */

static void
read_record(
    struct feed_poll *poll, char *line, size_t length, struct feed_record *ret_record)
{
	struct field_text found[FIELD_COUNT];
	field_texts texts;
	const char *why = ndjson_record(&poll->fields, line, length, found);

	if (why) {
		*ret_record = (struct feed_record){ .broken = why };
		return;
	}
	for (int i = 0; i < FIELD_COUNT; i++)
		texts[i] = &found[i];
	fields_read(&poll->fields, texts, ret_record);
	if (!ret_record->broken)
		poll->record_ns = ret_record->time_ns;
}

static int
next(struct feed_poll *poll, struct feed_record *ret_record, struct error *error)
{
	size_t length;
	char *line;
	int r;

	r = spool_next(poll->spool, &line, &length, error);
	if (r != 0)
		return r == SPOOL_E_WAIT   ? FEED_E_WAIT
		       : r == SPOOL_E_DATA ? FEED_E_DATA
					   : r;
	poll->has_given = true;
	read_record(poll, line, length, ret_record);
	return 0;
}

static int
poll_next(struct feed *feed, struct feed_record *ret_record, struct error *error)
{
	struct feed_poll *poll = poll_of(feed);
	int r;

	r = next(poll, ret_record, error);
	if (r != FEED_E_WAIT)
		return r;
	if (poll->has_given) {
		poll->has_given = false;
		return FEED_E_WAIT;
	}
	r = fetch(poll, poll->place->patience_ns, error);
	return r < 0 ? r : next(poll, ret_record, error);
}

static void
poll_position(const struct feed *feed, char ret_position[FEED_POSITION_MAX])
{
	const struct feed_poll *poll = poll_of(feed);
	uint64_t page, at;

	ret_position[0] = '\0';
	if (!spool_page(poll->spool))
		return;
	spool_tell(poll->spool, &page, &at);
	snprintf(ret_position, FEED_POSITION_MAX,
	    "spool/1 page=%" PRIu64 " at=%" PRIu64, page, at);
	feed_position_seal(ret_position);
}

static int
read_position(const char *position, uint64_t *ret_page, uint64_t *ret_at)
{
	char plain[FEED_POSITION_MAX];

	if (feed_position_unseal(position, plain) < 0 ||
	    sscanf(plain, "spool/1 page=%" SCNu64 " at=%" SCNu64, ret_page, ret_at) !=
		2)
		return -EINVAL;
	return 0;
}

static bool
poll_is_late(const struct feed *feed)
{
	const struct feed_poll *poll = poll_of(feed);
	const struct spool_page *page = spool_page(poll->spool);

	return page && poll->record_ns < page->late_before_ns;
}

static void
poll_trim(struct feed *feed, const char *position)
{
	struct feed_poll *poll = poll_of(feed);
	uint64_t page, at;
	int r;

	if (read_position(position, &page, &at) < 0)
		return;
	r = spool_trim(poll->spool, page);
	if (r < 0 && r != -EOPNOTSUPP)
		feed_net_warn(
		    poll->net, "the spool cannot be made shorter: %s", strerror(-r));
}

/* Opening. */

static void
init_fields(struct feed_poll *poll)
{
	for (int i = 0; i < FIELD_COUNT; i++) {
		poll->fields.names[i] = field_name((enum field)i);
		poll->fields.name_lengths[i] = strlen(field_name((enum field)i));
		poll->fields.has[i] = true;
	}
	poll->fields.time_unit = TIME_UNIT_RFC3339;
	if (!poll->ops->has_side) {
		poll->fields.names[FIELD_SIDE] = NULL;
		poll->fields.has[FIELD_SIDE] = false;
	}
	if (!poll->ops->has_notional) {
		poll->fields.names[FIELD_NOTIONAL] = NULL;
		poll->fields.has[FIELD_NOTIONAL] = false;
	}
}

static int
go_to(struct feed_poll *poll, const char *position, struct error *error)
{
	uint64_t page, at;
	int r;

	if (position[0] == '\0' && spool_is_trimmed(poll->spool))
		return error_set(error, FEED_E_DATA,
		    "%s: what the feed received first is no longer kept",
		    poll->ops->name);
	if (position[0] == '\0')
		return 0;
	if (read_position(position, &page, &at) < 0)
		return error_set(error, FEED_E_DATA,
		    "%s: the cursor is damaged, or another feed's: %s", poll->ops->name,
		    position);
	r = spool_seek(poll->spool, page, at, error);
	return r == SPOOL_E_DATA ? FEED_E_DATA : r;
}

static int
open_spool(struct feed_poll *poll, const struct feed_place *place, struct error *error)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/feed-%s.spool", place->state_dir, poll->ops->name) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	r = spool_open(path, poll->ops->name, error, &poll->spool);
	return r == SPOOL_E_DATA ? FEED_E_DATA : r;
}

static int
open_poll(const struct config_trading *trading, struct feed_place *place,
    const struct poll_ops *service, const char *position, struct error *error,
    struct feed **ret_feed)
{
	_cleanup_(feed_freep) struct feed *feed = NULL;
	struct feed_poll *poll = calloc(1, sizeof(*poll));
	struct feed_net_setup setup;
	int r;

	if (!poll)
		return error_set(error, -ENOMEM, "out of memory");
	feed = &poll->base;
	feed->ops = service == &poll_alpaca ? &feed_alpaca_ops : &feed_flow_alerts_ops;
	poll->place = place;
	poll->trading = trading;
	poll->ops = service;
	poll->newest_ns = POLL_NONE;
	init_fields(poll);
	service->setup(trading, &setup);
	if (!place->net) {
		r = feed_net_new(place, &setup, error, &place->net);
		if (r < 0)
			return r;
	}
	poll->net = place->net;
	r = open_spool(poll, place, error);
	if (r == 0)
		r = remember(poll, error);
	if (r == 0)
		r = go_to(poll, position, error);
	if (r != 0)
		return r;
	*ret_feed = steal(&feed);
	return 0;
}

static int
open_alpaca(const struct config_trading *trading, struct feed_place *place,
    const char *position, struct error *error, struct feed **ret_feed)
{
	return open_poll(trading, place, &poll_alpaca, position, error, ret_feed);
}

static int
open_flow_alerts(const struct config_trading *trading, struct feed_place *place,
    const char *position, struct error *error, struct feed **ret_feed)
{
	return open_poll(trading, place, &poll_flow_alerts, position, error, ret_feed);
}

static int
check_alpaca(const struct config_trading *trading, struct error *error)
{
	struct feed_net_setup setup;

	poll_alpaca.setup(trading, &setup);
	return feed_net_check(&setup, error);
}

static int
check_flow_alerts(const struct config_trading *trading, struct error *error)
{
	struct feed_net_setup setup;

	poll_flow_alerts.setup(trading, &setup);
	return feed_net_check(&setup, error);
}

const struct feed_ops feed_alpaca_ops = {
	.needs_place = true,
	.open = open_alpaca,
	.check = check_alpaca,
	.next = poll_next,
	.position = poll_position,
	.is_late = poll_is_late,
	.trim = poll_trim,
	.free = poll_free,
};

const struct feed_ops feed_flow_alerts_ops = {
	.needs_place = true,
	.open = open_flow_alerts,
	.check = check_flow_alerts,
	.next = poll_next,
	.position = poll_position,
	.is_late = poll_is_late,
	.trim = poll_trim,
	.free = poll_free,
};
