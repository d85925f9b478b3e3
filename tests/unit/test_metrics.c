/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows in, Prometheus' text out; and whatever a worker calls itself stays in its
 * quotes.
 */
#include "worker/web/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static char *
written(const char *const *lines, size_t n, const struct tally *tally)
{
	static const struct tally none;
	struct rows rows = { 0 };
	struct metrics_input input = {
		.is_up = n > 0, .rows = &rows, .tally = tally ? tally : &none
	};
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(rows_add(&rows, lines[i]), 0);
	metrics_write(out, &input);
	ck_assert_int_eq(fclose(out), 0);
	rows_deinit(&rows);
	return text;
}

static void
assert_has(const char *text, const char *line)
{
	_cleanup_free_ char *whole = NULL;

	ck_assert_int_gt(asprintf(&whole, "\n%s\n", line), 0);
	ck_assert_msg(strstr(text, whole) != NULL, "no line %s in\n%s", line, text);
}

static const struct {
	const char *row, *line;
} samples[] = {
	{ "supervisor up_ms=61250 restarts=3 version=0.1.0", "tradesup_up 1" },
	{ "supervisor up_ms=61250", "tradesup_supervisor_uptime_seconds 61.250" },
	{ "supervisor restarts=3", "tradesup_supervisor_restarts_total 3" },
	{ "supervisor version=0.1.0", "tradesup_build_info{version=\"0.1.0\"} 1" },
	{ "supervisor intensity=4", "tradesup_supervisor_restart_limit 4" },
	{ "worker name=flow restarts=2",
	    "tradesup_worker_restarts_total{worker=\"flow\"} 2" },
	{ "worker name=flow cycle_age_ms=7",
	    "tradesup_worker_cycle_age_seconds{worker=\"flow\"} 0.007" },
	{ "worker name=flow heartbeat_age_ms=1999",
	    "tradesup_worker_heartbeat_age_seconds{worker=\"flow\"} 1.999" },
	{ "worker name=flow good_cycle_age_ms=90000",
	    "tradesup_worker_good_cycle_age_seconds{worker=\"flow\"} 90.000" },
	{ "worker name=flow memory_bytes=4096",
	    "tradesup_worker_memory_bytes{worker=\"flow\"} 4096" },
	{ "worker name=flow state=up", "tradesup_worker_up{worker=\"flow\"} 1" },
	{ "worker name=flow state=starting", "tradesup_worker_up{worker=\"flow\"} 0" },
	{ "worker name=flow held=hold", "tradesup_worker_held{worker=\"flow\"} 1" },
	{ "worker name=flow group=root restart=permanent state=up",
	    "tradesup_worker_info{worker=\"flow\",group=\"root\",restart=\"permanent\","
	    "state=\"up\"} 1" },
	{ "worker name=flow cycles_good=5 failed_cycles=2",
	    "tradesup_worker_failed_cycles{worker=\"flow\"} 2" },
	{ "worker name=flow cycles_good=5",
	    "tradesup_worker_failed_cycles{worker=\"flow\"} 0" },
	{ "worker name=flow cycles_good=5",
	    "tradesup_worker_cycles_total{worker=\"flow\",outcome=\"good\"} 5" },
	{ "worker name=flow duration_sum_ns=1500000001 duration_buckets=1.0:1,+Inf:2",
	    "tradesup_worker_cycle_duration_seconds_bucket{worker=\"flow\",le=\"1.0\"} "
	    "1\n"
	    "tradesup_worker_cycle_duration_seconds_bucket{worker=\"flow\",le=\"+Inf\"}"
	    " 2\n"
	    "tradesup_worker_cycle_duration_seconds_sum{worker=\"flow\"} 1.500000001\n"
	    "tradesup_worker_cycle_duration_seconds_count{worker=\"flow\"} 2" },
	{ "heal worker=flow level=2 kind=import tried=9 succeeded=4 failed=3 "
	  "relapsed=1 "
	  "pending=1",
	    "tradesup_heals{worker=\"flow\",level=\"2\",kind=\"import\",outcome="
	    "\"success\"} 4\n"
	    "tradesup_heals{worker=\"flow\",level=\"2\",kind=\"import\",outcome="
	    "\"failed\"} 3\n"
	    "tradesup_heals{worker=\"flow\",level=\"2\",kind=\"import\",outcome="
	    "\"relapsed\"} 1\n"
	    "tradesup_heals{worker=\"flow\",level=\"2\",kind=\"import\",outcome="
	    "\"pending\"} 1" },
	{ "heal worker=flow level=2 kind=import tried=9",
	    "tradesup_heal_attempts_total{worker=\"flow\",level=\"2\",kind=\"import\"} "
	    "9" },
	{ "heal worker=flow level=2 kind=import relapsed=1",
	    "tradesup_heal_relapses_total{worker=\"flow\",level=\"2\",kind=\"import\"} "
	    "1" },
	{ "worker name=flow feed_age_ms=61500",
	    "tradesup_worker_feed_age_seconds{worker=\"flow\"} 61.500" },
	{ "worker name=flow equity=-170141183460469231731.68730371",
	    "tradesup_equity{worker=\"flow\"} -170141183460469231731.68730371" },
	{ "worker name=flow cash=99.50000000 positions=2",
	    "tradesup_cash{worker=\"flow\"} 99.50000000" },
	{ "worker name=flow cash=99.50000000 positions=2",
	    "tradesup_positions{worker=\"flow\"} 2" },
	{ "worker name=flow orders=filled:12,open:1",
	    "tradesup_orders{worker=\"flow\",state=\"filled\"} 12\n"
	    "tradesup_orders{worker=\"flow\",state=\"open\"} 1" },
	{ "worker name=flow refused=hold:3",
	    "tradesup_orders_refused_total{worker=\"flow\",rule=\"hold\"} 3" },
	{ "worker name=\"a\\\"b\\\\c\\nd\" restarts=1",
	    "tradesup_worker_restarts_total{worker=\"a\\\"b\\\\c\\nd\"} 1" },
};

