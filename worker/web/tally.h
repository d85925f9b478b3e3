/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often what was told: events by worker and name, refusals by worker and rule.
 * Bounded: a worker that makes up ever new rules gets one line for all the later ones.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/record.h"

#define TALLY_MAX 1024
#define TALLY_LABEL_MAX 64 /* with its NUL; a longer one is cut */
#define TALLY_OTHER "other"

enum tally_kind { TALLY_EVENT, TALLY_REFUSAL };
#define TALLY_KIND_COUNT 2

struct tally_entry {
	enum tally_kind kind;
	char worker[TALLY_LABEL_MAX + 1]; /* "": about none, or of all the others */
	char label[TALLY_LABEL_MAX];
	uint64_t n;
};

struct tally {
	struct tally_entry entries[TALLY_MAX + TALLY_KIND_COUNT];
	size_t n;
};

/** tally_event() - count one event, by its record. */
void tally_event(struct tally *tally, const struct record *event);
