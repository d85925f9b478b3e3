/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trading section: its keys, and what must fit together in them. A strategy's own
 * parameters are in config_module.c.
 */
#include "common/config_trading.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/config_tree.h"
#include "common/decimal.h"
#include "common/paths.h"
#include "common/url.h"

#define LONGEST (INT64_C(365) * 86400 * 1000000000)

static const char *const feeds[] = { "synthetic", "file", "http", "alpaca",
	"flow_alerts", NULL };
static const char *const formats[] = { "auto", "csv", "ndjson", NULL };
static const char *const units[] = { "rfc3339", "s", "ms", "us", "ns", NULL };
static const char *const sessions[] = { "always", "us_equities", NULL };
static const char *const brokers[] = { "paper", "alpaca", NULL };

#define AT(member) offsetof(struct config_trading, member)

static const struct config_key synthetic_keys[] = {
	{ "seed", KEY_LONG, AT(synthetic.seed), "1", 0, INT64_MAX },
	{ "events", KEY_LONG, AT(synthetic.events), "0", 0, INT64_MAX },
	{ "rate", KEY_LONG, AT(synthetic.rate), "1000", 1, 1000000000 },
	{ "symbols", KEY_COUNT, AT(synthetic.symbols), "8", 1, 100000 },
};

/* What the lines of a file mean, wherever it lies. */
#define FILE_KEYS(of)                                                                  \
	{ "format", KEY_WORD, AT(of.format), "auto", .words = formats },               \
	    { "time_unit", KEY_WORD, AT(of.time_unit), "rfc3339", .words = units },    \
	    { "time", KEY_TEXT, AT(of.time), "time" },                                 \
	    { "symbol", KEY_TEXT, AT(of.symbol), "symbol" },                           \
	    { "side", KEY_TEXT, AT(of.side), "side" },                                 \
	    { "price", KEY_TEXT, AT(of.price), "price" },                              \
	    { "size", KEY_TEXT, AT(of.size), "size" },                                 \
	    { "id", KEY_TEXT, AT(of.id), "id" },                                       \
	    { "notional", KEY_TEXT, AT(of.notional), "" },                             \
	{                                                                              \
		"fixed_symbol", KEY_TEXT, AT(of.fixed_symbol), ""                      \
	}

static const struct config_key file_keys[] = {
	{ "path", KEY_PATH, AT(file.path), "" },
	FILE_KEYS(file),
	{ "follow", KEY_BOOL, AT(file.follow), "no" },
};

static const struct config_key http_keys[] = {
	{ "url", KEY_TEXT, AT(http.url), "" },
	{ "interval", KEY_DURATION, AT(http.interval_ns), "1s", 1000000, LONGEST },
	FILE_KEYS(http.file),
};

static const struct config_key alpaca_data_keys[] = {
	{ "base_url", KEY_TEXT, AT(alpaca_data.base_url),
	    "https://data.alpaca.markets" },
	{ "symbols", KEY_LIST, AT(alpaca_data.symbols) },
	{ "interval", KEY_DURATION, AT(alpaca_data.interval_ns), "1s", 1000000,
	    LONGEST },
	{ "feed_max_age", KEY_DURATION, AT(alpaca_data.feed_max_age_ns), "60s", 1000000,
	    LONGEST },
};

static const struct config_key flow_alerts_keys[] = {
	{ "base_url", KEY_TEXT, AT(flow_alerts.base_url), "" },
	{ "token_file", KEY_PATH, AT(flow_alerts.token_file) },
	{ "interval", KEY_DURATION, AT(flow_alerts.interval_ns), "5s", 1000000,
	    LONGEST },
	{ "limit", KEY_COUNT, AT(flow_alerts.limit), "200", 1, 200 },
	{ "tickers", KEY_LIST, AT(flow_alerts.tickers) },
	{ "feed_max_age", KEY_DURATION, AT(flow_alerts.feed_max_age_ns), "10m", 1000000,
	    LONGEST },
};

static const struct config_key orders_keys[] = {
	{ "order_notional", KEY_DECIMAL, AT(orders.order_notional), "10000", 1,
	    INT64_MAX },
	{ "lot", KEY_DECIMAL, AT(orders.lot), "0.00000001", 1, INT64_MAX },
	{ "long_only", KEY_BOOL, AT(orders.long_only), "yes" },
	{ "max_position_notional", KEY_DECIMAL, AT(orders.max_position_notional), "0",
	    0, INT64_MAX },
	{ "max_orders_per_day", KEY_COUNT, AT(orders.max_orders_per_day), "0", 0,
	    UINT32_MAX },
};

