/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library for LD_PRELOAD that makes one system call fail as the kernel may.
 *
 * FAIL_CALL=NAME:ERRNO:SKIP:TIMES lets SKIP calls of NAME pass, lets TIMES calls fail
 * with that number, and then gets out of the way. Each process counts for itself.
 * With FAIL_WHILE=FILE they fail while that file is there, however many there are.
 * Names that are no function's: write is to standard error, write_file to anything that
 * is no standard stream, epoll_add an epoll_ctl(2) that adds.
 */
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static bool
must_fail(const char *name)
{
	static int seen;
	const char *wish = getenv("FAIL_CALL"), *occasion = getenv("FAIL_WHILE");
	int error, skip, times;
	char wanted[32];

	if (!wish ||
	    sscanf(wish, "%31[^:]:%d:%d:%d", wanted, &error, &skip, &times) != 4 ||
	    strcmp(wanted, name) != 0)
		return false;
	if (occasion) {
		if (access(occasion, F_OK) < 0)
			return false;
	} else if (++seen <= skip || seen > skip + times) {
		return false;
	}
	errno = error;
	return true;
}

/* ISO C has no conversion from dlsym()'s result to a function. */
static void
find_next(const char *name, void *ret_function)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(ret_function, &found, sizeof(found));
}

int
socketpair(int domain, int type, int protocol, int fds[2])
{
	int (*next)(int, int, int, int *);

	if (must_fail("socketpair"))
		return -1;
	find_next("socketpair", &next);
	return next(domain, type, protocol, fds);
}

/* The supervisor passes a place for the pidfd and one for the thread id. */
int
clone(int (*child)(void *), void *stack, int flags, void *argument, ...)
{
	int (*next)(int (*)(void *), void *, int, void *, ...);
	va_list args;
	void *pidfd, *tls, *tid;

	va_start(args, argument);
	pidfd = va_arg(args, void *);
	tls = va_arg(args, void *);
	tid = va_arg(args, void *);
	va_end(args);
	if (must_fail("clone"))
		return -1;
	find_next("clone", &next);
	return next(child, stack, flags, argument, pidfd, tls, tid);
}

ssize_t
write(int fd, const void *data, size_t size)
{
	ssize_t (*next)(int, const void *, size_t);

	if (fd == STDERR_FILENO && must_fail("write"))
		return -1;
	if (fd > STDERR_FILENO && must_fail("write_file"))
		return -1;
	find_next("write", &next);
	return next(fd, data, size);
}

pid_t
fork(void)
{
	pid_t (*next)(void);

	if (must_fail("fork"))
		return -1;
	find_next("fork", &next);
	return next();
}

int
accept4(
    int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags)
{
	int (*next)(int, struct sockaddr *, socklen_t *, int);

	if (must_fail("accept4"))
		return -1;
	find_next("accept4", &next);
	return next(fd, address, length, flags);
}

int
epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	int (*next)(int, int, int, struct epoll_event *);

	if (operation == EPOLL_CTL_ADD && must_fail("epoll_add"))
		return -1;
	find_next("epoll_ctl", &next);
	return next(epoll_fd, operation, fd, event);
}

/* Those that have no function of their own here; all take six words at most. */
long
syscall(long number, ...)
{
	long (*next)(long, ...);
	long word[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		word[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_pidfd_open && must_fail("pidfd_open"))
		return -1;
	if (number == SYS_clone3 && must_fail("clone3"))
		return -1;
	find_next("syscall", &next);
	return next(number, word[0], word[1], word[2], word[3], word[4], word[5]);
}
