/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole of a handed-over state: what is the supervisor's own, its configuration's
 * text, its memory of events, its clients, and the tree.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/timestamp.h"
#include "supervisor/context.h"
#include "supervisor/control.h"
#include "supervisor/handover_tree.h"

#define MAGIC "tradesup-state"

unsigned
handover_version(void)
{
	return TRADESUP_STATE_VERSION;
}

unsigned
handover_oldest(void)
{
	return TRADESUP_STATE_VERSION > 1 ? TRADESUP_STATE_VERSION - 1 : 1;
}

/* What others have to say. */

static void
write_program_version(struct handover_writer *writer, const void *object)
{
	(void)object;
	handover_text(writer, TRADESUP_VERSION);
}

static void
write_config_path(struct handover_writer *writer, const void *object)
{
	handover_text(writer, ((const struct supervisor *)object)->config->path);
}

static void
write_config_text(struct handover_writer *writer, const void *object)
{
	int fd = ((const struct supervisor *)object)->config->text_fd;

	if (fd < 0)
		handover_text(writer, NULL);
	else
		handover_text_of(writer, fd);
}

static void
count_event(const char *line, const char *worker, void *data)
{
	(void)line, (void)worker;
	++*(size_t *)data;
}

static void
write_event(const char *line, const char *worker, void *data)
{
	handover_array(data, 2);
	handover_text(data, line);
	handover_text(data, worker);
}

static void
write_events(struct handover_writer *writer, const void *object)
{
	const struct event_log *log = &((const struct supervisor *)object)->events;
	const struct event_filter all = { .since_ns = EVENT_LOG_EVER };
	size_t n = 0;

	event_log_last(log, EVENT_LOG_LINES, &all, count_event, &n);
	handover_array(writer, n);
	event_log_last(log, EVENT_LOG_LINES, &all, write_event, writer);
}

/* The time stands in the line: "NAME ts=TIME …". */
static int64_t
time_of(const char *line)
{
	const char *from = strstr(line, " ts=");
	int64_t time_ns;

	if (!from)
		return 0;
	from += strlen(" ts=");
	if (timestamp_parse(from, strcspn(from, " "), TIME_UNIT_RFC3339, &time_ns) < 0)
		return 0;
	return time_ns;
}

static bool
read_event(struct handover_reader *reader, struct event_log *log)
{
	_cleanup_free_ char *line = NULL, *worker = NULL;
	uint64_t n;

	if (!handover_read_array(reader, &n))
		return false;
	if (n != 2)
		return handover_wrong(reader, "an event is no pair");
	if (!handover_read_text(reader, &line) || !handover_read_text(reader, &worker))
		return false;
	if (line)
		event_log_recall(log, line, worker, time_of(line));
	return true;
}

static bool
read_events(struct handover_reader *reader, void *object)
{
	struct supervisor *supervisor = object;
	uint64_t n;

	if (!handover_read_array(reader, &n))
		return false;
	for (; n > 0; n--)
		if (!read_event(reader, &supervisor->events))
			return false;
	return true;
}

static void
write_control(struct handover_writer *writer, const void *object)
{
	const struct supervisor *supervisor = object;

	if (supervisor->control)
		control_hand_over(supervisor->control, writer);
	else
		handover_map(writer, 0);
}

static bool
read_control(struct handover_reader *reader, void *object)
{
	return handover_is_trial(reader) ? handover_skip(reader)
					 : control_take_over(object, reader);
}

static void
write_tree(struct handover_writer *writer, const void *object)
{
	handover_write_tree(writer, &((const struct supervisor *)object)->tree);
}

static bool
read_tree(struct handover_reader *reader, void *object)
{
	return handover_read_tree(reader, &((struct supervisor *)object)->tree);
}

static void
write_escalations(struct handover_writer *writer, const void *object)
{
	const struct service *service = &((const struct supervisor *)object)->service;

	handover_array(writer, service->n);
	for (size_t i = 0; i < service->n; i++)
		handover_int(writer, service->times_ns[i]);
}

