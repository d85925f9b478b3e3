/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a supervisor can do, and the program that is supervised: what
 * ./supervisor compares tradesup with. No log, no backoff, no orphans, no deadlines.
 *
 *	floor run N RING	start N children, and each one again when it ends; SIGTERM
 *				ends all of them at once
 *	floor child RING ID	append a record to the file RING, then sleep
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIDS_MAX (1 << 22)

struct ring_record {
	int64_t time_ns; /* monotonic, read first of all */
	int32_t pid, id;
};

static volatile sig_atomic_t is_stopping;

static int
run_child(const char *ring, const char *id)
{
	struct ring_record record;
	struct timespec now;
	int fd;

	clock_gettime(CLOCK_MONOTONIC, &now);
	record.time_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	record.pid = getpid();
	record.id = atoi(id);
	fd = open(ring, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0 || write(fd, &record, sizeof(record)) != sizeof(record))
		return EXIT_FAILURE;
	for (;;)
		pause();
}

static void
on_term(int signal_number)
{
	(void)signal_number;
	is_stopping = 1;
}

static pid_t
start(const char *program, const char *ring, int id)
{
	char number[16];
	pid_t pid;

	snprintf(number, sizeof(number), "%d", id);
	pid = vfork();
	if (pid == 0) {
		execl(program, program, "child", ring, number, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static int
run_floor(const char *program, int n, const char *ring)
{
	const struct sigaction action = { .sa_handler = on_term };
	pid_t *pids = calloc((size_t)n, sizeof(*pids));
	int *ids = calloc(PIDS_MAX, sizeof(*ids)); /* pages not touched cost nothing */
	pid_t pid;

	if (!pids || !ids)
		return EXIT_FAILURE;
	sigaction(SIGTERM, &action, NULL);
	for (int id = 0; id < n; id++) {
		pids[id] = start(program, ring, id);
		ids[pids[id]] = id;
	}
	while (!is_stopping) {
		pid = waitpid(-1, NULL, 0);
		if (pid < 0)
			continue;
		pids[ids[pid]] = start(program, ring, ids[pid]);
		ids[pids[ids[pid]]] = ids[pid];
	}
	for (int id = 0; id < n; id++)
		kill(pids[id], SIGTERM);
	while (waitpid(-1, NULL, 0) > 0)
		;
	free(pids);
	free(ids);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "child") == 0)
		return run_child(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "run") == 0 && atoi(argv[2]) > 0)
		return run_floor(argv[0], atoi(argv[2]), argv[3]);
	fputs("usage: floor run N RING | floor child RING ID\n", stderr);
	return 64;
}
