/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the trader share: its state, and the functions by which one part
 * reaches another. Nothing else includes this.
 *
 *	trader.c          its making and unmaking, and what else is asked of it
 *	trader_restore.c  feed and module brought to where the journal is
 *	trader_batch.c    one batch: records, transactions, snapshots
 */
#pragma once

#include "worker/trading/desk.h"
#include "worker/trading/pipeline.h"
#include "worker/trading/trader.h"

/* A snapshot is written when the replay that it saves has grown to this many records,
 * or to a quarter of its size in bytes: then it costs a small part of what the records
 * since the last one did. */
#define SNAPSHOT_RECORDS 200000
#define SNAPSHOT_BYTES_PER_RECORD 4

struct trader {
	const struct config_trading *trading; /* borrowed */
	char *worker, *cursor, *journal_path; /* owned */
	char *freeze, *state_dir, *own_dir;   /* owned, or NULL */
	char *accounts_dir;		      /* owned; NULL: without own_dir */
	trader_alive alive;
	void *alive_data;
	news_on_event on_event;
	void *on_event_data;

	struct journal *journal;
	struct journal_state committed; /* what the journal says */
	struct journal_state begun;	/* and when the batch began */
	struct figures figures;
	int64_t fed_ns; /* monotonic: of the last record, else of the opening */
	struct desk desk;
	struct feed_place place;   /* of a feed over a network */
	struct pipeline *pipeline; /* NULL: to be made again */
	bool module_dropped;	   /* by a drill */

	int64_t last_snapshot, next_snapshot;	   /* at so many records */
	char snapshot_position[FEED_POSITION_MAX]; /* of the journal's; "": none */
	int64_t limit; /* records of the next batch: an event after them made the module
			  fail; 0: none */
	bool feed_failed; /* after the last batch's records */
	struct trader_failure feed_failure;
	bool has_trouble; /* of the feed's way over the network */
	struct error trouble;
};

/* trader_restore.c */

int64_t trader_records_of(const struct journal_state *state);

/** trader_fail_journal() - a result of the journal's or the desk's as a failure.
 * Return: -1. */
int trader_fail_journal(
    const struct trader *trader, int r, struct trader_failure *ret_failure);

/** trader_abandon() - back to what the journal says; the rest follows when it is
 * needed. */
void trader_abandon(struct trader *trader);

/** trader_make_ready() - before a batch: feed and module are there. Return: as
 * trader_batch(). */
int trader_make_ready(struct trader *trader, struct trader_failure *ret_failure);
