/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a configuration file into tokens. The forms are libConfuse's: words without
 * quotes, "text" with escapes and ${VARIABLES}, 'text' without, and comments after #
 * and // and between slash-star pairs. Two are narrower: a text in quotes ends in the
 * line in which it begins, so that a forgotten quote is noticed there, and a variable
 * that is not set and has no default is an error. What the tokens mean is syntax.c's
 * business.
 */
#include "common/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE_MAX 256 /* between the braces of ${…} */

static void __attribute__((format(printf, 3, 4)))
report(struct lexer *lexer, unsigned line, const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	lexer->on_error(line, what, lexer->data);
}

static struct token
end_of_memory(struct lexer *lexer)
{
	lexer->out_of_memory = true;
	lexer->p = lexer->end;
	return (struct token){ .type = TOKEN_END, .line = lexer->line };
}

static struct token
text_token(struct lexer *lexer, const char *text, size_t length)
{
	char *copy = arena_copy(lexer->arena, text, length);

	if (!copy)
		return end_of_memory(lexer);
	return (struct token){ TOKEN_TEXT, lexer->line, copy };
}

static bool
begins_with(const struct lexer *lexer, const char *what)
{
	size_t length = strlen(what);

	return (size_t)(lexer->end - lexer->p) >= length &&
	       memcmp(lexer->p, what, length) == 0;
}

static void
skip_line(struct lexer *lexer)
{
	while (lexer->p < lexer->end && *lexer->p != '\n')
		lexer->p++;
}

static void
skip_long_comment(struct lexer *lexer)
{
	unsigned begin = lexer->line;

	for (lexer->p += 2; lexer->p < lexer->end; lexer->p++) {
		if (begins_with(lexer, "*/")) {
			lexer->p += 2;
			return;
		}
		if (*lexer->p == '\n')
			lexer->line++;
	}
	report(lexer, begin, "syntax: the comment that begins here has no end");
}

static void
skip_blanks(struct lexer *lexer)
{
	for (; lexer->p < lexer->end;) {
		if (*lexer->p == '\n') {
			lexer->line++;
			lexer->p++;
		} else if (strchr(" \t\r\f\v", *lexer->p)) {
			lexer->p++;
		} else if (*lexer->p == '#' || begins_with(lexer, "//")) {
			skip_line(lexer);
		} else if (begins_with(lexer, "/*")) {
			skip_long_comment(lexer);
		} else {
			break;
		}
	}
}

/* The value of "${NAME}" or "${NAME:-default}"; @inside is what stands in the braces.
 */
static const char *
expand(struct lexer *lexer, char *inside)
{
	char *separator = strstr(inside, ":-");
	const char *value;

	if (separator)
		*separator = '\0';
	value = getenv(inside);
	if (value)
		return value;
	if (separator)
		return separator + 2;
	report(lexer, lexer->line,
	    "syntax: ${%.64s}: the environment has no such variable", inside);
	return "";
}

/* At "${…}": its value, and the cursor behind it. NULL: it is not closed in this line.
 */
static const char *
take_variable(struct lexer *lexer)
{
	const char *begin = lexer->p + 2, *close = begin;
	char *inside;

	while (close < lexer->end && close - begin < VARIABLE_MAX && *close != '}' &&
	       *close != '\n' && *close != '"')
		close++;
	if (close == lexer->end || *close != '}')
		return NULL;
	inside = arena_copy(lexer->arena, begin, (size_t)(close - begin));
	if (!inside) {
		end_of_memory(lexer);
		return NULL;
	}
	lexer->p = close + 1;
	return expand(lexer, inside);
}

/* A text that grows, for what is longer than its source. */
struct growing {
	char *bytes;
	size_t length, size;
	bool failed;
};

