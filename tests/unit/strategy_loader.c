/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strategy module for the loader's test: at each event a cluster whose trades are the
 * events so far and whose notional is VERSION. The build compiles it several times,
 * each time with one thing different.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/trading/strategy.h"

#ifndef VERSION
#define VERSION 1
#endif
#ifndef ABI
#define ABI TRADESUP_STRATEGY_ABI
#endif

/* Within the object, as the table of a state machine may be. */
static const int64_t version = VERSION;

struct state {
	const int64_t *version;
	uint64_t events;
};

#ifndef NO_STATE
static int
create(const struct tradesup_param *params, size_t n_params, void **ret_state,
    char *error, size_t error_size)
{
	struct state *state;

	if (n_params > 0 && strcmp(params[0].key, "fail") == 0) {
		snprintf(error, error_size, "%s", params[0].value);
		return -EINVAL;
	}
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	state->version = &version;
	*ret_state = state;
	return 0;
}

static void
destroy(void *state)
{
	free(state);
}
#endif

#ifndef NO_EVENT
static int
on_event(
    void *data, const struct tradesup_event *event, const struct tradesup_host *host)
{
	struct state *state = data;
	struct tradesup_cluster cluster = {
		.side = event->side,
		.first_ns = event->time_ns,
		.trades = state ? ++state->events : 0,
		.notional = state ? *state->version : version,
	};

	return host->emit(host, &cluster);
}
#endif

#ifndef NO_SAVE
static int
save(const void *data, tradesup_write write, void *target)
{
	const struct state *state = data;

	return write(target, &state->events, sizeof(state->events));
}

#ifndef NO_LOAD
static int
load(void *data, const void *bytes, size_t length)
{
	struct state *state = data;

	if (length != sizeof(state->events))
		return -EINVAL;
	memcpy(&state->events, bytes, length);
	/* The third version does not take the others' states. */
	return version == 3 ? -EINVAL : 0;
}
#endif
#endif

const struct tradesup_strategy tradesup_strategy = {
	.abi = ABI,
	.name = "loader",
#ifndef NO_STATE
	.create = create,
	.destroy = destroy,
#endif
#ifndef NO_EVENT
	.event = on_event,
#endif
#ifndef NO_SAVE
	.save = save,
#ifndef NO_LOAD
	.load = load,
#endif
#endif
};
