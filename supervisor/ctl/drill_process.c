/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A supervisor at arm's length: its log is read as anybody could read it, its control
 * socket asked as anybody could ask it. What to do to it, and what to expect, is
 * drill_levels.c's.
 */
#include "supervisor/ctl/drill_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/paths.h"
#include "supervisor/control.h"
#include "supervisor/ctl/process.h"
#include "supervisor/ctl/request.h"
#include "supervisor/ctl/terminal.h"
#include "supervisor/procfs.h"

#define LOG_PIPE_BYTES                                                                 \
	(1 << 20) /* it must not wait for us while we wait for its answer */

static int
open_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

static int
send_signal(int pidfd, int number)
{
	return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno : 0;
}

static int
open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int
drill_process_init(struct drill_process *process, const char *directory)
{
	_cleanup_free_ char *transcript = path_join(directory, "log");
	_cleanup_free_ char *run = path_join(directory, "run");

	*process = (struct drill_process){ .pidfd = -1, .log_fd = -1, .signal_fd = -1 };
	process->config_path = path_join(directory, "tradesup.conf");
	process->socket_path = run ? path_join(run, CONTROL_SOCKET) : NULL;
	process->line = malloc(DRILL_LINE_MAX);
	if (!transcript || !process->config_path || !process->socket_path ||
	    !process->line)
		return -ENOMEM;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	process->signal_fd = open_signals();
	if (process->signal_fd < 0)
		return process->signal_fd;
	process->transcript = fopen(transcript, "we");
	return process->transcript ? 0 : -errno;
}

static void
close_fd(int *fd)
{
	closep(fd);
	*fd = -1;
}

void
drill_process_deinit(struct drill_process *process)
{
	if (process->pid > 0) {
		/* Its guardian ends the rest. */
		send_signal(process->pidfd, SIGKILL);
		process_wait(process->pid);
		drill_process_none_left(process, clock_monotonic_ns() + 5 * NS_PER_S);
	}
	close_fd(&process->pidfd);
	close_fd(&process->log_fd);
	close_fd(&process->signal_fd);
	fclosep(&process->transcript);
	for (size_t i = 0; i < DRILL_TAIL_LINES; i++)
		free(process->tail[i]);
	free(process->line);
	free(process->config_path);
	free(process->socket_path);
}

int
drill_process_start(struct drill_process *process)
{
	char self[] = "/proc/self/exe", run[] = "run", c[] = "-c",
	     option[] = "--log-format", logfmt[] = "logfmt";
	char *argv[] = { self, run, c, process->config_path, option, logfmt, NULL };
	int ends[2], r;

	close_fd(&process->pidfd);
	close_fd(&process->log_fd);
	process->start = process->end = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	process->log_fd = ends[0];
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[0], F_SETPIPE_SZ, LOG_PIPE_BYTES);
	r = process_start(
	    argv, ends[1], 1u << STDOUT_FILENO | 1u << STDERR_FILENO, &process->pid);
	close(ends[1]);
	if (r < 0) {
		process->pid = 0;
		return r;
	}
	process->pidfd = open_pidfd(process->pid);
	if (process->pidfd >= 0)
		return 0;
	/* It has not been waited for, so the pid is still its own. */
	kill(process->pid, SIGKILL);
	process_wait(process->pid);
	process->pid = 0;
	return process->pidfd;
}

