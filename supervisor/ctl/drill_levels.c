/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script of a drill, a function for each step. A step works only if the events come
 * that an operator would grep for, and a good cycle after them. Processes and sockets
 * are drill_process.c's, words for people drill.c's.
 */
#include "supervisor/ctl/drill_levels.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "supervisor/ctl/drill_config.h"

#define STEP_TIMEOUT_NS (60 * NS_PER_S)
#define LOOK_INTERVAL_NS (20 * NS_PER_MS) /* between two looks at a worker's status */
#define NONE_LEFT_NS (5 * NS_PER_S)
#define FAULTS_MAX 20 /* sent, until so many cycles have failed in a row */
#define KILLS_MAX 20  /* until the supervisor gives up */
#define EVENTS_MAX 8

typedef int (*step_function)(struct drill_step *step);

static void __attribute__((format(printf, 2, 3)))
saw(struct drill_step *step, const char *format, ...)
{
	size_t used = strlen(step->saw);
	va_list arguments;

	if (used > 0)
		used +=
		    (size_t)snprintf(step->saw + used, sizeof(step->saw) - used, ", ");
	if (used >= sizeof(step->saw))
		return;
	va_start(arguments, format);
	vsnprintf(step->saw + used, sizeof(step->saw) - used, format, arguments);
	va_end(arguments);
}

/* Makes a sentence of how a wait ended. Return: @outcome. */
static int
explain(struct drill_step *step, int outcome, const char *awaited)
{
	switch (outcome) {
	case 0:
		return 0;
	case DRILL_E_TIMEOUT:
		return error_set(&step->error, outcome, "no %s in time", awaited);
	case DRILL_E_ENDED:
		return error_set(&step->error, outcome,
		    "the supervisor ended with %d instead of %s",
		    step->process->exit_status, awaited);
	case DRILL_E_NO_ANSWER:
		return error_set(&step->error, outcome,
		    "no %s: the supervisor does not answer", awaited);
	case DRILL_E_INTERRUPTED:
		return error_set(&step->error, outcome, "interrupted");
	default:
		return error_set(
		    &step->error, outcome, "%s: %s", awaited, strerror(-outcome));
	}
}

/* Whether an event is about this step: its worker and its level, where it names them.
 */
static bool
concerns(const struct drill_step *step, const struct record *event)
{
	const char *worker = record_get(event, "worker");
	const char *level = record_get(event, "level");

	return (!worker || !step->worker || strcmp(worker, step->worker) == 0) &&
	       (!level || strtol(level, NULL, 10) == step->level);
}

static void
saw_event(struct drill_step *step, const struct record *event)
{
	const char *name = record_get(event, "name");

	if (name && name[0])
		saw(step, "%s (%s)", event->event, name);
	else
		saw(step, "%s", event->event);
}

/* Waits until each of @events has come, in whatever order. */
static int
await(struct drill_step *step, const char *const events[], size_t n_events)
{
	bool seen[EVENTS_MAX] = { false };
	size_t missing = 0;
	struct record event;
	int r;

	while (missing < n_events) {
		r = drill_process_event(step->process, step->deadline_ns, &event);
		if (r != 0)
			return explain(step, r, events[missing]);
		for (size_t i = 0; i < n_events; i++) {
			if (seen[i] || strcmp(event.event, events[i]) != 0 ||
			    !concerns(step, &event))
				continue;
			seen[i] = true;
			saw_event(step, &event);
		}
		while (missing < n_events && seen[missing])
			missing++;
	}
	return 0;
}

/* Lets a moment pass, during which the log is read. Return: 0; DRILL_E_ENDED,
 * DRILL_E_INTERRUPTED; -errno. */
static int
let_pass(struct drill_process *process)
{
	int64_t until_ns = clock_monotonic_ns() + LOOK_INTERVAL_NS;
	struct record event;
	int r;

	do {
		r = drill_process_event(process, until_ns, &event);
	} while (r == 0 && clock_monotonic_ns() < until_ns);
	return r == DRILL_E_TIMEOUT ? 0 : r;
}

/*
 * Waits until a worker has gone through a cycle without an error. A cycle's number
 * shows when it begins, so that the one before it has ended only when the number moves
 * on within the same life.
 */
static int
good_cycle(struct drill_step *step, const char *worker)
{
	struct drill_worker first = { .cycle = -1 }, now;
	int r;

	for (;;) {
		r = drill_process_worker(
		    step->process, worker, step->deadline_ns, &now);
		if (r == 0 && now.up && now.cycle >= 0) {
			if (first.cycle < 0 || now.pid != first.pid)
				first = now;
			if (now.cycle > first.cycle && !now.has_error)
				break;
		}
		/* No answer yet: whether the supervisor lives is seen from its log. */
		if (r == 0 || r == DRILL_E_NO_ANSWER)
			r = let_pass(step->process);
		if (r == 0 && clock_monotonic_ns() >= step->deadline_ns)
			r = DRILL_E_TIMEOUT;
		if (r != 0)
			return explain(step, r, "good cycle");
	}
	saw(step, "cycle %" PRId64 " good", now.cycle - 1);
	return 0;
}

