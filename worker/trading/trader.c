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
#include "worker/trading/trader.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/paths.h"
#include "worker/trading/cursor.h"
#include "worker/trading/desk.h"
#include "worker/trading/feed_net.h"
#include "worker/trading/killpoint.h"
#include "worker/trading/pipeline.h"

/* A snapshot is written when the replay that it saves has grown to this many records,
 * or to a quarter of its size in bytes: then it costs a small part of what the records
 * since the last one did. */
#define SNAPSHOT_RECORDS 200000
#define SNAPSHOT_BYTES_PER_RECORD 4

/* With a real broker a batch takes no more transactions after this. */
#define BATCH_NS (2 * NS_PER_S)

/* The longest wait of a batch for the network, and of each request. */
#define FEED_PATIENCE_NS (10 * NS_PER_S)

/* Of what no order waits for, in waits of a batch. */
#define HOURS_SHARE 5

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

static int64_t
records_of(const struct journal_state *state)
{
	return state->events + state->dropped;
}

/* A result of the journal's or the desk's as a failure. Return: -1. */
static int
fail_journal(const struct trader *trader, int r, struct trader_failure *ret_failure)
{
	const char *why = journal_error(trader->journal);

	if (r == -ENOMEM)
		why = "journal: out of memory";
	else if (r == -ERANGE)
		why = "journal: the cash does not fit 64 bits";
	ret_failure->kind = FAULT_IO;
	if (r == -ENOMEM)
		ret_failure->kind = FAULT_INTERNAL;
	else if (r == JOURNAL_E_DATA || r == -ERANGE)
		ret_failure->kind = FAULT_DATA;
	return error_set(&ret_failure->error, -1, "%s", why);
}

/* Back to what the journal says; the rest follows when it is needed. */
static void
abandon(struct trader *trader)
{
	journal_rollback(trader->journal);
	trader->pipeline = pipeline_free(trader->pipeline);
	trader->feed_failed = false;
}

static bool
is_usable(const struct trader *trader, const struct module *module,
    const struct journal_snapshot *snapshot)
{
	return module_can_save(module) &&
	       snapshot->config_hash == trader->trading->hash &&
	       snapshot->module_hash == module_hash(module) &&
	       snapshot->events + snapshot->dropped <= records_of(&trader->committed);
}

static struct pipeline_source
source_of(struct trader *trader)
{
	return (struct pipeline_source){ trader->trading,
		trader->own_dir ? &trader->place : NULL };
}

/*
 * Without a snapshot of use the feed is read from its beginning; but a feed that keeps
 * what it has received may have given that back at the last snapshot. Then all but the
 * module's state is taken from there, and a module that is new, or has new parameters,
 * begins there.
 */
static bool
begins_at_snapshot(const struct trader *trader, const struct journal_snapshot *snapshot)
{
	return feed_is_kept(trader->trading->feed) && snapshot->normalizer_length > 0 &&
	       snapshot->events + snapshot->dropped <= records_of(&trader->committed);
}

/* A pipeline at the last snapshot if that is of use, else at the feed's beginning. */
static int
make_pipeline(struct trader *trader, struct module *module,
    struct trader_failure *ret_failure, struct pipeline **ret_pipeline)
{
	_cleanup_(journal_snapshot_deinit) struct journal_snapshot snapshot = { 0 };
	const struct pipeline_source source = source_of(trader);
	bool has_snapshot;
	int r;

