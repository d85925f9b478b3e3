/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/notify.c: the datagram's text as a table, the sockets in both
 * directions.
 */
#include "supervisor/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static const struct parse_case {
	const char *what;
	const char *text;
	size_t length;
	const char *flags; /* r, s, w, l in this order */
	int64_t extend_us;
	const char *status; /* NULL: none */
} parse_cases[] = {
#define TEXT(literal) literal, sizeof(literal) - 1
	{ "ready", TEXT("READY=1"), "r", 0, NULL },
	{ "ready, newline", TEXT("READY=1\n"), "r", 0, NULL },
	{ "ready, NUL", TEXT("READY=1\0"), "r", 0, NULL },
	{ "all", TEXT("READY=1\nSTOPPING=1\nWATCHDOG=1\nRELOADING=1"), "rswl", 0,
	    NULL },
	{ "not ready", TEXT("READY=0\n"), "", 0, NULL },
	{ "ready and more", TEXT("READY=11\n"), "", 0, NULL },
	{ "trigger is another thing", TEXT("WATCHDOG=trigger\n"), "", 0, NULL },
	{ "lower case", TEXT("ready=1\n"), "", 0, NULL },
	{ "status", TEXT("STATUS=42 = \xe2\x82\xac\nWATCHDOG=1"), "w", 0,
	    "42 = \xe2\x82\xac" },
	{ "empty status", TEXT("STATUS=\n"), "", 0, "" },
	{ "the last status", TEXT("STATUS=a\nSTATUS=b"), "", 0, "b" },
	{ "extend", TEXT("EXTEND_TIMEOUT_USEC=1500000\n"), "", 1500000, NULL },
	{ "extend by nothing", TEXT("EXTEND_TIMEOUT_USEC=0\n"), "", 0, NULL },
	{ "extend by less", TEXT("EXTEND_TIMEOUT_USEC=-5\n"), "", 0, NULL },
	{ "extend by text", TEXT("EXTEND_TIMEOUT_USEC=5s\n"), "", 0, NULL },
	{ "extend for ever", TEXT("EXTEND_TIMEOUT_USEC=18446744073709551615"), "", 0,
	    NULL },
	{ "extend past what nanoseconds hold",
	    TEXT("EXTEND_TIMEOUT_USEC=9223372036854775807"), "", NOTIFY_TIME_MAX_US,
	    NULL },
	{ "unknown ones", TEXT("MAINPID=1\nFDSTORE=1\nX_Y=z\nREADY=1"), "r", 0, NULL },
	{ "no assignments", TEXT("hello\n\n\n"), "", 0, NULL },
};

START_TEST(parses)
{
	const struct parse_case *c = &parse_cases[_i];
	struct notify_message message;
	char flags[8];

	ck_assert_int_eq(notify_parse(c->text, c->length, &message), 0);
	snprintf(flags, sizeof(flags), "%s%s%s%s", message.ready ? "r" : "",
	    message.stopping ? "s" : "", message.watchdog ? "w" : "",
	    message.reloading ? "l" : "");
	ck_assert_msg(strcmp(flags, c->flags) == 0, "%s: %s", c->what, flags);
	ck_assert_msg(message.extend_timeout_us == c->extend_us, "%s", c->what);
	ck_assert_msg(message.has_status == !!c->status, "%s", c->what);
	if (c->status)
		ck_assert_str_eq(message.status, c->status);
}
END_TEST

static const struct {
	const char *text;
	int64_t watchdog_us, main_pid, error;
	bool trigger, fdstore;
} more_cases[] = {
	{ "WATCHDOG=trigger", .trigger = true },
	{ "WATCHDOG_USEC=20000000", .watchdog_us = 20000000 },
	{ "WATCHDOG_USEC=0" },
	{ "WATCHDOG_USEC=9223372036854775807", .watchdog_us = NOTIFY_TIME_MAX_US },
	{ "MAINPID=4711\nERRNO=2", .main_pid = 4711, .error = 2 },
	{ "MAINPID=-1\nERRNO=ENOENT" },
	{ "MAINPID=99999999999", .main_pid = INT32_MAX },
	{ "FDSTORE=1\nFDNAME=x", .fdstore = true },
};

START_TEST(parses_what_few_say)
{
	const char *text = more_cases[_i].text;
	struct notify_message message;

	ck_assert_int_eq(notify_parse(text, strlen(text), &message), 0);
	ck_assert_int_eq(message.watchdog_us, more_cases[_i].watchdog_us);
	ck_assert_int_eq(message.main_pid, more_cases[_i].main_pid);
	ck_assert_int_eq(message.error, more_cases[_i].error);
	ck_assert_int_eq(message.watchdog_trigger, more_cases[_i].trigger);
	ck_assert_int_eq(message.wants_fdstore, more_cases[_i].fdstore);
	ck_assert(!message.watchdog && !message.ready);
}
END_TEST

