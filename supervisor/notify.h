/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3), both ways: what we tell systemd, and what a worker with notify =
 * systemd tells us. The protocol is a datagram of KEY=VALUE lines; sd_notify(3),
 * "Notes", declares it stable and free to implement.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/** struct notify - the socket to whoever started us */
struct notify {
	int fd;		     /* -1 where there is nobody to tell */
	int64_t watchdog_ns; /* half of WATCHDOG_USEC if it is meant for us; 0: none */
	struct sockaddr_un address;
	socklen_t address_length;
};

/**
 * notify_open() - from NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID
 *
 * They are taken out of the environment, so that no worker speaks in our name.
 *
 * Return: 0, also where there is no socket; -EINVAL: a variable makes no sense;
 *         -EAFNOSUPPORT: the socket is none of AF_UNIX; -errno.
 */
int notify_open(struct notify *ret_notify);

/** notify_close() - may be called on a closed one. */
void notify_close(struct notify *notify);

/**
 * notify_send() - printf-style, newline-separated assignments; a no-op without a socket
 *
 * Does not block. Return: 0; -EAGAIN: the other end is slow, try again; -errno.
 */
int notify_send(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define NOTIFY_TIME_MAX_US                                                             \
	(INT64_C(365) * 86400 * 1000000) /* so that no sum of two overflows */

/** struct notify_message - what one datagram says; unknown assignments are ignored */
struct notify_message {
	bool ready, stopping, reloading;
	bool watchdog;		   /* WATCHDOG=1 */
	bool watchdog_trigger;	   /* WATCHDOG=trigger: it knows that it is broken */
	bool wants_fdstore;	   /* FDSTORE=1, which we refuse */
	int64_t extend_timeout_us; /* 0: not said; at most NOTIFY_TIME_MAX_US, as the
				      next */
	int64_t watchdog_us;	   /* WATCHDOG_USEC=; 0: not said */
	int64_t main_pid;	   /* MAINPID=; 0: not said */
	int64_t error;		   /* ERRNO=; 0: not said */
	bool has_status;
	char status[256]; /* cut where it is longer; not escaped */
};

/**
 * notify_parse() - read a datagram
 *
 * Return: 0; -EBADMSG for what cannot be one: empty, too long, with a NUL inside.
 */
int notify_parse(
    const char *datagram, size_t length, struct notify_message *ret_message);

/**
 * notify_listen() - a socket for one worker at @path, mode 0600, with SO_PASSCRED
 *
 * What is at @path is replaced.
 * Return: the descriptor, non-blocking and close-on-exec; -ENAMETOOLONG; -errno.
 */
int notify_listen(const char *path);

/**
 * notify_receive() - one datagram and its sender's pid
 *
 * Descriptors that come with it are refused.
 * Return: 0; -EAGAIN: none there; -EBADMSG: one was dropped; -errno.
 */
int notify_receive(int fd, struct notify_message *ret_message, pid_t *ret_pid);
