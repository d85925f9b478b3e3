/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that leave errno alone. A child that runs on our memory beside us shares
 * our errno, too: what it would store there, we would read as the result of a call of
 * our own.
 */
#pragma once

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/spawn_limits.h"

/**
 * raw_call() - Return: what the kernel returns: -errno for an error
 *
 * RAW_CALL_IS_RAW is 0 where it goes through the C library, and sets errno after all.
 */
#if defined(__x86_64__) && defined(__LP64__)
#define RAW_CALL_IS_RAW 1

static inline IN_CHILD long
raw_call(long number, long a, long b, long c, long d)
{
	register long fourth __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
#define RAW_CALL_IS_RAW 1

static inline IN_CHILD long
raw_call(long number, long a, long b, long c, long d)
{
	register long n __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(n), "r"(x1), "r"(x2), "r"(x3)
			 : "memory");
	return x0;
}
#else
#define RAW_CALL_IS_RAW 0

static inline IN_CHILD long
raw_call(long number, long a, long b, long c, long d)
{
	long result = syscall(number, a, b, c, d);

	return result < 0 ? -errno : result;
}
#endif
