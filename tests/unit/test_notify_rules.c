/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which alert, and when whom to tell: stories of signals and time, and the messages
 * that come of them; what is remembered over a death, and which events were seen.
 */
#include "worker/notify/rules.h"

#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"
#include "worker/notify/memory.h"
#include "worker/notify/retry.h"

#define S INT64_C(1000000000)
#define NOON 720
#define T0 (INT64_C(1700000000) * S)

static char ops_name[] = "ops", mail_name[] = "mail";
static char frequent[] = "frequent", dead[] = "dead", stale[] = "stale",
	    relapses[] = "relapses", silent[] = "silent";

static struct config_target targets[] = { { .name = ops_name }, { .name = mail_name } };
static struct config_alert alerts[] = {
	{ .name = frequent,
	    .when = ALERT_HEAL_RATE,
	    .over_ns = 60 * S,
	    .at_least = 3,
	    .to = 1 },
	{ .name = dead,
	    .when = ALERT_ESCALATE,
	    .over_ns = 60 * S,
	    .at_least = 1,
	    .to = 1,
	    .urgent = true },
	{ .name = stale,
	    .when = ALERT_STALE,
	    .over_ns = 30 * S,
	    .at_least = 1,
	    .to = 1 },
	{ .name = relapses,
	    .when = ALERT_RELAPSE,
	    .over_ns = 60 * S,
	    .at_least = 1,
	    .repeat_ns = 20 * S,
	    .to = 3 },
	{ .name = silent,
	    .when = ALERT_SILENT,
	    .over_ns = 30 * S,
	    .at_least = 1,
	    .to = 2 },
};
static struct config_alerts config = {
	.notify = { .group_wait_ns = 5 * S, .rate = 3, .rate_period_ns = 600 * S },
	.alerts = alerts,
	.n_alerts = ARRAY_SIZE(alerts),
	.targets = targets,
	.n_targets = ARRAY_SIZE(targets)
};

/* What was told: "ops:FIRING: frequent (flow)|…". */
struct told {
	char text[2048];
	uint64_t last_sequence;
	bool refuse;
};

static int
on_message(const struct rules_message *message, void *data)
{
	struct told *told = data;
	size_t used = strlen(told->text);

	told->last_sequence = message->sequence;
	if (told->refuse)
		return -1;
	snprintf(told->text + used, sizeof(told->text) - used, "%s:%s|",
	    config.targets[message->target].name, message->title);
	return 0;
}

struct step {
	char what; /* h r e s S a A: signals; t: tick; k: acknowledge; R: refuse; Z: end
		    */
	int64_t at; /* seconds */
	int minute; /* of the day, for a tick */
};

static void
signal_at(struct rules *rules, enum alert_when when, int64_t at, bool clears)
{
	struct rules_signal signal = { .when = when,
		.worker = "flow",
		.time_ns = T0 + at * S,
		.clears = clears,
		.text = "event" };

	rules_signal(rules, &signal, T0 + at * S);
}

static void
alive_at(struct rules *rules, int64_t at, int64_t age, bool clears)
{
	struct rules_signal signal = { .when = ALERT_SILENT,
		.worker = "flow",
		.time_ns = T0 + (at - age) * S,
		.clears = clears };

	rules_alive(rules, &signal, T0 + at * S);
}

static void
take_step(struct rules *rules, const struct step *step, struct told *told)
{
	const struct rules_now now = { T0 + step->at * S, step->minute };

	switch (step->what) {
	case 'h':
		signal_at(rules, ALERT_HEAL_RATE, step->at, false);
		break;
	case 'r':
		signal_at(rules, ALERT_RELAPSE, step->at, false);
		break;
	case 'e':
		signal_at(rules, ALERT_ESCALATE, step->at, false);
		break;
	case 's':
	case 'S':
		signal_at(rules, ALERT_STALE, step->at, step->what == 'S');
		break;
	case 'a': /* a cycle has just begun */
		alive_at(rules, step->at, 0, false);
		break;
	case 'q': /* the last one is 40 s old */
		alive_at(rules, step->at, 40, false);
		break;
	case 'A': /* it is down */
		alive_at(rules, step->at, 0, true);
		break;
	case 'k':
		rules_ack(rules, "relapses");
		break;
	case 'R':
		told->refuse = !told->refuse;
		break;
	case 't':
		rules_tick(rules, now, on_message, told);
		break;
	default:
		ck_abort_msg("no such step");
	}
}

