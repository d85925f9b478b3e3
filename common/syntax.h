/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The syntax of configuration files, which is libConfuse's, as a tree:
 *
 *	key = value
 *	key = { value, value }
 *	key = value value		the same, where the line ends there
 *	section { … }
 *	section title { … }
 */
#pragma once

#include "common/lexer.h"

#define SYNTAX_SIZE_MAX (16 << 20) /* longest file, in bytes */
#define SYNTAX_DEPTH_MAX 16	   /* sections within sections */

enum syntax_kind { SYNTAX_VALUE, SYNTAX_LIST, SYNTAX_SECTION };

struct syntax_value {
	struct syntax_value *next;
	unsigned line;
	const char *text;
};

struct syntax_entry {
	struct syntax_entry *next; /* in the file's order */
	enum syntax_kind kind;
	unsigned line; /* of the key */
	const char *key;
	const char *title;	    /* of a section; NULL: none */
	struct syntax_value *value; /* one, or a list's first; NULL: an empty list */
	struct syntax_entry *entry; /* a section's first; NULL: an empty section */
};

/** struct syntax - a file as a tree; all zero at first */
struct syntax {
	struct arena arena;
	struct syntax_entry root; /* a section without a key */
};

/**
 * syntax_parse() - read a text, all of it, whatever is wrong with it
 * @on_error: called for each error, in the order of the lines or nearly so
 *
 * Return: 0, also after errors, with everything that could be understood; -ENOMEM. In
 * any case the caller calls syntax_deinit().
 */
int syntax_parse(struct syntax *syntax, const char *text, size_t length,
    syntax_on_error on_error, void *data);

void syntax_deinit(struct syntax *syntax);
