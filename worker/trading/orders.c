/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for orders, as functions of their arguments: no clock, no journal, no
 * broker. Who asks has gathered the situation, and carries out what is decided here.
 *
 * Why an order at a real broker is not sent twice: look for ORDER_POST. It is said in
 * two places. In intent_next(), where no request can have been taken: `unproven` is 0
 * in every intent, since whatever makes it more makes the order `sent`. And at the end
 * of sent_not_found(), for a broker that itself stops a second order of the same id.
 */
#include "worker/trading/orders.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"

static const char *const status_names[] = {
	[ORDER_INTENT] = "intent",
	[ORDER_SENT] = "sent",
	[ORDER_OPEN] = "open",
	[ORDER_PARTIALLY_FILLED] = "partially_filled",
	[ORDER_FILLED] = "filled",
	[ORDER_CANCELED] = "canceled",
	[ORDER_REJECTED] = "rejected",
	[ORDER_REFUSED] = "refused",
	[ORDER_EXPIRED] = "expired",
};

static const bool may_follow[ORDER_STATUS_COUNT][ORDER_STATUS_COUNT] = {
	[ORDER_INTENT] = { [ORDER_SENT] = true,
	    [ORDER_OPEN] = true,
	    [ORDER_CANCELED] = true,
	    [ORDER_REJECTED] = true,
	    [ORDER_REFUSED] = true,
	    [ORDER_EXPIRED] = true },
	[ORDER_SENT] = { [ORDER_INTENT] = true,
	    [ORDER_OPEN] = true,
	    [ORDER_PARTIALLY_FILLED] = true,
	    [ORDER_FILLED] = true,
	    [ORDER_CANCELED] = true,
	    [ORDER_REJECTED] = true,
	    [ORDER_EXPIRED] = true },
	[ORDER_OPEN] = { [ORDER_PARTIALLY_FILLED] = true,
	    [ORDER_FILLED] = true,
	    [ORDER_CANCELED] = true,
	    [ORDER_REJECTED] = true },
	[ORDER_PARTIALLY_FILLED] = { [ORDER_FILLED] = true,
	    [ORDER_CANCELED] = true,
	    [ORDER_REJECTED] = true },
	[ORDER_EXPIRED] = { [ORDER_OPEN] = true,
	    [ORDER_PARTIALLY_FILLED] = true,
	    [ORDER_FILLED] = true,
	    [ORDER_CANCELED] = true,
	    [ORDER_REJECTED] = true },
};

_Static_assert(
    ARRAY_SIZE(status_names) == ORDER_STATUS_COUNT, "a name for each status");

const char *
order_status_name(enum order_status status)
{
	return status_names[status];
}

