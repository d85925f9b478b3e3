/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crash reports: a file for every abnormal end, in <state_dir>/crashes, and their list.
 * The oldest go when there are more than CRASH_KEEP.
 *
 *	crash worker=flow pid=4711 time=2026-11-24T20:03:46.123Z signal=SEGV …
 *	restarts:
 *	2026-11-24T20:02:45.001Z
 *	output:
 *	line="the last thing it said"
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "supervisor/capture.h"
#include "supervisor/exit_reason.h"

#define CRASH_KEEP 100

struct crash {
	const char *worker; /* path_is_safe_name() */
	pid_t pid;
	int64_t time_ns; /* of day */
	int64_t up_ns;
	struct exit_reason reason;
	const char *why;    /* "exit", "hang: no packet for 6s", "memory limit", … */
	const char *action; /* what was decided: "restart", "escalate", "none" */
	const char *phase;  /* last reported; "" if none */
	int64_t cycle;	    /* last reported; -1 if none */
	const char *last_error;	      /* of the last failed cycle; "" */
	const struct capture *output; /* NULL: it never said anything */
	const int64_t *restarts_ns;   /* times of day of restarts, oldest first */
	size_t n_restarts;
};

/**
 * crash_write() - write the report, mode 0600, and let go of the oldest ones
 * @directory: made if it is not there
 *
 * It is called <UTC time>-<worker>-<pid>.txt and sorts by time. First a line of logfmt
 * (`crash worker= pid= time= up_ms= status= signal= core= cpu_ms= rss_max_kib= why=
 * action= phase= cycle= error=`, without what is not known), then the restarts and the
 * last lines of output; all of it escaped as records are. Whole or absent.
 *
 * Return: 0 with @ret_name (may be NULL; caller frees), also when an old report could
 * not be removed; -errno.
 */
int crash_write(const char *directory, const struct crash *crash, char **ret_name);

/**
 * crash_names() - names of the reports, oldest first; other files are passed over
 *
 * Return: 0 with a NULL-terminated list for crash_names_free(), empty where there is no
 *         directory; -errno.
 */
int crash_names(const char *directory, char ***ret_names);

/** crash_names_free() - Return: NULL. */
char **crash_names_free(char **names);
