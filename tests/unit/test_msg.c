/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: each type goes over the wire and back, strangers' packets are told apart,
 * and our reader agrees with msgpack-c about what is msgpack.
 */
#include "common/msg.h"

#include <errno.h>
#include <string.h>

#include <msgpack.h>

#include "common/cleanup.h"
#include "common/wire.h"
#include "tests/unit/suite.h"

static const struct msg messages[] = {
	{ .type = MSG_HELLO, .hello = { .version = 1, .name = "flow", .pid = 4711 } },
	{ .type = MSG_READY },
	{ .type = MSG_HEARTBEAT, .heartbeat = { .cycle = 17, .phase = "fetch" } },
	{ .type = MSG_HEARTBEAT, .heartbeat = { .cycle = INT64_MAX, .phase = "" } },
	{ .type = MSG_CYCLE,
	    .cycle = { .cycle = 1,
		.clusters = 2,
		.orders = 3,
		.error = "",
		.healed = false,
		.duration_ns = 5 } },
	{ .type = MSG_CYCLE,
	    .cycle = { .cycle = 1,
		.error = "import_reload",
		.healed = true,
		.duration_ns = INT64_C(1) << 40 } },
	{ .type = MSG_HEAL,
	    .heal = { .level = 2,
		.kind = FAULT_ATTRIBUTE,
		.outcome = HEAL_RELAPSED,
		.detail = "again" } },
	{ .type = MSG_STATUS, .status = { .text = "two words" } },
	{ .type = MSG_RESTART, .restart = { .text = "3 failed cycles" } },
	{ .type = MSG_BYE },
	{ .type = MSG_EVENT,
	    .event = { .level = 4,
		.name = "order.refused",
		.fields = "rule=hold text=\"a b\"" } },
	{ .type = MSG_FIGURES, .figures = { .fields = "equity=1.5 positions=2" } },
	{ .type = MSG_STOP, .stop = { .deadline_ms = 5000 } },
	{ .type = MSG_STOP, .stop = { .deadline_ms = -1 } },
	{ .type = MSG_RELOAD },
	{ .type = MSG_FAULT, .fault = { .kind = FAULT_INTERNAL } },
	{ .type = MSG_HOLD, .hold = { .on = true, .reason = "hold: lunch" } },
	{ .type = MSG_HOLD, .hold = { .on = false, .reason = "" } },
};

START_TEST(a_message_comes_back_as_it_was)
{
	const struct msg *msg = &messages[_i];
	struct msg back;
	char packet[MSG_PACKET_MAX];
	long length = msg_encode(msg, packet, sizeof(packet));

	memset(&back, 0, sizeof(back));
	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(msg_decode(packet, (size_t)length, &back), 0);
	ck_assert_mem_eq(&back, msg, sizeof(back));
}
END_TEST

START_TEST(every_cut_packet_is_refused)
{
	struct msg back;
	char packet[MSG_PACKET_MAX];
	long length = msg_encode(&messages[_i], packet, sizeof(packet));

	for (long i = 0; i < length; i++) {
		/* A copy of the exact size, so that a sanitizer sees reads behind it.
		 */
		char *cut = malloc((size_t)i + 1);

		memcpy(cut, packet, (size_t)i);
		ck_assert_int_eq(msg_decode(cut, (size_t)i, &back), -EBADMSG);
		ck_assert_int_eq(msg_encode(&messages[_i], cut, (size_t)i), -EMSGSIZE);
		free(cut);
	}
	packet[length] = '\x01';
	ck_assert_int_eq(msg_decode(packet, (size_t)length + 1, &back), -EBADMSG);
}
END_TEST

#define PACKET(bytes) bytes, sizeof(bytes) - 1