int
order_status_parse(const char *text, enum order_status *ret_status)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
		if (strcmp(text, status_names[i]) == 0) {
			*ret_status = (enum order_status)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool
order_status_may_follow(enum order_status from, enum order_status to)
{
	return may_follow[from][to];
}

bool
order_is_live(enum order_status status)
{
	return status == ORDER_INTENT || status == ORDER_SENT || status == ORDER_OPEN ||
	       status == ORDER_PARTIALLY_FILLED;
}

bool
order_is_unknown(enum order_status status)
{
	return status == ORDER_INTENT || status == ORDER_SENT;
}

bool
order_is_watched(const struct order_life *life)
{
	return life->status == ORDER_EXPIRED && life->unproven > 0;
}

static bool
is_fresh(const struct order_life *life, const struct order_terms *terms, int64_t now_ns)
{
	return now_ns - life->created_ns < terms->max_age_ns;
}

/* Whether the broker itself stops a second order of the same id. */
static bool
is_safe_to_repeat(const struct order_terms *terms)
{
	return terms->dedup == ORDER_DEDUP_FOREVER ||
	       terms->dedup == ORDER_DEDUP_REPLAY;
}

static struct order_step
step(struct order_life life, enum order_action action)
{
	return (struct order_step){ .life = life, .action = action };
}

static struct order_step
become(struct order_life life, enum order_status status)
{
	life.status = status;
	life.missing_since_ns = 0;
	return step(life, ORDER_WAIT);
}

/* The broker has it: from now on its word counts. */
static struct order_step
adopt(struct order_life life, enum order_status known)
{
	bool is_failure = known == ORDER_CANCELED || known == ORDER_REJECTED;
	bool is_odd = life.status == ORDER_EXPIRED || (life.duplicate && is_failure);
	struct order_step next = step(life, ORDER_WAIT);

	if (life.status == known || order_status_may_follow(life.status, known))
		next = become(life, known);
	next.life.duplicate = next.life.denied = false;
	/* Given up, and there after all; or in use, and not for a success. */
	if (is_odd)
		next.action = ORDER_HOLD;
	return next;
}

/* Nobody has it, and nobody can: it may go, unless it is old or we are stopped. */
static struct order_step
intent_next(const struct order_life *life, enum order_event event,
    const struct order_terms *terms, int64_t now_ns)
{
	struct order_life next = *life;

	switch (event) {
	case ORDER_EVENT_TIME:
		/* That it was not taken is an answer's word. It is believed for another
		 * request, which the broker stops if it is not so; not for less. */
		if (life->turned_away &&
		    (!is_fresh(life, terms, now_ns) || terms->stopped)) {
			next.unproven = 1;
			next = become(next, ORDER_SENT).life;
			return step(next, ORDER_LOOK_UP);
		}
		if (!is_fresh(life, terms, now_ns))
			return become(next, ORDER_EXPIRED);
		if (terms->stopped)
			return become(next, ORDER_REFUSED);
		return step(next, ORDER_POST);
	case ORDER_EVENT_POSTING:
		next.unproven = 1;
		return become(next, ORDER_SENT);
	case ORDER_EVENT_RESTART:
		/* The life before may have died with the request on its way. */
		next.unproven = 1;
		next = become(next, ORDER_SENT).life;
		return step(next, ORDER_LOOK_UP);
	case ORDER_EVENT_KNOWN:
	case ORDER_EVENT_OTHER:
	case ORDER_EVENT_NOT_TAKEN:
	case ORDER_EVENT_TURNED_AWAY:
	case ORDER_EVENT_LOST:
	case ORDER_EVENT_DUPLICATE:
	case ORDER_EVENT_DENIED:
	case ORDER_EVENT_NOT_FOUND:
	case ORDER_EVENT_LOOK_UP_FAILED:
	case ORDER_EVENT_COUNT:
		break;
	}
	return step(next, ORDER_WAIT);
}

/* Whether something that began at @since_ns, or begins now, has held for `settle`. */
static bool
has_settled(int64_t *since_ns, const struct order_terms *terms, int64_t now_ns)
{
	/* A clock that was set back starts it anew. */
	if (*since_ns == 0 || now_ns < *since_ns)
		*since_ns = now_ns;
	return now_ns - *since_ns >= terms->settle_ns;
}

/* The broker's order of this id has other terms than ours. One answer may be a mix-up
 * on the way: it counts once no other has come for `settle`. A person is called at once
 * if the id was in use before. */
static struct order_step
shown_other(
    const struct order_life *life, const struct order_terms *terms, int64_t now_ns)
{
	struct order_life next = *life;

	next.missing_since_ns = 0;
	if (!has_settled(&next.other_since_ns, terms, now_ns))
		return step(next, life->duplicate ? ORDER_HOLD : ORDER_WAIT);
	if (next.status == ORDER_SENT)
		next = become(next, ORDER_REJECTED).life;
	return step(next, ORDER_HOLD);
}

/* One more "not found": it counts once it has held for `settle`. */
static struct order_step
sent_not_found(
    const struct order_life *life, const struct order_terms *terms, int64_t now_ns)
{
	struct order_life next = *life;

	if (life->missing_since_ns == 0 || now_ns < life->missing_since_ns) {
		next.missing_since_ns = now_ns;
		return step(next, ORDER_WAIT);
	}
	if (now_ns - life->missing_since_ns < terms->settle_ns)
		return step(next, ORDER_WAIT);
	if (life->duplicate)
		/* It is there, by the broker's word, and is not shown to us. */
		return step(next, ORDER_HOLD);
	if (life->denied || !is_fresh(life, terms, now_ns))
		return become(next, ORDER_EXPIRED);
	if (terms->stopped)
		return step(next, ORDER_WAIT);
	if (!is_safe_to_repeat(terms))
		return step(next, ORDER_HOLD);
	return step(next, ORDER_POST);
}

/* A request has left: look for the order, and never take an error for an answer. */
static struct order_step
sent_next(const struct order_life *life, enum order_event event,
    const struct order_terms *terms, int64_t now_ns)
{
	struct order_life next = *life;

	switch (event) {
	case ORDER_EVENT_TIME:
		return step(next, ORDER_LOOK_UP);
	case ORDER_EVENT_NOT_FOUND:
		return sent_not_found(life, terms, now_ns);
	case ORDER_EVENT_POSTING:
		next.unproven++;
		next.denied = false;
		next.missing_since_ns = 0;
		return step(next, ORDER_WAIT);
	case ORDER_EVENT_TURNED_AWAY:
	case ORDER_EVENT_NOT_TAKEN:
		next.turned_away |= event == ORDER_EVENT_TURNED_AWAY;
		next.unproven--;
		next.missing_since_ns = 0;
		if (next.unproven == 0)
			return become(next, ORDER_INTENT);
		return step(next, ORDER_WAIT);
	case ORDER_EVENT_DENIED:
		if (life->unproven == 1)
			return become(next, ORDER_REJECTED);
		/* It says nothing of a request before this one, whose order may be what
		 * used the money up. */
		next.denied = true;
		next.missing_since_ns = 0;
		return step(next, ORDER_LOOK_UP);
	case ORDER_EVENT_DUPLICATE:
		next.duplicate = true;
		next.missing_since_ns = 0;
		return step(next, ORDER_LOOK_UP);
	case ORDER_EVENT_OTHER:
		return shown_other(life, terms, now_ns);
	case ORDER_EVENT_RESTART:
	case ORDER_EVENT_LOST:
	case ORDER_EVENT_LOOK_UP_FAILED:
		next.missing_since_ns = 0;
		return step(next, ORDER_LOOK_UP);
	case ORDER_EVENT_KNOWN:
	case ORDER_EVENT_COUNT:
		break;
	}
	return step(next, ORDER_WAIT);
}

/* The broker has it, and is asked again until it is final. */
static struct order_step
open_next(const struct order_life *life, enum order_event event,
    const struct order_terms *terms, int64_t now_ns)
{
	struct order_life next = *life;

	if (event == ORDER_EVENT_TIME || event == ORDER_EVENT_RESTART)
		return step(next, ORDER_LOOK_UP);
	if (event == ORDER_EVENT_OTHER)
		return shown_other(life, terms, now_ns);
	if (event == ORDER_EVENT_LOOK_UP_FAILED)
		next.missing_since_ns = 0;
	if (event != ORDER_EVENT_NOT_FOUND)
		return step(next, ORDER_WAIT);
	/* One that was there and is not any more is for a person. */
	if (life->missing_since_ns == 0 || now_ns < life->missing_since_ns)
		next.missing_since_ns = now_ns;
	else if (now_ns - life->missing_since_ns >= terms->settle_ns)
		return step(next, ORDER_HOLD);
	return step(next, ORDER_WAIT);
}

/*
 * Given up, and looked for until a look behind the end of the broker's day has not
 * found it: time alone closes nothing, since nobody may have looked while it passed.
 */
static struct order_step
expired_next(const struct order_life *life, enum order_event event,
    const struct order_terms *terms, int64_t now_ns)
{
	struct order_life next = *life;

	if (event == ORDER_EVENT_OTHER)
		return shown_other(life, terms, now_ns);
	if ((event == ORDER_EVENT_TIME || event == ORDER_EVENT_RESTART) &&
	    order_is_watched(life))
		return step(next, ORDER_LOOK_UP);
	if (event == ORDER_EVENT_NOT_FOUND &&
	    now_ns - life->created_ns >= terms->watch_ns)
		next.unproven = 0;
	return step(next, ORDER_WAIT);
}

struct order_step
order_next(const struct order_life *former, enum order_event event,
    enum order_status known, const struct order_terms *terms, int64_t now_ns)
{
	struct order_life copy = *former;
	const struct order_life *life = &copy;

	if (event != ORDER_EVENT_TIME && event != ORDER_EVENT_OTHER)
		copy.other_since_ns = 0;
	switch (life->status) {
	case ORDER_INTENT:
		return intent_next(life, event, terms, now_ns);
	case ORDER_SENT:
		if (event == ORDER_EVENT_KNOWN)
			return adopt(*life, known);
		return sent_next(life, event, terms, now_ns);
	case ORDER_OPEN:
	case ORDER_PARTIALLY_FILLED:
		if (event == ORDER_EVENT_KNOWN)
			return adopt(*life, known);
		return open_next(life, event, terms, now_ns);
	case ORDER_EXPIRED:
		if (event == ORDER_EVENT_KNOWN)
			return adopt(*life, known);
		return expired_next(life, event, terms, now_ns);
	case ORDER_FILLED:
	case ORDER_CANCELED:
	case ORDER_REJECTED:
	case ORDER_REFUSED:
	case ORDER_STATUS_COUNT:
		break;
	}
	return step(*life, ORDER_WAIT);
}

const char *
order_side_name(enum tradesup_side side)
{
	return side == TRADESUP_BUY ? "buy" : "sell";
}

bool
order_is_behind(int64_t filled, int64_t shown, const struct order_terms *terms,
    int64_t now_ns, int64_t *since_ns)
{
	if (shown >= filled) {
		*since_ns = 0;
		return false;
	}
	return !has_settled(since_ns, terms, now_ns);
}

void
order_fill(int64_t filled, int64_t average, int64_t now_filled, int64_t now_average,
    int64_t *ret_quantity, int64_t *ret_price)
{
	int64_t quantity = now_filled - filled;
	__int128 cost = (__int128)now_filled * now_average - (__int128)filled * average;
	__int128 price = (cost + quantity / 2) / quantity;

	*ret_quantity = quantity;
	/* An average that was corrected can leave a difference that is no price. */
	*ret_price = price > 0 && price <= INT64_MAX ? (int64_t)price : now_average;
}

static struct order_decision
skip(const char *why)
{
	return (struct order_decision){ .skipped = why };
}

/* How much to buy, or to sell short, for the configured money; NULL, or why not. */
static const char *
opening_quantity(
    const struct config_orders *rules, int64_t price, int64_t *ret_quantity)
{
	int64_t quantity;

	if (decimal_div(rules->order_notional, price, &quantity) < 0)
		return "risk:range";
	quantity = decimal_floor_to(quantity, rules->lot);
	if (quantity == 0)
		return "risk:lot";
	if (rules->max_position_notional > 0 &&
	    decimal_mul(quantity, price) > rules->max_position_notional)
		return "risk:max_position_notional";
	*ret_quantity = quantity;
	return NULL;
}

struct order_decision
order_decide(const struct config_orders *rules, const struct order_situation *situation)
{
	struct order_decision decision = { .side = situation->side };
	bool is_buy = situation->side == TRADESUP_BUY;
	int64_t position = situation->position;

	if (situation->order_open)
		return skip("order_open");
	if (is_buy ? position > 0 : position < 0)
		return skip("position_open");
	if (!is_buy && position == 0 && rules->long_only)
		return skip("no_position");
	if (situation->frozen)
		return skip("risk:freeze");

	if (position == 0) {
		decision.skipped =
		    opening_quantity(rules, situation->price, &decision.quantity);
		if (decision.skipped)
			return decision;
	} else {
		decision.quantity = position > 0 ? position : -position;
	}
	if (rules->max_orders_per_day > 0 &&
	    situation->orders_today >= rules->max_orders_per_day)
		return skip("risk:max_orders_per_day");
	return decision;
}

static uint64_t
fnv1a(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return hash;
}

void
order_client_id(
    const char *worker, const char *cluster_id, size_t limit, char ret_id[ORDER_ID_MAX])
{
	char whole[ORDER_ID_MAX * 2];
	int n;

	n = snprintf(whole, sizeof(whole), "ts-%s-%s", worker, cluster_id);
	if (n >= 0 && (size_t)n <= limit)
		memcpy(ret_id, whole, (size_t)n + 1);
	else
		snprintf(ret_id, ORDER_ID_MAX, "%.*s-%016llx", (int)(limit - 17), whole,
		    (unsigned long long)fnv1a(whole));
}
