/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account: its cash, and its positions and open orders held against the journal.
 * Nothing is concluded from a difference that has not stayed for `settle`, and nothing
 * new is sent until a person has accepted one that has.
 */
#include "worker/trading/courier_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/latch.h"
#include "worker/trading/killpoint.h"

#define AGAIN_NS (10 * NS_PER_S) /* between two, when the broker comes and goes */
#define LOOK_NS NS_PER_S	 /* between two looks at a difference */

bool
courier_is_cash_settled(const struct courier *courier)
{
	return courier->cash_ns > 0 &&
	       courier->cash_ns - courier->cash_fill_ns >= courier->terms.settle_ns;
}

bool
courier_is_cash_due(const struct courier *courier)
{
	if (courier->is_cash_old && courier_count_live(courier) == 0)
		return true;
	return !courier_is_cash_settled(courier) &&
	       clock_monotonic_ns() - courier->cash_ns >= courier->terms.settle_ns;
}

/* Return: 0; as the journal's functions. The cash stays old where it is not told. */
int
courier_read_cash(struct courier *courier)
{
	int64_t cash, now_ns = clock_monotonic_ns();
	struct broker_reply reply;
	int r;

	courier->site.ops->cash(courier->site.broker, &cash, &reply);
	courier_tell_broker(courier, &reply);
	if (reply.result != BROKER_DONE)
		return 0;
	r = journal_begin(courier->site.journal);
	if (r == 0)
		r = journal_set_account(
		    courier->site.journal, cash, clock_realtime_ns());
	if (r == 0)
		r = journal_commit(courier->site.journal);
	if (r != 0)
		journal_rollback(courier->site.journal);
	courier->is_cash_old = r != 0;
	if (r == 0)
		courier->cash_ns = now_ns;
	return r;
}

static void
tell_differences(struct courier *courier, const struct differences *differences)
{
	struct record record;

	for (size_t i = 0; i < differences->n; i++) {
		const struct difference *difference = &differences->list[i];

		record_init(&record, "order.mismatch");
		record_text(&record, "symbol", difference->symbol);
		if (difference->is_position) {
			record_decimal(&record, "journal", difference->journal);
			record_decimal(&record, "broker", difference->broker);
		} else {
			record_text(
			    &record, "client_order_id", difference->client_order_id);
		}
		record_text(&record, "reason", difference->what);
		courier_emit(courier, LOG_LEVEL_ERROR, &record);
	}
}

/* What a person has accepted becomes the journal's. Return: 0; as the journal's
 * functions. */
static int
take_over(struct courier *courier, const struct differences *differences)
{
	struct record record;
	int r;

	kill_point("reconcile.accepting");
	r = reconcile_accept(courier->site.journal, differences);
	if (r != 0)
		return r;
	kill_point("reconcile.accepted");
	courier->is_held = false;
	courier->has_news = true;
	if (courier->site.state_dir)
		(void)latch_clear_rule(
		    courier->site.state_dir, courier->site.worker, LATCH_MISMATCH);
	reconcile_forget_accepted(courier->site.journal_path);
	record_init(&record, "order.reconciled");
	record_int(&record, "differences", (int64_t)differences->n);
	courier_emit(courier, LOG_LEVEL_NOTICE, &record);
	return 0;
}

/* Return: whether each that is live, or was given up, has been looked for. */
static bool
is_each_looked(const struct courier *courier, bool is_live)
{
	for (size_t i = 0; i < courier->n_parcels; i++) {
		const struct parcel *parcel = &courier->parcels[i];

		if (order_is_live(parcel->life.status) == is_live && !parcel->is_looked)
			return false;
	}
	return true;
}

/* An order that was given up and turns up late may be what explains a difference, and
 * the account that agrees without it need not wait for it. */
static void
hurry_looks(struct courier *courier)
{
	for (size_t i = 0; i < courier->n_parcels; i++)
		if (!courier->parcels[i].is_looked)
			courier->parcels[i].next_look_ns = 0;
}

/* Differences that have stayed the same for `settle`: positions, too, may be shown
 * late. Return: whether they have. */
static bool
is_difference_settled(struct courier *courier, const struct differences *differences)
{
	_cleanup_free_ char *text = reconcile_text(differences);
	int64_t now_ns = clock_monotonic_ns();

	if (!text)
		return false;
	if (!courier->difference || strcmp(courier->difference, text) != 0) {
		free(courier->difference);
		courier->difference = steal(&text);
		courier->difference_ns = now_ns;
		courier->is_told_difference = false;
	}
	return now_ns - courier->difference_ns >= courier->terms.settle_ns;
}

static void
stop_for(struct courier *courier, const struct differences *differences)
{
	char text[LATCH_REASON_MAX];

	if (courier->is_told_difference)
		return;
	courier->is_told_difference = true;
	snprintf(text, sizeof(text), "%zu difference%s between broker and journal",
	    differences->n, differences->n == 1 ? "" : "s");
	courier_hold(courier, text);
	tell_differences(courier, differences);
}

/* What follows from the comparison. Return: 0; as the journal's functions. */
static int
judge(struct courier *courier, const struct differences *differences)
{
	int r = 0;

	if (differences->n == 0) {
		/* The same one, another time, has not been there all the while. */
		free(courier->difference);
		courier->difference = NULL;
		reconcile_forget_accepted(courier->site.journal_path);
	} else if (!is_each_looked(courier, false)) {
		hurry_looks(courier);
		return 0;
	} else if (reconcile_is_accepted(courier->site.journal_path, differences)) {
		r = take_over(courier, differences);
	} else if (is_difference_settled(courier, differences)) {
		reconcile_forget_accepted(courier->site.journal_path);
		stop_for(courier, differences);
	} else {
		return 0;
	}
	if (r != 0)
		return r;
	courier->is_reconciled = true;
	courier->is_due = false;
	return 0;
}

/* The broker held against the journal. Return: 0; as the journal's functions. */
int
courier_reconcile(struct courier *courier)
{
	_cleanup_(differences_deinit) struct differences differences = { 0 };
	const struct reconcile_site site = { courier->site.worker,
		courier->site.journal, courier->site.ops, courier->site.broker,
		courier->site.others, courier->site.n_others };
	struct broker_reply reply = { 0 };
	int r;

	courier->reconciled_ns = clock_monotonic_ns();
	r = reconcile_read(&site, &reply, &differences);
	courier_tell_broker(courier, &reply);
	if (r != 0 && reply.text[0]) {
		/* Another worker's journal: ours is as good as it was. */
		courier_tell_trouble(courier, reply.text);
		return 0;
	}
	if (r != 0 || reply.result != BROKER_DONE)
		return r;
	kill_point("reconcile.read");
	return judge(courier, &differences);
}

/* At the start; after the broker was away; and when a person has said yes. */
bool
courier_is_reconcile_due(const struct courier *courier)
{
	int64_t since_ns = clock_monotonic_ns() - courier->reconciled_ns;

	if (!courier->is_reconciled)
		return is_each_looked(courier, true) &&
		       (courier->reconciled_ns == 0 || since_ns > LOOK_NS);
	if (courier->is_due && since_ns > AGAIN_NS)
		return true;
	return since_ns > LOOK_NS && reconcile_has_accepted(courier->site.journal_path);
}
