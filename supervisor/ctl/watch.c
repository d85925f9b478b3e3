/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screen of `status --watch`. Each picture goes out in one write, over the last
 * one, line by line: nothing is blank for a moment, so nothing flickers. What is drawn
 * is the caller's.
 */
#include "supervisor/ctl/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/terminal.h"

#define ENTER "\033[?1049h\033[?25l" /* the other screen, no cursor */
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define PLAIN "\033[0m"

bool
watch_is_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && term[0] && strcmp(term, "dumb") != 0;
}

static int
put(const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(STDOUT_FILENO, text, length);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

static size_t
rows_of_terminal(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
		return 24;
	return size.ws_row;
}

/* As many lines as there is room for. Those with colours are cut already. */
static void
put_lines(FILE *out, char *picture)
{
	const struct table_look look = ctl_look();
	size_t room = rows_of_terminal();
	char *line;

	while ((line = strsep(&picture, "\n")) && room > 0) {
		if (!picture && !line[0])
			break;
		if (look.width > 0 && !strchr(line, '\033'))
			line[terminal_cut(line, look.width)] = '\0';
		/* The clearing comes first: after a full line it would take its end. */
		fprintf(out, CLEAR_LINE "%s" PLAIN, line);
		if (--room > 0)
			fputs("\r\n", out);
	}
	/* Not where the last line has just been filled. */
	if (room > 0)
		fputs(CLEAR_BELOW, out);
}

static int
show(const char *socket, watch_draw draw, void *data)
{
	_cleanup_free_ char *picture = NULL, *screen = NULL;
	size_t size, length;
	FILE *out = open_memstream(&picture, &size);
	int r;

	if (!out)
		return -ENOMEM;
	r = draw(socket, data, out);
	if (fclose(out) != 0 || r < 0)
		return -ENOMEM;
	out = open_memstream(&screen, &length);
	if (!out)
		return -ENOMEM;
	fputs(HOME, out);
	put_lines(out, picture);
	if (fclose(out) != 0)
		return -ENOMEM;
	return put(screen, length);
}

static int
pause_for_shell(void)
{
	int r = put(LEAVE, strlen(LEAVE));

	if (r < 0)
		return r;
	raise(SIGSTOP);
	return put(ENTER, strlen(ENTER));
}

int
watch_run(const char *socket, watch_draw draw, void *data)
{
	static const int taken[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP,
		SIGWINCH };
	const struct timespec second = { .tv_sec = 1 };
	int signal_number = -1, r;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		sigaddset(&set, taken[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r = put(ENTER, strlen(ENTER));
	while (r == 0) {
		r = show(socket, draw, data);
		if (r == 0)
			signal_number = sigtimedwait(&set, NULL, &second);
		if (r == 0 && signal_number == SIGTSTP)
			r = pause_for_shell();
		else if (signal_number > 0 && signal_number != SIGWINCH)
			break;
	}
	(void)put(LEAVE, strlen(LEAVE));
	return r < 0 ? ctl_fail(EXIT_OSERR, "%s", strerror(-r)) : EXIT_OK;
}
