/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one event a line on standard error, logfmt or JSON, or journald with fields.
 * The only mutable state of file scope in tradesup.
 *
 * Levels are syslog's (sd-daemon(3)): error = a person must act, warning = we coped,
 * notice = state changed, info = normal work, debug = for us.
 */
#pragma once

#include "common/record.h"

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/**
 * log_sink - where else a record goes (journald); returns false to fall back on the
 * line.
 */
typedef bool (*log_sink)(enum log_level level, const struct record *record);

/**
 * log_setup() - choose form, threshold and sink; before it, logfmt at info on standard
 * error
 * @sink: NULL for none
 */
void log_setup(enum log_format format, enum log_level threshold, log_sink sink);

/** log_set_format() - from the next line on. */
void log_set_format(enum log_format format);

/**
 * log_record() - write one record
 *
 * Never blocks for ever and never fails the caller: a line that standard error does not
 * take (EAGAIN, ENOSPC, EPIPE) is dropped and counted, and the count is written as
 * `log.dropped count=` with the next line that goes through. The program must ignore
 * SIGPIPE. A line is at most PIPE_BUF bytes. The first field of a logfmt line is the
 * event's name; in JSON "ts" (RFC 3339, ms) and "severity" are added.
 */
void log_record(enum log_level level, const struct record *record);

/** log_message() - a record with the single field message=, printf-style. */
void log_message(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** log_dropped() - how many lines were lost so far. */
uint64_t log_dropped(void);
