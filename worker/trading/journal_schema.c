/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's tables: how a new file is made, and whether an old one is ours and
 * sound. Rows are read and written elsewhere.
 *
 * The schema's version is SQLite's user_version. Who changes a table raises it, and
 * adds a step to journal_migrate.c that brings a file of the version before to the new
 * one in one transaction; a file of a later version is refused. A new version must be
 * able to read what the old ones wrote: an operator's positions are in there.
 */
#include "worker/trading/journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/trading/killpoint.h"

#define APPLICATION_ID 0x74737570 /* "tsup" */

#define QUOTE_(x) #x
#define QUOTE(x) QUOTE_(x)

/* clang-format off */
const char journal_schema_orders[] =
    "CREATE TABLE orders ("
    "	number INTEGER PRIMARY KEY,"
    "	client_order_id TEXT NOT NULL UNIQUE,"
    "	cluster INTEGER NOT NULL REFERENCES clusters (number),"
    "	symbol TEXT NOT NULL,"
    "	side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),"
    "	quantity INTEGER NOT NULL CHECK (quantity > 0),"
    "	status TEXT NOT NULL CHECK (status IN ('intent', 'sent', 'open',"
    "	    'partially_filled', 'filled', 'canceled', 'rejected', 'refused',"
    "	    'expired')),"
    "	reason TEXT,"
    "	broker_id TEXT,"
    "	time INTEGER NOT NULL,"
    "	config_hash INTEGER NOT NULL,"
    "	module_hash INTEGER NOT NULL,"
    /* What follows is of orders at a real broker. */
    "	created INTEGER NOT NULL DEFAULT 0,"	/* of the intent */
    "	sent INTEGER NOT NULL DEFAULT 0,"	/* the last request that left; 0: none */
    "	unproven INTEGER NOT NULL DEFAULT 0,"	/* requests that may have been taken */
    "	looked INTEGER NOT NULL DEFAULT 0,"	/* the last look-up; 0: none */
    "	missing_since INTEGER NOT NULL DEFAULT 0," /* "not found" ever since; 0: not */
    "	duplicate INTEGER NOT NULL DEFAULT 0,"	/* the broker called the id in use */
    "	late INTEGER NOT NULL DEFAULT 0,"	/* it turned up after it was given up */
    "	filled INTEGER NOT NULL DEFAULT 0,"	/* quantity, by the broker's word */
    "	average INTEGER NOT NULL DEFAULT 0"	/* price of what is filled */
    ") STRICT;";

/* orders_live is also the rule that a symbol has one live order at the most. */
const char journal_schema_indexes[] =
    "CREATE UNIQUE INDEX orders_live ON orders (symbol)"
    "    WHERE status IN ('intent', 'sent', 'open', 'partially_filled') AND late = 0;"
    "CREATE INDEX orders_pending ON orders (number)"
    "    WHERE status IN ('intent', 'sent', 'open', 'partially_filled', 'expired');"
    "CREATE INDEX orders_time ON orders (time);"
    "CREATE INDEX orders_created ON orders (created) WHERE created > 0;";

/* What the broker says that no order of ours explains, and was accepted by a person;
 * and the account as it was last read. */