	r = journal_get_snapshot(trader->journal, &snapshot);
	if (r != 0 && r != JOURNAL_E_NONE) {
		module_free(module);
		return fail_journal(trader, r, ret_failure);
	}
	has_snapshot = r == 0;
	memcpy(trader->snapshot_position, snapshot.position, FEED_POSITION_MAX);
	if (has_snapshot && is_usable(trader, module, &snapshot)) {
		r = pipeline_new(&source, module, &snapshot, ret_failure, ret_pipeline);
		if (r != PIPELINE_E_SNAPSHOT)
			return r;
		r = pipeline_load_module(trader->trading, ret_failure, &module);
		if (r < 0)
			return r;
	}
	if (has_snapshot && begins_at_snapshot(trader, &snapshot)) {
		snapshot.is_without_module = true;
		r = pipeline_new(&source, module, &snapshot, ret_failure, ret_pipeline);
		if (r != PIPELINE_E_SNAPSHOT)
			return r;
		r = pipeline_load_module(trader->trading, ret_failure, &module);
		if (r < 0)
			return r;
	}
	return pipeline_new(&source, module, NULL, ret_failure, ret_pipeline);
}

/* Everything as the journal says. @module: fresh; taken over in any case. */
static int
restore(
    struct trader *trader, struct module *module, struct trader_failure *ret_failure)
{
	_cleanup_(pipeline_freep) struct pipeline *pipeline = NULL;
	int r;

	r = journal_get_state(trader->journal, &trader->committed);
	if (r == 0)
		r = desk_reset(&trader->desk);
	if (r != 0) {
		module_free(module);
		return fail_journal(trader, r, ret_failure);
	}
	r = make_pipeline(trader, module, ret_failure, &pipeline);
	if (r < 0)
		return r;
	trader->last_snapshot = pipeline->events + pipeline->dropped;
	trader->next_snapshot = trader->last_snapshot + SNAPSHOT_RECORDS;
	r = pipeline_replay(pipeline, &trader->committed, trader->alive,
	    trader->alive_data, ret_failure);
	if (r < 0)
		return r;
	trader->desk.module_hash = module_hash(pipeline->module);
	trader->pipeline = steal(&pipeline);
	return 0;
}

