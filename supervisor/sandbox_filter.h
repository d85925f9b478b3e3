/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filter of a sandbox, as the kernel's own program. It is made here and not
 * by libseccomp: that would be one more library in every build for a list that fits a
 * page, and we need the program as plain memory, ready before the clone.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#define SANDBOX_FILTER_MAX 320 /* instructions; the list has far fewer */

/**
 * sandbox_filter_make() - the program
 * @seccomp:    refuse what no service needs: mounting, tracing, modules, clocks, new
 *              namespaces, raw I/O, and calls that are newer than this program
 * @no_network: refuse sockets of any family but AF_UNIX, and the ways round that
 *
 * A refused call fails: EPERM, EAFNOSUPPORT for a socket, ENOSYS where the C library
 * has another way. Calls of a foreign ABI (32 bits) fail, too.
 * Return: how many instructions; 0: none are needed; -ENOSYS: not for this machine.
 */
int sandbox_filter_make(
    bool seccomp, bool no_network, struct sock_filter ret_filter[SANDBOX_FILTER_MAX]);
