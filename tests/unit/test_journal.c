/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: what is committed is there and nothing else, whoever may not have it
 * does not get it, and what is no sound journal is refused and left as it is.
 */
#include "worker/trading/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "common/statefile.h"
#include "suite.h"
#include "tempdir.h"

static struct tempdir dir;
static const char *path;
static struct error error;

static void
set_up(void)
{
	tempdir_init(&dir);
	path = tempdir_path(&dir, "journal");
	error.text[0] = '\0';
}

static void
tear_down(void)
{
	tempdir_deinit(&dir);
}

static struct journal *
open_journal(void)
{
	struct journal *journal = NULL;
	int r = journal_open(path, "flow", 1000 * DECIMAL_ONE, &error, &journal);

	ck_assert_msg(r == 0, "%d: %s", r, error.text);
	return journal;
}

static int64_t
add_cluster(struct journal *journal, const char *id)
{
	struct journal_cluster cluster = {
		.id = id, .symbol = "S", .notional = "1.00000000"
	};
	int64_t number = 0;

	ck_assert_int_eq(journal_add_cluster(journal, &cluster, &number), 0);
	return number;
}

/* A buy of one of @symbol, filled at 10 with a fee of 1. */
static void
add_filled(struct journal *journal, const char *id, const char *symbol)
{
	struct journal_order order = { .client_order_id = id,
		.cluster = add_cluster(journal, id),
		.symbol = symbol,
		.quantity = DECIMAL_ONE,
		.time_ns = 5 };
	struct journal_fill fill = { .symbol = symbol,
		.quantity = DECIMAL_ONE,
		.price = 10 * DECIMAL_ONE,
		.fee = DECIMAL_ONE };

	ck_assert_int_eq(journal_add_order(journal, &order, &fill.order), 0);
	ck_assert_int_eq(journal_move_order(
			     journal, fill.order, ORDER_INTENT, ORDER_OPEN, "b", NULL),
	    0);
	ck_assert_int_eq(journal_add_fill(journal, &fill), 0);
	ck_assert_int_eq(journal_move_order(
			     journal, fill.order, ORDER_OPEN, ORDER_FILLED, NULL, NULL),
	    0);
}

START_TEST(test_new_is_empty)
{
	struct journal *journal = open_journal();
	struct journal_state state;
	struct journal_snapshot snapshot;
	__int128 cash = 0;

	ck_assert_int_eq(journal_get_state(journal, &state), 0);
	ck_assert_int_eq(
	    state.events + state.dropped + state.clusters + state.orders, 0);
	ck_assert_str_eq(state.position, "");
	ck_assert_int_eq(journal_get_snapshot(journal, &snapshot), JOURNAL_E_NONE);
	ck_assert_int_eq(journal_cash(journal, &cash), 0);
	ck_assert(cash == 1000 * DECIMAL_ONE);
	journal_free(journal);
}
END_TEST

START_TEST(test_commit_and_rollback)
{
	struct journal *journal = open_journal();
	struct journal_state state = {
		.events = 7, .dropped = 2, .time_ns = -1, .position = "p"
	};
	__int128 cash = 0;
	int64_t quantity = -1;

	ck_assert_int_eq(journal_begin(journal), 0);
	add_filled(journal, "a", "S");
	ck_assert_int_eq(journal_set_state(journal, &state), 0);
	ck_assert_int_eq(journal_commit(journal), 0);
	ck_assert_int_eq(journal_begin(journal), 0);
	add_filled(journal, "b", "S");
	journal_rollback(journal);
	journal_rollback(journal);
	journal_free(journal);

	journal = open_journal();
	ck_assert_int_eq(journal_get_state(journal, &state), 0);
	ck_assert_int_eq(state.events, 7);
	ck_assert_int_eq(state.dropped, 2);
	ck_assert_int_eq(state.orders, 1);
	ck_assert_int_eq(state.fills, 1);
	ck_assert_str_eq(state.position, "p");
	ck_assert_int_eq(journal_position(journal, "S", &quantity), 0);
	ck_assert_int_eq(quantity, DECIMAL_ONE);
	ck_assert_int_eq(journal_position(journal, "T", &quantity), 0);
	ck_assert_int_eq(quantity, 0);
	ck_assert_int_eq(journal_cash(journal, &cash), 0);
	ck_assert(cash == 989 * DECIMAL_ONE);
	journal_free(journal);
}
END_TEST

