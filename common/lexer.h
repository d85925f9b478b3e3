/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words and signs of a configuration file, each with its line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"

/** syntax_on_error - one thing that is wrong, and in which line */
typedef void (*syntax_on_error)(unsigned line, const char *what, void *data);

enum token_type {
	TOKEN_END,
	TOKEN_TEXT, /* a word, or a quoted text without its quotes */
	TOKEN_EQUALS,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_STRANGE, /* a sign that has no meaning here; @text is it */
};

struct token {
	enum token_type type;
	unsigned line;
	const char *text; /* lives as long as the arena */
};

struct lexer {
	const char *p, *end;
	unsigned line;
	struct arena *arena;
	syntax_on_error on_error;
	void *data;
	bool out_of_memory;
};

/**
 * lexer_next() - the next token
 *
 * What is wrong within a token (no closing quote, a bad escape) is reported, and the
 * token returned as far as it goes. After the end it is TOKEN_END again and again,
 * which is also what running out of memory looks like.
 */
struct token lexer_next(struct lexer *lexer);