START_TEST(refuses_what_is_none)
{
	static char much[5000];
	struct notify_message message = { .ready = true };

	memset(much, 'x', sizeof(much));
	ck_assert_int_eq(notify_parse("", 0, &message), -EBADMSG);
	ck_assert_int_eq(notify_parse("READY=1\0X", 9, &message), -EBADMSG);
	ck_assert_int_eq(notify_parse(much, 4097, &message), -EBADMSG);
	ck_assert(message.ready);
	ck_assert_int_eq(notify_parse(much, 4096, &message), 0);
	memcpy(much, "STATUS=", 7);
	ck_assert_int_eq(notify_parse(much, 4096, &message), 0);
	ck_assert_uint_eq(strlen(message.status), sizeof(message.status) - 1);
}
END_TEST

/* A socket file in a directory of its own. */
static char directory[64], path[80];

static void
make_directory(void)
{
	snprintf(directory, sizeof(directory), "/tmp/test_notify.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/notify", directory);
}

static void
remove_directory(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void
open_to(struct notify *notify, const char *address)
{
	setenv("NOTIFY_SOCKET", address, 1);
	ck_assert_int_eq(notify_open(notify), 0);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_int_ge(notify->fd, 0);
	ck_assert(fcntl(notify->fd, F_GETFD) & FD_CLOEXEC);
}

START_TEST(sends_and_receives)
{
	struct notify_message message;
	struct notify notify;
	struct stat st;
	pid_t pid = 0;
	int fd;

	make_directory();
	fd = notify_listen(path);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(notify_receive(fd, &message, &pid), -EAGAIN);

	open_to(&notify, path);
	ck_assert_int_eq(notify_send(&notify, "READY=1\nSTATUS=%d up", 3), 0);
	ck_assert_int_eq(notify_receive(fd, &message, &pid), 0);
	ck_assert(message.ready);
	ck_assert_str_eq(message.status, "3 up");
	ck_assert_int_eq(pid, getpid());
	ck_assert_int_eq(notify_receive(fd, &message, &pid), -EAGAIN);

	/* Whoever listens is replaced; no need to open anew. */
	close(fd);
	ck_assert_int_eq(notify_send(&notify, "WATCHDOG=1"), -ECONNREFUSED);
	fd = notify_listen(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(notify_send(&notify, "WATCHDOG=1"), 0);
	ck_assert_int_eq(notify_receive(fd, &message, &pid), 0);
	ck_assert(message.watchdog);

	notify_close(&notify);
	notify_close(&notify);
	ck_assert_int_eq(notify_send(&notify, "READY=1"), 0);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(tells_who_sent_it)
{
	struct notify_message message;
	pid_t child, pid;
	int fd, status;

	make_directory();
	fd = notify_listen(path);
	child = fork();
	if (child == 0) {
		struct notify notify;

		setenv("NOTIFY_SOCKET", path, 1);
		_exit(notify_open(&notify) < 0 || notify_send(&notify, "READY=1") < 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(notify_receive(fd, &message, &pid), 0);
	ck_assert_int_eq(pid, child);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(does_not_block_on_a_slow_reader)
{
	struct notify notify;
	int fd, r = 0;

	make_directory();
	fd = notify_listen(path);
	open_to(&notify, path);
	for (int i = 0; i < 100000 && r == 0; i++)
		r = notify_send(&notify, "WATCHDOG=1");
	ck_assert_int_eq(r, -EAGAIN);
	notify_close(&notify);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(drops_bad_datagrams_and_descriptors)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	char text[] = "READY=1";
	struct iovec data = { text, sizeof(text) - 1 };
	struct msghdr header = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
	struct notify_message message;
	struct notify notify;
	char much[5000];
	pid_t pid;
	int fd, next_before, next_after;

	make_directory();
	fd = notify_listen(path);
	open_to(&notify, path);
	header.msg_name = &notify.address;
	header.msg_namelen = notify.address_length;
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(notify.fd, &header, 0), 7);
	next_before = dup(fd);
	close(next_before);
	ck_assert_int_eq(notify_receive(fd, &message, &pid), 0);
	next_after = dup(fd);
	close(next_after);
	ck_assert(message.ready);
	ck_assert_int_eq(next_before, next_after);

	memset(much, 'x', sizeof(much));
	ck_assert_int_eq(
	    sendto(notify.fd, much, sizeof(much), 0,
		(const struct sockaddr *)&notify.address, notify.address_length),
	    sizeof(much));
	ck_assert_int_eq(notify_receive(fd, &message, &pid), -EBADMSG);
	ck_assert_int_eq(notify_send(&notify, "%4096s", "x"), -EMSGSIZE);
	notify_close(&notify);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(knows_abstract_sockets)
{
	struct notify_message message;
	struct notify notify;
	char name[64];
	pid_t pid;
	int fd;

	snprintf(name, sizeof(name), "@tradesup-test-%d", (int)getpid());
	fd = notify_listen(name);
	ck_assert_int_ge(fd, 0);
	open_to(&notify, name);
	ck_assert_int_eq(notify_send(&notify, "STOPPING=1"), 0);
	ck_assert_int_eq(notify_receive(fd, &message, &pid), 0);
	ck_assert(message.stopping);
	notify_close(&notify);
	close(fd);
}
END_TEST

#define LONG_PATH                                                                      \
	"/0123456789012345678901234567890123456789012345678901234567890123456789"      \
	"0123456789012345678901234567890123456789"

static const struct open_case {
	const char *what, *socket, *usec, *pid;
	int r;
	int64_t watchdog_ns;
} open_cases[] = {
	{ "nobody to tell", NULL, NULL, NULL, 0, 0 },
	{ "watchdog", NULL, "10000000", NULL, 0, 5000000000 },
	{ "watchdog for us", NULL, "3", "self", 0, 1500 },
	{ "watchdog for another", NULL, "10000000", "1", 0, 0 },
	{ "watchdog of text", NULL, "10s", NULL, -EINVAL, 0 },
	{ "watchdog of nothing", NULL, "", NULL, -EINVAL, 0 },
	{ "watchdog of 0", NULL, "0", NULL, -EINVAL, 0 },
	{ "watchdog for ever", NULL, "9223372036854775807", NULL, -EINVAL, 0 },
	{ "watchdog for text", NULL, "10000000", "me", -EINVAL, 0 },
	{ "pid alone", NULL, NULL, "me", 0, 0 },
	{ "a relative path", "notify", NULL, NULL, -EAFNOSUPPORT, 0 },
	{ "vsock", "vsock:2:1234", NULL, NULL, -EAFNOSUPPORT, 0 },
	{ "empty", "", NULL, NULL, -EAFNOSUPPORT, 0 },
	{ "root", "/", NULL, NULL, -EINVAL, 0 },
	{ "no name", "@", NULL, NULL, -EINVAL, 0 },
	{ "too long", LONG_PATH, NULL, NULL, -ENAMETOOLONG, 0 },
};

START_TEST(opens_from_the_environment)
{
	const struct open_case *c = &open_cases[_i];
	struct notify notify = { .fd = -2, .watchdog_ns = -2 };
	char self[16];

	snprintf(self, sizeof(self), "%d", (int)getpid());
	if (c->socket)
		setenv("NOTIFY_SOCKET", c->socket, 1);
	if (c->usec)
		setenv("WATCHDOG_USEC", c->usec, 1);
	if (c->pid)
		setenv("WATCHDOG_PID", strcmp(c->pid, "self") == 0 ? self : c->pid, 1);
	ck_assert_msg(notify_open(&notify) == c->r, "%s", c->what);
	ck_assert_int_eq(notify.fd, c->r == 0 ? -1 : -2);
	ck_assert_msg(notify.watchdog_ns == (c->r == 0 ? c->watchdog_ns : -2),
	    "%s: %lld", c->what, (long long)notify.watchdog_ns);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_ptr_null(getenv("WATCHDOG_PID"));
}
END_TEST

START_TEST(says_why_it_cannot_listen)
{
	ck_assert_int_eq(notify_listen(LONG_PATH), -ENAMETOOLONG);
	ck_assert_int_eq(notify_listen("/no/such/directory/socket"), -ENOENT);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, parses, 0, ARRAY_SIZE(parse_cases));
	tcase_add_loop_test(tcase, parses_what_few_say, 0, ARRAY_SIZE(more_cases));
	tcase_add_test(tcase, refuses_what_is_none);
	tcase_add_test(tcase, sends_and_receives);
	tcase_add_test(tcase, tells_who_sent_it);
	tcase_add_test(tcase, does_not_block_on_a_slow_reader);
	tcase_add_test(tcase, drops_bad_datagrams_and_descriptors);
	tcase_add_test(tcase, knows_abstract_sockets);
	tcase_add_loop_test(
	    tcase, opens_from_the_environment, 0, ARRAY_SIZE(open_cases));
	tcase_add_test(tcase, says_why_it_cannot_listen);
}

int
main(void)
{
	return suite_run("notify", add_tests);
}
