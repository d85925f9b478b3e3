/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends the process at a named step; nothing of it is in a build that is meant for use.
 * The count of the step's visits is the one variable of file scope here: it belongs to
 * the process that is to die, as its environment does.
 */
#include "worker/trading/killpoint.h"

#ifdef TRADESUP_KILL_POINTS
#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define NAME(name) name,
static const char *const names[] = { KILL_POINTS(NAME) };

static unsigned long visits;

static bool
is_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static bool
is_asked_for(const char *wanted, const char *name)
{
	size_t length = strcspn(wanted, ":");

	if (length == 1 && wanted[0] == '*')
		return true;
	return length == strlen(name) && strncmp(wanted, name, length) == 0;
}

void
kill_point(const char *name)
{
	const char *wanted = getenv("TRADESUP_KILL_AT");
	const char *colon;

	assert(is_known(name));
	if (!wanted || !is_asked_for(wanted, name))
		return;
	colon = strchr(wanted, ':');
	if (++visits == (colon ? strtoul(colon + 1, NULL, 10) : 1))
		kill(getpid(), SIGKILL);
}

void
kill_points_print(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		puts(names[i]);
}
#endif
