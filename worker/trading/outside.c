/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker held against the journal, for a person: both sides are read and shown, and
 * what is accepted is written down for the worker. The journal is only read here.
 */
#include "worker/trading/outside.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "common/latch.h"
#include "common/paths.h"
#include "common/record.h"
#include "worker/trading/broker.h"
#include "worker/trading/place.h"
#include "worker/trading/worker.h"

enum exit_code
outside_connect(const struct config *config, const struct config_node *node,
    struct error *error, struct broker **ret_broker)
{
	const struct config_trading *trading = node->worker.trading;
	const struct broker_ops *ops = broker_find(trading->broker);
	_cleanup_free_ char *base = worker_state_dir(config, "");
	_cleanup_free_ char *accounts = base ? path_join(base, "accounts") : NULL;
	struct broker *broker = NULL;
	const char *why = NULL;

	if (!accounts || ops->create(trading, &broker) < 0)
		return (enum exit_code)error_set(error, EXIT_OSERR, "out of memory");
	if (ops->ready_ns(broker, &why) == INT64_MAX)
		error_set(error, 0, "%s: broker %s: %s", node->name, ops->name, why);
	else if (ops->keep_budget(broker, accounts, error) == 0) {
		*ret_broker = broker;
		return EXIT_OK;
	}
	ops->free(broker);
	return EXIT_OSERR;
}

/* struct sheet - both sides of one worker, and what differs */
struct sheet {
	struct sides sides;
	struct differences differences;
};

static void
sheet_deinit(struct sheet *sheet)
{
	sides_deinit(&sheet->sides);
	differences_deinit(&sheet->differences);
}

/* Return: EXIT_OK; else @error is filled. */
static enum exit_code
read_sheet(const struct config *config, const struct config_node *node,
    const struct place *place, struct error *error, struct sheet *ret_sheet)
{
	const struct broker_ops *ops = broker_find(node->worker.trading->broker);
	_cleanup_(journal_freep) struct journal *journal = NULL;
	_cleanup_(account_deinit) struct account account = { 0 };
	struct broker_reply reply = { 0 };
	struct broker *broker = NULL;
	enum exit_code code;
	int r;

	r = journal_open_read(place_journal(place), error, &journal);
	if (r == -ENOENT)
		error_set(error, 0, "%s: worker %s has not traded yet",
		    place_journal(place), node->name);
	if (r != 0 || place_account(config, node, error, &account) != 0)
		return EXIT_OSERR;
	code = outside_connect(config, node, error, &broker);
	if (code != EXIT_OK)
		return code;
	r = reconcile_gather(&(struct reconcile_site){ node->name, journal, ops, broker,
				 account.others, account.n_others },
	    &reply, &ret_sheet->sides);
	ops->free(broker);
	if (r == 0 && reply.result == BROKER_DONE)
		r = reconcile_compare(&ret_sheet->sides, &ret_sheet->differences);
	if (r != 0 || reply.result != BROKER_DONE)
		return (enum exit_code)error_set(error, EXIT_OSERR,
		    "%s: cannot be compared: %s", node->name,
		    reply.text[0]  ? reply.text
		    : r == -ENOMEM ? "out of memory"
				   : journal_error(journal));
	return EXIT_OK;
}

static const struct broker_position *
find_position(const struct sides *sides, const char *symbol)
{
	for (size_t i = 0; i < sides->n_positions; i++)
		if (broker_is_same_symbol(sides->positions[i].symbol, symbol))
			return &sides->positions[i];
	return NULL;
}

static bool
is_different(const struct sheet *sheet, const char *symbol)
{
	for (size_t i = 0; i < sheet->differences.n; i++)
		if (sheet->differences.list[i].is_position &&
		    broker_is_same_symbol(sheet->differences.list[i].symbol, symbol))
			return true;
	return false;
}

/* A row of positions, as a record: text and JSON come of the same. */
static void
print_record(const struct record *record, bool json, FILE *out)
{
	char line[8 * ORDER_ID_MAX];

	if (json)
		record_json(record, line, sizeof(line));
	else
		record_logfmt(record, line, sizeof(line));
	fprintf(out, "%s", line);
}

/* struct rows - a list that is being printed */
struct rows {
	FILE *out;
	bool json;
	size_t n;
};

static void
print_row(struct rows *rows, const struct record *record)
{
	if (rows->json)
		fputs(rows->n ? ",\n" : "\n", rows->out);
	print_record(record, rows->json, rows->out);
	if (!rows->json)
		fputc('\n', rows->out);
	rows->n++;
}

static void
print_position(struct rows *rows, const struct sheet *sheet, const char *symbol,
    int64_t journal, int64_t broker)
{
	struct record record;

	record_init(&record, rows->json ? NULL : "position");
	record_text(&record, "symbol", symbol);
	record_decimal(&record, "journal", journal);
	record_decimal(&record, "broker", broker);
	record_bool(&record, "explained", !is_different(sheet, symbol));
	print_row(rows, &record);
}

static void
print_positions(struct rows *rows, const struct sheet *sheet)
{
	const struct sides *sides = &sheet->sides;

	for (size_t i = 0; i < sides->n_holdings; i++) {
		const struct holding_range *holding = &sides->holdings[i];
		const struct broker_position *position =
		    find_position(sides, holding->symbol);

		print_position(rows, sheet, holding->symbol, holding->quantity,
		    position ? position->quantity : 0);
	}
	for (size_t i = 0; i < sides->n_positions; i++) {
		bool has_row = false;

		for (size_t k = 0; k < sides->n_holdings && !has_row; k++)
			has_row = broker_is_same_symbol(
			    sides->holdings[k].symbol, sides->positions[i].symbol);
		if (!has_row)
			print_position(rows, sheet, sides->positions[i].symbol, 0,
			    sides->positions[i].quantity);
	}
}

