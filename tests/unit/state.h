/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that save() of a test's subject has written.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct state {
	char *bytes;
	size_t length;
	bool refuses; /* every write fails with -ENOSPC */
};

static inline int
state_write(void *data, const void *bytes, size_t length)
{
	struct state *state = data;
	char *larger;

	if (state->refuses)
		return -ENOSPC;
	larger = realloc(state->bytes, state->length + length + 1);
	if (!larger)
		return -ENOMEM;
	memcpy(larger + state->length, bytes, length);
	state->bytes = larger;
	state->length += length;
	return 0;
}

static inline void
state_deinit(struct state *state)
{
	free(state->bytes);
	memset(state, 0, sizeof(*state));
}
