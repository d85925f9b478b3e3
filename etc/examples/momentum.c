/* SPDX-License-Identifier: Apache-2.0 */
/*
 * momentum - a strategy module of one's own, small but whole.
 *
 * It remembers a price for each symbol, and follows a move: `step` percent above it is
 * a cluster of buys, `step` percent below one of sells, and the remembered price moves
 * along. Parameter: step (whole percent, 1 to 50; 2).
 *
 *	cc -shared -fPIC -O2 -o momentum.so momentum.c $(pkg-config --cflags tradesup)
 *
 * and in the configuration
 *
 *	strategy = "./momentum.so"  momentum { step = 3 }
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tradesup/strategy.h>

#define SYMBOL_MAX 64 /* bytes; the worker takes no longer ones */

struct move {
	char symbol[SYMBOL_MAX + 1];
	int64_t price; /* where it began */
	int64_t first_ns;
	uint64_t trades;
	int64_t notional; /* since then; enough for an example */
};

struct momentum {
	int64_t step;
	size_t n_moves;
	struct move *moves;
};

/* By name: indices are not the same after a restart, and a module of few symbols may
 * search. */
static struct move *
find_move(struct momentum *momentum, const char *symbol)
{
	struct move *moves;

	for (size_t i = 0; i < momentum->n_moves; i++)
		if (strcmp(momentum->moves[i].symbol, symbol) == 0)
			return &momentum->moves[i];
	moves = realloc(momentum->moves, (momentum->n_moves + 1) * sizeof(*moves));
	if (!moves)
		return NULL;
	momentum->moves = moves;
	moves += momentum->n_moves++;
	memset(moves, 0, sizeof(*moves));
	snprintf(moves->symbol, sizeof(moves->symbol), "%s", symbol);
	return moves;
}

static int
create(const struct tradesup_param *params, size_t n_params, void **ret_state,
    char *error, size_t error_size)
{
	struct momentum *momentum = calloc(1, sizeof(*momentum));

	if (!momentum)
		return -ENOMEM;
	momentum->step = 2;
	for (size_t i = 0; i < n_params; i++) {
		char *end = NULL;

		if (strcmp(params[i].key, "step") == 0)
			momentum->step = strtol(params[i].value, &end, 10);
		if (!end || end == params[i].value || *end != '\0' ||
		    momentum->step < 1 || momentum->step > 50) {
			snprintf(error, error_size,
			    "%s = %s: the only parameter is step, a whole percent from "
			    "1 to 50",
			    params[i].key, params[i].value);
			free(momentum);
			return -EINVAL;
		}
	}
	*ret_state = momentum;
	return 0;
}

static void
begin_move(struct move *move, const struct tradesup_event *event)
{
	move->price = event->price;
	move->first_ns = event->time_ns;
	move->trades = 0;
	move->notional = 0;
}

static int
on_event(
    void *state, const struct tradesup_event *event, const struct tradesup_host *host)
{
	struct momentum *momentum = state;
	struct move *move = find_move(momentum, event->symbol);
	struct tradesup_cluster cluster;
	__int128 change;

	if (!move)
		return -ENOMEM;
	if (move->price == 0)
		begin_move(move, event);
	move->trades++;
	if (event->notional <= INT64_MAX - move->notional)
		move->notional += (int64_t)event->notional;
	change = (__int128)(event->price - move->price) * 100;
	if (change < (__int128)move->price * momentum->step &&
	    -change < (__int128)move->price * momentum->step)
		return 0;
	cluster = (struct tradesup_cluster){ .side = change > 0 ? TRADESUP_BUY
								: TRADESUP_SELL,
		.first_ns = move->first_ns,
		.trades = move->trades,
		.notional = move->notional };
	begin_move(move, event);
	return host->emit(host, &cluster);
}

static int
save(const void *state, tradesup_write write, void *data)
{
	const struct momentum *momentum = state;
	char line[SYMBOL_MAX + 128];
	int r = 0;

	for (size_t i = 0; i < momentum->n_moves && r == 0; i++) {
		const struct move *move = &momentum->moves[i];
		int n = snprintf(line, sizeof(line),
		    "%" PRId64 " %" PRId64 " %" PRIu64 " %" PRId64 " %s\n", move->price,
		    move->first_ns, move->trades, move->notional, move->symbol);

		r = write(data, line, (size_t)n);
	}
	return r;
}

static int
load_line(struct momentum *momentum, const char *line)
{
	struct move read = { .price = 0 }, *move;

	if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNu64 " %" SCNd64 " %64[^\n]",
		&read.price, &read.first_ns, &read.trades, &read.notional,
		read.symbol) != 5 ||
	    read.price <= 0)
		return -EINVAL;
	move = find_move(momentum, read.symbol);
	if (!move)
		return -ENOMEM;
	*move = read;
	return 0;
}

static int
load(void *state, const void *bytes, size_t length)
{
	char *text = strndup(bytes, length), *rest = text, *line;
	int r = text ? 0 : -ENOMEM;

	while (r == 0 && (line = strsep(&rest, "\n")) && *line)
		r = load_line(state, line);
	free(text);
	return r;
}

static void
destroy(void *state)
{
	struct momentum *momentum = state;

	free(momentum->moves);
	free(momentum);
}

const struct tradesup_strategy tradesup_strategy = {
	.abi = TRADESUP_STRATEGY_ABI,
	.name = "momentum",
	.create = create,
	.event = on_event,
	.save = save,
	.load = load,
	.destroy = destroy,
};
