/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of the stretch that the next poll asks for once more, each as a key:
 * learnt as they are given out, and found again in the spool after a restart.
 */
#include "worker/trading/feed_poll_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static int
by_key(const void *a, const void *b)
{
	const struct known *one = a, *two = b;

	return (one->key > two->key) - (one->key < two->key);
}

bool
feed_poll_knows(const struct feed_poll *poll, uint64_t key)
{
	const struct known wanted = { .key = key };

	return poll->n_known > 0 &&
	       bsearch(&wanted, poll->known, poll->n_known, sizeof(wanted), by_key);
}

int
feed_poll_learn(struct feed_poll *poll, const struct poll_record *records, size_t n)
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
	return feed_poll_learn(poll, records, n);
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

int
feed_poll_remember(struct feed_poll *poll, struct error *error)
{
	const struct spool_page *last = spool_last(poll->spool);
	struct spool_page page;
	int r;

	if (!last)
		return 0;
	if (sscanf(last->cursor, "t=%" SCNd64, &poll->newest_ns) != 1)
		return error_set(error, FEED_E_DATA, "the spool's cursor '%s' is none",
		    last->cursor);
	/* A part's cursor is its end. */
	poll->is_behind = last->late_before_ns > poll->newest_ns;
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
