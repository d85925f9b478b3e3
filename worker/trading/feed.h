/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds: where events come from. Each kind is a table of functions found by name; what
 * they give are records as the source has them. normalize.h makes events of them.
 */
#pragma once

#include <stdbool.h>

#include "common/config_trading.h"
#include "common/error.h"

#define FEED_POSITION_MAX 512

/* The longest symbol and id, in bytes; a record with a longer one is broken. */
#define FEED_SYMBOL_MAX 64
#define FEED_ID_MAX 128

enum feed_side {
	FEED_SIDE_BUY,
	FEED_SIDE_SELL,
	FEED_SIDE_NONE /* the feed gives none: the tick rule */
};

/** struct feed_record - one record, valid until the next feed_next() */
struct feed_record {
	/*
	 * NULL: fine; else what is wrong with it ("price: not a number"), and only this
	 * member counts.
	 */
	const char *broken;
	int64_t time_ns;
	const char *symbol; /* NUL-terminated, as are the others */
	enum feed_side side;
	int64_t price, size;
	bool has_notional;
	int64_t notional;
	const char *id;
};

struct feed;

#define FEED_E_END 1  /* the feed has ended; it will give nothing more */
#define FEED_E_WAIT 2 /* nothing now, there may be later (follow = yes) */
/*
 * The source is unusable: not there, no header, truncated gzip, changed under the
 * cursor; @error says which. What was readable before has been given.
 */
#define FEED_E_DATA 3

/**
 * feed_open() - open the configured feed
 * @position: "" for the beginning, else what feed_position() gave: nothing is skipped,
 *            nothing comes twice
 *
 * Return: 0; FEED_E_DATA; -errno. @error is filled.
 */
int feed_open(const struct config_trading *trading, const char *position,
    struct error *error, struct feed **ret_feed);

/** feed_next() - the next record, broken ones included. Return: 0; FEED_E_…; -errno. */
int feed_next(struct feed *feed, struct feed_record *ret_record, struct error *error);

/**
 * feed_position() - where the next record begins
 *
 * It is printable text; "" is the beginning.
 */
void feed_position(const struct feed *feed, char ret_position[FEED_POSITION_MAX]);

struct feed *feed_free(struct feed *feed);
void feed_freep(struct feed **feed);
