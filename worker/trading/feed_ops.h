/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kind of feed is made of, for those who write one: a file with a constant of
 * this type, and an entry in the table of feed.c.
 */
#pragma once

#include <stdint.h>

#include "worker/trading/feed.h"

/** struct feed_ops - the functions of one kind; their contracts are those of feed.h */
struct feed_ops {
	bool needs_place;
	int (*open)(const struct config_trading *trading, struct feed_place *place,
	    const char *position, struct error *error, struct feed **ret_feed);
	/* NULL: opening it is the check */
	int (*check)(const struct config_trading *trading, struct error *error);
	int (*next)(
	    struct feed *feed, struct feed_record *ret_record, struct error *error);
	void (*position)(const struct feed *feed, char ret_position[FEED_POSITION_MAX]);
	bool (*is_late)(const struct feed *feed);	       /* NULL: never */
	void (*trim)(struct feed *feed, const char *position); /* NULL: nothing */
	void (*free)(struct feed *feed);
};

/** struct feed - the first member of each kind's own struct */
struct feed {
	const struct feed_ops *ops;
};

extern const struct feed_ops feed_file_ops;
extern const struct feed_ops feed_synthetic_ops;
extern const struct feed_ops feed_http_ops;
extern const struct feed_ops feed_alpaca_ops;
extern const struct feed_ops feed_flow_alerts_ops;

/** feed_file_offset() - where in its file a position of the file feed's is. Return: 0;
 * -EINVAL: it is none. */
int feed_file_offset(const char *position, uint64_t *ret_offset);

/** feed_position_seal() - put a checksum behind a position's text, in place. */
void feed_position_seal(char position[FEED_POSITION_MAX]);

/**
 * feed_position_unseal() - the text without its checksum
 *
 * Return: 0; -EINVAL: there is none, or it is another text's.
 */
int feed_position_unseal(const char *position, char ret_text[FEED_POSITION_MAX]);
