/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline: feed, normalizer and strategy module in step. It turns the feed into
 * events and clusters, has no effect outside itself, and is brought to any place in the
 * feed by a snapshot and a replay.
 */
#pragma once

#include "worker/trading/journal.h"
#include "worker/trading/module.h"
#include "worker/trading/normalize.h"
#include "worker/trading/trader.h"

/** struct pipeline_source - where events come from; borrowed, as what it points to */
struct pipeline_source {
	const struct config_trading *trading;
	struct feed_place *place; /* NULL: no network */
};

struct pipeline {
	struct pipeline_source source;
	struct feed *feed;
	struct normalizer *normalizer;
	struct module *module;
	int64_t events, dropped; /* records so far */
};

/** pipeline_load_module() - load the configured module. Return: 0; -1 with @ret_failure
 * filled. */
int pipeline_load_module(const struct config_trading *trading,
    struct trader_failure *ret_failure, struct module **ret_module);

#define PIPELINE_E_SNAPSHOT                                                            \
	1 /* the snapshot does not fit; the module has been used up */

/**
 * pipeline_new() - at the snapshot, or at the feed's beginning
 * @module: fresh; taken over in any case
 * @snapshot: made with the same module and configuration, or without the module's
 *            state: then the module begins there; NULL: none
 *
 * Return: 0; PIPELINE_E_SNAPSHOT; -1 with @ret_failure filled.
 */
int pipeline_new(const struct pipeline_source *source, struct module *module,
    const struct journal_snapshot *snapshot, struct trader_failure *ret_failure,
    struct pipeline **ret_pipeline);

#define PIPELINE_E_DROPPED 1 /* a record was dropped and counted */
#define PIPELINE_E_END 2     /* the feed has ended */
#define PIPELINE_E_WAIT 3    /* nothing now */

/**
 * pipeline_next() - the next event, for the caller to give to the module
 *
 * Return: 0; PIPELINE_E_…; -1 with @ret_failure filled.
 */
int pipeline_next(struct pipeline *pipeline, struct tradesup_event *ret_event,
    struct trader_failure *ret_failure);

#define PIPELINE_E_TAKEN                                                               \
	4 /* from a pipeline_on_cluster: the id is in use, what is the next? */

/** pipeline_on_cluster - a cluster of the module's, at @event. Return: 0;
 * PIPELINE_E_TAKEN; anything else ends it. */
typedef int (*pipeline_on_cluster)(const struct tradesup_event *event,
    const struct tradesup_cluster *cluster, const char *id, void *data);

#define PIPELINE_E_CLUSTER 5 /* on_cluster failed, and knows why */

/**
 * pipeline_event() - give the module an event
 * @on_cluster: NULL: clusters are counted in the ids, and nothing else becomes of them
 *
 * Return: 0; PIPELINE_E_CLUSTER; -1 with @ret_failure filled.
 */
int pipeline_event(struct pipeline *pipeline, const struct tradesup_event *event,
    pipeline_on_cluster on_cluster, void *data, struct trader_failure *ret_failure);

/**
 * pipeline_replay() - go on to where the journal is, without effect
 * @alive: called now and then; may be NULL
 *
 * Return: 0; -1 with @ret_failure filled, also when the feed is not what it was.
 */
int pipeline_replay(struct pipeline *pipeline, const struct journal_state *until,
    trader_alive alive, void *data, struct trader_failure *ret_failure);

/**
 * pipeline_snapshot() - the state as it is now
 * @ret_snapshot: without the hashes; journal_snapshot_deinit()
 *
 * Return: 0; -ENOMEM; what the module's save() returned.
 */
int pipeline_snapshot(
    const struct pipeline *pipeline, struct journal_snapshot *ret_snapshot);

struct pipeline *pipeline_free(struct pipeline *pipeline);
void pipeline_freep(struct pipeline **pipeline);
