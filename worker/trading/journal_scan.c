/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables a piece at a time, for those who add up what is in them and must not make the
 * cycle wait for it.
 */
#include "worker/trading/journal_internal.h"

#include "common/cleanup.h"

static const char *
column_text(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

/* Return: as journal_query(). */
static int
begin(struct journal *journal, enum statement which, const struct journal_scan *scan,
    sqlite3_stmt **ret_row)
{
	struct value values[] = { INTEGER(scan->last), INTEGER(JOURNAL_SCAN_ROWS) };

	return journal_query(journal, which, values, ARRAY_SIZE(values), ret_row);
}

/* @r: of the step that was the last. */
static int
end(int r, struct journal_scan *scan, int64_t last, int64_t n)
{
	if (r != JOURNAL_E_NONE)
		return r;
	*scan = (struct journal_scan){ .last = last, .n = n };
	return 0;
}

int
journal_scan_fills(struct journal *journal, struct journal_scan *scan,
    journal_on_fill on_fill, void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int64_t last = scan->last, n = 0;
	int r;

	r = begin(journal, STATEMENT_SCAN_FILLS, scan, &row);
	if (r != 0)
		return r;
	for (; (r = journal_step(journal, row)) == 0; n++) {
		const char *side = column_text(row, 2);
		struct journal_fill fill = {
			.symbol = column_text(row, 1),
			.side = side && side[0] == 'b' ? TRADESUP_BUY : TRADESUP_SELL,
			.quantity = sqlite3_column_int64(row, 3),
			.price = sqlite3_column_int64(row, 4),
			.fee = sqlite3_column_int64(row, 5),
		};

		last = sqlite3_column_int64(row, 0);
		r = on_fill(&fill, data);
		if (r != 0)
			return r;
	}
	return end(r, scan, last, n);
}

int
journal_scan_adjustments(struct journal *journal, struct journal_scan *scan,
    journal_on_position on_adjustment, void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int64_t last = scan->last, n = 0;
	int r;

	r = begin(journal, STATEMENT_SCAN_ADJUSTMENTS, scan, &row);
	if (r != 0)
		return r;
	for (; (r = journal_step(journal, row)) == 0; n++) {
		struct journal_position adjustment = {
			.symbol = column_text(row, 1),
			.quantity = sqlite3_column_int64(row, 2),
			.price = sqlite3_column_int64(row, 3),
		};

		last = sqlite3_column_int64(row, 0);
		r = on_adjustment(&adjustment, data);
		if (r != 0)
			return r;
	}
	return end(r, scan, last, n);
}

static int
scan_counts(struct journal *journal, enum statement which, struct journal_scan *scan,
    journal_on_count on_count, void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int64_t last = scan->last, n = 0;
	int r;

	r = begin(journal, which, scan, &row);
	if (r != 0)
		return r;
	while ((r = journal_step(journal, row)) == 0) {
		int64_t count = sqlite3_column_int64(row, 1);
		int64_t number = sqlite3_column_int64(row, 2);

		n += count;
		if (number > last)
			last = number;
		if (column_text(row, 0))
			on_count(column_text(row, 0), count, data);
	}
	return end(r, scan, last, n);
}

int
journal_scan_orders(struct journal *journal, struct journal_scan *scan,
    journal_on_count on_count, void *data)
{
	return scan_counts(journal, STATEMENT_SCAN_ORDERS, scan, on_count, data);
}

int
journal_scan_refused(struct journal *journal, struct journal_scan *scan,
    journal_on_count on_count, void *data)
{
	return scan_counts(journal, STATEMENT_SCAN_REFUSED, scan, on_count, data);
}

bool
journal_is_writing(const struct journal *journal)
{
	return journal->transaction == TRANSACTION_BEGUN;
}

int64_t
journal_start_cash(const struct journal *journal)
{
	return journal->start_cash;
}
