/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the polled feeds share: the feed's state, and the functions by
 * which one part reaches another. Nothing else includes this.
 *
 *	feed_poll.c        records read from the spool, places in it, opening
 *	feed_poll_ask.c    a poll: its requests, and the page that it becomes
 *	feed_poll_known.c  which records were given out already
 */
#pragma once

#include "worker/trading/feed_ops.h"
#include "worker/trading/ndjson.h"
#include "worker/trading/poll.h"
#include "worker/trading/spool.h"

#define SYMBOLS_MAX 128

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
	bool has_given;	   /* since the last FEED_E_WAIT */
	int64_t record_ns; /* time of the last record */

	int64_t newest_ns; /* the cursor; POLL_NONE: nothing yet */
	bool is_behind;	   /* the last page was late, and not all that there was */
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

/* feed_poll_known.c */

/** feed_poll_knows() - whether a record with that key was given out. */
bool feed_poll_knows(const struct feed_poll *poll, uint64_t key);

/** feed_poll_learn() - learn @n records, and forget what no poll will ask for again.
 * Return: 0; -ENOMEM. */
int feed_poll_learn(
    struct feed_poll *poll, const struct poll_record *records, size_t n);

/** feed_poll_remember() - after a restart: the cursor, and the records that the next
 * poll's answer may repeat. Return: 0; FEED_E_DATA; -errno. */
int feed_poll_remember(struct feed_poll *poll, struct error *error);

/* feed_poll_ask.c */

/** feed_poll_fetch() - fill the spool, if it is time to. Return: 0; -errno. */
int feed_poll_fetch(struct feed_poll *poll, int64_t patience_ns, struct error *error);
