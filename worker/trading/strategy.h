/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strategy module's interface (ABI version 1). See tradesup-strategy(3).
 *
 * A strategy is a shared object that exports one constant, `tradesup_strategy`. The
 * worker hands it every valid event of the feed, in order; it answers by emitting
 * clusters. What becomes of a cluster (order, or a reason why not) is the worker's
 * business. A module must be deterministic: the same parameters and events give the
 * same clusters. It does no input or output, starts no thread, and keeps all state
 * behind the pointer that create() returned.
 *
 * A complete module:
 *
 *	#include <tradesup/strategy.h>
 *
 *	static int
 *	on_event(void *state, const struct tradesup_event *event,
 *	    const struct tradesup_host *host)
 *	{
 *		struct tradesup_cluster cluster = {
 *			.side = event->side, .first_ns = event->time_ns,
 *			.trades = 1, .notional = event->notional };
 *
 *		(void)state;
 *		if (event->size < 100 * TRADESUP_ONE)
 *			return 0;
 *		return host->emit(host, &cluster);
 *	}
 *
 *	const struct tradesup_strategy tradesup_strategy = {
 *		.abi = TRADESUP_STRATEGY_ABI, .name = "big_trades", .event = on_event };
 *
 * This header includes nothing of tradesup's own.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TRADESUP_STRATEGY_ABI 1

/* 1.0: prices, sizes and amounts have 8 decimal places. */
#define TRADESUP_ONE INT64_C(100000000)

#ifdef __cplusplus
extern "C" {
#endif

enum tradesup_side { TRADESUP_BUY, TRADESUP_SELL };

/** struct tradesup_event - one trade; valid during the call alone */
struct tradesup_event {
	/* Since the epoch; never before the symbol's previous event. */
	int64_t time_ns;
	const char *symbol; /* NUL-terminated */
	/*
	 * Dense, from 0, in order of appearance; the same for one symbol while the
	 * module is loaded, not over restarts.
	 */
	uint32_t symbol_index;
	enum tradesup_side side; /* of the aggressor */
	int64_t price;		 /* > 0, 1e-8 */
	int64_t size;		 /* > 0, 1e-8 */
	__int128 notional; /* 1e-8; the event's own, else price × size truncated */
	const char *id;	   /* the feed's, may be "" */
};

/**
 * struct tradesup_cluster - what a module emits
 *
 * The worker adds id, symbol, last and price from the event.
 */
struct tradesup_cluster {
	enum tradesup_side side;
	int64_t first_ns; /* time of the oldest event in it */
	uint64_t trades;
	__int128 notional; /* 1e-8 */
};

/** struct tradesup_param - a `key = value` of the module's section, as text */
struct tradesup_param {
	const char *key, *value;
};

/** struct tradesup_host - what a module may call; @data is the worker's */
struct tradesup_host {
	void *data;
	/**
	 * emit() - report a cluster at the current event; from event() alone
	 *
	 * Return: 0, or an error to be returned by event().
	 */
	int (*emit)(
	    const struct tradesup_host *host, const struct tradesup_cluster *cluster);
};

/**
 * tradesup_write - what save() writes with, in any number of pieces
 *
 * Return: 0, or an error to be returned by save().
 */
typedef int (*tradesup_write)(void *data, const void *bytes, size_t length);

struct tradesup_strategy {
	uint32_t abi; /* TRADESUP_STRATEGY_ABI */
	const char *name;

	/**
	 * create() - read the parameters, make the state; NULL: there is neither
	 * @error: where a sentence that names the bad key goes, @error_size bytes
	 *
	 * Return: 0; negative errno (-EINVAL: a bad parameter) with @error filled.
	 */
	int (*create)(const struct tradesup_param *params, size_t n_params,
	    void **ret_state, char *error, size_t error_size);

	/**
	 * event() - take one event; required
	 *
	 * Return: 0; negative errno: the cycle fails with a fault of kind `data`.
	 */
	int (*event)(void *state, const struct tradesup_event *event,
	    const struct tradesup_host *host);

	/**
	 * save(), load() - the state as bytes, and back into a fresh one; both or
	 * neither
	 *
	 * With them a restart continues from the last snapshot; without them the worker
	 * replays the feed from its beginning, which gives the same result and takes
	 * longer. load() gets what save() of the same module and ABI wrote, and returns
	 * -EINVAL for anything else.
	 */
	int (*save)(const void *state, tradesup_write write, void *data);
	int (*load)(void *state, const void *bytes, size_t length);

	/** destroy() - free the state; NULL: nothing to free */
	void (*destroy)(void *state);
};

/** tradesup_strategy - the one symbol that a module exports, hidden by no flag */
extern const struct tradesup_strategy tradesup_strategy
    __attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
