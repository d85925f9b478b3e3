/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restart window, a ring of times that grows as it is needed: a limit of a million
 * costs nothing until there are a million restarts in one period. What follows
 * from a passed limit is decided in plan.c.
 */
#include "supervisor/intensity.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_MIN 4

void
intensity_init(struct intensity *window, uint32_t limit, int64_t period_ns)
{
	*window = (struct intensity){ .limit = limit, .period_ns = period_ns };
}

void
intensity_deinit(struct intensity *window)
{
	free(window->entries_ns);
	window->entries_ns = NULL;
	window->first = window->used = window->room = 0;
}

void
intensity_reset(struct intensity *window)
{
	window->first = window->used = 0;
}

static int
grow(struct intensity *window)
{
	size_t room = window->room ? window->room * 2 : ROOM_MIN;
	int64_t *entries;

	entries = malloc(room * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < window->used; i++)
		entries[i] = window->entries_ns[(window->first + i) % window->room];
	free(window->entries_ns);
	window->entries_ns = entries;
	window->first = 0;
	window->room = room;
	return 0;
}

size_t
intensity_used(struct intensity *window, int64_t now_ns)
{
	while (window->used > 0 &&
	       now_ns - window->entries_ns[window->first] > window->period_ns) {
		window->first = (window->first + 1) % window->room;
		window->used--;
	}
	return window->used;
}

int
intensity_add(struct intensity *window, int64_t now_ns)
{
	int r;

	if (intensity_used(window, now_ns) >= window->limit)
		return INTENSITY_E_PASSED;
	if (window->used == window->room) {
		r = grow(window);
		if (r < 0)
			return r;
	}
	window->entries_ns[(window->first + window->used) % window->room] = now_ns;
	window->used++;
	return 0;
}
