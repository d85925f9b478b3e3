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

/* The least pause after a cycle that read nothing, or failed, where cycles have none of
 * their own. */
#define PAUSE_NS (200 * NS_PER_MS)

struct loop {
	struct worker *worker;
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

/* Return: whether it is time; false: the worker is to end. */
static bool
wait_until(struct loop *loop, int64_t deadline_ns)
{
	struct worker *worker = loop->worker;
	struct pollfd wait[] = {
		{ .fd = worker->signals, .events = POLLIN },
		{ .fd = tradesup_fd(worker->link), .events = POLLIN },
	};
	int64_t left_ns;

	for (;;) {
		worker_wishes(worker);
		if (worker->end)
			return false;
		if (worker->wants_reload)
			registry_source_forget(&worker->source);
		worker->wants_reload = false;
		left_ns = deadline_ns - clock_monotonic_ns();
		if (left_ns <= 0)
			return true;
		worker_phase(worker, "idle");
		if (poll(wait, ARRAY_SIZE(wait), piece_ms(worker, left_ns)) < 0 &&
		    errno != EINTR)
			worker->is_gone = true;
	}
}

static int64_t
next_start_ns(
    const struct worker *worker, const struct cycle_result *result, int64_t start_ns)
{
	int64_t next_ns = start_ns + worker->config->trading->cycle_ns;
	int64_t now_ns = clock_monotonic_ns();

	if ((result->idle || result->failed) && next_ns < now_ns + PAUSE_NS)
		return now_ns + PAUSE_NS;
	return next_ns;
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
		int64_t start_ns = clock_monotonic_ns();

		run_once(worker, &result);
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
		if (!wait_until(loop, next_start_ns(worker, &result, start_ns))) {
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
	code = cycles(&loop, once);
	worker->signals = -1;
	/* Each batch is committed or was never there: nothing is in flight here. */
	r = vitals_write_heartbeat(&worker->vitals, false, &worker->totals);
	if (r < 0)
		report_trouble(&worker->reporter, "the last heartbeat was not written");
	(void)report_end(&worker->reporter, loop.reason);
	return code;
}