static int
send_fault(struct drill_step *step, const char *kind)
{
	int r = drill_process_fault(
	    step->process, step->worker, kind, step->deadline_ns, &step->error);

	/* The supervisor's own words are in the step's error then. */
	return r == -EIO ? r : explain(step, r, "answer to the fault");
}

static int
kill_worker(struct drill_step *step, pid_t pid)
{
	return explain(
	    step, drill_process_kill_worker(step->process, pid), "worker to kill");
}

static int
current_pid(struct drill_step *step, pid_t *ret_pid)
{
	struct drill_worker worker;
	int r = drill_process_worker(
	    step->process, step->worker, step->deadline_ns, &worker);

	if (r == 0)
		*ret_pid = worker.pid;
	return explain(step, r, "status of the worker");
}

static int
start(struct drill_step *step)
{
	static const char *const events[] = { "supervisor.ready" };
	int r;

	snprintf(step->did, sizeof(step->did), "tradesup run -c %s",
	    step->process->config_path);
	r = explain(step, drill_process_start(step->process), "process");
	return r == 0 ? await(step, events, 1) : r;
}

static int
first_cycle(struct drill_step *step)
{
	snprintf(step->did, sizeof(step->did), "%s: wait", step->worker);
	return good_cycle(step, step->worker);
}

static int
heal_by_precheck(struct drill_step *step)
{
	static const char *const events[] = { "self_healing.pre_check_heal_success" };
	int r;

	snprintf(step->did, sizeof(step->did), "%s: fault name", step->worker);
	r = send_fault(step, "name");
	if (r == 0)
		r = await(step, events, 1);
	return r == 0 ? good_cycle(step, step->worker) : r;
}

static int
heal_by_handler(struct drill_step *step)
{
	static const char *const events[] = { "self_healing.import_reload_success" };
	int r;

	snprintf(step->did, sizeof(step->did), "%s: fault import", step->worker);
	r = send_fault(step, "import");
	if (r == 0)
		r = await(step, events, 1);
	return r == 0 ? good_cycle(step, step->worker) : r;
}

/* One failed cycle more. @failed: how many in a row that makes. */
static int
fail_cycle(struct drill_step *step, long *failed)
{
	struct record event;
	int r;

	r = send_fault(step, "internal");
	while (r == 0) {
		const char *count;

		r = drill_process_event(step->process, step->deadline_ns, &event);
		if (r != 0)
			return explain(step, r, "cycle.failed");
		if (strcmp(event.event, "cycle.failed") != 0 || !concerns(step, &event))
			continue;
		count = record_get(&event, "failed");
		*failed = count ? strtol(count, NULL, 10) : 0;
		return 0;
	}
	return r;
}

static int
restart_after_failed_cycles(struct drill_step *step)
{
	static const char *const events[] = { "self_healing.worker_thread_restart",
		"worker.start", "self_healing.verified" };
	long failed = 0;
	int r = 0;

	snprintf(step->did, sizeof(step->did), "%s: fault internal, %d cycles in a row",
	    step->worker, DRILL_FAILED_CYCLES);
	for (int i = 0; i < FAULTS_MAX && failed < DRILL_FAILED_CYCLES && r == 0; i++)
		r = fail_cycle(step, &failed);
	saw(step, "cycle.failed %ld times", failed);
	if (r == 0)
		r = await(step, events, 3);
	return r == 0 ? good_cycle(step, step->worker) : r;
}

static int
restart_after_crash(struct drill_step *step)
{
	static const char *const events[] = { "worker.exit",
		"self_healing.worker_thread_restart", "worker.start",
		"self_healing.verified" };
	pid_t pid = 0;
	int r;

	r = current_pid(step, &pid);
	snprintf(
	    step->did, sizeof(step->did), "%s: SIGKILL for pid %d", step->worker, pid);
	if (r == 0)
		r = kill_worker(step, pid);
	if (r == 0)
		r = await(step, events, 4);
	return r == 0 ? good_cycle(step, step->worker) : r;
}

/* Waits for the worker's next life, or for the decision that there is none. *ret_pid is
 * 0 then. */
