/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of a journal, made by SQLite's backup while a worker may be writing. It gets
 * its name when it is whole.
 */
#include "worker/trading/journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/cleanup.h"

static void
dbp(sqlite3 **db)
{
	sqlite3_close(*db);
}

/* All of the pages in one step: of a reader's one moment. */
static int
copy_pages(struct journal *journal, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", journal->db, "main");
	int code;

	if (!backup)
		return sqlite3_errcode(to);
	code = sqlite3_backup_step(backup, -1);
	if (code == SQLITE_DONE)
		code = SQLITE_OK;
	if (sqlite3_backup_finish(backup) != SQLITE_OK && code == SQLITE_OK)
		code = sqlite3_errcode(to);
	return code;
}

/* One file without a log beside it. */
static int
copy(struct journal *journal, const char *path)
{
	_cleanup_(dbp) sqlite3 *to = NULL;
	int code;

	code = sqlite3_open_v2(path, &to,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, NULL);
	if (code == SQLITE_OK)
		code = copy_pages(journal, to);
	if (code == SQLITE_OK)
		code =
		    sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	return code;
}

static int
sync_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int
journal_backup(
    const char *path, const char *worker, const char *to, struct error *error)
{
	_cleanup_(journal_freep) struct journal *journal = NULL;
	_cleanup_free_ char *fresh = NULL;
	int r, code;

	if (access(to, F_OK) == 0)
		return error_set(error, -EEXIST, "%s: is there already", to);
	if (asprintf(&fresh, "%s.part", to) < 0) {
		fresh = NULL;
		return error_set(error, -ENOMEM, "%s: out of memory", to);
	}
	r = journal_open_read(path, error, &journal);
	if (r != 0)
		return r;
	if (strcmp(journal_worker(journal), worker) != 0)
		return error_set(error, JOURNAL_E_DATA,
		    "%s: the journal of worker %s, not of %s", path,
		    journal_worker(journal), worker);
	(void)unlink(fresh);
	code = copy(journal, fresh);
	if (code != SQLITE_OK) {
		(void)unlink(fresh);
		return error_set(
		    error, -EIO, "%s: cannot be written: %s", to, sqlite3_errstr(code));
	}
	r = sync_file(fresh);
	if (r == 0 && renameat2(AT_FDCWD, fresh, AT_FDCWD, to, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(fresh);
		return error_set(error, r, "%s: %s", to, strerror(-r));
	}
	return 0;
}
