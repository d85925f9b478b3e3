/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power loss: every write, truncation and sync that SQLite does for the journal is
 * recorded by a VFS in between. Then the disk is made again as a power cut at each
 * moment may have left it: what was synced is there, and of what was not any part:
 * nothing, all, without the last, the last torn, out of order, sectors in between
 * missing; in the file and in its log independently. The journal must open, be sound,
 * have each order whose commit had returned, and nothing of a transaction in part.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "suite.h"
#include "tempdir.h"
#include "worker/trading/journal_internal.h"

#define SECTOR 512
#define TURNS 12
#define ORDERS_A_TURN 2

enum op_kind { OP_WRITE, OP_TRUNCATE, OP_SYNC };
enum which { FILE_DB, FILE_LOG, FILE_COUNT, FILE_OTHER = FILE_COUNT };

struct op {
	enum op_kind kind;
	enum which which;
	size_t offset, length;
	unsigned char *bytes;
};

struct content {
	unsigned char *bytes;
	size_t length;
};

/** struct moment - a commit had returned when there were @ops; @turn counts from 1 */
struct moment {
	size_t ops;
	int turn;
	bool is_synced;
};

struct shim_file {
	sqlite3_file base;
	enum which which;
	sqlite3_file *real;
};

static struct tempdir dir;
static struct op *ops;
static size_t n_ops;
static bool is_recording;
static struct moment moments[4 * TURNS];
static size_t n_moments;
static struct content start[FILE_COUNT];
static sqlite3_vfs shim, *real_vfs;

/* Recording. */

static void
record(const struct shim_file *file, enum op_kind kind, const void *bytes,
    size_t length, size_t offset)
{
	struct op *op;

	if (!is_recording || file->which == FILE_OTHER)
		return;
	ops = realloc(ops, (n_ops + 1) * sizeof(*ops));
	ck_assert(ops != NULL);
	op = &ops[n_ops++];
	*op = (struct op){ kind, file->which, offset, length, NULL };
	if (bytes) {
		op->bytes = malloc(length);
		memcpy(op->bytes, bytes, length);
	}
}

static struct shim_file *
shim_of(sqlite3_file *file)
{
	return (struct shim_file *)file;
}

#define REAL(file) (shim_of(file)->real)

static int
shim_close(sqlite3_file *file)
{
	return REAL(file)->pMethods ? REAL(file)->pMethods->xClose(REAL(file))
				    : SQLITE_OK;
}

static int
shim_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 offset)
{
	return REAL(file)->pMethods->xRead(REAL(file), bytes, length, offset);
}

static int
shim_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
	record(shim_of(file), OP_WRITE, bytes, (size_t)length, (size_t)offset);
	return REAL(file)->pMethods->xWrite(REAL(file), bytes, length, offset);
}

static int
shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	record(shim_of(file), OP_TRUNCATE, NULL, 0, (size_t)size);
	return REAL(file)->pMethods->xTruncate(REAL(file), size);
}

static int
shim_sync(sqlite3_file *file, int flags)
{
	record(shim_of(file), OP_SYNC, NULL, 0, 0);
	if (!is_recording)
		return SQLITE_OK; /* thousands of journals are opened: none has to last
				   */
	return REAL(file)->pMethods->xSync(REAL(file), flags);
}

static int
shim_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	return REAL(file)->pMethods->xFileSize(REAL(file), ret_size);
}

static int
shim_lock(sqlite3_file *file, int lock)
{
	return REAL(file)->pMethods->xLock(REAL(file), lock);
}

static int
shim_unlock(sqlite3_file *file, int lock)
{
	return REAL(file)->pMethods->xUnlock(REAL(file), lock);
}

static int
shim_reserved(sqlite3_file *file, int *ret_is)
{
	return REAL(file)->pMethods->xCheckReservedLock(REAL(file), ret_is);
}

static int
shim_control(sqlite3_file *file, int op, void *data)
{
	return REAL(file)->pMethods->xFileControl(REAL(file), op, data);
}

