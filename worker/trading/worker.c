/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's making and unmaking, its state directory, and the few things every part
 * of a cycle does. What a cycle is stands in cycle.c.
 */
#include "worker/trading/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/paths.h"
#include "common/statefile.h"

#define ALIVE_EVERY_NS (200 * NS_PER_MS)
#define STATE_DIR_ENV "TRADESUP_STATE_DIR"
#define ALLOW_FAULTS_ENV "TRADESUP_ALLOW_FAULTS"

char *
worker_state_dir(const struct config *config, const char *name)
{
	const char *given = getenv(STATE_DIR_ENV);
	_cleanup_free_ char *dir =
	    given && *given ? strdup(given) : path_state(config->state_dir);

	return dir ? path_join(dir, name) : NULL;
}

int
worker_source(const struct config_trading *trading, const char *state_dir,
    struct registry_source *ret_source)
{
	_cleanup_free_ char *own = path_join(state_dir, "registry.conf");
	_cleanup_free_ char *copy = path_join(state_dir, "registry.last-good");

	if (!own || !copy)
		return -ENOMEM;
	return registry_source_init(
	    ret_source, trading->registry ? trading->registry : own, copy, state_dir);
}

static char *
lock_path(const char *state_dir)
{
	return path_join(state_dir, "lock");
}

int
worker_lock(const char *state_dir, bool may_make)
{
	_cleanup_free_ char *path = lock_path(state_dir);
	_cleanup_close_ int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_CLOEXEC | (may_make ? O_CREAT : 0), 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return steal_fd(&fd);
}

/*
 * A worker without a registry of its own gets the built-in one as a file, to be read,
 * edited and lost like any other.
 */
static int
write_builtin(const struct worker *worker)
{
	const char *text = registry_builtin();
	struct stamp copy = stamp_take(worker->source.copy);
	struct stamp file = stamp_take(worker->source.path);

	if (worker->config->trading->registry || copy.there || file.there)
		return 0;
	return statefile_write(worker->source.path, text, strlen(text), true);
}

/* At the first start no directory is missing yet: making them is no healing. */
static void
make_first_directories(struct worker *worker)
{
	struct error error = { "" };

	/* What fails here is found again by the pre-check, and reported there. */
	if (registry_source_refresh(&worker->source, &error) != 0)
		return;
	for (size_t i = 0; i < worker->source.registry->n_entries; i++)
		if (worker->source.registry->entries[i].section == REGISTRY_DIRECTORIES)
			(void)path_mkdirs(
			    worker->source.registry->entries[i].path, 0700);
}

/*
 * Only the very first time: a file that was there and is gone is a fault, and must not
 * be papered over by a restart. It is the first time until the lock's file is made,
 * which comes after.
 */
static int
prepare_first_start(struct worker *worker, struct error *error)
{
	_cleanup_free_ char *lock = lock_path(worker->state_dir);
	int r;

	if (!lock)
		return error_set(error, -ENOMEM, "out of memory");
	if (access(lock, F_OK) == 0)
		return 0;
	r = write_builtin(worker);
	if (r < 0)
		return error_set(error, r, "%s: %s", worker->source.path, strerror(-r));
	make_first_directories(worker);
	return 0;
}

/* Return: 0; WORKER_E_BUSY; -errno. */
static int
take_state_dir(struct worker *worker, struct error *error)
{
	int r;

	r = path_mkdirs(worker->state_dir, 0700);
	if (r < 0)
		return error_set(error, r, "%s: %s", worker->state_dir, strerror(-r));
	r = prepare_first_start(worker, error);
	if (r < 0)
		return r;
	worker->lock = worker_lock(worker->state_dir, true);
	if (worker->lock == -EWOULDBLOCK)
		return error_set(error, WORKER_E_BUSY,
		    "%s: another process is worker %s", worker->state_dir,
		    worker->name);
	if (worker->lock < 0)
		return error_set(error, worker->lock, "%s/lock: %s", worker->state_dir,
		    strerror(-worker->lock));
	return 0;
}

int
worker_new(const struct config *config, const struct config_node *node,
    struct error *error, struct worker **ret_worker)
{
	_cleanup_(worker_freep) struct worker *worker = calloc(1, sizeof(*worker));
	const char *allowed = getenv(ALLOW_FAULTS_ENV);
	int r;

