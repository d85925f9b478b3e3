/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture on the terminal's other screen, drawn again every second until somebody
 * interrupts; what was there before comes back at the end, scrollback and all.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/** watch_draw - write the picture, lines as wide as the terminal. Return: 0, -errno. */
typedef int (*watch_draw)(const char *socket, void *data, FILE *out);

/** watch_is_possible() - standard output is a terminal that can move its cursor. */
bool watch_is_possible(void);

/** watch_run() - until SIGINT, SIGTERM, SIGHUP or SIGQUIT; SIGTSTP leaves the screen
 * for as long as it stops us. Return: the exit status. */
int watch_run(const char *socket, watch_draw draw, void *data);