static int
shim_sector(sqlite3_file *file)
{
	return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int
shim_device(sqlite3_file *file)
{
	return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}

static int
shim_shm_map(
    sqlite3_file *file, int page, int size, int extend, void volatile **ret_page)
{
	return REAL(file)->pMethods->xShmMap(REAL(file), page, size, extend, ret_page);
}

static int
shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return REAL(file)->pMethods->xShmLock(REAL(file), offset, n, flags);
}

static void
shim_shm_barrier(sqlite3_file *file)
{
	REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int
shim_shm_unmap(sqlite3_file *file, int is_deleted)
{
	return REAL(file)->pMethods->xShmUnmap(REAL(file), is_deleted);
}

static const sqlite3_io_methods shim_methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_device,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

static int
shim_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct shim_file *ours = shim_of(file);

	(void)vfs;
	ours->real = (sqlite3_file *)(ours + 1);
	ours->which = flags & SQLITE_OPEN_MAIN_DB ? FILE_DB
		      : flags & SQLITE_OPEN_WAL	  ? FILE_LOG
						  : FILE_OTHER;
	file->pMethods = &shim_methods;
	return real_vfs->xOpen(real_vfs, name, ours->real, flags, ret_flags);
}

static void
put_shim_in_between(void)
{
	/* Once: without a process for each test this is come by again. */
	if (real_vfs)
		return;
	real_vfs = sqlite3_vfs_find(NULL);
	shim = *real_vfs;
	shim.zName = "recording";
	shim.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
	shim.xOpen = shim_open;
	ck_assert_int_eq(sqlite3_vfs_register(&shim, 1), SQLITE_OK);
}

/* What the worker does. */

static struct journal *
open_at(const char *path)
{
	struct journal *journal = NULL;
	struct error error;
	int r = journal_open(path, "flow", 1000 * DECIMAL_ONE, &error, &journal);

	ck_assert_msg(r == 0, "%d: %s", r, error.text);
	return journal;
}

static void
set_state(struct journal *journal, int turn)
{
	struct journal_state state = { .events = turn, .position = "p" };

	ck_assert_int_eq(journal_set_state(journal, &state), 0);
}

static void
committed(struct journal *journal, int turn, bool is_synced)
{
	ck_assert_int_eq(journal_commit(journal), 0);
	moments[n_moments++] = (struct moment){ n_ops, turn, is_synced };
}

/* A cycle with its orders, and one that has none and need not wait for the disk. */
static void
work(struct journal *journal, int turn)
{
	static char bytes[6000];
	struct journal_snapshot snapshot = {
		.position = "p", .normalizer = bytes, .normalizer_length = sizeof(bytes)
	};
	int64_t number;

	memset(bytes, 'a' + turn, sizeof(bytes));
	ck_assert_int_eq(journal_begin(journal), 0);
	for (int i = 0; i < ORDERS_A_TURN; i++) {
		char id[32];
		struct journal_cluster cluster = {
			.id = id, .symbol = id, .notional = "1.00000000"
		};
		struct journal_order order = {
			.client_order_id = id, .symbol = id, .quantity = DECIMAL_ONE
		};

		snprintf(id, sizeof(id), "%d-%d", turn, i);
		ck_assert_int_eq(
		    journal_add_cluster(journal, &cluster, &order.cluster), 0);
		ck_assert_int_eq(journal_add_order(journal, &order, &number), 0);
	}
	set_state(journal, 2 * turn - 1);
	committed(journal, 2 * turn - 1, true);

	ck_assert_int_eq(journal_begin(journal), 0);
	set_state(journal, 2 * turn);
	ck_assert_int_eq(journal_set_snapshot(journal, &snapshot), 0);
	committed(journal, 2 * turn, false);
}

static struct content
read_content(const char *path)
{
	struct content content = { 0 };
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return content;
	ck_assert(fstat(fd, &st) == 0);
	content.length = (size_t)st.st_size;
	content.bytes = malloc(content.length + 1);
	ck_assert(read(fd, content.bytes, content.length) == (ssize_t)content.length);
	return content;
}

