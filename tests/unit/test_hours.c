/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a broker is asked for its clock and calendar, of a broker that answers as it is
 * told.
 */
#include "worker/trading/hours.h"

#include <string.h>

#include "common/clock.h"
#include "common/timestamp.h"
#include "tests/unit/suite.h"

#define DAY_NS (86400 * NS_PER_S)

struct broker {
	enum broker_result clock_result, calendar_result;
	int64_t ready_ns, time_ns;
	int clocks, calendars; /* how often it was asked */
	int64_t first, last;   /* what for */
};

static struct broker broker;
static struct hours hours;
static char told[1024]; /* the events' names, each with a blank behind it */

static int64_t
ready(const struct broker *asked, const char **ret_why)
{
	*ret_why = NULL;
	return asked->ready_ns;
}

static void
answer(struct broker_reply *reply, enum broker_result result)
{
	*reply = (struct broker_reply){ .result = result, .text = "why" };
}

static void
tell_time(struct broker *asked, int64_t patience_ns, struct market_clock *ret_clock,
    struct broker_reply *ret_reply)
{
	int64_t now_ns = clock_boottime_ns();

	(void)patience_ns;
	asked->clocks++;
	answer(ret_reply, asked->clock_result);
	if (asked->clock_result == BROKER_LOCKED)
		asked->ready_ns = INT64_MAX;
	if (asked->clock_result == BROKER_DONE)
		*ret_clock = (struct market_clock){ .time_ns = asked->time_ns,
			.is_open = true,
			.next_close_ns = asked->time_ns + DAY_NS,
			.next_open_ns = asked->time_ns + DAY_NS,
			.asked_ns = now_ns,
			.told_ns = now_ns };
}

static void
tell_days(struct broker *asked, int64_t patience_ns, struct broker_days *days,
    struct broker_reply *ret_reply)
{
	(void)patience_ns;
	asked->calendars++;
	asked->first = days->first;
	asked->last = days->last;
	answer(ret_reply, asked->calendar_result);
	days->days[0] = (struct session_day){ days->first, 570, 960 };
	days->n = 1;
}

static const struct broker_ops ops = {
	.name = "told",
	.ready_ns = ready,
	.clock = tell_time,
	.calendar = tell_days,
};

static void
on_event(enum log_level level, const struct record *event, void *data)
{
	char line[512];

	(void)level, (void)data;
	record_logfmt(event, line, sizeof(line));
	line[strcspn(line, " ")] = '\0';
	strcat(strcat(told, line), " ");
}

static void
set_up(void)
{
	broker = (struct broker){ .clock_result = BROKER_DONE,
		.calendar_result = BROKER_DONE,
		.time_ns = clock_realtime_ns() };
	hours = (struct hours){ .patience_ns = 3600 * NS_PER_S };
	told[0] = '\0';
	hours_set_on_event(&hours, on_event, NULL);
}

static void
refresh(void)
{
	hours_refresh(&hours, &ops, &broker);
}

START_TEST(both_are_asked_once)
{
	ck_assert(!hours_are_known(&hours, &ops, &broker));
	for (int i = 0; i < 3; i++)
		refresh();
	ck_assert_int_eq(broker.clocks, 1);
	ck_assert_int_eq(broker.calendars, 1);
	ck_assert(hours_are_known(&hours, &ops, &broker));
	ck_assert_uint_eq(hours.market.calendar.n, 1);
	ck_assert_str_eq(told, "broker.calendar ");
}
END_TEST

START_TEST(the_days_are_those_around_the_brokers)
{
	broker.time_ns = 20789 * DAY_NS + 1;
	refresh();
	ck_assert_int_eq(broker.first, 20789 - 14);
	ck_assert_int_eq(broker.last, 20789 + 30);
	ck_assert_str_eq(told, "broker.calendar broker.clock_differs ");
}
END_TEST

START_TEST(one_that_was_slow_is_enough_for_a_turn)
{
	hours.patience_ns = 0; /* any time at all is as long */
	refresh();
	ck_assert_int_eq(broker.clocks, 1);
	ck_assert_int_eq(broker.calendars, 0);
	ck_assert(!hours_are_known(&hours, &ops, &broker));
	hours.patience_ns = 3600 * NS_PER_S;
	refresh();
	ck_assert_int_eq(broker.calendars, 1);
	ck_assert(hours_are_known(&hours, &ops, &broker));
}
END_TEST

START_TEST(what_fails_is_told_once_and_not_asked_again_at_once)
{
	broker.clock_result = broker.calendar_result = BROKER_UNCLEAR;
	for (int i = 0; i < 3; i++)
		refresh();
	ck_assert_int_eq(broker.clocks, 1);
	ck_assert_int_eq(broker.calendars, 1);
	ck_assert_str_eq(told, "broker.no_clock broker.no_calendar ");
	ck_assert_msg(hours_are_known(&hours, &ops, &broker), "both have been tried");

	hours.clock.next_ns = hours.calendar.next_ns = 1; /* it is time */
	refresh();
	ck_assert_int_eq(broker.clocks, 2);
	ck_assert_int_eq(broker.calendars, 2);
	ck_assert_str_eq(told, "broker.no_clock broker.no_calendar ");
}
END_TEST

START_TEST(what_was_read_stays_when_the_next_fails)
{
	refresh();
	broker.clock_result = broker.calendar_result = BROKER_UNSENT;
	hours.clock.next_ns = hours.calendar.next_ns = 1;
	hours.read_day--; /* yesterday */
	refresh();
	ck_assert_int_eq(broker.clocks, 2);
	ck_assert_int_eq(broker.calendars, 2);
	ck_assert_int_gt(hours.market.clock.told_ns, 0);
	ck_assert_uint_eq(hours.market.calendar.n, 1);
	ck_assert_str_eq(told, "broker.calendar broker.no_clock broker.no_calendar ");
}
END_TEST

START_TEST(a_broker_that_may_not_be_asked_is_not)
{
	broker.ready_ns = clock_monotonic_ns() + 3600 * NS_PER_S;
	refresh();
	ck_assert_int_eq(broker.clocks + broker.calendars, 0);
	ck_assert(!hours_are_known(&hours, &ops, &broker));
	broker.ready_ns = 0;
	refresh();
	ck_assert_int_eq(broker.clocks + broker.calendars, 2);
}
END_TEST

START_TEST(keys_that_are_refused_are_told)
{
	broker.clock_result = BROKER_LOCKED;
	refresh();
	refresh();
	ck_assert_int_eq(broker.clocks, 1);
	ck_assert_int_eq(broker.calendars, 0);
	ck_assert_str_eq(told, "broker.locked broker.no_clock ");
	ck_assert_msg(hours_are_known(&hours, &ops, &broker), "nothing will be");
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, both_are_asked_once);
	tcase_add_test(tcase, the_days_are_those_around_the_brokers);
	tcase_add_test(tcase, one_that_was_slow_is_enough_for_a_turn);
	tcase_add_test(tcase, what_fails_is_told_once_and_not_asked_again_at_once);
	tcase_add_test(tcase, what_was_read_stays_when_the_next_fails);
	tcase_add_test(tcase, a_broker_that_may_not_be_asked_is_not);
	tcase_add_test(tcase, keys_that_are_refused_are_told);
}

int
main(void)
{
	return suite_run("hours", add_tests);
}