struct story {
	const char *what;
	struct step steps[24];
	const char *told;
	int quiet_from, quiet_to;
};

static const struct story stories[] = {
	{ "two of three are none", { { 'h', 0 }, { 'h', 1 }, { 't', 30 } }, "" },
	{ "three within a minute are an alert",
	    { { 'h', 0 }, { 'h', 1 }, { 'h', 2 }, { 't', 10 } },
	    "ops:FIRING: frequent (flow)|" },
	{ "three in more than a minute are none",
	    { { 'h', 0 }, { 'h', 50 }, { 'h', 61 }, { 't', 70 } }, "" },
	{ "exactly a minute still counts",
	    { { 'h', 0 }, { 'h', 50 }, { 'h', 60 }, { 't', 70 } },
	    "ops:FIRING: frequent (flow)|" },
	{ "more of the same is one message",
	    { { 'h', 0 }, { 'h', 1 }, { 'h', 2 }, { 't', 10 }, { 'h', 11 }, { 'h', 12 },
		{ 't', 20 }, { 'h', 21 }, { 't', 30 } },
	    "ops:FIRING: frequent (flow)|" },
	{ "none for as long is a recovery, told once",
	    { { 'h', 0 }, { 'h', 1 }, { 'h', 2 }, { 't', 10 }, { 't', 62 }, { 't', 63 },
		{ 't', 70 }, { 't', 90 } },
	    "ops:FIRING: frequent (flow)|ops:RECOVERED: frequent (flow)|" },
	{ "back before the recovery was told is the same incident",
	    { { 'h', 0 }, { 'h', 1 }, { 'h', 2 }, { 't', 10 }, { 't', 63 }, { 'h', 64 },
		{ 'h', 65 }, { 'h', 66 }, { 't', 70 }, { 't', 80 } },
	    "ops:FIRING: frequent (flow)|" },
	{ "what comes together is told together",
	    { { 'h', 0 }, { 'h', 0 }, { 'h', 0 }, { 't', 1 }, { 's', -40 }, { 't', 2 },
		{ 't', 6 } },
	    "ops:FIRING: 2 alerts|" },
	{ "the urgent does not wait", { { 'e', 0 }, { 't', 0 } },
	    "ops:FIRING: dead (flow)|" },
	{ "stale for a moment is none",
	    { { 's', 0 }, { 't', 20 }, { 'S', 25 }, { 't', 60 } }, "" },
	{ "stale for long is one, until it recovers",
	    { { 's', 0 }, { 't', 29 }, { 't', 30 }, { 't', 35 }, { 't', 200 },
		{ 'S', 300 }, { 't', 301 }, { 't', 306 } },
	    "ops:FIRING: stale (flow)|ops:RECOVERED: stale (flow)|" },
	{ "two targets, each told", { { 'r', 0 }, { 't', 5 } },
	    "ops:FIRING: relapses (flow)|mail:FIRING: relapses (flow)|" },
	{ "repeated while it lasts",
	    { { 'r', 0 }, { 't', 5 }, { 't', 24 }, { 't', 25 }, { 't', 26 } },
	    "ops:FIRING: relapses (flow)|mail:FIRING: relapses (flow)|"
	    "ops:FIRING: relapses (flow)|mail:FIRING: relapses (flow)|" },
	{ "acknowledged: no repeats, but its end",
	    { { 'r', 0 }, { 't', 5 }, { 'k', 6 }, { 't', 25 }, { 't', 50 }, { 't', 61 },
		{ 't', 70 } },
	    "ops:FIRING: relapses (flow)|mail:FIRING: relapses (flow)|"
	    "ops:RECOVERED: relapses (flow)|mail:RECOVERED: relapses (flow)|" },
	{ "a message that is refused stays owed",
	    { { 'R' }, { 'e', 0 }, { 't', 0 }, { 't', 1 }, { 'R' }, { 't', 2 },
		{ 't', 3 } },
	    "ops:FIRING: dead (flow)|" },
	{ "quiet hours hold back, and the morning tells",
	    { { 'h', 0 }, { 'h', 0 }, { 'h', 0 }, { 't', 10, 1380 }, { 't', 20, 60 },
		{ 't', 100, 419 }, { 't', 101, 420 }, { 't', 102, 420 } },
	    "ops:RECOVERED: frequent (flow)|", 1320, 420 },
	{ "quiet hours do not hold back the urgent", { { 'e', 0 }, { 't', 0, 1380 } },
	    "ops:FIRING: dead (flow)|", 1320, 420 },
	{ "what a rate limit holds back comes in one message",
	    { { 's', 0 }, { 't', 35 }, { 't', 40 }, { 'S', 41 }, { 't', 41 },
		{ 't', 46 }, { 'e', 47 }, { 't', 47 }, /* three by now */
		{ 'h', 50 }, { 'h', 50 }, { 'h', 50 }, { 't', 60 }, { 't', 108 },
		{ 't', 639 }, { 't', 640 } },
	    "ops:FIRING: stale (flow)|ops:RECOVERED: stale (flow)|"
	    "ops:FIRING: dead (flow)|ops:RECOVERED: 2|" },
	{ "silent for too long, until a cycle",
	    { { 'a', 0 }, { 't', 20 }, { 'q', 40 }, { 't', 40 }, { 't', 45 },
		{ 'q', 80 }, { 't', 80 }, { 'a', 90 }, { 't', 90 }, { 't', 95 } },
	    "mail:FIRING: silent (flow)|mail:RECOVERED: silent (flow)|" },
	{ "who has not been looked at for long may have worked",
	    { { 'a', 0 }, { 't', 40 }, { 'a', 41 }, { 't', 42 } }, "" },
	{ "one that is down is not silent",
	    { { 'a', 0 }, { 't', 1 }, { 'A', 10 }, { 't', 100 }, { 't', 110 } }, "" },
	{ "a clock that is set back forgets nothing, and stops nothing",
	    { { 'h', 1000 }, { 'h', 1000 }, { 't', 0 }, { 'h', 1 }, { 't', 1 },
		{ 't', 6 } },
	    "ops:FIRING: frequent (flow)|" },
};

