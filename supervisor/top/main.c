/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tradesup-top SOCKET: the screen of `tradesup top`. Keys, sockets and ncurses; what
 * is known is in state.c, how it looks in view.c. A program of its own, so that no
 * terminal library is in the supervisor's.
 */
#define NCURSES_WIDECHAR 1

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "supervisor/ctl/request.h"
#include "supervisor/ctl/terminal.h"
#include "supervisor/top/view.h"

#define ROWS_MAX 500
#define REFRESH_NS NS_PER_S
#define ANSWER_NS (2 * NS_PER_S)   /* for a supervisor that is stopped */
#define GLANCE_NS (10 * NS_PER_MS) /* for the rest of what has come */
#define ROWS_PER_TURN 500
#define ESCAPE 27

/** struct session - one run of the program */
struct session {
	struct top top;
	const char *path;
	struct request events, action; /* fd -1: none */
	char doing[128];	       /* what @action asks */
	char last_ts[64];	       /* of the events */
	int64_t asked_ns;	       /* last answer to status; 0: none */
	const char *page_verb;	       /* of the page; NULL: none */
	char page_worker[TOP_NAME_MAX];
	bool is_utf8, has_colours, quits;
	struct view_line *lines;
};

static volatile sig_atomic_t told_to_end;

static void
on_signal(int number)
{
	told_to_end = number;
}

/* The supervisor. */

static void
on_status_row(const struct record *row, void *data)
{
	top_row(data, row);
}

static void
ask_status(struct session *session)
{
	struct request_rows rows = { on_status_row, &session->top };
	int64_t now_ns = clock_monotonic_ns();
	struct error error = { "" };
	struct record request;

	record_init(&request, "status");
	top_begin(&session->top);
	if (request_ask(session->path, &request, ANSWER_NS, &rows, &error) != 0) {
		_cleanup_free_ char *clean = terminal_clean(error.text);

		snprintf(session->top.trouble, sizeof(session->top.trouble), "%s",
		    clean ? clean : "out of memory");
		return;
	}
	session->top.trouble[0] = '\0';
	top_end(&session->top,
	    session->asked_ns > 0 ? (now_ns - session->asked_ns) / NS_PER_MS : 0);
	session->asked_ns = now_ns;
}

static void
on_page_row(const struct record *row, void *data)
{
	static const char *const parts[] = { "happened", "rule", "action", "text",
		"line" };
	const char *ts = record_get(row, "ts");

	if (ts)
		top_page_line(data, ts);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *part = record_get(row, parts[i]);
		char line[4200];

		if (!part)
			continue;
		snprintf(line, sizeof(line), "%s%s", ts ? "  " : "", part);
		top_page_line(data, line);
	}
}

static void
ask_page(struct session *session)
{
	struct request_rows rows = { on_page_row, &session->top };
	struct error error = { "" };
	struct record request;
	char title[TOP_TEXT_MAX];

	record_init(&request, session->page_verb);
	record_text(&request, "worker", session->page_worker);
	snprintf(title, sizeof(title), "%s %s (q: back)", session->page_verb,
	    session->page_worker);
	top_page_begin(&session->top, title);
	if (request_ask(session->path, &request, ANSWER_NS, &rows, &error) != 0)
		top_page_line(&session->top, error.text);
}

static void
open_events(struct session *session)
{
	struct record request;

	if (session->events.fd >= 0 ||
	    request_open(&session->events, session->path) < 0)
		return;
	record_init(&request, "events");
	record_int(&request, "lines", TOP_EVENTS);
	record_bool(&request, "follow", true);
	if (session->last_ts[0])
		record_text(&request, "since", session->last_ts);
	if (request_send(&session->events, &request) < 0)
		request_close(&session->events);
}

/* After a connection anew the last event comes once more. */
static void
take_event(struct session *session, const struct record *row)
{
	const char *ts = record_get(row, "ts");

	if (!ts || strcmp(ts, session->last_ts) < 0)
		return;
	snprintf(session->last_ts, sizeof(session->last_ts), "%s", ts);
	top_event(&session->top, row);
}

