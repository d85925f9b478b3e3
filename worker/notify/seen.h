/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the supervisor's events have been seen. After a reconnect it sends its last
 * ones again, and then new ones, with no mark between them; each line carries its time,
 * but several can have the same, and be equal. So each line that was seen before the
 * connection excuses one equal line in it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_MAX 512 /* more than the supervisor remembers */

struct seen {
	uint64_t hashes[SEEN_MAX];  /* ring */
	uint32_t excused[SEEN_MAX]; /* the connection in which it came last */
	size_t n, next;
	uint32_t connection;
};

/** seen_connect() - a connection begins: what follows may be repeats. */
void seen_connect(struct seen *seen);

/** seen_is_repeat() - whether the line came in an earlier connection; if not, it is
 * remembered. */
bool seen_is_repeat(struct seen *seen, const char *line);

/** seen_add() - remember a hash, oldest first; for loading. */
void seen_add(struct seen *seen, uint64_t hash);

/** seen_hash() - the @i-th that is remembered, oldest first. */
uint64_t seen_hash(const struct seen *seen, size_t i);
