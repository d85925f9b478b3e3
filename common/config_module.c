/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of a strategy module. Those of our own flow_cluster are checked here,
 * before anything starts; a user's module checks its own when it is loaded, and gets
 * them as they were written.
 */
#include "common/config_tree.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"

#define LONGEST (INT64_C(365) * 86400 * 1000000000)
#define PARAMS_MAX                                                                     \
	1000 /* more than any module reads; each is looked for among the others */

struct flow_cluster {
	int64_t window_ns, min_notional, min_event_notional, dominance, cooldown_ns;
	uint32_t min_trades;
};

#define AT(member) offsetof(struct flow_cluster, member)
static const struct config_key flow_cluster_keys[] = {
	{ "window", KEY_DURATION, AT(window_ns), "5m", 1, LONGEST },
	{ "min_trades", KEY_COUNT, AT(min_trades), "5", 1, UINT32_MAX },
	{ "min_notional", KEY_DECIMAL, AT(min_notional), "100000", 0, INT64_MAX },
	{ "min_event_notional", KEY_DECIMAL, AT(min_event_notional), "0", 0,
	    INT64_MAX },
	{ "dominance", KEY_DECIMAL, AT(dominance), "70", 0, 100 * DECIMAL_ONE },
	{ "cooldown", KEY_DURATION, AT(cooldown_ns), "5m", 0, LONGEST },
};
#undef AT
static const struct config_table flow_cluster_table = CONFIG_TABLE(flow_cluster_keys);

static void
add_param(struct config_reader *reader, struct config_trading *trading, const char *key,
    const char *value)
{
	struct config_param *param = &trading->params[trading->n_params++];

	param->key = strdup(key);
	param->value = strdup(value);
	if (!param->key || !param->value)
		reader->errors.out_of_memory = true;
}

static void
reserve_params(struct config_reader *reader, struct config_trading *trading, size_t n)
{
	trading->params = calloc(n, sizeof(struct config_param));
	if (!trading->params)
		reader->errors.out_of_memory = true;
}

/* Checked, with the defaults, each in one form whatever form it was written in. */
static void
read_flow_cluster(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, struct config_trading *trading)
{
	struct flow_cluster values = { 0 };

	config_read(reader, place, &flow_cluster_table, entry, NULL, &values);
	if (!trading)
		return;
	reserve_params(reader, trading, flow_cluster_table.n_keys);
	for (size_t i = 0; trading->params && i < flow_cluster_table.n_keys; i++) {
		const struct config_key *key = &flow_cluster_keys[i];
		char text[64];

		config_value_text(key, &values, text, sizeof(text));
		add_param(reader, trading, key->name, text);
	}
}

static bool
is_given(const struct config_trading *trading, const char *key)
{
	for (size_t i = 0; i < trading->n_params; i++) {
		if (trading->params[i].key && strcmp(trading->params[i].key, key) == 0)
			return true;
	}
	return false;
}

static void
read_own(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *section, struct config_trading *trading)
{
	size_t n = 0;

	for (const struct syntax_entry *e = section->entry; e; e = e->next)
		n++;
	if (n > PARAMS_MAX) {
		config_report(reader, place, section->line, NULL,
		    "has more than %d keys", PARAMS_MAX);
		return;
	}
	if (n > 0)
		reserve_params(reader, trading, n);
	for (const struct syntax_entry *e = section->entry; e && trading->params;
	     e = e->next) {
		if (e->kind != SYNTAX_VALUE)
			config_report(reader, place, e->line, e->key,
			    "a module's parameter takes one value: %.40s = …", e->key);
		else if (is_given(trading, e->key))
			config_report(reader, place, e->line, e->key, "is given twice");
		else
			add_param(reader, trading, e->key, e->value->text);
	}
}

void
config_module_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *section, const char *module,
    struct config_trading *trading)
{
	const bool is_own = strcmp(module, "flow_cluster") != 0;
	const struct config_place place = { outer, module, NULL };
	const struct config_place ours = { outer, "flow_cluster", NULL };
	const struct syntax_entry *first = NULL;

	/* flow_cluster's section is checked even while another strategy is chosen. */
	read_flow_cluster(reader, &ours, config_entry(section, "flow_cluster"),
	    is_own ? NULL : trading);
	if (!is_own)
		return;

	for (const struct syntax_entry *e = section->entry; e; e = e->next) {
		if (e->kind != SYNTAX_SECTION || strcmp(e->key, module) != 0)
			continue;
		if (e->title)
			config_report(reader, &place, e->line, NULL, "takes no name");
		else if (first)
			config_report(reader, &place, e->line, NULL, "is given twice");
		else
			read_own(reader, &place, first = e, trading);
	}
}