static void
read_events(struct session *session)
{
	struct record row;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < ROWS_PER_TURN; i++) {
		r = request_row(
		    &session->events, clock_monotonic_ns() + GLANCE_NS, &row);
		if (r == 0)
			take_event(session, &row);
	}
	if (r != 0 && r != REQUEST_E_TIMEOUT)
		request_close(&session->events);
}

static void
say(struct session *session, const char *what, const char *more)
{
	_cleanup_free_ char *clean = terminal_clean(more);

	snprintf(session->top.message, sizeof(session->top.message), "%.128s: %.380s",
	    what, clean ? clean : "");
}

/* It may take as long as a worker takes to stop, so nobody waits here. */
static void
act(struct session *session, const char *verb, const char *worker, const char *reason)
{
	struct record request;

	if (session->action.fd >= 0) {
		say(session, session->doing, "is not done yet");
		return;
	}
	record_init(&request, verb);
	record_text(&request, "worker", worker && worker[0] ? worker : NULL);
	record_text(&request, "reason", reason);
	snprintf(session->doing, sizeof(session->doing), "%s %s", verb,
	    worker && worker[0] ? worker : "all");
	if (request_open(&session->action, session->path) < 0 ||
	    request_send(&session->action, &request) < 0) {
		request_close(&session->action);
		say(session, session->doing, "no supervisor answers");
		return;
	}
	say(session, session->doing, "…");
}

static void
read_action(struct session *session)
{
	struct record row;
	const char *message;
	int r;

	do {
		r = request_row(
		    &session->action, clock_monotonic_ns() + GLANCE_NS, &row);
		if (r == 0 && row.event && strcmp(row.event, "left") == 0)
			say(session, "orders are still stopped by",
			    record_get(&row, "rule") ? record_get(&row, "rule") : "?");
	} while (r == 0);
	if (r == REQUEST_E_TIMEOUT)
		return;
	message = r == REQUEST_E_ERROR ? record_get(&row, "message") : NULL;
	if (r != REQUEST_E_OK)
		say(session, session->doing, message ? message : "no answer");
	else if (strstr(session->top.message, "…"))
		say(session, session->doing, "done");
	request_close(&session->action);
	ask_status(session);
}

/* Keys. */

static void
begin_question(struct session *session, enum top_ask ask, const char *about)
{
	session->top.ask = ask;
	session->top.input[0] = '\0';
	snprintf(session->top.ask_about, sizeof(session->top.ask_about), "%s", about);
}

static void
answer_question(struct session *session)
{
	struct top *top = &session->top;
	enum top_ask ask = top->ask;

	top->ask = TOP_ASK_NOTHING;
	if (ask == TOP_ASK_FILTER) {
		snprintf(top->filter, sizeof(top->filter), "%s", top->input);
		top_move(top, 0);
	} else if (ask == TOP_ASK_RESUME && top->input[0] == '\0') {
		say(session, "resume", "a reason is needed");
	} else {
		act(session, ask == TOP_ASK_HOLD ? "hold" : "resume", top->ask_about,
		    top->input);
	}
}

static void
on_question_key(struct session *session, wint_t key, bool is_function)
{
	char text[MB_LEN_MAX + 1] = "";
	bool is_enter = is_function ? key == KEY_ENTER : key == '\n' || key == '\r';
	bool is_back = is_function ? key == KEY_BACKSPACE : key == 127 || key == 8;

	if (is_enter)
		answer_question(session);
	else if (is_back)
		top_input(&session->top, NULL);
	else if (!is_function && key == ESCAPE)
		session->top.ask = TOP_ASK_NOTHING;
	else if (!is_function && iswprint(key) && wctomb(text, (wchar_t)key) > 0)
		top_input(&session->top, text);
}

