/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process with our own environment and output, as us; nobody waits for it but the
 * loop.
 */
#include "supervisor/last_words.h"

#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/context.h"
#include "supervisor/spawn.h"
#include "supervisor/setup.h"

#define DEADLINE_S 10

struct last_words {
	struct supervisor *supervisor;
	struct spawned process;
	struct event on_exit; /* also the deadline */
	bool killed;
	void (*done)(struct supervisor *supervisor);
};

static void
report(struct supervisor *supervisor, const struct exit_reason *reason,
    const char *error, const char *why)
{
	bool said = reason && exit_is_normal(reason) && !why;
	struct record record;

	record_init(&record, "supervisor.on_escalate");
	record_text(&record, "outcome", said ? "success" : "failed");
	record_text(&record, "error", error);
	if (reason && reason->signal)
		record_text(&record, "signal", sigabbrev_np(reason->signal));
	else if (reason)
		record_int(&record, "status", reason->status);
	record_text(&record, "why", why);
	event_log_emit(
	    &supervisor->events, said ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, &record);
}

bool
last_words_has(const struct supervisor *supervisor, pid_t pid)
{
	return supervisor->last_words && supervisor->last_words->process.pid == pid;
}

static void
forget(struct last_words *words)
{
	words->supervisor->last_words = NULL;
	event_del(&words->on_exit);
	close(words->process.pidfd);
	free(words);
}

static void
on_exit_cb(evutil_socket_t fd, short what, void *data)
{
	struct last_words *words = data;
	struct supervisor *supervisor = words->supervisor;
	void (*done)(struct supervisor *) = words->done;
	struct exit_reason reason;

	(void)fd;
	if (!(what & EV_READ)) {
		words->killed = true;
		spawn_signal(words->process.pidfd, SIGKILL);
		event_add(&words->on_exit, NULL);
		return;
	}
	spawn_kill_group(words->process.pid);
	if (spawn_reap(&words->process, &reason) != 0) {
		event_add(&words->on_exit, NULL);
		return;
	}
	report(supervisor, &reason, NULL, words->killed ? "deadline passed" : NULL);
	forget(words);
	done(supervisor);
}

/* Return: as spawn_start(). */
static int
start(struct supervisor *supervisor, struct spawned *ret_process,
    struct spawn_failure *ret_failure)
{
	struct spawn_request request = { .argv = supervisor->config->on_escalate,
		.slots = &supervisor->slots,
		.altered = &supervisor->altered,
		.link_fd = -1,
		.output_fd = -1 };
	char **extra = supervisor->environ + supervisor->n_environ;
	char worker[128], code[48];

	snprintf(
	    worker, sizeof(worker), "TRADESUP_WORKER=%.100s", supervisor->last_failed);
	snprintf(code, sizeof(code), "TRADESUP_EXIT=%d", supervisor->exit_code);
	*extra++ = worker;
	*extra++ = code;
	*extra++ = supervisor->guardian.marker;
	*extra++ = supervisor->state_variable;
	*extra = NULL;
	request.environ = setup_environ_without(supervisor, supervisor->secrets);
	return spawn_start(&request, ret_process, ret_failure);
}

void
last_words_say(
    struct supervisor *supervisor, void (*done)(struct supervisor *supervisor))
{
	const struct timeval deadline = { .tv_sec = DEADLINE_S };
	struct spawn_failure failure = { "memory", ENOMEM };
	struct last_words *words;

	if (!supervisor->config->on_escalate) {
		done(supervisor);
		return;
	}
	words = calloc(1, sizeof(*words));
	if (!words || start(supervisor, &words->process, &failure) != 0) {
		report(supervisor, NULL, strerror(failure.error), failure.step);
		free(words);
		done(supervisor);
		return;
	}
	words->supervisor = supervisor;
	words->done = done;
	supervisor->last_words = words;
	event_assign(&words->on_exit, supervisor->base, words->process.pidfd, EV_READ,
	    on_exit_cb, words);
	event_add(&words->on_exit, &deadline);
}

void
last_words_free(struct supervisor *supervisor)
{
	struct last_words *words = supervisor->last_words;

	if (!words)
		return;
	spawn_signal(words->process.pidfd, SIGKILL);
	spawn_kill_group(words->process.pid);
	forget(words);
}
