/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alpaca's trading API as text: what its answers say, and what an order looks like,
 * pure. Requests and their fates are broker_alpaca.c's.
 *
 * An answer comes from outside, or from whoever stands between: what is not wholly what
 * the API's description says is no answer (-EBADMSG), and nothing is guessed. Names of
 * fields and their types are those of Alpaca's OpenAPI description; an amount may be a
 * number, too, whose digits are read as they stand there.
 */
#pragma once

#include "worker/trading/broker.h"

/** alpaca_parse_order() - one order. Return: 0; -EBADMSG; -ENOMEM. */
int alpaca_parse_order(const char *body, size_t length, struct broker_view *ret_view);

/** struct alpaca_error - {"code": …, "message": …} */
struct alpaca_error {
	int64_t code; /* 0: not given */
	char message[160];
};

/** alpaca_parse_error() - Return: 0; -EBADMSG: not in the API's form. */
int alpaca_parse_error(const char *body, size_t length, struct alpaca_error *ret_error);

/**
 * alpaca_list_orders() - a list of orders; one that cannot be read spoils it
 *
 * Return: 0; -EBADMSG; -ENOMEM; what @on_view returned.
 */
int alpaca_list_orders(
    const char *body, size_t length, broker_on_view on_view, void *data);

/** alpaca_list_positions() - a list of positions; the same. */
int alpaca_list_positions(
    const char *body, size_t length, broker_on_position on_position, void *data);

/** alpaca_parse_cash() - of the account. Return: 0; -EBADMSG. */
int alpaca_parse_cash(const char *body, size_t length, int64_t *ret_cash);

/** alpaca_parse_clock() - the clock, but for when it was asked and told. Return: 0;
 * -EBADMSG. */
int alpaca_parse_clock(const char *body, size_t length, struct market_clock *ret_clock);

/** alpaca_list_days() - the calendar: each day once, in order, within what was asked
 * for, and at least one. Return: 0; -EBADMSG, @days->n is of no meaning. */
int alpaca_list_days(const char *body, size_t length, struct broker_days *days);

/**
 * alpaca_order_body() - an order as JSON: market, in units, good for the day; a pair
 * of crypto currencies (with a '/') until cancelled, which has no day
 *
 * Return: allocated; NULL: out of memory, or a text that JSON cannot hold.
 */
char *alpaca_order_body(const struct broker_request *request);

/** alpaca_result() - what an answer of @status means for a request, by its method. For
 * an order @body is not read here. @is_post: it is a new order. */
enum broker_result alpaca_result(bool is_post, int status, const char *body,
    size_t length, char ret_text[BROKER_TEXT_MAX]);
