/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heartbeat and failure counter files: their form, and the counts that go on over
 * restarts. When they are written is the cycle's business; a corrupt one is found and
 * moved aside by the pre-check.
 */
#include "worker/trading/vitals.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/statefile.h"
#include "common/timestamp.h"
#include "worker/trading/killpoint.h"
#include "worker/trading/trader.h"

/* A time of today in seconds has 10 digits before the point: 6 after it are exact. */
#define JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(16))

static int
read_json(const char *path, json_t **ret_json)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	json_t *json;
	int r;

	r = statefile_read(path, &text, &length);
	if (r < 0)
		return r;
	json = json_loadb(text, length, 0, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return -EBADMSG;
	}
	*ret_json = json;
	return 0;
}

/* Takes over @json; NULL: it could not be made. */
static int
write_json(const char *path, json_t *json)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_FLAGS) : NULL;
	size_t length;

	json_decref(json);
	if (!text)
		return -ENOMEM;
	length = strlen(text);
	/* In the NUL's place; the length is passed. */
	text[length] = '\n';
	return statefile_write(path, text, length + 1, false);
}

int
json_check(const char *path)
{
	_cleanup_(json_decrefp) json_t *json = NULL;

	return read_json(path, &json);
}

static int
replace_text(char **text, const char *with)
{
	char *copy;

	if (*text && strcmp(*text, with) == 0)
		return 0;
	copy = strdup(with);
	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

void
vitals_deinit(struct vitals *vitals)
{
	free(vitals->heartbeat);
	free(vitals->counter);
	vitals->heartbeat = vitals->counter = NULL;
}

int
vitals_set_paths(struct vitals *vitals, const char *heartbeat, const char *counter)
{
	int r;

	r = replace_text(&vitals->heartbeat, heartbeat);
	if (r < 0)
		return r;
	return replace_text(&vitals->counter, counter);
}

static bool
is_count(const json_t *value)
{
	/* Half the range leaves room to count on. */
	return json_is_integer(value) && json_integer_value(value) >= 0 &&
	       json_integer_value(value) < INT64_MAX / 2;
}

/* This life may have counted already, before the file could be read. */
static void
add_count(const json_t *object, const char *key, int64_t *count)
{
	const json_t *value = json_object_get(object, key);

	if (is_count(value))
		*count += json_integer_value(value);
}

int
vitals_load(struct vitals *vitals)
{
	_cleanup_(json_decrefp) json_t *json = NULL;
	const json_t *metrics;
	int r;

	if (!vitals->heartbeat)
		return -ENOENT;
	if (vitals->loaded)
		return 0;
	r = read_json(vitals->heartbeat, &json);
	if (r == -ENOENT) {
		vitals->loaded = true;
		return 0;
	}
	if (r < 0)
		return r;
	vitals->loaded = true;
	metrics = json_object_get(json, "metrics");
	/* A file of another program's has no counts of ours: then they begin here. */
	add_count(metrics, "failed_cycles", &vitals->failed_cycles);
	add_count(metrics, "heals", &vitals->heals);
	add_count(json, "iter_count", &vitals->iter_count);
	return 0;
}

/* For the file alone: nothing is computed with it. */
static double
seconds(int64_t ns)
{
	return (double)(ns / 1000) / 1e6;
}

static json_t *
metrics_json(const struct vitals *vitals, const struct trader_result *totals)
{
	return json_pack("{sI sI sI sI sI sI sI sI}", "events",
	    (json_int_t)totals->events, "dropped", (json_int_t)totals->dropped,
	    "clusters", (json_int_t)totals->clusters, "orders",
	    (json_int_t)totals->orders, "fills", (json_int_t)totals->fills,
	    "failed_cycles", (json_int_t)vitals->failed_cycles, "consecutive_failures",
	    (json_int_t)vitals->consecutive, "heals", (json_int_t)vitals->heals);
}

int
vitals_write_heartbeat(
    struct vitals *vitals, bool running, const struct trader_result *totals)
{
	int64_t now_ns = clock_realtime_ns();
	char time[TIMESTAMP_TEXT_MAX];
	int r;

	if (!vitals->heartbeat)
		return 0;
	timestamp_format(now_ns, time);
	kill_point("heartbeat.before_rename");
	r = write_json(vitals->heartbeat,
	    json_pack("{sf ss sI sb so}", "last_heartbeat_ts", seconds(now_ns),
		"last_heartbeat_dt", time, "iter_count", (json_int_t)vitals->iter_count,
		"running", running, "metrics", metrics_json(vitals, totals)));
	kill_point("heartbeat.after_rename");
	if (r == 0)
		vitals->written_ns = clock_monotonic_ns();
	return r;
}

int
vitals_read_back(const struct vitals *vitals)
{
	_cleanup_(json_decrefp) json_t *json = NULL;
	int r;

	if (!vitals->heartbeat)
		return -ENOENT;
	r = read_json(vitals->heartbeat, &json);
	if (r < 0)
		return r;
	return is_count(json_object_get(json, "iter_count")) ? 0 : -EBADMSG;
}

/* A path in the sentence need not be UTF-8, and JSON must be. NULL: out of memory. */
static json_t *
sentence_json(const char *sentence)
{
	json_t *json = json_string(sentence);
	_cleanup_free_ char *ascii = NULL;

	if (json)
		return json;
	ascii = strdup(sentence);
	for (char *p = ascii; p && *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return ascii ? json_string(ascii) : NULL;
}

int
vitals_write_counter(const struct vitals *vitals, const char *error)
{
	int64_t now_ns = clock_realtime_ns();
	int r;

	if (!vitals->counter)
		return 0;
	r = write_json(vitals->counter,
	    json_pack("{sI so sf}", "consecutive", (json_int_t)vitals->consecutive,
		"last_error", error ? sentence_json(error) : json_null(), "last_ts",
		seconds(now_ns)));
	kill_point("fail_counter.after_rename");
	return r;
}
