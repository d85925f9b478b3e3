/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal as a file: opening, the lock, transactions, and SQLite's failures as
 * ours. What its tables are is in journal_schema.c, what is read and written in
 * journal_rows.c.
 *
 * Two workers on one journal would each send what the other has sent, so a lock is held
 * on a file beside it; not on the journal itself, because SQLite's own locks come and
 * go with it, and readers are welcome.
 */
#include "worker/trading/journal_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>

#include "common/cleanup.h"
#include "worker/trading/killpoint.h"

/* Long enough for a checkpoint of another connection, short enough for a cycle. */
#define BUSY_TIMEOUT_MS 250

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

static int
fail_errno(struct journal *journal, int r, const char *doing)
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
	return journal_fail(journal, code,
	    sqlite3_stmt_readonly(statement) ? "cannot be read" : "cannot be written");
}

static int
run(struct journal *journal, enum statement which, const struct value *values,
    size_t n_values)
{
	_cleanup_(statement_resetp) sqlite3_stmt *statement = NULL;
	int r;

	r = journal_query(journal, which, values, n_values, &statement);
	if (r != 0)
		return r;
	r = journal_step(journal, statement);
	return r == JOURNAL_E_NONE ? 0 : r;
}

/* What a power cut may take back: the feed brings it again, and it has no effect
 * outside. */
static bool
is_repeatable(enum statement which)
{
	return which == STATEMENT_SET_STATE || which == STATEMENT_SET_PRICE ||
	       which == STATEMENT_SET_SNAPSHOT;
}

static int
sync_commits(struct journal *journal, bool synced)
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

	r = sync_commits(journal, !is_repeatable(which));
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
		return fail_errno(journal, -ESTALE, "removed while in use");
	if (now.st_ino != journal->identity.st_ino ||
	    now.st_dev != journal->identity.st_dev)
		return fail_errno(journal, -ESTALE, "replaced while in use");
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

static int
refuse_in_use(struct journal *journal, int fd)
{
	char text[24] = "";
	ssize_t n;

	n = pread(fd, text, sizeof(text) - 1, 0);
	return error_set(&journal->error, -EBUSY, "%s: in use by process %ld",
	    journal->path, n > 0 ? strtol(text, NULL, 10) : 0);
}

static int
lock(struct journal *journal)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	path = journal_beside(journal, ".lock");
	if (!path)
		return fail_errno(journal, -ENOMEM, "cannot be locked");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_errno(journal, -errno, "its lock file cannot be opened");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return refuse_in_use(journal, fd);
		return fail_errno(journal, -errno, "cannot be locked");
	}
	/* The number is for the other's message alone: on a full disk the lock holds
	 * without it. */
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%ld\n", (long)getpid());
	journal->lock_fd = steal_fd(&fd);
	return 0;
}

/* Nothing is created over what is left of a journal: its log, or a file that lost its
 * content. */
static int
ensure_file(struct journal *journal, const char *worker, int64_t start_cash)
{
	_cleanup_free_ char *log = NULL;
	struct stat file;

	if (stat(journal->path, &file) == 0) {
		if (file.st_size == 0)
			return journal_refuse(
			    journal, "empty, which a journal never is");
		return 0;
	}
	if (errno != ENOENT)
		return fail_errno(journal, -errno, "cannot be opened");
	log = journal_beside(journal, "-wal");
	if (!log)
		return fail_errno(journal, -ENOMEM, "cannot be opened");
	if (access(log, F_OK) == 0)
		return journal_refuse(
		    journal, "missing, while its write-ahead log (-wal) is there");
	return journal_create_file(journal, worker, start_cash);
}

static int
connect_db(struct journal *journal, const char *name, int flags)
{
	int code;

	code = sqlite3_open_v2(name, &journal->db,
	    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (code != SQLITE_OK)
		return journal_fail(journal, code, "cannot be opened");
	code = sqlite3_busy_timeout(journal->db, BUSY_TIMEOUT_MS);
	return code == SQLITE_OK ? 0 : journal_fail(journal, code, "cannot be opened");
}

static int
set_modes(struct journal *journal)
{
	static const char *const modes[] = {
		"PRAGMA journal_mode = WAL",
		"PRAGMA foreign_keys = ON",
		"PRAGMA trusted_schema = OFF",
	};
	int code;

	if (sqlite3_db_readonly(journal->db, "main") != 0)
		return fail_errno(journal, -EROFS, "cannot be written");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		code = sqlite3_exec(journal->db, modes[i], NULL, NULL, NULL);
		if (code != SQLITE_OK)
			return journal_fail(journal, code, modes[i]);
	}
	return sync_commits(journal, true);
}

static int
load_meta(struct journal *journal)
{
	_cleanup_(statement_resetp) sqlite3_stmt *row = NULL;
	const char *worker;
	int r;

	r = journal_query(journal, STATEMENT_GET_META, NULL, 0, &row);
	if (r != 0)
		return r;
	r = journal_step(journal, row);
	if (r == JOURNAL_E_NONE)
		return journal_refuse(journal, "corrupt: its first row is missing");
	if (r != 0)
		return r;
	worker = (const char *)sqlite3_column_text(row, 0);
	snprintf(journal->worker, sizeof(journal->worker), "%s", worker ? worker : "");
	journal->start_cash = sqlite3_column_int64(row, 1);
	return 0;
}

