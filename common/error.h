/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two kinds of failure, told apart by their sign:
 *
 *   0          it worked
 *   negative   an errno: something unexpected; passed up unchanged, logged once by
 *              the caller that gives up or carries on
 *   positive   an outcome that the function's contract names (X_E_…); the caller
 *              handles it and never passes it on
 *
 * Outputs (ret_…) are untouched on failure. Where a person has to be told more than an
 * errno can, the function fills a struct error with one sentence that names the place.
 */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#define ERROR_TEXT_MAX 512

struct error {
	char text[ERROR_TEXT_MAX]; /* "" while nothing went wrong */
};

/**
 * error_set() - write the sentence; a later call replaces it. Return: @code,
 * unchanged.
 */
static inline int __attribute__((format(printf, 3, 4)))
error_set(struct error *error, int code, const char *format, ...)
{
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return code;
}

/* What the programs exit with; sysexits(3) and tradesup(1), EXIT STATUS. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_USAGE = 64,
	EXIT_UNAVAILABLE = 69, /* no supervisor to talk to */
	EXIT_ESCALATED = 70,
	EXIT_OSERR = 71,
	EXIT_CONFIG = 78, /* RestartPreventExitStatus= in the unit */
};