static bool
read_escalations(struct handover_reader *reader, void *object)
{
	struct service *service = &((struct supervisor *)object)->service;
	int64_t time_ns;
	uint64_t n;

	if (!handover_read_array(reader, &n))
		return false;
	for (; n > 0; n--) {
		if (!handover_read_int(reader, 0, INT64_MAX, &time_ns))
			return false;
		service_escalated(service, time_ns);
	}
	return true;
}

/* The new program must look for everything where the old one had it. */

static void
write_state_dir(struct handover_writer *writer, const void *object)
{
	handover_text(writer, ((const struct supervisor *)object)->state_dir);
}

static void
write_runtime_dir(struct handover_writer *writer, const void *object)
{
	handover_text(writer, ((const struct supervisor *)object)->runtime_dir);
}

static bool
read_directory(struct handover_reader *reader, const char *what, const char *ours)
{
	_cleanup_free_ char *theirs = NULL;

	if (!handover_read_text(reader, &theirs))
		return false;
	return !theirs || !ours || strcmp(ours, theirs) == 0 ||
	       handover_wrong(
		   reader, "the %s would be %.60s, not %.60s", what, ours, theirs);
}

static bool
read_state_dir(struct handover_reader *reader, void *object)
{
	return read_directory(
	    reader, "state_dir", ((struct supervisor *)object)->state_dir);
}

static bool
read_runtime_dir(struct handover_reader *reader, void *object)
{
	return read_directory(
	    reader, "runtime_dir", ((struct supervisor *)object)->runtime_dir);
}

static bool
skip(struct handover_reader *reader, void *object)
{
	(void)object;
	return handover_skip(reader);
}

#define AT(member) offsetof(struct supervisor, member)
#define NUMBER(type, member, low, high)                                                \
	{                                                                              \
#member, type, AT(member), low, high, 0                                \
	}
#define FD(member)                                                                     \
	{                                                                              \
#member, HANDOVER_FD, AT(member), 0, 0, 0                              \
	}
#define TEXT(member)                                                                   \
	{                                                                              \
#member, HANDOVER_TEXT, AT(member), 0,                                 \
		    sizeof(((struct supervisor *)NULL)->member), 0                     \
	}
#define OTHER(name, read_it)                                                           \
	{                                                                              \
#name, HANDOVER_OTHER, 0, 0, 0, 0, write_##name, read_it               \
	}

static const struct handover_field fields[] = {
	OTHER(program_version, skip),
	{ "program", HANDOVER_STRING, AT(program), 0, 0, 0 },
	{ "state_dir", HANDOVER_OTHER, 0, 0, 0, 0, write_state_dir, read_state_dir },
	{ "runtime_dir", HANDOVER_OTHER, 0, 0, 0, 0, write_runtime_dir,
	    read_runtime_dir },
	OTHER(config_path, skip),
	OTHER(config_text, skip),
	NUMBER(HANDOVER_INT64, started_ns, 0, INT64_MAX),
	NUMBER(HANDOVER_INT64, upgrade_ns, 0, INT64_MAX),
	NUMBER(HANDOVER_UINT32, restarts, 0, 0),
	NUMBER(HANDOVER_UINT32, random, 1, UINT32_MAX),
	TEXT(last_failed),
	FD(lock_fd),
	NUMBER(HANDOVER_INT, guardian.pid, 0, INT32_MAX),
	FD(guardian.pidfd),
	FD(guardian.fd),
	TEXT(guardian.marker),
	FD(cgroup.fd),
	NUMBER(HANDOVER_INT, cgroup.controllers, 0, 7),
	NUMBER(HANDOVER_BOOL, cgroup.is_ours, 0, 1),
	OTHER(escalations, read_escalations),
	OTHER(events, read_events),
	OTHER(tree, read_tree),
	OTHER(control, read_control),
};
static const struct handover_table supervisor_table = { fields, ARRAY_SIZE(fields) };