static void
open_page(struct session *session, const char *verb, const struct top_worker *worker)
{
	session->page_verb = verb;
	snprintf(
	    session->page_worker, sizeof(session->page_worker), "%s", worker->name);
	session->top.mode = TOP_PAGE;
	ask_page(session);
	session->top.page_at = verb[0] == 'l' ? session->top.n_page : 0;
}

static void
on_worker_key(struct session *session, wint_t key)
{
	const struct top_worker *worker = top_chosen(&session->top);

	if (!worker)
		return;
	if (key == 'r')
		act(session, "restart", worker->name, NULL);
	else if (key == 's')
		act(session, strcmp(worker->state, "down") == 0 ? "start" : "stop",
		    worker->name, NULL);
	else if (key == 'l')
		open_page(session, "logs", worker);
	else if (key == 'w')
		open_page(session, "why", worker);
	else if (key == 'h' && worker->held[0] && !worker->held_alone)
		say(session, worker->name, "held for all workers; H resumes them");
	else if (key == 'h')
		begin_question(session,
		    worker->held_alone ? TOP_ASK_RESUME : TOP_ASK_HOLD, worker->name);
}

/* Return: whether it was one that moves. */
static bool
on_arrow(struct session *session, wint_t key, bool is_function)
{
	struct top *top = &session->top;
	int by = 0;

	if (is_function ? key == KEY_DOWN : key == 'j')
		by = 1;
	else if (is_function ? key == KEY_UP : key == 'k')
		by = -1;
	else if (is_function && (key == KEY_NPAGE || key == KEY_PPAGE))
		by = key == KEY_NPAGE ? 10 : -10;
	if (by == 0)
		return false;
	if (top->mode == TOP_LIST)
		top_move(top, by);
	else if (top->mode == TOP_PAGE) {
		/* The view shows the last lines for any position after them. */
		size_t last = top->n_page, room = LINES > 3 ? (size_t)LINES - 3 : 1;

		last = last > room ? last - room : 0;
		if (top->page_at > last)
			top->page_at = last;
		if (by < 0 && top->page_at < (size_t)-by)
			top->page_at = 0;
		else
			top->page_at += (size_t)by;
	}
	return true;
}

static void
on_key(struct session *session, wint_t key, bool is_function)
{
	struct top *top = &session->top;

	if (is_function && key == KEY_RESIZE)
		return;
	if (top->ask != TOP_ASK_NOTHING) {
		on_question_key(session, key, is_function);
		return;
	}
	if (on_arrow(session, key, is_function) || is_function)
		return;
	top->message[0] = '\0';
	if (top->mode != TOP_LIST) {
		if (key == 'q' || key == ESCAPE || key == '?')
			top->mode = TOP_LIST;
	} else if (key == 'q') {
		session->quits = true;
	} else if (key == '?') {
		top->mode = TOP_HELP;
	} else if (key == '/') {
		begin_question(session, TOP_ASK_FILTER, "");
	} else if (key == ESCAPE) {
		top->filter[0] = '\0';
	} else if (key == 'H') {
		begin_question(
		    session, top->all_held ? TOP_ASK_RESUME : TOP_ASK_HOLD, "");
	} else {
		on_worker_key(session, key);
	}
}

static void
read_keys(struct session *session)
{
	wint_t key;
	int r;

	while ((r = get_wch(&key)) != ERR && !session->quits)
		on_key(session, key, r == KEY_CODE_YES);
}

/* The screen. */

static void
begin_screen(struct session *session)
{
	static const short colours[] = { [VIEW_GOOD] = COLOR_GREEN,
		[VIEW_WARN] = COLOR_YELLOW,
		[VIEW_BAD] = COLOR_RED };
	const char *no_color = getenv("NO_COLOR");

	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	session->has_colours = (!no_color || !no_color[0]) && has_colors();
	if (!session->has_colours)
		return;
	start_color();
	use_default_colors();
	for (short i = VIEW_GOOD; i <= VIEW_BAD; i++)
		init_pair(i, colours[i], -1);
}

