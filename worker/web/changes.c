/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a form to a request on the control socket, and its verdict back. A connection of
 * its own for each, because the supervisor answers when it has been done.
 */
#include "worker/web/changes.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/record.h"
#include "common/text.h"
#include "worker/web/guard.h"

#define LINE_MAX_BYTES 65536
#define ANSWER_MAX 16384 /* of the supervisor's rows, that are passed on */
#define REQUEST_MAX 8192
#define PATIENCE_S 60
#define DENIED_EVERY_NS (60 * NS_PER_S) /* a line about those without the token */

struct change {
	TAILQ_ENTRY(change) entry;
	struct changes *changes;
	struct evhttp_request *request; /* evhttp's */
	struct bufferevent *stream;	/* owned */
	struct evbuffer *answer;	/* owned */
	struct event *on_deadline;	/* owned */
	changes_reply reply;
	char line[REQUEST_MAX]; /* what is asked, with its newline */
};

struct changes {
	struct event_base *base;
	struct sockaddr_un address;
	const char *token;
	TAILQ_HEAD(, change) pending;
	size_t n;
	int64_t denied_ns; /* when it was told last; 0: never */
	uint64_t denied;   /* since then */
};

static const struct verb {
	const char *path, *name;
	const char *keys[2]; /* what the form may have */
	const char *needed;
} verbs[] = {
	{ "/control/restart", "restart", { "worker", NULL }, "worker" },
	{ "/control/hold", "hold", { "worker", "reason" }, "reason" },
	{ "/control/resume", "resume", { "worker", "reason" }, "reason" },
};

static const struct verb *
find_verb(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(path, verbs[i].path) == 0)
			return &verbs[i];
	return NULL;
}

bool
changes_has(const char *path)
{
	return find_verb(path) != NULL;
}

/* The form */

static bool
is_known(const struct verb *verb, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(verb->keys); i++)
		if (verb->keys[i] && strcmp(key, verb->keys[i]) == 0)
			return true;
	return false;
}

static bool
is_utf8(const char *text)
{
	size_t left = strlen(text), length;

	for (; left > 0; text += length, left -= length)
		if (text_next(text, left, &length) == TEXT_BROKEN)
			return false;
	return true;
}

/* Return: NULL; what is wrong with it. */
static const char *
read_fields(
    const struct verb *verb, const struct evkeyvalq *form, struct record *ret_record)
{
	const struct evkeyval *field;

	record_init(ret_record, verb->name);
	TAILQ_FOREACH(field, form, next) {
		if (!is_known(verb, field->key))
			return "the form has a field that is not known\n";
		if (record_get(ret_record, field->key))
			return "the form has a field twice\n";
		if (field->value[0] == '\0')
			return "the form has an empty field\n";
		if (!is_utf8(field->value))
			return "the form is not UTF-8\n";
		record_text(ret_record, field->key, field->value);
	}
	return record_get(ret_record, verb->needed)  ? NULL
	       : strcmp(verb->needed, "worker") == 0 ? "the form needs worker=\n"
						     : "the form needs reason=\n";
}

static bool
is_form(struct evhttp_request *request)
{
	static const char type[] = "application/x-www-form-urlencoded";
	const char *told = evhttp_find_header(
	    evhttp_request_get_input_headers(request), "Content-Type");

	return told && strncasecmp(told, type, strlen(type)) == 0 &&
	       (told[strlen(type)] == '\0' || told[strlen(type)] == ';');
}

/* Return: NULL, and the request line is in @line; what is wrong. */
static const char *
read_form(
    const struct verb *verb, struct evhttp_request *request, char line[REQUEST_MAX])
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	size_t length = evbuffer_get_length(input), used;
	char body[CHANGES_BODY_MAX + 1];
	struct evkeyvalq form;
	struct record record;
	const char *problem;

	if (!is_form(request))
		return "the body is to be a form (application/x-www-form-urlencoded)\n";
	if (length > CHANGES_BODY_MAX)
		return "the form is too long\n";
	evbuffer_remove(input, body, length);
	body[length] = '\0';
	/* A value would end there, and pass for another. */
	if (strlen(body) != length || strstr(body, "%00"))
		return "the form has a character that is none\n";
	if (evhttp_parse_query_str(body, &form) < 0)
		return "the form cannot be read\n";
	problem = read_fields(verb, &form, &record);
	if (!problem) {
		used = record_logfmt(&record, line, REQUEST_MAX - 1);
		if (used >= REQUEST_MAX - 2)
			problem = "the form is too long\n";
		else
			strcpy(line + used, "\n");
	}
	evhttp_clear_headers(&form);
	return problem;
}

