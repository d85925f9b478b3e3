/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The healing rules: which remedies a cause has and in what order, what counts as
 * healed, and what as a relapse. It neither finds a fault nor mends one, and reports
 * nothing.
 */
#include "worker/trading/heal.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

#define REMEDIES_MAX 3

static const enum heal_remedy remedies[HEAL_CAUSE_COUNT][REMEDIES_MAX] = {
	[HEAL_CAUSE_REGISTRY] = { HEAL_REREAD_REGISTRY, HEAL_LAST_GOOD_REGISTRY },
	[HEAL_CAUSE_DIRECTORY] = { HEAL_MAKE_DIRECTORY },
	[HEAL_CAUSE_CORRUPT] = { HEAL_SET_ASIDE },
	[HEAL_CAUSE_CURSOR] = { HEAL_MEND_CURSOR },
	[HEAL_CAUSE_MODULE_FILE] = { HEAL_LAST_MODULE },
	[HEAL_CAUSE_MODULE] = { HEAL_RELOAD_MODULE, HEAL_LAST_MODULE },
	[HEAL_CAUSE_STATE] = { HEAL_WRITE_STATE },
	[HEAL_CAUSE_TRADER] = { HEAL_REOPEN_TRADER },
	[HEAL_CAUSE_TARGET] = { HEAL_REREAD_REGISTRY },
};

static const char *const remedy_texts[HEAL_REMEDY_COUNT] = {
	[HEAL_NONE] = "nothing",
	[HEAL_REREAD_REGISTRY] = "registry read again",
	[HEAL_LAST_GOOD_REGISTRY] = "last good copy",
	[HEAL_MAKE_DIRECTORY] = "directory made",
	[HEAL_SET_ASIDE] = "moved aside",
	[HEAL_MEND_CURSOR] = "written again from the journal",
	[HEAL_RELOAD_MODULE] = "module loaded again",
	[HEAL_LAST_MODULE] = "last module that loaded",
	[HEAL_WRITE_STATE] = "written again",
	[HEAL_REOPEN_TRADER] = "opened again from the journal",
};

void
fault_set(struct fault *ret_fault, enum fault_kind kind, enum heal_cause cause,
    const char *name, const char *why)
{
	ret_fault->kind = kind;
	ret_fault->cause = cause;
	snprintf(ret_fault->name, sizeof(ret_fault->name), "%s", name);
	snprintf(ret_fault->why, sizeof(ret_fault->why), "%s", why);
}

const char *
heal_remedy_text(enum heal_remedy remedy)
{
	return remedy_texts[remedy];
}

enum heal_remedy
heal_remedy(enum heal_cause cause, unsigned attempt)
{
	return attempt < REMEDIES_MAX ? remedies[cause][attempt] : HEAL_NONE;
}

static struct heal_case *
find_case(struct healer *healer, const struct fault *fault)
{
	for (size_t i = 0; i < healer->n_cases; i++)
		if (healer->cases[i].kind == fault->kind &&
		    healer->cases[i].cause == fault->cause &&
		    strcmp(healer->cases[i].name, fault->name) == 0)
			return &healer->cases[i];
	return NULL;
}

/* Older ones can no longer be the past of a relapse. */
static void
drop_old_cases(struct healer *healer, int64_t cycle)
{
	size_t kept = 0;

	for (size_t i = 0; i < healer->n_cases; i++)
		if (healer->cases[i].cycle >= cycle - 1)
			healer->cases[kept++] = healer->cases[i];
	healer->n_cases = kept;
}

/* Where the table is full, the fault that was there longest ago makes room. */
static struct heal_case *
new_case(struct healer *healer, const struct fault *fault)
{
	struct heal_case *slot = &healer->cases[0];

	if (healer->n_cases < HEAL_CASES_MAX)
		slot = &healer->cases[healer->n_cases++];
	else
		for (size_t i = 1; i < HEAL_CASES_MAX; i++)
			if (healer->cases[i].cycle < slot->cycle)
				slot = &healer->cases[i];
	slot->kind = fault->kind;
	slot->cause = fault->cause;
	snprintf(slot->name, sizeof(slot->name), "%s", fault->name);
	return slot;
}

/* Return: the remedy after which the check passed; HEAL_NONE: there was none. */
static enum heal_remedy
try_remedies(const struct fault *fault, const struct heal_ops *ops, void *data,
    struct error *note)
{
	enum heal_remedy remedy;

	for (unsigned i = 0; (remedy = heal_remedy(fault->cause, i)) != HEAL_NONE; i++)
		if (ops->apply(data, remedy, fault, note) == 0 &&
		    ops->holds(data, fault, note))
			return remedy;
	return HEAL_NONE;
}

void
heal(struct healer *healer, int64_t cycle, const struct fault *fault,
    const struct heal_ops *ops, void *data, struct heal_result *ret_result)
{
	struct error note = { "" };
	struct heal_case *past;
	bool is_back;

	drop_old_cases(healer, cycle);
	past = find_case(healer, fault);
	is_back = past && past->outcome != HEAL_FAILED;
	ret_result->remedy = try_remedies(fault, ops, data, &note);
	if (is_back)
		ret_result->outcome = HEAL_RELAPSED;
	else
		ret_result->outcome =
		    ret_result->remedy == HEAL_NONE ? HEAL_FAILED : HEAL_SUCCESS;
	memcpy(ret_result->note, note.text, sizeof(ret_result->note));
	if (!past)
		past = new_case(healer, fault);
	past->cycle = cycle;
	past->outcome = ret_result->outcome;
}
