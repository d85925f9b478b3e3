/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the command line to the verb, and what the verbs share: messages, tables on a
 * terminal, an exchange with the supervisor. The verbs themselves are in the files of
 * their names.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "supervisor/ctl/help.h"
#include "supervisor/ctl/place.h"
#include "supervisor/ctl/terminal.h"

#define ANSWER_TIMEOUT_NS (10 * NS_PER_S)

int
ctl_fail(int code, const char *format, ...)
{
	va_list arguments;

	fputs("tradesup: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return code;
}

int
ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "tradesup %s: ", ctl->verb->name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "; see 'tradesup %s --help'\n", ctl->verb->name);
	return EXIT_USAGE;
}

struct table_look
ctl_look(void)
{
	const char *no_color = getenv("NO_COLOR");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return (struct table_look){ 0 };
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		size.ws_col = 0;
	return (struct table_look){ .colour = !no_color || no_color[0] == '\0',
		.width = size.ws_col };
}

int
ctl_print_table(struct table *table)
{
	struct table_look look = ctl_look();
	_cleanup_free_ char *text = NULL;
	int r;

	r = table_render(table, &look, &text);
	if (r < 0)
		return ctl_fail(EXIT_OSERR, "%s", strerror(-r));
	fputs(text, stdout);
	return 0;
}

static int
fail_with_answer(const struct record *row)
{
	const char *message = record_get(row, "message");
	_cleanup_free_ char *clean =
	    terminal_clean(message ? message : "it gave no reason");

	return ctl_fail(request_error_code(row), "%s", clean ? clean : "out of memory");
}

/* What the end of an exchange means. */
static int
conclude(int outcome, const struct record *row, unsigned flags)
{
	switch (outcome) {
	case REQUEST_E_OK:
		return EXIT_OK;
	case REQUEST_E_ERROR:
		return fail_with_answer(row);
	case REQUEST_E_EOF:
		if (flags & CTL_STREAM)
			return EXIT_OK;
		return ctl_fail(EXIT_UNAVAILABLE, "the supervisor has gone away");
	case REQUEST_E_TIMEOUT:
		return ctl_fail(EXIT_UNAVAILABLE, "the supervisor does not answer");
	default:
		return ctl_fail(
		    EXIT_OSERR, "the supervisor's answer: %s", strerror(-outcome));
	}
}

static int
exchange(struct request *connection, const struct record *request, unsigned flags,
    ctl_on_row on_row, void *data)
{
	struct record row;
	int r;

	r = request_send(connection, request);
	/* A supervisor that has no room for another client says so and closes: read on.
	 */
	if (r < 0 && r != -EPIPE)
		return ctl_fail(EXIT_OSERR, "the request: %s", strerror(-r));
	for (;;) {
		int64_t deadline_ns = clock_monotonic_ns() + ANSWER_TIMEOUT_NS;

		if (flags & (CTL_STREAM | CTL_PATIENT))
			deadline_ns = REQUEST_NO_DEADLINE;
		r = request_row(connection, deadline_ns, &row);
		if (r != 0)
			return conclude(r, &row, flags);
		on_row(&row, data);
	}
}

int
ctl_request(const struct ctl *ctl, const struct record *request, unsigned flags,
    ctl_on_row on_row, void *data)
{
	struct request connection;
	int r;

	r = place_request(ctl_config_name(ctl), !(flags & CTL_OR_NOT), &connection);
	if (r != 0)
		return r;
	r = exchange(&connection, request, flags, on_row, data);
	request_close(&connection);
	return r;
}

static int
check_operands(const struct ctl *ctl)
{
	const struct verb *verb = ctl->verb;
	size_t n = ctl->options.n_operands;

	if (n < verb->min_operands)
		return ctl_usage(ctl, "it needs %s", verb->synopsis);
	if (n > verb->max_operands)
		return ctl_usage(ctl, "too many operands: '%s'",
		    ctl->options.operands[verb->max_operands]);
	return EXIT_OK;
}

static int
run_verb(struct ctl *ctl, char **arguments)
{
	unsigned allowed = ctl->verb->options | HELP_OPTIONS;
	struct error error;
	int r;

	if (options_parse(arguments, allowed, &ctl->options, &error) != 0)
		return ctl_usage(ctl, "%s", error.text);
	if (options_has(&ctl->options, OPTION_HELP)) {
		help_verb(stdout, ctl->verb);
		return EXIT_OK;
	}
	r = check_operands(ctl);
	return r != 0 ? r : ctl->verb->run(ctl);
}

/* No verb: --help and --version alone have a meaning. */
static int
run_nothing(const struct verb *verbs, size_t n_verbs, char **arguments)
{
	const struct verb *version = help_find("version", verbs, n_verbs);
	struct ctl ctl = { .verb = version, .verbs = verbs, .n_verbs = n_verbs };
	struct error error;

	if (options_parse(arguments,
		HELP_OPTIONS | OPTION_BIT(OPTION_VERSION) | OPTION_BIT(OPTION_JSON),
		&ctl.options, &error) != 0)
		return ctl_fail(EXIT_USAGE, "%s; see 'tradesup --help'", error.text);
	if (options_has(&ctl.options, OPTION_HELP)) {
		help_overview(stdout, verbs, n_verbs);
		return EXIT_OK;
	}
	if (options_has(&ctl.options, OPTION_VERSION))
		return version->run(&ctl);
	help_overview(stderr, verbs, n_verbs);
	return EXIT_USAGE;
}

/* Options before the verb are the verb's. */
static int
dispatch(const struct verb *verbs, size_t n_verbs, char **arguments)
{
	struct ctl ctl = { .verbs = verbs, .n_verbs = n_verbs };
	size_t at = options_first_operand(arguments);
	char *word = arguments[at];

	if (!word || strcmp(word, "--") == 0)
		return run_nothing(verbs, n_verbs, arguments);
	ctl.verb = help_find(word, verbs, n_verbs);
	if (!ctl.verb)
		return help_unknown_verb(word, verbs, n_verbs);
	memmove(arguments + 1, arguments, at * sizeof(*arguments));
	return run_verb(&ctl, arguments + 1);
}

int
ctl_main(const struct verb *verbs, size_t n_verbs, int argc, char **argv)
{
	int status = dispatch(verbs, n_verbs, argc > 0 ? argv + 1 : argv);

	if (fflush(stdout) != 0 || ferror(stdout))
		return ctl_fail(EXIT_OSERR, "standard output: %s", strerror(errno));
	return status;
}
