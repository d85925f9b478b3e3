/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that takes one message: on its standard input the text, in its environment
 * the rest. It has a process group of its own, which is killed at the deadline.
 */
#pragma once

#include <sys/types.h>

#include "worker/notify/letter.h"

struct program {
	pid_t pid; /* 0: none */
	int pidfd; /* -1: none, or the kernel has none to give */
	int64_t deadline_ns;
	bool killed;
};

void program_init(struct program *program);

/** program_start() - @deadline_ns: monotonic. Return: 0, -errno. */
int program_start(struct program *program, char *const *command,
    const struct letter *letter, int64_t deadline_ns);

bool program_is_running(const struct program *program);

/** program_step() - look whether it has ended. Return: whether it has; then @ret_taken
 * (it ended with 0) and @why are filled. */
bool program_step(
    struct program *program, int64_t now_ns, bool *ret_taken, char *why, size_t size);

/** program_end() - kill it if it runs, and forget it. */
void program_end(struct program *program);
