/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journald as a sink of the log: the same events with fields TRADESUP_EVENT=,
 * TRADESUP_WORKER=, … through libsystemd, which is loaded only where standard error is
 * the journal, because it is larger than tradesup.
 */
#pragma once

#include "common/log.h"

/**
 * journald_sink() - a sink for log_setup() when standard error is the journal
 *
 * That is when JOURNAL_STREAM names its device and inode and libsystemd can be loaded;
 * built without libsystemd, never. MESSAGE= is the logfmt line.
 * Return: the sink; NULL for none.
 */
log_sink journald_sink(void);
