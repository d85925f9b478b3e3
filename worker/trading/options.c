/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of tradesup-worker as a table, and its parser, which is pure: it neither
 * prints nor exits, and proposes the option that was meant.
 */
#include "worker/trading/options.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/near.h"

enum effect {
	EFFECT_ACTION,
	EFFECT_CONFIG,
	EFFECT_TEXT,
	EFFECT_BACKUP,
	EFFECT_ONCE,
	EFFECT_JSON,
	EFFECT_ACCEPT,
	EFFECT_FLATTEN
};

struct option {
	char letter;	  /* '\0': none */
	const char *name; /* without the dashes */
	enum effect effect;
	enum worker_action action;
	const char *summary;
};

static const struct option table[] = {
	{ 'c', "config", EFFECT_CONFIG, ACTION_RUN, "FILE: the configuration" },
	{ '\0', "text-fd", EFFECT_TEXT, ACTION_RUN,
	    "N: read what FILE held from this descriptor" },
	{ '\0', "once", EFFECT_ONCE, ACTION_RUN, "run a single cycle" },
	{ '\0', "check", EFFECT_ACTION, ACTION_CHECK,
	    "check what the trading sections need, and exit" },
	{ '\0', "ledger", EFFECT_ACTION, ACTION_LEDGER,
	    "print the report on the worker's trading" },
	{ '\0', "json", EFFECT_JSON, ACTION_RUN,
	    "with --ledger or --reconcile: as JSON" },
	{ '\0', "backup", EFFECT_BACKUP, ACTION_RUN,
	    "FILE: with --ledger: copy the journal instead" },
	{ '\0', "make-safe", EFFECT_ACTION, ACTION_MAKE_SAFE,
	    "cancel the worker's open orders" },
	{ '\0', "reconcile", EFFECT_ACTION, ACTION_RECONCILE,
	    "hold the broker against the journal" },
	{ '\0', "accept", EFFECT_ACCEPT, ACTION_RUN,
	    "with --reconcile: the broker is right" },
	{ '\0', "panic", EFFECT_ACTION, ACTION_PANIC,
	    "stop new orders, cancel all that are open" },
	{ '\0', "flatten", EFFECT_FLATTEN, ACTION_RUN,
	    "with --panic: close the positions, too" },
	{ '\0', "registry", EFFECT_ACTION, ACTION_REGISTRY,
	    "print the built-in registry" },
#ifdef TRADESUP_KILL_POINTS
	{ '\0', "kill-points", EFFECT_ACTION, ACTION_KILL_POINTS,
	    "print the steps that TRADESUP_KILL_AT knows" },
#endif
	{ 'h', "help", EFFECT_ACTION, ACTION_HELP, "print this help" },
	{ 'V', "version", EFFECT_ACTION, ACTION_VERSION, "print the version" },
};

struct parser {
	char *const *next;  /* argument */
	bool only_operands; /* after -- */
	bool has_action;
	struct worker_options options;
	struct error *error;
};

static const struct option *
find_option(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strlen(table[i].name) == length &&
		    memcmp(table[i].name, name, length) == 0)
			return &table[i];
	return NULL;
}

static const struct option *
find_letter(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (letter && table[i].letter == letter)
			return &table[i];
	return NULL;
}

