/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker's part of a handed-over state: its process and descriptors, what was seen
 * of it, its counters, its history, what it wrote. Deadlines are monotonic times, which
 * outlive an exec.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/child.h"
#include "supervisor/child_limits.h"
#include "supervisor/child_watch.h"
#include "supervisor/handover_tree.h"

#define FIELD(what, key_, member)                                                      \
	{                                                                              \
		key_, what, offsetof(STRUCT, member), 0, 0, 0                          \
	}
#define INT64(member) FIELD(HANDOVER_INT64, #member, member)
#define UINT32(member) FIELD(HANDOVER_UINT32, #member, member)
#define BOOL(member) FIELD(HANDOVER_BOOL, #member, member)
#define STRING(member) FIELD(HANDOVER_STRING, #member, member)
#define FD(member) FIELD(HANDOVER_FD, #member, member)
#define RANGE(type, member, low, high)                                                 \
	{                                                                              \
#member, type, offsetof(STRUCT, member), low, high, 0                  \
	}
#define TIME(member) RANGE(HANDOVER_INT64, member, 0, INT64_MAX)
#define TEXT(member)                                                                   \
	{                                                                              \
#member, HANDOVER_TEXT, offsetof(STRUCT, member), 0,                   \
		    sizeof(((STRUCT *)NULL)->member), 0                                \
	}
#define OTHER(key_, name)                                                              \
	{                                                                              \
		key_, HANDOVER_OTHER, 0, 0, 0, 0, write_##name, read_##name            \
	}
#define SINCE_2(field_key, type, member, low, high)                                    \
	{                                                                              \
		field_key, type, offsetof(STRUCT, member), low, high, 2                \
	}

/* Decisions. */

#define STRUCT struct decision
static const struct handover_field decision_fields[] = {
	INT64(time_ns),
	INT64(up_ns),
	RANGE(HANDOVER_INT, how, 0, PLAN_START_FAILED),
	RANGE(HANDOVER_INT, reason.status, -1, INT32_MAX),
	RANGE(HANDOVER_INT, reason.signal, 0, 64),
	BOOL(reason.core),
	TEXT(cause),
	RANGE(HANDOVER_INT, plan.verdict, 0, PLAN_SHUTDOWN),
	RANGE(HANDOVER_INT, plan.range, 0, PLAN_RANGE_ALL),
	BOOL(plan.strike_off),
	UINT32(used),
	UINT32(limit),
	INT64(period_ns),
	INT64(delay_ns),
};
#undef STRUCT
static const struct handover_table decision_table = { decision_fields,
	ARRAY_SIZE(decision_fields) };

static void
count_decision(const struct decision *decision, void *data)
{
	(void)decision;
	++*(size_t *)data;
}

static void
write_decision(const struct decision *decision, void *data)
{
	struct handover_writer *writer = data;

	handover_map(writer, handover_count_fields(writer, &decision_table) + 1);
	handover_text(writer, "rule");
	handover_text(writer, decision->plan.rule);
	handover_write_fields(writer, &decision_table, decision);
}

static void
write_decisions(struct handover_writer *writer, const void *object)
{
	const struct child *child = object;
	size_t n = 0;

	decisions_each(child->decisions, count_decision, &n);
	handover_array(writer, n);
	decisions_each(child->decisions, write_decision, writer);
}

/** struct handed_decision - one, and its rule as a text of its own */
struct handed_decision {
	struct decision decision; /* first: the fields are its own */
	char *rule;
};

static const struct handover_field rule_fields[] = {
	{ "rule", HANDOVER_STRING, offsetof(struct handed_decision, rule), 0, 0, 0 },
};

static bool
read_decision(struct handover_reader *reader, struct child *child)
{
	struct handover_field fields[ARRAY_SIZE(decision_fields) + 1];
	struct handover_table table = { fields, ARRAY_SIZE(fields) };
	struct handed_decision handed = { 0 };
	int r = 0;

	memcpy(fields, decision_fields, sizeof(decision_fields));
	fields[ARRAY_SIZE(decision_fields)] = rule_fields[0];
	if (handover_read_fields(reader, &table, &handed))
		r = decisions_take(&child->decisions, &handed.decision, handed.rule);
	free(handed.rule);
	if (r < 0)
		return handover_wrong(reader, "%s", strerror(-r));
	return reader->why[0] == '\0';
}

