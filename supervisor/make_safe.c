/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the make-safe programs. What they do to the orders is the worker's business
 * (tradesup-worker --make-safe), or the user's.
 */
#include "supervisor/make_safe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisor/child.h"
#include "supervisor/child_output.h"
#include "supervisor/context.h"

struct job {
	TAILQ_ENTRY(job) entry;
	struct make_safe *make_safe;
	struct child *child;
	struct spawned process;
	struct event *on_exit; /* also the deadline */
	int64_t due_ns;
	bool renewed; /* its deadline, after a stall: once */
	bool killed;
};

struct make_safe {
	struct supervisor *supervisor;
	void (*done)(struct supervisor *supervisor);
	TAILQ_HEAD(, job) jobs;
};

static void
report(struct job *job, const struct exit_reason *reason,
    const struct spawn_failure *failure)
{
	bool safe = reason && exit_is_normal(reason);
	struct record record;

	record_init(&record, "worker.make_safe");
	record_text(&record, "worker", child_name(job->child));
	record_text(&record, "outcome", safe ? "success" : "failed");
	if (failure)
		record_text(&record, "error", strerror(failure->error));
	else if (reason->signal)
		record_text(&record, "signal", sigabbrev_np(reason->signal));
	else
		record_int(&record, "status", reason->status);
	if (job->killed)
		record_text(&record, "why", "deadline passed");
	event_log_emit(&job->make_safe->supervisor->events,
	    safe ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, &record);
}

static void
job_free(struct job *job)
{
	if (job->on_exit)
		event_free(job->on_exit);
	if (job->process.pidfd >= 0)
		close(job->process.pidfd);
	TAILQ_REMOVE(&job->make_safe->jobs, job, entry);
	free(job);
}

static void
done_if_last(struct make_safe *make_safe)
{
	if (TAILQ_EMPTY(&make_safe->jobs))
		make_safe->done(make_safe->supervisor);
}

static void
wait_for_exit(struct job *job)
{
	int64_t patience_ns = child_config(job->child)->make_safe_timeout_ns;
	struct timeval deadline = { .tv_sec = patience_ns / NS_PER_S,
		.tv_usec = patience_ns % NS_PER_S / 1000 };

	job->due_ns = clock_monotonic_ns() + patience_ns;
	event_add(job->on_exit, &deadline);
}

/* A time that passed while nobody looked is no time for the program either. */
static void
on_deadline(struct job *job)
{
	struct supervisor *supervisor = job->make_safe->supervisor;

	supervisor_look(supervisor, job->due_ns);
	if (supervisor->fresh_ns > job->due_ns && !job->renewed) {
		job->renewed = true;
		wait_for_exit(job);
		return;
	}
	job->killed = true;
	spawn_signal(job->process.pidfd, SIGKILL);
	event_add(job->on_exit, NULL);
}

static void
on_exit_cb(evutil_socket_t fd, short what, void *data)
{
	struct job *job = data;
	struct make_safe *make_safe = job->make_safe;
	struct exit_reason reason;

	(void)fd;
	if (what & EV_TIMEOUT) {
		on_deadline(job);
		return;
	}
	spawn_kill_group(job->process.pid);
	if (spawn_reap(&job->process, &reason) != 0) {
		event_add(job->on_exit, NULL);
		return;
	}
	child_finish_output(job->child);
	report(job, &reason, NULL);
	job_free(job);
	done_if_last(make_safe);
}

static int
job_run(struct job *job)
{
	const struct config_worker *config = child_config(job->child);
	struct supervisor *supervisor = job->make_safe->supervisor;
	char *builtin[] = { supervisor->worker_program, (char *)"--make-safe",
		(char *)"-c", supervisor->config->path, (char *)child_name(job->child),
		NULL };
	struct spawn_failure failure;

	if (child_run_beside(job->child,
		config->make_safe ? config->make_safe : builtin, &job->process,
		&failure) != 0) {
		report(job, NULL, &failure);
		return -failure.error;
	}
	job->on_exit =
	    event_new(supervisor->base, job->process.pidfd, EV_READ, on_exit_cb, job);
	if (!job->on_exit)
		return -ENOMEM;
	wait_for_exit(job);
	return 0;
}

static void
start_job(struct node *node, void *data)
{
	struct make_safe *make_safe = data;
	struct child *child = (struct child *)node;
	struct job *job;

	if (child->lives == 0 ||
	    (!child_config(child)->make_safe && !child_config(child)->trading))
		return;
	job = calloc(1, sizeof(*job));
	if (!job)
		return;
	job->make_safe = make_safe;
	job->child = child;
	job->process.pidfd = -1;
	TAILQ_INSERT_TAIL(&make_safe->jobs, job, entry);
	if (job_run(job) < 0)
		job_free(job);
}

void
make_safe_start(
    struct supervisor *supervisor, void (*done)(struct supervisor *supervisor))
{
	struct make_safe *make_safe = calloc(1, sizeof(*make_safe));

	if (!make_safe) {
		done(supervisor);
		return;
	}
	make_safe->supervisor = supervisor;
	make_safe->done = done;
	TAILQ_INIT(&make_safe->jobs);
	supervisor->make_safe = make_safe;
	tree_each_worker(&supervisor->tree, start_job, make_safe);
	done_if_last(make_safe);
}

struct make_safe *
make_safe_free(struct make_safe *make_safe)
{
	struct job *job;

	if (!make_safe)
		return NULL;
	while ((job = TAILQ_FIRST(&make_safe->jobs)))
		job_free(job);
	free(make_safe);
	return NULL;
}