START_TEST(test_cluster_known)
{
	struct journal *journal = open_journal();
	struct journal_cluster cluster = { .id = "a", .symbol = "S", .notional = "0" };
	int64_t number = 0;

	add_cluster(journal, "a");
	ck_assert_int_eq(
	    journal_add_cluster(journal, &cluster, &number), JOURNAL_E_KNOWN);
	ck_assert_int_eq(number, 0);
	journal_free(journal);
}
END_TEST

START_TEST(test_one_live_order_a_symbol)
{
	struct journal *journal = open_journal();
	struct journal_order order = { .client_order_id = "a",
		.cluster = add_cluster(journal, "a"),
		.symbol = "S",
		.side = TRADESUP_SELL,
		.quantity = 3 };
	struct journal_order live;
	int64_t number;

	ck_assert_int_eq(journal_live_order(journal, "S", &live), JOURNAL_E_NONE);
	ck_assert_int_eq(journal_add_order(journal, &order, &number), 0);
	ck_assert_int_eq(journal_live_order(journal, "S", &live), 0);
	ck_assert_int_eq(live.number, number);
	ck_assert_int_eq(live.side, TRADESUP_SELL);
	ck_assert_int_eq(live.quantity, 3);
	ck_assert_int_eq(live.status, ORDER_INTENT);
	ck_assert_int_eq(journal_live_order(journal, "T", &live), JOURNAL_E_NONE);
	ck_assert_int_eq(journal_live_order(journal, NULL, &live), 0);

	order.client_order_id = "b";
	ck_assert_int_eq(journal_add_order(journal, &order, &number), JOURNAL_E_DATA);
	ck_assert_int_eq(journal_move_order(journal, live.number, ORDER_INTENT,
			     ORDER_REJECTED, NULL, "no"),
	    0);
	ck_assert_int_eq(journal_add_order(journal, &order, &number), 0);
	order.symbol = "T";
	ck_assert_int_eq(journal_add_order(journal, &order, &number), JOURNAL_E_DATA);
	journal_free(journal);
}
END_TEST

START_TEST(test_status_moves_once)
{
	struct journal *journal = open_journal();

	add_filled(journal, "a", "S");
	ck_assert_int_eq(
	    journal_move_order(journal, 1, ORDER_OPEN, ORDER_FILLED, NULL, NULL),
	    JOURNAL_E_DATA);
	ck_assert_int_eq(
	    journal_move_order(journal, 1, ORDER_FILLED, ORDER_OPEN, NULL, NULL),
	    JOURNAL_E_DATA);
	ck_assert_int_eq(
	    journal_move_order(journal, 2, ORDER_OPEN, ORDER_FILLED, NULL, NULL),
	    JOURNAL_E_DATA);
	journal_free(journal);
}
END_TEST

START_TEST(test_orders_between)
{
	struct journal *journal = open_journal();
	int64_t count = -1;

	add_filled(journal, "a", "S");
	add_filled(journal, "b", "S");
	ck_assert_int_eq(journal_orders_between(journal, 5, 5, &count), 0);
	ck_assert_int_eq(count, 2);
	ck_assert_int_eq(journal_orders_between(journal, 6, INT64_MAX, &count), 0);
	ck_assert_int_eq(count, 0);
	journal_free(journal);
}
END_TEST

