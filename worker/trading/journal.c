/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's machinery: statements, transactions, and SQLite's failures as ours. How
 * a journal is opened is in journal_open.c, what its tables are in journal_schema.c,
 * what is read and written in journal_rows.c.
 */
#include "worker/trading/journal_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/trading/killpoint.h"

/* What a result code means to us; any other says that the file is not what it should
 * be. */
static const struct {
	int sqlite_code, code;
} translations[] = {
	{ SQLITE_BUSY, -EBUSY },
	{ SQLITE_LOCKED, -EBUSY },
	{ SQLITE_FULL, -ENOSPC },
	{ SQLITE_READONLY, -EROFS },
	{ SQLITE_IOERR, -EIO },
	{ SQLITE_CANTOPEN, -EIO },
	{ SQLITE_PROTOCOL, -EIO },
	{ SQLITE_NOMEM, -ENOMEM },
	{ SQLITE_PERM, -EACCES },
	{ SQLITE_AUTH, -EACCES },
	{ SQLITE_NOLFS, -EFBIG },
};

static int
translate(sqlite3 *db, int sqlite_code)
{
	int system_errno;

	for (size_t i = 0; i < ARRAY_SIZE(translations); i++) {
		if (translations[i].sqlite_code != (sqlite_code & 0xff))
			continue;
		system_errno =
		    translations[i].code == -EIO ? sqlite3_system_errno(db) : 0;
		return system_errno > 0 ? -system_errno : translations[i].code;
	}
	return JOURNAL_E_DATA;
}

int
journal_fail(struct journal *journal, int sqlite_code, const char *doing)
{
	int r = translate(journal->db, sqlite_code);

	/* SQLite's word for a failed system call is vague; the errno says what it was.
	 */
	return error_set(&journal->error, r, "%s: %s: %s%s%s", journal->path, doing,
	    sqlite3_errmsg(journal->db), r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
}

int
journal_refuse(struct journal *journal, const char *why)
{
	return error_set(&journal->error, JOURNAL_E_DATA, "%s: %s", journal->path, why);
}

int
journal_fail_errno(struct journal *journal, int r, const char *doing)
{
	return error_set(
	    &journal->error, r, "%s: %s: %s", journal->path, doing, strerror(-r));
}

const char *
journal_error(const struct journal *journal)
{
	return journal->error.text;
}

const char *
journal_worker(const struct journal *journal)
{
	return journal->worker;
}

void
statement_resetp(sqlite3_stmt **statement)
{
	/* Its result repeats the failure of the last step, which was handled there. */
	(void)sqlite3_reset(*statement);
}

static int
bind(sqlite3_stmt *statement, int index, const struct value *value)
{
	switch (value->type) {
	case VALUE_INTEGER:
		return sqlite3_bind_int64(statement, index, value->integer);
	case VALUE_TEXT:
		return sqlite3_bind_text(
		    statement, index, value->bytes, -1, SQLITE_STATIC);
	case VALUE_BLOB:
		/* An empty one is not SQL's NULL, which a NULL pointer would be. */
		return sqlite3_bind_blob64(statement, index,
		    value->bytes ? value->bytes : "", value->length, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

int
journal_query(struct journal *journal, enum statement which, const struct value *values,
    size_t n_values, sqlite3_stmt **ret_statement)
{
	sqlite3_stmt **statement = &journal->statements[which];
	int code;

	if (!*statement) {
		code = sqlite3_prepare_v3(journal->db, journal_statement_texts[which],
		    -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
		if (code != SQLITE_OK)
			return journal_fail(journal, code, "cannot be read");
	}
	for (size_t i = 0; i < n_values; i++) {
		code = bind(*statement, (int)i + 1, &values[i]);
		if (code != SQLITE_OK)
			return journal_fail(journal, code, "cannot be used");
	}
	*ret_statement = *statement;
	return 0;
}

int
journal_step(struct journal *journal, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		return 0;
	if (code == SQLITE_DONE)
		return JOURNAL_E_NONE;
	return journal_fail(journal, code, "cannot be read");
}

static int
run(struct journal *journal, enum statement which, const struct value *values,
    size_t n_values)
{
	_cleanup_(statement_resetp) sqlite3_stmt *statement = NULL;
	int r, code;

	r = journal_query(journal, which, values, n_values, &statement);
	if (r != 0)
		return r;
	code = sqlite3_step(statement);
	if (code != SQLITE_DONE)
		return journal_fail(journal, code, "cannot be written");
	return 0;
}

/* What a power cut may take back: the feed or the broker brings it again, and it has no
 * effect outside. That a request is about to leave is such a thing, too: who finds an
 * intent takes it for sent. */
static bool
is_repeatable(enum statement which)
{
	return which == STATEMENT_SET_STATE || which == STATEMENT_SET_PRICE ||
	       which == STATEMENT_SET_SNAPSHOT || which == STATEMENT_MARK_SENT ||
	       which == STATEMENT_SET_RISK || which == STATEMENT_MARK_LOOK ||
	       which == STATEMENT_SET_ACCOUNT;
}

int
journal_sync_commits(struct journal *journal, bool synced)
{
	int code;

	if (journal->is_synced == synced)
		return 0;
	code = sqlite3_exec(journal->db,
	    synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", NULL,
	    NULL, NULL);
	if (code != SQLITE_OK)
		return journal_fail(journal, code, "cannot be synced");
	journal->is_synced = synced;
	return 0;
}

static int
begin_for(struct journal *journal, enum statement which)
{
	int r;

	r = journal_sync_commits(journal, !is_repeatable(which));
	if (r != 0)
		return r;
	r = run(journal, STATEMENT_BEGIN, NULL, 0);
	if (r != 0)
		return r;
	journal->transaction = TRANSACTION_BEGUN;
	kill_point("journal.begun");
	return 0;
}

int
journal_do(struct journal *journal, enum statement which, const struct value *values,
    size_t n_values)
{
	int r;

	if (journal->transaction == TRANSACTION_ANNOUNCED) {
		r = begin_for(journal, which);
		if (r != 0)
			return r;
	}
	/* The order that journal_begin() asks for: what must be synced comes first. */
	assert(journal->is_synced || is_repeatable(which));
	return run(journal, which, values, n_values);
}

int
journal_begin(struct journal *journal)
{
	struct stat now;

	if (stat(journal->path, &now) < 0)
		return journal_fail_errno(journal, -ESTALE, "removed while in use");
	if (now.st_ino != journal->identity.st_ino ||
	    now.st_dev != journal->identity.st_dev)
		return journal_fail_errno(journal, -ESTALE, "replaced while in use");
	journal->transaction = TRANSACTION_ANNOUNCED;
	return 0;
}

int
journal_commit(struct journal *journal)
{
	int r;

	if (journal->transaction == TRANSACTION_BEGUN) {
		r = run(journal, STATEMENT_COMMIT, NULL, 0);
		if (r != 0)
			return r;
	}
	journal->transaction = TRANSACTION_NONE;
	return 0;
}

void
journal_rollback(struct journal *journal)
{
	struct error why = journal->error;

	/* A full disk or a failed write has ended the transaction already; and if it
	 * cannot be rolled back, it was not committed either, which is all that counts.
	 */
	if (!sqlite3_get_autocommit(journal->db))
		(void)run(journal, STATEMENT_ROLLBACK, NULL, 0);
	journal->transaction = TRANSACTION_NONE;
	journal->error = why;
}

char *
journal_beside(const struct journal *journal, const char *suffix)
{
	char *path;

	return asprintf(&path, "%s%s", journal->path, suffix) < 0 ? NULL : path;
}