static const struct {
	const char *what;
	const char *packet;
	size_t length;
	int result;
} strangers[] = {
	{ "an extra field", PACKET("\x92\xa5ready\x01"), 0 },
	{ "an extra nested field",
	    PACKET("\x92\xa3"
		   "bye\x91\x81\x01\x91\xc0"),
	    0 },
	{ "a later type", PACKET("\x93\xa4sing\xa4song\xc3"), MSG_E_UNKNOWN },
	{ "a later type with a float", PACKET("\x92\xa4sing\xca\x00\x00\x00\x00"),
	    MSG_E_UNKNOWN },
	{ "a later type with ext and bin",
	    PACKET("\x95\xa4sing\xd4\x01\x00\xd8\x01"
		   "0123456789abcdef\xc7\x02\x01xy\xc4\x02xy"),
	    MSG_E_UNKNOWN },
	{ "a type in another case", PACKET("\x91\xa5READY"), MSG_E_UNKNOWN },
	{ "str 8 for a short word", PACKET("\x91\xd9\x05ready"), 0 },
	{ "array 16", PACKET("\xdc\x00\x01\xa5ready"), 0 },
	{ "array 32", PACKET("\xdd\x00\x00\x00\x01\xa5ready"), 0 },
	{ "all widths of integers",
	    PACKET("\x92\xa4stop\xd3\x00\x00\x00\x00\x00\x00"
		   "\x00\x05"),
	    0 },
	{ "nothing", PACKET(""), -EBADMSG },
	{ "an empty array", PACKET("\x90"), -EBADMSG },
	{ "no array", PACKET("\xa5ready"), -EBADMSG },
	{ "a map", PACKET("\x81\xa5ready\xc0"), -EBADMSG },
	{ "text", PACKET("hello, world"), -EBADMSG },
	{ "a number for a type", PACKET("\x91\x01"), -EBADMSG },
	{ "the byte that msgpack never uses", PACKET("\x92\xa5ready\xc1"), -EBADMSG },
	{ "a missing field", PACKET("\x91\xa9heartbeat"), -EBADMSG },
	{ "text for a number", PACKET("\x93\xa9heartbeat\xa1x\xa1x"), -EBADMSG },
	{ "a float for a number", PACKET("\x93\xa9heartbeat\xca\x00\x00\x00\x00\xa1x"),
	    -EBADMSG },
	{ "a number for text", PACKET("\x93\xa9heartbeat\x01\x01"), -EBADMSG },
	{ "bin for text", PACKET("\x93\xa9heartbeat\x01\xc4\x01x"), -EBADMSG },
	{ "nil for text", PACKET("\x93\xa9heartbeat\x01\xc0"), -EBADMSG },
	{ "a negative cycle", PACKET("\x93\xa9heartbeat\xff\xa1x"), -EBADMSG },
	{ "an int16 that is negative", PACKET("\x93\xa9heartbeat\xd1\xff\xff\xa1x"),
	    -EBADMSG },
	{ "a cycle past int64",
	    PACKET("\x93\xa9heartbeat\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1x"),
	    -EBADMSG },
	{ "a deadline below -1", PACKET("\x92\xa4stop\xfe"), -EBADMSG },
	{ "a number for a boolean",
	    PACKET("\x97\xa5"
		   "cycle\x01\x02\x03\xc0\x00\x05"),
	    -EBADMSG },
	{ "an event louder than error",
	    PACKET("\x94\xa5"
		   "event\x02\xa7order.x\xa0"),
	    -EBADMSG },
	{ "a hold without its reason", PACKET("\x92\xa4hold\xc3"), -EBADMSG },
	{ "level 3", PACKET("\x95\xa4heal\x03\xa4name\xa7success\xa0"), -EBADMSG },
	{ "an unknown kind", PACKET("\x95\xa4heal\x01\xa4game\xa7success\xa0"),
	    -EBADMSG },
	{ "a kind as long as a page",
	    PACKET("\x92\xa5"
		   "fault\xb1"
		   "0123456789abcdefg"),
	    -EBADMSG },
	{ "an unknown outcome", PACKET("\x95\xa4heal\x01\xa4name\xa7succeed\xa0"),
	    -EBADMSG },
	{ "an array bomb", PACKET("\xdd\xff\xff\xff\xff"), -EBADMSG },
	{ "an array bomb in a field", PACKET("\x92\xa5ready\xdd\xff\xff\xff\xff"),
	    -EBADMSG },
	{ "a map bomb in a field", PACKET("\x92\xa5ready\xdf\xff\xff\xff\xff"),
	    -EBADMSG },
	{ "text longer than the packet", PACKET("\x92\xa6status\xdb\xff\xff\xff\xffx"),
	    -EBADMSG },
	{ "two messages", PACKET("\x91\xa5ready\x91\xa5ready"), -EBADMSG },
};

START_TEST(strangers_are_told_apart)
{
	struct msg msg;

	ck_assert_msg(msg_decode(strangers[_i].packet, strangers[_i].length, &msg) ==
			  strangers[_i].result,
	    "%s", strangers[_i].what);
}
END_TEST

