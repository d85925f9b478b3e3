/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the day has brought or cost, pure: fills against the last price, and changes of
 * price of what is held. The day is that of the events, in UTC. Amounts are decimals,
 * each step truncated to 8 places, so that a replay has the same sum to the last digit.
 *
 * It starts at 0 with the day's first event, which values what is held over night at
 * the last price of the day before.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "worker/trading/strategy.h"

struct loss {
	bool is_begun;
	int64_t day;	 /* days since the epoch */
	int64_t result;	 /* negative: a loss */
	bool is_unknown; /* something could not be reckoned, for the rest of the day */
	bool is_tripped; /* it has passed the limit, and a latch says so */
	int64_t fills;	 /* the journal's number of the last fill that is in it */
};

/** loss_event() - an event of that time: a new day starts at 0. A time before the last
 * changes nothing. */
void loss_event(struct loss *loss, int64_t time_ns);

/** loss_price() - what is held in a symbol has another price. @from: 0: it had none,
 * and nobody knows what this is worth. */
void loss_price(struct loss *loss, int64_t position, int64_t from, int64_t to);

/** loss_fill() - a fill, against the symbol's last price. @last: 0: there is none. */
void loss_fill(struct loss *loss, enum tradesup_side side, int64_t quantity,
    int64_t price, int64_t fee, int64_t last);

/** loss_forgive() - a person lets it go on: counted from 0 again. */
void loss_forgive(struct loss *loss);

/** loss_passes() - whether the loss is known, and more than @limit. */
bool loss_passes(const struct loss *loss, int64_t limit);

/** loss_amount() - the loss as a positive number; what does not fit, INT64_MAX. */
int64_t loss_amount(const struct loss *loss);
