/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of a worker, one handler each, in a table. A worker can say anything in
 * any order: what makes no sense is counted, what is too much waits for the next turn
 * of the loop.
 */
#include "supervisor/child_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/link.h"
#include "supervisor/aftermath.h"
#include "supervisor/child_watch.h"
#include "supervisor/context.h"
#include "supervisor/figures.h"
#include "supervisor/links.h"
#include "supervisor/holds.h"

#define PACKETS_PER_TURN 256

static void
start_record(struct record *record, const char *event, struct child *child)
{
	record_init(record, event);
	record_text(record, "worker", child_name(child));
}

static void
emit(struct child *child, enum log_level level, const struct record *record)
{
	event_log_emit(&child->supervisor->events, level, record);
}

static void
report_left_out(struct child *child, uint32_t n)
{
	struct record record;

	if (n == 0)
		return;
	start_record(&record, "worker.events_dropped", child);
	record_int(&record, "events", n);
	emit(child, LOG_LEVEL_WARNING, &record);
}

void
child_finish_link(struct child *child)
{
	report_left_out(child, child->allowance.left_out);
	child->allowance.left_out = 0;
}

/* What it can have logged as often as it likes. */
static void
emit_told(struct child *child, enum log_level level, const struct record *record)
{
	if (allowance_take(&child->allowance, level))
		emit(child, level, record);
}

void
child_became_ready(struct child *child, int64_t now_ns)
{
	struct record record;

	if (child->seen.ready)
		return;
	child->seen.ready = true;
	child->seen.advance_ns = child->seen.pet_ns = now_ns;
	start_record(&record, "worker.ready", child);
	record_int(&record, "pid", child->process.pid);
	record_int(&record, "up_ms", (now_ns - child->seen.started_ns) / NS_PER_MS);
	emit(child, LOG_LEVEL_NOTICE, &record);
	if (child->watch)
		child_watch_ready(child, now_ns);
	child_rearm(child);
}

void
child_set_status(struct child *child, const char *text)
{
	if (child->status && strcmp(child->status, text) == 0)
		return;
	free(child->status);
	child->status = *text ? strdup(text) : NULL;
}

static void
advance(struct child *child, int64_t cycle, int64_t now_ns)
{
	child->node.reports_cycles = true;
	if (cycle == child->cycle)
		return;
	child->cycle = cycle;
	child->seen.advance_ns = now_ns;
}

static void
on_hello(struct child *child, const struct msg *msg, int64_t now_ns)
{
	(void)msg, (void)now_ns;
	child->seen.speaks = true;
	child_rearm(child);
	holds_greet(child);
}

static void
on_ready(struct child *child, const struct msg *msg, int64_t now_ns)
{
	(void)msg;
	child->seen.speaks = true;
	child_became_ready(child, now_ns);
}

static void
on_heartbeat(struct child *child, const struct msg *msg, int64_t now_ns)
{
	advance(child, msg->heartbeat.cycle, now_ns);
	snprintf(child->phase, sizeof(child->phase), "%.31s", msg->heartbeat.phase);
}

static void
cycle_failed(struct child *child, const struct msg *msg)
{
	uint32_t limit = child_config(child)->failed_cycles;
	struct record record;
	char detail[64];

	child->failed_cycles++;
	start_record(&record, "cycle.failed", child);
	record_int(&record, "cycle", msg->cycle.cycle);
	record_int(&record, "failed", child->failed_cycles);
	record_text(&record, "error", msg->cycle.error);
	emit_told(child, LOG_LEVEL_WARNING, &record);
	if (limit == 0 || child->failed_cycles < limit)
		return;
	snprintf(
	    detail, sizeof(detail), "%u failed cycles in a row", child->failed_cycles);
	child_doomed(child, DOOM_CYCLES, detail);
}

static enum measures_cycle
cycle_outcome(const struct msg *msg)
{
	if (msg->cycle.error[0] == '\0')
		return MEASURES_GOOD;
	return msg->cycle.healed ? MEASURES_HEALED : MEASURES_FAILED;
}

/* Of undisturbed cycles alone: what they would have been is what an outage costs. */
static void
learn_interval(struct child *child, int64_t now_ns)
{
	int64_t last_ns = child->measures.good_ns;

	if (child->heal_pending || last_ns <= child->seen.started_ns)
		return;
	if (child->interval_ns == 0)
		child->interval_ns = now_ns - last_ns;
	else
		child->interval_ns += (now_ns - last_ns - child->interval_ns) / 8;
}

