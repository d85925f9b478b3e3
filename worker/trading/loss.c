/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The day's result, a sum of differences. Where its parts come from, and what follows
 * from a loss, is not known here.
 */
#include "worker/trading/loss.h"

#include "common/decimal.h"
#include "common/timestamp.h"

static void
add(struct loss *loss, __int128 amount)
{
	int64_t narrow;

	if (decimal_narrow(amount, &narrow) < 0 ||
	    __builtin_add_overflow(loss->result, narrow, &loss->result))
		loss->is_unknown = true;
}

void
loss_event(struct loss *loss, int64_t time_ns)
{
	int64_t day = timestamp_utc_day(time_ns);

	if (loss->is_begun && day <= loss->day)
		return;
	loss->is_begun = true;
	loss->day = day;
	loss->result = 0;
	loss->is_unknown = false;
	loss->is_tripped = false;
}

void
loss_price(struct loss *loss, int64_t position, int64_t from, int64_t to)
{
	int64_t change;

	if (position == 0)
		return;
	if (from <= 0 || __builtin_sub_overflow(to, from, &change))
		loss->is_unknown = true;
	else
		add(loss, decimal_mul(position, change));
}

void
loss_fill(struct loss *loss, enum tradesup_side side, int64_t quantity, int64_t price,
    int64_t fee, int64_t last)
{
	int64_t change;

	if (last <= 0 || __builtin_sub_overflow(last, price, &change)) {
		loss->is_unknown = true;
		return;
	}
	add(loss, side == TRADESUP_BUY ? decimal_mul(quantity, change)
				       : -decimal_mul(quantity, change));
	add(loss, -(__int128)fee);
}

void
loss_forgive(struct loss *loss)
{
	loss->result = 0;
	loss->is_tripped = false;
}

int64_t
loss_amount(const struct loss *loss)
{
	return loss->result == INT64_MIN ? INT64_MAX : -loss->result;
}

bool
loss_passes(const struct loss *loss, int64_t limit)
{
	return !loss->is_unknown && loss_amount(loss) > limit;
}