START_TEST(test_snapshot)
{
	struct journal *journal = open_journal();
	struct journal_snapshot snapshot = { .position = "here",
		.events = 3,
		.dropped = 4,
		.config_hash = 0xffffffff,
		.module_hash = 1,
		.normalizer = (void *)(uintptr_t) "a\0b",
		.normalizer_length = 3 };

	ck_assert_int_eq(journal_set_snapshot(journal, &snapshot), 0);
	ck_assert_int_eq(journal_set_snapshot(journal, &snapshot), 0);
	ck_assert_int_eq(journal_get_snapshot(journal, &snapshot), 0);
	ck_assert_str_eq(snapshot.position, "here");
	ck_assert_int_eq(snapshot.events, 3);
	ck_assert_int_eq(snapshot.dropped, 4);
	ck_assert_uint_eq(snapshot.config_hash, 0xffffffff);
	ck_assert_uint_eq(snapshot.normalizer_length, 3);
	ck_assert_int_eq(memcmp(snapshot.normalizer, "a\0b", 3), 0);
	ck_assert_uint_eq(snapshot.module_length, 0);
	journal_snapshot_deinit(&snapshot);
	journal_free(journal);
}
END_TEST

static int
stop_at_b(const struct journal_order *order, void *data)
{
	strcat(data, order->client_order_id);
	return strcmp(order->client_order_id, "b") == 0 ? 42 : 0;
}

START_TEST(test_rows_in_order)
{
	struct journal *journal = open_journal();
	char seen[8] = "";

	add_filled(journal, "c", "S");
	add_filled(journal, "b", "T");
	add_filled(journal, "a", "S");
	ck_assert_int_eq(journal_each_order(journal, stop_at_b, seen), 42);
	ck_assert_str_eq(seen, "cb");
	journal_free(journal);
}
END_TEST

static int
add_position(const struct journal_position *position, void *data)
{
	snprintf(strchr(data, '\0'), 32, "%s:%lld:%lld ", position->symbol,
	    (long long)(position->quantity / DECIMAL_ONE), (long long)position->price);
	return 0;
}

START_TEST(test_positions)
{
	struct journal *journal = open_journal();
	char seen[128] = "";

	add_filled(journal, "c", "S");
	add_filled(journal, "b", "T");
	add_filled(journal, "a", "S");
	ck_assert_int_eq(journal_set_price(journal, "S", 5), 0);
	ck_assert_int_eq(journal_set_price(journal, "S", 6), 0);
	ck_assert_int_eq(journal_set_price(journal, "T", 7), 0);
	ck_assert_int_eq(journal_each_position(journal, add_position, seen), 0);
	ck_assert_str_eq(seen, "T:1:7 S:2:6 ");
	journal_free(journal);
}
END_TEST

START_TEST(test_second_opener)
{
	struct journal *journal = open_journal(), *second = NULL;
	char pid[32];

	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	ck_assert_int_eq(journal_open(path, "flow", 0, &error, &second), -EBUSY);
	ck_assert_msg(strstr(error.text, pid) != NULL, "%s", error.text);
	journal_free(journal);
	journal_free(open_journal());
}
END_TEST

START_TEST(test_other_worker)
{
	struct journal *journal = NULL;

	journal_free(open_journal());
	ck_assert_int_eq(
	    journal_open(path, "flow2", 0, &error, &journal), JOURNAL_E_DATA);
	ck_assert_msg(strstr(error.text, "flow2") != NULL, "%s", error.text);
}
END_TEST

static void
write_file(const char *name, const void *bytes, size_t length, off_t offset)
{
	_cleanup_close_ int fd = open(name, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, length, offset), (ssize_t)length);
}

static char *
read_file(const char *name, size_t *ret_length)
{
	_cleanup_fclose_ FILE *file = fopen(name, "re");
	char *bytes = malloc(1 << 20);

	ck_assert_ptr_nonnull(file);
	*ret_length = fread(bytes, 1, 1 << 20, file);
	return bytes;
}

static void
make_text(void)
{
	write_file(path, "time,price\n1,2\n", 15, 0);
}

static void
make_empty(void)
{
	write_file(path, "", 0, 0);
}

static void
make_damaged(void)
{
	char noise[3000];
	struct journal *journal = open_journal();

	for (int i = 0; i < 200; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%d", i);
		add_filled(journal, id, "S");
	}
	journal_free(journal);
	memset(noise, 0xa5, sizeof(noise));
	write_file(path, noise, sizeof(noise), 2 * 4096);
}