const char journal_schema_broker[] =
    "CREATE TABLE adjustments ("
    "	number INTEGER PRIMARY KEY,"
    "	symbol TEXT NOT NULL,"
    "	quantity INTEGER NOT NULL,"
    "	price INTEGER NOT NULL,"
    "	time INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX adjustments_symbol ON adjustments (symbol);"
    "CREATE TABLE accepted_orders ("
    "	client_order_id TEXT PRIMARY KEY"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE account ("
    "	id INTEGER PRIMARY KEY CHECK (id = 0),"
    "	cash INTEGER NOT NULL,"
    "	read INTEGER NOT NULL"
    ") STRICT;";

/* The day's result, of 1e-8, and a latch that a limit has set: `due` until its file is
 * written. */
const char journal_schema_risk[] =
    "CREATE TABLE risk ("
    "	id INTEGER PRIMARY KEY CHECK (id = 0),"
    "	day INTEGER NOT NULL,"
    "	result INTEGER NOT NULL,"
    "	unknown INTEGER NOT NULL,"
    "	tripped INTEGER NOT NULL,"
    "	fills INTEGER NOT NULL,"
    "	due TEXT NOT NULL,"
    "	reason TEXT NOT NULL"
    ") STRICT;";

/* Amounts are integers of 1e-8, times nanoseconds since the epoch. A cluster's notional
 * can be wider than 64 bits and is decimal text. */
static const char schema[] =
    "PRAGMA application_id = " QUOTE(APPLICATION_ID) ";"
    "PRAGMA user_version = " QUOTE(JOURNAL_SCHEMA_VERSION) ";"
    "CREATE TABLE meta ("
    "	id INTEGER PRIMARY KEY CHECK (id = 0),"
    "	worker TEXT NOT NULL,"
    "	start_cash INTEGER NOT NULL,"
    "	events INTEGER NOT NULL DEFAULT 0,"
    "	dropped INTEGER NOT NULL DEFAULT 0,"
    "	time INTEGER NOT NULL DEFAULT 0,"
    "	position TEXT NOT NULL DEFAULT ''"
    ") STRICT;"
    "CREATE TABLE clusters ("
    "	number INTEGER PRIMARY KEY,"
    "	id TEXT NOT NULL UNIQUE,"
    "	symbol TEXT NOT NULL,"
    "	side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),"
    "	first INTEGER NOT NULL,"
    "	last INTEGER NOT NULL,"
    "	trades INTEGER NOT NULL,"
    "	notional TEXT NOT NULL,"
    "	price INTEGER NOT NULL,"
    "	skipped TEXT"
    ") STRICT;"
    "CREATE TABLE fills ("
    "	number INTEGER PRIMARY KEY,"
    "	order_number INTEGER NOT NULL REFERENCES orders (number),"
    "	symbol TEXT NOT NULL,"
    "	side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),"
    "	quantity INTEGER NOT NULL CHECK (quantity > 0),"
    "	price INTEGER NOT NULL,"
    "	fee INTEGER NOT NULL,"
    "	time INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX fills_symbol ON fills (symbol);"
    "CREATE TABLE prices ("
    "	symbol TEXT PRIMARY KEY,"
    "	price INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE snapshot ("
    "	id INTEGER PRIMARY KEY CHECK (id = 0),"
    "	position TEXT NOT NULL,"
    "	events INTEGER NOT NULL,"
    "	dropped INTEGER NOT NULL,"
    "	config_hash INTEGER NOT NULL,"
    "	module_hash INTEGER NOT NULL,"
    "	normalizer BLOB NOT NULL,"
    "	module BLOB NOT NULL"
    ") STRICT;";
/* clang-format on */

static void
dbp(sqlite3 **db)
{
	sqlite3_close(*db);
}

static void
statementp(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

static int
insert_meta(sqlite3 *db, const char *worker, int64_t start_cash)
{
	_cleanup_(statementp) sqlite3_stmt *statement = NULL;
	int code;

	code = sqlite3_prepare_v2(db,
	    "INSERT INTO meta (id, worker, start_cash) VALUES (0, ?1, ?2)", -1,
	    &statement, NULL);
	if (code != SQLITE_OK)
		return code;
	sqlite3_bind_text(statement, 1, worker, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, start_cash);
	code = sqlite3_step(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* In the rollback mode, so that the one file is all there is when it gets its name. */
static int
fill_new(
    struct journal *journal, const char *path, const char *worker, int64_t start_cash)
{
	static const char *const parts[] = { schema, journal_schema_orders,
		journal_schema_indexes, journal_schema_broker, journal_schema_risk };
	_cleanup_(dbp) sqlite3 *db = NULL;
	int code;

	code = sqlite3_open_v2(path, &db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(
		    db, "PRAGMA synchronous = FULL; BEGIN", NULL, NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(parts) && code == SQLITE_OK; i++)
		code = sqlite3_exec(db, parts[i], NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = insert_meta(db, worker, start_cash);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		return 0;
	/* The sentence is made from the handle that failed. */
	journal->db = db;
	code = journal_fail(journal, code, "cannot be created");
	journal->db = NULL;
	return code;
}

static int
sync_directory(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -1;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int
journal_create_file(struct journal *journal, const char *worker, int64_t start_cash)
{
	_cleanup_free_ char *fresh = NULL;
	_cleanup_free_ char *rest = NULL;
	int r;

	fresh = journal_beside(journal, ".new");
	rest = journal_beside(journal, ".new-journal");
	if (!fresh || !rest)
		return error_set(
		    &journal->error, -ENOMEM, "%s: out of memory", journal->path);
	/* What a kill left behind of an attempt; the lock says that nobody else is at
	 * it. */
	if ((unlink(fresh) < 0 && errno != ENOENT) ||
	    (unlink(rest) < 0 && errno != ENOENT))
		return error_set(
		    &journal->error, -errno, "%s: cannot be removed: %m", fresh);
	r = fill_new(journal, fresh, worker, start_cash);
	if (r != 0)
		return r;
	kill_point("journal.before_rename");
	if (rename(fresh, journal->path) < 0)
		return error_set(&journal->error, -errno, "%s: cannot be created: %m",
		    journal->path);
	kill_point("journal.after_rename");
	r = sync_directory(journal->path);
	if (r < 0)
		return error_set(&journal->error, r,
		    "%s: its directory cannot be synced: %s", journal->path,
		    strerror(-r));
	return 0;
}

static int
read_number(struct journal *journal, const char *pragma, int64_t *ret_value)
{
	_cleanup_(statementp) sqlite3_stmt *row = NULL;
	int code;

	code = sqlite3_prepare_v2(journal->db, pragma, -1, &row, NULL);
	if (code != SQLITE_OK)
		return journal_fail(journal, code, "cannot be read");
	code = sqlite3_step(row);
	if (code != SQLITE_ROW)
		return journal_fail(journal, code, "cannot be read");
	*ret_value = sqlite3_column_int64(row, 0);
	return 0;
}

static int
check_pages(struct journal *journal)
{
	_cleanup_(statementp) sqlite3_stmt *row = NULL;
	const char *verdict;
	int code;

	code = sqlite3_prepare_v2(journal->db, "PRAGMA quick_check(1)", -1, &row, NULL);
	if (code != SQLITE_OK)
		return journal_fail(journal, code, "cannot be checked");
	code = sqlite3_step(row);
	if (code != SQLITE_ROW)
		return journal_fail(journal, code, "cannot be checked");
	verdict = (const char *)sqlite3_column_text(row, 0);
	if (verdict && strcmp(verdict, "ok") == 0)
		return 0;
	return error_set(&journal->error, JOURNAL_E_DATA, "%s: corrupt: %s",
	    journal->path, verdict ? verdict : "it cannot be checked");
}

int
journal_check_schema(struct journal *journal, int64_t *ret_version)
{
	int64_t id, version;
	int r;

	r = read_number(journal, "PRAGMA application_id", &id);
	if (r != 0)
		return r;
	if (id != APPLICATION_ID)
		return journal_refuse(journal, "not a tradesup journal");
	r = read_number(journal, "PRAGMA user_version", &version);
	if (r != 0)
		return r;
	if (version < 1 || version > JOURNAL_SCHEMA_VERSION)
		return error_set(&journal->error, JOURNAL_E_DATA,
		    "%s: its schema has version %lld, and this program knows %d",
		    journal->path, (long long)version, JOURNAL_SCHEMA_VERSION);
	r = check_pages(journal);
	if (r != 0)
		return r;
	*ret_version = version;
	return 0;
}
