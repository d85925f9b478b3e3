/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trading state of a worker: feed, strategy module, broker and journal, kept in
 * step. One batch is one transaction of the journal: cursor, counters, clusters, orders
 * and fills are all in it or not at all, so a kill at any moment repeats or completes a
 * batch, never half of it.
 *
 * For each event, in this order: the broker sees it (the paper broker fills), the
 * strategy sees it, its clusters become orders or reasons, each order is written as an
 * intent and then given to the broker.
 */
#pragma once

#include "common/config_trading.h"
#include "common/error.h"
#include "common/fault.h"
#include "worker/trading/courier.h"
#include "worker/trading/figures.h"

struct trader;

struct trader_paths {
	const char *journal; /* StateFiles.JOURNAL */
	const char *cursor;  /* CacheFiles.FEED_CURSOR: a copy for people and watchers;
				the journal's counts */
	const char *freeze;  /* StateFiles.PRE_MARKET_FREEZE: while it exists no new
				order is placed; may be NULL */
	const char *state_dir; /* of all workers, where the latches are; NULL: none
				  count */
	const char *own_dir;   /* of this worker, for what its feed receives over a
				  network; NULL: there is none */
	int64_t patience_ns;   /* how long a batch may wait for the network; 0: 10 s */
	const struct reconcile_other *others; /* workers of the same account; borrowed
						 until trader_free() */
	size_t n_others;
};

/** struct trader_result - what one batch did */
struct trader_result {
	int64_t events, dropped, clusters, orders, fills;
	bool ended;	  /* the feed has ended */
	bool idle;	  /* nothing to read now */
	int cursor_error; /* -errno of writing the cursor file, which a later batch
			     writes again; 0: fine */
};

/** trader_failure - what went wrong, for the healer */
struct trader_failure {
	enum fault_kind kind;
	struct error error; /* a sentence that names the place */
};

/**
 * trader_open() - open the journal; neither feed nor module is needed for it
 * @worker: the worker's name, which is part of every client_order_id
 * @trading: borrowed until trader_free()
 *
 * Feed and module are opened by the first batch (or trader_reload_module()), which
 * restores the last snapshot and replays the feed up to the cursor. Nothing that the
 * replay brings is recorded or ordered again. Return: 0; -1 with @ret_failure filled.
 */
int trader_open(const char *worker, const struct config_trading *trading,
    const struct trader_paths *paths, struct trader_failure *ret_failure,
    struct trader **ret_trader);

#define TRADER_ALIVE_RECORDS 1024

/** trader_alive - called once in TRADER_ALIVE_RECORDS records, and while an answer is
 * waited for, so that a long batch or replay still shows life. Return: false: end a
 * wait. */
typedef bool (*trader_alive)(void *data);
void trader_set_alive(struct trader *trader, trader_alive alive, void *data);

/** trader_set_on_event() - called after a batch for each event that it brought:
 * order.*, feed.*. */
void trader_set_on_event(struct trader *trader, news_on_event on_event, void *data);

/**
 * trader_batch() - take up to trading.batch records and commit
 *
 * What the feed gave before it failed is committed as a batch of its own; the next one
 * reports the failure. Return: 0; -1 with @ret_failure filled, and everything as before
 * the batch.
 */
int trader_batch(struct trader *trader, struct trader_result *ret_result,
    struct trader_failure *ret_failure);

/**
 * trader_take_trouble() - whether the feed has met a fault of the network in the last
 * batch, which was a good one in all else
 *
 * Nothing is lost, and the feed sees to the next attempt by itself (feed_net.h); the
 * cycle has failed. @ret_failure: of the kind `net`.
 */
bool trader_take_trouble(struct trader *trader, struct trader_failure *ret_failure);

/** trader_reload_module() - load the strategy module again, keeping its state if it can
 * be kept, else rebuilding it by replay. Return: as trader_batch(). */
int trader_reload_module(struct trader *trader, struct trader_failure *ret_failure);

/**
 * trader_keep_module() - go on with the module that was loaded last, after
 * trader_reload_module() failed
 *
 * Return: 0; -ENOENT: there is none.
 */
int trader_keep_module(struct trader *trader);

/** trader_has_module() - whether trader_keep_module() has one to keep. */
bool trader_has_module(const struct trader *trader);

/**
 * trader_module_path() - the file that the module in use was loaded from
 *
 * Return: borrowed until the next call that may load one; NULL: none is in use.
 */
const char *trader_module_path(const struct trader *trader);

/** trader_drop_module() - a drill's fault: forget the module as if it could not be
 * loaded; the next batch fails with `import`. */
void trader_drop_module(struct trader *trader);

/** trader_mend_cursor() - write the cursor file again from the journal. Return: 0,
 * -errno. */
int trader_mend_cursor(struct trader *trader);

/**
 * trader_cancel_open() - make safe: cancel every open order, in the journal and at the
 * broker
 * @deadline_ns: monotonic; a real broker is asked until then
 *
 * Return: as trader_batch(); 0 also when some are left, which @ret_cancel says.
 */
int trader_cancel_open(struct trader *trader, int64_t deadline_ns,
    struct courier_cancel *ret_cancel, struct trader_failure *ret_failure);

/**
 * trader_figures() - how the trading stands, as the fields of the message `figures`
 * @is_last: by the journal as it is now; else as it was a little while ago
 */
void trader_figures(
    struct trader *trader, bool is_last, char ret_text[FIGURES_TEXT_MAX]);

/** trader_totals() - counts since the journal began. */
void trader_totals(const struct trader *trader, struct trader_result *ret_totals);

struct trader *trader_free(struct trader *trader);
void trader_freep(struct trader **trader);
