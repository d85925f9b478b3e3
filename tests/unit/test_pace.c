/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the next cycle begins: at made-up times, in milliseconds.
 */
#include "worker/trading/pace.h"

#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/unit/suite.h"

static const struct {
	const char *what;
	int64_t cycle, start, now;
	bool idle, failed, called, records;
	uint32_t in_vain; /* before */
	int64_t listen, next;
	uint32_t ret_in_vain;
} cases[] = {
	{ "as fast as it goes", .start = 1000, .now = 1003, .records = true,
	    .listen = 1000, .next = 1000 },
	{ "idle: the feed may call at once", .start = 1000, .now = 1003, .idle = true,
	    .listen = 1003, .next = 1203 },
	{ "idle behind records", .start = 1000, .now = 1003, .idle = true,
	    .called = true, .records = true, .in_vain = 3, .listen = 1003,
	    .next = 1203 },
	{ "failed: nobody calls", .start = 1000, .now = 1003, .failed = true,
	    .listen = 1203, .next = 1203 },
	{ "failed and idle", .start = 1000, .now = 1003, .idle = true, .failed = true,
	    .listen = 1203, .next = 1203 },
	{ "a cycle's own pace goes before a call", .cycle = 5000, .start = 1000,
	    .now = 1003, .idle = true, .listen = 6000, .next = 6000 },
	{ "a short pace", .cycle = 50, .start = 1000, .now = 1003, .idle = true,
	    .listen = 1050, .next = 1203 },
	{ "called in vain", .start = 1000, .now = 1003, .idle = true, .called = true,
	    .listen = 1013, .next = 1203, .ret_in_vain = 1 },
	{ "called in vain again", .start = 1000, .now = 1003, .idle = true,
	    .called = true, .in_vain = 1, .listen = 1023, .next = 1203,
	    .ret_in_vain = 2 },
	{ "called in vain for ever", .start = 1000, .now = 1003, .idle = true,
	    .called = true, .in_vain = UINT32_MAX, .listen = 1203, .next = 1203,
	    .ret_in_vain = UINT32_MAX },
	{ "quiet after that", .start = 1000, .now = 1003, .idle = true, .in_vain = 9,
	    .listen = 1003, .next = 1203 },
};

START_TEST(the_next_cycle_begins)
{
	struct pace pace = { .in_vain = cases[_i].in_vain };
	const struct pace_facts facts = {
		.cycle_ns = cases[_i].cycle * NS_PER_MS,
		.start_ns = cases[_i].start * NS_PER_MS,
		.now_ns = cases[_i].now * NS_PER_MS,
		.is_idle = cases[_i].idle,
		.has_failed = cases[_i].failed,
		.was_called = cases[_i].called,
		.has_records = cases[_i].records,
	};

	pace_next(&pace, &facts);
	ck_assert_msg(pace.listen_ns == cases[_i].listen * NS_PER_MS,
	    "%s: listens at %jd", cases[_i].what, (intmax_t)pace.listen_ns);
	ck_assert_msg(pace.next_ns == cases[_i].next * NS_PER_MS, "%s: next at %jd",
	    cases[_i].what, (intmax_t)pace.next_ns);
	ck_assert_msg(pace.in_vain == cases[_i].ret_in_vain, "%s: in vain %u",
	    cases[_i].what, pace.in_vain);
}
END_TEST

/* A file that is written to without end, and has nothing for us, costs what a still one
 * does: five cycles a second. */
START_TEST(calls_in_vain_cost_no_more_than_silence)
{
	struct pace pace = { 0 };
	int64_t now_ns = NS_PER_S, end_ns = now_ns + 100 * NS_PER_S;
	int cycles = 0;

	while (now_ns < end_ns) {
		struct pace_facts facts = { .start_ns = now_ns,
			.now_ns = now_ns + NS_PER_MS,
			.is_idle = true,
			.was_called = true };

		pace_next(&pace, &facts);
		ck_assert_int_ge(pace.listen_ns, facts.now_ns);
		now_ns = pace.listen_ns;
		cycles++;
	}
	ck_assert_int_le(cycles, 505);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, the_next_cycle_begins, 0, ARRAY_SIZE(cases));
	tcase_add_test(tcase, calls_in_vain_cost_no_more_than_silence);
}

int
main(void)
{
	return suite_run("pace", add_tests);
}
