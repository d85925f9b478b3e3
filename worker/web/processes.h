/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of the workers' processes, where it lets us look: those of
 * another user are not ours to see.
 */
#pragma once

#include "worker/web/rows.h"

/** processes_count() - fill in the open descriptors of each row with a pid. */
void processes_count(struct rows *rows);
