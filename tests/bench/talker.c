/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker that talks as fast as its link takes it, and the least that has to be done
 * to listen.
 *
 * talker heartbeat|cycle N: send N messages on TRADESUP_FD, say "done" on standard
 * output, then sleep until SIGTERM.
 *
 * talker every MS: send a heartbeat every MS milliseconds.
 *
 * talker floor heartbeat|cycle N: be both ends. A child sends, we receive each packet
 * and do nothing with it; prints the nanoseconds of CPU that this took.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/link.h"

static int
send_all(int fd, bool is_cycle, long n)
{
	struct msg msg = { .type = is_cycle ? MSG_CYCLE : MSG_HEARTBEAT };
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	for (long i = 0; i < n; i++) {
		int r;

		if (is_cycle)
			msg.cycle.cycle = i;
		else
			msg.heartbeat.cycle = i;
		while ((r = link_send(fd, &msg)) == LINK_E_AGAIN)
			if (poll(&writable, 1, -1) < 0)
				return -errno;
		if (r != 0)
			return -1;
	}
	return 0;
}

static int
say_hello(int fd)
{
	struct msg hello = { .type = MSG_HELLO };

	hello.hello.version = MSG_VERSION;
	hello.hello.pid = getpid();
	strcpy(hello.hello.name, "talker");
	return link_send(fd, &hello);
}

static int
talk(int fd, bool is_cycle, long n)
{
	if (say_hello(fd) != 0 || send_all(fd, is_cycle, n) != 0)
		return EXIT_FAILURE;
	puts("done");
	fflush(stdout);
	pause();
	return EXIT_SUCCESS;
}

static int
beat(int fd, long interval_ms)
{
	const struct timespec interval = { .tv_sec = interval_ms / 1000,
		.tv_nsec = interval_ms % 1000 * 1000000 };
	struct msg msg = { .type = MSG_READY };

	if (say_hello(fd) != 0 || link_send(fd, &msg) != 0)
		return EXIT_FAILURE;
	msg.type = MSG_HEARTBEAT;
	do {
		msg.heartbeat.cycle++;
		if (link_send(fd, &msg) != 0)
			return EXIT_FAILURE;
	} while (nanosleep(&interval, NULL) == 0);
	return EXIT_SUCCESS;
}

static int
listen_only(bool is_cycle, long n)
{
	char packet[MSG_PACKET_MAX];
	struct timespec cpu;
	int ours, theirs;
	pid_t pid;

	if (link_pair(&ours, &theirs) < 0)
		return EXIT_FAILURE;
	pid = fork();
	if (pid == 0)
		_exit(send_all(theirs, is_cycle, n) == 0 ? 0 : 1);
	for (long i = 0; i < n;) {
		struct pollfd readable = { .fd = ours, .events = POLLIN };

		if (poll(&readable, 1, -1) < 0)
			return EXIT_FAILURE;
		while (i < n && recv(ours, packet, sizeof(packet), 0) > 0)
			i++;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	printf("%lld\n", (long long)cpu.tv_sec * 1000000000 + cpu.tv_nsec);
	return waitpid(pid, NULL, 0) == pid ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	bool is_floor = argc == 4 && strcmp(argv[1], "floor") == 0;
	const char *fd = getenv(MSG_FD_ENV);
	bool is_cycle;
	long n;

	argv += is_floor;
	if ((argc != 3 && !is_floor) || (!is_floor && !fd)) {
		fprintf(stderr,
		    "usage: talker [floor] heartbeat|cycle N, talker every MS\n");
		return EXIT_FAILURE;
	}
	is_cycle = strcmp(argv[1], "cycle") == 0;
	n = strtol(argv[2], NULL, 10);
	if (is_floor)
		return listen_only(is_cycle, n);
	if (strcmp(argv[1], "every") == 0)
		return beat(atoi(fd), n);
	return talk(atoi(fd), is_cycle, n);
}
