/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words for fault kinds and for how a heal ended. What heals which kind is decided
 * in the worker.
 */
#include "common/fault.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	bool healable;
} kinds[FAULT_KIND_COUNT] = {
	[FAULT_NAME] = { "name", true },
	[FAULT_IMPORT] = { "import", true },
	[FAULT_ATTRIBUTE] = { "attribute", true },
	[FAULT_KEY] = { "key", true },
	[FAULT_IO] = { "io", false },
	[FAULT_NET] = { "net", false },
	[FAULT_DATA] = { "data", false },
	[FAULT_INTERNAL] = { "internal", false },
};

static const char *const outcomes[HEAL_OUTCOME_COUNT] = {
	[HEAL_SUCCESS] = "success",
	[HEAL_FAILED] = "failed",
	[HEAL_RELAPSED] = "relapsed",
};

const char *
fault_kind_name(enum fault_kind kind)
{
	return kinds[kind].name;
}

int
fault_kind_parse(const char *text, enum fault_kind *ret_kind)
{
	for (size_t i = 0; i < FAULT_KIND_COUNT; i++) {
		if (strcmp(text, kinds[i].name) == 0) {
			*ret_kind = (enum fault_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool
fault_is_healable(enum fault_kind kind)
{
	return kinds[kind].healable;
}

const char *
heal_outcome_name(enum heal_outcome outcome)
{
	return outcomes[outcome];
}

int
heal_outcome_parse(const char *text, enum heal_outcome *ret_outcome)
{
	for (size_t i = 0; i < HEAL_OUTCOME_COUNT; i++) {
		if (strcmp(text, outcomes[i]) == 0) {
			*ret_outcome = (enum heal_outcome)i;
			return 0;
		}
	}
	return -EINVAL;
}