START_TEST(deep_nesting_costs_nothing)
{
	static char packet[MSG_PACKET_MAX];
	struct msg msg;

	memset(packet, '\x91', sizeof(packet));
	memcpy(packet, "\x92\xa5ready", 7);
	ck_assert_int_eq(msg_decode(packet, sizeof(packet), &msg), -EBADMSG);
	packet[sizeof(packet) - 1] = '\xc0';
	ck_assert_int_eq(msg_decode(packet, sizeof(packet), &msg), 0);
}
END_TEST

START_TEST(a_packet_past_the_bound_is_refused)
{
	static char packet[MSG_PACKET_MAX + 1];
	struct msg msg;

	memcpy(packet, "\x92\xa5ready\xdb\x00\x00\xff\xf4", 12);
	ck_assert_int_eq(msg_decode(packet, MSG_PACKET_MAX, &msg), 0);
	ck_assert_int_eq(msg_decode(packet, MSG_PACKET_MAX + 1, &msg), -EBADMSG);
}
END_TEST

START_TEST(a_long_text_is_cut_before_a_character)
{
	char packet[8192] = "\x92\xa6status\xda\x10\x00";
	struct msg msg;

	memset(packet + 11, 'x', 4096);
	memcpy(packet + 11 + MSG_TEXT_MAX - 2, "\xe2\x82\xac", 3);
	ck_assert_int_eq(msg_decode(packet, 11 + 4096, &msg), 0);
	ck_assert_uint_eq(strlen(msg.status.text), MSG_TEXT_MAX - 2);
}
END_TEST

START_TEST(an_empty_error_is_a_good_cycle)
{
	struct msg msg;

	ck_assert_int_eq(msg_decode("\x97\xa5"
				    "cycle\x01\x02\x03\xa0\xc2\x05",
			     13, &msg),
	    0);
	ck_assert_str_eq(msg.cycle.error, "");
}
END_TEST

/* Whether msgpack-c finds exactly one object in the packet. */
static bool
is_msgpack(const char *packet, size_t length)
{
	msgpack_unpacked unpacked;
	size_t offset = 0;
	bool found;

	msgpack_unpacked_init(&unpacked);
	found = msgpack_unpack_next(&unpacked, packet, length, &offset) ==
		MSGPACK_UNPACK_SUCCESS;
	msgpack_unpacked_destroy(&unpacked);
	return found && offset == length;
}

static bool
is_wire(const char *packet, size_t length)
{
	struct wire wire = wire_init(packet, length);

	return wire_skip(&wire, 1) && wire_at_end(&wire);
}

/* Without the heads of arrays and maps whose claimed gigabytes msgpack-c allocates. */
static char
random_byte(unsigned *seed)
{
	int byte;

	do {
		byte = rand_r(seed) & 0xff;
	} while (byte >= 0xdc && byte <= 0xdf);
	return (char)byte;
}

START_TEST(our_reader_agrees_with_msgpack_c)
{
	unsigned seed = 1;

	for (int i = 0; i < 50000; i++) {
		char packet[24];
		size_t length = (size_t)rand_r(&seed) % sizeof(packet);

		for (size_t j = 0; j < length; j++)
			packet[j] = random_byte(&seed);
		ck_assert_int_eq(is_wire(packet, length), is_msgpack(packet, length));
	}
}
END_TEST

START_TEST(our_reader_agrees_about_every_head_byte)
{
	char packet[512] = { (char)_i };

	for (size_t length = 1; length < sizeof(packet); length++)
		ck_assert_int_eq(is_wire(packet, length), is_msgpack(packet, length));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, a_message_comes_back_as_it_was, 0, ARRAY_SIZE(messages));
	tcase_add_loop_test(
	    tcase, every_cut_packet_is_refused, 0, ARRAY_SIZE(messages));
	tcase_add_loop_test(tcase, strangers_are_told_apart, 0, ARRAY_SIZE(strangers));
	tcase_add_test(tcase, deep_nesting_costs_nothing);
	tcase_add_test(tcase, a_packet_past_the_bound_is_refused);
	tcase_add_test(tcase, a_long_text_is_cut_before_a_character);
	tcase_add_test(tcase, an_empty_error_is_a_good_cycle);
	tcase_add_test(tcase, our_reader_agrees_with_msgpack_c);
	tcase_add_loop_test(tcase, our_reader_agrees_about_every_head_byte, 0, 256);
}

int
main(void)
{
	return suite_run("msg", add_tests);
}
