/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's loop without broker and journal: feed, normalizer and strategy module
 * over a file. What the benchmark's second figure is, and a way to profile them alone.
 *
 *	feed_loop FILE [KEY=VALUE…]	parameters of flow_cluster; -v: print each
 * cluster
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/decimal.h"
#include "worker/trading/feed.h"
#include "worker/trading/module.h"
#include "worker/trading/normalize.h"

#define PARAMS_MAX 16

struct loop {
	struct feed *feed;
	struct normalizer *normalizer;
	struct module *module;
	struct tradesup_event event;
	uint64_t events, dropped, clusters;
	bool is_verbose;
};

static int
on_cluster(const struct tradesup_host *host, const struct tradesup_cluster *cluster)
{
	struct loop *loop = host->data;
	char id[CLUSTER_ID_MAX], notional[DECIMAL_TEXT_MAX];

	loop->clusters++;
	normalizer_cluster_id(loop->normalizer, &loop->event, cluster->side, id);
	if (loop->is_verbose) {
		decimal_format(cluster->notional, notional);
		printf("%s %" PRId64 " %" PRIu64 " %s\n", id, cluster->first_ns,
		    cluster->trades, notional);
	}
	return 0;
}

static int
run(struct loop *loop, struct error *error)
{
	const struct tradesup_host host = { .data = loop, .emit = on_cluster };
	struct feed_record record;
	const char *why;
	int r;

	while ((r = feed_next(loop->feed, &record, error)) == 0) {
		r = normalize(loop->normalizer, &record, &loop->event, &why);
		if (r == NORMALIZE_E_DROP) {
			loop->dropped++;
			continue;
		}
		if (r == 0)
			r = module_event(loop->module, &loop->event, &host);
		if (r < 0)
			return r;
		loop->events++;
	}
	return r == FEED_E_END ? 0 : -1;
}

/* Everything behind the file's name that is of the form KEY=VALUE. */
static size_t
take_params(
    int argc, char **argv, struct config_param params[PARAMS_MAX], bool *ret_is_verbose)
{
	size_t n = 0;

	for (int i = 2; i < argc && n < PARAMS_MAX; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals) {
			*ret_is_verbose = true;
			continue;
		}
		*equals = '\0';
		params[n++] = (struct config_param){ argv[i], equals + 1 };
	}
	return n;
}

int
main(int argc, char **argv)
{
	char empty[] = "", strategy[] = "flow_cluster", time[] = "time",
	     symbol[] = "symbol", side[] = "side", price[] = "price", size[] = "size",
	     id[] = "id";
	struct config_param params[PARAMS_MAX];
	struct config_trading trading = {
		.feed = FEED_FILE,
		.file = { .path = argc > 1 ? argv[1] : empty,
		    .time = time,
		    .symbol = symbol,
		    .side = side,
		    .price = price,
		    .size = size,
		    .id = id,
		    .notional = empty,
		    .fixed_symbol = empty },
		.strategy = strategy,
		.params = params,
	};
	struct loop loop = { 0 };
	struct error error = { 0 };
	int64_t start_ns = clock_monotonic_ns();
	int r;

	trading.n_params = take_params(argc, argv, params, &loop.is_verbose);
	r = feed_open(&trading, NULL, "", &error, &loop.feed);
	if (r == 0)
		r = module_load(&trading, &error, &loop.module);
	loop.normalizer = normalizer_new();
	if (r == 0 && loop.normalizer)
		r = run(&loop, &error);
	if (r != 0)
		fprintf(stderr, "feed_loop: %s\n", error.text);
	else
		printf("events=%" PRIu64 " dropped=%" PRIu64 " clusters=%" PRIu64
		       " seconds=%.6f\n",
		    loop.events, loop.dropped, loop.clusters,
		    (double)(clock_monotonic_ns() - start_ns) / (double)NS_PER_S);
	module_free(loop.module);
	normalizer_free(loop.normalizer);
	feed_free(loop.feed);
	return r == 0 ? 0 : 1;
}