static bool
read_decisions(struct handover_reader *reader, void *object)
{
	uint64_t n;

	if (!handover_read_array(reader, &n))
		return false;
	for (; n > 0; n--)
		if (!read_decision(reader, object))
			return false;
	return true;
}

/* Restarts. */

static void
write_restart_times(struct handover_writer *writer, const void *object)
{
	const struct child *child = object;

	handover_array(writer, CHILD_RESTARTS_KEPT);
	for (size_t i = 0; i < CHILD_RESTARTS_KEPT; i++)
		handover_int(writer, child->restart_times_ns[i]);
}

static bool
read_restart_times(struct handover_reader *reader, void *object)
{
	struct child *child = object;
	int64_t time_ns;
	uint64_t n;

	if (!handover_read_array(reader, &n))
		return false;
	for (uint64_t i = 0; i < n; i++) {
		if (!handover_read_int(reader, 0, INT64_MAX, &time_ns))
			return false;
		if (i < CHILD_RESTARTS_KEPT)
			child->restart_times_ns[i] = time_ns;
	}
	return true;
}

/* What it wrote: the lines, then one that is not complete. */

static void
count_line(const char *line, size_t length, void *data)
{
	(void)line, (void)length;
	++*(size_t *)data;
}

static void
write_line(const char *line, size_t length, void *data)
{
	handover_bytes(data, line, length);
}

static void
write_output(struct handover_writer *writer, const void *object)
{
	const struct child *child = object;
	const char *partial;
	size_t n = 1, length;

	if (!child->output) {
		handover_array(writer, 0);
		return;
	}
	capture_tail(child->output, count_line, &n);
	handover_array(writer, n);
	capture_tail(child->output, write_line, writer);
	partial = capture_partial(child->output, &length);
	handover_bytes(writer, partial ? partial : "", length);
}

static void
ignore_line(const char *line, size_t length, void *data)
{
	(void)line, (void)length, (void)data;
}

static bool
feed(struct handover_reader *reader, struct child *child, bool is_whole)
{
	const char *bytes;
	size_t length;

	if (!handover_read_bytes(reader, &bytes, &length))
		return false;
	if (length > CAPTURE_LINE_MAX)
		return handover_wrong(reader, "a line of output is too long");
	if ((length > 0 &&
		capture_feed(child->output, bytes, length, ignore_line, NULL) < 0) ||
	    (is_whole && capture_feed(child->output, "\n", 1, ignore_line, NULL) < 0))
		return handover_wrong(reader, "%s", strerror(ENOMEM));
	return true;
}

static bool
read_output(struct handover_reader *reader, void *object)
{
	struct child *child = object;
	uint64_t n;

	if (!handover_read_array(reader, &n))
		return false;
	if (n > 0 && !child->output)
		child->output = capture_new();
	if (n > 0 && !child->output)
		return handover_wrong(reader, "%s", strerror(ENOMEM));
	for (; n > 0; n--)
		if (!feed(reader, child, n > 1))
			return false;
	return true;
}

/* What few workers have: an empty map, or theirs. */

#define STRUCT struct child_limits
static const struct handover_field limits_fields[] = {
	FIELD(HANDOVER_FD, "cgroup_fd", spawn.cgroup_fd),
	INT64(oom_kills),
	BOOL(is_set_up),
	BOOL(has_memory_max),
};
#undef STRUCT
static const struct handover_table limits_table = { limits_fields,
	ARRAY_SIZE(limits_fields) };

#define STRUCT struct child_watch
static const struct handover_field watch_fields[] = {
	INT64(start_ns),
	TIME(probe_ns),
	TIME(probed_ns),
	UINT32(failures),
};
#undef STRUCT
static const struct handover_table watch_table = { watch_fields,
	ARRAY_SIZE(watch_fields) };

static void
write_extra(struct handover_writer *writer, const struct handover_table *table,
    const void *object)
{
	handover_map(writer, object ? handover_count_fields(writer, table) : 0);
	if (object)
		handover_write_fields(writer, table, object);
}

static bool
read_extra(
    struct handover_reader *reader, const struct handover_table *table, void *object)
{
	return object ? handover_read_fields(reader, table, object)
		      : handover_skip(reader);
}

static void
write_limits(struct handover_writer *writer, const void *object)
{
	write_extra(writer, &limits_table, ((const struct child *)object)->limits);
}

static bool
read_limits(struct handover_reader *reader, void *object)
{
	return read_extra(reader, &limits_table, ((struct child *)object)->limits);
}