int
handover_write(const struct supervisor *supervisor, struct handover_writer *writer)
{
	writer->supervisor = supervisor;
	handover_array(writer, 3);
	handover_text(writer, MAGIC);
	handover_int(writer, writer->version);
	handover_map(writer, handover_count_fields(writer, &supervisor_table));
	handover_write_fields(writer, &supervisor_table, supervisor);
	if (!writer->failed)
		return 0;
	return writer->used > HANDOVER_MAX / 2 ? -EFBIG : -ENOMEM;
}

/* Up to the map. Return: 0, HANDOVER_E_VERSION, -EBADMSG. */
static int
read_envelope(struct handover_reader *reader)
{
	const char *magic;
	int64_t version;
	size_t length;
	uint64_t n;

	if (!handover_read_array(reader, &n) || n < 3 ||
	    !handover_read_bytes(reader, &magic, &length) || !magic ||
	    length != strlen(MAGIC) || memcmp(magic, MAGIC, length) != 0) {
		handover_wrong(reader, "it is no state of a supervisor");
		return -EBADMSG;
	}
	if (!handover_read_int(reader, 1, UINT32_MAX, &version))
		return -EBADMSG;
	if (version < handover_oldest() || version > TRADESUP_STATE_VERSION) {
		handover_wrong(reader,
		    "the state has version %lld, this program reads %u to %u",
		    (long long)version, handover_oldest(), TRADESUP_STATE_VERSION);
		return HANDOVER_E_VERSION;
	}
	reader->version = (unsigned)version;
	return 0;
}

/* The head. */

static bool
read_config_text(struct handover_reader *reader, void *object)
{
	struct handover_head *head = object;

	return handover_read_bytes(reader, &head->config_text, &head->config_length);
}

static const struct handover_field head_fields[] = {
	{ "program_version", HANDOVER_STRING,
	    offsetof(struct handover_head, program_version), 0, 0, 0 },
	{ "config_path", HANDOVER_STRING, offsetof(struct handover_head, config_path),
	    0, 0, 0 },
	{ "config_text", HANDOVER_OTHER, 0, 0, 0, 0, NULL, read_config_text },
};
static const struct handover_table head_table = { head_fields,
	ARRAY_SIZE(head_fields) };

void
handover_head_deinit(struct handover_head *head)
{
	free(head->program_version);
	free(head->config_path);
	*head = (struct handover_head){ 0 };
}

static int
conclude(const struct handover_reader *reader, int r, char *why, size_t why_size)
{
	if (r != 0)
		snprintf(why, why_size, "%s", reader->why);
	return r;
}

int
handover_read_head(const char *bytes, size_t length, struct handover_head *ret_head,
    char *why, size_t why_size)
{
	struct handover_reader reader = { .wire = wire_init(bytes, length) };
	struct handover_head head = { 0 };
	int r = read_envelope(&reader);

	if (r == 0 && (!handover_read_fields(&reader, &head_table, &head) ||
			  (!head.config_path &&
			      !handover_wrong(&reader, "it names no configuration"))))
		r = -EBADMSG;
	if (r != 0) {
		handover_head_deinit(&head);
		return conclude(&reader, r, why, why_size);
	}
	head.version = reader.version;
	*ret_head = head;
	return 0;
}

int
handover_read(struct supervisor *supervisor, const char *bytes, size_t length,
    struct handover_attempt *attempt)
{
	struct handover_reader reader = { .supervisor = supervisor,
		.attempt = attempt,
		.wire = wire_init(bytes, length) };
	int r = read_envelope(&reader);

	if (r == 0 && !handover_read_fields(&reader, &supervisor_table, supervisor))
		r = -EBADMSG;
	if (r == 0 && reader.why[0])
		r = -EBADMSG;
	snprintf(attempt->why, sizeof(attempt->why), "%s", reader.why);
	return r == 0 ? 0 : -EBADMSG;
}
