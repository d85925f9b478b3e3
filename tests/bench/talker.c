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
 * talker flood RATE: send events for ever, RATE a second (0: as fast as they are
 * taken), and say every second how many they were so far.
 *
 * talker latency N: send N heartbeats, 10 ms between two, and say how long it took
 * until each was read: "latency_us p50 p99 max".
 *
 * talker floor heartbeat|cycle N: be both ends. A child sends, we receive each packet
 * and do nothing with it; prints the nanoseconds of CPU that this took.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/link.h"

#define EVERY_NS 10000000L
#define LOOK_NS 50000L /* at whether it has been read */

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
sleep_until(int64_t ns)
{
	const struct timespec at = { .tv_sec = ns / 1000000000,
		.tv_nsec = ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

/* Waits until there is room. Return: 0; -1. */
static int
send_surely(int fd, const struct msg *msg)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };
	int r;

	while ((r = link_send(fd, msg)) == LINK_E_AGAIN)
		if (poll(&writable, 1, -1) < 0)
			return -1;
	return r == 0 ? 0 : -1;
}

static int
send_all(int fd, bool is_cycle, long n)
{
	struct msg msg = { .type = is_cycle ? MSG_CYCLE : MSG_HEARTBEAT };

	for (long i = 0; i < n; i++) {
		if (is_cycle)
			msg.cycle.cycle = i;
		else
			msg.heartbeat.cycle = i;
		if (send_surely(fd, &msg) < 0)
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

/* In bursts of a millisecond each; what is late is made up for. */
static int
flood(int fd, long rate)
{
	struct msg msg = { .type = MSG_READY };
	int64_t begin_ns = now_ns(), told_ns = begin_ns;

	if (say_hello(fd) != 0 || link_send(fd, &msg) != 0)
		return EXIT_FAILURE;
	msg = (struct msg){ .type = MSG_EVENT, .event.level = 5 };
	strcpy(msg.event.name, "order.told");
	strcpy(msg.event.fields, "symbol=BTC-USD side=buy quantity=0.25 price=64000.5");
	for (int64_t sent = 0;; sent++) {
		int64_t at_ns = now_ns();

		if (rate > 0 && sent * 1000000000 / rate > at_ns - begin_ns)
			sleep_until(at_ns + 1000000);
		if (at_ns - told_ns >= 1000000000) {
			printf("sent %lld\n", (long long)sent);
			fflush(stdout);
			told_ns = at_ns;
		}
		if (send_surely(fd, &msg) < 0)
			return EXIT_FAILURE;
	}
}

static int
by_size(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static int
measure_latency(int fd, long n)
{
	int64_t *took = calloc((size_t)n, sizeof(*took)), next_ns = now_ns();
	struct msg msg = { .type = MSG_READY };

	if (!took || say_hello(fd) != 0 || link_send(fd, &msg) != 0)
		return EXIT_FAILURE;
	msg.type = MSG_HEARTBEAT;
	for (long i = 0; i < n; i++) {
		int unread = 0;
		int64_t sent_ns;

		sleep_until(next_ns += EVERY_NS);
		msg.heartbeat.cycle = i;
		sent_ns = now_ns();
		if (send_surely(fd, &msg) < 0)
			return EXIT_FAILURE;
		while (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0)
			sleep_until(now_ns() + LOOK_NS);
		took[i] = now_ns() - sent_ns;
		if (next_ns < now_ns())
			next_ns = now_ns();
	}
	qsort(took, (size_t)n, sizeof(*took), by_size);
	printf("latency_us %lld %lld %lld\n", (long long)took[n / 2] / 1000,
	    (long long)took[n * 99 / 100] / 1000, (long long)took[n - 1] / 1000);
	fflush(stdout);
	for (;;)
		pause();
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
		    "usage: talker [floor] heartbeat|cycle N, talker every MS, "
		    "talker flood RATE, talker latency N\n");
		return EXIT_FAILURE;
	}
	is_cycle = strcmp(argv[1], "cycle") == 0;
	n = strtol(argv[2], NULL, 10);
	if (is_floor)
		return listen_only(is_cycle, n);
	if (strcmp(argv[1], "every") == 0)
		return beat(atoi(fd), n);
	if (strcmp(argv[1], "flood") == 0)
		return flood(atoi(fd), n);
	if (strcmp(argv[1], "latency") == 0)
		return measure_latency(atoi(fd), n);
	return talk(atoi(fd), is_cycle, n);
}
