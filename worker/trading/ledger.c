/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report on a journal, as JSON or as tables. It adds up and formats; it decides
 * nothing and writes nothing, and a worker may be at work while it reads.
 */
#include "worker/trading/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "common/record.h"
#include "common/timestamp.h"
#include "worker/trading/journal.h"

/* An escaped byte takes six; the longest text is a client_order_id. */
#define ESCAPED_MAX (6 * ORDER_ID_MAX)
#define COLUMNS_MAX 8

/* struct output - where the report goes, and how far the current list is */
struct output {
	FILE *file;
	bool json;
	size_t rows; /* of the current list so far */
	int widths[COLUMNS_MAX];
	bool measuring; /* tables are gone through twice: for the widths, then for the
			   print */
	__int128 value; /* of the positions */
};

static void
put_text(struct output *out, const char *key, const char *text)
{
	char escaped[ESCAPED_MAX];

	if (!text)
		return;
	json_escape(text, strlen(text), escaped, sizeof(escaped));
	fprintf(out->file, ",\"%s\":\"%s\"", key, escaped);
}

static void
put_time(struct output *out, const char *key, int64_t ns)
{
	char text[TIMESTAMP_TEXT_MAX];

	timestamp_format(ns, text);
	fprintf(out->file, ",\"%s\":\"%s\"", key, text);
}

static void
put_decimal(struct output *out, const char *key, __int128 value)
{
	char text[DECIMAL_TEXT_MAX];

	decimal_format(value, text);
	fprintf(out->file, ",\"%s\":\"%s\"", key, text);
}

/* A row's first member, which every row has; it brings the braces and the comma before
 * it. */
static void
put_first(struct output *out, const char *key, const char *text)
{
	char escaped[ESCAPED_MAX];

	json_escape(text, strlen(text), escaped, sizeof(escaped));
	fprintf(
	    out->file, "%s\n{\"%s\":\"%s\"", out->rows++ > 0 ? "," : "", key, escaped);
}

static void
put_last(struct output *out)
{
	fputc('}', out->file);
}

static int
cluster_json(const struct journal_cluster *cluster, void *data)
{
	struct output *out = data;

	put_first(out, "id", cluster->id);
	put_text(out, "symbol", cluster->symbol);
	put_text(out, "side", order_side_name(cluster->side));
	put_time(out, "first", cluster->first_ns);
	put_time(out, "last", cluster->last_ns);
	fprintf(out->file, ",\"trades\":%" PRId64, cluster->trades);
	put_text(out, "notional", cluster->notional);
	put_decimal(out, "price", cluster->price);
	put_text(out, "skipped", cluster->skipped);
	put_last(out);
	return 0;
}

static int
order_json(const struct journal_order *order, void *data)
{
	struct output *out = data;

	put_first(out, "client_order_id", order->client_order_id);
	put_text(out, "cluster", order->cluster_id);
	put_text(out, "symbol", order->symbol);
	put_text(out, "side", order_side_name(order->side));
	put_decimal(out, "quantity", order->quantity);
	put_text(out, "status", order_status_name(order->status));
	put_text(out, "reason", order->reason);
	put_text(out, "broker_id", order->broker_id);
	put_time(out, "time", order->time_ns);
	put_last(out);
	return 0;
}

static int
fill_json(const struct journal_fill *fill, void *data)
{
	struct output *out = data;

	put_first(out, "client_order_id", fill->client_order_id);
	put_text(out, "symbol", fill->symbol);
	put_text(out, "side", order_side_name(fill->side));
	put_decimal(out, "quantity", fill->quantity);
	put_decimal(out, "price", fill->price);
	put_decimal(out, "fee", fill->fee);
	put_time(out, "time", fill->time_ns);
	put_last(out);
	return 0;
}

static int
position_json(const struct journal_position *position, void *data)
{
	struct output *out = data;

	put_first(out, "symbol", position->symbol);
	put_decimal(out, "quantity", position->quantity);
	put_decimal(out, "price", position->price);
	put_decimal(out, "value", decimal_mul(position->quantity, position->price));
	put_last(out);
	return 0;
}

/* One row of a table: measured in the first round, printed in the second. Numbers stand
 * to the right. */
static void
put_row(struct output *out, const char *const cells[], const char *align)
{
	size_t n = strlen(align);

	for (size_t i = 0; i < n; i++) {
		int length = (int)strlen(cells[i]);

		if (out->measuring) {
			if (length > out->widths[i])
				out->widths[i] = length;
			continue;
		}
		if (i > 0)
			fputs("  ", out->file);
		if (align[i] == 'r')
			fprintf(out->file, "%*s", out->widths[i], cells[i]);
		else
			/* Nothing after the last word of a line. */
			fprintf(out->file, "%-*s", i + 1 < n ? out->widths[i] : 0,
			    cells[i]);
	}
	if (!out->measuring)
		fputc('\n', out->file);
}

