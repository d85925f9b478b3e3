/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library for LD_PRELOAD that makes one system call fail as the kernel may.
 *
 * FAIL_CALL=NAME:ERRNO:SKIP:TIMES lets SKIP calls of NAME pass, lets TIMES calls fail
 * with that number, and then gets out of the way. Each process counts for itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

static bool
must_fail(const char *name)
{
	static int seen;
	const char *wish = getenv("FAIL_CALL");
	int error, skip, times;
	char wanted[32];

	if (!wish ||
	    sscanf(wish, "%31[^:]:%d:%d:%d", wanted, &error, &skip, &times) != 4 ||
	    strcmp(wanted, name) != 0)
		return false;
	seen++;
	if (seen <= skip || seen > skip + times)
		return false;
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
	find_next("write", &next);
	return next(fd, data, size);
}
