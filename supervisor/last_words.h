/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor tells of its own end: when it has given up, it runs the command
 * on_escalate, within a deadline, before it exits. That it fails is reported and stops
 * nothing. What else tells is a worker, and all workers are down by then.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct supervisor;

/** last_words_say() - @done is called once, when the command has ended or been killed,
 * or at once if there is none. */
void last_words_say(
    struct supervisor *supervisor, void (*done)(struct supervisor *supervisor));

/** last_words_has() - whether @pid is that command. */
bool last_words_has(const struct supervisor *supervisor, pid_t pid);

/** last_words_free() - SIGKILL if it still runs: we are about to exit. */
void last_words_free(struct supervisor *supervisor);
