/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exec of an upgrade, and what a program needs for it: its command line, its
 * environment, the state in a memfd.
 */
#include "supervisor/upgrade_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "common/sealed.h"
#include "supervisor/context.h"
#include "supervisor/takeover.h"

#define COMMAND_LINE_MAX (256 * 1024) /* ours */

/* Names. */

char *
upgrade_program(void)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	_cleanup_free_ char *directory = NULL;
	char *path = NULL;
	struct stat a, b;

	if (name && name[0] != '/')
		directory = getcwd(NULL, 0);
	if (name && (name[0] == '/' || directory))
		path = path_join(directory ? directory : "/", name);
	if (path && stat(path, &a) == 0 && stat("/proc/self/exe", &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return path;
	free(path);
	return realpath("/proc/self/exe", NULL);
}

char **
upgrade_command_line(char **ret_text)
{
	_cleanup_close_ int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = malloc(COMMAND_LINE_MAX);
	size_t length = 0, n = 0;
	char **words;
	ssize_t got;

	if (fd < 0 || !text)
		return NULL;
	do {
		got = read(fd, text + length, COMMAND_LINE_MAX - length);
		length += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	if (length == 0 || length == COMMAND_LINE_MAX || text[length - 1] != '\0') {
		errno = E2BIG;
		return NULL;
	}
	for (size_t i = 0; i < length; i++)
		n += text[i] == '\0';
	words = calloc(n + 1, sizeof(*words));
	if (!words)
		return NULL;
	n = 0;
	for (size_t i = 0; i < length; i += strlen(text + i) + 1)
		words[n++] = text + i;
	*ret_text = steal(&text);
	return words;
}

static void
add_notify(const struct notify *notify, struct upgrade_environ *own, size_t *n)
{
	size_t length = notify->address_length - offsetof(struct sockaddr_un, sun_path);
	bool is_abstract = notify->address.sun_path[0] == '\0';

	if (notify->fd < 0)
		return;
	snprintf(own->socket, sizeof(own->socket), "NOTIFY_SOCKET=%s%.*s",
	    is_abstract ? "@" : "", (int)length - is_abstract,
	    notify->address.sun_path + is_abstract);
	own->list[(*n)++] = own->socket;
	if (notify->watchdog_ns == 0)
		return;
	snprintf(own->watchdog, sizeof(own->watchdog), "WATCHDOG_USEC=%" PRId64,
	    notify->watchdog_ns * 2 / 1000);
	snprintf(own->watchdog_pid, sizeof(own->watchdog_pid), "WATCHDOG_PID=%d",
	    (int)getpid());
	own->list[(*n)++] = own->watchdog;
	own->list[(*n)++] = own->watchdog_pid;
}

int
upgrade_environ(
    const struct notify *notify, const char *how, struct upgrade_environ *ret_own)
{
	size_t n = 0;

	while (environ[n])
		n++;
	ret_own->list = calloc(n + 5, sizeof(char *));
	if (!ret_own->list)
		return -ENOMEM;
	memcpy(ret_own->list, environ, n * sizeof(char *));
	snprintf(
	    ret_own->handover, sizeof(ret_own->handover), "%s=%s", TAKEOVER_ENV, how);
	ret_own->list[n++] = ret_own->handover;
	if (notify)
		add_notify(notify, ret_own, &n);
	return 0;
}

/* The state. */

int
upgrade_write_state(const struct supervisor *supervisor, struct handover_writer *writer)
{
	int r = handover_write(supervisor, writer);

	return r < 0 ? r : sealed_new("tradesup-state", writer->bytes, writer->used);
}

/* The exec. */

static void
set_inheritable(const struct handover_writer *writer, int state_fd, bool on)
{
	int flags = on ? 0 : FD_CLOEXEC;

	fcntl(state_fd, F_SETFD, flags);
	for (size_t i = 0; i < writer->n_fds; i++)
		fcntl(writer->fds[i], F_SETFD, flags);
}

/* Those that have a handler of ours. */
static void
fill_signals(sigset_t *ret_set)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1,
		SIGUSR2, SIGWINCH };

	sigemptyset(ret_set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(ret_set, signals[i]);
}

void
upgrade_let_signals_in(void)
{
	sigset_t set;

	fill_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int
upgrade_become(const struct supervisor *supervisor, const char *program,
    const struct handover_writer *writer, int state_fd)
{
	/* What we are, should the program's file be another one by now. */
	_cleanup_close_ int self_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	char **words = upgrade_command_line(&text);
	struct upgrade_environ own = { NULL };
	char how[48];
	sigset_t set;
	int r;

	if (!words)
		return -errno;
	snprintf(how, sizeof(how), "take:%d:%d", state_fd, self_fd);
	r = upgrade_environ(&supervisor->notify, how, &own);
	if (r == 0) {
		fill_signals(&set);
		sigprocmask(SIG_BLOCK, &set, NULL);
		set_inheritable(writer, state_fd, true);
		if (self_fd >= 0)
			fcntl(self_fd, F_SETFD, 0);
		execve(program, words, own.list);
		r = -errno;
		set_inheritable(writer, state_fd, false);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	free(own.list);
	free(words);
	return r;
}
