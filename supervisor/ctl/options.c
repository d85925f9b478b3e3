/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options' table and their parser. Pure: it neither prints nor exits, and keeps
 * nothing between calls; getopt_long(3) does all three, and cannot propose the option
 * that was meant. What an option does is the verb's business.
 */
#include "supervisor/ctl/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/near.h"

static const struct option_spec specs[OPTION_COUNT] = {
	[OPTION_CONFIG] = { 'c', "config", "FILE", "the configuration file" },
	[OPTION_JSON] = { '\0', "json", NULL, "print JSON instead of text" },
	[OPTION_LOG_FORMAT] = { '\0', "log-format", "FORMAT",
	    "logfmt or json; overrides log_format of the file", "logfmt json" },
	[OPTION_LOG_LEVEL] = { '\0', "log-level", "LEVEL",
	    "error, warning, notice, info (the default) or debug",
	    "error warning notice info debug" },
	[OPTION_FOLLOW] = { 'f', "follow", NULL, "go on printing what comes" },
	[OPTION_LINES] = { 'n', "lines", "N", "how many past lines (50)" },
	[OPTION_WORKER] = { 'w', "worker", "WORKER", "only what concerns this worker" },
	[OPTION_GROUP] = { 'g', "group", "GROUP", "this group" },
	[OPTION_KEEP] = { '\0', "keep", NULL, "keep the temporary directory" },
	[OPTION_DIFF] = { '\0', "diff", NULL,
	    "show what a reload of it would do; it does nothing" },
	[OPTION_LAST] = { '\0', "last", NULL, "print the newest report" },
	[OPTION_REASON] = { '\0', "reason", "TEXT", "why; it is kept with the latch" },
	[OPTION_SINCE] = { '\0', "since", "TIME",
	    "not older than this: 10m ago, or an RFC 3339 time" },
	[OPTION_MATCH] = { '\0', "match", "GLOB",
	    "only events of such names: 'self_healing.*'" },
	[OPTION_WATCH] = { '\0', "watch", NULL, "show it again every second" },
	[OPTION_BACKUP] = { '\0', "backup", "FILE",
	    "copy the journal to FILE instead" },
	[OPTION_ACCEPT] = { '\0', "accept", NULL, "the broker is right" },
	[OPTION_FLATTEN] = { '\0', "flatten", NULL, "close all positions, too" },
	[OPTION_HELP] = { 'h', "help", NULL, "print this help" },
	[OPTION_VERSION] = { 'V', "version", NULL, "print the version" },
};

const struct option_spec *
options_spec(enum option_id id)
{
	return &specs[id];
}

static enum option_id
find_letter(char letter, unsigned allowed)
{
	unsigned id;

	for (id = 0; id < OPTION_COUNT; id++) {
		if ((allowed & OPTION_BIT(id)) && specs[id].letter == letter)
			break;
	}
	return (enum option_id)id;
}

static enum option_id
find_name(const char *name, size_t length, unsigned allowed)
{
	unsigned id;

	for (id = 0; id < OPTION_COUNT; id++) {
		if ((allowed & OPTION_BIT(id)) && strlen(specs[id].name) == length &&
		    strncmp(specs[id].name, name, length) == 0)
			break;
	}
	return (enum option_id)id;
}

static int
unknown_long(const char *argument, size_t length, unsigned allowed, struct error *error)
{
	const char *names[OPTION_COUNT], *near;
	char word[NEAR_WORD_MAX + 2];
	size_t n_names = 0;

	for (unsigned id = 0; id < OPTION_COUNT; id++) {
		if (allowed & OPTION_BIT(id))
			names[n_names++] = specs[id].name;
	}
	snprintf(word, sizeof(word), "%.*s", (int)length, argument + 2);
	near = near_find(word, names, n_names);
	if (!near)
		return error_set(
		    error, OPTIONS_E_USAGE, "unknown option '%s'", argument);
	return error_set(error, OPTIONS_E_USAGE,
	    "unknown option '%s' (did you mean '--%s'?)", argument, near);
}

