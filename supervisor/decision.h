/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last decisions about a worker, and how to say them in plain words: what happened,
 * which rule, what came next. Pure: it keeps and formats.
 */
#pragma once

#include <stddef.h>

#include "supervisor/exit_reason.h"
#include "supervisor/plan.h"

#define DECISIONS_KEPT 8
#define DECISION_TEXT_MAX 256

struct decision {
	int64_t time_ns; /* of day */
	int64_t up_ns;	 /* how long it had lived */
	enum plan_how how;
	struct exit_reason reason; /* unless PLAN_START_FAILED */
	char cause[96]; /* "hang: no heartbeat", "exec: No such file or directory"; "":
			   it ended by itself */
	struct plan plan;
	uint32_t used, limit; /* the group's window afterwards */
	int64_t period_ns;
	int64_t delay_ns; /* before the restart; -1: not known yet */
};

struct decisions; /* a ring; NULL is an empty one */

/** decisions_add() - remember one, forgetting the oldest if need be; makes the ring at
 * first. Return: 0, -ENOMEM. */
int decisions_add(struct decisions **decisions, const struct decision *decision);

/** decisions_take() - the same for one whose rule is another's text, which is copied;
 * NULL: it is not known. */
int decisions_take(struct decisions **decisions, const struct decision *decision,
    const char *rule);

/** decisions_last() - the latest, to be completed; NULL if there is none. */
struct decision *decisions_last(struct decisions *decisions);

/** decisions_each() - call for each, oldest first. */
void decisions_each(const struct decisions *decisions,
    void (*call)(const struct decision *decision, void *data), void *data);

struct decisions *decisions_free(struct decisions *decisions);

/* Each writes one phrase, without a full stop: "exited with status 3 after 1.2s", … */
void decision_happened(const struct decision *decision, char out[DECISION_TEXT_MAX]);
void decision_rule(const struct decision *decision, char out[DECISION_TEXT_MAX]);
void decision_action(const struct decision *decision, char out[DECISION_TEXT_MAX]);
