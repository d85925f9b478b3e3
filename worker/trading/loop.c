/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between two cycles: waiting, heartbeats while waiting, and the requests of the
 * supervisor and of signals. It knows nothing of what a cycle does.
 */
#include "worker/trading/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "worker/trading/cycle.h"
#include "worker/trading/feed_watch.h"
#include "worker/trading/pace.h"

struct loop {
	struct worker *worker;
	struct feed_watch watch;
	struct pace pace;
	const char *reason; /* for the end; a word */
};

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* How long to sleep in one piece, so that a heartbeat is never late. */
static int
piece_ms(const struct worker *worker, int64_t left_ns)
{
	int64_t half_ns = worker->config->heartbeat_ns / 2;
	int64_t piece_ns = half_ns && half_ns < left_ns ? half_ns : left_ns;

	if (piece_ns > 60 * NS_PER_S)
		piece_ns = 60 * NS_PER_S;
	return (int)((piece_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/*
 * Sleep until something comes or a time is near. Return: whether the feed calls. No
 * request is under way between two cycles, so no other descriptor is waited for.
 */
static bool
wait_piece(struct loop *loop, int64_t now_ns)
{
	struct worker *worker = loop->worker;
	bool listens = now_ns >= loop->pace.listen_ns;
	int64_t until_ns = listens ? loop->pace.next_ns : loop->pace.listen_ns;
	struct pollfd wait[] = {
		{ .fd = worker->signals, .events = POLLIN },
		{ .fd = tradesup_fd(worker->link), .events = POLLIN },
		{ .fd = listens ? loop->watch.fd : -1, .events = POLLIN },
	};

	if (poll(wait, ARRAY_SIZE(wait), piece_ms(worker, until_ns - now_ns)) < 0) {
		worker->is_gone |= errno != EINTR;
		return false;
	}
	return wait[2].revents != 0;
}

/* Return: whether it is time; false: the worker is to end. */
static bool
wait_for_next(struct loop *loop)
{
	struct worker *worker = loop->worker;
	bool is_called = false;

	for (;;) {
		int64_t now_ns;

		worker_wishes(worker);
		if (worker->end)
			return false;
		if (worker->wants_reload)
			registry_source_forget(&worker->source);
		worker->wants_reload = false;
		now_ns = clock_monotonic_ns();
		if (is_called || now_ns >= loop->pace.next_ns)
			return true;
		worker_phase(worker, "idle");
		is_called = wait_piece(loop, now_ns);
	}
}

static int64_t
records_of(const struct worker *worker)
{
	return worker->totals.events + worker->totals.dropped;
}

/* One cycle, and when the next one is to be. */
static void
run_paced(struct loop *loop, struct cycle_result *ret_result)
{
	struct worker *worker = loop->worker;
	struct pace_facts facts = { .cycle_ns = worker->config->trading->cycle_ns,
		.start_ns = clock_monotonic_ns() };
	int64_t records = records_of(worker);

	/* Before the feed is read: what comes behind it calls again. */
	facts.was_called = feed_watch_take(&loop->watch);
	run_once(worker, ret_result);
	facts.is_idle = ret_result->idle;
	facts.has_failed = ret_result->failed;
	facts.has_records = records_of(worker) != records;
	facts.now_ns = clock_monotonic_ns();
	pace_next(&loop->pace, &facts);
}

/* Alone there is nobody to start us afresh. */
static bool
has_failed_enough(const struct worker *worker)
{
	uint32_t limit = worker->config->failed_cycles;

	return !tradesup_is_supervised(worker->link) && limit > 0 &&
	       worker->vitals.consecutive >= limit;
}

static enum exit_code
cycles(struct loop *loop, bool once)
{
	struct worker *worker = loop->worker;
	struct cycle_result result;

	for (;;) {
		run_paced(loop, &result);
		if (result.ended)
			loop->reason = "feed_ended";
		else if (once)
			loop->reason = "once";
		if ((once && result.failed) || has_failed_enough(worker)) {
			loop->reason = "failed_cycles";
			return EXIT_ESCALATED;
		}
		if (result.ended || once)
			return EXIT_OK;
		if (!wait_for_next(loop)) {
			loop->reason = worker->end;
			return EXIT_OK;
		}
	}
}

enum exit_code
loop_run(struct worker *worker, bool once, struct error *error)
{
	struct loop loop = { .worker = worker, .reason = "" };
	_cleanup_close_ int signals = open_signals();
	enum exit_code code;
	int r;

	if (signals < 0)
		return (enum exit_code)error_set(
		    error, EXIT_OSERR, "signalfd: %s", strerror(errno));
	worker->signals = signals;
	feed_watch_init(&loop.watch, worker->config->trading);
	code = cycles(&loop, once);
	feed_watch_deinit(&loop.watch);
	worker->signals = -1;
	/* Each batch is committed or was never there: nothing is in flight here. */
	r = vitals_write_heartbeat(&worker->vitals, false, &worker->totals);
	if (r < 0)
		report_trouble(&worker->reporter, "the last heartbeat was not written");
	(void)report_end(&worker->reporter, loop.reason);
	return code;
}
