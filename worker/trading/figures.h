/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the trading stands, for those who draw curves: what the journal comes to, as the
 * message `figures` of tradesup-protocol(7) has it. No rule looks at it.
 *
 * A journal may have millions of rows, and the cycle waits while they are added up. So
 * it is done for 10 ms at a time, and seldom enough to cost one percent; for 20 ms
 * twice a second until all has been read once, and before that nothing is told. Of
 * fills and clusters, which never change, only the new ones are read then; orders from
 * the first to the last, and again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "worker/trading/journal.h"
#include "worker/trading/symbols.h"

#define FIGURES_TEXT_MAX 1024
#define FIGURES_NAMES_MAX 24 /* states, or rules; one more is "other" */
#define FIGURES_NAME_MAX 41  /* with its NUL */

/** struct figures_counts - how often which name was */
struct figures_counts {
	struct {
		char name[FIGURES_NAME_MAX];
		int64_t n;
	} items[FIGURES_NAMES_MAX - 1]; /* by name */
	size_t n;
	int64_t other; /* of those that have no room, or no proper name */
};

/** struct figures_holding - of a symbol, by its number */
struct figures_holding {
	int64_t position;
	int64_t price; /* the highest of its adjustments, where there is no other */
};

enum figures_part {
	FIGURES_FILLS,
	FIGURES_ADJUSTMENTS,
	FIGURES_REFUSED,
	FIGURES_ORDERS
};
#define FIGURES_PARTS 4

struct figures {
	int64_t next_ns;			  /* monotonic; not read again before */
	struct journal_scan scans[FIGURES_PARTS]; /* how far each table is read */
	struct symbols symbols;
	struct figures_holding *holdings; /* by symbol's number; owned */
	uint32_t n_holdings;
	__int128 cash; /* what fills made of it */
	struct figures_counts refused;
	struct figures_counts counting, counted; /* orders: this time, the last time */
	bool has_counted;
	char text[FIGURES_TEXT_MAX - 40]; /* then there is room for the feed's age */
};

/** figures_expire() - the next reading is due now. */
void figures_expire(struct figures *figures);

/**
 * figures_read() - go on with the journal, if it is time and nothing is being written
 * @figures: { 0 } at first; always of the same journal
 * @is_embedded: the cash is what the fills left; else what the broker said last, and
 *               there is neither cash nor equity before it has
 *
 * What cannot be read is left out: the cycle finds out by itself.
 */
void figures_read(struct figures *figures, struct journal *journal, bool is_embedded);

/** figures_text() - the fields. @feed_age_ns: since the feed gave something. */
void figures_text(const struct figures *figures, int64_t feed_age_ns,
    char ret_text[FIGURES_TEXT_MAX]);

void figures_deinit(struct figures *figures);
