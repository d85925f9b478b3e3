/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strategy module for tests: a cluster at each event, of the event's side. It cannot
 * save, and it fails on purpose at the event whose id is the parameter `fail_at`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/trading/strategy.h"

static int
create(const struct tradesup_param *params, size_t n_params, void **ret_state,
    char *error, size_t error_size)
{
	char *fail_at = strdup("");

	if (n_params == 1) {
		free(fail_at);
		fail_at = strdup(params[0].value);
	} else if (n_params > 1) {
		free(fail_at);
		snprintf(
		    error, error_size, "%s: one parameter is enough", params[1].key);
		return -EINVAL;
	}
	*ret_state = fail_at;
	return fail_at ? 0 : -ENOMEM;
}

static int
on_event(
    void *state, const struct tradesup_event *event, const struct tradesup_host *host)
{
	struct tradesup_cluster cluster = { .side = event->side,
		.first_ns = event->time_ns,
		.trades = 1,
		.notional = event->notional };

	if (strcmp(event->id, state) == 0) {
		/* What was emitted before the failure must not stay. */
		(void)host->emit(host, &cluster);
		return -EIO;
	}
	return host->emit(host, &cluster);
}

static void
destroy(void *state)
{
	free(state);
}

const struct tradesup_strategy tradesup_strategy = {
	.abi = TRADESUP_STRATEGY_ABI,
	.name = "each",
	.create = create,
	.event = on_event,
	.destroy = destroy,
};
