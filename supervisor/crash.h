/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crash reports: a file for every abnormal end, in <state_dir>/crashes, and their list.
 * The oldest go when there are more than CRASH_KEEP.
 */
#pragma once

#include "supervisor/capture.h"
#include "supervisor/exit_reason.h"

#define CRASH_KEEP 100

struct crash {
	const char *worker;
	pid_t pid;
	int64_t time_ns; /* of day */
	int64_t up_ns;
	struct exit_reason reason;
	const char *why;    /* "exit", "hang: no packet for 6s", "memory limit", … */
	const char *action; /* what was decided: "restart", "escalate", "none" */
	const char *phase;  /* last reported; "" if none */
	int64_t cycle;	    /* last reported; -1 if none */
	const char *last_error; /* of the last failed cycle; "" */
	const struct capture *output;
	const int64_t
	    *restarts_ns; /* times of day of the restarts in the window, oldest first */
	size_t n_restarts;
};

/**
 * crash_write() - write the report <UTC time>-<worker>-<pid>.txt
 *
 * First a line of logfmt (`crash worker= pid= time= up_ms= status= signal= …`), then
 * the restart history and the last lines of output, escaped. Return: 0 with @ret_name
 * (may be NULL; caller frees); -errno.
 */
int crash_write(const char *directory, const struct crash *crash, char **ret_name);

/** crash_names() - names of the reports, oldest first; NULL-terminated, free with
 * crash_names_free(). Return: 0 (an absent directory is an empty list), -errno. */
int crash_names(const char *directory, char ***ret_names);
char **crash_names_free(char **names);