/* @over_text: the memory is written and read back after every step. */
static void
tell_story(const struct story *story, bool over_text)
{
	static char text[MEMORY_MAX];
	struct seen seen = { 0 };
	struct told told = { 0 };
	struct rules rules;

	config.notify.quiet_from = story->quiet_from;
	config.notify.quiet_to = story->quiet_to;
	ck_assert_int_eq(rules_init(&rules, &config, 1), 0);
	for (const struct step *step = story->steps; step->what; step++) {
		take_step(&rules, step, &told);
		if (!over_text)
			continue;
		memory_write(&rules, &seen, text, sizeof(text));
		rules_deinit(&rules);
		ck_assert_int_eq(rules_init(&rules, &config, 99), 0);
		ck_assert_int_eq(memory_read(text, &rules, &seen), 0);
	}
	ck_assert_msg(strcmp(told.text, story->told) == 0, "%s%s: told \"%s\"",
	    story->what, over_text ? " (over a restart)" : "", told.text);
	rules_deinit(&rules);
}

START_TEST(a_story)
{
	tell_story(&stories[_i], false);
}
END_TEST

START_TEST(a_story_over_restarts)
{
	tell_story(&stories[_i], true);
}
END_TEST

START_TEST(a_refused_message_keeps_its_sequence)
{
	struct told told = { .refuse = true };
	struct rules rules;

	config.notify.quiet_from = config.notify.quiet_to = 0;
	ck_assert_int_eq(rules_init(&rules, &config, 7), 0);
	signal_at(&rules, ALERT_ESCALATE, 0, false);
	rules_tick(&rules, (struct rules_now){ T0, NOON }, on_message, &told);
	ck_assert_uint_eq(told.last_sequence, 7);
	told.refuse = false;
	rules_tick(&rules, (struct rules_now){ T0 + S, NOON }, on_message, &told);
	ck_assert_uint_eq(told.last_sequence, 7);
	signal_at(&rules, ALERT_RELAPSE, 2, false);
	rules_tick(&rules, (struct rules_now){ T0 + 8 * S, NOON }, on_message, &told);
	ck_assert_uint_eq(rules.targets[0].sequence, 9);
	rules_deinit(&rules);
}
END_TEST

