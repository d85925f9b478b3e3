/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering the configuration of a drill. A copy of the file's text would carry over
 * what must not be touched, so the loaded structs are written anew, key by key. Pure: a
 * stream goes in, and is written to.
 */
#include "supervisor/ctl/drill_config.h"

#include <inttypes.h>
#include <string.h>

#include "common/config_trading.h"
#include "common/decimal.h"
#include "common/duration.h"

static const char default_trading[] =
    "  trading {\n"
    "    cycle = 200ms\n"
    "    feed = synthetic\n"
    "    synthetic { seed = 1  rate = 1000  symbols = 8 }\n"
    "    strategy = flow_cluster\n"
    "    broker = paper\n"
    "  }\n";

/* The beginning of a worker's section. The long patience keeps a slow machine from
 * looking like a hang. */
static void
put_supervision(FILE *out, const char *worker)
{
	fprintf(out,
	    "worker %s {\n"
	    "  restart = permanent\n"
	    "  heartbeat = 1s\n"
	    "  misses = 20\n"
	    "  failed_cycles = %d\n"
	    "  restart_delay = 0s\n"
	    "  restart_delay_max = 500ms\n",
	    worker, DRILL_FAILED_CYCLES);
}

/* Within single quotes: in double ones ${NAME} would be replaced. */
static void
put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void
put_text(FILE *out, const char *key, const char *text)
{
	fprintf(out, "      %s = '", key);
	put_escaped(out, text);
	fputs("'\n", out);
}

static void
put_path(FILE *out, const char *key, const char *path, const char *working_directory)
{
	fprintf(out, "      %s = '", key);
	if (path[0] != '/') {
		put_escaped(out, working_directory);
		fputc('/', out);
	}
	put_escaped(out, path);
	fputs("'\n", out);
}

static void
put_decimal(FILE *out, const char *key, int64_t value)
{
	char text[DECIMAL_TEXT_MAX];

	decimal_format(value, text);
	fprintf(out, "      %s = %s\n", key, text);
}

static void
put_number(FILE *out, const char *key, uint64_t value)
{
	fprintf(out, "      %s = %" PRIu64 "\n", key, value);
}

static void
put_duration(FILE *out, const char *key, int64_t ns)
{
	char text[DURATION_TEXT_MAX];

	duration_format(ns, text);
	fprintf(out, "  %s = %s\n", key, text);
}

static void
put_file_feed(FILE *out, const struct config_file *file, const char *working_directory)
{
	static const char *const formats[] = { [FEED_FORMAT_AUTO] = "auto",
		[FEED_FORMAT_CSV] = "csv",
		[FEED_FORMAT_NDJSON] = "ndjson" };
	static const char *const units[] = { [TIME_UNIT_RFC3339] = "rfc3339",
		[TIME_UNIT_S] = "s",
		[TIME_UNIT_MS] = "ms",
		[TIME_UNIT_US] = "us",
		[TIME_UNIT_NS] = "ns" };

	fputs("    feed = file\n    file {\n", out);
	put_path(out, "path", file->path, working_directory);
	put_text(out, "format", formats[file->format]);
	put_text(out, "time_unit", units[file->time_unit]);
	put_text(out, "time", file->time);
	put_text(out, "symbol", file->symbol);
	put_text(out, "side", file->side);
	put_text(out, "price", file->price);
	put_text(out, "size", file->size);
	put_text(out, "id", file->id);
	put_text(out, "notional", file->notional);
	put_text(out, "fixed_symbol", file->fixed_symbol);
	fputs("      follow = yes\n    }\n", out);
}

static void
put_synthetic_feed(FILE *out, const struct config_synthetic *synthetic)
{
	fputs("    feed = synthetic\n    synthetic {\n", out);
	put_number(out, "seed", synthetic->seed);
	put_number(out, "rate", synthetic->rate);
	put_number(out, "symbols", synthetic->symbols);
	fputs("    }\n", out); /* events = 0, so that it does not end */
}

