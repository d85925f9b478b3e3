/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker says of its trading, for those who draw curves: the fields of the
 * message `figures`. Pure; no rule looks at it. Kept as one text, so that it has the
 * bound of a message.
 *
 *	equity cash		a decimal
 *	positions feed_age_ms	a number, not below 0
 *	orders refused		"open:1,filled:12", by state and by rule: at most
 *				FIGURES_COUNTS_MAX, names of [a-z0-9_]
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"
#include "common/record.h"

#define FIGURES_MAX MSG_TEXT_MAX
#define FIGURES_COUNTS_MAX 24

/**
 * figures_check() - whether a worker's fields are figures, and those of them we know
 * @said: as it came
 * @ret_known: logfmt, for figures_fields()
 *
 * Return: false: it is no logfmt, or one that we know is not of its form.
 */
bool figures_check(const char *said, char ret_known[FIGURES_MAX]);

/**
 * figures_fields() - as fields of a row
 * @known: what figures_check() gave
 * @since_ns: how long ago that was: the feed has grown so much older
 * @text: where the fields lie
 */
void figures_fields(
    const char *known, int64_t since_ns, struct record *row, char text[FIGURES_MAX]);
