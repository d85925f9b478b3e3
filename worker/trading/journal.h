/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of one worker: clusters, orders, fills, last prices, counts, the feed's
 * cursor and a snapshot, in one SQLite file (write-ahead log, synced at every commit).
 * It is the one authority on all of it.
 *
 * Every function that can fail returns 0, a negative errno, or a JOURNAL_E_…;
 * journal_error() then has the sentence.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/latch.h"
#include "worker/trading/feed.h"
#include "worker/trading/loss.h"
#include "worker/trading/orders.h"

struct journal;

#define JOURNAL_E_DATA                                                                 \
	1 /* not a journal, of another version, another worker's, or corrupt */
#define JOURNAL_E_KNOWN                                                                \
	2 /* journal_add_cluster(): a cluster with this id is there already */
#define JOURNAL_E_NONE 3 /* there is no such row */

/** struct journal_state - how far the feed has been worked through; one row, replaced
 * with each batch */
struct journal_state {
	int64_t events, dropped;	  /* together the feed's records so far */
	int64_t time_ns;		  /* of the last event; 0: none yet */
	char position[FEED_POSITION_MAX]; /* feed_position() after the last record; "":
					     the beginning */
	int64_t clusters, orders,
	    fills; /* counted from the rows; journal_set_state() ignores them */
};

struct journal_cluster {
	int64_t number; /* 1, 2, 3, …; given by journal_add_cluster() */
	const char *id, *symbol;
	enum tradesup_side side;
	int64_t first_ns, last_ns;
	int64_t trades;
	const char *notional; /* decimal text: it may be wider than 64 bits */
	int64_t price;
	const char *skipped; /* why it led to no order, or NULL */
};

struct journal_order {
	int64_t number; /* given by journal_add_order() */
	const char *client_order_id;
	int64_t cluster;	/* its number */
	const char *cluster_id; /* when read; ignored when written */
	const char *symbol;
	enum tradesup_side side;
	int64_t quantity;
	enum order_status status;
	const char *reason, *broker_id; /* or NULL */
	int64_t time_ns;		/* of the event that caused it */
	uint32_t config_hash, module_hash;
	int64_t created_ns; /* wall clock, of an order to a real broker; else 0 */
};

/** struct journal_pending - an order whose life at a real broker goes on */
struct journal_pending {
	struct journal_order order;
	struct order_life life;
	int64_t sent_ns, looked_ns; /* wall clock; 0: never */
	bool late;		    /* it turned up after it was given up */
	int64_t filled,
	    average; /* quantity and its average price, by the broker's word */
};

/** struct journal_change - what an order at a real broker has become */
struct journal_change {
	int64_t number;
	enum order_status from;
	struct order_life life;		/* after; the time of creation is ignored */
	const char *broker_id, *reason; /* NULL leaves what is there */
	bool late;
	int64_t filled, average, looked_ns;
};

struct journal_fill {
	int64_t order;		     /* its number */
	const char *client_order_id; /* when read; ignored when written */
	const char *symbol;
	enum tradesup_side side;
	int64_t quantity, price, fee;
	int64_t time_ns; /* of the event that filled it */
};

struct journal_position {
	const char *symbol;
	int64_t quantity; /* negative: short; never 0 */
	int64_t price;	  /* the symbol's last */
};

/** struct journal_snapshot - normalizer and module as bytes, and where in the feed they
 * stood */
struct journal_snapshot {
	char position[FEED_POSITION_MAX];
	int64_t events, dropped;
	uint32_t config_hash, module_hash;
	void *normalizer, *module; /* allocated; journal_snapshot_deinit() */
	size_t normalizer_length, module_length;
	bool is_without_module; /* its state is not to be used; never in the journal */
};

/**
 * journal_open() - open a worker's journal for writing; create it where there is none
 * @start_cash: what a new journal begins with; an old one keeps its own
 *
 * Holds a lock on @path.lock until journal_free(). A file that is not a sound journal
 * of this worker is refused and left as it is, an empty file too; so is the lack of the
 * file while its write-ahead log is there. Return: 0; JOURNAL_E_DATA; -EBUSY: another
 * process has it; -errno. @error is filled.
 */
int journal_open(const char *path, const char *worker, int64_t start_cash,
    struct error *error, struct journal **ret_journal);

/**
 * journal_open_read() - open a journal for reading, while a worker writes it or none
 * does
 *
 * All that is read until journal_free() is one consistent state.
 * Return: 0; -ENOENT; JOURNAL_E_DATA; -errno. @error is filled.
 */
int journal_open_read(
    const char *path, struct error *error, struct journal **ret_journal);