static int
unknown(struct parser *parser, const char *argument)
{
	const char *names[ARRAY_SIZE(table)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		names[i] = table[i].name;
	near = near_find(argument + strspn(argument, "-"), names, ARRAY_SIZE(names));
	if (!near)
		return error_set(
		    parser->error, OPTIONS_E_USAGE, "unknown option '%s'", argument);
	return error_set(parser->error, OPTIONS_E_USAGE,
	    "unknown option '%s'; did you mean '--%s'?", argument, near);
}

static bool
takes_value(const struct option *option)
{
	return option->effect == EFFECT_CONFIG || option->effect == EFFECT_TEXT ||
	       option->effect == EFFECT_BACKUP;
}

/* Where the value of such an option goes. */
static const char **
value_of(struct worker_options *options, const struct option *option)
{
	if (option->effect == EFFECT_TEXT)
		return &options->text_fd;
	return option->effect == EFFECT_BACKUP ? &options->backup : &options->config;
}

/* @value: NULL: none was written with the option. */
static int
take(struct parser *parser, const struct option *option, const char *value)
{
	if (takes_value(option)) {
		if (!value)
			value = *parser->next ? *parser->next++ : NULL;
		if (!value)
			return error_set(parser->error, OPTIONS_E_USAGE,
			    "option '--%s' needs %s", option->name,
			    option->effect == EFFECT_TEXT ? "a number" : "a FILE");
		*value_of(&parser->options, option) = value;
		return 0;
	}
	if (value)
		return error_set(parser->error, OPTIONS_E_USAGE,
		    "option '--%s' takes no value", option->name);
	if (option->effect == EFFECT_ONCE)
		parser->options.once = true;
	else if (option->effect == EFFECT_JSON)
		parser->options.json = true;
	else if (option->effect == EFFECT_ACCEPT)
		parser->options.accept = true;
	else if (option->effect == EFFECT_FLATTEN)
		parser->options.flatten = true;
	else if (parser->has_action && parser->options.action != option->action)
		return error_set(parser->error, OPTIONS_E_USAGE,
		    "option '--%s' cannot go with another of its kind", option->name);
	else
		parser->options.action = option->action;
	parser->has_action |= option->effect == EFFECT_ACTION;
	return 0;
}

static int
take_argument(struct parser *parser, const char *argument)
{
	const struct option *option;
	size_t length;

	if (parser->only_operands || argument[0] != '-' || !argument[1]) {
		if (parser->options.name)
			return error_set(parser->error, OPTIONS_E_USAGE,
			    "one worker at a time: '%s' is one too many", argument);
		parser->options.name = argument;
		return 0;
	}
	if (strcmp(argument, "--") == 0) {
		parser->only_operands = true;
		return 0;
	}
	if (argument[1] != '-') {
		option = find_letter(argument[1]);
		return option ? take(parser, option, argument[2] ? argument + 2 : NULL)
			      : unknown(parser, argument);
	}
	length = strcspn(argument + 2, "=");
	option = find_option(argument + 2, length);
	if (!option)
		return unknown(parser, argument);
	return take(
	    parser, option, argument[2 + length] ? argument + 3 + length : NULL);
}

/* What only makes sense together. */
static int
check_combination(const struct worker_options *options, struct error *error)
{
	bool needs_name = options->action == ACTION_RUN ||
			  options->action == ACTION_LEDGER ||
			  options->action == ACTION_MAKE_SAFE || options->accept;

	if (needs_name && !options->name)
		return error_set(
		    error, OPTIONS_E_USAGE, "which worker? its NAME is missing");
	if (options->once && options->action != ACTION_RUN)
		return error_set(error, OPTIONS_E_USAGE, "--once is for running");
	if (options->text_fd &&
	    (strspn(options->text_fd, "0123456789") != strnlen(options->text_fd, 9) ||
		!options->text_fd[0]))
		return error_set(error, OPTIONS_E_USAGE,
		    "--text-fd: '%s' is no descriptor", options->text_fd);
	if (options->text_fd && !options->config)
		return error_set(
		    error, OPTIONS_E_USAGE, "--text-fd goes with --config");
	if (options->json && options->action != ACTION_LEDGER &&
	    options->action != ACTION_RECONCILE)
		return error_set(
		    error, OPTIONS_E_USAGE, "--json goes with --ledger or --reconcile");
	if (options->backup && (options->action != ACTION_LEDGER || options->json))
		return error_set(
		    error, OPTIONS_E_USAGE, "--backup goes with --ledger alone");
	if (options->accept && options->action != ACTION_RECONCILE)
		return error_set(
		    error, OPTIONS_E_USAGE, "--accept goes with --reconcile");
	if (options->flatten && options->action != ACTION_PANIC)
		return error_set(error, OPTIONS_E_USAGE, "--flatten goes with --panic");
	return 0;
}

int
worker_options_parse(
    char *const *argv, struct worker_options *ret_options, struct error *error)
{
	struct parser parser = { .next = argv[0] ? argv + 1 : argv, .error = error };
	int r;

	while (*parser.next) {
		r = take_argument(&parser, *parser.next++);
		if (r)
			return r;
	}
	r = check_combination(&parser.options, error);
	if (r)
		return r;
	*ret_options = parser.options;
	return 0;
}

void
worker_options_help(FILE *out)
{
	fputs(
	    "usage: tradesup-worker [-c FILE] [--once] NAME\n"
	    "       tradesup-worker --check [-c FILE] [NAME]\n"
	    "       tradesup-worker --ledger [-c FILE] [--json | --backup FILE] NAME\n"
	    "       tradesup-worker --make-safe [-c FILE] NAME\n"
	    "       tradesup-worker --reconcile [-c FILE] [--json] [[--accept] NAME]\n"
	    "       tradesup-worker --panic [-c FILE] [--flatten] [NAME]\n"
	    "       tradesup-worker --registry\n\n"
	    "Runs the trading worker NAME of a configuration: tradesup-worker(1).\n\n",
	    out);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		fprintf(out, "  %c%c%s --%-12s %s\n", table[i].letter ? '-' : ' ',
		    table[i].letter ? table[i].letter : ' ',
		    table[i].letter ? "," : " ", table[i].name, table[i].summary);
}
