/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting and ending of one command at a time. What its end means is deliver.c's.
 */
#include "worker/notify/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/timestamp.h"

void
program_init(struct program *program)
{
	*program = (struct program){ .pidfd = -1 };
}

bool
program_is_running(const struct program *program)
{
	return program->pid > 0;
}

static void
set_variables(const struct letter *letter)
{
	char time[TIMESTAMP_TEXT_MAX];

	timestamp_format_ms(letter->time_ns, time);
	setenv("TRADESUP_ALERT_ID", letter->id, 1);
	setenv("TRADESUP_ALERT_STATE", letter->state, 1);
	setenv("TRADESUP_ALERT_TITLE", letter->title, 1);
	setenv("TRADESUP_ALERT_TIME", time, 1);
	setenv("TRADESUP_ALERT_URGENT", letter->urgent ? "yes" : "no", 1);
	setenv("TRADESUP_ALERT_REPEAT", letter->repeat ? "yes" : "no", 1);
}

/* libcurl looks names up in threads; malloc works in the child of such a process, too.
 */
static void __attribute__((noreturn))
become(char *const *command, const struct letter *letter, int input, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    dup2(input, STDIN_FILENO) < 0)
		_exit(126);
	set_variables(letter);
	execvp(command[0], command);
	fprintf(stderr, "%s: %s\n", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int
program_start(struct program *program, char *const *command,
    const struct letter *letter, int64_t deadline_ns)
{
	_cleanup_close_ int input = -1, output = -1;
	pid_t parent = getpid(), pid;
	int fds[2];

	_Static_assert(RULES_BODY_MAX <= 4096, "a pipe takes it without a reader");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	input = fds[0];
	output = fds[1];
	if (write(output, letter->text, strlen(letter->text)) < 0)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(command, letter, input, parent);
	setpgid(pid, pid);
	*program = (struct program){ .pid = pid,
		.pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
		.deadline_ns = deadline_ns };
	return 0;
}

static void
forget(struct program *program)
{
	closep(&program->pidfd);
	program_init(program);
}

bool
program_step(
    struct program *program, int64_t now_ns, bool *ret_taken, char *why, size_t size)
{
	int status;
	pid_t pid;

	if (!program->killed && now_ns >= program->deadline_ns) {
		program->killed = true;
		kill(-program->pid, SIGKILL);
	}
	pid = waitpid(program->pid, &status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	*ret_taken = pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (program->killed)
		snprintf(why, size, "the command took too long");
	else if (pid > 0 && WIFSIGNALED(status))
		snprintf(
		    why, size, "the command was ended by signal %d", WTERMSIG(status));
	else if (!*ret_taken)
		snprintf(why, size, "the command ended with %d",
		    pid > 0 ? WEXITSTATUS(status) : 126);
	forget(program);
	return true;
}

void
program_end(struct program *program)
{
	int status;

	if (program->pid <= 0)
		return;
	kill(-program->pid, SIGKILL);
	while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
		;
	forget(program);
}
