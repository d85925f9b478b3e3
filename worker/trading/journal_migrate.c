/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journals of older versions: how a file is brought to the present one, and how it is
 * read where it must not be written. One step from each version to the next, all of
 * them in one transaction: a kill in the middle leaves the old file.
 */
#include "worker/trading/journal_internal.h"

#include "common/cleanup.h"
#include "worker/trading/killpoint.h"

static int
exec(struct journal *journal, const char *sql)
{
	int code = sqlite3_exec(journal->db, sql, NULL, NULL, NULL);

	if (code == SQLITE_OK)
		return 0;
	return journal_fail(journal, code, "cannot be brought to the present version");
}

/*
 * Version 2: the life of orders at a real broker. A column's rule cannot be changed in
 * place, so the table is made anew, and what refers to it keeps its words.
 */
static int
from_1_to_2(struct journal *journal)
{
	const char *const steps[] = {
		"ALTER TABLE orders RENAME TO orders_1",
		journal_schema_orders,
		"INSERT INTO orders (number, client_order_id, cluster, symbol, side,"
		" quantity, status, reason, broker_id, time, config_hash, module_hash)"
		" SELECT number, client_order_id, cluster, symbol, side, quantity,"
		" status, reason, broker_id, time, config_hash, module_hash"
		" FROM orders_1",
		"DROP TABLE orders_1",
		journal_schema_indexes,
		journal_schema_broker,
		journal_schema_risk,
		"PRAGMA user_version = 2",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++) {
		r = exec(journal, steps[i]);
		kill_point("journal.migrating");
	}
	return r;
}

int
journal_migrate(struct journal *journal, int64_t version)
{
	int r;

	if (version == JOURNAL_SCHEMA_VERSION)
		return 0;
	/* Dropping the old table must not look at, nor renaming it rewrite, those that
	 * refer to it. */
	r = exec(journal, "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;"
			  " PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
	if (r != 0)
		return r;
	r = from_1_to_2(journal);
	if (r == 0)
		r = exec(journal, "COMMIT");
	if (r != 0)
		/* What fails here is undone when the file is closed. */
		(void)sqlite3_exec(journal->db, "ROLLBACK", NULL, NULL, NULL);
	kill_point("journal.migrated");
	return r != 0 ? r : exec(journal, "PRAGMA legacy_alter_table = OFF");
}

int
journal_read_old(struct journal *journal, int64_t version)
{
	if (version == JOURNAL_SCHEMA_VERSION)
		return 0;
	/* Columns of the lives of orders are not missed: an old file has no real
	 * broker's.
	 */
	return exec(journal,
	    "CREATE TEMP TABLE adjustments (number, symbol, quantity, price, time);"
	    "CREATE TEMP TABLE accepted_orders (client_order_id);"
	    "CREATE TEMP TABLE account (id, cash, read)");
}
