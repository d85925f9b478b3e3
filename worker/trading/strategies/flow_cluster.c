/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strategy module flow_cluster: its parameters, and cluster.c behind the ABI of
 * strategy.h. It is linked with nothing but libc. The rules themselves are in
 * cluster.c.
 */
#include "worker/trading/strategy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "common/duration.h"
#include "worker/trading/cluster.h"

#define PERCENT_MAX (100 * DECIMAL_ONE)

/**
 * struct param_rule - one parameter: how its text is read, where it goes, what it may
 * be
 */
struct param_rule {
	const char *key, *by_default;
	int (*read)(const char *text, int64_t *ret_value);
	size_t offset; /* of an int64_t or uint64_t in struct cluster_params */
	int64_t min, max;
	const char *expected;
};

static int
read_decimal(const char *text, int64_t *ret_value)
{
	return decimal_parse(text, strlen(text), ret_value);
}

static int
read_count(const char *text, int64_t *ret_value)
{
	char *end;

	errno = 0;
	*ret_value = strtoll(text, &end, 10);
	return errno || end == text || *end != '\0' ? -EINVAL : 0;
}

#define FIELD(name) offsetof(struct cluster_params, name)
static const struct param_rule rules[] = {
	{ "window", "5m", duration_parse, FIELD(window_ns), 1, INT64_MAX,
	    "a duration above 0" },
	{ "min_trades", "5", read_count, FIELD(min_trades), 0, INT64_MAX,
	    "a number of trades" },
	{ "min_notional", "100000", read_decimal, FIELD(min_notional), 0, INT64_MAX,
	    "an amount, not below 0" },
	{ "min_event_notional", "0", read_decimal, FIELD(min_event_notional), 0,
	    INT64_MAX, "an amount, not below 0" },
	{ "dominance", "70", read_decimal, FIELD(dominance), 0, PERCENT_MAX,
	    "a percentage, 0 to 100" },
	{ "cooldown", "5m", duration_parse, FIELD(cooldown_ns), 0, INT64_MAX,
	    "a duration" },
};

static int
set_param(
    struct cluster_params *params, const struct param_rule *rule, const char *text)
{
	int64_t value;
	int r;

	r = rule->read(text, &value);
	if (r < 0)
		return r;
	if (value < rule->min || value > rule->max)
		return -ERANGE;
	memcpy((char *)params + rule->offset, &value, sizeof(value));
	return 0;
}

static const struct param_rule *
find_rule(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (strcmp(rules[i].key, key) == 0)
			return &rules[i];
	}
	return NULL;
}

static int
read_params(struct cluster_params *ret_params, const struct tradesup_param *params,
    size_t n_params, char *error, size_t error_size)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (set_param(ret_params, &rules[i], rules[i].by_default) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < n_params; i++) {
		const struct param_rule *rule = find_rule(params[i].key);

		if (!rule) {
			snprintf(error, error_size, "%s: there is no such parameter",
			    params[i].key);
			return -EINVAL;
		}
		if (set_param(ret_params, rule, params[i].value) < 0) {
			snprintf(error, error_size, "%s: \"%s\" is not %s", rule->key,
			    params[i].value, rule->expected);
			return -EINVAL;
		}
	}
	return 0;
}

static int
create(const struct tradesup_param *params, size_t n_params, void **ret_state,
    char *error, size_t error_size)
{
	struct cluster_params read = { 0 };
	struct cluster_finder *finder;
	int r;

	r = read_params(&read, params, n_params, error, error_size);
	if (r < 0)
		return r;
	finder = cluster_finder_new(&read);
	if (!finder)
		return -ENOMEM;
	*ret_state = finder;
	return 0;
}

static int
on_event(
    void *state, const struct tradesup_event *event, const struct tradesup_host *host)
{
	struct tradesup_cluster cluster;
	int r;

	r = cluster_finder_event(state, event, &cluster);
	return r == CLUSTER_E_FIRED ? host->emit(host, &cluster) : r;
}

static int
save(const void *state, tradesup_write write, void *data)
{
	return cluster_finder_save(state, write, data);
}

static int
load(void *state, const void *bytes, size_t length)
{
	return cluster_finder_load(state, bytes, length);
}

static void
destroy(void *state)
{
	cluster_finder_free(state);
}

const struct tradesup_strategy tradesup_strategy = {
	.abi = TRADESUP_STRATEGY_ABI,
	.name = "flow_cluster",
	.create = create,
	.event = on_event,
	.save = save,
	.load = load,
	.destroy = destroy,
};
