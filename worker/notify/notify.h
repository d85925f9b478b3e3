/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program at work: it follows the supervisor, lets the rules decide, and delivers.
 */
#pragma once

#include "common/config_alerts.h"

/**
 * notify_run() - until told to stop, or the supervisor has gone
 * @path:   of the configuration, which is read again when the supervisor has done so
 * @config: read from it, with alerts; the function frees it
 * @name:   of the worker
 *
 * Return: the exit status.
 */
int notify_run(const char *path, struct config *config, const char *name);

/** notify_tell() - a line on standard error, which the supervisor keeps as output. */
void notify_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
