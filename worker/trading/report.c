/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's reports, each to the link or to the log. It keeps no count and decides
 * nothing; heartbeats, which are no report but a sign of life, go to the link directly.
 */
#include "worker/trading/report.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/msg.h"

#define WHAT_MAX (ERROR_TEXT_MAX + 64)

static const enum log_level heal_levels[HEAL_OUTCOME_COUNT] = {
	[HEAL_SUCCESS] = LOG_LEVEL_WARNING,
	[HEAL_FAILED] = LOG_LEVEL_ERROR,
	[HEAL_RELAPSED] = LOG_LEVEL_ERROR,
};

void
report_heal_event(int level, enum fault_kind kind, enum heal_outcome outcome,
    char ret_event[REPORT_EVENT_MAX])
{
	if (outcome == HEAL_RELAPSED)
		snprintf(ret_event, REPORT_EVENT_MAX, "self_healing.relapsed");
	else if (level == 1)
		snprintf(ret_event, REPORT_EVENT_MAX, "self_healing.pre_check_heal_%s",
		    heal_outcome_name(outcome));
	else
		snprintf(ret_event, REPORT_EVENT_MAX, "self_healing.%s_reload_%s",
		    fault_kind_name(kind), heal_outcome_name(outcome));
}

static bool
is_alone(const struct reporter *reporter)
{
	return !tradesup_is_supervised(reporter->link);
}

/* "last good copy: FILE:3: no closing brace", or why nothing held. */
static void
what_was_done(
    const struct fault *fault, const struct heal_result *result, char text[WHAT_MAX])
{
	bool held = result->remedy != HEAL_NONE;
	const char *note = result->note[0] || held ? result->note : fault->why;

	snprintf(text, WHAT_MAX, "%s%s%s", held ? heal_remedy_text(result->remedy) : "",
	    held && *note ? ": " : "", note);
}

static void
log_heal(const struct reporter *reporter, int level, int64_t cycle,
    const struct fault *fault, const struct heal_result *result, int64_t duration_ns)
{
	char event[REPORT_EVENT_MAX], what[WHAT_MAX];
	struct record record;

	what_was_done(fault, result, what);
	report_heal_event(level, fault->kind, result->outcome, event);
	record_init(&record, event);
	record_text(&record, "worker", reporter->worker);
	record_int(&record, "level", level);
	record_text(&record, "kind", fault_kind_name(fault->kind));
	record_text(&record, "name", fault->name);
	record_int(&record, "cycle", cycle);
	record_int(&record, "duration_ms", duration_ns / NS_PER_MS);
	record_text(&record, "detail", what);
	log_record(heal_levels[result->outcome], &record);
}

int
report_heal(const struct reporter *reporter, int level, int64_t cycle,
    const struct fault *fault, const struct heal_result *result, int64_t duration_ns)
{
	char what[WHAT_MAX], detail[HEAL_NAME_MAX + WHAT_MAX + 2];

	if (is_alone(reporter)) {
		log_heal(reporter, level, cycle, fault, result, duration_ns);
		return 0;
	}
	what_was_done(fault, result, what);
	snprintf(detail, sizeof(detail), "%s: %s", fault->name, what);
	return tradesup_heal(reporter->link, level, fault_kind_name(fault->kind),
	    heal_outcome_name(result->outcome), detail);
}

int
report_cycle(
    const struct reporter *reporter, const struct tradesup_cycle_report *report)
{
	struct record record;

	if (!is_alone(reporter))
		return tradesup_cycle(reporter->link, report);
	if (!report->error || report->healed)
		return 0;
	record_init(&record, "cycle.failed");
	record_text(&record, "worker", reporter->worker);
	record_int(&record, "cycle", report->cycle);
	record_text(&record, "error", report->error);
	record_int(&record, "duration_ms", report->duration_ns / NS_PER_MS);
	log_record(LOG_LEVEL_ERROR, &record);
	return 0;
}

int
report_figures(const struct reporter *reporter, const char *fields)
{
	return tradesup_figures(reporter->link, fields);
}

int
report_ready(const struct reporter *reporter)
{
	struct record record;

	if (!is_alone(reporter))
		return tradesup_ready(reporter->link);
	record_init(&record, "worker.ready");
	record_text(&record, "worker", reporter->worker);
	log_record(LOG_LEVEL_NOTICE, &record);
	return 0;
}

int
report_trouble(const struct reporter *reporter, const char *text)
{
	struct record record;

	if (!is_alone(reporter))
		return tradesup_status(reporter->link, text);
	record_init(&record, "worker.trouble");
	record_text(&record, "worker", reporter->worker);
	record_text(&record, "message", text);
	log_record(LOG_LEVEL_WARNING, &record);
	return 0;
}

int
report_event(
    const struct reporter *reporter, enum log_level level, const struct record *event)
{
	struct record record;
	char fields[MSG_TEXT_MAX];

	if (is_alone(reporter)) {
		record_init(&record, event->event);
		record_text(&record, "worker", reporter->worker);
		for (size_t i = 0; i < event->n_fields; i++)
			record_add(&record, &event->fields[i]);
		log_record(level, &record);
		return 0;
	}
	record = *event;
	record.event = NULL;
	record_logfmt(&record, fields, sizeof(fields));
	return tradesup_event(reporter->link, (int)level, event->event, fields);
}

int
report_end(const struct reporter *reporter, const char *why)
{
	struct record record;

	if (!is_alone(reporter))
		return tradesup_bye(reporter->link);
	record_init(&record, "worker.exit");
	record_text(&record, "worker", reporter->worker);
	record_text(&record, "why", why);
	log_record(LOG_LEVEL_NOTICE, &record);
	return 0;
}
