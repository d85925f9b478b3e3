/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is particular to a service that is polled: how it is asked, and what its answers
 * say. Pure; feed_poll.c does the rest, the same for each of them.
 *
 * A poll asks for everything from a time on, page by page. Its pages are collected,
 * what is known already is left out, and the rest becomes, in the order of time, one
 * page of the spool.
 */
#pragma once

#include "common/url.h"
#include "worker/trading/feed_net.h"
#include "worker/trading/fields.h"

#define POLL_NONE INT64_MIN
#define POLL_TOKEN_MAX 512

/** struct poll_window - what a request asks for */
struct poll_window {
	int64_t start_ns, end_ns;   /* both included; POLL_NONE: open */
	char token[POLL_TOKEN_MAX]; /* of the next page; "": the first */
	int64_t older_ns;	    /* the same for services that page by time */
	int only;		    /* this symbol alone; -1: all that are not bad */
	const bool *is_bad;	    /* by symbol */
};

/** struct poll_record - a record of an answer, as a line of the batch's text */
struct poll_record {
	int64_t time_ns;
	uint64_t key; /* the same for the same record, whenever it comes */
	size_t offset, length;
};

/** struct poll_batch - the records of a poll so far */
struct poll_batch {
	struct poll_record *records;
	size_t n, size;
	char *text;
	size_t used, room;
	int64_t last_ns; /* of the last time that could be read */
	bool is_full;	 /* there would be too many */
};

#define POLL_RECORDS_MAX 500000
#define POLL_TEXT_MAX (48 * 1024 * 1024)

/**
 * poll_batch_add() - take a record, as the texts of its fields; text NULL: not there
 * @dropped: NULL, or why it is no event: it loses its price, so that it is counted as a
 *           broken record
 *
 * What is wrong with a field is found when the spool is read. Return: 0, -ENOMEM.
 */
int poll_batch_add(struct poll_batch *batch, const struct field_text given[FIELD_COUNT],
    const char *dropped);

/** poll_key() - of a record's fields; @line: what is hashed where they say too little.
 */
uint64_t poll_key(
    const struct field_text fields[FIELD_COUNT], const char *line, size_t length);

void poll_batch_clear(struct poll_batch *batch);
void poll_batch_deinit(struct poll_batch *batch);

/** poll_put_time() - append "&name=2026-…Z", escaped. */
bool poll_put_time(const char *name, int64_t ns, char url[URL_MAX + 1]);

/** struct poll_ops - a service */
struct poll_ops {
	const char *name;
	/* How far back from the newest record known the next poll asks: what becomes
	 * visible late is still seen. */
	int64_t look_back_ns;
	bool has_side, has_notional;

	/** setup() - keys, intervals */
	void (*setup)(
	    const struct config_trading *trading, struct feed_net_setup *ret_setup);

	/** symbols() - NULL-terminated, or NULL: all there are */
	char *const *(*symbols)(const struct config_trading *trading);

	/** url() - false: there is nothing to ask for, or it does not fit */
	bool (*url)(const struct config_trading *trading,
	    const struct poll_window *window, char ret_url[URL_MAX + 1]);

	/**
	 * parse() - take an answer's records
	 * @body: modified
	 * @window: of this page; becomes the next one's
	 * @ret_more: there is a next page
	 *
	 * Return: 0; -EBADMSG: it is none of the service's answers, and @batch has
	 * some of it; -ENOMEM.
	 */
	int (*parse)(const struct config_trading *trading, char *body, size_t length,
	    struct poll_window *window, struct poll_batch *batch, bool *ret_more);
};

extern const struct poll_ops poll_alpaca;
extern const struct poll_ops poll_flow_alerts;