	if (!worker)
		return error_set(error, -ENOMEM, "out of memory");
	worker->lock = worker->signals = -1;
	worker->name = node->name;
	worker->config = &node->worker;
	worker->phase = "start";
	worker->may_fault = allowed && strcmp(allowed, "1") == 0;
	worker->state_dir = worker_state_dir(config, node->name);
	worker->latch_dir = worker_state_dir(config, "");
	if (!worker->state_dir || !worker->latch_dir ||
	    worker_source(node->worker.trading, worker->state_dir, &worker->source) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	/* Hello comes before all that can take long or fail. */
	worker->link = tradesup_open(node->name);
	if (!worker->link)
		return error_set(
		    error, -EBADF, "TRADESUP_FD: no socket of a supervisor");
	worker->reporter = (struct reporter){ worker->link, worker->name };
	r = place_account(config, node, error, &worker->account);
	if (r != 0)
		return r;
	r = take_state_dir(worker, error);
	if (r)
		return r;
	*ret_worker = steal(&worker);
	return 0;
}

void
worker_close_trader(struct worker *worker)
{
	if (worker->trader)
		trader_totals(worker->trader, &worker->totals);
	worker->trader = trader_free(worker->trader);
	freep(&worker->journal);
	freep(&worker->cursor);
	freep(&worker->freeze);
	worker->journal = worker->cursor = worker->freeze = NULL;
}

struct worker *
worker_free(struct worker *worker)
{
	if (!worker)
		return NULL;
	worker_close_trader(worker);
	registry_source_deinit(&worker->source);
	vitals_deinit(&worker->vitals);
	tradesup_close(worker->link);
	closep(&worker->lock);
	free(worker->state_dir);
	free(worker->latch_dir);
	account_deinit(&worker->account);
	free(worker);
	return NULL;
}

void
worker_freep(struct worker **worker)
{
	worker_free(*worker);
}

static void
send_heartbeat(struct worker *worker)
{
	worker->alive_ns = clock_monotonic_ns();
	/* -EAGAIN: one that is lost hurts nobody, the next one says the same. */
	if (tradesup_heartbeat(worker->link, worker->cycle, worker->phase) == -EPIPE)
		worker->is_gone = true;
}

static void
take_fault_request(struct worker *worker, const char *kind_name)
{
	enum fault_kind kind;

	if (worker->may_fault && fault_kind_parse(kind_name, &kind) == 0)
		worker->faults |= 1u << kind;
	else
		(void)tradesup_status(worker->link, "fault refused");
}

static void
take_signals(struct worker *worker)
{
	struct signalfd_siginfo info;

	if (worker->signals >= 0 &&
	    read(worker->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		worker->end = "signal";
}

/* Everything that is waiting on the link, up to what ends the worker. */
static void
take_requests(struct worker *worker)
{
	struct tradesup_order order;

	while (!worker->end) {
		if (worker->is_gone || tradesup_poll(worker->link, 0, &order) < 0)
			order.request = TRADESUP_GONE;
		switch (order.request) {
		case TRADESUP_NOTHING:
			return;
		case TRADESUP_STOP:
			worker->end = "stop";
			break;
		case TRADESUP_RELOAD:
			worker->wants_reload = true;
			break;
		case TRADESUP_FAULT:
			take_fault_request(worker, order.kind);
			break;
		case TRADESUP_HOLD:
			/* The latches say so, too, and they are what counts: they are
			 * looked at before each order. */
			break;
		case TRADESUP_GONE:
			worker->is_gone = true;
			worker->end = "supervisor_gone";
			break;
		}
	}
}

void
worker_wishes(struct worker *worker)
{
	if (!worker->end)
		take_signals(worker);
	take_requests(worker);
}

bool
worker_alive(void *data)
{
	struct worker *worker = data;
	int64_t every_ns = ALIVE_EVERY_NS;

	if (worker->config->heartbeat_ns && worker->config->heartbeat_ns / 2 < every_ns)
		every_ns = worker->config->heartbeat_ns / 2;
	if (clock_monotonic_ns() - worker->alive_ns >= every_ns) {
		send_heartbeat(worker);
		worker_wishes(worker);
	}
	return !worker->end;
}

void
worker_phase(struct worker *worker, const char *phase)
{
	worker->phase = phase;
	send_heartbeat(worker);
}

/* Return: 0; -ENOMEM, with what could be copied left to worker_close_trader(). */
static int
copy_paths(struct worker *worker)
{
	const struct registry *registry = worker->source.registry;

	worker->journal = strdup(registry_path(registry, REGISTRY_JOURNAL));
	worker->cursor = strdup(registry_path(registry, REGISTRY_CURSOR));
	worker->freeze = strdup(registry_path(registry, REGISTRY_FREEZE));
	return worker->journal && worker->cursor && worker->freeze ? 0 : -ENOMEM;
}

static void
on_trading_event(enum log_level level, const struct record *event, void *data)
{
	struct worker *worker = data;

	if (report_event(&worker->reporter, level, event) == -EPIPE)
		worker->is_gone = true;
}

int
worker_open_trader(struct worker *worker, struct trader_failure *ret_failure)
{
	struct trader_paths paths;

	worker_close_trader(worker);
	if (registry_missing(worker->source.registry) || copy_paths(worker) < 0) {
		ret_failure->kind = FAULT_INTERNAL;
		return error_set(&ret_failure->error, -1, "no paths to open");
	}
	paths = (struct trader_paths){ .journal = worker->journal,
		.cursor = worker->cursor,
		.freeze = worker->freeze,
		.state_dir = worker->latch_dir,
		.own_dir = worker->state_dir,
		/* So that a slow server is no hang. */
		.patience_ns = worker->config->cycle_timeout_ns / 3,
		.others = worker->account.others,
		.n_others = worker->account.n_others };
	if (trader_open(worker->name, worker->config->trading, &paths, ret_failure,
		&worker->trader) < 0)
		return -1;
	trader_set_alive(worker->trader, worker_alive, worker);
	trader_set_on_event(worker->trader, on_trading_event, worker);
	trader_totals(worker->trader, &worker->totals);
	return 0;
}
