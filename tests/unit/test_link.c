/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link: messages pass, garbage is told from the end, nothing ever waits.
 */
#include "common/link.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static int ours, theirs;

static void
open_pair(void)
{
	ck_assert_int_eq(link_pair(&ours, &theirs), 0);
}

static void
close_pair(void)
{
	closep(&ours);
	closep(&theirs);
}

static const struct msg heartbeat = { .type = MSG_HEARTBEAT,
	.heartbeat = { .cycle = 3, .phase = "place" } };

START_TEST(both_ends_close_on_exec_and_ours_does_not_block)
{
	ck_assert_int_eq(fcntl(ours, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(theirs, F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(ours, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(theirs, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

START_TEST(a_message_passes)
{
	struct msg msg;

	ck_assert_int_eq(link_receive(ours, &msg), LINK_E_AGAIN);
	ck_assert_int_eq(link_receive(theirs, &msg), LINK_E_AGAIN);
	ck_assert_int_eq(link_send(theirs, &heartbeat), 0);
	ck_assert_int_eq(link_receive(ours, &msg), 0);
	ck_assert_int_eq(msg.type, MSG_HEARTBEAT);
	ck_assert_int_eq(msg.heartbeat.cycle, 3);
	ck_assert_str_eq(msg.heartbeat.phase, "place");
	ck_assert_int_eq(link_receive(ours, &msg), LINK_E_AGAIN);
}
END_TEST

START_TEST(the_largest_message_passes)
{
	static struct msg msg = { .type = MSG_HELLO };
	struct msg back;

	memset(msg.hello.name, 'x', sizeof(msg.hello.name) - 1);
	ck_assert_int_eq(link_send(theirs, &msg), 0);
	ck_assert_int_eq(link_receive(ours, &back), 0);
	ck_assert_str_eq(back.hello.name, msg.hello.name);
}
END_TEST

static const struct {
	const char *what;
	const char *bytes;
	size_t length;
	int result;
} packets[] = {
	{ "text", "hello", 5, LINK_E_GARBAGE },
	{ "nothing", "", 0, LINK_E_GARBAGE },
	{ "a later type", "\x91\xa4sing", 6, LINK_E_UNKNOWN },
};

START_TEST(what_is_no_message_is_dropped)
{
	struct msg msg;

	ck_assert_int_eq(send(theirs, packets[_i].bytes, packets[_i].length, 0),
	    (long)packets[_i].length);
	ck_assert_int_eq(link_send(theirs, &heartbeat), 0);
	ck_assert_msg(
	    link_receive(ours, &msg) == packets[_i].result, "%s", packets[_i].what);
	ck_assert_int_eq(link_receive(ours, &msg), 0);
}
END_TEST

START_TEST(a_packet_past_the_bound_is_dropped)
{
	static char packet[MSG_PACKET_MAX + 1] = "\x91\xa5ready";
	struct msg msg;

	ck_assert_int_eq(send(theirs, packet, sizeof(packet), 0), sizeof(packet));
	ck_assert_int_eq(link_receive(ours, &msg), LINK_E_GARBAGE);
	ck_assert_int_eq(link_receive(ours, &msg), LINK_E_AGAIN);
}
END_TEST

START_TEST(a_full_socket_makes_nobody_wait)
{
	int r, n = 0;

	while ((r = link_send(theirs, &heartbeat)) == 0)
		ck_assert_int_lt(n++, 1000000);
	ck_assert_int_eq(r, LINK_E_AGAIN);
}
END_TEST

START_TEST(the_end_is_noticed_after_the_last_words)
{
	struct msg msg;

	ck_assert_int_eq(link_send(theirs, &heartbeat), 0);
	close(steal_fd(&theirs));
	ck_assert_int_eq(link_receive(ours, &msg), 0);
	ck_assert_int_eq(link_receive(ours, &msg), LINK_E_EOF);
	ck_assert_int_eq(link_send(ours, &heartbeat), LINK_E_EOF);
}
END_TEST

START_TEST(unread_orders_do_not_hide_the_last_words)
{
	struct msg msg;

	ck_assert_int_eq(link_send(ours, &(struct msg){ .type = MSG_STOP }), 0);
	ck_assert_int_eq(link_send(theirs, &heartbeat), 0);
	close(steal_fd(&theirs));
	ck_assert_int_eq(link_receive(ours, &msg), 0);
	ck_assert_int_eq(msg.type, MSG_HEARTBEAT);
	ck_assert_int_eq(link_receive(ours, &msg), LINK_E_EOF);
}
END_TEST

START_TEST(a_half_closed_link_is_an_end)
{
	struct msg msg;

	ck_assert_int_eq(shutdown(theirs, SHUT_WR), 0);
	ck_assert_int_eq(link_receive(ours, &msg), LINK_E_EOF);
}
END_TEST

START_TEST(a_descriptor_that_is_none_is_an_error)
{
	struct msg msg;

	ck_assert_int_lt(link_send(-1, &heartbeat), 0);
	ck_assert_int_lt(link_receive(-1, &msg), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, open_pair, close_pair);
	tcase_add_test(tcase, both_ends_close_on_exec_and_ours_does_not_block);
	tcase_add_test(tcase, a_message_passes);
	tcase_add_test(tcase, the_largest_message_passes);
	tcase_add_loop_test(
	    tcase, what_is_no_message_is_dropped, 0, ARRAY_SIZE(packets));
	tcase_add_test(tcase, a_packet_past_the_bound_is_dropped);
	tcase_add_test(tcase, a_full_socket_makes_nobody_wait);
	tcase_add_test(tcase, the_end_is_noticed_after_the_last_words);
	tcase_add_test(tcase, unread_orders_do_not_hide_the_last_words);
	tcase_add_test(tcase, a_half_closed_link_is_an_end);
	tcase_add_test(tcase, a_descriptor_that_is_none_is_an_error);
}

int
main(void)
{
	return suite_run("link", add_tests);
}
