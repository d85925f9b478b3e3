/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Healing: from a fault to its remedies, whether one of them held, and whether the
 * fault has come back. Pure: remedies and checks are the caller's, behind struct
 * heal_ops; the only time here is the number of the cycle.
 *
 *	            fault found
 *	                 │ remedies of its cause, in turn,
 *	                 │ until the same check passes again
 *	     none held ──┴── one held
 *	         │               │
 *	         │        healed or relapsed in this cycle or the one before?
 *	         │               │ no              │ yes
 *	      FAILED          SUCCESS           RELAPSED
 *
 * A fault that was healed, or relapsed, a cycle ago and is back is RELAPSED even where
 * no remedy holds now: what it belies is the earlier success.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/fault.h"

#define HEAL_NAME_MAX 96
#define HEAL_CASES_MAX 64 /* faults of two cycles that are kept in mind */

/* What is wrong with what; it decides the remedies. */
enum heal_cause {
	HEAL_CAUSE_REGISTRY,  /* an entry is missing, or the registry cannot be read */
	HEAL_CAUSE_DIRECTORY, /* a directory is missing */
	HEAL_CAUSE_CORRUPT,   /* a state or cache file is not what it should be */
	HEAL_CAUSE_CURSOR,    /* the cursor file is not, and the journal knows better */
	HEAL_CAUSE_MODULE_FILE, /* the module's file is bad now, while one is loaded */
	HEAL_CAUSE_MODULE,	/* the module is not there in the middle of a cycle */
	HEAL_CAUSE_STATE,  /* a state file of ours lacks a field that we have in mind */
	HEAL_CAUSE_TRADER, /* the trading state in memory is not what it should be */
	HEAL_CAUSE_TARGET, /* an entry's target, and it is not ours to make */
	HEAL_CAUSE_COUNT
};

enum heal_remedy {
	HEAL_NONE,
	HEAL_REREAD_REGISTRY,
	HEAL_LAST_GOOD_REGISTRY,
	HEAL_MAKE_DIRECTORY,
	HEAL_SET_ASIDE,
	HEAL_MEND_CURSOR, /* set aside what is there, and write it again from the
			     journal */
	HEAL_RELOAD_MODULE,
	HEAL_LAST_MODULE,
	HEAL_WRITE_STATE,
	HEAL_REOPEN_TRADER,
	HEAL_REMEDY_COUNT
};

/** struct fault - one thing that is wrong */
struct fault {
	enum fault_kind kind;
	enum heal_cause cause;
	char name[HEAL_NAME_MAX]; /* what; with @kind and @cause it tells one fault from
				     another */
	char why[ERROR_TEXT_MAX]; /* a sentence */
};

/** fault_set() - fill @ret_fault; the name is cut to HEAL_NAME_MAX - 1. */
void fault_set(struct fault *ret_fault, enum fault_kind kind, enum heal_cause cause,
    const char *name, const char *why);

/** heal_remedy_text() - what was done, for a person: "registry read again". */
const char *heal_remedy_text(enum heal_remedy remedy);

/** heal_remedy() - the @attempt-th remedy (from 0) for a cause; HEAL_NONE past the
 * last. */
enum heal_remedy heal_remedy(enum heal_cause cause, unsigned attempt);

struct heal_ops {
	/** apply() - carry out one remedy. Return: 0; else it could not be, with @error
	 * filled. */
	int (*apply)(void *data, enum heal_remedy remedy, const struct fault *fault,
	    struct error *error);
	/** holds() - the check that found @fault, once more. Return: whether it passes.
	 */
	bool (*holds)(void *data, const struct fault *fault, struct error *error);
};

struct heal_case {
	enum fault_kind kind;
	enum heal_cause cause;
	char name[HEAL_NAME_MAX];
	int64_t cycle; /* in which it was last there */
	enum heal_outcome outcome;
};

/** struct healer - what was healed lately; all zero is an empty one */
struct healer {
	struct heal_case cases[HEAL_CASES_MAX];
	size_t n_cases;
};

struct heal_result {
	enum heal_outcome outcome;
	enum heal_remedy remedy;   /* the one that held; HEAL_NONE */
	char note[ERROR_TEXT_MAX]; /* what the remedies ran into, or left behind; may be
				      "" */
};

/**
 * heal() - try the remedies for @fault, and judge
 * @cycle: the number of the cycle it was found in; never less than in the call before
 */
void heal(struct healer *healer, int64_t cycle, const struct fault *fault,
    const struct heal_ops *ops, void *data, struct heal_result *ret_result);
