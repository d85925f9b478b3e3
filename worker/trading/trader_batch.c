/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One batch, one transaction: takes records from the pipeline, gives events and
 * clusters to the desk, and commits all of it together with the cursor. How clusters
 * are found and what becomes of them is not decided here.
 *
 * A batch that fails leaves pipeline, book and broker somewhere in its middle. They are
 * functions of the feed and the journal, so they are thrown away, and made again when
 * they are next needed, as after a restart: there is one way to get them right, and it
 * is tried at every start.
 */
#include "worker/trading/trader_internal.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "worker/trading/cursor.h"
#include "worker/trading/feed_net.h"
#include "worker/trading/killpoint.h"

/* With a real broker a batch takes no more transactions after this. */
#define BATCH_NS (2 * NS_PER_S)

/* struct step - what a cluster's callback reaches the trader and its own result through
 */
struct step {
	struct trader *trader;
	int result;
};

static int
on_cluster(const struct tradesup_event *event, const struct tradesup_cluster *cluster,
    const char *id, void *data)
{
	struct step *step = data;

	step->result = desk_cluster(&step->trader->desk, event, cluster, id);
	return step->result == JOURNAL_E_KNOWN ? PIPELINE_E_TAKEN : step->result;
}

/* The broker sees an event before the strategy does. @state: of the batch, at its last
 * event. */
static int
take_event(struct trader *trader, const struct tradesup_event *event,
    struct journal_state *state, struct trader_failure *ret_failure)
{
	struct step step = { .trader = trader };
	int r;

	trader->desk.guard.is_stale = feed_is_late(trader->pipeline->feed);
	r = desk_event(&trader->desk, event);
	if (r != 0)
		return trader_fail_journal(trader, r, ret_failure);
	r = pipeline_event(trader->pipeline, event, on_cluster, &step, ret_failure);
	if (r == PIPELINE_E_CLUSTER)
		return trader_fail_journal(trader, step.result, ret_failure);
	if (r < 0)
		/* With every batch size the events before this one must have been
		 * taken. */
		trader->limit = trader->pipeline->events + trader->pipeline->dropped -
				trader_records_of(&trader->committed) - 1;
	state->time_ns = event->time_ns;
	return r;
}

/* Take records until there are @limit, the feed has none, or an order has to go.
 * @ret_taken: how many. Return: 0; -1. */
static int
take_records(struct trader *trader, struct journal_state *state,
    struct trader_result *result, int64_t limit, int64_t *ret_taken,
    struct trader_failure *ret_failure)
{
	struct tradesup_event event;
	int64_t taken;
	int r;

	for (taken = 0; taken < limit; taken++) {
		r = pipeline_next(trader->pipeline, &event, ret_failure);
		result->ended = r == PIPELINE_E_END;
		result->idle = r == PIPELINE_E_WAIT;
		if (result->ended || result->idle)
			break;
		if (r < 0 && taken > 0) {
			trader->feed_failed = true;
			trader->feed_failure = *ret_failure;
			break;
		}
		if (r < 0)
			return r;
		if (taken == 0) {
			int begun = journal_begin(trader->journal);

			if (begun != 0)
				return trader_fail_journal(trader, begun, ret_failure);
		}
		if (r == 0) {
			r = take_event(trader, &event, state, ret_failure);
			if (r < 0)
				return r;
		}
		/* An order for a real broker: it goes before the next event is seen. */
		if (trader->desk.has_intent) {
			taken++;
			break;
		}
		if (trader->alive && (taken + 1) % TRADER_ALIVE_RECORDS == 0)
			(void)trader->alive(trader->alive_data);
	}
	*ret_taken = taken;
	return 0;
}

/*
 * A snapshot in the same transaction, if it is worth its size. A module that fails to
 * save has only made the next start longer: the batch is good. Return: as the journal's
 * functions.
 */
static int
write_snapshot(struct trader *trader, bool *ret_written)
{
	_cleanup_(journal_snapshot_deinit) struct journal_snapshot snapshot = { 0 };
	int64_t records = trader->pipeline->events + trader->pipeline->dropped;
	int64_t spacing = SNAPSHOT_RECORDS, bytes;
	int r;

	trader->next_snapshot = records + spacing;
	if (!module_can_save(trader->pipeline->module) ||
	    pipeline_snapshot(trader->pipeline, &snapshot) != 0)
		return 0;
	bytes = (int64_t)(snapshot.normalizer_length + snapshot.module_length);
	if (spacing < bytes / SNAPSHOT_BYTES_PER_RECORD)
		spacing = bytes / SNAPSHOT_BYTES_PER_RECORD;
	if (records - trader->last_snapshot < spacing) {
		trader->next_snapshot = trader->last_snapshot + spacing;
		return 0;
	}
	trader->last_snapshot = records;
	trader->next_snapshot = records + spacing;
	snapshot.config_hash = trader->trading->hash;
	snapshot.module_hash = trader->desk.module_hash;
	r = journal_set_snapshot(trader->journal, &snapshot);
	kill_point("journal.snapshot_written");
	*ret_written = r == 0;
	return r;
}

/* A snapshot at @position has been committed. A power cut may take it back, then the
 * one before it counts: what is older than that is of no use. */
static void
trim_feed(struct trader *trader, const char *position)
{
	if (trader->snapshot_position[0] != '\0')
		feed_trim(trader->pipeline->feed, trader->snapshot_position);
	memcpy(trader->snapshot_position, position, FEED_POSITION_MAX);
}

