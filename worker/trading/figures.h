/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the trading stands, for those who draw curves: what the journal comes to, as the
 * message `figures` of tradesup-protocol(7) has it. No rule looks at it.
 *
 * Adding up takes the longer the more there is in the journal. So it is done again only
 * when it has cost less than a half percent of the time since it was done last.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FIGURES_TEXT_MAX 1024
#define FIGURES_NAMES_MAX 24 /* states, or rules; one more is "other" */

struct journal;

struct figures {
	int64_t next_ns;		  /* monotonic; not read again before */
	char text[FIGURES_TEXT_MAX - 40]; /* of the last reading; then there is room
					     for the feed's age */
};

/** figures_expire() - the next reading is due now. */
void figures_expire(struct figures *figures);

/**
 * figures_read() - from the journal, if it is time
 * @is_embedded: the cash is what the fills left; else what the broker said last, and
 *               there is neither cash nor equity before it has
 *
 * What cannot be read is left out: the cycle finds out by itself.
 */
void figures_read(struct figures *figures, struct journal *journal, bool is_embedded);

/** figures_text() - the fields. @feed_age_ns: since the feed gave something. */
void figures_text(const struct figures *figures, int64_t feed_age_ns,
    char ret_text[FIGURES_TEXT_MAX]);
