/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process ended: the wait status, decoded once.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct exit_reason {
	int status; /* exit status; -1 if a signal ended it, or if it is not known */
	int signal; /* 0 if it exited by itself */
	bool core;  /* a core was dumped */
	int64_t cpu_us;	     /* user and system time; -1 if not known */
	int64_t rss_max_kib; /* -1 if not known */
};

/** exit_is_normal() - status 0: what OTP calls `normal`. */
static inline bool
exit_is_normal(const struct exit_reason *reason)
{
	return reason->signal == 0 && reason->status == 0;
}
