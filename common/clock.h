/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks. Decisions use the monotonic one alone (clock_gettime(2)); the time of
 * day is for people and for log lines. Pure code takes the time as an argument.
 */
#pragma once

#include <stdint.h>
#include <sys/time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/** clock_monotonic_ns() - CLOCK_MONOTONIC in nanoseconds; cannot fail. */
int64_t clock_monotonic_ns(void);

/** clock_realtime_ns() - CLOCK_REALTIME in nanoseconds since the epoch; cannot fail. */
int64_t clock_realtime_ns(void);

/** clock_boottime_ns() - CLOCK_BOOTTIME: as the monotonic one, and goes on in a suspend.
 * For ages that people read, never for deadlines. */
int64_t clock_boottime_ns(void);

/** clock_timeval() - @ns >= 0 as a timer takes it, rounded up: to wake a little early
 * would be to wake twice. */
struct timeval clock_timeval(int64_t ns);
