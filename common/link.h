/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of the socketpair between supervisor and worker: AF_UNIX, SOCK_SEQPACKET, a
 * message a packet. Non-blocking on the supervisor's side.
 */
#pragma once

#include "common/msg.h"

/**
 * link_pair() - a new pair, both ends close-on-exec, @ret_ours non-blocking. Return:
 * 0, -errno.
 */
int link_pair(int *ret_ours, int *ret_theirs);

#define LINK_E_AGAIN 1	 /* nothing there, or no room */
#define LINK_E_EOF 2	 /* the other end is gone */
#define LINK_E_GARBAGE 3 /* a packet was dropped: too large, or no message */
#define LINK_E_UNKNOWN 4 /* a packet was ignored: a type of a later version */

/** link_send() - Return: 0; LINK_E_AGAIN; LINK_E_EOF; -errno. Never raises SIGPIPE. */
int link_send(int fd, const struct msg *msg);

/** link_receive() - one packet. Return: 0; LINK_E_…; -errno. */
int link_receive(int fd, struct msg *ret_msg);