/* The supervisor */

static void
change_free(struct change *change)
{
	TAILQ_REMOVE(&change->changes->pending, change, entry);
	change->changes->n--;
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(change->request), NULL, NULL);
	if (change->stream)
		bufferevent_free(change->stream);
	if (change->answer)
		evbuffer_free(change->answer);
	if (change->on_deadline)
		event_free(change->on_deadline);
	free(change);
}

static void
finish(struct change *change, int code, const char *verdict)
{
	struct evhttp_request *request = change->request;
	struct evbuffer *answer = steal(&change->answer);
	changes_reply reply = change->reply;
	const char *text;

	fprintf(stderr, "tradesup-web: %.*s: %s\n", (int)strcspn(change->line, "\n"),
	    change->line, verdict);
	change_free(change);
	evbuffer_add_printf(answer, "%s\n", verdict);
	evbuffer_add(answer, "", 1);
	text = (const char *)evbuffer_pullup(answer, -1);
	reply(request, code, text ? text : "out of memory\n");
	evbuffer_free(answer);
}

static int
code_of(const struct record *verdict)
{
	const char *code = record_get(verdict, "code");
	long status = code ? strtol(code, NULL, 10) : 0;

	if (status == EXIT_USAGE)
		return HTTP_BADREQUEST;
	return status == EXIT_UNAVAILABLE ? HTTP_SERVUNAVAIL : HTTP_INTERNAL;
}

/* Return: whether it was the last line. */
static bool
take_line(struct change *change, char *line)
{
	_cleanup_free_ char *copy = strdup(line);
	const char *message;
	struct record row;

	if (!copy || record_parse(copy, &row) != 0 || !row.event) {
		finish(change, HTTP_INTERNAL, "the supervisor's answer makes no sense");
		return true;
	}
	if (strcmp(row.event, "ok") == 0) {
		finish(change, HTTP_OK, "ok");
		return true;
	}
	if (strcmp(row.event, "error") == 0) {
		message = record_get(&row, "message");
		finish(change, code_of(&row), message ? message : "refused");
		return true;
	}
	if (evbuffer_get_length(change->answer) + strlen(line) < ANSWER_MAX)
		evbuffer_add_printf(change->answer, "%s\n", line);
	return false;
}

static void
on_read(struct bufferevent *stream, void *data)
{
	struct evbuffer *input = bufferevent_get_input(stream);
	struct change *change = data;

	for (;;) {
		_cleanup_free_ char *line =
		    evbuffer_readln(input, NULL, EVBUFFER_EOL_LF);

		if (!line)
			break;
		if (take_line(change, line))
			return;
	}
	if (evbuffer_get_length(input) >= LINE_MAX_BYTES)
		finish(change, HTTP_INTERNAL, "the supervisor's answer makes no sense");
}

static void
on_gone(struct bufferevent *stream, short what, void *data)
{
	(void)stream;
	if (!(what & BEV_EVENT_CONNECTED))
		finish(data, HTTP_SERVUNAVAIL, "the supervisor does not answer");
}

/* Of the whole answer: one that came a line at a time would keep its place for ever. */
static void
on_deadline_cb(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	finish(data, HTTP_SERVUNAVAIL, "not done yet; the supervisor goes on with it");
}

/* It has been asked for, and is done or not whoever hears of it. */
static void
on_close(struct evhttp_connection *connection, void *data)
{
	(void)connection;
	change_free(data);
}

