/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deferred writing of crash reports and healing statistics. The formats are crash.c's
 * and healing.c's; when to restart or give up is not known here.
 */
#include "supervisor/aftermath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/paths.h"
#include "supervisor/context.h"
#include "supervisor/crash.h"
#include "supervisor/healing.h"

#define REPORTS_PER_TURN 8
#define REPORTS_AFTER_MS 100 /* not while others are being restarted */
#define STORE_AFTER_MS 200
#define STORE_AGAIN_S 1 /* after a failure */

struct report {
	TAILQ_ENTRY(report) entry;
	struct child *child;
	const char *action;
	int64_t time_ns, up_ns, cycle;
	struct exit_reason reason;
	pid_t pid;
	char why[160];
	char phase[32];
	char *error;
};

struct aftermath {
	struct supervisor *supervisor;
	struct healing healing;
	struct history history;
	char *healing_path, *history_path, *crash_dir;
	bool dirty, store_failed;
	bool healing_changed; /* and not the history alone */
	TAILQ_HEAD(, report) reports;
	struct event *on_reports, *on_store;
};

static void
warn(struct aftermath *aftermath, const char *event, const char *path, int error)
{
	struct record record;

	record_init(&record, event);
	record_text(&record, "path", path);
	record_text(&record, "error", strerror(error));
	event_log_emit(&aftermath->supervisor->events, LOG_LEVEL_ERROR, &record);
}

/* A failure is told once, until both work again. */
static void
store(struct aftermath *aftermath)
{
	const char *path = aftermath->healing_path;
	int r = 0;

	if (!aftermath->dirty)
		return;
	if (aftermath->healing_changed)
		r = healing_store(&aftermath->healing, path);
	if (r == 0) {
		aftermath->healing_changed = false;
		path = aftermath->history_path;
		r = history_store(&aftermath->history, path);
	}
	if (r < 0 && !aftermath->store_failed)
		warn(aftermath, "healing.store_failed", path, -r);
	aftermath->store_failed = r < 0;
	aftermath->dirty = r < 0;
}

static void
on_store_cb(evutil_socket_t fd, short what, void *data)
{
	const struct timeval again = { .tv_sec = STORE_AGAIN_S };
	struct aftermath *aftermath = data;

	(void)fd, (void)what;
	store(aftermath);
	if (aftermath->dirty)
		evtimer_add(aftermath->on_store, &again);
}

/* The more there is to write, the less often: it is a bounded share of the loop. */
static void
changed(struct aftermath *aftermath)
{
	int64_t ms = STORE_AFTER_MS +
		     (int64_t)(aftermath->history.hours.n + aftermath->history.sums.n);
	struct timeval after = clock_timeval(ms * NS_PER_MS);

	if (aftermath->dirty)
		return;
	aftermath->dirty = true;
	evtimer_add(aftermath->on_store, &after);
}

static struct history_now
history_now(void)
{
	return (struct history_now){ clock_realtime_ns(), clock_boottime_ns() };
}

/* Times of day of the last restarts, oldest first. */
static size_t
restart_times(const struct child *child, int64_t out[CHILD_RESTARTS_KEPT])
{
	size_t n = child->restarts < CHILD_RESTARTS_KEPT ? child->restarts
							 : CHILD_RESTARTS_KEPT;

	for (size_t i = 0; i < n; i++)
		out[i] = child->restart_times_ns[(child->restarts - n + i) %
						 CHILD_RESTARTS_KEPT];
	return n;
}

static void
write_report(struct aftermath *aftermath, struct report *report)
{
	int64_t restarts_ns[CHILD_RESTARTS_KEPT];
	struct crash crash = { .worker = child_name(report->child),
		.pid = report->pid,
		.time_ns = report->time_ns,
		.up_ns = report->up_ns,
		.reason = report->reason,
		.why = report->why,
		.action = report->action,
		.phase = report->phase,
		.cycle = report->cycle,
		.last_error = report->error ? report->error : "",
		.output = report->child->output,
		.restarts_ns = restarts_ns };
	int r;

	crash.n_restarts = restart_times(report->child, restarts_ns);
	r = crash_write(aftermath->crash_dir, &crash, NULL);
	if (r < 0)
		warn(aftermath, "crash.write_failed", aftermath->crash_dir, -r);
	TAILQ_REMOVE(&aftermath->reports, report, entry);
	free(report->error);
	free(report);
}

static void
on_reports_cb(evutil_socket_t fd, short what, void *data)
{
	struct aftermath *aftermath = data;
	struct report *report;

	(void)fd, (void)what;
	for (int i = 0; i < REPORTS_PER_TURN; i++) {
		report = TAILQ_FIRST(&aftermath->reports);
		if (!report)
			return;
		write_report(aftermath, report);
	}
	event_active(aftermath->on_reports, EV_TIMEOUT, 0);
}

void
aftermath_flush(struct aftermath *aftermath)
{
	struct report *report;

	while ((report = TAILQ_FIRST(&aftermath->reports)))
		write_report(aftermath, report);
	if (aftermath->healing_path && aftermath->history_path)
		store(aftermath);
}

struct aftermath *
aftermath_free(struct aftermath *aftermath)
{
	if (!aftermath)
		return NULL;
	aftermath_flush(aftermath);
	if (aftermath->on_reports)
		event_free(aftermath->on_reports);
	if (aftermath->on_store)
		event_free(aftermath->on_store);
	healing_deinit(&aftermath->healing);
	history_deinit(&aftermath->history);
	free(aftermath->healing_path);
	free(aftermath->history_path);
	free(aftermath->crash_dir);
	free(aftermath);
	return NULL;
}