/* More workers than there is room for, all of which end: bounded, and nothing is stuck.
 */
START_TEST(many_workers_are_bounded)
{
	struct told told = { 0 };
	struct rules rules;

	ck_assert_int_eq(rules_init(&rules, &config, 1), 0);
	for (int i = 0; i < 2 * RULES_INCIDENTS_MAX; i++) {
		struct rules_signal signal = { .when = ALERT_RELAPSE, .time_ns = T0 };

		snprintf(signal.worker, sizeof(signal.worker), "w%d", i);
		rules_signal(&rules, &signal, T0);
	}
	ck_assert_uint_eq(rules.n, RULES_INCIDENTS_MAX);
	ck_assert_uint_eq(rules.dropped, RULES_INCIDENTS_MAX);
	for (int i = 0; i < 40; i++)
		rules_tick(&rules, (struct rules_now){ T0 + 700 * S * (i + 1), NOON },
		    on_message, &told);
	ck_assert_uint_eq(rules.n, 0);
	rules_deinit(&rules);
}
END_TEST

struct reading {
	const char *line;
	int when; /* -1: nothing */
	bool clears;
};

static const struct reading readings[] = {
	{ "self_healing.pre_check_heal_success ts=2026-01-05T09:30:00Z worker=w",
	    ALERT_HEAL_RATE },
	{ "self_healing.import_reload_failed ts=2026-01-05T09:30:00Z worker=w",
	    ALERT_HEAL_RATE },
	{ "self_healing.relapsed ts=2026-01-05T09:30:00Z worker=w", ALERT_RELAPSE },
	{ "self_healing.worker_thread_restart ts=2026-01-05T09:30:00Z worker=w",
	    ALERT_RESTART },
	{ "self_healing.service_restart ts=2026-01-05T09:30:00Z worker=w",
	    ALERT_ESCALATE },
	{ "group.escalate ts=2026-01-05T09:30:00Z group=g", ALERT_ESCALATE },
	{ "feed.stale ts=2026-01-05T09:30:00Z worker=w", ALERT_STALE },
	{ "feed.recovered ts=2026-01-05T09:30:00Z worker=w", ALERT_STALE, true },
	{ "order.mismatch ts=2026-01-05T09:30:00Z worker=w", ALERT_MISMATCH },
	{ "self_healing.verified ts=2026-01-05T09:30:00Z worker=w", -1 },
	{ "self_healing.relapsed worker=w", -1 },
	{ "self_healing.relapsed ts=yesterday worker=w", -1 },
	{ "worker.output ts=2026-01-05T09:30:00Z worker=w line=self_healing.relapsed",
	    -1 },
	{ "self_healingx.relapsed ts=2026-01-05T09:30:00Z worker=w", -1 },
	{ "", -1 },
};

START_TEST(an_event_says)
{
	const struct reading *c = &readings[_i];
	struct rules_signal signal = { 0 };
	_cleanup_free_ char *line = strdup(c->line);
	struct record event;
	bool found = record_parse(line, &event) == 0 && rules_read(&event, &signal);

	ck_assert_msg(found == (c->when >= 0), "%s", c->line);
	if (!found)
		return;
	ck_assert_msg((int)signal.when == c->when, "%s", c->line);
	ck_assert_int_eq(signal.clears, c->clears);
	ck_assert_int_eq(signal.time_ns, INT64_C(1767605400) * S);
	ck_assert_ptr_null(strstr(signal.text, "ts="));
}
END_TEST

