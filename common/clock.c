/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the clocks, as nanoseconds. It does not sleep, wait or convert.
 */
#include "common/clock.h"

#include <time.h>

static int64_t
clock_ns(clockid_t id)
{
	struct timespec now = { 0 };

	/* Cannot fail for these ids and a valid pointer; vDSO, no system call. */
	(void)clock_gettime(id, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t
clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t
clock_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t
clock_boottime_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

struct timeval
clock_timeval(int64_t ns)
{
	int64_t us = ns / 1000 + (ns % 1000 != 0);

	return (struct timeval){ .tv_sec = us / 1000000,
		.tv_usec = (suseconds_t)(us % 1000000) };
}