static void
on_cycle(struct child *child, const struct msg *msg, int64_t now_ns)
{
	advance(child, msg->cycle.cycle, now_ns);
	/* A worker that has been told to go may still report; it changes nothing any
	 * more. */
	if (child->doom != DOOM_NONE)
		return;
	if (msg->cycle.error[0] == '\0')
		learn_interval(child, now_ns);
	measures_add(
	    &child->measures, cycle_outcome(msg), msg->cycle.duration_ns, now_ns);
	if (msg->cycle.error[0] == '\0') {
		child_had_good_cycle(child);
		return;
	}
	child->heal_pending = true;
	aftermath_bad_cycle(
	    child->supervisor->aftermath, child_name(child), child->interval_ns);
	free(child->error);
	child->error = strdup(msg->cycle.error);
	if (!msg->cycle.healed)
		cycle_failed(child, msg);
}

/* The events of levels 1 and 2. A relapse has one name for all: it is the opposite of
 * health. */
static const char *
heal_event(int64_t level, enum fault_kind kind, enum heal_outcome outcome)
{
	static const char *const pre_check[] = {
		[HEAL_SUCCESS] = "self_healing.pre_check_heal_success",
		[HEAL_FAILED] = "self_healing.pre_check_heal_failed",
	};
	static const char *const handler[][2] = {
		[FAULT_NAME] = { "self_healing.name_reload_success",
		    "self_healing.name_reload_failed" },
		[FAULT_IMPORT] = { "self_healing.import_reload_success",
		    "self_healing.import_reload_failed" },
		[FAULT_ATTRIBUTE] = { "self_healing.attribute_reload_success",
		    "self_healing.attribute_reload_failed" },
		[FAULT_KEY] = { "self_healing.key_reload_success",
		    "self_healing.key_reload_failed" },
	};

	if (outcome == HEAL_RELAPSED)
		return "self_healing.relapsed";
	if (level == 1)
		return pre_check[outcome];
	return fault_is_healable(kind) ? handler[kind][outcome] : NULL;
}

/* "NAME: what was done": two fields, so that a name can be searched for. */
static void
add_detail(struct record *record, const char *detail, char name[MSG_TEXT_MAX])
{
	const char *colon = strstr(detail, ": ");

	snprintf(name, MSG_TEXT_MAX, "%.*s",
	    colon ? (int)(colon - detail) : MSG_TEXT_MAX - 1, detail);
	record_text(record, "name", name);
	record_text(record, "detail", colon ? colon + 2 : NULL);
}

static void
on_heal(struct child *child, const struct msg *msg, int64_t now_ns)
{
	enum heal_outcome outcome = msg->heal.outcome;
	char name[MSG_TEXT_MAX];
	const char *event;
	struct record record;

	(void)now_ns;
	event = msg->heal.level == 1 || msg->heal.level == 2
		    ? heal_event(msg->heal.level, msg->heal.kind, outcome)
		    : NULL;
	if (!event) {
		child->bad_packets++;
		return;
	}
	child->heals += outcome == HEAL_SUCCESS;
	start_record(&record, event, child);
	record_int(&record, "level", msg->heal.level);
	record_text(&record, "kind", fault_kind_name(msg->heal.kind));
	add_detail(&record, msg->heal.detail, name);
	record_int(&record, "cycle", child->cycle);
	emit_told(child, outcome == HEAL_SUCCESS ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
	    &record);
	child->heal_pending = true;
	aftermath_heal(child->supervisor->aftermath,
	    &(struct history_step){ .worker = child_name(child),
		.level = (int)msg->heal.level,
		.kind = fault_kind_name(msg->heal.kind),
		.subject = name[0] ? name : NULL,
		.example = msg->heal.detail,
		.interval_ns = child->interval_ns },
	    outcome);
}

static void
on_status(struct child *child, const struct msg *msg, int64_t now_ns)
{
	(void)now_ns;
	child_set_status(child, msg->status.text);
}

static void
on_restart(struct child *child, const struct msg *msg, int64_t now_ns)
{
	(void)now_ns;
	child_doomed(child, DOOM_REQUESTED, msg->restart.text);
}