/* What a file or a feed called itself must not move the cursor of a terminal. */
static const char *
plain(const char *text, char out[ORDER_ID_MAX])
{
	size_t n;

	for (n = 0; text[n] && n < ORDER_ID_MAX - 1; n++)
		out[n] =
		    (unsigned char)text[n] < ' ' || text[n] == 0x7f ? '?' : text[n];
	out[n] = '\0';
	return out;
}

#define CLUSTER_ALIGN "lllrrrl"
static const char *const cluster_titles[] = { "TIME", "SYMBOL", "SIDE", "TRADES",
	"NOTIONAL", "PRICE", "OUTCOME" };

static int
cluster_row(const struct journal_cluster *cluster, void *data)
{
	char time[TIMESTAMP_TEXT_MAX], trades[24], price[DECIMAL_TEXT_MAX],
	    symbol[ORDER_ID_MAX];
	const char *cells[] = { time, plain(cluster->symbol, symbol),
		order_side_name(cluster->side), trades, cluster->notional, price,
		cluster->skipped ? cluster->skipped : "order" };

	timestamp_format(cluster->last_ns, time);
	snprintf(trades, sizeof(trades), "%" PRId64, cluster->trades);
	decimal_format(cluster->price, price);
	put_row(data, cells, CLUSTER_ALIGN);
	return 0;
}

#define ORDER_ALIGN "lllrll"
static const char *const order_titles[] = { "TIME", "SYMBOL", "SIDE", "QUANTITY",
	"STATUS", "CLIENT ORDER ID" };

static int
order_row(const struct journal_order *order, void *data)
{
	char time[TIMESTAMP_TEXT_MAX], quantity[DECIMAL_TEXT_MAX], symbol[ORDER_ID_MAX],
	    id[ORDER_ID_MAX], status[64];
	const char *cells[] = { time, plain(order->symbol, symbol),
		order_side_name(order->side), quantity, status,
		plain(order->client_order_id, id) };

	timestamp_format(order->time_ns, time);
	decimal_format(order->quantity, quantity);
	snprintf(status, sizeof(status), order->reason ? "%s: %s" : "%s",
	    order_status_name(order->status), order->reason);
	put_row(data, cells, ORDER_ALIGN);
	return 0;
}

#define FILL_ALIGN "lllrrr"
static const char *const fill_titles[] = { "TIME", "SYMBOL", "SIDE", "QUANTITY",
	"PRICE", "FEE" };

static int
fill_row(const struct journal_fill *fill, void *data)
{
	char time[TIMESTAMP_TEXT_MAX], quantity[DECIMAL_TEXT_MAX],
	    price[DECIMAL_TEXT_MAX], fee[DECIMAL_TEXT_MAX], symbol[ORDER_ID_MAX];
	const char *cells[] = { time, plain(fill->symbol, symbol),
		order_side_name(fill->side), quantity, price, fee };

	timestamp_format(fill->time_ns, time);
	decimal_format(fill->quantity, quantity);
	decimal_format(fill->price, price);
	decimal_format(fill->fee, fee);
	put_row(data, cells, FILL_ALIGN);
	return 0;
}

#define POSITION_ALIGN "lrrr"
static const char *const position_titles[] = { "SYMBOL", "QUANTITY", "PRICE", "VALUE" };

static int
position_row(const struct journal_position *position, void *data)
{
	char quantity[DECIMAL_TEXT_MAX], price[DECIMAL_TEXT_MAX],
	    value[DECIMAL_TEXT_MAX], symbol[ORDER_ID_MAX];
	const char *cells[] = { plain(position->symbol, symbol), quantity, price,
		value };

	decimal_format(position->quantity, quantity);
	decimal_format(position->price, price);
	decimal_format(decimal_mul(position->quantity, position->price), value);
	put_row(data, cells, POSITION_ALIGN);
	return 0;
}

static int
add_value(const struct journal_position *position, void *data)
{
	struct ledger_worth *worth = data;

	worth->equity += decimal_mul(position->quantity, position->price);
	worth->positions++;
	return 0;
}

static int
each_cluster(struct journal *journal, struct output *out)
{
	return journal_each_cluster(
	    journal, out->json ? cluster_json : cluster_row, out);
}

static int
each_order(struct journal *journal, struct output *out)
{
	return journal_each_order(journal, out->json ? order_json : order_row, out);
}

static int
each_fill(struct journal *journal, struct output *out)
{
	return journal_each_fill(journal, out->json ? fill_json : fill_row, out);
}