static void
print_orders(struct rows *rows, const struct sheet *sheet)
{
	for (size_t i = 0; i < sheet->sides.n_open; i++) {
		const struct broker_view *view = &sheet->sides.open[i];
		bool is_known = true;
		struct record record;

		for (size_t k = 0; k < sheet->differences.n; k++)
			is_known &= sheet->differences.list[k].is_position ||
				    strcmp(sheet->differences.list[k].client_order_id,
					view->client_order_id) != 0;
		record_init(&record, rows->json ? NULL : "order");
		record_text(&record, "client_order_id", view->client_order_id);
		record_text(&record, "symbol", view->symbol);
		record_text(&record, "side", order_side_name(view->side));
		record_decimal(&record, "quantity", view->quantity);
		record_decimal(&record, "filled", view->filled);
		record_bool(&record, "explained", is_known);
		print_row(rows, &record);
	}
}

static void
print_sheet(const char *worker, const struct sheet *sheet, bool json, FILE *out)
{
	struct rows positions = { out, json, 0 }, orders = { out, json, 0 };

	if (json)
		fprintf(out, "{\"worker\":\"%s\",\"differences\":%zu,\n\"positions\":[",
		    worker, sheet->differences.n);
	print_positions(&positions, sheet);
	if (json)
		fputs("],\n\"orders\":[", out);
	print_orders(&orders, sheet);
	if (json)
		fputs("]}\n", out);
	else
		fprintf(out, "%s: %zu difference%s\n", worker, sheet->differences.n,
		    sheet->differences.n == 1 ? "" : "s");
}

/* Return: EXIT_OK; EXIT_OSERR with @error filled. */
static enum exit_code
accept_sheet(const struct config *config, const struct config_node *node,
    const struct place *place, const struct sheet *sheet, struct error *error)
{
	_cleanup_free_ char *base = worker_state_dir(config, "");
	int r;

	if (!base)
		return (enum exit_code)error_set(error, EXIT_OSERR, "out of memory");
	if (sheet->differences.n > 0)
		r = reconcile_propose(place_journal(place), &sheet->differences);
	else
		r = latch_clear_rule(base, node->name, LATCH_MISMATCH);
	if (r < 0)
		return (enum exit_code)error_set(
		    error, EXIT_OSERR, "%s: %s", place_journal(place), strerror(-r));
	return EXIT_OK;
}

static enum exit_code
reconcile_worker(const struct config *config, const struct config_node *node,
    const struct outside_wish *wish, FILE *out, struct error *error)
{
	_cleanup_(place_deinit) struct place place = { NULL };
	_cleanup_(sheet_deinit) struct sheet sheet = { 0 };
	enum exit_code code;

	if (broker_find(node->worker.trading->broker)->embedded) {
		if (!wish->json)
			fprintf(
			    out, "%s: its broker is the journal itself\n", node->name);
		return EXIT_OK;
	}
	if (place_find(config, node, error, &place) != 0)
		return EXIT_OSERR;
	code = read_sheet(config, node, &place, error, &sheet);
	if (code != EXIT_OK)
		return code;
	print_sheet(node->name, &sheet, wish->json, out);
	if (!wish->accept)
		return sheet.differences.n ? OUTSIDE_DIFFERS : EXIT_OK;
	code = accept_sheet(config, node, &place, &sheet, error);
	if (code == EXIT_OK && !wish->json)
		fprintf(out,
		    sheet.differences.n
			? "%s: accepted; the worker takes it over in its next cycle\n"
			: "%s: the latch is cleared\n",
		    node->name);
	return code;
}

/* struct tour - all workers with a real broker, one after the other */
struct tour {
	const struct config *config;
	const struct outside_wish *wish;
	FILE *out;
	struct error *error; /* of the last that failed */
	size_t n;
	enum exit_code worst;
};

/* One that cannot be compared keeps nobody from the others. */
static void
visit_worker(struct tour *tour, const struct config_node *node)
{
	enum exit_code code;

	if (!node->worker.trading ||
	    broker_find(node->worker.trading->broker)->embedded)
		return;
	if (tour->error->text[0])
		fprintf(stderr, "tradesup-worker: %s\n", tour->error->text);
	tour->error->text[0] = '\0';
	code = reconcile_worker(tour->config, node, tour->wish, tour->out, tour->error);
	tour->n++;
	if (code > tour->worst)
		tour->worst = code;
}

static void
visit(struct tour *tour, const struct config_node *node)
{
	if (node->type == CONFIG_WORKER) {
		visit_worker(tour, node);
		return;
	}
	for (size_t i = 0; i < node->group.n_children; i++)
		visit(tour, node->group.children[i]);
}

enum exit_code
outside_reconcile(const struct config *config, const struct config_node *node,
    const struct outside_wish *wish, FILE *out, struct error *error)
{
	struct tour tour = {
		.config = config, .wish = wish, .out = out, .error = error
	};

	if (node)
		return reconcile_worker(config, node, wish, out, error);
	visit(&tour, config->root);
	if (tour.n == 0 && !wish->json)
		fputs("no worker has a real broker\n", out);
	return tour.worst;
}