static int
finish_batch(struct trader *trader, struct journal_state *state)
{
	struct journal *journal = trader->journal;
	bool has_snapshot = false;
	int r;

	r = book_write_prices(
	    &trader->desk.book, journal, trader->pipeline->normalizer);
	if (r != 0)
		return r;
	kill_point("journal.prices_written");
	r = journal_set_state(journal, state);
	if (r != 0)
		return r;
	kill_point("journal.state_written");
	r = guard_write(&trader->desk.guard);
	if (r != 0)
		return r;
	if (trader_records_of(state) >= trader->next_snapshot) {
		r = write_snapshot(trader, &has_snapshot);
		if (r != 0)
			return r;
	}
	kill_point("journal.before_commit");
	r = journal_commit(journal);
	kill_point("journal.after_commit");
	if (r == 0 && has_snapshot)
		trim_feed(trader, state->position);
	return r;
}

/* The journal's state after the batch. */
static void
count_batch(struct trader *trader, struct journal_state *state)
{
	state->events = trader->pipeline->events;
	state->dropped = trader->pipeline->dropped;
	state->clusters = trader->begun.clusters + trader->desk.clusters;
	state->orders = trader->begun.orders + trader->desk.orders;
	state->fills = trader->begun.fills + trader->desk.fills;
	feed_position(trader->pipeline->feed, state->position);
}

/* One transaction. @ret_taken: how many records are in it. */
static int
run_transaction(struct trader *trader, struct trader_result *result, int64_t limit,
    int64_t *ret_taken, struct trader_failure *ret_failure)
{
	struct journal_state state = trader->committed;
	int r;

	guard_begin(&trader->desk.guard);
	r = take_records(trader, &state, result, limit, ret_taken, ret_failure);
	if (r < 0 || *ret_taken == 0)
		return r;
	trader->fed_ns = clock_monotonic_ns();
	count_batch(trader, &state);
	r = finish_batch(trader, &state);
	if (r != 0)
		return trader_fail_journal(trader, r, ret_failure);
	trader->committed = state;
	guard_committed(&trader->desk.guard, trader->on_event, trader->on_event_data);
	trader->limit = 0;
	r = desk_committed(&trader->desk);
	return r != 0 ? trader_fail_journal(trader, r, ret_failure) : 0;
}

/*
 * With an embedded broker a batch is one transaction. An order for a real one ends the
 * transaction, since it goes when it is on the disk, and the batch goes on behind it,
 * for as long as a cycle may take.
 */
static int
run_batch(struct trader *trader, struct trader_result *result,
    struct trader_failure *ret_failure)
{
	int64_t end_ns = clock_monotonic_ns() + BATCH_NS;
	int64_t left = trader->trading->batch, taken;
	bool is_limited;
	int r;

	trader->desk.clusters = trader->desk.orders = trader->desk.fills = 0;
	trader->begun = trader->committed;
	r = desk_turn(&trader->desk);
	if (r != 0)
		return trader_fail_journal(trader, r, ret_failure);
	guard_committed(&trader->desk.guard, trader->on_event, trader->on_event_data);
	result->idle = !desk_is_ready(&trader->desk);
	if (result->idle)
		return 0;
	do {
		is_limited = trader->limit > 0;
		taken = 0;
		r = run_transaction(trader, result, is_limited ? trader->limit : left,
		    &taken, ret_failure);
		if (r < 0)
			return r;
		left -= taken;
	} while (trader->desk.courier && taken > 0 && left > 0 && !is_limited &&
		 !result->ended && !result->idle && !trader->feed_failed &&
		 clock_monotonic_ns() < end_ns);
	if (result->ended && !desk_may_end(&trader->desk)) {
		result->ended = false;
		result->idle = true;
	}
	return 0;
}

/* What the feed's way over the network has to tell after a batch. */
static void
tell_news(struct trader *trader)
{
	bool is_open = trader->trading->risk.session == SESSION_ALWAYS ||
		       guard_is_open(&trader->desk.guard);
	struct feed_news news;
	struct record record;

	while (trader->place.net &&
	       feed_net_take_news(trader->place.net, is_open, &news)) {
		if (news.is_failure) {
			trader->has_trouble = true;
			error_set(&trader->trouble, 0, "feed: %s", news.text);
			continue;
		}
		record_init(&record, news.event);
		record_text(&record, "message", news.text);
		if (trader->on_event)
			trader->on_event(news.level, &record, trader->on_event_data);
	}
}

bool
trader_take_trouble(struct trader *trader, struct trader_failure *ret_failure)
{
	bool has_trouble = trader->has_trouble;

	trader->has_trouble = false;
	if (has_trouble)
		*ret_failure = (struct trader_failure){ FAULT_NET, trader->trouble };
	return has_trouble;
}

int
trader_batch(struct trader *trader, struct trader_result *ret_result,
    struct trader_failure *ret_failure)
{
	struct trader_result result = { 0 };
	int r;

	r = trader_make_ready(trader, ret_failure);
	if (r < 0)
		return r;
	r = run_batch(trader, &result, ret_failure);
	tell_news(trader);
	if (r < 0) {
		trader_abandon(trader);
		return r;
	}
	result.events = trader->committed.events - trader->begun.events;
	result.dropped = trader->committed.dropped - trader->begun.dropped;
	result.clusters = trader->desk.clusters;
	result.orders = trader->desk.orders;
	result.fills = trader->desk.fills;
	if (result.events + result.dropped > 0)
		result.cursor_error = cursor_write(trader->cursor, &trader->committed);
	*ret_result = result;
	return 0;
}
