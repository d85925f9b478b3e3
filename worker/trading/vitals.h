/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's signs of life on disk: StateFiles.BOT_HEARTBEAT and
 * StateFiles.FAIL_COUNTER, for watchers that read files. Both are JSON, replaced
 * atomically, and not synced: after a power cut they may be a cycle old, never half.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct trader_result;

struct vitals {
	char *heartbeat;       /* path; NULL: not known yet */
	char *counter;	       /* path; NULL: not known yet */
	bool loaded;	       /* what an earlier life left has been taken over */
	int64_t iter_count;    /* cycles begun, over all lives */
	int64_t failed_cycles; /* over all lives */
	int64_t heals;	       /* successes, over all lives */
	int64_t consecutive;   /* failed cycles in a row, in this life */
	int64_t written_ns;    /* monotonic, of the last heartbeat; 0: none */
};

void vitals_deinit(struct vitals *vitals);

/** vitals_set_paths() - where the two files lie from now on. Return: 0, -ENOMEM. */
int vitals_set_paths(struct vitals *vitals, const char *heartbeat, const char *counter);

/**
 * vitals_load() - take over the counts of an earlier life, once; no file is a first
 * life
 *
 * Return: 0; -ENOENT: no path is known; -EBADMSG: no JSON object; -errno.
 */
int vitals_load(struct vitals *vitals);

/** vitals_write_heartbeat() - Return: 0, also when no path is known; -errno. */
int vitals_write_heartbeat(
    struct vitals *vitals, bool running, const struct trader_result *totals);

/** vitals_read_back() - whether the heartbeat file has the count that must go on.
 * Return: 0; -EBADMSG; -errno. */
int vitals_read_back(const struct vitals *vitals);

/** vitals_write_counter() - @error: of the last failed cycle, or NULL. Return: as the
 * heartbeat. */
int vitals_write_counter(const struct vitals *vitals, const char *error);

/** json_check() - whether @path holds one JSON object. Return: 0; -EBADMSG; -errno. */
int json_check(const char *path);