static const struct config_key paper_keys[] = {
	{ "cash", KEY_DECIMAL, AT(paper.cash), "100000", 0, INT64_MAX },
	{ "fee_bps", KEY_DECIMAL, AT(paper.fee_bps), "0", 0, 10000 * DECIMAL_ONE },
	{ "slippage_bps", KEY_DECIMAL, AT(paper.slippage_bps), "0", 0,
	    10000 * DECIMAL_ONE - 1 },
};

static const struct config_key risk_keys[] = {
	{ "max_order_notional", KEY_DECIMAL, AT(risk.max_order_notional), "0", 0,
	    INT64_MAX },
	{ "max_orders_per_cycle", KEY_COUNT, AT(risk.max_orders_per_cycle), "0", 0,
	    UINT32_MAX },
	{ "max_orders_per_minute", KEY_COUNT, AT(risk.max_orders_per_minute), "0", 0,
	    UINT32_MAX },
	{ "max_daily_loss", KEY_DECIMAL, AT(risk.max_daily_loss), "0", 0, INT64_MAX },
	{ "price_collar", KEY_DECIMAL, AT(risk.price_collar), "0", 0,
	    10000 * DECIMAL_ONE },
	{ "kill_file", KEY_PATH, AT(risk.kill_file) },
	{ "session", KEY_WORD, AT(risk.session), "always", .words = sessions },
};
#define RISK_NUMBERS 5 /* of these, the first */

static const struct config_key alpaca_keys[] = {
	{ "base_url", KEY_TEXT, AT(alpaca.base_url),
	    "https://paper-api.alpaca.markets" },
	{ "key_id_file", KEY_PATH, AT(alpaca.key_id_file) },
	{ "secret_key_file", KEY_PATH, AT(alpaca.secret_key_file) },
	{ "timeout", KEY_DURATION, AT(alpaca.timeout_ns), "10s", 1000000, LONGEST },
	{ "settle", KEY_DURATION, AT(alpaca.settle_ns), "5s", 0, LONGEST },
	{ "max_age", KEY_DURATION, AT(alpaca.max_age_ns), "60s", 1000000, LONGEST },
	{ "rate", KEY_COUNT, AT(alpaca.rate), "200", 1, 10000 },
};

/* A section within the trading section whose values lie in struct config_trading, too.
 */
static const struct config_part {
	const char *name;
	struct config_table table;
} parts[] = {
	{ "synthetic", CONFIG_TABLE(synthetic_keys) },
	{ "file", CONFIG_TABLE(file_keys) },
	{ "http", CONFIG_TABLE(http_keys) },
	{ "alpaca_data", CONFIG_TABLE(alpaca_data_keys) },
	{ "flow_alerts", CONFIG_TABLE(flow_alerts_keys) },
	{ "orders", CONFIG_TABLE(orders_keys) },
	{ "paper", CONFIG_TABLE(paper_keys) },
	{ "risk", CONFIG_TABLE(risk_keys) },
	{ "alpaca", CONFIG_TABLE(alpaca_keys) },
};

static void read_part(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base);

static const struct config_key trading_keys[] = {
	{ "cycle", KEY_DURATION, AT(cycle_ns), "5s", 0, LONGEST },
	{ "batch", KEY_COUNT, AT(batch), "10000", 1, 10000000 },
	{ "feed", KEY_WORD, AT(feed), "synthetic", .words = feeds },
	{ "strategy", KEY_TEXT, AT(strategy), "flow_cluster" },
	{ "broker", KEY_WORD, AT(broker), "paper", .words = brokers },
	{ "registry", KEY_PATH, AT(registry) },
	{ "synthetic", KEY_SECTION, .read = read_part },
	{ "file", KEY_SECTION, .read = read_part },
	{ "http", KEY_SECTION, .read = read_part },
	{ "alpaca_data", KEY_SECTION, .read = read_part },
	{ "flow_alerts", KEY_SECTION, .read = read_part },
	{ "orders", KEY_SECTION, .read = read_part },
	{ "paper", KEY_SECTION, .read = read_part },
	{ "risk", KEY_SECTION, .read = read_part },
	{ "alpaca", KEY_SECTION, .read = read_part },
	{ "flow_cluster", KEY_SECTION, .read = NULL }, /* config_module_read() does */
};
#undef AT