/* What a worker may tell events of; the other subjects are ours. */
static bool
is_workers_subject(const char *name)
{
	static const char *const subjects[] = { "order.", "feed.", "broker.",
		"strategy." };
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";

	if (name[strspn(name, allowed)] != '\0')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		if (strncmp(name, subjects[i], strlen(subjects[i])) == 0)
			return name[strlen(subjects[i])] != '\0';
	return false;
}

/* Its fields are read and written anew: none can pass for another worker's. */
static void
on_event(struct child *child, const struct msg *msg, int64_t now_ns)
{
	char fields[MSG_TEXT_MAX];
	struct record said, record;

	(void)now_ns;
	record_init(&said, NULL);
	memcpy(fields, msg->event.fields, sizeof(fields));
	if (!is_workers_subject(msg->event.name) ||
	    (fields[0] && (record_parse(fields, &said) < 0 || said.event))) {
		child->bad_packets++;
		return;
	}
	start_record(&record, msg->event.name, child);
	for (size_t i = 0; i < said.n_fields; i++)
		if (strcmp(said.fields[i].key, "worker") != 0 &&
		    strcmp(said.fields[i].key, "ts") != 0)
			record_add(&record, &said.fields[i]);
	emit_told(child, (enum log_level)msg->event.level, &record);
}

static void
on_figures(struct child *child, const struct msg *msg, int64_t now_ns)
{
	char figures[FIGURES_MAX];
	char *copy;

	if (!figures_check(msg->figures.fields, figures)) {
		child->bad_packets++;
		return;
	}
	copy = strdup(figures);
	if (!copy)
		return;
	free(child->figures);
	child->figures = copy;
	child->figures_ns = now_ns;
}

/* Its exit follows, and says more. */
static void
on_bye(struct child *child, const struct msg *msg, int64_t now_ns)
{
	(void)child, (void)msg, (void)now_ns;
}

typedef void (*handler)(struct child *child, const struct msg *msg, int64_t now_ns);

static const handler handlers[MSG_TYPE_COUNT] = {
	[MSG_HELLO] = on_hello,
	[MSG_READY] = on_ready,
	[MSG_HEARTBEAT] = on_heartbeat,
	[MSG_CYCLE] = on_cycle,
	[MSG_HEAL] = on_heal,
	[MSG_STATUS] = on_status,
	[MSG_RESTART] = on_restart,
	[MSG_BYE] = on_bye,
	[MSG_EVENT] = on_event,
	[MSG_FIGURES] = on_figures,
};

void
child_garbage(struct child *child)
{
	struct record record;

	/* The first is news, the rest are a number. */
	if (child->bad_packets++ == 0) {
		start_record(&record, "worker.garbage", child);
		record_int(&record, "pid", child->process.pid);
		emit(child, LOG_LEVEL_WARNING, &record);
	}
	if (child->bad_packets > CHILD_BAD_PACKETS_MAX)
		child_doomed(child, DOOM_GARBAGE, "");
}

static void
link_ended(struct child *child)
{
	links_remove(child->supervisor->links, child->link_fd);
	close(child->link_fd);
	child->link_fd = -1;
	/* Its end should follow; a program that never spoke may close what it does not
	 * know. */
	if (!child->seen.speaks)
		return;
	child->eof_ns = clock_monotonic_ns() + CHILD_EOF_PATIENCE_NS;
	child_rearm(child);
}

bool
child_read_link(struct child *child)
{
	struct msg msg;

	for (int i = 0; i < PACKETS_PER_TURN && child->link_fd >= 0; i++) {
		int64_t now_ns;
		int r = link_receive(child->link_fd, &msg);

		if (r == LINK_E_AGAIN)
			return false;
		if (r < 0 || r == LINK_E_EOF) {
			link_ended(child);
			return false;
		}
		now_ns = clock_monotonic_ns();
		child->seen.packet_ns = now_ns;
		report_left_out(child, allowance_turn(&child->allowance, now_ns));
		if (r == LINK_E_UNKNOWN)
			continue;
		if (r == LINK_E_GARBAGE || !handlers[msg.type])
			child_garbage(child);
		else
			handlers[msg.type](child, &msg, now_ns);
	}
	return child->link_fd >= 0;
}

int
child_send(struct child *child, const struct msg *msg)
{
	return child->link_fd < 0 ? LINK_E_EOF : link_send(child->link_fd, msg);
}
