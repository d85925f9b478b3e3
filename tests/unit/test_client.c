/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's side of the protocol, seen from the other end of the link.
 */
#include "worker/client/tradesup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/link.h"
#include "tests/unit/suite.h"

static int supervisor;
static struct tradesup *worker;

static void
set_descriptor(const char *text)
{
	ck_assert_int_eq(setenv(MSG_FD_ENV, text, 1), 0);
}

static void
open_worker(void)
{
	char text[16];
	int theirs;

	ck_assert_int_eq(link_pair(&supervisor, &theirs), 0);
	snprintf(text, sizeof(text), "%d", theirs);
	set_descriptor(text);
	worker = tradesup_open("flow");
	ck_assert_ptr_nonnull(worker);
}

static void
close_worker(void)
{
	worker = tradesup_close(worker);
	closep(&supervisor);
	supervisor = -1;
}

static struct msg
next(void)
{
	struct msg msg;

	ck_assert_int_eq(link_receive(supervisor, &msg), 0);
	return msg;
}

static void
skip_hello(void)
{
	ck_assert_int_eq(next().type, MSG_HELLO);
}

START_TEST(opening_says_hello_and_leaves_no_trace)
{
	struct msg msg = next();

	ck_assert_int_eq(msg.type, MSG_HELLO);
	ck_assert_int_eq(msg.hello.version, MSG_VERSION);
	ck_assert_str_eq(msg.hello.name, "flow");
	ck_assert_int_eq(msg.hello.pid, getpid());
	ck_assert(tradesup_is_supervised(worker));
	ck_assert_ptr_null(getenv(MSG_FD_ENV));
	ck_assert_int_eq(fcntl(tradesup_fd(worker), F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(each_report_arrives_as_it_was_sent)
{
	const struct tradesup_cycle_report good = {
		.cycle = 7, .clusters = 2, .orders = 1, .duration_ns = 5
	};
	const struct tradesup_cycle_report bad = {
		.cycle = 8, .error = "import_reload", .healed = true
	};
	struct msg msg;

	skip_hello();
	ck_assert_int_eq(tradesup_ready(worker), 0);
	ck_assert_int_eq(next().type, MSG_READY);
	ck_assert_int_eq(tradesup_heartbeat(worker, 7, "fetch"), 0);
	msg = next();
	ck_assert_int_eq(msg.heartbeat.cycle, 7);
	ck_assert_str_eq(msg.heartbeat.phase, "fetch");
	ck_assert_int_eq(tradesup_cycle(worker, &good), 0);
	msg = next();
	ck_assert_int_eq(msg.cycle.clusters, 2);
	ck_assert_str_eq(msg.cycle.error, "");
	ck_assert_int_eq(msg.cycle.duration_ns, 5);
	ck_assert_int_eq(tradesup_cycle(worker, &bad), 0);
	msg = next();
	ck_assert_str_eq(msg.cycle.error, "import_reload");
	ck_assert(msg.cycle.healed);
	ck_assert_int_eq(
	    tradesup_heal(worker, 1, "name", "relapsed", "StateFiles.X"), 0);
	msg = next();
	ck_assert_int_eq(msg.heal.level, 1);
	ck_assert_int_eq(msg.heal.kind, FAULT_NAME);
	ck_assert_int_eq(msg.heal.outcome, HEAL_RELAPSED);
	ck_assert_str_eq(msg.heal.detail, "StateFiles.X");
	ck_assert_int_eq(tradesup_status(worker, "warming up"), 0);
	ck_assert_str_eq(next().status.text, "warming up");
	ck_assert_int_eq(tradesup_restart(worker, "too old"), 0);
	ck_assert_str_eq(next().restart.text, "too old");
	ck_assert_int_eq(tradesup_event(worker, 4, "order.refused", "rule=hold"), 0);
	msg = next();
	ck_assert_int_eq(msg.event.level, 4);
	ck_assert_str_eq(msg.event.name, "order.refused");
	ck_assert_str_eq(msg.event.fields, "rule=hold");
	ck_assert_int_eq(tradesup_figures(worker, "equity=1.5"), 0);
	msg = next();
	ck_assert_int_eq(msg.type, MSG_FIGURES);
	ck_assert_str_eq(msg.figures.fields, "equity=1.5");
	ck_assert_int_eq(tradesup_bye(worker), 0);
	ck_assert_int_eq(next().type, MSG_BYE);
}
END_TEST

START_TEST(words_that_the_protocol_does_not_know_are_refused)
{
	ck_assert_int_eq(tradesup_heal(worker, 1, "nmae", "success", ""), -EINVAL);
	ck_assert_int_eq(tradesup_heal(worker, 1, "name", "fine", ""), -EINVAL);
	ck_assert_int_eq(tradesup_heal(worker, 1, NULL, "failed", ""), -EINVAL);
	ck_assert_int_eq(tradesup_heal(worker, 1, "name", NULL, ""), -EINVAL);
	ck_assert_int_eq(tradesup_heal(worker, 3, "name", "failed", ""), -EINVAL);
	ck_assert_int_eq(tradesup_event(worker, 2, "order.placed", ""), -EINVAL);
	ck_assert_int_eq(tradesup_event(worker, 8, "order.placed", ""), -EINVAL);
	ck_assert_int_eq(tradesup_event(worker, 6, NULL, ""), -EINVAL);
}
END_TEST

START_TEST(numbers_below_zero_are_refused)
{
	const struct tradesup_cycle_report reports[] = { { .cycle = -1 },
		{ .clusters = -1 }, { .orders = -1 }, { .duration_ns = -1 } };

	skip_hello();
	ck_assert_int_eq(tradesup_heartbeat(worker, -1, "fetch"), -EINVAL);
	ck_assert_int_eq(tradesup_cycle(worker, NULL), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(reports); i++)
		ck_assert_int_eq(tradesup_cycle(worker, &reports[i]), -EINVAL);
	ck_assert_int_eq(tradesup_ready(worker), 0);
	ck_assert_int_eq(next().type, MSG_READY);
}
END_TEST

START_TEST(an_error_without_words_is_one)
{
	const struct tradesup_cycle_report report = { .error = "" };

	skip_hello();
	ck_assert_int_eq(tradesup_cycle(worker, &report), 0);
	ck_assert_str_eq(next().cycle.error, "failed");
}
END_TEST

START_TEST(a_long_text_is_cut_before_a_character)
{
	char text[65];

	skip_hello();
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text + 61, "\xe2\x82\xac", 4);
	ck_assert_int_eq(tradesup_heartbeat(worker, 1, text), 0);
	ck_assert_uint_eq(strlen(next().heartbeat.phase), 61);
}
END_TEST

START_TEST(a_long_text_is_cut)
{
	char text[3 * MSG_TEXT_MAX];

	skip_hello();
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(tradesup_status(worker, text), 0);
	ck_assert_uint_eq(strlen(next().status.text), MSG_TEXT_MAX - 1);
	ck_assert_int_eq(tradesup_heartbeat(worker, 1, text), 0);
	ck_assert_uint_eq(strlen(next().heartbeat.phase), 63);
}
END_TEST

static const struct {
	struct msg msg;
	enum tradesup_request request;
	int64_t deadline_ms;
	const char *kind;
	bool hold;
	const char *reason;
} requests[] = {
	{ { .type = MSG_STOP, .stop = { 5000 } }, TRADESUP_STOP, 5000, "", false, "" },
	{ { .type = MSG_STOP, .stop = { -1 } }, TRADESUP_STOP, -1, "", false, "" },
	{ { .type = MSG_RELOAD }, TRADESUP_RELOAD, 0, "", false, "" },
	{ { .type = MSG_FAULT, .fault = { FAULT_ATTRIBUTE } }, TRADESUP_FAULT, 0,
	    "attribute", false, "" },
	{ { .type = MSG_HOLD, .hold = { true, "hold: lunch" } }, TRADESUP_HOLD, 0, "",
	    true, "hold: lunch" },
	{ { .type = MSG_HOLD, .hold = { false, "" } }, TRADESUP_HOLD, 0, "", false,
	    "" },
};

START_TEST(each_request_is_understood)
{
	struct tradesup_order order;

	ck_assert_int_eq(link_send(supervisor, &requests[_i].msg), 0);
	ck_assert_int_eq(tradesup_poll(worker, -1, &order), 0);
	ck_assert_int_eq(order.request, requests[_i].request);
	ck_assert_int_eq(order.deadline_ms, requests[_i].deadline_ms);
	ck_assert_str_eq(order.kind, requests[_i].kind);
	ck_assert_int_eq(order.hold, requests[_i].hold);
	ck_assert_str_eq(order.reason, requests[_i].reason);
}
END_TEST

START_TEST(what_is_no_request_is_passed_over)
{
	const struct msg ready = { .type = MSG_READY };
	const struct msg reload = { .type = MSG_RELOAD };
	struct tradesup_order order;

	ck_assert_int_eq(send(supervisor, "noise", 5, 0), 5);
	ck_assert_int_eq(send(supervisor, "\x91\xa4sing", 6, 0), 6);
	ck_assert_int_eq(link_send(supervisor, &ready), 0);
	ck_assert_int_eq(link_send(supervisor, &reload), 0);
	ck_assert_int_eq(tradesup_poll(worker, 0, &order), 0);
	ck_assert_int_eq(order.request, TRADESUP_RELOAD);
	ck_assert_int_eq(tradesup_poll(worker, 0, &order), 0);
	ck_assert_int_eq(order.request, TRADESUP_NOTHING);
}
END_TEST

START_TEST(polling_waits_no_longer_than_it_was_told)
{
	int64_t start_ns = clock_monotonic_ns();
	struct tradesup_order order;

	ck_assert_int_eq(tradesup_poll(worker, 20, &order), 0);
	ck_assert_int_eq(order.request, TRADESUP_NOTHING);
	ck_assert_int_ge(clock_monotonic_ns() - start_ns, 20 * NS_PER_MS);
}
END_TEST

START_TEST(a_supervisor_that_is_gone_is_gone_for_good)
{
	struct tradesup_order order;

	closep(&supervisor);
	supervisor = -1;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(tradesup_poll(worker, -1, &order), 0);
		ck_assert_int_eq(order.request, TRADESUP_GONE);
		ck_assert_int_eq(tradesup_ready(worker), -EPIPE);
	}
}
END_TEST

START_TEST(requests_sent_before_the_end_still_count)
{
	const struct msg stop = { .type = MSG_STOP, .stop = { 1 } };
	struct tradesup_order order;

	ck_assert_int_eq(link_send(supervisor, &stop), 0);
	skip_hello(); /* unread data would reset the connection */
	closep(&supervisor);
	supervisor = -1;
	ck_assert_int_eq(tradesup_poll(worker, 0, &order), 0);
	ck_assert_int_eq(order.request, TRADESUP_STOP);
	ck_assert_int_eq(tradesup_poll(worker, 0, &order), 0);
	ck_assert_int_eq(order.request, TRADESUP_GONE);
}
END_TEST

START_TEST(a_supervisor_that_does_not_listen_blocks_nobody_for_ever)
{
	int r;

	while ((r = tradesup_heartbeat(worker, 1, "fetch")) == 0)
		continue;
	ck_assert_int_eq(r, -EAGAIN);
}
END_TEST

static const char *const bad_descriptors[] = { "", "x", "3x", "-1", "99999",
	"99999999999999999999", "0" };

START_TEST(a_variable_that_names_no_socket_is_refused)
{
	int null = open("/dev/null", O_RDONLY);

	ck_assert_int_eq(dup2(null, 0), 0);
	closep(&null);
	set_descriptor(bad_descriptors[_i]);
	ck_assert_ptr_null(tradesup_open("flow"));
}
END_TEST

START_TEST(alone_everything_succeeds_and_nothing_happens)
{
	struct tradesup_cycle_report report = { .cycle = 1 };
	int64_t start_ns = clock_monotonic_ns();
	struct tradesup_order order;
	struct tradesup *alone;

	unsetenv(MSG_FD_ENV);
	alone = tradesup_open("flow");
	ck_assert_ptr_nonnull(alone);
	ck_assert(!tradesup_is_supervised(alone));
	ck_assert_int_eq(tradesup_fd(alone), -1);
	ck_assert_int_eq(tradesup_ready(alone), 0);
	ck_assert_int_eq(tradesup_cycle(alone, &report), 0);
	ck_assert_int_eq(tradesup_poll(alone, 10, &order), 0);
	ck_assert_int_eq(order.request, TRADESUP_NOTHING);
	ck_assert_int_ge(clock_monotonic_ns() - start_ns, 10 * NS_PER_MS);
	ck_assert_ptr_null(tradesup_close(alone));
	ck_assert_ptr_null(tradesup_close(NULL));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, open_worker, close_worker);
	tcase_add_test(tcase, opening_says_hello_and_leaves_no_trace);
	tcase_add_test(tcase, each_report_arrives_as_it_was_sent);
	tcase_add_test(tcase, words_that_the_protocol_does_not_know_are_refused);
	tcase_add_test(tcase, numbers_below_zero_are_refused);
	tcase_add_test(tcase, an_error_without_words_is_one);
	tcase_add_test(tcase, a_long_text_is_cut);
	tcase_add_test(tcase, a_long_text_is_cut_before_a_character);
	tcase_add_loop_test(tcase, each_request_is_understood, 0, ARRAY_SIZE(requests));
	tcase_add_test(tcase, what_is_no_request_is_passed_over);
	tcase_add_test(tcase, polling_waits_no_longer_than_it_was_told);
	tcase_add_test(tcase, a_supervisor_that_is_gone_is_gone_for_good);
	tcase_add_test(tcase, requests_sent_before_the_end_still_count);
	tcase_add_test(tcase, a_supervisor_that_does_not_listen_blocks_nobody_for_ever);
	tcase_add_loop_test(tcase, a_variable_that_names_no_socket_is_refused, 0,
	    ARRAY_SIZE(bad_descriptors));
	tcase_add_test(tcase, alone_everything_succeeds_and_nothing_happens);
}

int
main(void)
{
	return suite_run("client", add_tests);
}
