/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor tells: its events as they come, and at intervals how everybody
 * is, over the control socket (supervisor/control.h). Connects again by itself.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "worker/web/rows.h"

struct source;

struct source_config {
	const char *path; /* the control socket; borrowed */
	int64_t interval_ns;
	void *data;
	/* An event's line, without its end; not again after a reconnect. */
	void (*on_event)(const char *line, void *data);
	/* A look at the supervisor has ended; @rows: may be taken over (steal their
	 * contents); NULL: it did not answer. */
	void (*on_rows)(struct rows *rows, void *data);
};

/** source_new() - begins to connect. NULL: out of memory, or @path is too long. */
struct source *source_new(struct event_base *base, const struct source_config *config);

/** source_look_ns() - how long the look that has just ended took. */
int64_t source_look_ns(const struct source *source);

/** source_lines_lost() - lines that were too long or made no sense, so far. */
uint64_t source_lines_lost(const struct source *source);

/** source_free() - Return: NULL. */
struct source *source_free(struct source *source);