/* A module's section has its name: that of the file, without ".so". */
static void
put_section(FILE *out, const char *strategy)
{
	const char *slash = strrchr(strategy, '/');
	const char *name = slash ? slash + 1 : strategy;
	size_t length = strlen(name);

	if (length > 3 && strcmp(name + length - 3, ".so") == 0)
		length -= 3;
	fprintf(out, "    %.*s {\n", (int)length, name);
}

static void
put_strategy(
    FILE *out, const struct config_trading *trading, const char *working_directory)
{
	if (strchr(trading->strategy, '/'))
		put_path(out, "strategy", trading->strategy, working_directory);
	else
		put_text(out, "strategy", trading->strategy);
	if (trading->n_params == 0)
		return;
	put_section(out, trading->strategy);
	for (size_t i = 0; i < trading->n_params; i++)
		put_text(out, trading->params[i].key, trading->params[i].value);
	fputs("    }\n", out);
}

static void
put_orders(FILE *out, const struct config_trading *trading)
{
	const struct config_orders *orders = &trading->orders;
	const struct config_paper *paper = &trading->paper;

	fputs("    orders {\n", out);
	put_decimal(out, "order_notional", orders->order_notional);
	put_decimal(out, "lot", orders->lot);
	put_text(out, "long_only", orders->long_only ? "yes" : "no");
	put_decimal(out, "max_position_notional", orders->max_position_notional);
	put_number(out, "max_orders_per_day", orders->max_orders_per_day);
	fputs("    }\n    broker = paper\n    paper {\n", out);
	put_decimal(out, "cash", paper->cash);
	put_decimal(out, "fee_bps", paper->fee_bps);
	put_decimal(out, "slippage_bps", paper->slippage_bps);
	fputs("    }\n", out);
}

static void
put_worker(FILE *out, const struct config_node *node, const char *working_directory)
{
	const struct config_trading *trading = node->worker.trading;

	put_supervision(out, node->name);
	put_duration(out, "cycle_timeout", node->worker.cycle_timeout_ns);
	put_duration(out, "start_timeout", node->worker.start_timeout_ns);
	fputs("  trading {\n    cycle = 200ms\n", out);
	put_number(out, "batch", trading->batch);
	if (trading->feed == FEED_FILE)
		put_file_feed(out, &trading->file, working_directory);
	else
		put_synthetic_feed(out, &trading->synthetic);
	put_strategy(out, trading, working_directory);
	put_orders(out, trading);
	fputs("  }\n}\n", out);
}

static void
put_workers(FILE *out, const struct config_node *node, const char *working_directory)
{
	if (node->type == CONFIG_WORKER) {
		if (node->worker.trading)
			put_worker(out, node, working_directory);
		return;
	}
	for (size_t i = 0; i < node->group.n_children; i++)
		put_workers(out, node->group.children[i], working_directory);
}

void
drill_config_render(FILE *out, const struct config *base, const char *directory,
    const char *working_directory)
{
	fprintf(
	    out, "supervisor {\n  intensity = %d\n  period = 60s\n", DRILL_INTENSITY);
	put_path(out, "state_dir", "state", directory);
	put_path(out, "runtime_dir", "run", directory);
	fputs("}\n", out);
	if (base) {
		put_workers(out, base->root, working_directory);
	} else {
		put_supervision(out, DRILL_WORKER);
		fprintf(out, "%s}\n", default_trading);
	}
}

struct name_list {
	bool drilled;
	const char **names;
	size_t size, n;
};

static void
add_names(const struct config_node *node, struct name_list *list)
{
	if (node->type == CONFIG_WORKER) {
		if ((node->worker.trading != NULL) != list->drilled)
			return;
		if (list->n < list->size)
			list->names[list->n] = node->name;
		list->n++;
		return;
	}
	for (size_t i = 0; i < node->group.n_children; i++)
		add_names(node->group.children[i], list);
}

size_t
drill_config_workers(
    const struct config *base, bool drilled, const char **names, size_t size)
{
	struct name_list list = { drilled, names, size, 0 };

	add_names(base->root, &list);
	return list.n;
}
