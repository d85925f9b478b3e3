/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the next cycle begins, pure: at the pace that is configured, later where the
 * last one brought nothing, and earlier again when the feed says that it has something.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The least pause after a cycle that read nothing, or failed, where cycles have none of
 * their own. */
#define PACE_PAUSE_NS (INT64_C(200) * 1000 * 1000)
/* And after the feed has called for nothing: half of a line, another's chmod. It
 * doubles. */
#define PACE_HOLD_OFF_NS (INT64_C(10) * 1000 * 1000)

/** struct pace_facts - of the cycle that has ended */
struct pace_facts {
	int64_t cycle_ns;	  /* configured, from one start to the next */
	int64_t start_ns, now_ns; /* monotonic */
	bool is_idle, has_failed;
	bool was_called;  /* the feed had said that there is something */
	bool has_records; /* and there was */
};

struct pace {
	uint32_t in_vain; /* calls in a row that led to nothing */
	/* Monotonic: the next cycle begins at next_ns, or when the feed calls at
	 * listen_ns or later. */
	int64_t listen_ns, next_ns;
};

/** pace_next() - @pace: { 0 } at first. */
void pace_next(struct pace *pace, const struct pace_facts *facts);
