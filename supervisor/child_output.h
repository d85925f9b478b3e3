/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker writes to its standard output and error: a `worker.output` event a
 * line, within bounds, and the last lines kept.
 */
#pragma once

#include "supervisor/child.h"

#define OUTPUT_LINES_PER_S 500	     /* more are counted, not logged */
#define OUTPUT_BYTES_PER_S (4 << 20) /* at more the worker has to wait */

/** child_read_output() - take what has arrived. */
void child_read_output(struct child *child);

/** child_finish_output() - the worker has ended: take the rest, an unfinished line as
 * well. */
void child_finish_output(struct child *child);
