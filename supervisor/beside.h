/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that run beside a worker for a while: what makes it safe, a probe of its
 * life, the wait until it is ready. They have the worker's environment, identity and
 * output, but no link. Nobody waits for them: the loop is told when they end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "supervisor/exit_reason.h"
#include "supervisor/spawn.h"

struct beside;
struct child;
struct supervisor;

LIST_HEAD(beside_list, beside);

/**
 * beside_ended - the program has ended, and is forgotten after this
 * @killed: its deadline had passed
 */
typedef void (*beside_ended)(void *data, const struct exit_reason *reason, bool killed);

struct beside_program {
	char *const *argv;	/* NULL: what makes the built-in worker safe */
	char *const *variables; /* further ones, "K=V", NULL-terminated; NULL: none */
	int64_t deadline_ns;	/* from now, then SIGKILL; 0: none */
	beside_ended ended;
	void *data;
};

/**
 * beside_start() - start a program beside @child
 *
 * Return: it, until ended() is called or beside_cancel(); NULL with @ret_failure
 * filled, and ended() is not called.
 */
struct beside *beside_start(struct child *child, const struct beside_program *program,
    struct spawn_failure *ret_failure);

/** beside_cancel() - SIGKILL; ended() is not called any more. NULL is fine. */
void beside_cancel(struct beside *beside);

/** beside_has() - whether @pid is one of them. */
bool beside_has(const struct supervisor *supervisor, pid_t pid);

/** beside_free_all() - SIGKILL to all, and forget them: we are about to exit. */
void beside_free_all(struct supervisor *supervisor);
