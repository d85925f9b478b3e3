/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trading worker's context: all that lives from one cycle to the next. Made by
 * worker_new(), passed down, and shared by the files that make up a cycle: precheck
 * (finds faults before a cycle), remedy (mends them), cycle (run_once), loop (one cycle
 * after the other).
 */
#pragma once

#include "common/config.h"
#include "worker/trading/heal.h"
#include "worker/trading/place.h"
#include "worker/trading/registry_source.h"
#include "worker/trading/report.h"
#include "worker/trading/stamp.h"
#include "worker/trading/trader.h"
#include "worker/trading/vitals.h"

struct worker {
	const char *name;		    /* borrowed */
	const struct config_worker *config; /* borrowed */
	char *state_dir;		    /* this worker's own */
	char *latch_dir;		    /* of all workers: the directory above */
	int lock;			    /* held as long as the worker lives; -1 */
	struct tradesup *link;
	struct reporter reporter;
	bool may_fault; /* a drill's faults are welcome */

	struct registry_source source;
	struct healer healer;
	struct vitals vitals;

	struct trader *trader;		 /* NULL: not open yet, or lost by a failure */
	char *journal, *cursor, *freeze; /* the paths it was opened with */
	struct account account;		 /* who else trades with the same keys */
	struct trader_result totals;	 /* when it was open last */
	struct stamp module; /* of the module's file when it was checked last */

	int64_t cycle;	    /* from 1, in this life */
	const char *phase;  /* of the cycle, for heartbeats */
	int64_t alive_ns;   /* monotonic, of the last heartbeat */
	int64_t figures_ns; /* and of the last figures; 0: none yet */
	unsigned
	    faults;    /* of a drill, due in the next cycle; bits of enum fault_kind */
	bool is_ready; /* said */
	bool is_gone;  /* the supervisor */
	int signals;   /* signalfd of SIGTERM and SIGINT; -1: nobody looks */
	bool wants_reload; /* between two cycles */
	const char *end;   /* why it is to end: a word; NULL: it is not */
};

#define WORKER_E_BUSY 1 /* another process is this worker */

/**
 * worker_new() - take the worker's state directory, make it if need be, and connect to
 * the supervisor
 * @node: a worker with a trading section; outlives the worker
 * @config: the whole configuration; for the state directory alone
 *
 * Return: 0; WORKER_E_BUSY; -errno. @error is filled in either case.
 */
int worker_new(const struct config *config, const struct config_node *node,
    struct error *error, struct worker **ret_worker);

struct worker *worker_free(struct worker *worker);
void worker_freep(struct worker **worker);

/** worker_state_dir() - the directory of worker @name: TRADESUP_STATE_DIR, else as
 * configured. NULL: out of memory. */
char *worker_state_dir(const struct config *config, const char *name);

/**
 * worker_source() - where the registry of a worker comes from; nothing is read or made
 *
 * Return: 0, -ENOMEM.
 */
int worker_source(const struct config_trading *trading, const char *state_dir,
    struct registry_source *ret_source);

/**
 * worker_lock() - be the only one who writes to @state_dir
 * @may_make: make the lock's file where it is missing
 *
 * Return: the descriptor that holds the lock; -EWOULDBLOCK: another process has it;
 * -ENOENT: there is no such file, so nobody has it; -errno.
 */
int worker_lock(const char *state_dir, bool may_make);

/**
 * worker_wishes() - take what signals and the supervisor want
 *
 * What cannot be done within a cycle is only noted: @worker->end, wants_reload, faults.
 */
void worker_wishes(struct worker *worker);

/** worker_alive() - heartbeat, if the last is long enough ago, and a look at the
 * wishes; a trader_alive. Return: false: the worker is to end. */
bool worker_alive(void *worker);

/** worker_phase() - enter a phase of the cycle, and heartbeat. */
void worker_phase(struct worker *worker, const char *phase);

/** worker_open_trader() - open the trading state at the registry's paths. Return: 0; -1
 * with @ret_failure filled. */
int worker_open_trader(struct worker *worker, struct trader_failure *ret_failure);

/** worker_close_trader() - keep the counts, let the rest go. */
void worker_close_trader(struct worker *worker);
