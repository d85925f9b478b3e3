/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests to Alpaca that no order waits for: its clock and its calendar.
 */
#include "worker/trading/broker_alpaca_internal.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/timestamp.h"
#include "worker/trading/alpaca.h"

static bool
is_locked(const struct broker *broker)
{
	const char *why;

	return broker_alpaca.ready_ns(broker, &why) == INT64_MAX;
}

/* The end of a request that no order waits for: only what is said to all requests
 * counts for them. */
static void
finish_aside(struct broker *broker, struct call *call, struct broker_reply *reply)
{
	if (reply->result == BROKER_BUSY || call->answer.status == 401)
		alpaca_learn(broker, reply->result, &call->answer);
	else if (reply->result == BROKER_LOCKED && !is_locked(broker))
		reply->result = BROKER_DENIED;
	reply->is_ended = call->answer.is_ended;
	http_answer_deinit(&call->answer);
}

void
alpaca_clock(struct broker *broker, int64_t patience_ns, struct market_clock *ret_clock,
    struct broker_reply *ret_reply)
{
	struct call call = { .method = HTTP_GET,
		.path = "/v2/clock",
		.answer_max = ORDER_ANSWER_MAX,
		.timeout_ns = patience_ns };
	int64_t begun_ns = clock_monotonic_ns(), boot_ns = clock_boottime_ns();
	struct market_clock clock;

	*ret_reply = (struct broker_reply){ 0 };
	ret_reply->result = alpaca_perform(broker, &call, ret_reply->text);
	clock.told_ns = clock_boottime_ns();
	clock.asked_ns = boot_ns + (call.answer.sent_ns - begun_ns);
	if (ret_reply->result == BROKER_DONE &&
	    alpaca_parse_clock(call.answer.body, call.answer.length, &clock) != 0) {
		snprintf(ret_reply->text, sizeof(ret_reply->text),
		    "%d: the answer is not a clock", call.answer.status);
		ret_reply->result = BROKER_UNCLEAR;
	}
	if (ret_reply->result == BROKER_DONE)
		*ret_clock = clock;
	finish_aside(broker, &call, ret_reply);
}

void
alpaca_calendar(struct broker *broker, int64_t patience_ns, struct broker_days *days,
    struct broker_reply *ret_reply)
{
	char path[64 + 2 * TIMESTAMP_TEXT_MAX], from[TIMESTAMP_TEXT_MAX],
	    to[TIMESTAMP_TEXT_MAX];
	struct call call = { .method = HTTP_GET,
		.path = path,
		.answer_max = ORDER_ANSWER_MAX,
		.timeout_ns = patience_ns };

	timestamp_format(days->first * DAY_NS, from);
	timestamp_format(days->last * DAY_NS, to);
	snprintf(path, sizeof(path),
	    "/v2/calendar?start=%.10sT00:00:00Z&end=%.10s"
	    "T00:00:00Z",
	    from, to);
	*ret_reply = (struct broker_reply){ 0 };
	ret_reply->result = alpaca_perform(broker, &call, ret_reply->text);
	if (ret_reply->result == BROKER_DONE &&
	    alpaca_list_days(call.answer.body, call.answer.length, days) != 0) {
		snprintf(ret_reply->text, sizeof(ret_reply->text),
		    "%d: the answer is not a calendar", call.answer.status);
		ret_reply->result = BROKER_UNCLEAR;
	}
	finish_aside(broker, &call, ret_reply);
}