static int
each_position(struct journal *journal, struct output *out)
{
	return journal_each_position(
	    journal, out->json ? position_json : position_row, out);
}

static const struct list {
	const char *name;
	int (*each)(struct journal *journal, struct output *out);
	const char *const *titles;
	const char *align;
} lists[] = {
	{ "clusters", each_cluster, cluster_titles, CLUSTER_ALIGN },
	{ "orders", each_order, order_titles, ORDER_ALIGN },
	{ "fills", each_fill, fill_titles, FILL_ALIGN },
	{ "positions", each_position, position_titles, POSITION_ALIGN },
};

/* struct sums - the numbers that stand alone in the report */
struct sums {
	struct journal_state state;
	struct ledger_worth worth;
};

/* A real broker's as it was read last, else what the fills left of the start cash. */
static int
get_cash(struct journal *journal, __int128 *ret_cash)
{
	int64_t cash, read_ns;
	int r;

	r = journal_get_account(journal, &cash, &read_ns);
	if (r == JOURNAL_E_NONE)
		return journal_cash(journal, ret_cash);
	if (r == 0)
		*ret_cash = cash;
	return r;
}

int
ledger_worth(struct journal *journal, struct ledger_worth *ret_worth)
{
	struct ledger_worth worth = { 0 };
	int r;

	r = get_cash(journal, &worth.cash);
	if (r != 0)
		return r;
	worth.equity = worth.cash;
	r = journal_each_position(journal, add_value, &worth);
	if (r == 0)
		*ret_worth = worth;
	return r;
}

static int
add_up(struct journal *journal, struct sums *ret_sums)
{
	int r;

	r = journal_get_state(journal, &ret_sums->state);
	return r != 0 ? r : ledger_worth(journal, &ret_sums->worth);
}

static int
print_json(struct journal *journal, const struct sums *sums, struct output *out)
{
	int r;

	fprintf(out->file, "{\"events\":%" PRId64 ",\"dropped\":%" PRId64,
	    sums->state.events, sums->state.dropped);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		out->rows = 0;
		fprintf(out->file, ",\n\"%s\":[", lists[i].name);
		r = lists[i].each(journal, out);
		if (r != 0)
			return r;
		fputc(']', out->file);
	}
	fputc('\n', out->file);
	put_decimal(out, "cash", sums->worth.cash);
	put_decimal(out, "equity", sums->worth.equity);
	fputs("}\n", out->file);
	return 0;
}

static int
print_table(struct journal *journal, const struct list *list, struct output *out)
{
	int r;

	memset(out->widths, 0, sizeof(out->widths));
	for (int round = 0; round < 2; round++) {
		out->measuring = round == 0;
		if (!out->measuring)
			fprintf(out->file, "\n%s\n", list->name);
		put_row(out, list->titles, list->align);
		r = list->each(journal, out);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
print_tables(struct journal *journal, const struct sums *sums, struct output *out)
{
	const struct journal_state *state = &sums->state;
	char cash[DECIMAL_TEXT_MAX], equity[DECIMAL_TEXT_MAX];
	const int64_t counts[] = { state->clusters, state->orders, state->fills, 1 };
	int r;

	decimal_format(sums->worth.cash, cash);
	decimal_format(sums->worth.equity, equity);
	fprintf(out->file,
	    "worker %s: %" PRId64 " events, %" PRId64 " dropped, %" PRId64
	    " clusters, %" PRId64 " orders, %" PRId64
	    " fills\ncash    %s\nequity  %s\n",
	    journal_worker(journal), state->events, state->dropped, state->clusters,
	    state->orders, state->fills, cash, equity);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (counts[i] == 0)
			continue;
		r = print_table(journal, &lists[i], out);
		if (r != 0)
			return r;
	}
	return 0;
}

int
ledger_print(
    const char *path, const char *worker, bool json, FILE *file, struct error *error)
{
	_cleanup_(journal_freep) struct journal *journal = NULL;
	struct output out = { .file = file, .json = json };
	struct sums sums;
	int r;

	r = journal_open_read(path, error, &journal);
	if (r != 0)
		return r < 0 ? r : -EBADMSG;
	if (worker && strcmp(journal_worker(journal), worker) != 0)
		return error_set(error, -EBADMSG,
		    "%s: the journal of worker %s, not of %s", path,
		    journal_worker(journal), worker);
	r = add_up(journal, &sums);
	if (r == 0)
		r = json ? print_json(journal, &sums, &out)
			 : print_tables(journal, &sums, &out);
	if (r != 0)
		return error_set(
		    error, r < 0 ? r : -EBADMSG, "%s", journal_error(journal));
	if (fflush(file) != 0 || ferror(file))
		return error_set(error, -EIO, "the report cannot be written");
	return 0;
}
