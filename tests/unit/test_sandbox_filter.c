/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/sandbox_filter.c: what the program answers to a call, as the kernel
 * would run it. That the kernel takes it is in tests/integration.
 */
#include "supervisor/sandbox_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

#ifdef __aarch64__
#define HERE AUDIT_ARCH_AARCH64
#else
#define HERE AUDIT_ARCH_X86_64
#endif

static bool
jumps(const struct sock_filter *step, uint32_t a)
{
	switch (BPF_OP(step->code)) {
	case BPF_JEQ:
		return a == step->k;
	case BPF_JGT:
		return a > step->k;
	case BPF_JGE:
		return a >= step->k;
	case BPF_JSET:
		return a & step->k;
	}
	ck_abort_msg("no such jump: %#x", step->code);
	return false;
}

/* Return: the errno that the call fails with; 0: it is made. */
static int
answer(const struct sock_filter *program, int n, const struct seccomp_data *call)
{
	uint32_t a = 0;

	for (int at = 0; at < n; at++) {
		const struct sock_filter *step = &program[at];

		if (BPF_CLASS(step->code) == BPF_RET)
			return step->k == SECCOMP_RET_ALLOW
				   ? 0
				   : (int)(step->k & SECCOMP_RET_DATA);
		if (BPF_CLASS(step->code) == BPF_LD)
			memcpy(&a, (const char *)call + step->k, sizeof(a));
		else
			at += jumps(step, a) ? step->jt : step->jf;
	}
	ck_abort_msg("the program has no end");
	return -1;
}

static const struct {
	const char *what;
	struct seccomp_data call;
	int by_seccomp, by_no_network;
} calls[] = {
	{ "read", { SYS_read, HERE }, 0, 0 },
	{ "mount", { SYS_mount, HERE }, EPERM, 0 },
	{ "the first of the list", { SYS_adjtimex, HERE }, EPERM, 0 },
	{ "ptrace, by which another's sockets are used", { SYS_ptrace, HERE }, EPERM,
	    EPERM },
	{ "io_uring", { SYS_io_uring_setup, HERE }, EPERM, EPERM },
	{ "clone3", { SYS_clone3, HERE }, ENOSYS, 0 },
	{ "a thread", { SYS_clone, HERE, 0, { CLONE_VM | CLONE_THREAD } }, 0, 0 },
	{ "a namespace", { SYS_clone, HERE, 0, { CLONE_NEWUSER | SIGCHLD } }, EPERM,
	    0 },
	{ "the same as an argument of another call",
	    { SYS_write, HERE, 0, { CLONE_NEWUSER } }, 0, 0 },
	{ "AF_UNIX", { SYS_socket, HERE, 0, { AF_UNIX } }, 0, 0 },
	{ "AF_INET", { SYS_socket, HERE, 0, { AF_INET } }, 0, EAFNOSUPPORT },
	{ "AF_NETLINK", { SYS_socket, HERE, 0, { AF_NETLINK } }, 0, EAFNOSUPPORT },
	{ "a family with high bits, which the kernel drops",
	    { SYS_socket, HERE, 0, { UINT64_C(1) << 32 | AF_INET } }, 0, EAFNOSUPPORT },
	{ "a pair", { SYS_socketpair, HERE, 0, { AF_UNIX } }, 0, 0 },
	{ "a pair of AF_TIPC", { SYS_socketpair, HERE, 0, { AF_TIPC } }, 0,
	    EAFNOSUPPORT },
	{ "an ioctl", { SYS_ioctl, HERE, 0, { 0, TIOCGWINSZ } }, 0, 0 },
	{ "typing", { SYS_ioctl, HERE, 0, { 0, TIOCSTI } }, EPERM, 0 },
	{ "pasting", { SYS_ioctl, HERE, 0, { 0, TIOCLINUX } }, EPERM, 0 },
	{ "a call of tomorrow", { 9999, HERE }, ENOSYS, 0 },
	{ "a call of 32 bits", { SYS_read, AUDIT_ARCH_I386 }, EPERM, EPERM },
#ifdef __x86_64__
	{ "a call of x32", { 0x40000000 | SYS_read, HERE }, ENOSYS, ENOSYS },
#endif
};

START_TEST(answers_calls)
{
	struct sock_filter program[SANDBOX_FILTER_MAX];
	const struct seccomp_data *call = &calls[_i].call;
	int a = calls[_i].by_seccomp, b = calls[_i].by_no_network, n;

	n = sandbox_filter_make(true, false, program);
	ck_assert_int_gt(n, 0);
	ck_assert_msg(answer(program, n, call) == a, "seccomp: %s", calls[_i].what);
	n = sandbox_filter_make(false, true, program);
	ck_assert_int_gt(n, 0);
	ck_assert_msg(answer(program, n, call) == b, "no_network: %s", calls[_i].what);
	n = sandbox_filter_make(true, true, program);
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, SANDBOX_FILTER_MAX);
	ck_assert_msg(
	    (answer(program, n, call) != 0) == (a || b), "%s", calls[_i].what);
}
END_TEST

START_TEST(makes_none_for_nothing)
{
	struct sock_filter program[SANDBOX_FILTER_MAX];

	ck_assert_int_eq(sandbox_filter_make(false, false, program), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, answers_calls, 0, ARRAY_SIZE(calls));
	tcase_add_test(tcase, makes_none_for_nothing);
}

int
main(void)
{
	return suite_run("sandbox_filter", add_tests);
}
