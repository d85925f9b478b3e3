/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a child on its way to its program. What it stores (the failed step and
 * its errno) is there when the parent looks. The limits alone go through the C library:
 * the parent stands still then (spawn.c).
 */
#include "supervisor/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "supervisor/raw_call.h"

#define KERNEL_SIGSET_SIZE ((NSIG - 1) / 8)

static IN_CHILD int
failed(struct spawn_launch *launch, const char *step, long error)
{
	launch->failure.error = (int)error;
	launch->failure.step = step;
	return -1;
}

/* The mask lets nothing in while this runs; a caught signal must not find our handler
 * afterwards, and an ignored one would stay ignored across the exec. */
static IN_CHILD void
reset_dispositions(const sigset_t *altered)
{
	const uint64_t dfl[8] = { 0 }; /* the kernel's struct sigaction, and more */

	for (int number = 1; number < NSIG; number++)
		if (!altered || sigismember(altered, number) == 1)
			raw_call(SYS_rt_sigaction, number, (long)dfl, 0,
			    KERNEL_SIGSET_SIZE); /* EINVAL: it has none */
}

/* A descriptor that is out of the way of 0 to 4, which are about to be replaced. */
static IN_CHILD long
lift(int fd)
{
	return fd > SPAWN_LINK_FD + 1 || fd < 0
		   ? fd
		   : raw_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, SPAWN_LINK_FD + 2, 0);
}

/* Ends the sharing of descriptors with our parent. What lies above those that are
 * needed is not copied at all, or each start would cost as much as we have workers. */
static IN_CHILD long
own_descriptors(const struct spawn_launch *launch)
{
	int highest = SPAWN_LINK_FD;

	if (launch->link_fd > highest)
		highest = launch->link_fd;
	if (launch->output_fd > highest)
		highest = launch->output_fd;
	if (launch->text_fd > highest)
		highest = launch->text_fd;
	if (launch->null_fd > highest)
		highest = launch->null_fd;
	return raw_call(SYS_close_range, highest + 1, UINT_MAX, CLOSE_RANGE_UNSHARE, 0);
}

static IN_CHILD long
set_input(const struct spawn_launch *launch)
{
	long null = launch->null_fd;

	if (null < 0)
		null = raw_call(
		    SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDONLY | O_CLOEXEC, 0);
	if (null < 0)
		return null;
	return null == STDIN_FILENO ? raw_call(SYS_fcntl, null, F_SETFD, 0, 0)
				    : raw_call(SYS_dup3, null, STDIN_FILENO, 0, 0);
}

static IN_CHILD long
set_output(long fd)
{
	long r = raw_call(SYS_dup3, fd, STDOUT_FILENO, 0, 0);

	return r < 0 ? r : raw_call(SYS_dup3, fd, STDERR_FILENO, 0, 0);
}

/* Return: -errno. */
static IN_CHILD long
set_descriptors(const struct spawn_launch *launch)
{
	const bool has_link = launch->link_fd >= 0;
	const bool has_output = launch->output_fd >= 0;
	const bool has_text = launch->text_fd > 0;
	long link, output, text, r;

	r = own_descriptors(launch);
	if (r < 0)
		return r;
	link = lift(launch->link_fd);
	if (has_link && link < 0)
		return link;
	output = lift(launch->output_fd);
	if (has_output && output < 0)
		return output;
	text = has_text ? lift(launch->text_fd) : -1;
	if (has_text && text < 0)
		return text;
	/* First: the number that the link is to have may be that of /dev/null. */
	r = set_input(launch);
	if (r >= 0 && has_output)
		r = set_output(output);
	if (r >= 0 && has_link)
		r = raw_call(SYS_dup3, link, SPAWN_LINK_FD, 0, 0);
	if (r >= 0 && has_text)
		r = raw_call(SYS_dup3, text, SPAWN_LINK_FD + has_link, 0, 0);
	if (r < 0)
		return r;
	return raw_call(
	    SYS_close_range, SPAWN_LINK_FD + has_link + has_text, UINT_MAX, 0, 0);
}

static IN_CHILD int
set_limits(struct spawn_launch *launch)
{
	const char *step;

	return launch->limits && spawn_limits_apply(launch->limits, &step) < 0
		   ? failed(launch, step, errno)
		   : 0;
}

static IN_CHILD int
child_steps(struct spawn_launch *launch)
{
	const struct spawn_limits *limits = launch->limits;
	const sigset_t none = { { 0 } };
	long r;

	reset_dispositions(launch->altered);
	r = raw_call(SYS_setsid, 0, 0, 0, 0);
	if (r < 0)
		return failed(launch, "setsid", -r);
	if (limits && !launch->is_in_cgroup && spawn_limits_enter_cgroup(limits) < 0)
		return failed(launch, "cgroup", errno);
	r = set_descriptors(launch);
	if (r < 0)
		return failed(launch, "descriptors", -r);
	if (set_limits(launch) < 0)
		return -1;
	r = raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGTERM, 0, 0);
	if (r < 0)
		return failed(launch, "pdeathsig", -r);
	/* We may have died before the line above: then no signal will come. */
	if (raw_call(SYS_getppid, 0, 0, 0, 0) != launch->parent)
		return -1;
	r = raw_call(
	    SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, KERNEL_SIGSET_SIZE);
	if (r < 0)
		return failed(launch, "sigmask", -r);
	r = raw_call(SYS_execve, (long)launch->path, (long)launch->argv,
	    (long)launch->environ, 0);
	return failed(launch, "exec", -r);
}

IN_CHILD int
spawn_child_main(void *argument)
{
	struct spawn_launch *launch = argument;

	launch->has_begun = true;
	child_steps(launch);
	for (;;)
		raw_call(SYS_exit_group, 127, 0, 0, 0);
}
