/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload does or would do, as the supervisor tells it row by row: for people, or
 * as JSON, an object a line.
 */
#pragma once

#include "supervisor/ctl/ctl.h"

struct changes {
	const struct ctl *ctl;
	size_t n;     /* things that differ */
	char *config; /* owned; the file, where the supervisor says it; else NULL */
};

/** changes_on_row() - a ctl_on_row; @data: struct changes. */
void changes_on_row(const struct record *row, void *data);