static const struct config_table trading_table = CONFIG_TABLE(trading_keys);

static void
read_part(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	struct config_place place = { outer, entry->key, NULL };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (strcmp(parts[i].name, entry->key) == 0)
			config_read(reader, &place, &parts[i].table, entry, NULL, base);
	}
}

/* "momentum" of "momentum" and of "./dir/momentum.so". NULL: out of memory. */
static char *
module_name(const char *strategy)
{
	const char *slash = strrchr(strategy, '/');
	const char *name = slash ? slash + 1 : strategy;
	size_t length = strlen(name);

	if (slash && length > 3 && strcmp(name + length - 3, ".so") == 0)
		length -= 3;
	return strndup(name, length);
}

/* Where the keys of the account are sent to. */
static void
check_alpaca(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, const struct config_alpaca *alpaca)
{
	const struct config_place place = { outer, "alpaca", NULL };
	const struct syntax_entry *section = config_entry(entry, "alpaca");
	const char *wrong = url_check_base(alpaca->base_url);

	if (wrong)
		config_report(reader, &place,
		    section ? config_line(section, "base_url")
			    : config_line(entry, "broker"),
		    "base_url", "%s", wrong);
}

static void
check_strategy(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, const char *strategy, const char *module)
{
	unsigned line = config_line(entry, "strategy");

	if (!path_is_safe_name(module)) {
		config_report(reader, place, line, "strategy",
		    "is neither a module's name nor the path of one");
		return;
	}
	if (!strchr(strategy, '/') && strlen(module) > 3 &&
	    strcmp(module + strlen(module) - 3, ".so") == 0)
		config_report(reader, place, line, "strategy",
		    "a file is given with its path, as ./%.60s", module);
	for (size_t i = 0; i < ARRAY_SIZE(trading_keys); i++) {
		if (strcmp(module, trading_keys[i].name) == 0 &&
		    strcmp(module, "flow_cluster") != 0)
			config_report(reader, place, line, "strategy",
			    "a module cannot be called %s, which is a key of this "
			    "section",
			    module);
	}
}

/* CRC-32 as in zlib's crc32(), of a text and the NUL that ends it. */
static uint32_t
add_to_hash(uint32_t hash, const char *text)
{
	size_t length = strlen(text) + 1;

	hash = ~hash;
	for (size_t i = 0; i < length; i++) {
		hash ^= (unsigned char)text[i];
		for (int bit = 0; bit < 8; bit++)
			hash = hash >> 1 ^ (hash & 1 ? 0xedb88320U : 0);
	}
	return ~hash;
}

static uint32_t
add_table_to_hash(uint32_t hash, const struct config_table *table,
    const struct config_trading *trading)
{
	char text[64];

	for (size_t i = 0; i < table->n_keys; i++) {
		config_value_text(&table->keys[i], trading, text, sizeof(text));
		hash = add_to_hash(add_to_hash(hash, table->keys[i].name), text);
	}
	return hash;
}

/* Nothing where there is no limit, so that the hashes of before there were any stay. */
static uint32_t
add_risk_to_hash(uint32_t hash, const struct config_trading *trading)
{
	static const struct config_table numbers = { risk_keys, RISK_NUMBERS };
	const struct config_risk *risk = &trading->risk;
	uint32_t added = add_table_to_hash(hash, &numbers, trading);

	if (risk->kill_file)
		added = add_to_hash(added, risk->kill_file);
	if (risk->session != SESSION_ALWAYS)
		added = add_to_hash(added, sessions[risk->session]);
	return config_risk_is_limited(risk) ? added : hash;
}

/* Over what decides orders; a place in the file or a comment is none of it. */
static uint32_t
hash_trading(const struct config_trading *trading)
{
	static const struct config_table orders = CONFIG_TABLE(orders_keys);
	static const struct config_table paper = CONFIG_TABLE(paper_keys);
	uint32_t hash = add_to_hash(0, trading->strategy);

	for (size_t i = 0; i < trading->n_params; i++) {
		hash = add_to_hash(hash, trading->params[i].key);
		hash = add_to_hash(hash, trading->params[i].value);
	}
	hash = add_to_hash(
	    add_table_to_hash(hash, &orders, trading), brokers[trading->broker]);
	return add_risk_to_hash(add_table_to_hash(hash, &paper, trading), trading);
}

