/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a tree of a configuration file's tokens. It knows no key: whether one exists,
 * and what it may be, is for the caller to say.
 *
 * Why not libConfuse itself, whose syntax this is: version 3.3, which the distributions
 * have, takes an unclosed section or comment for closed, counts three lines for each
 * line with a comment, so that it cannot say where an error is, stops at the first key
 * that it does not know, lets a second section of the same title replace the first, and
 * looks for that title in time that is quadratic in the number of sections.
 *
 * After an error the rest of the line is skipped, and with it the section that it
 * opens.
 */
#include "common/syntax.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/record.h"

struct parser {
	struct lexer lexer;
	struct token token; /* the next one */
	unsigned depth;
	unsigned
	    lost_line; /* of the last error: what is left of it cannot be understood */
};

static void __attribute__((format(printf, 3, 4)))
report(struct parser *parser, unsigned line, const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	parser->lost_line = line;
	parser->lexer.on_error(line, what, parser->lexer.data);
}

/* Of a token that is only looked at: it comes again. */
static void
ignore_error(unsigned line, const char *what, void *data)
{
	(void)line, (void)what, (void)data;
}

static void
advance(struct parser *parser)
{
	parser->token = lexer_next(&parser->lexer);
}

static bool
take(struct parser *parser, enum token_type type)
{
	if (parser->token.type != type)
		return false;
	advance(parser);
	return true;
}

static void
report_expected(
    struct parser *parser, unsigned line, const char *key, const char *expected)
{
	const struct token *token = &parser->token;
	char found[64];

	if (token->type == TOKEN_END || token->line != line) {
		report(parser, line, "%.64s: expected %s", key, expected);
		return;
	}
	json_escape(token->text, strnlen(token->text, 40), found, sizeof(found));
	report(parser, line, "%.64s: expected %s, found \"%s\"", key, expected, found);
}

/* Behind an open brace: to behind the one that closes it. */
static void
skip_block(struct parser *parser)
{
	unsigned open = 1;

	while (open > 0 && parser->token.type != TOKEN_END) {
		if (parser->token.type == TOKEN_OPEN)
			open++;
		if (parser->token.type == TOKEN_CLOSE)
			open--;
		advance(parser);
	}
}

static void
recover(struct parser *parser)
{
	while (parser->token.type != TOKEN_END && parser->token.type != TOKEN_CLOSE &&
	       parser->token.line == parser->lost_line) {
		bool opens = parser->token.type == TOKEN_OPEN;

		advance(parser);
		if (opens)
			skip_block(parser);
	}
}

static bool
take_value(struct parser *parser, struct syntax_value ***tail)
{
	struct syntax_value *value =
	    arena_alloc(parser->lexer.arena, sizeof(struct syntax_value));

	if (!value) {
		parser->lexer.out_of_memory = true;
		return false;
	}
	value->line = parser->token.line;
	value->text = parser->token.text;
	**tail = value;
	*tail = &value->next;
	advance(parser);
	return true;
}

static bool
parse_list(struct parser *parser, struct syntax_entry *entry)
{
	struct syntax_value **tail = &entry->value;

	entry->kind = SYNTAX_LIST;
	while (!take(parser, TOKEN_CLOSE)) {
		if (parser->token.type != TOKEN_TEXT) {
			report_expected(
			    parser, parser->token.line, entry->key, "a value or }");
			return false;
		}
		if (!take_value(parser, &tail))
			return false;
		if (!take(parser, TOKEN_COMMA) && parser->token.type != TOKEN_CLOSE) {
			report_expected(
			    parser, parser->token.line, entry->key, "a comma or }");
			return false;
		}
	}
	return true;
}

/* Whether the next token is a second word of the value: then it ends the line. A key
 * on that line would have its = or { behind it. */
static bool
is_second_word(const struct parser *parser, const struct syntax_entry *entry)
{
	struct lexer lexer = parser->lexer;
	struct token next;

	if (parser->token.type != TOKEN_TEXT || parser->token.line != entry->line)
		return false;
	lexer.on_error = ignore_error;
	next = lexer_next(&lexer);
	return next.type == TOKEN_END || next.type == TOKEN_CLOSE ||
	       next.line != entry->line;
}

