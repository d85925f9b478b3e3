/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `events` and `logs` share: past lines, and those to come.
 */
#pragma once

#include "supervisor/ctl/ctl.h"

/** struct ctl_stream - one stream verb: what it asks for, and how a row is printed */
struct ctl_stream {
	const struct ctl *ctl;
	const char *worker; /* only about this one; NULL: all */
	const char *match;  /* only such events; NULL: all */
	const char *since;  /* RFC 3339; NULL: as far back as there are lines */
	void (*print_json)(const struct record *row);
	void (*print_line)(const struct record *row);
};

/** ctl_stream() - ask, and print each row as it comes. Return: the exit status. */
int ctl_stream(const struct ctl_stream *stream);