static void
grow(struct growing *text, const char *bytes, size_t length)
{
	if (text->length + length > text->size) {
		size_t size = 2 * (text->length + length) + 64;
		char *larger = realloc(text->bytes, size);

		if (!larger) {
			text->failed = true;
			return;
		}
		text->bytes = larger;
		text->size = size;
	}
	if (length > 0)
		memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

static unsigned
take_digits(struct lexer *lexer, unsigned base, unsigned most)
{
	unsigned value = 0;

	for (; most > 0 && lexer->p < lexer->end; most--, lexer->p++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit =
		    memchr(digits, *lexer->p | 0x20, sizeof(digits) - 1);

		if (!digit || (unsigned)(digit - digits) >= base)
			break;
		value = value * base + (unsigned)(digit - digits);
	}
	return value;
}

/* Behind a backslash within double quotes. */
static void
take_escape(struct lexer *lexer, struct growing *text)
{
	static const char letters[] = "nrtbfaev", meanings[] = "\n\r\t\b\f\a\x1b\v";
	char c = *lexer->p++;
	const char *letter = memchr(letters, c, sizeof(letters) - 1);
	unsigned value;

	if (c == 'x' || (c >= '0' && c <= '7')) {
		if (c != 'x')
			lexer->p--;
		value = c == 'x' ? take_digits(lexer, 16, 2) : take_digits(lexer, 8, 3);
		if (value == 0 || value > 0xff)
			report(lexer, lexer->line,
			    "syntax: \\%c is not followed by the number of a character",
			    c);
		else
			grow(text, &(char){ (char)value }, 1);
	} else if (letter) {
		grow(text, &meanings[letter - letters], 1);
	} else {
		grow(text, &c, 1);
	}
}

/* Within 'single quotes' a backslash protects itself and the quote, and nothing else.
 */
static void
take_single_escape(struct lexer *lexer, struct growing *text)
{
	if (*lexer->p != '\'' && *lexer->p != '\\')
		grow(text, "\\", 1);
	grow(text, lexer->p++, 1);
}

static void
take_quoted_piece(struct lexer *lexer, char quote, struct growing *text)
{
	const char *value;

	if (*lexer->p == '\\' && lexer->end - lexer->p > 1) {
		lexer->p++;
		if (*lexer->p == '\n') {
			lexer->line++;
			lexer->p++;
		} else if (quote == '"') {
			take_escape(lexer, text);
		} else {
			take_single_escape(lexer, text);
		}
	} else if (quote == '"' && begins_with(lexer, "${") &&
		   (value = take_variable(lexer))) {
		grow(text, value, strlen(value));
	} else if (lexer->p < lexer->end) {
		grow(text, lexer->p++, 1);
	}
}

static struct token
take_quoted(struct lexer *lexer)
{
	unsigned line = lexer->line;
	char quote = *lexer->p++;
	struct growing text = { 0 };
	struct token token;

	while (lexer->p < lexer->end && *lexer->p != quote && *lexer->p != '\n')
		take_quoted_piece(lexer, quote, &text);
	if (lexer->p < lexer->end && *lexer->p == quote)
		lexer->p++;
	else if (!lexer->out_of_memory)
		report(lexer, line,
		    "syntax: the text that begins here has no closing %c", quote);

	token = text.failed
		    ? end_of_memory(lexer)
		    : text_token(lexer, text.bytes ? text.bytes : "", text.length);
	token.line = line;
	free(text.bytes);
	return token;
}

static bool
is_word_char(const struct lexer *lexer)
{
	if (lexer->p == lexer->end || strchr(" \t\r\n\f\v#\"'={}(),", *lexer->p))
		return false;
	if (*lexer->p == '/')
		return !begins_with(lexer, "//") && !begins_with(lexer, "/*");
	return *lexer->p != '+' || !begins_with(lexer, "+=");
}

static struct token
take_word(struct lexer *lexer)
{
	const char *begin = lexer->p;

	while (is_word_char(lexer))
		lexer->p++;
	return text_token(lexer, begin, (size_t)(lexer->p - begin));
}

struct token
lexer_next(struct lexer *lexer)
{
	static const char signs[] = "={},";
	static const enum token_type types[] = { TOKEN_EQUALS, TOKEN_OPEN, TOKEN_CLOSE,
		TOKEN_COMMA };
	const char *sign, *value;
	struct token token;

	skip_blanks(lexer);
	if (lexer->p == lexer->end)
		return (struct token){ .type = TOKEN_END, .line = lexer->line };
	if (*lexer->p == '"' || *lexer->p == '\'')
		return take_quoted(lexer);
	if (begins_with(lexer, "${") && (value = take_variable(lexer)))
		return text_token(lexer, value, strlen(value));
	if (is_word_char(lexer))
		return take_word(lexer);

	sign = memchr(signs, *lexer->p, sizeof(signs) - 1);
	token = text_token(lexer, lexer->p, begins_with(lexer, "+=") ? 2 : 1);
	if (token.type == TOKEN_END)
		return token;
	token.type = sign ? types[sign - signs] : TOKEN_STRANGE;
	lexer->p += strlen(token.text);
	return token;
}