/**
 * journal_backup() - copy a journal as it is at one moment, while a worker writes it
 * @to: must not be there; it is whole and on the disk, or not there, afterwards
 *
 * Return: 0; -EEXIST; JOURNAL_E_DATA; -errno. @error is filled.
 */
int journal_backup(
    const char *path, const char *worker, const char *to, struct error *error);

struct journal *journal_free(struct journal *journal);
void journal_freep(struct journal **journal);

/** journal_error() - what went wrong last, a sentence that names the file. */
const char *journal_error(const struct journal *journal);

/** journal_worker() - whose journal it is. */
const char *journal_worker(const struct journal *journal);

/**
 * journal_begin() - start a transaction
 *
 * Clusters, orders and fills are to be written before state, prices and snapshot. A
 * transaction without the former is whole or absent after a power cut, as any; but its
 * commit does not wait for the disk, since all it says comes again with the feed.
 * Return: 0; -ESTALE: the file was removed or replaced since it was opened; as above.
 */
int journal_begin(struct journal *journal);

/** journal_commit() - all since journal_begin() counts when this returns 0, and orders
 * are on the disk. */
int journal_commit(struct journal *journal);

/** journal_rollback() - forget all since journal_begin(); may be called without one. */
void journal_rollback(struct journal *journal);

int journal_get_state(struct journal *journal, struct journal_state *ret_state);
int journal_set_state(struct journal *journal, const struct journal_state *state);

/** journal_add_cluster() - Return: 0; JOURNAL_E_KNOWN; as above. */
int journal_add_cluster(struct journal *journal, const struct journal_cluster *cluster,
    int64_t *ret_number);
int journal_add_order(
    struct journal *journal, const struct journal_order *order, int64_t *ret_number);
int journal_add_fill(struct journal *journal, const struct journal_fill *fill);
int journal_set_price(struct journal *journal, const char *symbol, int64_t price);

/** struct journal_risk - what the limits have to remember; one row */
struct journal_risk {
	struct loss loss;
	char due[LATCH_RULE_MAX]; /* a latch whose file is still to be written; "": none
				   */
	char reason[LATCH_REASON_MAX];
};

/** journal_set_risk() - its commit does not wait for the disk. */
int journal_set_risk(struct journal *journal, const struct journal_risk *risk);

/** journal_get_risk() - Return: 0; JOURNAL_E_NONE: never written; as above. */
int journal_get_risk(struct journal *journal, struct journal_risk *ret_risk);

/** journal_fill_before() - the number of the last fill with a time before @time_ns, 0
 * if there is none. */
int journal_fill_before(struct journal *journal, int64_t time_ns, int64_t *ret_number);

/** journal_each_fill_behind() - fills with a number past @number; @last: the symbol's
 * last price, 0 if there is none. As the other journal_each_…(). */
typedef int (*journal_on_fill_behind)(
    const struct journal_fill *fill, int64_t number, int64_t last, void *data);
int journal_each_fill_behind(struct journal *journal, int64_t number,
    journal_on_fill_behind on_fill, void *data);

/** journal_price() - a symbol's last price. Return: 0; JOURNAL_E_NONE; as above. */
int journal_price(struct journal *journal, const char *symbol, int64_t *ret_price);

/**
 * journal_move_order() - an order's next status
 * @broker_id, @reason: NULL leaves what is there
 *
 * Return: 0; JOURNAL_E_DATA also when it is not in @from; as above.
 */
int journal_move_order(struct journal *journal, int64_t number, enum order_status from,
    enum order_status to, const char *broker_id, const char *reason);

/** journal_position() - a symbol's position, from the fills and what a person accepted
 * besides. */
int journal_position(
    struct journal *journal, const char *symbol, int64_t *ret_quantity);

/**
 * journal_live_order() - the first live order of a symbol, of any if @symbol is NULL
 * @ret_order: its texts are NULL
 *
 * Return: 0; JOURNAL_E_NONE; as above.
 */
int journal_live_order(
    struct journal *journal, const char *symbol, struct journal_order *ret_order);

/** journal_orders_between() - how many orders have a time from @begin_ns to @end_ns,
 * both included. */
int journal_orders_between(
    struct journal *journal, int64_t begin_ns, int64_t end_ns, int64_t *ret_count);

/** journal_orders_created() - how many orders to a real broker were made after that, by
 * the wall clock; those that our limits refused are none. */
int journal_orders_created(
    struct journal *journal, int64_t after_ns, int64_t *ret_count);

typedef int (*journal_on_pending)(const struct journal_pending *pending, void *data);

