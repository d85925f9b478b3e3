/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and tokens: read from a file, a systemd credential (systemd.exec(5),
 * LoadCredential=) or the environment; kept in memory that no core dump and no swap
 * has; wiped at the end. No function here, and none that is given a secret, puts it
 * into a log or an error's text.
 */
#pragma once

#include <stddef.h>

#include "common/error.h"

#define SECRET_MAX 4095 /* bytes */

/** struct secret - an owned text; { 0 } is none */
struct secret {
	char *text; /* NUL-terminated; printable ASCII alone; NULL: none */
	size_t length;
};

/** struct secret_source - where to look, in this order; NULL or "": not there */
struct secret_source {
	const char *file;	/* configured: then it alone counts */
	const char *credential; /* the name of a file in $CREDENTIALS_DIRECTORY */
	const char *variable;	/* of the environment */
};

#define SECRET_E_NONE 1 /* it is nowhere */

/**
 * secret_load() - find and read a secret
 * @ret_warning: filled where a file's mode lets others read it; else untouched
 *
 * One newline at the end is cut off; anything but printable ASCII makes it unusable,
 * since it becomes a header's value. A variable is taken out of the environment, so that
 * neither /proc/PID/environ nor a program that this one starts has it, and is kept for
 * the next time. With the first secret the process becomes
 * undumpable (prctl(2), PR_SET_DUMPABLE): no core, and no other user's ptrace.
 * Return: 0; SECRET_E_NONE; -EINVAL: not one line of text; -errno. @error is filled.
 */
int secret_load(const struct secret_source *source, struct error *ret_warning,
    struct error *error, struct secret *ret_secret);

/** secret_deinit() - wipe and release; @secret is none afterwards. */
void secret_deinit(struct secret *secret);
