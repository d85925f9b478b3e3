/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a journal: the lock, the file, its modes; for reading, too, where nothing may
 * be written. Nothing is read from the tables here but whose journal it is.
 *
 * Two workers on one journal would each send what the other has sent, so a lock is held
 * on a file beside it; not on the journal itself, because SQLite's own locks come and
 * go with it, and readers are welcome.
 */
#include "worker/trading/journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "common/cleanup.h"

/* Long enough for a checkpoint of another connection, short enough for a cycle. */
#define BUSY_TIMEOUT_MS 250

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
		return journal_fail_errno(journal, -ENOMEM, "cannot be locked");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return journal_fail_errno(
		    journal, -errno, "its lock file cannot be opened");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return refuse_in_use(journal, fd);
		return journal_fail_errno(journal, -errno, "cannot be locked");
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
		return journal_fail_errno(journal, -errno, "cannot be opened");
	log = journal_beside(journal, "-wal");
	if (!log)
		return journal_fail_errno(journal, -ENOMEM, "cannot be opened");
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
set_modes(struct journal *journal, int64_t version)
{
	static const char *const modes[] = {
		"PRAGMA journal_mode = WAL",
		"PRAGMA foreign_keys = ON",
		"PRAGMA trusted_schema = OFF",
	};
	int code, r;

	if (sqlite3_db_readonly(journal->db, "main") != 0)
		return journal_fail_errno(journal, -EROFS, "cannot be written");
	r = journal_migrate(journal, version);
	if (r != 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		code = sqlite3_exec(journal->db, modes[i], NULL, NULL, NULL);
		if (code != SQLITE_OK)
			return journal_fail(journal, code, modes[i]);
	}
	return journal_sync_commits(journal, true);
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
	int64_t version;
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
	r = journal_check_schema(journal, &version);
	if (r != 0)
		return r;
	r = set_modes(journal, version);
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
		return journal_fail_errno(journal, -errno, "cannot be opened");
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
	int64_t version;
	int r, code;

	r = connect_db(journal, name, SQLITE_OPEN_READONLY | flags);
	if (r != 0)
		return r;
	r = journal_check_schema(journal, &version);
	if (r != 0)
		return r;
	r = journal_read_old(journal, version);
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
