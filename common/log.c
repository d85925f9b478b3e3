/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts records on standard error, one write(2) a line. It does not rotate, buffer or
 * filter by name, and it never makes its caller fail or wait for a reader that has
 * stopped.
 */
#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/timestamp.h"

/* A pipe that polls writable takes this much without blocking, and in one piece. */
#define LINE_SIZE PIPE_BUF
#define PATIENCE_MS 50

static struct {
	enum log_format format;
	enum log_level threshold;
	log_sink sink;
	uint64_t dropped, unreported;
	bool torn;    /* the last line went out without its end */
	bool is_file; /* standard error has no reader that could stop */
} state = { .threshold = LOG_LEVEL_INFO };

void
log_setup(enum log_format format, enum log_level threshold, log_sink sink)
{
	struct stat st;

	state.is_file = fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
	state.format = format;
	state.threshold = threshold;
	state.sink = sink;
}

void
log_set_format(enum log_format format)
{
	state.format = format;
}

/*
 * A reader that is slow for a moment gets a moment; one that has stopped costs that
 * moment once, and nothing until a line goes through again.
 */
static bool
is_writable(void)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	int r;

	if (state.is_file)
		return true;
	do {
		r = poll(&ready, 1, state.unreported > 0 ? 0 : PATIENCE_MS);
	} while (r < 0 && errno == EINTR);
	return r > 0 && (ready.revents & POLLOUT);
}

static bool
write_line(const char *line, size_t length)
{
	ssize_t n;

	if (!is_writable())
		return false;
	do {
		n = write(STDERR_FILENO, line, length);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		state.torn = (size_t)n < length;
	return n == (ssize_t)length;
}

static size_t
format_json(enum log_level level, const struct record *record, char *out, size_t size)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_NOTICE] = "notice",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};
	char ts[TIMESTAMP_TEXT_MAX];
	size_t n, length;

	timestamp_format_ms(clock_realtime_ns(), ts);
	n = (size_t)snprintf(
	    out, size, "{\"ts\":\"%s\",\"severity\":\"%s\"", ts, names[level]);
	/* The record's own opening brace becomes the comma between the two halves. */
	length = record_json(record, out + n, size - n);
	if (length > 2)
		out[n] = ',';
	else
		memmove(out + n, "}", sizeof("}"));
	return length > 2 ? n + length : n + 1;
}

static bool
write_record(enum log_level level, const struct record *record)
{
	char line[LINE_SIZE];
	size_t n = 0;

	if (state.torn)
		line[n++] = '\n';
	if (state.format == LOG_FORMAT_JSON)
		n += format_json(level, record, line + n, sizeof(line) - n - 1);
	else
		n += record_logfmt(record, line + n, sizeof(line) - n - 1);
	line[n++] = '\n';
	return write_line(line, n);
}

static void
report_dropped(void)
{
	struct record record;

	record_init(&record, "log.dropped");
	record_int(&record, "count", (int64_t)state.unreported);
	if (write_record(LOG_LEVEL_WARNING, &record))
		state.unreported = 0;
}

void
log_record(enum log_level level, const struct record *record)
{
	if (level > state.threshold)
		return;
	if (state.sink && state.sink(level, record))
		return;

	if (state.unreported > 0)
		report_dropped();
	if (!write_record(level, record)) {
		state.dropped++;
		state.unreported++;
	}
}

void
log_message(enum log_level level, const char *event, const char *format, ...)
{
	char message[1024];
	struct record record;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);

	record_init(&record, event);
	record_text(&record, "message", message);
	log_record(level, &record);
}

uint64_t
log_dropped(void)
{
	return state.dropped;
}
