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
struct feed_net;

/**
 * struct feed_place - what a feed that goes over a network needs of its worker
 *
 * It is to last as long as the feed.
 */
struct feed_place {
	const char *state_dir;	   /* of the worker: for what was received */
	const char *accounts_dir;  /* for the request budgets; made when needed */
	int64_t patience_ns;	   /* how long one call may wait for the network */
	bool (*alive)(void *data); /* meanwhile called; false: end the wait; or NULL */
	void *data;
	struct feed_net *net; /* NULL at first; kept from one feed to the next, and in
				 the end the owner's to free */
};

/** feed_place_is_wanted() - between two requests: whether there is to be another. */
bool feed_place_is_wanted(const struct feed_place *place);

#define FEED_E_END 1  /* the feed has ended; it will give nothing more */
#define FEED_E_WAIT 2 /* nothing now, there may be later (follow = yes) */
/*
 * The source is unusable: not there, no header, truncated gzip, changed under the
 * cursor; @error says which. What was readable before has been given.
 */
#define FEED_E_DATA 3

/**
 * feed_open() - open the configured feed
 * @place: NULL: there is none, and a feed that needs it is refused
 * @position: "" for the beginning, else what feed_position() gave: nothing is skipped,
 *            nothing comes twice
 *
 * Return: 0; FEED_E_DATA; -errno. @error is filled.
 */
int feed_open(const struct config_trading *trading, struct feed_place *place,
    const char *position, struct error *error, struct feed **ret_feed);

/** feed_check() - whether what the feed needs is there, as far as can be seen without
 * asking a server. Return: as feed_open(). */
int feed_check(const struct config_trading *trading, struct error *error);

/** feed_next() - the next record, broken ones included. Return: 0; FEED_E_…; -errno. */
int feed_next(struct feed *feed, struct feed_record *ret_record, struct error *error);

/**
 * feed_position() - where the next record begins
 *
 * It is printable text; "" is the beginning.
 */
void feed_position(const struct feed *feed, char ret_position[FEED_POSITION_MAX]);

/** feed_is_late() - whether the last record came too late to trade on: it is older than
 * feed_max_age, and was received after an outage longer than that. */
bool feed_is_late(const struct feed *feed);

/**
 * feed_trim() - nothing before @position will be asked for any more
 *
 * A feed that keeps what it has received may give back what is older. It is then no
 * longer readable from its beginning: feed_open() with "" says FEED_E_DATA.
 */
void feed_trim(struct feed *feed, const char *position);

/** feed_is_kept() - whether a kind of feed is one that feed_trim() makes shorter. */
bool feed_is_kept(enum feed_kind kind);

struct feed *feed_free(struct feed *feed);
void feed_freep(struct feed **feed);
