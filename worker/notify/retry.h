/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before the next attempt. Pure.
 */
#pragma once

#include <stdint.h>

#define RETRY_FIRST_NS INT64_C(1000000000)
#define RETRY_LONGEST_NS INT64_C(300000000000)

/**
 * retry_delay_ns() - after so many failures in a row; it doubles, up to the longest
 * @random: any; a quarter of the delay goes by it, so that many do not come together
 */
static inline int64_t
retry_delay_ns(unsigned failures, uint32_t random)
{
	int64_t delay_ns = RETRY_LONGEST_NS;

	if (failures > 0 && failures < 10 &&
	    RETRY_FIRST_NS << (failures - 1) < RETRY_LONGEST_NS)
		delay_ns = RETRY_FIRST_NS << (failures - 1);
	return delay_ns - delay_ns / 4 + delay_ns / 4 * (random % 1024) / 1023;
}
