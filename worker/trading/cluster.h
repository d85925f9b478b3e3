/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clusters: trades of one symbol and side within a window that pass a count, a notional
 * and a dominance threshold. The rules are TRADING's, in tradesup-strategy(3) under
 * FLOW_CLUSTER.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "worker/trading/strategy.h"

/** struct cluster_params - amounts are decimals of 1e-8 */
struct cluster_params {
	int64_t window_ns; /* > 0: an event is in it while it is younger than this */
	uint64_t min_trades;
	int64_t min_notional;
	int64_t min_event_notional; /* a smaller event is as if it had not been */
	int64_t dominance;	    /* percent, 0 to 100 */
	int64_t cooldown_ns; /* >= 0: between two clusters of one symbol and side */
};

struct cluster_finder;

/** cluster_finder_new() - Return: NULL when out of memory. @params are copied. */
struct cluster_finder *cluster_finder_new(const struct cluster_params *params);
struct cluster_finder *cluster_finder_free(struct cluster_finder *finder);

#define CLUSTER_E_FIRED 1

/**
 * cluster_finder_event() - take one event
 *
 * Amortised constant time: an event enters its window once and leaves it once.
 * Return: 0; CLUSTER_E_FIRED: @ret_cluster is a cluster at this event; -ENOMEM;
 * -ERANGE: a sum does not fit 128 bits; -EINVAL: more symbols than SYMBOLS_MAX.
 */
int cluster_finder_event(struct cluster_finder *finder,
    const struct tradesup_event *event, struct tradesup_cluster *ret_cluster);

/**
 * cluster_finder_save() - the windows and what has fired, as bytes
 *
 * Return: 0, or what @write returned.
 */
int cluster_finder_save(
    const struct cluster_finder *finder, tradesup_write write, void *data);

/**
 * cluster_finder_load() - into a fresh one with the same parameters
 *
 * Return: 0; -EINVAL: not such bytes, or of other parameters; -ENOMEM. On failure it
 * may only be freed.
 */
int cluster_finder_load(
    struct cluster_finder *finder, const void *bytes, size_t length);