static void
record_work(void)
{
	const char *path = tempdir_path(&dir, "journal");
	struct journal *journal;

	put_shim_in_between();
	journal = open_at(path);
	/* Often, so that a few turns see the log begin anew several times. */
	sqlite3_wal_autocheckpoint(journal->db, 10);
	start[FILE_DB] = read_content(path);
	start[FILE_LOG] = read_content(tempdir_path(&dir, "journal-wal"));
	is_recording = true;
	for (int turn = 1; turn <= TURNS; turn++)
		work(journal, turn);
	is_recording = false;
	journal_free(journal);
}

/* What a power cut leaves. */

enum damage {
	LOSS_ALL, /* of what was not synced */
	LOSS_NONE,
	LOSS_LAST,
	LOSS_TORN,    /* the last has its first sector */
	LOSS_ODD,     /* every second write is missing */
	LOSS_FIRSTS,  /* the last one alone is there */
	LOSS_SECTORS, /* every second sector is missing */
	LOSS_COUNT
};

static void
put(struct content *disk, size_t offset, const unsigned char *bytes, size_t length)
{
	if (offset + length > disk->length) {
		disk->bytes = realloc(disk->bytes, offset + length);
		memset(disk->bytes + disk->length, 0, offset + length - disk->length);
		disk->length = offset + length;
	}
	memcpy(disk->bytes + offset, bytes, length);
}

static void
apply(struct content *disk, const struct op *op)
{
	if (op->kind == OP_WRITE)
		put(disk, op->offset, op->bytes, op->length);
	else if (op->kind == OP_TRUNCATE && op->offset < disk->length)
		disk->length = op->offset;
}

static void
apply_sectors(struct content *disk, const struct op *op, size_t from, size_t step)
{
	for (size_t at = from * SECTOR; at < op->length; at += step * SECTOR)
		put(disk, op->offset + at, op->bytes + at,
		    op->length - at < SECTOR ? op->length - at : SECTOR);
}

/* @number: of the writes that were not synced, from 0 on. */
static void
lose(struct content *disk, const struct op *op, enum damage loss, size_t number,
    bool is_last)
{
	bool is_there = loss == LOSS_NONE ||
			((loss == LOSS_LAST || loss == LOSS_TORN) && !is_last) ||
			(loss == LOSS_ODD && number % 2 == 0) ||
			(loss == LOSS_FIRSTS && is_last);

	if (is_there)
		apply(disk, op);
	else if (op->kind == OP_WRITE && loss == LOSS_TORN)
		put(disk, op->offset, op->bytes,
		    op->length < SECTOR ? op->length : SECTOR);
	else if (op->kind == OP_WRITE && loss == LOSS_SECTORS)
		apply_sectors(disk, op, number % 2, 2);
}

static struct content
disk_after(enum which which, size_t cut, enum damage loss)
{
	struct content disk = { malloc(start[which].length + 1), start[which].length };
	size_t synced = 0, last = 0, number = 0;

	if (start[which].length > 0)
		memcpy(disk.bytes, start[which].bytes, start[which].length);
	for (size_t i = 0; i < cut; i++) {
		if (ops[i].which != which)
			continue;
		if (ops[i].kind == OP_SYNC)
			synced = i;
		else
			last = i;
	}
	for (size_t i = 0; i < cut; i++) {
		if (ops[i].which != which)
			continue;
		if (i < synced)
			apply(&disk, &ops[i]);
		else if (ops[i].kind != OP_SYNC)
			lose(&disk, &ops[i], loss, number++, i == last);
	}
	return disk;
}

static void
write_disk(const char *path, enum which which, size_t cut, enum damage loss)
{
	struct content disk = disk_after(which, cut, loss);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert(fd >= 0);
	ck_assert(write(fd, disk.bytes, disk.length) == (ssize_t)disk.length);
	close(fd);
	free(disk.bytes);
}