START_TEST(a_row_becomes_samples)
{
	const char *const lines[] = { "supervisor pid=1", samples[_i].row };
	bool is_supervisor = strncmp(samples[_i].row, "supervisor", 10) == 0;
	_cleanup_free_ char *text =
	    written(lines + is_supervisor, ARRAY_SIZE(lines) - is_supervisor, NULL);

	assert_has(text, samples[_i].line);
}
END_TEST

START_TEST(what_is_not_known_has_no_sample)
{
	static const char *const lines[] = { "supervisor pid=1",
		"worker name=flow state=down restarts=-3 memory_bytes=much "
		"equity=much orders=none refused=\":\"" };
	_cleanup_free_ char *text = written(lines, ARRAY_SIZE(lines), NULL);

	ck_assert_ptr_null(strstr(text, "tradesup_worker_memory_bytes{"));
	ck_assert_ptr_null(strstr(text, "tradesup_worker_restarts_total{"));
	ck_assert_ptr_null(strstr(text, "tradesup_worker_open_fds{"));
	ck_assert_ptr_null(strstr(text, "_bucket"));
	ck_assert_ptr_null(strstr(text, "tradesup_equity{"));
	ck_assert_ptr_null(strstr(text, "tradesup_orders{"));
	ck_assert_ptr_null(strstr(text, "tradesup_orders_refused_total{"));
	ck_assert_ptr_null(strstr(text, "tradesup_worker_failed_cycles{"));
}
END_TEST

START_TEST(without_an_answer_it_says_so)
{
	_cleanup_free_ char *text = written(NULL, 0, NULL);

	assert_has(text, "tradesup_up 0");
	ck_assert_ptr_null(strstr(text, "tradesup_latches"));
}
END_TEST

START_TEST(buckets_that_are_none_end_the_histogram)
{
	static const char *const lines[] = { "supervisor pid=1",
		"worker name=flow duration_sum_ns=1 duration_buckets=\"x y\"" };
	_cleanup_free_ char *text = written(lines, ARRAY_SIZE(lines), NULL);

	ck_assert_ptr_null(strstr(text, "_count{"));
}
END_TEST

START_TEST(labels_are_utf8_and_stay_in_their_quotes)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	metrics_label(out, "\xc3\xa9\xff\"\\\n}");
	fclose(out);
	ck_assert_str_eq(text, "\xc3\xa9\xef\xbf\xbd\\\"\\\\\\n}");
	free(text);
}
END_TEST

static void
tell(struct tally *tally, const char *line)
{
	_cleanup_free_ char *copy = strdup(line);
	struct record record;

	ck_assert_int_eq(record_parse(copy, &record), 0);
	tally_event(tally, &record);
}

