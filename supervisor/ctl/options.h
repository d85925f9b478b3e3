/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of every verb: one table of options, of which a verb allows a set,
 * and a parser that takes them before and after the operands, up to `--`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum option_id {
	OPTION_CONFIG,
	OPTION_JSON,
	OPTION_LOG_FORMAT,
	OPTION_LOG_LEVEL,
	OPTION_FOLLOW,
	OPTION_LINES,
	OPTION_WORKER,
	OPTION_GROUP,
	OPTION_KEEP,
	OPTION_DIFF,
	OPTION_LAST,
	OPTION_REASON,
	OPTION_SINCE,
	OPTION_MATCH,
	OPTION_WATCH,
	OPTION_BACKUP,
	OPTION_ACCEPT,
	OPTION_FLATTEN,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_COUNT
};

#define OPTION_BIT(id) (1u << (id))

/** struct option_spec - how an option is written, and what it does in one line */
struct option_spec {
	char letter;	   /* '\0': none */
	const char *name;  /* without the dashes */
	const char *value; /* what the value is called in the help; NULL: a flag */
	const char *summary;
	const char *words; /* the values there are, for completion; NULL: any */
};

/** options_spec() - the table's entry; never NULL. */
const struct option_spec *options_spec(enum option_id id);

/** struct options - a parsed command line; borrows from the arguments */
struct options {
	const char *values[OPTION_COUNT]; /* NULL: not given; a flag's is "" */
	char **operands;		  /* NULL-terminated */
	size_t n_operands;
	size_t n_separated; /* how many of the operands stood after `--` */
};

#define OPTIONS_E_USAGE 1 /* @error says what is wrong, and names the near option */

/**
 * options_parse() - read the arguments after the verb
 * @arguments: NULL-terminated; the operands are moved to its front
 * @allowed: set of OPTION_BIT()
 *
 * `-c FILE`, `-cFILE`, `--config FILE` and `--config=FILE` are the same; flags of one
 * letter can be written together. The last of several values counts. Return: 0,
 * OPTIONS_E_USAGE.
 */
int options_parse(char **arguments, unsigned allowed, struct options *ret_options,
    struct error *ret_error);

/** options_has() - whether the option was given. */
static inline bool
options_has(const struct options *options, enum option_id id)
{
	return options->values[id] != NULL;
}

/**
 * options_number() - an option's value as a whole number from 0 to @max
 * @otherwise: what it is when the option was not given
 *
 * Return: 0, OPTIONS_E_USAGE.
 */
int options_number(const struct options *options, enum option_id id, long max,
    long otherwise, long *ret_number, struct error *ret_error);

/**
 * options_first_operand() - index of the first argument that is neither an option nor
 * its value, taking all options for allowed
 * @arguments: NULL-terminated; read only
 *
 * Return: the index; that of the NULL if there is none.
 */
size_t options_first_operand(char *const *arguments);
