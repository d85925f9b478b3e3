/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the market is open now, by what a real broker has told: its calendar and its
 * clock. Pure; asking the broker is hours.c's.
 *
 * The time of day of this machine may be wrong, or be set while it runs. So the
 * broker's time counts, as it was read and as it has gone on since by CLOCK_BOOTTIME,
 * which nobody can set:
 *
 *	  asked ├──────── the broker's time is T ────────┤ told            now
 *	  ──────┴────────────────────────────────────────┴─────────────────┴──► boot
 *
 * T is of some moment of the round trip, so now it is between T + (now − told) and T +
 * (now − asked), and a little more for the oscillator. An order may go if the market is
 * open at both ends. Without a broker's clock it is this machine's that counts.
 */
#pragma once

#include "worker/trading/session.h"

/** struct market_clock - an answer of a broker's clock; times since the epoch */
struct market_clock {
	int64_t time_ns;
	bool is_open;
	int64_t next_open_ns, next_close_ns;
	int64_t asked_ns, told_ns; /* CLOCK_BOOTTIME; told_ns 0: there is no answer */
};

struct market {
	struct session_calendar calendar; /* n 0: the built-in rules */
	struct market_clock clock;
};

/** struct market_now - this machine's clocks */
struct market_now {
	int64_t boot_ns; /* CLOCK_BOOTTIME */
	int64_t real_ns; /* CLOCK_REALTIME */
};

/** struct market_time - it is not before the one, and not after the other */
struct market_time {
	int64_t earliest_ns, latest_ns;
};

/** market_time() - the broker's time now. */
struct market_time market_time(
    const struct market *market, const struct market_now *now);

/**
 * market_is_open() - whether an order may go now
 * @market: NULL: nothing has been told
 *
 * A day's hours are the calendar's. Where the clock's answer is of a market that is
 * closed until its next opening, or will be from its next closing on, that counts too:
 * it may know of a closing that came up in the middle of a day.
 */
bool market_is_open(const struct market *market, const struct market_now *now);

/** market_clock_error() - how far ahead of the broker's clock this machine's is at the
 * least, ns; negative: behind; 0: it may be right, or nothing is known. */
int64_t market_clock_error(const struct market *market, const struct market_now *now);
