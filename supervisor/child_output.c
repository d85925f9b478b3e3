/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a worker's pipe within bounds. A worker that writes without end costs a
 * bounded share of the loop: past a number of lines a second they are only counted,
 * past a number of bytes its pipe is left full until the second is over, and it waits.
 */
#include "supervisor/child_output.h"

#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisor/child_link.h"
#include "supervisor/child_watch.h"
#include "supervisor/context.h"

#define READS_PER_TURN 4

static void
report_dropped(struct child *child)
{
	struct record record;

	if (child->output_dropped == 0)
		return;
	record_init(&record, "worker.output_dropped");
	record_text(&record, "worker", child_name(child));
	record_int(&record, "lines", child->output_dropped);
	event_log_emit(&child->supervisor->events, LOG_LEVEL_WARNING, &record);
	child->output_dropped = 0;
}

static void
begin_window(struct child *child, int64_t now_ns)
{
	if (now_ns - child->output_window_ns < NS_PER_S)
		return;
	report_dropped(child);
	child->output_window_ns = now_ns;
	child->output_lines = 0;
	child->output_bytes = 0;
}

static void
on_line(const char *line, size_t length, void *data)
{
	struct child *child = data;
	char text[CAPTURE_LINE_MAX + 1];
	struct record record;

	if (child->output_lines++ >= OUTPUT_LINES_PER_S) {
		child->output_dropped++;
		return;
	}
	/* A NUL would end the text early: it is shown as a blank. */
	for (size_t i = 0; i < length; i++)
		text[i] = line[i] ? line[i] : ' ';
	text[length] = '\0';
	if (child->watch && !child->seen.ready && child_watch_line(child, text))
		child_became_ready(child, clock_monotonic_ns());
	record_init(&record, "worker.output");
	record_text(&record, "worker", child_name(child));
	record_text(&record, "line", text);
	event_log_emit(&child->supervisor->events, LOG_LEVEL_INFO, &record);
}

static void
pause_reading(struct child *child, int64_t now_ns)
{
	int64_t left_ns = child->output_window_ns + NS_PER_S - now_ns;
	struct timeval after = clock_timeval(left_ns);

	/* A read event with a timeout and no interest in reading: the callback comes
	 * when the second is over. */
	event_del(&child->on_output);
	event_assign(&child->on_output, child->supervisor->base, -1, 0,
	    event_get_callback(&child->on_output), child);
	event_add(&child->on_output, &after);
}

static void
resume_reading(struct child *child)
{
	if (event_get_fd(&child->on_output) == child->output_fd)
		return;
	event_assign(&child->on_output, child->supervisor->base, child->output_fd,
	    EV_READ | EV_PERSIST, event_get_callback(&child->on_output), child);
	event_add(&child->on_output, NULL);
}

static void
take(struct child *child, const char *bytes, size_t length)
{
	if (!child->output)
		child->output = capture_new();
	child->output_bytes += length;
	if (!child->output ||
	    capture_feed(child->output, bytes, length, on_line, child) < 0)
		child->output_dropped++;
}

void
child_read_output(struct child *child)
{
	char buffer[16384];
	int64_t now_ns = clock_monotonic_ns();

	resume_reading(child);
	begin_window(child, now_ns);
	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n;

		if (child->output_bytes >= OUTPUT_BYTES_PER_S) {
			pause_reading(child, now_ns);
			return;
		}
		n = read(child->output_fd, buffer, sizeof(buffer));
		if (n <= 0)
			return;
		take(child, buffer, (size_t)n);
	}
}

void
child_finish_output(struct child *child)
{
	char buffer[16384];
	ssize_t n;

	/* A pipe holds 64 KiB; what an orphan goes on writing is read later. */
	for (int i = 0; i < READS_PER_TURN && child->output_fd >= 0; i++) {
		n = read(child->output_fd, buffer, sizeof(buffer));
		if (n <= 0)
			break;
		take(child, buffer, (size_t)n);
	}
	if (child->output)
		capture_flush(child->output, on_line, child);
	report_dropped(child);
}