static int
next_life(struct drill_step *step, pid_t *ret_pid)
{
	struct record event;
	int r;

	for (;;) {
		r = drill_process_event(step->process, step->deadline_ns, &event);
		if (r != 0)
			return explain(step, r, "worker.start or group.escalate");
		if (!concerns(step, &event))
			continue;
		if (strcmp(event.event, "group.escalate") == 0) {
			saw_event(step, &event);
			*ret_pid = 0;
			return 0;
		}
		if (strcmp(event.event, "worker.start") == 0) {
			const char *pid = record_get(&event, "pid");

			*ret_pid = pid ? (pid_t)strtol(pid, NULL, 10) : 0;
			return *ret_pid > 0 ? 0
					    : explain(step, -EBADMSG, "worker.start");
		}
	}
}

static int
kill_until_escalation(struct drill_step *step)
{
	static const char *const events[] = { "self_healing.service_restart" };
	int kills = 0, r;
	pid_t pid = 0;

	r = current_pid(step, &pid);
	while (r == 0 && pid > 0 && kills < KILLS_MAX) {
		r = kill_worker(step, pid);
		kills += r == 0;
		if (r == 0)
			r = next_life(step, &pid);
	}
	snprintf(step->did, sizeof(step->did), "%s: SIGKILL %d times in a row",
	    step->worker, kills);
	return r == 0 ? await(step, events, 1) : r;
}

/* Waits for its end, which has to be with @status and without anything left. */
static int
end_of_supervisor(struct drill_step *step, int status)
{
	struct drill_process *process = step->process;
	int r;

	r = explain(step, drill_process_wait(process, step->deadline_ns),
	    "end of the supervisor");
	if (r != 0)
		return r;
	saw(step, "exit status %d", process->exit_status);
	if (process->exit_status != status)
		return error_set(&step->error, -EPROTO, "exit status %d instead of %d",
		    process->exit_status, status);
	r = drill_process_none_left(process, clock_monotonic_ns() + NONE_LEFT_NS);
	if (r == DRILL_E_TIMEOUT)
		return error_set(&step->error, r, "a process is left");
	if (r == 0)
		saw(step, "no process left");
	return explain(step, r, "look for processes");
}

static int
escalate(struct drill_step *step)
{
	static const char *const events[] = { "worker.start", "self_healing.verified" };
	int r;

	r = kill_until_escalation(step);
	if (r == 0)
		r = end_of_supervisor(step, EXIT_ESCALATED);
	if (r == 0)
		r = explain(step, drill_process_start(step->process), "process");
	if (r == 0)
		r = await(step, events, 2);
	return r == 0 ? good_cycle(step, step->worker) : r;
}

static int
stop(struct drill_step *step)
{
	int r;

	snprintf(step->did, sizeof(step->did), "SIGTERM for the supervisor");
	r = explain(step, drill_process_stop(step->process), "supervisor to stop");
	return r == 0 ? end_of_supervisor(step, EXIT_OK) : r;
}

struct script {
	struct drill_process *process;
	drill_on_step on_step;
	void *data;
	bool all_ok;
	bool over; /* it makes no sense to go on */
};

static void
run_step(struct script *script, const struct drill_step *what, step_function function)
{
	struct drill_step step = *what;
	int64_t started_ns = clock_monotonic_ns();
	int r;

	if (script->over)
		return;
	step.process = script->process;
	step.deadline_ns = started_ns + STEP_TIMEOUT_NS;
	r = function(&step);
	step.took_ns = clock_monotonic_ns() - started_ns;
	step.ok = r == 0;
	script->on_step(&step, script->data);
	if (r == 0)
		return;
	script->all_ok = false;
	script->over = script->process->pid == 0 || r == DRILL_E_INTERRUPTED;
}

bool
drill_levels_run(struct drill_process *process, const char *const *workers,
    size_t n_workers, drill_on_step on_step, void *data)
{
	struct script script = { process, on_step, data, true, false };
	const char *first = workers[0];

	run_step(&script, &(struct drill_step){ .name = "start" }, start);
	for (size_t i = 0; i < n_workers; i++)
		run_step(&script,
		    &(struct drill_step){ .name = "first cycle", .worker = workers[i] },
		    first_cycle);
	for (size_t i = 0; i < n_workers; i++) {
		run_step(&script,
		    &(struct drill_step){
			.level = 1, .name = "pre-check", .worker = workers[i] },
		    heal_by_precheck);
		run_step(&script,
		    &(struct drill_step){
			.level = 2, .name = "handler", .worker = workers[i] },
		    heal_by_handler);
	}
	run_step(&script,
	    &(struct drill_step){ .level = 3, .name = "restart", .worker = first },
	    restart_after_failed_cycles);
	run_step(&script,
	    &(struct drill_step){ .level = 3, .name = "restart", .worker = first },
	    restart_after_crash);
	run_step(&script,
	    &(struct drill_step){ .level = 4, .name = "escalate", .worker = first },
	    escalate);
	run_step(&script, &(struct drill_step){ .name = "stop" }, stop);
	return script.all_ok;
}