/* Whether a person has asked for the end. */
static bool
is_interrupted(struct drill_process *process)
{
	struct signalfd_siginfo info;

	while (read(process->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			return true;
	}
	return false;
}

static int
milliseconds_until(int64_t deadline_ns)
{
	int64_t left_ns = deadline_ns - clock_monotonic_ns();

	return left_ns > 0 ? (int)(left_ns / NS_PER_MS) + 1 : 0;
}

static void
remember(struct drill_process *process, const char *line)
{
	char **slot = &process->tail[process->n_lines++ % DRILL_TAIL_LINES];

	free(*slot);
	*slot = strdup(line);
	fputs(line, process->transcript);
	fputc('\n', process->transcript);
}

/* The next whole line that has been read; a longer one than fits is passed over. */
static char *
next_line(struct drill_process *process)
{
	char *begin = process->line + process->start;
	char *newline = memchr(begin, '\n', process->end - process->start);

	if (newline) {
		*newline = '\0';
		process->start += (size_t)(newline + 1 - begin);
		remember(process, begin);
		return begin;
	}
	process->end -= process->start;
	memmove(process->line, begin, process->end);
	process->start = 0;
	if (process->end == DRILL_LINE_MAX)
		process->end = 0;
	return NULL;
}

/* Return: whether there was something. */
static bool
read_log(struct drill_process *process)
{
	ssize_t n = read(process->log_fd, process->line + process->end,
	    DRILL_LINE_MAX - process->end);

	if (n > 0)
		process->end += (size_t)n;
	return n > 0;
}

static int
note_end(struct drill_process *process)
{
	if (process->pid > 0) {
		process->exit_status = process_wait(process->pid);
		process->pid = 0;
	}
	return DRILL_E_ENDED;
}

/* Waits for the log, and reads of it. Return: 0; DRILL_E_…; -errno. */
static int
wait_for_log(struct drill_process *process, int64_t deadline_ns)
{
	struct pollfd entries[] = {
		{ .fd = process->log_fd, .events = POLLIN },
		{ .fd = process->pidfd, .events = POLLIN },
		{ .fd = process->signal_fd, .events = POLLIN },
	};
	int r = poll(entries, ARRAY_SIZE(entries), milliseconds_until(deadline_ns));

	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	if (r == 0)
		return DRILL_E_TIMEOUT;
	if (entries[2].revents && is_interrupted(process))
		return DRILL_E_INTERRUPTED;
	if (entries[0].revents && read_log(process))
		return 0;
	/* It may have written its last line just after the log was looked at. */
	if (entries[1].revents)
		return read_log(process) ? 0 : note_end(process);
	/* Its log has ended before it: only its end is left to wait for. */
	if (entries[0].revents & POLLHUP)
		close_fd(&process->log_fd);
	return 0;
}

int
drill_process_event(
    struct drill_process *process, int64_t deadline_ns, struct record *ret_event)
{
	for (;;) {
		char *line = next_line(process);
		int r;

		/* A line that is no event came from a library, or from before the log.
		 */
		if (line && record_parse(line, ret_event) == 0 && ret_event->event)
			return 0;
		if (line)
			continue;
		r = wait_for_log(process, deadline_ns);
		if (r != 0)
			return r;
	}
}

/* What the end of an exchange means for a drill; @r is negative or REQUEST_E_…. */
static int
outcome_of(int r)
{
	switch (r) {
	case REQUEST_E_OK:
		return 0;
	case REQUEST_E_ERROR:
		return -EIO;
	case REQUEST_E_TIMEOUT:
		return DRILL_E_TIMEOUT;
	case REQUEST_E_EOF:
	case -EPIPE:
	case -ENOENT:
	case -ECONNREFUSED:
		return DRILL_E_NO_ANSWER;
	default:
		return r;
	}
}

/* A whole exchange. Return: 0; DRILL_E_TIMEOUT; DRILL_E_NO_ANSWER; -EIO; -errno. */
static int
ask(struct drill_process *process, const struct record *request, int64_t deadline_ns,
    void (*on_row)(const struct record *row, void *data), void *data)
{
	struct request connection;
	struct record row;
	int r;

	r = request_open(&connection, process->socket_path);
	if (r < 0)
		return outcome_of(r);
	r = request_send(&connection, request);
	while (r == 0) {
		r = request_row(&connection, deadline_ns, &row);
		if (r == 0 || r == REQUEST_E_ERROR)
			on_row(&row, data);
	}
	request_close(&connection);
	return outcome_of(r);
}

static int64_t
number(const struct record *row, const char *key, int64_t otherwise)
{
	const char *text = record_get(row, key);

	return text ? strtoll(text, NULL, 10) : otherwise;
}

static void
on_status_row(const struct record *row, void *data)
{
	struct drill_worker *worker = data;
	const char *state = record_get(row, "state");

	if (!row->event || strcmp(row->event, "worker") != 0)
		return;
	worker->pid = (pid_t)number(row, "pid", 0);
	worker->cycle = number(row, "cycle", -1);
	worker->up = state && strcmp(state, "up") == 0;
	worker->has_error = record_get(row, "error") != NULL;
}

int
drill_process_worker(struct drill_process *process, const char *worker,
    int64_t deadline_ns, struct drill_worker *ret_worker)
{
	struct drill_worker found = { .cycle = -1 };
	struct record request;
	int r;

	record_init(&request, "status");
	record_text(&request, "worker", worker);
	r = ask(process, &request, deadline_ns, on_status_row, &found);
	if (r == 0)
		*ret_worker = found;
	return r;
}

static void
on_fault_row(const struct record *row, void *data)
{
	const char *message = record_get(row, "message");
	_cleanup_free_ char *clean =
	    terminal_clean(message ? message : "no reason given");

	error_set(data, -EIO, "%s", clean ? clean : "out of memory");
}

int
drill_process_fault(struct drill_process *process, const char *worker, const char *kind,
    int64_t deadline_ns, struct error *error)
{
	struct record request;

	record_init(&request, "fault");
	record_text(&request, "worker", worker);
	record_text(&request, "kind", kind);
	return ask(process, &request, deadline_ns, on_fault_row, error);
}

int
drill_process_kill_worker(const struct drill_process *process, pid_t pid)
{
	_cleanup_close_ int pidfd = pid > 0 ? open_pidfd(pid) : -ESRCH;

	if (pidfd < 0)
		return pidfd;
	/* Looked at after the pidfd is open, so it cannot be somebody else's by now. */
	if (procfs_parent(pid) != process->pid)
		return -ESRCH;
	return send_signal(pidfd, SIGKILL);
}

int
drill_process_stop(struct drill_process *process)
{
	return send_signal(process->pidfd, SIGTERM);
}

int
drill_process_wait(struct drill_process *process, int64_t deadline_ns)
{
	struct record event;
	int r = 0;

	while (r == 0)
		r = drill_process_event(process, deadline_ns, &event);
	return r == DRILL_E_ENDED ? 0 : r;
}

int
drill_process_none_left(struct drill_process *process, int64_t deadline_ns)
{
	struct pollfd entry = { .fd = process->signal_fd, .events = POLLIN };

	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);
		int left_ms = milliseconds_until(deadline_ns);

		if (pid < 0)
			return errno == ECHILD ? 0 : -errno;
		if (pid > 0)
			continue;
		if (left_ms == 0)
			return DRILL_E_TIMEOUT;
		/* Each SIGCHLD is a reason to look again; another signal changes
		 * nothing now. */
		if (poll(&entry, 1, left_ms) > 0)
			is_interrupted(process);
	}
}

void
drill_process_tail(const struct drill_process *process, FILE *out, const char *indent)
{
	size_t first = process->n_lines > DRILL_TAIL_LINES
			   ? process->n_lines - DRILL_TAIL_LINES
			   : 0;

	for (size_t i = first; i < process->n_lines; i++) {
		const char *line = process->tail[i % DRILL_TAIL_LINES];
		_cleanup_free_ char *clean = line ? terminal_clean(line) : NULL;

		if (clean)
			fprintf(out, "%s%s\n", indent, clean);
	}
}
