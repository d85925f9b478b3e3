/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is late, and when to look again.
 */
#include "supervisor/heartbeat.h"

#include "common/cleanup.h"
#include "tests/unit/suite.h"

/* Seconds stand for nanoseconds: the rules do not care. */
static const struct heartbeat_rules rules = {
	.start_timeout_ns = 30, .heartbeat_ns = 2, .misses = 3, .cycle_timeout_ns = 20
};

struct late_case {
	const char *what;
	struct heartbeat seen;
	int64_t now;
	enum heartbeat_late late;
	int64_t next; /* if in time */
};

static const struct late_case late_cases[] = {
	{ "a program that never spoke is watched for its exit alone",
	    { .started_ns = 0 }, 1000000, HEARTBEAT_IN_TIME, HEARTBEAT_NEVER },
	{ "starting, in time", { .speaks = true }, 29, HEARTBEAT_IN_TIME, 30 },
	{ "starting, too slow", { .speaks = true }, 30, HEARTBEAT_LATE_START, 0 },
	{ "awaited by others, too slow", { .awaited = true }, 30, HEARTBEAT_LATE_START,
	    0 },
	{ "awaited and there: watched for its exit alone",
	    { .awaited = true, .ready = true }, 1000000, HEARTBEAT_IN_TIME,
	    HEARTBEAT_NEVER },
	{ "it leaves: nothing more is expected",
	    { .speaks = true, .ready = true, .leaving = true, .leaving_ns = 100 },
	    1000000, HEARTBEAT_IN_TIME, HEARTBEAT_NEVER },
	{ "starting slowly, but with signs of life",
	    { .speaks = true, .packet_ns = 25 }, 40, HEARTBEAT_IN_TIME, 55 },
	{ "two heartbeats missed",
	    { .speaks = true, .ready = true, .packet_ns = 100, .advance_ns = 100 }, 105,
	    HEARTBEAT_IN_TIME, 106 },
	{ "three missed",
	    { .speaks = true, .ready = true, .packet_ns = 100, .advance_ns = 100 }, 106,
	    HEARTBEAT_LATE_PACKET, 0 },
	{ "heartbeats, but the cycle stands still",
	    { .speaks = true, .ready = true, .packet_ns = 119, .advance_ns = 100 }, 120,
	    HEARTBEAT_LATE_CYCLE, 0 },
	{ "the earlier of two deadlines is next",
	    { .speaks = true, .ready = true, .packet_ns = 118, .advance_ns = 100 }, 119,
	    HEARTBEAT_IN_TIME, 120 },
	{ "we were not looking: a fresh start",
	    { .speaks = true,
		.ready = true,
		.packet_ns = 100,
		.advance_ns = 100,
		.fresh_ns = 500 },
	    505, HEARTBEAT_IN_TIME, 506 },
	{ "a fresh start is no pardon for ever",
	    { .speaks = true,
		.ready = true,
		.packet_ns = 100,
		.advance_ns = 100,
		.fresh_ns = 500 },
	    506, HEARTBEAT_LATE_PACKET, 0 },
};

START_TEST(who_says_that_it_leaves_has_to)
{
	const struct heartbeat_rules sd_rules = { .watchdog_ns = 10,
		.leave_timeout_ns = 50 };
	struct heartbeat seen = {
		.speaks = true, .ready = true, .leaving = true, .leaving_ns = 100
	};
	int64_t next;

	ck_assert_int_eq(
	    heartbeat_check(&sd_rules, &seen, 149, &next), HEARTBEAT_IN_TIME);
	ck_assert_int_eq(next, 150);
	ck_assert_int_eq(
	    heartbeat_check(&sd_rules, &seen, 150, &next), HEARTBEAT_LATE_LEAVING);
	seen.extended_ns = 200;
	ck_assert_int_eq(
	    heartbeat_check(&sd_rules, &seen, 199, &next), HEARTBEAT_IN_TIME);
	ck_assert_int_eq(next, 200);
}
END_TEST

START_TEST(lateness)
{
	const struct late_case *c = &late_cases[_i];
	int64_t next = -1;
	enum heartbeat_late late = heartbeat_check(&rules, &c->seen, c->now, &next);

	ck_assert_msg(late == c->late, "%s: %s", c->what, heartbeat_late_name(late));
	if (late == HEARTBEAT_IN_TIME)
		ck_assert_msg(
		    next == c->next, "%s: next %lld", c->what, (long long)next);
}
END_TEST

START_TEST(a_watchdog_is_extended)
{
	const struct heartbeat_rules sd = { .watchdog_ns = 10 };
	struct heartbeat seen = { .speaks = true, .ready = true, .pet_ns = 100 };
	int64_t next;

	ck_assert_int_eq(heartbeat_check(&sd, &seen, 109, &next), HEARTBEAT_IN_TIME);
	ck_assert_int_eq(
	    heartbeat_check(&sd, &seen, 110, &next), HEARTBEAT_LATE_WATCHDOG);
	seen.extended_ns = 150;
	ck_assert_int_eq(heartbeat_check(&sd, &seen, 149, &next), HEARTBEAT_IN_TIME);
	ck_assert_int_eq(next, 150);
	ck_assert_int_eq(
	    heartbeat_check(&sd, &seen, 150, &next), HEARTBEAT_LATE_WATCHDOG);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, lateness, 0, ARRAY_SIZE(late_cases));
	tcase_add_test(tcase, who_says_that_it_leaves_has_to);
	tcase_add_test(tcase, a_watchdog_is_extended);
}

int
main(void)
{
	return suite_run("heartbeat", add_tests);
}
