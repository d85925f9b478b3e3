/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which alert, and when whom to tell: events and the time in, messages out. Pure: no
 * clock, no files, no network.
 *
 * An incident is one alert of one worker. It is active or not, and for each target it
 * is known whether that target has to be told. A message is made of all that a target
 * is owed, so what a rate limit, quiet hours or a full queue hold back is not lost: it
 * stays owed, and comes in one message later. What is told only comes from a change, so
 * a thousand events of one incident are one message, and its end another.
 *
 *	inactive ──at_least within over──> active ──none for over──> inactive
 *	             (stale, silent: it lasts for over)   (their end)
 *
 * Times are nanoseconds since the epoch, not of the monotonic clock: windows go on over
 * the death of this program and of the machine, and events carry that time. A clock
 * that is set back makes what was remembered as of now.
 */
#pragma once

#include "common/config_alerts.h"
#include "common/record.h"

#define RULES_INCIDENTS_MAX 256
#define RULES_NAME_MAX 65  /* path_is_safe_name() and the NUL */
#define RULES_TEXT_MAX 256 /* of an event, in a message */
#define RULES_TITLE_MAX 200
#define RULES_BODY_MAX 4096

/** struct rules_signal - what an event says to the rules */
struct rules_signal {
	enum alert_when when;
	char worker[RULES_NAME_MAX]; /* "": of none */
	int64_t time_ns;
	bool clears; /* stale, silent: it is over */
	char text[RULES_TEXT_MAX];
};

struct incident {
	char alert[RULES_NAME_MAX], worker[RULES_NAME_MAX];
	int64_t times_ns[ALERT_AT_LEAST_MAX]; /* the last ones, oldest first */
	size_t n_times;
	uint64_t count;	   /* signals since since_ns */
	int64_t since_ns;  /* of the first that counts; silent: of the last sign */
	int64_t ended_ns;  /* of the last activity */
	int64_t looked_ns; /* silent: when since_ns was found out; 0: never */
	bool lasts;	   /* stale, silent: since since_ns */
	bool active, acked;
	uint32_t owed;	 /* targets to be told that it is, or was, active */
	uint32_t told;	 /* targets that know it is active */
	int64_t owed_ns; /* when the oldest change came that is owed */
	uint32_t again;	 /* targets to be told that it still is */
	int64_t told_ns; /* the last time anybody was told; for repeat */
	char text[RULES_TEXT_MAX];
};

struct rules_target {
	uint64_t sequence;   /* of the next message */
	int64_t sent_ns[64]; /* within rate_period, oldest first */
	size_t n_sent;
};

struct rules {
	const struct config_alerts *config; /* borrowed */
	struct incident *incidents;	    /* owned */
	size_t n;
	uint64_t dropped; /* signals for which there was no room */
	struct rules_target targets[ALERT_TARGETS_MAX];
};

struct rules_message {
	size_t target;	   /* index in the configuration */
	uint64_t sequence; /* unique for the target; the same again if it was refused */
	int64_t time_ns;
	bool urgent;
	const char *state; /* "firing", "recovered", "mixed" */
	char title[RULES_TITLE_MAX];
	char text[RULES_BODY_MAX]; /* lines */
};

/** rules_on_message - takes a message. Return: 0; else it stays owed. */
typedef int (*rules_on_message)(const struct rules_message *message, void *data);

/**
 * rules_init() - nothing has happened yet
 * @first_sequence: larger than any that was used before, if that is not known
 */
int rules_init(
    struct rules *rules, const struct config_alerts *config, uint64_t first_sequence);
void rules_deinit(struct rules *rules);

/**
 * rules_read() - what an event of the supervisor says
 * @event: parsed; ts= is its time
 *
 * Return: false: nothing.
 */
bool rules_read(const struct record *event, struct rules_signal *ret_signal);

/** rules_signal() - take one in. */
void rules_signal(
    struct rules *rules, const struct rules_signal *signal, int64_t now_ns);

/** rules_alive() - a worker whose last sign of work was at @signal->time_ns (or that
 * has none to give: clears); for silent, which goes by how old that is. */
void rules_alive(
    struct rules *rules, const struct rules_signal *signal, int64_t now_ns);

/** struct rules_now - when it is */
struct rules_now {
	int64_t ns;
	int minute; /* of the local day, 0 to 1439 */
};

/**
 * rules_tick() - let time pass, and make the messages that are due
 *
 * Return: how many were taken.
 */
size_t rules_tick(
    struct rules *rules, struct rules_now now, rules_on_message on_message, void *data);

/** rules_ack() - somebody looks after it: no repeats until it is over. Return: how many
 * active incidents of that alert there are. */
size_t rules_ack(struct rules *rules, const char *alert);

/** rules_is_quiet() - whether a minute of the day is in the quiet hours. */
bool rules_is_quiet(const struct config_notify *notify, int minute);

/** rules_alert() - the configuration's alert of that name, NULL if there is none. */
const struct config_alert *rules_alert(
    const struct config_alerts *config, const char *name);