START_TEST(a_line_is_seen_once)
{
	struct seen seen = { 0 };

	seen_connect(&seen);
	ck_assert(!seen_is_repeat(&seen, "a"));
	ck_assert(!seen_is_repeat(&seen, "b"));
	ck_assert_msg(
	    !seen_is_repeat(&seen, "a"), "an equal one that really came twice");
	seen_connect(&seen);
	ck_assert(seen_is_repeat(&seen, "a"));
	ck_assert(seen_is_repeat(&seen, "b"));
	ck_assert(seen_is_repeat(&seen, "a"));
	ck_assert_msg(!seen_is_repeat(&seen, "a"), "a third one is new");
	ck_assert(!seen_is_repeat(&seen, "c"));
	seen_connect(&seen);
	for (int i = 0; i < 3; i++)
		ck_assert(seen_is_repeat(&seen, "a"));
	ck_assert(seen_is_repeat(&seen, "c"));
}
END_TEST

START_TEST(seen_lines_are_remembered)
{
	static char text[MEMORY_MAX];
	struct seen seen = { 0 }, again = { 0 };
	struct rules rules;
	char line[16];

	ck_assert_int_eq(rules_init(&rules, &config, 1), 0);
	seen_connect(&seen);
	for (int i = 0; i < 3 * SEEN_MAX / 2; i++) {
		snprintf(line, sizeof(line), "%d", i);
		ck_assert(!seen_is_repeat(&seen, line));
	}
	memory_write(&rules, &seen, text, sizeof(text));
	ck_assert_int_eq(memory_read(text, &rules, &again), 0);
	seen_connect(&again);
	for (int i = SEEN_MAX / 2; i < 3 * SEEN_MAX / 2; i++) {
		snprintf(line, sizeof(line), "%d", i);
		ck_assert(seen_is_repeat(&again, line));
	}
	ck_assert_msg(!seen_is_repeat(&again, "0"), "older ones are forgotten");
	rules_deinit(&rules);
}
END_TEST

static const char *const broken[] = { "", "x", "nonsense\n", "memory version=2\n",
	"notify.memory version=1\ncut off here", "target name=ops\n" };

START_TEST(a_broken_memory_is_refused)
{
	_cleanup_free_ char *text = strdup(broken[_i]);
	struct seen seen = { 0 };
	struct rules rules;

	ck_assert_int_eq(rules_init(&rules, &config, 1), 0);
	ck_assert_int_lt(memory_read(text, &rules, &seen), 0);
	rules_deinit(&rules);
}
END_TEST

START_TEST(the_delay_doubles_to_its_bound)
{
	ck_assert_int_eq(retry_delay_ns(1, 1023), S);
	ck_assert_int_eq(retry_delay_ns(1, 0), S - S / 4);
	ck_assert_int_eq(retry_delay_ns(2, 1023), 2 * S);
	ck_assert_int_eq(retry_delay_ns(9, 1023), 256 * S);
	ck_assert_int_eq(retry_delay_ns(10, 1023), 300 * S);
	ck_assert_int_eq(retry_delay_ns(4000000000u, 1023), 300 * S);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_story, 0, ARRAY_SIZE(stories));
	tcase_add_loop_test(tcase, a_story_over_restarts, 0, ARRAY_SIZE(stories));
	tcase_add_test(tcase, a_refused_message_keeps_its_sequence);
	tcase_add_test(tcase, many_workers_are_bounded);
	tcase_add_loop_test(tcase, an_event_says, 0, ARRAY_SIZE(readings));
	tcase_add_test(tcase, a_line_is_seen_once);
	tcase_add_test(tcase, seen_lines_are_remembered);
	tcase_add_loop_test(tcase, a_broken_memory_is_refused, 0, ARRAY_SIZE(broken));
	tcase_add_test(tcase, the_delay_doubles_to_its_bound);
}

int
main(void)
{
	return suite_run("notify_rules", add_tests);
}
