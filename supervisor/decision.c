/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short memory of decisions, for `tradesup why`. Whether they were right is plan.c's
 * business.
 */
#include "supervisor/decision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"

struct decisions {
	size_t used, next;
	struct decision ring[DECISIONS_KEPT];
	char *rules[DECISIONS_KEPT]; /* owned; NULL where the rule is static */
};

int
decisions_add(struct decisions **decisions, const struct decision *decision)
{
	struct decisions *all = *decisions;

	if (!all) {
		all = calloc(1, sizeof(*all));
		if (!all)
			return -ENOMEM;
		*decisions = all;
	}
	free(all->rules[all->next]);
	all->rules[all->next] = NULL;
	all->ring[all->next] = *decision;
	all->next = (all->next + 1) % DECISIONS_KEPT;
	if (all->used < DECISIONS_KEPT)
		all->used++;
	return 0;
}

int
decisions_take(struct decisions **decisions, const struct decision *decision,
    const char *rule)
{
	struct decision taken = *decision;
	char *copy = rule ? strdup(rule) : NULL;
	size_t i;
	int r;

	taken.plan.rule = copy ? copy : "an earlier version decided";
	r = rule && !copy ? -ENOMEM : decisions_add(decisions, &taken);
	if (r < 0) {
		free(copy);
		return r;
	}
	i = ((*decisions)->next + DECISIONS_KEPT - 1) % DECISIONS_KEPT;
	(*decisions)->rules[i] = copy;
	return 0;
}

struct decision *
decisions_last(struct decisions *decisions)
{
	if (!decisions || decisions->used == 0)
		return NULL;
	return &decisions
		    ->ring[(decisions->next + DECISIONS_KEPT - 1) % DECISIONS_KEPT];
}

void
decisions_each(const struct decisions *decisions,
    void (*call)(const struct decision *decision, void *data), void *data)
{
	size_t n = decisions ? decisions->used : 0;

	for (size_t i = 0; i < n; i++)
		call(&decisions->ring[(decisions->next + DECISIONS_KEPT - n + i) %
				      DECISIONS_KEPT],
		    data);
}

struct decisions *
decisions_free(struct decisions *decisions)
{
	for (size_t i = 0; decisions && i < DECISIONS_KEPT; i++)
		free(decisions->rules[i]);
	free(decisions);
	return NULL;
}

void
decision_happened(const struct decision *decision, char out[DECISION_TEXT_MAX])
{
	char up[DURATION_TEXT_MAX];

	if (decision->how == PLAN_START_FAILED) {
		snprintf(out, DECISION_TEXT_MAX, "it could not be started%s%s",
		    decision->cause[0] ? ": " : "", decision->cause);
		return;
	}
	/* To the millisecond: more digits say nothing to a person. */
	duration_format(decision->up_ns / 1000000 * 1000000, up);
	if (decision->cause[0])
		snprintf(out, DECISION_TEXT_MAX, "it was ended after %s: %s", up,
		    decision->cause);
	else if (decision->reason.signal)
		snprintf(out, DECISION_TEXT_MAX, "it was killed by SIG%s after %s",
		    sigabbrev_np(decision->reason.signal), up);
	else
		snprintf(out, DECISION_TEXT_MAX, "it exited with status %d after %s",
		    decision->reason.status, up);
}

void
decision_rule(const struct decision *decision, char out[DECISION_TEXT_MAX])
{
	char period[DURATION_TEXT_MAX];

	if (decision->plan.verdict != PLAN_RESTART) {
		snprintf(out, DECISION_TEXT_MAX, "%s", decision->plan.rule);
		return;
	}
	duration_format(decision->period_ns, period);
	snprintf(out, DECISION_TEXT_MAX, "%s; restart %u of %u allowed in %s",
	    decision->plan.rule, decision->used, decision->limit, period);
}

static const char *
who_moves(enum plan_range range)
{
	static const char *const words[] = {
		[PLAN_RANGE_ONE] = "it is",
		[PLAN_RANGE_FROM_IT] = "it and those after it are",
		[PLAN_RANGE_ALL] = "all of its group are",
	};

	return words[range];
}

void
decision_action(const struct decision *decision, char out[DECISION_TEXT_MAX])
{
	static const char *const words[] = {
		[PLAN_LEAVE] = "it stays down until it is started",
		[PLAN_STRIKE_OFF] = "it stays down and is off the list",
		[PLAN_RESTART] = "",
		[PLAN_GIVE_UP] = "its group gives up",
		[PLAN_SHUTDOWN] = "its group shuts itself down",
	};
	char delay[DURATION_TEXT_MAX];

	if (decision->plan.verdict != PLAN_RESTART) {
		snprintf(out, DECISION_TEXT_MAX, "%s", words[decision->plan.verdict]);
		return;
	}
	duration_format(decision->delay_ns / 1000000 * 1000000, delay);
	snprintf(out, DECISION_TEXT_MAX, "%s started again %s%s",
	    who_moves(decision->plan.range),
	    decision->delay_ns > 0 ? "after " : "at once",
	    decision->delay_ns > 0 ? delay : "");
}
