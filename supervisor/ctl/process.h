/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that a client verb runs for the length of the call: started, read, waited
 * for. Workers are started by spawn.c, and by nothing else.
 */
#pragma once

#include <sys/types.h>

/**
 * process_start() - fork and exec @argv, which gets SIGTERM when we die
 * @argv: argv[0] is a path, or looked up in PATH
 * @output_fd: where the standard streams named in @streams go
 * @streams: bit set of (1 << STDOUT_FILENO), (1 << STDERR_FILENO)
 *
 * A failed exec is an exit status of 127, or 126, as from a shell. Return: 0, -errno.
 */
int process_start(char *const *argv, int output_fd, unsigned streams, pid_t *ret_pid);

/** process_wait() - block until it ends. Return: its exit status, 128 + the signal's
 * number; -errno. */
int process_wait(pid_t pid);