START_TEST(events_and_refusals_are_counted)
{
	static struct tally tally;
	_cleanup_free_ char *text = NULL;

	tell(&tally, "order.refused worker=flow rule=price_collar");
	tell(&tally, "order.refused worker=flow rule=price_collar");
	tell(&tally, "order.refused worker=flow rule=hold");
	tell(&tally, "supervisor.ready up_ms=1");
	text = written(NULL, 0, &tally);
	assert_has(text,
	    "tradesup_orders_refused_total{worker=\"flow\",rule=\"price_collar\"} 2");
	assert_has(
	    text, "tradesup_orders_refused_total{worker=\"flow\",rule=\"hold\"} 1");
	assert_has(
	    text, "tradesup_events_total{worker=\"flow\",event=\"order.refused\"} 3");
	assert_has(
	    text, "tradesup_events_total{worker=\"\",event=\"supervisor.ready\"} 1");
}
END_TEST

START_TEST(who_counts_refusals_is_not_counted_twice)
{
	static struct tally tally;
	static const char *const lines[] = { "supervisor pid=1",
		"worker name=flow refused=price_collar:9", "worker name=other" };
	_cleanup_free_ char *text = NULL;

	tell(&tally, "order.refused worker=flow rule=price_collar");
	tell(&tally, "order.refused worker=flow rule=hold");
	tell(&tally, "order.refused worker=other rule=hold");
	text = written(lines, ARRAY_SIZE(lines), &tally);
	assert_has(text,
	    "tradesup_orders_refused_total{worker=\"other\",rule=\"hold\"} 1\n"
	    "tradesup_orders_refused_total{worker=\"flow\",rule=\"price_collar\"} 9");
	ck_assert_ptr_null(strstr(
	    text, "tradesup_orders_refused_total{worker=\"flow\",rule=\"hold\""));
}
END_TEST

START_TEST(ever_new_labels_are_bounded)
{
	static struct tally tally;
	char line[128];
	uint64_t n = 0;

	for (int i = 0; i < 3 * TALLY_MAX; i++) {
		snprintf(line, sizeof(line), "order.refused worker=flow rule=r%d", i);
		tell(&tally, line);
	}
	ck_assert_uint_le(tally.n, ARRAY_SIZE(tally.entries));
	for (size_t i = 0; i < tally.n; i++)
		if (tally.entries[i].kind == TALLY_REFUSAL)
			n += tally.entries[i].n;
	ck_assert_uint_eq(n, 3 * TALLY_MAX);
}
END_TEST

START_TEST(a_long_label_is_cut_before_a_character)
{
	static struct tally tally;
	char line[256] = "order.refused worker=flow rule=";

	for (int i = 0; i < 40; i++)
		strcat(line, "\xc3\xa9");
	tell(&tally, line);
	ck_assert_uint_eq(strlen(tally.entries[1].label), 62);
}
END_TEST

START_TEST(rows_are_bounded_and_what_is_none_is_refused)
{
	struct rows rows = { 0 };

	ck_assert_int_eq(rows_add(&rows, "worker \"name"), -EINVAL);
	ck_assert_int_eq(rows_add(&rows, "a=b"), -EINVAL);
	for (int i = 0; i < ROWS_MAX + 20000 && rows_add(&rows, "worker name=x") == 0;
	     i++)
		;
	ck_assert_int_eq(rows_add(&rows, "worker name=x"), -E2BIG);
	rows_deinit(&rows);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_row_becomes_samples, 0, ARRAY_SIZE(samples));
	tcase_add_test(tcase, what_is_not_known_has_no_sample);
	tcase_add_test(tcase, without_an_answer_it_says_so);
	tcase_add_test(tcase, buckets_that_are_none_end_the_histogram);
	tcase_add_test(tcase, labels_are_utf8_and_stay_in_their_quotes);
	tcase_add_test(tcase, events_and_refusals_are_counted);
	tcase_add_test(tcase, who_counts_refusals_is_not_counted_twice);
	tcase_add_test(tcase, ever_new_labels_are_bounded);
	tcase_add_test(tcase, a_long_label_is_cut_before_a_character);
	tcase_add_test(tcase, rows_are_bounded_and_what_is_none_is_refused);
}

int
main(void)
{
	return suite_run("metrics", add_tests);
}
