/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a feed's record to an event: the order of times, the tick rule, the symbol
 * table, and cluster ids. All that has to be remembered from one record to the next is
 * here, and can be saved.
 */
#pragma once

#include "worker/trading/feed.h"
#include "worker/trading/strategy.h"

struct normalizer;

/** normalizer_new() - Return: NULL when out of memory. */
struct normalizer *normalizer_new(void);
struct normalizer *normalizer_free(struct normalizer *normalizer);
void normalizer_freep(struct normalizer **normalizer);

#define NORMALIZE_E_DROP 1 /* to be dropped and counted; @ret_why says why */

/**
 * normalize() - make an event of a record
 *
 * @ret_event borrows from @record and from the symbol table: it is valid until the
 * record is not.
 * Return: 0; NORMALIZE_E_DROP; -ENOMEM.
 */
int normalize(struct normalizer *normalizer, const struct feed_record *record,
    struct tradesup_event *ret_event, const char **ret_why);

#define CLUSTER_ID_MAX 160

/**
 * normalizer_cluster_id() - `<symbol>-<side>-<t in ns>-<k>` for a cluster at @event
 *
 * Each call counts as one cluster: k goes up by one.
 */
void normalizer_cluster_id(struct normalizer *normalizer,
    const struct tradesup_event *event, enum tradesup_side side,
    char ret_id[CLUSTER_ID_MAX]);

/**
 * normalizer_symbol() - a symbol's name by its index; NULL past the last
 *
 * The name stays where it is for as long as the normalizer lives.
 */
const char *normalizer_symbol(const struct normalizer *normalizer, uint32_t index);

/** normalizer_symbols() - how many there are. */
uint32_t normalizer_symbols(const struct normalizer *normalizer);

/** normalizer_save() - all that is remembered. Return: 0, or what @write returned. */
int normalizer_save(
    const struct normalizer *normalizer, tradesup_write write, void *data);

/** normalizer_load() - into a fresh one. Return: 0; -EINVAL; -ENOMEM. */
int normalizer_load(struct normalizer *normalizer, const void *bytes, size_t length);