static void
make_cut(void)
{
	make_damaged();
	ck_assert_int_eq(truncate(path, 4096), 0);
}

static void
run_sql(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
make_foreign(void)
{
	run_sql("CREATE TABLE t (x)");
}

static void
make_later(void)
{
	journal_free(open_journal());
	run_sql("PRAGMA user_version = 99");
}

static void
make_headless(void)
{
	journal_free(open_journal());
	run_sql("DELETE FROM meta");
}

static const struct refused_case {
	const char *what;
	void (*make)(void);
} refused_cases[] = {
	{ "text", make_text },
	{ "an empty file", make_empty },
	{ "damaged pages", make_damaged },
	{ "cut after the first page", make_cut },
	{ "another program's database", make_foreign },
	{ "a later version's", make_later },
	{ "without its first row", make_headless },
};

START_TEST(test_refused)
{
	const struct refused_case *c = &refused_cases[_i];
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct journal *journal = NULL;
	size_t length, length_after;

	c->make();
	before = read_file(path, &length);
	ck_assert_msg(journal_open(path, "flow", 0, &error, &journal) == JOURNAL_E_DATA,
	    "%s", c->what);
	ck_assert_msg(strstr(error.text, path) != NULL, "%s: %s", c->what, error.text);
	after = read_file(path, &length_after);
	ck_assert_uint_eq(length, length_after);
	ck_assert_msg(memcmp(before, after, length) == 0, "%s: changed", c->what);
	ck_assert_int_ne(journal_open_read(path, &error, &journal), 0);
}
END_TEST

START_TEST(test_log_without_file)
{
	struct journal *journal = NULL;

	write_file(tempdir_path(&dir, "journal-wal"), "x", 1, 0);
	ck_assert_int_eq(
	    journal_open(path, "flow", 0, &error, &journal), JOURNAL_E_DATA);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(test_no_directory)
{
	struct journal *journal = NULL;

	path = tempdir_path(&dir, "none/journal");
	ck_assert_int_eq(journal_open(path, "flow", 0, &error, &journal), -ENOENT);
	ck_assert_msg(strstr(error.text, path) != NULL, "%s", error.text);
}
END_TEST

START_TEST(test_left_over_from_a_kill)
{
	write_file(tempdir_path(&dir, "journal.new"), "half", 4, 0);
	journal_free(open_journal());
	ck_assert_int_ne(access(tempdir_path(&dir, "journal.new"), F_OK), 0);
}
END_TEST

START_TEST(test_removed_while_in_use)
{
	struct journal *journal = open_journal();

	ck_assert_int_eq(rename(path, tempdir_path(&dir, "elsewhere")), 0);
	ck_assert_int_eq(journal_begin(journal), -ESTALE);
	write_file(path, "x", 1, 0);
	ck_assert_int_eq(journal_begin(journal), -ESTALE);
	journal_free(journal);
}
END_TEST

/* A limit on the size of files stands for a disk that is full. */
static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(test_full)
{
	struct journal *journal = open_journal();
	struct journal_state state = { .events = 1 };
	int r;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(journal_begin(journal), 0);
	add_filled(journal, "a", "S");
	ck_assert_int_eq(journal_commit(journal), 0);
	limit_files(16384);
	ck_assert_int_eq(journal_begin(journal), 0);
	add_filled(journal, "b", "S");
	r = journal_commit(journal);
	limit_files(RLIM_INFINITY);
	ck_assert_int_lt(r, 0);
	ck_assert_msg(
	    strstr(journal_error(journal), path) != NULL, "%s", journal_error(journal));
	journal_rollback(journal);

	ck_assert_int_eq(journal_begin(journal), 0);
	add_filled(journal, "b", "S");
	ck_assert_int_eq(journal_set_state(journal, &state), 0);
	ck_assert_int_eq(journal_commit(journal), 0);
	ck_assert_int_eq(journal_get_state(journal, &state), 0);
	ck_assert_int_eq(state.orders, 2);
	journal_free(journal);
}
END_TEST

START_TEST(test_busy)
{
	struct journal *journal = open_journal();
	struct journal_state state = { .events = 1 };
	sqlite3 *other;

	ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(journal_begin(journal), 0);
	ck_assert_int_eq(journal_set_state(journal, &state), -EBUSY);
	journal_rollback(journal);
	sqlite3_close(other);
	ck_assert_int_eq(journal_begin(journal), 0);
	ck_assert_int_eq(journal_set_state(journal, &state), 0);
	ck_assert_int_eq(journal_commit(journal), 0);
	journal_free(journal);
}
END_TEST

START_TEST(test_read_while_written)
{
	struct journal *journal = open_journal(), *reader = NULL;
	struct journal_state state;

	ck_assert_int_eq(journal_open_read(path, &error, &reader), 0);
	ck_assert_int_eq(journal_begin(journal), 0);
	add_filled(journal, "a", "S");
	ck_assert_int_eq(journal_commit(journal), 0);
	/* The reader stays with what it saw when it was opened. */
	ck_assert_int_eq(journal_get_state(reader, &state), 0);
	ck_assert_int_eq(state.orders, 0);
	journal_free(reader);
	ck_assert_int_eq(journal_open_read(path, &error, &reader), 0);
	ck_assert_str_eq(journal_worker(reader), "flow");
	ck_assert_int_eq(journal_get_state(reader, &state), 0);
	ck_assert_int_eq(state.orders, 1);
	journal_free(reader);
	journal_free(journal);
}
END_TEST

/* In a process of its own, without the right to write; as root, as somebody else.
 * Return: orders, or -1. */
static int
count_as_stranger(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct journal *reader = NULL;
		struct journal_state state = { .orders = 99 };

		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(98);
		if (journal_open_read(path, &error, &reader) != 0 ||
		    journal_get_state(reader, &state) != 0)
			_exit(99);
		_exit((int)state.orders);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(test_read_by_a_stranger)
{
	struct journal *journal = open_journal();

	add_filled(journal, "a", "S");
	ck_assert_int_eq(chmod(dir.path, 0555), 0);
	ck_assert_int_eq(count_as_stranger(), 1);
	ck_assert_int_eq(chmod(dir.path, 0755), 0);
	journal_free(journal);
	ck_assert_int_eq(chmod(dir.path, 0555), 0);
	ck_assert_int_eq(count_as_stranger(), 1);
	ck_assert_int_eq(chmod(dir.path, 0755), 0);
}
END_TEST

START_TEST(test_read_none)
{
	struct journal *reader = NULL;

	ck_assert_int_eq(journal_open_read(path, &error, &reader), -ENOENT);
}
END_TEST

/* A file as version 1 of the schema had it. */
static void
write_old(void)
{
	_cleanup_free_ char *sql_path = NULL;
	_cleanup_free_ char *sql = NULL;
	sqlite3 *db = NULL;
	size_t length;

	ck_assert_int_ge(asprintf(&sql_path, "%s/tests/data/journal-1.sql",
			     getenv("TRADESUP_TREE") ? getenv("TRADESUP_TREE") : "."),
	    0);
	ck_assert_int_eq(statefile_read(sql_path, &sql, &length), 0);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static int
count_order(const struct journal_order *order, void *data)
{
	static const enum order_status statuses[] = { ORDER_FILLED, ORDER_FILLED,
		ORDER_OPEN };
	int *count = data;

	ck_assert_int_eq(order->number, *count + 1);
	ck_assert_int_eq(order->status, statuses[*count]);
	ck_assert_int_eq(strncmp(order->client_order_id, "ts-flow-", 8), 0);
	++*count;
	return 0;
}

static void
check_old_content(struct journal *journal)
{
	struct journal_state state;
	struct journal_order live;
	int64_t quantity = 0;
	__int128 cash = 0;
	int count = 0;

	ck_assert_int_eq(journal_get_state(journal, &state), 0);
	ck_assert_int_eq(state.events, 8);
	ck_assert_int_eq(state.clusters, 3);
	ck_assert_int_eq(state.fills, 2);
	ck_assert_int_eq(journal_each_order(journal, count_order, &count), 0);
	ck_assert_int_eq(count, 3);
	ck_assert_int_eq(journal_position(journal, "B", &quantity), 0);
	ck_assert_int_eq(quantity, INT64_C(48780487804));
	ck_assert_int_eq(journal_live_order(journal, "C", &live), 0);
	ck_assert_int_eq(live.number, 3);
	ck_assert_int_eq(journal_cash(journal, &cash), 0);
	ck_assert(cash == INT64_C(7887804878067));
	ck_assert_int_eq(
	    journal_get_account(journal, &quantity, &quantity), JOURNAL_E_NONE);
}

START_TEST(test_old_is_migrated)
{
	struct journal *journal;

	write_old();
	journal = open_journal();
	check_old_content(journal);
	journal_free(journal);
	journal = open_journal();
	check_old_content(journal);
	ck_assert_int_eq(journal_begin(journal), 0);
	add_filled(journal, "new", "S");
	ck_assert_int_eq(journal_commit(journal), 0);
	journal_free(journal);
}
END_TEST

START_TEST(test_old_is_read)
{
	struct journal *journal = NULL;

	write_old();
	ck_assert_msg(journal_open_read(path, &error, &journal) == 0, "%s", error.text);
	check_old_content(journal);
	journal_free(journal);
}
END_TEST

#ifdef TRADESUP_KILL_POINTS
/* Killed after any step of the migration: the next start does all of it again. */
START_TEST(test_killed_while_migrated)
{
	struct journal *journal;
	char at[32];
	int status;
	pid_t pid;

	write_old();
	snprintf(at, sizeof(at), "journal.migrating:%d", _i);
	pid = fork();
	if (pid == 0) {
		setenv("TRADESUP_KILL_AT", _i == 9 ? "journal.migrated" : at, 1);
		journal_open(path, "flow", 0, &error, &journal);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	journal = open_journal();
	check_old_content(journal);
	journal_free(journal);
}
END_TEST
#endif

struct seen {
	int count;
	struct journal_pending last;
	char id[ORDER_ID_MAX];
};

static int
on_pending(const struct journal_pending *pending, void *data)
{
	struct seen *seen = data;

	seen->count++;
	seen->last = *pending;
	strcpy(seen->id, pending->order.client_order_id);
	return 0;
}

/* From the intent over a lost answer to a part of it, given up, and there after all. */
START_TEST(test_life)
{
	struct journal *journal = open_journal();
	struct journal_order order = { .client_order_id = "a",
		.cluster = add_cluster(journal, "a"),
		.symbol = "S",
		.quantity = 5,
		.created_ns = 7 };
	struct journal_change change = { .from = ORDER_SENT,
		.life = { .status = ORDER_EXPIRED, .unproven = 2 },
		.reason = "max_age" };
	struct seen seen = { 0 };

	ck_assert_int_eq(journal_begin(journal), 0);
	ck_assert_int_eq(journal_add_order(journal, &order, &change.number), 0);
	ck_assert_int_eq(journal_commit(journal), 0);
	ck_assert_int_eq(journal_begin(journal), 0);
	ck_assert_int_eq(journal_mark_sent(journal, change.number, 8, 2), 0);
	ck_assert_int_eq(journal_commit(journal), 0);
	ck_assert_int_eq(journal_begin(journal), 0);
	ck_assert_int_eq(journal_mark_look(journal, change.number, 9, 10), 0);
	ck_assert_int_eq(journal_commit(journal), 0);
	ck_assert_int_eq(journal_each_pending(journal, on_pending, &seen), 0);
	ck_assert_int_eq(seen.count, 1);
	ck_assert_str_eq(seen.id, "a");
	ck_assert_int_eq(seen.last.life.status, ORDER_SENT);
	ck_assert_int_eq(seen.last.life.created_ns, 7);
	ck_assert_int_eq(seen.last.life.unproven, 2);
	ck_assert_int_eq(seen.last.life.missing_since_ns, 10);
	ck_assert_int_eq(seen.last.sent_ns, 8);
	ck_assert_int_eq(seen.last.looked_ns, 9);

	ck_assert_int_eq(journal_begin(journal), 0);
	ck_assert_int_eq(journal_change_order(journal, &change), 0);
	/* It is not `sent` any more. */
	ck_assert_int_eq(journal_change_order(journal, &change), JOURNAL_E_DATA);
	/* Another may be live in the symbol now, and this one turn up beside it. */
	order.client_order_id = "b";
	order.cluster = add_cluster(journal, "b");
	ck_assert_int_eq(journal_add_order(journal, &order, &order.number), 0);
	change.from = ORDER_EXPIRED;
	change.life.status = ORDER_PARTIALLY_FILLED;
	change.late = true;
	change.filled = 3;
	change.average = 4;
	ck_assert_int_eq(journal_change_order(journal, &change), 0);
	ck_assert_int_eq(journal_commit(journal), 0);
	seen.count = 0;
	ck_assert_int_eq(journal_each_pending(journal, on_pending, &seen), 0);
	ck_assert_int_eq(seen.count, 2);
	journal_free(journal);
}
END_TEST

START_TEST(test_account_and_adjustments)
{
	struct journal *journal = open_journal();
	int64_t cash = 0, read_ns = 0, quantity = 0;

	ck_assert_int_eq(journal_begin(journal), 0);
	add_filled(journal, "a", "S");
	ck_assert_int_eq(
	    journal_add_adjustment(journal, "S", -DECIMAL_ONE / 4, 1, 2), 0);
	ck_assert_int_eq(journal_add_adjustment(journal, "T", 9, 1, 2), 0);
	ck_assert_int_eq(journal_commit(journal), 0);
	ck_assert_int_eq(journal_begin(journal), 0);
	ck_assert_int_eq(journal_set_account(journal, 1, 2), 0);
	ck_assert_int_eq(journal_set_account(journal, 3, 4), 0);
	ck_assert_int_eq(journal_commit(journal), 0);
	ck_assert_int_eq(journal_position(journal, "S", &quantity), 0);
	ck_assert_int_eq(quantity, DECIMAL_ONE * 3 / 4);
	ck_assert_int_eq(journal_position(journal, "T", &quantity), 0);
	ck_assert_int_eq(quantity, 9);
	ck_assert_int_eq(journal_get_account(journal, &cash, &read_ns), 0);
	ck_assert_int_eq(cash, 3);
	ck_assert_int_eq(read_ns, 4);
	journal_free(journal);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_new_is_empty);
	tcase_add_test(tcase, test_commit_and_rollback);
	tcase_add_test(tcase, test_cluster_known);
	tcase_add_test(tcase, test_one_live_order_a_symbol);
	tcase_add_test(tcase, test_status_moves_once);
	tcase_add_test(tcase, test_orders_between);
	tcase_add_test(tcase, test_snapshot);
	tcase_add_test(tcase, test_rows_in_order);
	tcase_add_test(tcase, test_positions);
	tcase_add_test(tcase, test_second_opener);
	tcase_add_test(tcase, test_other_worker);
	tcase_add_loop_test(tcase, test_refused, 0, ARRAY_SIZE(refused_cases));
	tcase_add_test(tcase, test_log_without_file);
	tcase_add_test(tcase, test_no_directory);
	tcase_add_test(tcase, test_left_over_from_a_kill);
	tcase_add_test(tcase, test_removed_while_in_use);
	tcase_add_test(tcase, test_full);
	tcase_add_test(tcase, test_busy);
	tcase_add_test(tcase, test_read_while_written);
	tcase_add_test(tcase, test_read_by_a_stranger);
	tcase_add_test(tcase, test_read_none);
	tcase_add_test(tcase, test_old_is_migrated);
	tcase_add_test(tcase, test_old_is_read);
#ifdef TRADESUP_KILL_POINTS
	tcase_add_loop_test(tcase, test_killed_while_migrated, 1, 10);
#endif
	tcase_add_test(tcase, test_life);
	tcase_add_test(tcase, test_account_and_adjustments);
}

int
main(void)
{
	return suite_run("journal", add_tests);
}