static attr_t
attributes(const struct session *session, const struct view_line *line)
{
	attr_t attr = line->is_chosen ? A_REVERSE : A_NORMAL;

	switch (line->mark) {
	case VIEW_GOOD:
	case VIEW_WARN:
	case VIEW_BAD:
		if (session->has_colours)
			attr |= COLOR_PAIR(line->mark);
		else if (line->mark == VIEW_BAD)
			attr |= A_BOLD;
		break;
	case VIEW_DIM:
		attr |= A_DIM;
		break;
	case VIEW_TITLE:
		attr |= A_UNDERLINE;
		break;
	case VIEW_PLAIN:
		break;
	}
	return attr;
}

/* For a locale that has no such characters. */
static void
to_ascii(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (((unsigned char)*text & 0xC0) != 0x80)
			*out++ = (unsigned char)*text < 0x80 ? *text : '?';
	}
	*out = '\0';
}

static void
draw(struct session *session)
{
	int rows = LINES < ROWS_MAX ? LINES : ROWS_MAX;

	view_draw(&session->top, session->lines, (size_t)rows, (size_t)COLS);
	erase();
	for (int i = 0; i < rows; i++) {
		struct view_line *line = &session->lines[i];

		if (!session->is_utf8)
			to_ascii(line->text);
		attrset((int)attributes(session, line));
		mvaddstr(i, 0, line->text);
		/* The whole line, so that it is seen which one. */
		for (int x = getcurx(stdscr); line->is_chosen && x < COLS; x++)
			mvaddch(i, x, ' ');
	}
	attrset(A_NORMAL);
	refresh();
}

static void
wait_for_something(struct session *session, int64_t until_ns)
{
	struct pollfd entries[] = { { STDIN_FILENO, POLLIN, 0 },
		{ session->events.fd, POLLIN, 0 }, { session->action.fd, POLLIN, 0 } };
	int64_t left_ns = until_ns - clock_monotonic_ns();
	int r;

	r = poll(entries, ARRAY_SIZE(entries),
	    left_ns > 0 ? (int)(left_ns / NS_PER_MS) + 1 : 0);
	if (r > 0 && (entries[0].revents & (POLLHUP | POLLERR | POLLNVAL)))
		session->quits = true; /* the terminal has gone */
	read_keys(session);
	if (r > 0 && entries[1].revents)
		read_events(session);
	if (r > 0 && entries[2].revents && session->action.fd >= 0)
		read_action(session);
}

static void
run(struct session *session)
{
	int64_t due_ns = 0;

	while (!session->quits && !told_to_end) {
		if (clock_monotonic_ns() >= due_ns) {
			ask_status(session);
			open_events(session);
			if (session->top.mode == TOP_PAGE)
				ask_page(session);
			due_ns = clock_monotonic_ns() + REFRESH_NS;
		}
		draw(session);
		wait_for_something(session, due_ns);
	}
}

int
main(int argc, char **argv)
{
	struct session session = { .events = { .fd = -1 }, .action = { .fd = -1 } };
	const struct sigaction end = { .sa_handler = on_signal };
	SCREEN *screen;

	if (argc != 2) {
		fputs("usage: tradesup-top SOCKET; see tradesup(1), top\n", stderr);
		return EXIT_USAGE;
	}
	setlocale(LC_CTYPE, "");
	session.is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	session.path = argv[1];
	session.lines = calloc(ROWS_MAX, sizeof(*session.lines));
	screen = session.lines ? newterm(NULL, stdout, stdin) : NULL;
	if (!screen) {
		fputs("tradesup: this terminal cannot show it\n", stderr);
		free(session.lines);
		return EXIT_OSERR;
	}
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	begin_screen(&session);
	run(&session);
	endwin();
	delscreen(screen);
	request_close(&session.events);
	request_close(&session.action);
	top_deinit(&session.top);
	free(session.lines);
	return EXIT_OK;
}
