/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3), both ways: what we tell systemd, and what a worker with notify =
 * systemd tells us. The protocol is a datagram of KEY=VALUE lines; sd_notify(3),
 * "Notes", declares it stable and free to implement.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** struct notify - the socket to whoever started us; fd -1 where there is none */
struct notify {
	int fd;
	int64_t watchdog_ns; /* half of WATCHDOG_USEC if it is meant for us; 0: none */
};

/** notify_open() - from NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID; takes them out of
 * the environment. Return: 0, -errno. */
int notify_open(struct notify *ret_notify);
void notify_close(struct notify *notify);

/** notify_send() - printf-style, newline-separated assignments; a no-op without a
 * socket. Return: 0, -errno. */
int notify_send(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** struct notify_message - what one datagram of a worker says; unknown assignments are
 * ignored */
struct notify_message {
	bool ready, stopping, watchdog, reloading;
	int64_t extend_timeout_us; /* 0: not said */
	bool has_status;
	char status[256];
};

/** notify_parse() - Return: 0; -EBADMSG for what cannot be one. */
int notify_parse(
    const char *datagram, size_t length, struct notify_message *ret_message);

/** notify_listen() - a socket for one worker at @path, mode 0600, with SO_PASSCRED; an
 * old one is replaced. Return: the descriptor, -errno. */
int notify_listen(const char *path);

/** notify_receive() - one datagram and its sender's pid. Return: 0; -EAGAIN; -EBADMSG;
 * -errno. */
int notify_receive(int fd, struct notify_message *ret_message, pid_t *ret_pid);
