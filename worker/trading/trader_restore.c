/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feed, module, book and broker, as the journal says: made when they are next needed,
 * after a restart as after a batch that failed; and the module that is loaded anew.
 */
#include "worker/trading/trader_internal.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"

int64_t
trader_records_of(const struct journal_state *state)
{
	return state->events + state->dropped;
}

int
trader_fail_journal(
    const struct trader *trader, int r, struct trader_failure *ret_failure)
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

void
trader_abandon(struct trader *trader)
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
	       snapshot->events + snapshot->dropped <=
		   trader_records_of(&trader->committed);
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
	       snapshot->events + snapshot->dropped <=
		   trader_records_of(&trader->committed);
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
		return trader_fail_journal(trader, r, ret_failure);
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
		return trader_fail_journal(trader, r, ret_failure);
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

int
trader_make_ready(struct trader *trader, struct trader_failure *ret_failure)
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
		trader_abandon(trader);
		return -1;
	}
	if (trader->pipeline)
		return 0;
	r = pipeline_load_module(trader->trading, ret_failure, &module);
	return r < 0 ? r : restore(trader, module, ret_failure);
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
		trader_abandon(trader);
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
