/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that keeps an account's budget, shared by all workers that have the state
 * directory in common: ACCOUNTS/<hash>.rate. The rules are in rate.h.
 *
 * Each call takes the file's lock, and gives it back; it never waits for it longer than
 * some hundred milliseconds. A request goes out only when its slot is in the file. A
 * slot is written without waiting for the disk, since a machine that loses it boots,
 * and a boot counts as a full window; a 429's time is synced.
 */
#pragma once

#include "worker/trading/http.h"
#include "worker/trading/rate.h"

struct rate;

/**
 * rate_open() - the budget of an account; the file is made when it is first used
 * @directory: of the accounts; made if it is not there
 * @base_url, @key_id: which account; only a hash of both is kept
 * @per_minute: requests in any 60 s; at least 1; more than RATE_SLOTS_MAX is that many
 *
 * Return: 0; -errno. @error is filled.
 */
int rate_open(const char *directory, const char *base_url, const char *key_id,
    uint32_t per_minute, struct error *error, struct rate **ret_rate);

#define RATE_E_WAIT 1 /* not now */

/** struct rate_ticket - a request that may be sent, from rate_take() on */
struct rate_ticket {
	uint32_t slot;
};

/**
 * rate_take() - ask for one request, before each that is sent
 * @hold_ns: the request's longest time
 * @ret_wait_ns: with RATE_E_WAIT: how long not
 *
 * A file that is corrupt is moved aside, counts as used up, and @error says so beside
 * RATE_E_WAIT; else @error is filled with -errno alone: then no request may be sent.
 * Return: 0; RATE_E_WAIT; -errno.
 */
int rate_take(struct rate *rate, int64_t hold_ns, struct rate_ticket *ret_ticket,
    int64_t *ret_wait_ns, struct error *error);

/**
 * rate_done() - the request has ended: what its answer says about the budget
 *
 * A 429 stops every request of the account until its reset. Return: 0; -errno: it could
 * not be written, and the slot stays taken for longer; @error is filled.
 */
int rate_done(struct rate *rate, const struct rate_ticket *ticket,
    const struct http_answer *answer, struct error *error);

struct rate *rate_free(struct rate *rate);
void rate_freep(struct rate **rate);
