/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journald as a sink of the log: the same events with fields TRADESUP_EVENT=,
 * TRADESUP_WORKER=, … through libsystemd, which is loaded only where standard error is
 * the journal, because it is larger than tradesup.
 */
#pragma once

#include "common/log.h"

/** journald_sink() - a sink when standard error is connected to the journal
 * (JOURNAL_STREAM matches its inode) and libsystemd can be loaded; else NULL. MESSAGE=
 * is the logfmt line. */
log_sink journald_sink(void);
