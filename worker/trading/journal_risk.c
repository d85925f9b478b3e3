/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's row of the limits, and the fills that they have not seen. What they
 * mean is in loss.c and guard.c.
 */
#include "worker/trading/journal_internal.h"

#include <string.h>

#include "common/cleanup.h"

int
journal_set_risk(struct journal *journal, const struct journal_risk *risk)
{
	const struct loss *loss = &risk->loss;

	return JOURNAL_DO(journal, STATEMENT_SET_RISK, INTEGER(loss->day),
	    INTEGER(loss->result), INTEGER(loss->is_unknown), INTEGER(loss->is_tripped),
	    INTEGER(loss->fills), TEXT(risk->due), TEXT(risk->reason));
}

static void
copy_text(sqlite3_stmt *row, int column, char *to, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	snprintf(to, size, "%s", text ? text : "");
}

int
journal_get_risk(struct journal *journal, struct journal_risk *ret_risk)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = journal_query(journal, STATEMENT_GET_RISK, NULL, 0, &row);
	if (r == 0)
		r = journal_step(journal, row);
	if (r != 0)
		return r;
	*ret_risk =
	    (struct journal_risk){ .loss = {
				       .is_begun = true,
				       .day = sqlite3_column_int64(row, 0),
				       .result = sqlite3_column_int64(row, 1),
				       .is_unknown = sqlite3_column_int64(row, 2) != 0,
				       .is_tripped = sqlite3_column_int64(row, 3) != 0,
				       .fills = sqlite3_column_int64(row, 4),
				   } };
	copy_text(row, 5, ret_risk->due, sizeof(ret_risk->due));
	copy_text(row, 6, ret_risk->reason, sizeof(ret_risk->reason));
	return 0;
}

int
journal_fill_before(struct journal *journal, int64_t time_ns, int64_t *ret_number)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = journal_query(
	    journal, STATEMENT_LAST_FILL, &(struct value)INTEGER(time_ns), 1, &row);
	if (r == 0)
		r = journal_step(journal, row);
	if (r != 0)
		return r;
	*ret_number = sqlite3_column_int64(row, 0);
	return 0;
}

int
journal_each_fill_behind(
    struct journal *journal, int64_t number, journal_on_fill_behind on_fill, void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = journal_query(
	    journal, STATEMENT_FILLS_BEHIND, &(struct value)INTEGER(number), 1, &row);
	if (r != 0)
		return r;
	while ((r = journal_step(journal, row)) == 0) {
		const char *side = (const char *)sqlite3_column_text(row, 2);
		const struct journal_fill fill = {
			.symbol = (const char *)sqlite3_column_text(row, 1),
			.side = side && strcmp(side, "buy") == 0 ? TRADESUP_BUY
								 : TRADESUP_SELL,
			.quantity = sqlite3_column_int64(row, 3),
			.price = sqlite3_column_int64(row, 4),
			.fee = sqlite3_column_int64(row, 5),
			.time_ns = sqlite3_column_int64(row, 6),
		};

		r = on_fill(&fill, sqlite3_column_int64(row, 0),
		    sqlite3_column_int64(row, 7), data);
		if (r != 0)
			return r;
	}
	return r == JOURNAL_E_NONE ? 0 : r;
}
