/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures, added up. Cash and equity are those of the ledger.
 */
#include "worker/trading/figures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/decimal.h"
#include "common/text.h"

#define LEAST_NS (500 * NS_PER_MS)
#define STEP_NS (10 * NS_PER_MS)
#define FIRST_STEP_NS (20 * NS_PER_MS) /* until all has been read once */
#define COST 100      /* the time between two readings, in readings; not of the first */
#define OTHER_ROOM 40 /* for ",other:N" and what closes the text */

/* Counts by name. */

static bool
is_proper(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t length = strlen(name);

	return length > 0 && length < FIGURES_NAME_MAX &&
	       name[strspn(name, allowed)] == '\0';
}

static void
on_count(const char *name, int64_t n, void *data)
{
	struct figures_counts *counts = data;
	size_t at = 0;

	while (at < counts->n && strcmp(counts->items[at].name, name) < 0)
		at++;
	if (at < counts->n && strcmp(counts->items[at].name, name) == 0) {
		counts->items[at].n += n;
		return;
	}
	if (!is_proper(name) || counts->n == ARRAY_SIZE(counts->items)) {
		counts->other += n;
		return;
	}
	memmove(counts->items + at + 1, counts->items + at,
	    (counts->n++ - at) * sizeof(counts->items[0]));
	strcpy(counts->items[at].name, name);
	counts->items[at].n = n;
}

static void
put_counts(struct text_out *out, const char *key, const struct figures_counts *counts)
{
	const char *comma = "";
	int64_t other = counts->other;

	text_putf(out, " %s=\"", key);
	out->reserve = OTHER_ROOM;
	for (size_t i = 0; i < counts->n; i++) {
		if (text_putf(out, "%s%s:%" PRId64, comma, counts->items[i].name,
			counts->items[i].n))
			comma = ",";
		else
			other += counts->items[i].n;
	}
	out->reserve = 0;
	if (other > 0)
		text_putf(out, "%sother:%" PRId64, comma, other);
	text_putf(out, "\"");
}

/* What it is worth. */