/** journal_each_pending() - the orders that are live, and those that were given up
 * without proof, in the order of their numbers. As the other journal_each_…(). */
int journal_each_pending(
    struct journal *journal, journal_on_pending on_pending, void *data);

/** journal_mark_sent() - a request of the order is about to leave. Its commit does not
 * wait for the disk: order_next() takes an intent that is found for sent. */
int journal_mark_sent(
    struct journal *journal, int64_t number, int64_t sent_ns, uint32_t unproven);

/** journal_mark_look() - a look-up that changed nothing else; without the disk, too. */
int journal_mark_look(struct journal *journal, int64_t number, int64_t looked_ns,
    int64_t missing_since_ns);

/** journal_change_order() - Return: 0; JOURNAL_E_DATA also when it is not in @from, or
 * may not become that; as above. */
int journal_change_order(struct journal *journal, const struct journal_change *change);

/** journal_add_adjustment() - take over a position of the broker's. @quantity: signed.
 */
int journal_add_adjustment(struct journal *journal, const char *symbol,
    int64_t quantity, int64_t price, int64_t time_ns);

/** journal_add_accepted() - an order at the broker that is not ours, and that a person
 * knows of. */
int journal_add_accepted(struct journal *journal, const char *client_order_id);

/** journal_each_accepted() - as the other journal_each_…(). */
int journal_each_accepted(struct journal *journal,
    int (*on_accepted)(const char *client_order_id, void *data), void *data);

int journal_set_account(struct journal *journal, int64_t cash, int64_t read_ns);

/** journal_get_account() - the cash at the real broker, and when it was read. Return:
 * 0; JOURNAL_E_NONE: never; as above. */
int journal_get_account(
    struct journal *journal, int64_t *ret_cash, int64_t *ret_read_ns);

/** journal_cash() - the start cash and what every fill took or gave. */
int journal_cash(struct journal *journal, __int128 *ret_cash);

int journal_set_snapshot(
    struct journal *journal, const struct journal_snapshot *snapshot);

/** journal_get_snapshot() - the last one. Return: 0; JOURNAL_E_NONE; as above. */
int journal_get_snapshot(
    struct journal *journal, struct journal_snapshot *ret_snapshot);
void journal_snapshot_deinit(struct journal_snapshot *snapshot);

/*
 * Rows, in the order in which they were written; positions in the order in which they
 * were opened. The row is valid during the call alone; a callback that does not return
 * 0 ends it, with that value.
 */
typedef int (*journal_on_cluster)(const struct journal_cluster *cluster, void *data);
typedef int (*journal_on_order)(const struct journal_order *order, void *data);
typedef int (*journal_on_fill)(const struct journal_fill *fill, void *data);
typedef int (*journal_on_position)(const struct journal_position *position, void *data);
int journal_each_cluster(
    struct journal *journal, journal_on_cluster on_cluster, void *data);
int journal_each_order(struct journal *journal, journal_on_order on_order, void *data);
int journal_each_fill(struct journal *journal, journal_on_fill on_fill, void *data);
int journal_each_position(
    struct journal *journal, journal_on_position on_position, void *data);

/** struct journal_scan - a table that is read a piece at a time, by the number of its
 * rows; { 0 } to begin */
struct journal_scan {
	int64_t last; /* number of the last row that was read */
	int64_t n;    /* rows of the last piece; less than JOURNAL_SCAN_ROWS: that was
			 the table's end */
};
#define JOURNAL_SCAN_ROWS 1000

/**
 * journal_scan_…() - the next piece
 *
 * Fills and adjustments (positions that a person accepted), each row; orders by status,
 * and clusters by the rule that kept them from an order, counted. Only statuses of
 * orders ever change. After a failure @scan is as before, and some rows may have been
 * told. Return: as the other journal_each_…().
 */
typedef void (*journal_on_count)(const char *name, int64_t n, void *data);
int journal_scan_fills(struct journal *journal, struct journal_scan *scan,
    journal_on_fill on_fill, void *data);
int journal_scan_adjustments(struct journal *journal, struct journal_scan *scan,
    journal_on_position on_adjustment, void *data);
int journal_scan_orders(struct journal *journal, struct journal_scan *scan,
    journal_on_count on_count, void *data);
int journal_scan_refused(struct journal *journal, struct journal_scan *scan,
    journal_on_count on_count, void *data);

/** journal_is_writing() - whether there is something that may yet be rolled back. */
bool journal_is_writing(const struct journal *journal);

/** journal_start_cash() - what the account began with. */
int64_t journal_start_cash(const struct journal *journal);
