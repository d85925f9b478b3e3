/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault kinds: what went wrong in a cycle, each the counterpart of the exception it is
 * named after, and how a healing step ended. Words on the wire and in the log.
 */
#pragma once

#include <stdbool.h>

enum fault_kind {
	FAULT_NAME,	 /* an entry of the registry is missing or unusable */
	FAULT_IMPORT,	 /* the strategy module cannot be loaded */
	FAULT_ATTRIBUTE, /* a symbol is missing from the module, or its ABI differs */
	FAULT_KEY,	 /* a field is missing from a record, an answer, a state file */
	FAULT_IO,
	FAULT_NET,
	FAULT_DATA,
	FAULT_INTERNAL,
	FAULT_KIND_COUNT
};

enum heal_outcome {
	HEAL_SUCCESS, /* verified */
	HEAL_FAILED,
	HEAL_RELAPSED, /* the fault was back in the very next cycle */
	HEAL_OUTCOME_COUNT
};

/** fault_kind_name() - "name", "import", … */
const char *fault_kind_name(enum fault_kind kind);

/** fault_kind_parse() - the reverse. Return: 0, -EINVAL. */
int fault_kind_parse(const char *text, enum fault_kind *ret_kind);

/** fault_is_healable() - whether level 2 has a remedy for this kind. */
bool fault_is_healable(enum fault_kind kind);

/** heal_outcome_name() - "success", "failed", "relapsed". */
const char *heal_outcome_name(enum heal_outcome outcome);

/** heal_outcome_parse() - the reverse. Return: 0, -EINVAL. */
int heal_outcome_parse(const char *text, enum heal_outcome *ret_outcome);
