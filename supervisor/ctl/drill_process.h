/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor that is drilled: started, listened to, asked, killed. Every wait has a
 * deadline and ends early when the supervisor does, or when a person interrupts the
 * drill.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/record.h"

#define DRILL_LINE_MAX 16384
#define DRILL_TAIL_LINES 12

/** struct drill_process - one supervisor after the other, on the same configuration */
struct drill_process {
	char *config_path, *socket_path; /* owned */
	FILE *transcript;		 /* every line of the log; owned */
	pid_t pid;			 /* 0: none runs */
	int pidfd, log_fd, signal_fd;	 /* -1: closed; @pidfd is open while one runs */
	int exit_status;		 /* of the last one; 128 + signal */
	char *line;			 /* DRILL_LINE_MAX bytes */
	size_t start, end;		 /* what is read of it, and not given out */
	char *tail[DRILL_TAIL_LINES];	 /* ring: the last lines; owned */
	size_t n_lines;
};

/**
 * drill_process_init() - prepare, without starting anything
 * @directory: has tradesup.conf in it; the transcript `log` is written there
 *
 * Blocks SIGINT, SIGTERM, SIGHUP and SIGCHLD, and becomes the reaper of what the
 * supervisor leaves behind. Return: 0, caller calls drill_process_deinit(); -errno.
 */
int drill_process_init(struct drill_process *process, const char *directory);

/** drill_process_deinit() - kills what still runs. */
void drill_process_deinit(struct drill_process *process);

/** drill_process_start() - Return: 0, -errno. */
int drill_process_start(struct drill_process *process);

#define DRILL_E_TIMEOUT 1     /* in vain */
#define DRILL_E_ENDED 2	      /* the supervisor has ended; @exit_status tells how */
#define DRILL_E_INTERRUPTED 3 /* a person wants to end the drill */
#define DRILL_E_NO_ANSWER 4   /* it is not, or no longer, at its control socket */

/**
 * drill_process_event() - the next event of its log
 * @ret_event: borrows from @process until the next call
 *
 * Return: 0; DRILL_E_…; -errno.
 */
int drill_process_event(
    struct drill_process *process, int64_t deadline_ns, struct record *ret_event);

/** struct drill_worker - what `status` says about a worker */
struct drill_worker {
	pid_t pid;     /* 0: none */
	int64_t cycle; /* -1: none yet */
	bool up, has_error;
};

/** drill_process_worker() - ask for it. Return: 0; DRILL_E_TIMEOUT; DRILL_E_NO_ANSWER;
 * -errno. */
int drill_process_worker(struct drill_process *process, const char *worker,
    int64_t deadline_ns, struct drill_worker *ret_worker);

/** drill_process_fault() - send a fault to a worker. Return: 0; DRILL_E_…; -EIO with
 * @error, if it was refused; -errno. */
int drill_process_fault(struct drill_process *process, const char *worker,
    const char *kind, int64_t deadline_ns, struct error *error);

/** drill_process_kill_worker() - SIGKILL for a child of the supervisor. Return: 0;
 * -ESRCH: it is none; -errno. */
int drill_process_kill_worker(const struct drill_process *process, pid_t pid);

/** drill_process_stop() - SIGTERM for the supervisor. Return: 0, -errno. */
int drill_process_stop(struct drill_process *process);

/**
 * drill_process_wait() - until the supervisor has ended, its log read to the end
 *
 * Return: 0 with @exit_status set; DRILL_E_TIMEOUT; DRILL_E_INTERRUPTED; -errno.
 */
int drill_process_wait(struct drill_process *process, int64_t deadline_ns);

/** drill_process_none_left() - wait until nothing that the supervisor started is left.
 * Return: 0; DRILL_E_TIMEOUT; -errno. */
int drill_process_none_left(struct drill_process *process, int64_t deadline_ns);

/** drill_process_tail() - print the last lines of the log, each after @indent. */
void drill_process_tail(
    const struct drill_process *process, FILE *out, const char *indent);