/* Takes arguments[*index], and the argument after it where that is the value. */
static int
parse_long(char **arguments, size_t *index, unsigned allowed, struct options *options,
    struct error *error)
{
	const char *argument = arguments[*index];
	size_t length = strcspn(argument + 2, "=");
	const char *value = argument[2 + length] ? argument + 2 + length + 1 : NULL;
	enum option_id id = find_name(argument + 2, length, allowed);

	if (id == OPTION_COUNT)
		return unknown_long(argument, length, allowed, error);
	if (!specs[id].value && value)
		return error_set(error, OPTIONS_E_USAGE, "option '--%s' takes no value",
		    specs[id].name);
	if (specs[id].value && !value)
		value = arguments[++*index];
	if (specs[id].value && !value)
		return error_set(error, OPTIONS_E_USAGE,
		    "option '--%s' needs a value, %s", specs[id].name, specs[id].value);
	options->values[id] = value ? value : "";
	return 0;
}

static int
parse_letters(char **arguments, size_t *index, unsigned allowed,
    struct options *options, struct error *error)
{
	for (const char *at = arguments[*index] + 1; *at; at++) {
		enum option_id id = find_letter(*at, allowed);

		if (id == OPTION_COUNT)
			return error_set(
			    error, OPTIONS_E_USAGE, "unknown option '-%c'", *at);
		if (!specs[id].value) {
			options->values[id] = "";
			continue;
		}
		options->values[id] = at[1] ? at + 1 : arguments[++*index];
		if (!options->values[id])
			return error_set(error, OPTIONS_E_USAGE,
			    "option '-%c' needs a value, %s", *at, specs[id].value);
		return 0;
	}
	return 0;
}

int
options_parse(char **arguments, unsigned allowed, struct options *ret_options,
    struct error *ret_error)
{
	struct options options = { .operands = arguments };
	size_t i;
	int r = 0;

	for (i = 0; arguments[i] && strcmp(arguments[i], "--") != 0; i++) {
		if (arguments[i][0] != '-' || arguments[i][1] == '\0')
			arguments[options.n_operands++] = arguments[i];
		else if (arguments[i][1] == '-')
			r = parse_long(arguments, &i, allowed, &options, ret_error);
		else
			r = parse_letters(arguments, &i, allowed, &options, ret_error);
		if (r != 0)
			return r;
	}
	if (arguments[i])
		i++;
	for (; arguments[i]; i++) {
		arguments[options.n_operands++] = arguments[i];
		options.n_separated++;
	}
	arguments[options.n_operands] = NULL;
	*ret_options = options;
	return 0;
}

int
options_number(const struct options *options, enum option_id id, long max,
    long otherwise, long *ret_number, struct error *ret_error)
{
	const char *text = options->values[id];
	char *end;
	long number;

	if (!text) {
		*ret_number = otherwise;
		return 0;
	}
	errno = 0;
	number = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno != 0 || number > max)
		return error_set(ret_error, OPTIONS_E_USAGE,
		    "option '--%s': '%s' is not a whole number from 0 to %ld",
		    specs[id].name, text, max);
	*ret_number = number;
	return 0;
}

size_t
options_first_operand(char *const *arguments)
{
	const unsigned all = OPTION_BIT(OPTION_COUNT) - 1;
	size_t i;

	for (i = 0; arguments[i]; i++) {
		const char *argument = arguments[i];
		enum option_id id = OPTION_COUNT;

		if (argument[0] != '-' || argument[1] == '\0')
			return i;
		if (strcmp(argument, "--") == 0)
			return arguments[i + 1] ? i + 1 : i;
		if (argument[1] == '-')
			id = find_name(argument + 2, strlen(argument + 2), all);
		else if (argument[2] == '\0')
			id = find_letter(argument[1], all);
		if (id != OPTION_COUNT && specs[id].value && arguments[i + 1])
			i++;
	}
	return i;
}