static bool
ask(struct change *change)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct changes *changes = change->changes;

	change->answer = evbuffer_new();
	change->stream =
	    bufferevent_socket_new(changes->base, -1, BEV_OPT_CLOSE_ON_FREE);
	change->on_deadline = evtimer_new(changes->base, on_deadline_cb, change);
	if (!change->answer || !change->stream || !change->on_deadline ||
	    evtimer_add(change->on_deadline, &patience) < 0)
		return false;
	bufferevent_setwatermark(change->stream, EV_READ, 0, LINE_MAX_BYTES);
	if (evbuffer_add(bufferevent_get_output(change->stream), change->line,
		strlen(change->line)) < 0 ||
	    bufferevent_enable(change->stream, EV_READ | EV_WRITE) < 0 ||
	    bufferevent_socket_connect(change->stream,
		(struct sockaddr *)&changes->address, sizeof(changes->address)) < 0)
		return false;
	/* Only now: a connect that fails at once would have called on_gone. */
	bufferevent_setcb(change->stream, on_read, NULL, on_gone, change);
	return true;
}

static void
begin(struct changes *changes, struct evhttp_request *request, const char *line,
    changes_reply reply)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	struct change *change = calloc(1, sizeof(*change));

	if (!change) {
		reply(request, HTTP_SERVUNAVAIL, "out of memory\n");
		return;
	}
	*change =
	    (struct change){ .changes = changes, .request = request, .reply = reply };
	strcpy(change->line, line);
	TAILQ_INSERT_TAIL(&changes->pending, change, entry);
	changes->n++;
	/* The supervisor's time is not the client's silence; no connection goes on
	 * without a time-out, though. */
	evhttp_add_header(
	    evhttp_request_get_output_headers(request), "Connection", "close");
	bufferevent_set_timeouts(
	    evhttp_connection_get_bufferevent(connection), NULL, NULL);
	evhttp_connection_set_closecb(connection, on_close, change);
	if (ask(change))
		return;
	change_free(change);
	reply(request, HTTP_SERVUNAVAIL, "the supervisor does not answer\n");
}

/* Requests */

static void
deny(struct changes *changes, struct evhttp_request *request, changes_reply reply)
{
	int64_t now_ns = clock_monotonic_ns();

	changes->denied++;
	if (changes->denied_ns == 0 || now_ns - changes->denied_ns > DENIED_EVERY_NS) {
		fprintf(stderr,
		    "tradesup-web: asked to change something without the token, %llu "
		    "time(s)\n",
		    (unsigned long long)changes->denied);
		changes->denied_ns = now_ns;
		changes->denied = 0;
	}
	evhttp_add_header(
	    evhttp_request_get_output_headers(request), "WWW-Authenticate", "Bearer");
	reply(request, 401, "the token is needed\n");
}

void
changes_serve(struct changes *changes, struct evhttp_request *request, const char *path,
    changes_reply reply)
{
	const struct verb *verb = find_verb(path);
	char line[REQUEST_MAX];
	const char *problem;

	if (!guard_bearer(evhttp_find_header(evhttp_request_get_input_headers(request),
			      "Authorization"),
		changes->token)) {
		deny(changes, request, reply);
		return;
	}
	problem = verb ? read_form(verb, request, line) : "there is no such page\n";
	if (problem)
		reply(request, HTTP_BADREQUEST, problem);
	else if (changes->n >= CHANGES_PENDING_MAX)
		reply(request, HTTP_SERVUNAVAIL, "too many wait already\n");
	else
		begin(changes, request, line, reply);
}

struct changes *
changes_new(struct event_base *base, const char *control, const char *token)
{
	struct changes *changes = calloc(1, sizeof(*changes));

	if (!changes || strlen(control) >= sizeof(changes->address.sun_path)) {
		free(changes);
		return NULL;
	}
	TAILQ_INIT(&changes->pending);
	changes->base = base;
	changes->token = token;
	changes->address.sun_family = AF_UNIX;
	strcpy(changes->address.sun_path, control);
	return changes;
}

struct changes *
changes_free(struct changes *changes)
{
	if (!changes)
		return NULL;
	while (!TAILQ_EMPTY(&changes->pending))
		change_free(TAILQ_FIRST(&changes->pending));
	free(changes);
	return NULL;
}