static int
count_order(const struct journal_order *order, void *data)
{
	int *n = data;
	char id[32];

	/* In the order in which they were written, none left out. */
	snprintf(id, sizeof(id), "%d-%d", *n / ORDERS_A_TURN + 1, *n % ORDERS_A_TURN);
	ck_assert_str_eq(order->client_order_id, id);
	ck_assert_str_eq(order->cluster_id, id);
	ck_assert_int_eq(order->status, ORDER_INTENT);
	++*n;
	return 0;
}

/* The last turn whose commit the disk had been waited for before the cut. */
static int
promised_turn(size_t cut)
{
	int turn = 0;

	for (size_t i = 0; i < n_moments; i++) {
		if (moments[i].is_synced && moments[i].ops <= cut)
			turn = moments[i].turn;
	}
	return turn;
}

static int
begun_turn(size_t cut)
{
	size_t i = 0;

	while (i < n_moments && moments[i].ops <= cut)
		i++;
	return i < n_moments ? moments[i].turn : moments[n_moments - 1].turn;
}

static void
check_cut(size_t cut, enum damage db, enum damage log)
{
	const char *path = tempdir_path(&dir, "again");
	struct journal *journal;
	struct journal_state state;
	int orders = 0;

	(void)unlink(tempdir_path(&dir, "again-shm"));
	write_disk(path, FILE_DB, cut, db);
	write_disk(tempdir_path(&dir, "again-wal"), FILE_LOG, cut, log);
	journal = open_at(path);
	ck_assert_int_eq(journal_get_state(journal, &state), 0);
	ck_assert_msg(state.events >= promised_turn(cut),
	    "cut %zu of %zu, losses %d and %d: turn %d is promised, %d is there", cut,
	    n_ops, (int)db, (int)log, promised_turn(cut), (int)state.events);
	ck_assert_int_le(state.events, begun_turn(cut));
	ck_assert_int_eq(journal_each_order(journal, count_order, &orders), 0);
	ck_assert_int_eq(orders, (state.events + 1) / 2 * ORDERS_A_TURN);
	journal_free(journal);
}

static void
set_up(void)
{
	tempdir_init(&dir);
	record_work();
}

static void
tear_down(void)
{
	for (size_t i = 0; i < n_ops; i++)
		free(ops[i].bytes);
	free(ops);
	ops = NULL;
	n_ops = n_moments = 0;
	for (int i = 0; i < FILE_COUNT; i++)
		free(start[i].bytes);
	tempdir_deinit(&dir);
}

static bool
is_boundary(size_t cut)
{
	return cut == n_ops || ops[cut].kind == OP_SYNC ||
	       (cut > 0 && ops[cut - 1].kind == OP_SYNC);
}

START_TEST(at_every_sync_with_every_loss)
{
	for (size_t cut = 0; cut <= n_ops; cut++) {
		if (!is_boundary(cut))
			continue;
		for (int i = 0; i < LOSS_COUNT; i++)
			check_cut(cut, (enum damage)_i, (enum damage)i);
	}
}
END_TEST

START_TEST(at_every_write)
{
	for (size_t cut = 0; cut <= n_ops; cut++)
		check_cut(cut, (enum damage)(cut / LOSS_COUNT % LOSS_COUNT),
		    (enum damage)(cut % LOSS_COUNT));
}
END_TEST

/* Or the others would have looked at less than they say. */
START_TEST(the_record_has_both_files)
{
	size_t n[FILE_COUNT][3] = { 0 };

	for (size_t i = 0; i < n_ops; i++)
		n[ops[i].which][ops[i].kind]++;
	ck_assert_uint_gt(n[FILE_DB][OP_WRITE], 0);
	ck_assert_uint_gt(n[FILE_DB][OP_SYNC], 1);
	ck_assert_uint_ge(n[FILE_LOG][OP_SYNC], TURNS);
	ck_assert_uint_eq(n_moments, 2 * TURNS);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_record_has_both_files);
	tcase_add_test(tcase, at_every_write);
	tcase_add_loop_test(tcase, at_every_sync_with_every_loss, 0, LOSS_COUNT);
}

int
main(void)
{
	return suite_run("power_loss", add_tests);
}
