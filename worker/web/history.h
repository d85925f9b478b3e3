/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each worker was, for a page that is opened later: its last looks, and what it was
 * worth and did in the last minutes. Pure, and bounded, whatever the supervisor says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "worker/web/rows.h"

#define HISTORY_WORKERS_MAX 256 /* of later ones there is none */
#define HISTORY_LOOKS 60
#define HISTORY_MINUTES 60
#define HISTORY_NAME_MAX 65 /* with its NUL; a longer one is no worker's */

/** struct history_minute - the last that was told in it */
struct history_minute {
	int64_t minute; /* since the epoch */
	bool has_equity;
	int64_t equity;		 /* decimal */
	int64_t orders, refused; /* of all time; -1: not told */
};

struct history_worker {
	char name[HISTORY_NAME_MAX];
	bool is_there;					/* in the look under way */
	char looks[HISTORY_LOOKS];			/* ring; history_health() */
	struct history_minute minutes[HISTORY_MINUTES]; /* ring */
	uint64_t n_looks, n_minutes;			/* ever */
};

struct history {
	struct history_worker *workers; /* owned */
	size_t n;
};

/** history_health() - 'g'ood, 'w'arn, 'b'ad or '-', down and to be: as page.js has it.
 */
char history_health(const struct row *worker);

/** history_look() - a look that was answered; a worker that is not in it is forgotten.
 * @minute: of now, since the epoch; one that goes back changes the last one. */
void history_look(struct history *history, const struct rows *rows, int64_t minute);

/** history_json() - {"workers":[{"name":"flow","looks":"gggw","minutes":[[MINUTE,
 * "EQUITY" or null, ORDERS or null, REFUSED or null],…]},…]}, oldest first */
void history_json(FILE *out, const struct history *history);

void history_deinit(struct history *history);