/* A program that looks at it now is forgotten, and begun anew on the other side. */
static void
write_watch(struct handover_writer *writer, const void *object)
{
	const struct child *child = object;
	struct child_watch handed;

	if (child->watch) {
		handed = *child->watch;
		if (handed.probing)
			handed.probe_ns = handed.probed_ns;
	}
	write_extra(writer, &watch_table, child->watch ? &handed : NULL);
}

static bool
read_watch(struct handover_reader *reader, void *object)
{
	return read_extra(reader, &watch_table, ((struct child *)object)->watch);
}

/* The worker. */

#define STRUCT struct child
static const struct handover_field fields[] = {
	RANGE(HANDOVER_INT, node.state, 0, NODE_WAITING),
	RANGE(HANDOVER_INT, node.wake_as, 0, MAIL_RESUME),
	RANGE(HANDOVER_INT, node.moves, 0, PLAN_RANGE_ALL),
	BOOL(node.stopped),
	BOOL(node.reports_cycles),
	UINT32(node.without_progress),

	RANGE(HANDOVER_INT, process.pid, -1, INT32_MAX),
	FD(process.pidfd),
	FD(link_fd),
	FD(output_fd),
	FD(output_theirs),
	FD(notify_fd),
	RANGE(HANDOVER_INT, reason.status, -1, INT32_MAX),
	RANGE(HANDOVER_INT, reason.signal, 0, 64),
	BOOL(reason.core),
	INT64(reason.cpu_us),
	INT64(reason.rss_max_kib),

	TIME(wake_ns),
	TIME(stable_ns),
	TIME(eof_ns),
	TIME(memory_ns),
	BOOL(seen.speaks),
	BOOL(seen.awaited),
	BOOL(seen.ready),
	BOOL(seen.leaving),
	TIME(seen.started_ns),
	TIME(seen.packet_ns),
	TIME(seen.advance_ns),
	TIME(seen.pet_ns),
	TIME(seen.leaving_ns),
	TIME(seen.extended_ns),
	TIME(watchdog_ns),
	BOOL(told_refused),
	BOOL(died),
	SINCE_2("doom", HANDOVER_INT, doom, 0, DOOM_PROBE),
	SINCE_2("doom_detail", HANDOVER_TEXT, doom_detail, 0,
	    sizeof(((struct child *)NULL)->doom_detail)),
	SINCE_2("killed", HANDOVER_BOOL, killed, 0, 1),
	SINCE_2("kill_ns", HANDOVER_INT64, kill_ns, 0, INT64_MAX),
	SINCE_2("kill_after_ns", HANDOVER_INT64, kill_after_ns, 0, INT64_MAX),

	RANGE(HANDOVER_INT64, cycle, -1, INT64_MAX),
	TEXT(phase),
	STRING(error),
	STRING(status),
	STRING(figures),
	TIME(figures_ns),
	UINT32(failed_cycles),
	UINT32(bad_packets),
	TEXT(start_error),
	BOOL(heal_pending),
	UINT32(lives),
	UINT32(restarts),
	UINT32(backoff),
	TIME(least_delay_ns),
	FIELD(HANDOVER_UINT64, "heals", heals),
	OTHER("restart_times", restart_times),
	OTHER("decisions", decisions),
	OTHER("output", output),
	TIME(output_window_ns),
	UINT32(output_lines),
	UINT32(output_dropped),
	FIELD(HANDOVER_SIZE, "output_bytes", output_bytes),
	FIELD(HANDOVER_UINT32, "events_dropped", allowance.left_out),
	OTHER("limits", limits),
	OTHER("watch", watch),
};
#undef STRUCT

const struct handover_table handover_child_table = { fields, ARRAY_SIZE(fields) };

bool
handover_check_child(struct handover_reader *reader, const struct node *worker)
{
	const struct child *child = (const struct child *)worker;
	const char *name = worker->config->name;

	if (worker->state != NODE_UP && worker->state != NODE_DOWN &&
	    worker->state != NODE_WAITING)
		return handover_wrong(reader, "%s: it is neither up nor down", name);
	if (worker->state == NODE_UP && child->process.pid <= 1)
		return handover_wrong(reader, "%s: it has no process", name);
	if (!handover_is_trial(reader) &&
	    child_is_alive(child) != (worker->state == NODE_UP))
		return handover_wrong(reader, "%s: its process is missing", name);
	return true;
}
