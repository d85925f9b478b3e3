/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that a client verb runs. No supervision: one program, one wait.
 */
#include "supervisor/ctl/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void __attribute__((noreturn))
become(char *const *argv, int output_fd, unsigned streams)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if ((streams & (1u << STDOUT_FILENO)) && dup2(output_fd, STDOUT_FILENO) < 0)
		_exit(126);
	if ((streams & (1u << STDERR_FILENO)) && dup2(output_fd, STDERR_FILENO) < 0)
		_exit(126);
	execvp(argv[0], argv);
	fprintf(stderr, "tradesup: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int
process_start(char *const *argv, int output_fd, unsigned streams, pid_t *ret_pid)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		/* The parent may have died before prctl() could tell. */
		if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
			_exit(126);
		become(argv, output_fd, streams);
	}
	*ret_pid = pid;
	return 0;
}

int
process_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