static int
make_ready(struct trader *trader, struct trader_failure *ret_failure)
{
	struct module *module;
	int r;

	if (trader->module_dropped) {
		ret_failure->kind = FAULT_IMPORT;
		return error_set(&ret_failure->error, -1,
		    "%s: the strategy module is not loaded", trader->trading->strategy);
	}
	if (trader->feed_failed) {
		*ret_failure = trader->feed_failure;
		abandon(trader);
		return -1;
	}
	if (trader->pipeline)
		return 0;
	r = pipeline_load_module(trader->trading, ret_failure, &module);
	return r < 0 ? r : restore(trader, module, ret_failure);
}

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
		return fail_journal(trader, r, ret_failure);
	r = pipeline_event(trader->pipeline, event, on_cluster, &step, ret_failure);
	if (r == PIPELINE_E_CLUSTER)
		return fail_journal(trader, step.result, ret_failure);
	if (r < 0)
		/* With every batch size the events before this one must have been
		 * taken. */
		trader->limit = trader->pipeline->events + trader->pipeline->dropped -
				records_of(&trader->committed) - 1;
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
				return fail_journal(trader, begun, ret_failure);
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
	if (records_of(state) >= trader->next_snapshot) {
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
		return fail_journal(trader, r, ret_failure);
	trader->committed = state;
	guard_committed(&trader->desk.guard, trader->on_event, trader->on_event_data);
	trader->limit = 0;
	r = desk_committed(&trader->desk);
	return r != 0 ? fail_journal(trader, r, ret_failure) : 0;
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
		return fail_journal(trader, r, ret_failure);
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

	r = make_ready(trader, ret_failure);
	if (r < 0)
		return r;
	r = run_batch(trader, &result, ret_failure);
	tell_news(trader);
	if (r < 0) {
		abandon(trader);
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

static int
open_parts(struct trader *trader, const struct trader_paths *paths,
    struct trader_failure *ret_failure)
{
	int r;

	r = journal_open(paths->journal, trader->worker, trader->trading->paper.cash,
	    &ret_failure->error, &trader->journal);
	if (r != 0) {
		ret_failure->kind = r == JOURNAL_E_DATA ? FAULT_DATA : FAULT_IO;
		return -1;
	}
	r = journal_get_state(trader->journal, &trader->committed);
	if (r != 0)
		return fail_journal(trader, r, ret_failure);
	trader->desk.worker = trader->worker;
	trader->desk.trading = trader->trading;
	trader->desk.journal = trader->journal;
	trader->desk.freeze = trader->freeze;
	trader->desk.journal_path = trader->journal_path;
	trader->desk.others = paths->others;
	trader->desk.n_others = paths->n_others;
	trader->desk.guard.state_dir = trader->state_dir;
	trader->desk.hours.patience_ns =
	    (paths->patience_ns > 0 ? paths->patience_ns : FEED_PATIENCE_NS) /
	    HOURS_SHARE;
	r = desk_init(&trader->desk, &ret_failure->error);
	if (r < 0) {
		ret_failure->kind = r == -ENOMEM ? FAULT_INTERNAL : FAULT_IO;
		return -1;
	}
	/* It is a copy for others: what is wrong with it is for the pre-check to find
	 * and to mend. */
	(void)cursor_mend(trader->cursor, &trader->committed);
	return 0;
}

/* While an answer is waited for. */
static bool
on_alive(void *data)
{
	struct trader *trader = data;

	return !trader->alive || trader->alive(trader->alive_data);
}

/* Return: 0, -ENOMEM. */
static int
make_place(struct trader *trader, const struct trader_paths *paths)
{
	if (!paths->own_dir || !paths->state_dir)
		return 0;
	trader->own_dir = strdup(paths->own_dir);
	trader->accounts_dir = path_join(paths->state_dir, "accounts");
	if (!trader->own_dir || !trader->accounts_dir)
		return -ENOMEM;
	trader->place = (struct feed_place){ .state_dir = trader->own_dir,
		.accounts_dir = trader->accounts_dir,
		.patience_ns =
		    paths->patience_ns > 0 && paths->patience_ns < FEED_PATIENCE_NS
			? paths->patience_ns
			: FEED_PATIENCE_NS,
		.alive = on_alive,
		.data = trader };
	return 0;
}

int
trader_open(const char *worker, const struct config_trading *trading,
    const struct trader_paths *paths, struct trader_failure *ret_failure,
    struct trader **ret_trader)
{
	_cleanup_(trader_freep) struct trader *trader = NULL;
	int r;

	trader = calloc(1, sizeof(*trader));
	if (trader) {
		trader->trading = trading;
		trader->fed_ns = clock_monotonic_ns();
		trader->worker = strdup(worker);
		trader->cursor = strdup(paths->cursor);
		trader->journal_path = strdup(paths->journal);
		trader->freeze = paths->freeze ? strdup(paths->freeze) : NULL;
		trader->state_dir = paths->state_dir ? strdup(paths->state_dir) : NULL;
		r = make_place(trader, paths);
	}
	if (!trader || r < 0 || !trader->worker || !trader->cursor ||
	    !trader->journal_path || (paths->freeze && !trader->freeze) ||
	    (paths->state_dir && !trader->state_dir)) {
		ret_failure->kind = FAULT_INTERNAL;
		return error_set(&ret_failure->error, -1, "%s: out of memory", worker);
	}
	r = open_parts(trader, paths, ret_failure);
	if (r < 0)
		return r;
	*ret_trader = steal(&trader);
	return 0;
}

void
trader_set_alive(struct trader *trader, trader_alive alive, void *data)
{
	trader->alive = alive;
	trader->alive_data = data;
	if (trader->desk.courier)
		trader->desk.ops->set_alive(trader->desk.broker, on_alive, trader);
}

void
trader_set_on_event(struct trader *trader, news_on_event on_event, void *data)
{
	trader->on_event = on_event;
	trader->on_event_data = data;
	if (trader->desk.courier)
		courier_set_on_event(trader->desk.courier, on_event, data);
	hours_set_on_event(&trader->desk.hours, on_event, data);
}

int
trader_reload_module(struct trader *trader, struct trader_failure *ret_failure)
{
	struct module *module;
	int r;

	r = pipeline_load_module(trader->trading, ret_failure, &module);
	if (r < 0)
		return r;
	trader->module_dropped = false;
	if (!trader->pipeline || trader->feed_failed ||
	    module_move_state(trader->pipeline->module, module) < 0) {
		abandon(trader);
		return restore(trader, module, ret_failure);
	}
	module_free(trader->pipeline->module);
	trader->pipeline->module = module;
	trader->desk.module_hash = module_hash(module);
	return 0;
}

int
trader_keep_module(struct trader *trader)
{
	if (!trader->pipeline)
		return -ENOENT;
	trader->module_dropped = false;
	return 0;
}

bool
trader_has_module(const struct trader *trader)
{
	return trader->pipeline != NULL;
}

const char *
trader_module_path(const struct trader *trader)
{
	if (!trader->pipeline || trader->module_dropped)
		return NULL;
	return module_path(trader->pipeline->module);
}

void
trader_drop_module(struct trader *trader)
{
	trader->module_dropped = true;
}

int
trader_mend_cursor(struct trader *trader)
{
	return cursor_write(trader->cursor, &trader->committed);
}

static int
cancel_embedded(struct trader *trader, struct courier_cancel *ret_cancel)
{
	struct courier_cancel cancel = { 0 };
	int r;

	r = journal_begin(trader->journal);
	if (r == 0)
		r = desk_cancel_open(&trader->desk, &cancel.canceled);
	if (r == 0)
		r = journal_commit(trader->journal);
	if (r != 0)
		return r;
	*ret_cancel = cancel;
	return 0;
}

int
trader_cancel_open(struct trader *trader, int64_t deadline_ns,
    struct courier_cancel *ret_cancel, struct trader_failure *ret_failure)
{
	int r;

	if (trader->desk.courier)
		r = courier_load(trader->desk.courier);
	else
		r = cancel_embedded(trader, ret_cancel);
	if (r == 0 && trader->desk.courier)
		r = courier_cancel_open(trader->desk.courier, deadline_ns, ret_cancel);
	if (r != 0) {
		fail_journal(trader, r, ret_failure);
		journal_rollback(trader->journal);
		return -1;
	}
	book_reset(&trader->desk.book);
	return 0;
}

void
trader_figures(struct trader *trader, bool is_last, char ret_text[FIGURES_TEXT_MAX])
{
	int64_t now_ns = clock_monotonic_ns();
	int64_t age_ns = trader->place.net ? feed_net_age_ns(trader->place.net)
					   : now_ns - trader->fed_ns;

	if (is_last)
		figures_expire(&trader->figures);
	figures_read(&trader->figures, trader->journal, trader->desk.courier == NULL);
	figures_text(&trader->figures, age_ns, ret_text);
}

void
trader_totals(const struct trader *trader, struct trader_result *ret_totals)
{
	*ret_totals = (struct trader_result){
		.events = trader->committed.events,
		.dropped = trader->committed.dropped,
		.clusters = trader->committed.clusters,
		.orders = trader->committed.orders,
		.fills = trader->committed.fills,
	};
}

struct trader *
trader_free(struct trader *trader)
{
	if (!trader)
		return NULL;
	pipeline_free(trader->pipeline);
	desk_deinit(&trader->desk);
	journal_free(trader->journal);
	free(trader->worker);
	free(trader->cursor);
	free(trader->journal_path);
	free(trader->freeze);
	free(trader->state_dir);
	free(trader->own_dir);
	free(trader->accounts_dir);
	feed_net_free(trader->place.net);
	free(trader);
	return NULL;
}

void
trader_freep(struct trader **trader)
{
	trader_free(*trader);
}
