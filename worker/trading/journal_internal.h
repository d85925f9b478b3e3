/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the journal share: the handle, the statements, and how a failure of
 * SQLite's becomes one of ours. Nothing else includes this.
 */
#pragma once

#include <sqlite3.h>
#include <sys/stat.h>

#include "worker/trading/journal.h"

/* Every statement, prepared when it is first used and kept. The text is in
 * journal_statements.c. */
enum statement {
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_GET_META,
	STATEMENT_GET_STATE,
	STATEMENT_SET_STATE,
	STATEMENT_ADD_CLUSTER,
	STATEMENT_ADD_ORDER,
	STATEMENT_ADD_FILL,
	STATEMENT_SET_PRICE,
	STATEMENT_GET_PRICE,
	STATEMENT_SET_RISK,
	STATEMENT_GET_RISK,
	STATEMENT_LAST_FILL,
	STATEMENT_FILLS_BEHIND,
	STATEMENT_MOVE_ORDER,
	STATEMENT_POSITION,
	STATEMENT_LIVE_ORDER,
	STATEMENT_ANY_LIVE_ORDER,
	STATEMENT_ORDERS_BETWEEN,
	STATEMENT_ORDERS_CREATED,
	STATEMENT_SET_SNAPSHOT,
	STATEMENT_GET_SNAPSHOT,
	STATEMENT_EACH_CLUSTER,
	STATEMENT_EACH_ORDER,
	STATEMENT_EACH_FILL,
	STATEMENT_EACH_POSITION,
	STATEMENT_EACH_PENDING,
	STATEMENT_MARK_SENT,
	STATEMENT_MARK_LOOK,
	STATEMENT_SET_LIFE,
	STATEMENT_ADD_ADJUSTMENT,
	STATEMENT_ADD_ACCEPTED,
	STATEMENT_EACH_ACCEPTED,
	STATEMENT_SET_ACCOUNT,
	STATEMENT_GET_ACCOUNT,
	STATEMENT_SCAN_FILLS,
	STATEMENT_SCAN_ADJUSTMENTS,
	STATEMENT_SCAN_ORDERS,
	STATEMENT_SCAN_REFUSED,
	STATEMENT_COUNT
};

/* A transaction is announced by journal_begin(), and begun by its first write. */
enum transaction { TRANSACTION_NONE, TRANSACTION_ANNOUNCED, TRANSACTION_BEGUN };

struct journal {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	char *path;
	int lock_fd;	      /* -1: for reading */
	struct stat identity; /* of the file when it was opened */
	enum transaction transaction;
	bool is_synced; /* commits wait for the disk */
	char worker[65];
	int64_t start_cash;
	struct error error;
};

/** struct value - one parameter of a statement; a NULL text is SQL's NULL */
struct value {
	enum { VALUE_INTEGER, VALUE_TEXT, VALUE_BLOB } type;
	int64_t integer;
	const void *bytes;
	size_t length; /* of a blob */
};

#define INTEGER(x)                                                                     \
	{                                                                              \
		.type = VALUE_INTEGER, .integer = (x)                                  \
	}
#define TEXT(x)                                                                        \
	{                                                                              \
		.type = VALUE_TEXT, .bytes = (x)                                       \
	}
#define BLOB(x, n)                                                                     \
	{                                                                              \
		.type = VALUE_BLOB, .bytes = (x), .length = (n)                        \
	}

extern const char *const journal_statement_texts[STATEMENT_COUNT];

/** journal_fail() - keep the sentence "PATH: @doing: what SQLite says". Return:
 * @sqlite_code as 0, -errno or JOURNAL_E_DATA. */
int journal_fail(struct journal *journal, int sqlite_code, const char *doing);

/** journal_refuse() - keep the sentence "PATH: @why". Return: JOURNAL_E_DATA. */
int journal_refuse(struct journal *journal, const char *why);

/** journal_fail_errno() - keep the sentence "PATH: @doing: what @r means". Return: @r.
 */
int journal_fail_errno(struct journal *journal, int r, const char *doing);

/** journal_sync_commits() - whether a commit waits for the disk. Return: as
 * journal_fail(). */
int journal_sync_commits(struct journal *journal, bool synced);

/** journal_query() - bind and make ready to step. The caller resets it. Return: 0;
 * -errno; JOURNAL_E_DATA. */
int journal_query(struct journal *journal, enum statement which,
    const struct value *values, size_t n_values, sqlite3_stmt **ret_statement);

/** journal_step() - the next row. Return: 0: there is one; JOURNAL_E_NONE: no more;
 * -errno; JOURNAL_E_DATA. */
int journal_step(struct journal *journal, sqlite3_stmt *statement);

/** journal_do() - bind and run a statement that has no rows. Return: 0; -errno;
 * JOURNAL_E_DATA. */
int journal_do(struct journal *journal, enum statement which,
    const struct value *values, size_t n_values);

/* The statement's parameters as a list of INTEGER(), TEXT(), BLOB(). */
#define JOURNAL_DO(journal, which, ...)                                                \
	journal_do(journal, which, (const struct value[]){ __VA_ARGS__ },              \
	    sizeof((const struct value[]){ __VA_ARGS__ }) / sizeof(struct value))

#define JOURNAL_ORDER_COLUMNS 13

/** journal_read_order() - the columns of an order, from the first on; its texts are
 * valid until the next step. Return: 0; JOURNAL_E_DATA. */
int journal_read_order(
    struct journal *journal, sqlite3_stmt *row, struct journal_order *ret_order);

/** journal_beside() - the journal's path with @suffix; allocated. NULL: out of memory.
 */
char *journal_beside(const struct journal *journal, const char *suffix);

/** statement_resetp() - for a local that borrows a statement: ends its use of the
 * tables. */
void statement_resetp(sqlite3_stmt **statement);

/** journal_create_file() - a new journal, whole or not at all, at @path, where there is
 * none. */
int journal_create_file(
    struct journal *journal, const char *worker, int64_t start_cash);

#define JOURNAL_SCHEMA_VERSION 2

/* The parts of the schema that version 2 brought, as SQL. */
extern const char journal_schema_orders[], journal_schema_indexes[],
    journal_schema_broker[], journal_schema_risk[];

/** journal_check_schema() - refuse what is no sound journal of a version we know. */
int journal_check_schema(struct journal *journal, int64_t *ret_version);

/** journal_migrate() - bring an older file to the present version, wholly or not at
 * all; nothing else is done with the file yet. */
int journal_migrate(struct journal *journal, int64_t version);

/** journal_read_old() - what an older file lacks, as empty temporary tables, so that it
 * can be read as it is. */
int journal_read_old(struct journal *journal, int64_t version);