static struct journal *
journal_new(const char *path)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return NULL;
	journal->lock_fd = -1;
	journal->path = strdup(path);
	return journal->path ? journal : journal_free(journal);
}

static int
open_for_writing(struct journal *journal, const char *worker, int64_t start_cash)
{
	int r;

	r = lock(journal);
	if (r != 0)
		return r;
	r = ensure_file(journal, worker, start_cash);
	if (r != 0)
		return r;
	r = connect_db(journal, journal->path, SQLITE_OPEN_READWRITE);
	if (r != 0)
		return r;
	/* What is no journal must be known before the first pragma that writes. */
	r = journal_check_schema(journal);
	if (r != 0)
		return r;
	r = set_modes(journal);
	if (r != 0)
		return r;
	r = load_meta(journal);
	if (r != 0)
		return r;
	if (strcmp(journal->worker, worker) != 0)
		return error_set(&journal->error, JOURNAL_E_DATA,
		    "%s: the journal of worker %s, not of %s", journal->path,
		    journal->worker, worker);
	if (stat(journal->path, &journal->identity) < 0)
		return fail_errno(journal, -errno, "cannot be opened");
	return 0;
}

int
journal_open(const char *path, const char *worker, int64_t start_cash,
    struct error *error, struct journal **ret_journal)
{
	_cleanup_(journal_freep) struct journal *journal = NULL;
	int r;

	journal = journal_new(path);
	if (!journal)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	r = open_for_writing(journal, worker, start_cash);
	if (r != 0) {
		*error = journal->error;
		return r;
	}
	*ret_journal = steal(&journal);
	return 0;
}

static int
open_for_reading(struct journal *journal, const char *name, int flags)
{
	int r, code;

	r = connect_db(journal, name, SQLITE_OPEN_READONLY | flags);
	if (r != 0)
		return r;
	r = journal_check_schema(journal);
	if (r != 0)
		return r;
	code = sqlite3_exec(journal->db, "BEGIN", NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return journal_fail(journal, code, "cannot be read");
	return load_meta(journal);
}

/* A path as SQLite's URI that says: nobody writes this file. NULL: out of memory. */
static char *
immutable_uri(const char *path)
{
	static const char hex[] = "0123456789ABCDEF";
	char *uri, *out;

	uri = malloc(3 * strlen(path) + sizeof("file:?immutable=1"));
	if (!uri)
		return NULL;
	out = stpcpy(uri, "file:");
	for (; *path; path++) {
		*out++ = '%';
		*out++ = hex[(unsigned char)*path >> 4];
		*out++ = hex[(unsigned char)*path & 15];
	}
	strcpy(out, "?immutable=1");
	return uri;
}

static void
disconnect_db(struct journal *journal)
{
	for (size_t i = 0; i < STATEMENT_COUNT; i++) {
		sqlite3_finalize(journal->statements[i]);
		journal->statements[i] = NULL;
	}
	sqlite3_close(journal->db);
	journal->db = NULL;
}

/*
 * In write-ahead mode even a reader needs the shared-memory file beside the journal.
 * Where no worker runs there is none, and who may not write in the directory cannot
 * make it. Then there is no log either, and the file alone is the whole journal.
 */
static int
open_cold(struct journal *journal)
{
	_cleanup_free_ char *uri = NULL;
	_cleanup_free_ char *log = NULL;

	log = journal_beside(journal, "-wal");
	if (!log)
		return -ENOMEM;
	uri = immutable_uri(journal->path);
	if (!uri)
		return -ENOMEM;
	if (access(log, F_OK) == 0)
		return -EBUSY;
	disconnect_db(journal);
	return open_for_reading(journal, uri, SQLITE_OPEN_URI);
}

int
journal_open_read(const char *path, struct error *error, struct journal **ret_journal)
{
	_cleanup_(journal_freep) struct journal *journal = NULL;
	int r;

	if (access(path, R_OK) < 0)
		return error_set(error, -errno, "%s: %s", path, strerror(errno));
	journal = journal_new(path);
	if (!journal)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	r = open_for_reading(journal, path, 0);
	if (r < 0 && r != -ENOMEM && r != -EBUSY) {
		int again = open_cold(journal);

		r = again == -EBUSY || again == -ENOMEM ? r : again;
	}
	if (r != 0) {
		*error = journal->error;
		return r;
	}
	*ret_journal = steal(&journal);
	return 0;
}

struct journal *
journal_free(struct journal *journal)
{
	if (!journal)
		return NULL;
	disconnect_db(journal);
	if (journal->lock_fd >= 0)
		close(journal->lock_fd);
	free(journal->path);
	free(journal);
	return NULL;
}

void
journal_freep(struct journal **journal)
{
	journal_free(*journal);
}
