/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trader's making and unmaking, and what is asked of it beside batches. A batch is
 * trader_batch.c's; how it comes to where the journal is, trader_restore.c's.
 */
#include "worker/trading/trader_internal.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/paths.h"
#include "worker/trading/cursor.h"
#include "worker/trading/feed_net.h"

/* The longest wait of a batch for the network, and of each request. */
#define FEED_PATIENCE_NS (10 * NS_PER_S)

/* Of what no order waits for, in waits of a batch. */
#define HOURS_SHARE 5

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
		return trader_fail_journal(trader, r, ret_failure);
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
		trader_fail_journal(trader, r, ret_failure);
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
	figures_deinit(&trader->figures);
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
