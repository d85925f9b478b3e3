/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the broker Alpaca share. Nothing else includes this.
 *
 *	broker_alpaca.c        orders, positions, the account; how a request is made
 *	broker_alpaca_aside.c  what no order waits for
 */
#pragma once

#include "worker/trading/broker.h"
#include "worker/trading/http.h"

#define ORDER_ANSWER_MAX (1024 * 1024)
#define DAY_NS (86400 * NS_PER_S) /* a day order is over then, wherever we are */

/* struct call - one request on its way */
struct call {
	enum http_method method;
	const char *path; /* with its query */
	const char *body; /* POST */
	size_t answer_max;
	int64_t timeout_ns;	   /* 0: the configured one */
	struct http_answer answer; /* http_answer_deinit() */
};

/** alpaca_perform() - carry out a request; http_answer_deinit() its answer. Return:
 * what it came to, as far as the status tells. */
enum broker_result alpaca_perform(
    struct broker *broker, struct call *call, char text[BROKER_TEXT_MAX]);

/** alpaca_learn() - what an answer, or its absence, means for the requests to come. */
void alpaca_learn(
    struct broker *broker, enum broker_result result, const struct http_answer *answer);

/* broker_alpaca_aside.c */

void alpaca_clock(struct broker *broker, int64_t patience_ns,
    struct market_clock *ret_clock, struct broker_reply *ret_reply);
void alpaca_calendar(struct broker *broker, int64_t patience_ns,
    struct broker_days *days, struct broker_reply *ret_reply);