static void
loaded(struct aftermath *aftermath, const char *path, int r)
{
	if (r < 0)
		warn(aftermath,
		    r == -EBADMSG ? "healing.set_aside" : "healing.load_failed", path,
		    -r);
}

struct aftermath *
aftermath_new(struct supervisor *supervisor)
{
	struct aftermath *aftermath = calloc(1, sizeof(*aftermath));

	if (!aftermath)
		return NULL;
	aftermath->supervisor = supervisor;
	TAILQ_INIT(&aftermath->reports);
	healing_init(&aftermath->healing);
	history_init(&aftermath->history);
	aftermath->healing_path = path_join(supervisor->state_dir, HEALING_FILE);
	aftermath->history_path = path_join(supervisor->state_dir, HISTORY_FILE);
	aftermath->crash_dir = path_join(supervisor->state_dir, "crashes");
	aftermath->on_reports = evtimer_new(supervisor->base, on_reports_cb, aftermath);
	aftermath->on_store = evtimer_new(supervisor->base, on_store_cb, aftermath);
	if (!aftermath->healing_path || !aftermath->history_path ||
	    !aftermath->crash_dir || !aftermath->on_reports || !aftermath->on_store)
		return aftermath_free(aftermath);
	event_priority_set(aftermath->on_reports, SUPERVISOR_PRIORITY_LATER);
	event_priority_set(aftermath->on_store, SUPERVISOR_PRIORITY_LATER);
	loaded(aftermath, aftermath->healing_path,
	    healing_load(&aftermath->healing, aftermath->healing_path));
	loaded(aftermath, aftermath->history_path,
	    history_load(&aftermath->history, aftermath->history_path));
	return aftermath;
}

void
aftermath_crash(struct aftermath *aftermath, struct child *child, const char *action)
{
	const struct timeval after = { .tv_usec = REPORTS_AFTER_MS * 1000 };
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return;
	report->child = child;
	report->action = action;
	report->time_ns = clock_realtime_ns();
	report->up_ns = clock_monotonic_ns() - child->seen.started_ns;
	report->cycle = child->cycle;
	report->reason = child->reason;
	report->pid = child->process.pid;
	report->error = child->error ? strdup(child->error) : NULL;
	memcpy(report->phase, child->phase, sizeof(report->phase));
	snprintf(report->why, sizeof(report->why), "%s%s%s",
	    child_doom_kind(child->doom), child->doom_detail[0] ? ": " : "",
	    child->doom_detail);
	TAILQ_INSERT_TAIL(&aftermath->reports, report, entry);
	if (!evtimer_pending(aftermath->on_reports, NULL))
		evtimer_add(aftermath->on_reports, &after);
}

void
aftermath_forget(struct aftermath *aftermath, const struct child *child)
{
	struct report *report, *next;

	for (report = TAILQ_FIRST(&aftermath->reports); report; report = next) {
		next = TAILQ_NEXT(report, entry);
		if (report->child == child)
			write_report(aftermath, report);
	}
}

void
aftermath_heal(struct aftermath *aftermath, const struct history_step *step,
    enum heal_outcome outcome)
{
	struct history_now now = history_now();

	history_heal(&aftermath->history, step, outcome, now);
	if (healing_count(&aftermath->healing, step->worker, step->level, step->kind,
		outcome, now.real_ns) == 0)
		aftermath->healing_changed = true;
	changed(aftermath);
}

void
aftermath_try(struct aftermath *aftermath, const struct history_step *step)
{
	struct history_now now = history_now();

	history_try(&aftermath->history, step, now);
	if (healing_begin(&aftermath->healing, step->worker, step->level, step->kind,
		now.real_ns) == 0)
		aftermath->healing_changed = true;
	changed(aftermath);
}

void
aftermath_bad_cycle(
    struct aftermath *aftermath, const char *worker, int64_t interval_ns)
{
	history_bad_cycle(&aftermath->history, worker, interval_ns, history_now());
	changed(aftermath);
}

void
aftermath_stopped(struct aftermath *aftermath, const char *worker)
{
	history_stopped(&aftermath->history, worker);
	changed(aftermath);
}

void
aftermath_healed(struct aftermath *aftermath, const char *worker)
{
	unsigned levels = healing_good_cycle(&aftermath->healing, worker);
	bool was_out = history_good_cycle(&aftermath->history, worker, history_now());

	if (levels == 0 && !was_out)
		return;
	aftermath->healing_changed |= levels != 0;
	changed(aftermath);
	for (int level = 3; level <= 4; level++) {
		struct record record;

		if (!(levels & 1u << level))
			continue;
		record_init(&record, "self_healing.verified");
		record_text(&record, "worker", worker);
		record_int(&record, "level", level);
		event_log_emit(
		    &aftermath->supervisor->events, LOG_LEVEL_NOTICE, &record);
	}
}

void
aftermath_each(const struct aftermath *aftermath,
    void (*call)(const struct healing_row *row, void *data), void *data)
{
	for (size_t i = 0; i < aftermath->healing.n_rows; i++)
		call(&aftermath->healing.rows[i], data);
}

void
aftermath_each_hour(const struct aftermath *aftermath,
    void (*call)(int64_t hour, const struct history_counts *counts, void *data),
    void *data)
{
	history_each_hour(&aftermath->history, call, data);
}