bool
config_risk_is_limited(const struct config_risk *risk)
{
	return risk->max_order_notional > 0 || risk->max_orders_per_cycle > 0 ||
	       risk->max_orders_per_minute > 0 || risk->max_daily_loss > 0 ||
	       risk->price_collar > 0 || risk->kill_file ||
	       risk->session != SESSION_ALWAYS;
}

/* A strategy given as a path is relative to the file, as every path is. */
static void
resolve_strategy(struct config_reader *reader, struct config_trading *trading)
{
	char *resolved;

	if (!strchr(trading->strategy, '/'))
		return;
	resolved = path_join(reader->directory, trading->strategy);
	if (!resolved) {
		reader->errors.out_of_memory = true;
		return;
	}
	free(trading->strategy);
	trading->strategy = resolved;
}

static void
read_trading(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, struct config_trading *trading)
{
	const struct syntax_entry *chosen = config_entry(entry, "strategy");
	const char *strategy = "flow_cluster";
	_cleanup_free_ char *module = NULL;

	if (chosen && chosen->kind == SYNTAX_VALUE)
		strategy = chosen->value->text;
	module = module_name(strategy);
	if (!module) {
		reader->errors.out_of_memory = true;
		return;
	}

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		config_read(reader, NULL, &parts[i].table, NULL, NULL, trading);
	config_read(reader, place, &trading_table, entry, module, trading);
	if (!trading->file.path)
		trading->file.path = strdup("");
	if (reader->errors.out_of_memory || !trading->file.path) {
		reader->errors.out_of_memory = true;
		return;
	}

	check_strategy(reader, place, entry, strategy, module);
	config_feeds_check(reader, place, entry, trading);
	if (trading->broker == BROKER_ALPACA)
		check_alpaca(reader, place, entry, &trading->alpaca);
	config_module_read(reader, place, entry, module, trading);
	resolve_strategy(reader, trading);
	trading->hash = hash_trading(trading);
}

struct config_trading *
config_trading_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry)
{
	struct config_place place = { outer, "trading", NULL };
	struct config_trading *trading = calloc(1, sizeof(*trading));

	if (!trading) {
		reader->errors.out_of_memory = true;
		return NULL;
	}
	read_trading(reader, &place, entry, trading);
	return trading;
}

struct comparison {
	const char *section;
	void (*on_key)(const char *section, const char *key, void *data);
	void *data;
};

static void
on_key_of_table(const struct config_key *key, void *data)
{
	const struct comparison *comparison = data;

	comparison->on_key(comparison->section, key->name, comparison->data);
}

static const char *
param_of(const struct config_trading *trading, const char *key)
{
	for (size_t i = 0; i < trading->n_params; i++)
		if (strcmp(trading->params[i].key, key) == 0)
			return trading->params[i].value;
	return NULL;
}

/* Another strategy has other parameters; they are no news beside that. */
static void
compare_params(const struct config_trading *a, const struct config_trading *b,
    const struct comparison *comparison)
{
	_cleanup_free_ char *module = module_name(b->strategy);
	const char *section = module ? module : "";

	if (strcmp(a->strategy, b->strategy) != 0)
		return;
	for (size_t i = 0; i < b->n_params; i++) {
		const struct config_param *param = &b->params[i];
		const char *other =
		    i < a->n_params && strcmp(a->params[i].key, param->key) == 0
			? a->params[i].value
			: param_of(a, param->key);

		if (!other || strcmp(other, param->value) != 0)
			comparison->on_key(section, param->key, comparison->data);
	}
	for (size_t i = 0; i < a->n_params; i++)
		if (!param_of(b, a->params[i].key))
			comparison->on_key(section, a->params[i].key, comparison->data);
}

void
config_trading_compare(const struct config_trading *a, const struct config_trading *b,
    void (*on_key)(const char *section, const char *key, void *data), void *data)
{
	struct comparison comparison = { "", on_key, data };

	config_compare(&trading_table, a, b, on_key_of_table, &comparison);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		comparison.section = parts[i].name;
		config_compare(&parts[i].table, a, b, on_key_of_table, &comparison);
	}
	compare_params(a, b, &comparison);
}

struct config_trading *
config_trading_free(struct config_trading *trading)
{
	if (!trading)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		config_deinit(&parts[i].table, trading);
	config_deinit(&trading_table, trading);
	for (size_t i = 0; i < trading->n_params; i++) {
		free(trading->params[i].key);
		free(trading->params[i].value);
	}
	free(trading->params);
	free(trading);
	return NULL;
}