static bool
parse_assignment(struct parser *parser, struct syntax_entry *entry)
{
	struct syntax_value **tail = &entry->value;

	if (take(parser, TOKEN_OPEN))
		return parse_list(parser, entry);
	/* A value on a later line is a key whose value is missing. */
	if (parser->token.type != TOKEN_TEXT || parser->token.line != entry->line) {
		report_expected(parser, entry->line, entry->key, "a value behind =");
		return false;
	}
	if (!take_value(parser, &tail))
		return false;
	if (!is_second_word(parser, entry))
		return true;
	entry->kind = SYNTAX_LIST;
	return take_value(parser, &tail);
}

static struct syntax_entry **parse_entries(
    struct parser *parser, struct syntax_entry **tail);

static bool
parse_section(struct parser *parser, struct syntax_entry *section)
{
	section->kind = SYNTAX_SECTION;
	if (parser->depth == SYNTAX_DEPTH_MAX) {
		report(parser, section->line,
		    "%.64s: sections are nested more than %d deep", section->key,
		    SYNTAX_DEPTH_MAX);
		skip_block(parser);
		return true;
	}
	parser->depth++;
	parse_entries(parser, &section->entry);
	parser->depth--;
	if (!take(parser, TOKEN_CLOSE) && !parser->lexer.out_of_memory)
		report(parser, section->line,
		    "%.64s%s%.64s: the section that begins here has no closing }",
		    section->key, section->title ? " " : "",
		    section->title ? section->title : "");
	return true;
}

/* One entry, the cursor on its key. Return: false if nothing came of it. */
static bool
parse_entry(struct parser *parser, struct syntax_entry *entry)
{
	entry->line = parser->token.line;
	entry->key = parser->token.text;
	advance(parser);

	if (take(parser, TOKEN_EQUALS))
		return parse_assignment(parser, entry);
	if (parser->token.type == TOKEN_TEXT && parser->token.line == entry->line) {
		entry->title = parser->token.text;
		advance(parser);
	}
	if (take(parser, TOKEN_OPEN))
		return parse_section(parser, entry);
	report_expected(parser, entry->line, entry->key, entry->title ? "{" : "= or {");
	return false;
}

/* Everything up to the closing brace or the end, put at @tail. Return: the new tail. */
static struct syntax_entry **
parse_entries(struct parser *parser, struct syntax_entry **tail)
{
	while (parser->token.type != TOKEN_END && parser->token.type != TOKEN_CLOSE) {
		struct syntax_entry *entry;

		if (parser->token.type != TOKEN_TEXT) {
			report_expected(parser, parser->token.line, "syntax", "a key");
			recover(parser);
			continue;
		}
		entry = arena_alloc(parser->lexer.arena, sizeof(*entry));
		if (!entry) {
			parser->lexer.out_of_memory = true;
			break;
		}
		if (parse_entry(parser, entry)) {
			*tail = entry;
			tail = &entry->next;
		} else {
			recover(parser);
		}
	}
	return tail;
}

/* Control characters belong into no text file. Return: the line of one, or 0. */
static unsigned
find_binary(const char *text, size_t length)
{
	unsigned line = 1;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n')
			line++;
		else if ((c < ' ' && !strchr("\t\r\f\v", c)) || c == '\0' || c == 0x7f)
			return line;
	}
	return 0;
}

int
syntax_parse(struct syntax *syntax, const char *text, size_t length,
    syntax_on_error on_error, void *data)
{
	struct parser parser = {
		.lexer = { .p = text,
		    .end = text + length,
		    .line = 1,
		    .arena = &syntax->arena,
		    .on_error = on_error,
		    .data = data },
	};
	unsigned binary = find_binary(text, length);
	struct syntax_entry **tail;

	syntax->root.kind = SYNTAX_SECTION;
	if (binary > 0) {
		on_error(binary,
		    "syntax: a NUL or control character, so this is no text file",
		    data);
		return 0;
	}
	advance(&parser);
	tail = parse_entries(&parser, &syntax->root.entry);
	while (parser.token.type == TOKEN_CLOSE) {
		report(&parser, parser.token.line, "}: no section is open here");
		advance(&parser);
		tail = parse_entries(&parser, tail);
	}
	return parser.lexer.out_of_memory ? -ENOMEM : 0;
}

void
syntax_deinit(struct syntax *syntax)
{
	arena_deinit(&syntax->arena);
}