/* Return: 0; -ENOMEM; -ENOSPC. */
static int
holding_of(struct figures *figures, const char *symbol, struct figures_holding **ret)
{
	struct figures_holding *grown;
	uint32_t index, room;
	int r = symbols_add(&figures->symbols, symbol, strlen(symbol), &index);

	if (r < 0)
		return r;
	if (index >= figures->n_holdings) {
		room = 2 * index + 16;
		grown = reallocarray(figures->holdings, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		memset(grown + figures->n_holdings, 0,
		    (room - figures->n_holdings) * sizeof(*grown));
		figures->holdings = grown;
		figures->n_holdings = room;
	}
	*ret = &figures->holdings[index];
	return 0;
}

static int
on_fill(const struct journal_fill *fill, void *data)
{
	__int128 notional = decimal_mul(fill->quantity, fill->price);
	bool is_buy = fill->side == TRADESUP_BUY;
	struct figures *figures = data;
	struct figures_holding *holding;
	int r = holding_of(figures, fill->symbol, &holding);

	if (r < 0)
		return r;
	holding->position += is_buy ? fill->quantity : -fill->quantity;
	figures->cash += (is_buy ? -notional : notional) - fill->fee;
	return 0;
}

static int
on_adjustment(const struct journal_position *adjustment, void *data)
{
	struct figures *figures = data;
	struct figures_holding *holding;
	int r = holding_of(figures, adjustment->symbol, &holding);

	if (r < 0)
		return r;
	holding->position += adjustment->quantity;
	if (adjustment->price > holding->price)
		holding->price = adjustment->price;
	return 0;
}

/* Return: 0; JOURNAL_E_NONE: it is not known; as the journal's functions. */
static int
get_cash(const struct figures *figures, struct journal *journal, bool is_embedded,
    __int128 *ret_cash)
{
	int64_t cash, read_ns;
	int r = journal_get_account(journal, &cash, &read_ns);

	if (r == 0)
		*ret_cash = cash;
	else if (r == JOURNAL_E_NONE && is_embedded) {
		*ret_cash = journal_start_cash(journal) + figures->cash;
		r = 0;
	}
	return r;
}

static void
put_worth(struct text_out *out, const struct figures *figures, struct journal *journal,
    bool is_embedded)
{
	char equity_text[DECIMAL_TEXT_MAX], cash_text[DECIMAL_TEXT_MAX];
	int r_cash, r;
	__int128 cash = 0, equity;
	int64_t n = 0;

	r_cash = get_cash(figures, journal, is_embedded, &cash);
	equity = cash;
	for (uint32_t i = 0; i < figures->symbols.count; i++) {
		const struct figures_holding *holding = &figures->holdings[i];
		int64_t price;

		if (holding->position == 0)
			continue;
		r = journal_price(journal, symbols_name(&figures->symbols, i), &price);
		if (r != 0 && r != JOURNAL_E_NONE)
			return;
		equity +=
		    decimal_mul(holding->position, r == 0 ? price : holding->price);
		n++;
	}
	if (r_cash == 0) {
		decimal_format(equity, equity_text);
		decimal_format(cash, cash_text);
		text_putf(out, " equity=%s cash=%s", equity_text, cash_text);
	}
	text_putf(out, " positions=%" PRId64, n);
}

/* Reading. */

static int
read_piece(struct figures *figures, struct journal *journal, enum figures_part part)
{
	struct journal_scan *scan = &figures->scans[part];

	switch (part) {
	case FIGURES_FILLS:
		return journal_scan_fills(journal, scan, on_fill, figures);
	case FIGURES_ADJUSTMENTS:
		return journal_scan_adjustments(journal, scan, on_adjustment, figures);
	case FIGURES_REFUSED:
		return journal_scan_refused(journal, scan, on_count, &figures->refused);
	case FIGURES_ORDERS:
		break;
	}
	return journal_scan_orders(journal, scan, on_count, &figures->counting);
}

/* Up to its end, if there is the time; at least a piece. Return: as read_piece(). */
static int
read_part(struct figures *figures, struct journal *journal, enum figures_part part,
    int64_t until_ns)
{
	int r;

	do {
		r = read_piece(figures, journal, part);
	} while (r == 0 && figures->scans[part].n == JOURNAL_SCAN_ROWS &&
		 clock_monotonic_ns() < until_ns);
	return r;
}

static void
orders_are_counted(struct figures *figures)
{
	figures->counted = figures->counting;
	figures->has_counted = true;
	figures->counting = (struct figures_counts){ 0 };
	figures->scans[FIGURES_ORDERS] = (struct journal_scan){ 0 };
}

/* What is known of a journal that could not be read to its end may be half of it. */
static void
start_anew(struct figures *figures)
{
	figures_deinit(figures);
	figures->cash = 0;
	figures->has_counted = false;
	figures->refused = figures->counting = (struct figures_counts){ 0 };
	memset(figures->scans, 0, sizeof(figures->scans));
}

/* Return: whether all but the orders is as the journal has it now. */
static bool
go_on(struct figures *figures, struct journal *journal, int64_t until_ns)
{
	for (int part = 0; part < FIGURES_PARTS; part++) {
		const struct journal_scan *scan = &figures->scans[part];

		if (read_part(figures, journal, (enum figures_part)part, until_ns) !=
		    0) {
			start_anew(figures);
			return false;
		}
		if (scan->n == JOURNAL_SCAN_ROWS)
			return part == FIGURES_ORDERS;
	}
	orders_are_counted(figures);
	return true;
}

void
figures_expire(struct figures *figures)
{
	figures->next_ns = 0;
}

void
figures_read(struct figures *figures, struct journal *journal, bool is_embedded)
{
	int64_t begin_ns = clock_monotonic_ns(), cost_ns;
	struct text_out out;

	if (begin_ns < figures->next_ns || journal_is_writing(journal))
		return;
	figures->next_ns = begin_ns + LEAST_NS;
	if (!go_on(figures, journal,
		begin_ns + (figures->has_counted ? STEP_NS : FIRST_STEP_NS)) ||
	    !figures->has_counted)
		return;
	text_init(&out, figures->text, sizeof(figures->text));
	put_worth(&out, figures, journal, is_embedded);
	put_counts(&out, "orders", &figures->counted);
	put_counts(&out, "refused", &figures->refused);
	cost_ns = (clock_monotonic_ns() - begin_ns) * COST;
	if (cost_ns > LEAST_NS)
		figures->next_ns = begin_ns + cost_ns;
}

void
figures_text(
    const struct figures *figures, int64_t feed_age_ns, char ret_text[FIGURES_TEXT_MAX])
{
	snprintf(ret_text, FIGURES_TEXT_MAX, "feed_age_ms=%" PRId64 "%s",
	    (feed_age_ns < 0 ? 0 : feed_age_ns) / NS_PER_MS, figures->text);
}

void
figures_deinit(struct figures *figures)
{
	symbols_deinit(&figures->symbols);
	free(figures->holdings);
	figures->holdings = NULL;
	figures->n_holdings = 0;
}
