/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cursor file, written. Its content is a function of the journal's state, so that
 * it can be compared and made again at any time.
 */
#include "worker/trading/cursor.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/record.h"
#include "common/statefile.h"
#include "common/timestamp.h"
#include "worker/trading/killpoint.h"

/* An escaped byte of the position takes six. */
#define CURSOR_MAX (6 * FEED_POSITION_MAX + 256)

static size_t
format(const struct journal_state *state, char out[CURSOR_MAX])
{
	char time[TIMESTAMP_TEXT_MAX];
	struct record record;
	size_t length;

	record_init(&record, NULL);
	record_text(&record, "position", state->position);
	record_int(&record, "events", state->events);
	record_int(&record, "dropped", state->dropped);
	if (state->events > 0) {
		timestamp_format(state->time_ns, time);
		record_text(&record, "time", time);
	}
	length = record_json(&record, out, CURSOR_MAX - 1);
	out[length] = '\n';
	out[length + 1] = '\0';
	return length + 1;
}

int
cursor_write(const char *path, const struct journal_state *state)
{
	char text[CURSOR_MAX];
	size_t length = format(state, text);
	int r;

	kill_point("cursor.before_write");
	r = statefile_write(path, text, length, 0);
	kill_point("cursor.after_write");
	return r;
}

static bool
is_json(const char *text, size_t length)
{
	json_t *json = json_loadb(text, length, 0, NULL);

	json_decref(json);
	return json != NULL;
}

int
cursor_mend(const char *path, const struct journal_state *state)
{
	_cleanup_free_ char *there = NULL;
	char text[CURSOR_MAX];
	size_t length;
	int r;

	r = statefile_read(path, &there, &length);
	if (r == -ENOENT)
		return cursor_write(path, state);
	if (r < 0)
		return r;
	if (length == format(state, text) && memcmp(there, text, length) == 0)
		return 0;
	return is_json(there, length) ? cursor_write(path, state) : 0;
}
