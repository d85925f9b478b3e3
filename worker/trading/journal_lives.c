/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's rows of what happens at a real broker: the lives of orders, the
 * account, and what was accepted of the broker's positions. Which of them belong into
 * one transaction is the caller's business.
 */
#include "worker/trading/journal_internal.h"

#include "common/cleanup.h"

static void
read_life(sqlite3_stmt *row, int column, struct journal_pending *pending)
{
	pending->life = (struct order_life){
		.status = pending->order.status,
		.created_ns = sqlite3_column_int64(row, column),
		.unproven = (uint32_t)sqlite3_column_int64(row, column + 2),
		.missing_since_ns = sqlite3_column_int64(row, column + 4),
		.duplicate = sqlite3_column_int64(row, column + 5) != 0,
	};
	pending->order.created_ns = pending->life.created_ns;
	pending->sent_ns = sqlite3_column_int64(row, column + 1);
	pending->looked_ns = sqlite3_column_int64(row, column + 3);
	pending->late = sqlite3_column_int64(row, column + 6) != 0;
	pending->filled = sqlite3_column_int64(row, column + 7);
	pending->average = sqlite3_column_int64(row, column + 8);
}

int
journal_each_pending(struct journal *journal, journal_on_pending on_pending, void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	struct journal_pending pending;
	int r;

	r = journal_query(journal, STATEMENT_EACH_PENDING, NULL, 0, &row);
	if (r != 0)
		return r;
	while ((r = journal_step(journal, row)) == 0) {
		r = journal_read_order(journal, row, &pending.order);
		if (r == 0) {
			read_life(row, JOURNAL_ORDER_COLUMNS, &pending);
			r = on_pending(&pending, data);
		}
		if (r != 0)
			return r;
	}
	return r == JOURNAL_E_NONE ? 0 : r;
}

/* The statement before must have changed one order. */
static int
check_changed(struct journal *journal, int64_t number, const char *what)
{
	if (sqlite3_changes(journal->db) == 1)
		return 0;
	return error_set(&journal->error, JOURNAL_E_DATA, "%s: order %lld is not %s",
	    journal->path, (long long)number, what);
}

int
journal_mark_sent(
    struct journal *journal, int64_t number, int64_t sent_ns, uint32_t unproven)
{
	int r;

	r = JOURNAL_DO(journal, STATEMENT_MARK_SENT, INTEGER(number), INTEGER(sent_ns),
	    INTEGER(unproven));
	return r != 0 ? r : check_changed(journal, number, "intent or sent");
}

int
journal_mark_look(struct journal *journal, int64_t number, int64_t looked_ns,
    int64_t missing_since_ns)
{
	return JOURNAL_DO(journal, STATEMENT_MARK_LOOK, INTEGER(number),
	    INTEGER(looked_ns), INTEGER(missing_since_ns));
}

int
journal_change_order(struct journal *journal, const struct journal_change *change)
{
	enum order_status to = change->life.status;
	int r;

	if (to != change->from && !order_status_may_follow(change->from, to))
		return error_set(&journal->error, JOURNAL_E_DATA,
		    "%s: order %lld cannot go from %s to %s", journal->path,
		    (long long)change->number, order_status_name(change->from),
		    order_status_name(to));
	r = JOURNAL_DO(journal, STATEMENT_SET_LIFE, INTEGER(change->number),
	    TEXT(order_status_name(change->from)), TEXT(order_status_name(to)),
	    TEXT(change->broker_id), TEXT(change->reason),
	    INTEGER(change->life.unproven), INTEGER(change->life.missing_since_ns),
	    INTEGER(change->life.duplicate), INTEGER(change->late),
	    INTEGER(change->filled), INTEGER(change->average),
	    INTEGER(change->looked_ns));
	if (r != 0)
		return r;
	return check_changed(journal, change->number, order_status_name(change->from));
}

int
journal_add_adjustment(struct journal *journal, const char *symbol, int64_t quantity,
    int64_t price, int64_t time_ns)
{
	return JOURNAL_DO(journal, STATEMENT_ADD_ADJUSTMENT, TEXT(symbol),
	    INTEGER(quantity), INTEGER(price), INTEGER(time_ns));
}

int
journal_add_accepted(struct journal *journal, const char *client_order_id)
{
	return JOURNAL_DO(journal, STATEMENT_ADD_ACCEPTED, TEXT(client_order_id));
}

int
journal_each_accepted(struct journal *journal,
    int (*on_accepted)(const char *client_order_id, void *data), void *data)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = journal_query(journal, STATEMENT_EACH_ACCEPTED, NULL, 0, &row);
	if (r != 0)
		return r;
	while ((r = journal_step(journal, row)) == 0) {
		r = on_accepted((const char *)sqlite3_column_text(row, 0), data);
		if (r != 0)
			return r;
	}
	return r == JOURNAL_E_NONE ? 0 : r;
}

int
journal_set_account(struct journal *journal, int64_t cash, int64_t read_ns)
{
	return JOURNAL_DO(
	    journal, STATEMENT_SET_ACCOUNT, INTEGER(cash), INTEGER(read_ns));
}

int
journal_get_account(struct journal *journal, int64_t *ret_cash, int64_t *ret_read_ns)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	int r;

	r = journal_query(journal, STATEMENT_GET_ACCOUNT, NULL, 0, &row);
	if (r == 0)
		r = journal_step(journal, row);
	if (r != 0)
		return r;
	*ret_cash = sqlite3_column_int64(row, 0);
	*ret_read_ns = sqlite3_column_int64(row, 1);
	return 0;
}
