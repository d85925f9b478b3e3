/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each worker was, for a page that is opened later: its last looks, and what it was
 * worth and did in the last minutes; and the healing of all of them. Pure, and bounded,
 * whatever the supervisor says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "worker/web/rows.h"

#define RECENT_WORKERS_MAX 256 /* of later ones there is none */
#define RECENT_LOOKS 60
#define RECENT_MINUTES 60
#define RECENT_NAME_MAX 65 /* with its NUL; a longer one is no worker's */

/** struct recent_minute - the last that was told in it */
struct recent_minute {
	int64_t minute; /* since the epoch */
	bool has_equity;
	int64_t equity;		 /* decimal */
	int64_t orders, refused; /* of all time; -1: not told */
};

struct recent_worker {
	char name[RECENT_NAME_MAX];
	bool is_there;				      /* in the look under way */
	char looks[RECENT_LOOKS];		      /* ring; recent_health() */
	struct recent_minute minutes[RECENT_MINUTES]; /* ring */
	uint64_t n_looks, n_minutes;		      /* ever */
};

enum recent_heal { RECENT_HEALED, RECENT_RESTARTED, RECENT_NOT_HEALED };
#define RECENT_HEAL_COUNT 3

/** struct recent_heals - what became of healing in a minute, by its events */
struct recent_heals {
	int64_t minute; /* since the epoch */
	uint64_t n[RECENT_HEAL_COUNT];
};

struct recent {
	struct recent_worker *workers; /* owned */
	size_t n;
	struct recent_heals heals[RECENT_MINUTES]; /* by minute */
};

/** recent_health() - 'g'ood, 'w'arn, 'b'ad or '-', down and to be: as page.js has it.
 */
char recent_health(const struct row *worker);

/** recent_look() - a look that was answered; a worker that is not in it is forgotten.
 * @minute: of now, since the epoch; one that goes back changes the last one. */
void recent_look(struct recent *recent, const struct rows *rows, int64_t minute);

/** recent_event() - counts what tells of healing, in the minute in which it happened. */
void recent_event(struct recent *recent, const struct record *event);

/** recent_heals_json() - [[MINUTE, HEALED, RESTARTED, FAILED OR RELAPSED],…] of the
 * hour that ends with @minute, oldest first, without those of nothing */
void recent_heals_json(FILE *out, const struct recent *recent, int64_t minute);

/** recent_json() - {"workers":[{"name":"flow","looks":"gggw","minutes":[[MINUTE,
 * "EQUITY" or null, ORDERS or null, REFUSED or null],…]},…]}, oldest first */
void recent_json(FILE *out, const struct recent *recent);

void recent_deinit(struct recent *recent);
