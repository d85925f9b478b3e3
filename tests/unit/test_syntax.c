/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The syntax of configuration files: what is understood, what is not, and in which
 * line.
 */
#include "common/syntax.h"

#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

/* The errors of one text, "line: what" each. */
struct told {
	char text[4096];
};

static void
on_error(unsigned line, const char *what, void *data)
{
	struct told *told = data;
	size_t used = strlen(told->text);

	snprintf(told->text + used, sizeof(told->text) - used, "%s%u: %s",
	    used > 0 ? "\n" : "", line, what);
}

/* The tree as text: key=value, key=[a|b], key:title{…}. */
static void
write_entries(const struct syntax_entry *entry, FILE *out)
{
	for (; entry; entry = entry->next) {
		fprintf(out, "%s", entry->key);
		if (entry->kind == SYNTAX_SECTION) {
			fprintf(out, "%s%s{", entry->title ? ":" : "",
			    entry->title ? entry->title : "");
			write_entries(entry->entry, out);
			fprintf(out, "}");
		} else if (entry->kind == SYNTAX_LIST) {
			fprintf(out, "=[");
			for (struct syntax_value *v = entry->value; v; v = v->next)
				fprintf(out, "%s%s", v->text, v->next ? "|" : "");
			fprintf(out, "]");
		} else {
			fprintf(out, "=%s", entry->value->text);
		}
		fprintf(out, entry->next ? " " : "");
	}
}

static char *
parse(const char *text, size_t length, struct told *told)
{
	struct syntax syntax = { 0 };
	char *tree = NULL;
	size_t size;
	FILE *out = open_memstream(&tree, &size);

	memset(told, 0, sizeof(*told));
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(syntax_parse(&syntax, text, length, on_error, told), 0);
	write_entries(syntax.root.entry, out);
	fclose(out);
	syntax_deinit(&syntax);
	return tree;
}

static const struct {
	const char *text, *tree;
} good[] = {
	{ "", "" },
	{ " \t\r\n# only a comment", "" },
	{ "a=1", "a=1" },
	{ "a = 1 b = 2\nc=3", "a=1 b=2 c=3" },
	{ "a = 1 # comment\nb = 2 // comment\n/* long\n * comment */ c = /**/ 3",
	    "a=1 b=2 c=3" },
	{ "a { }", "a{}" },
	{ "a{b=1}c=2", "a{b=1} c=2" },
	{ "worker flow { trading { cycle = 5s } }", "worker:flow{trading{cycle=5s}}" },
	{ "worker \"a b\"\n{\n}", "worker:a b{}" },
	{ "l = { }", "l=[]" },
	{ "l = { a }", "l=[a]" },
	{ "l = {\n  \"a\",\n  b,\n}", "l=[a|b]" },
	{ "p = /usr/bin/x", "p=/usr/bin/x" },
	{ "p = ./x.so", "p=./x.so" },
	{ "n = -1.5e+3", "n=-1.5e+3" },
	{ "s = \"\"", "s=" },
	{ "s = \"two words\"", "s=two words" },
	{ "s = \"# { } = , '\"", "s=# { } = , '" },
	{ "s = \"a\\\"b\\\\c\\td\\x41\\101\"", "s=a\"b\\c\tdAA" },
	{ "s = \"one \\\n line\"\nb = 1", "s=one  line b=1" },
	{ "s = 'a\\n\"b\\'c\\\\'", "s=a\\n\"b'c\\" },
	{ "s = \"${TRADESUP_TEST}/x\"", "s=value/x" },
	{ "s = ${TRADESUP_TEST}", "s=value" },
	{ "s = \"${TRADESUP_NONE:-else}\"", "s=else" },
	{ "s = '${TRADESUP_TEST}'", "s=${TRADESUP_TEST}" },
	{ "s = \"$5 and ${open\"", "s=$5 and ${open" },
};

START_TEST(what_is_right_is_understood)
{
	struct told told;
	char *tree;

	setenv("TRADESUP_TEST", "value", 1);
	tree = parse(good[_i].text, strlen(good[_i].text), &told);
	ck_assert_str_eq(told.text, "");
	ck_assert_str_eq(tree, good[_i].tree);
	free(tree);
}
END_TEST

static const struct {
	const char *text, *errors, *tree;
} bad[] = {
	{ "a", "1: a: expected = or {", "" },
	{ "a\nb = 1", "1: a: expected = or {", "b=1" },
	{ "a b c = 1\nd = 2", "1: a: expected {, found \"c\"", "d=2" },
	{ "a b c { x = 1\n y = 2 }\nd = 2", "1: a: expected {, found \"c\"", "d=2" },
	{ "a =\nb = 1", "1: a: expected a value behind =", "b=1" },
	{ "a = = 2\nb = 1", "1: a: expected a value behind =, found \"=\"", "b=1" },
	{ "= 2\nb = 1", "1: syntax: expected a key, found \"=\"", "b=1" },
	{ "a += 2\nb = 1", "1: a: expected = or {, found \"+=\"", "b=1" },
	{ "include(\"x\")\nb = 1", "1: include: expected = or {, found \"(\"", "b=1" },
	{ "a = 1, 2\nb = 1", "1: syntax: expected a key, found \",\"", "a=1 b=1" },
	{ "l = { a b }\nc = 1",
	    "1: l: expected a comma or }, found \"b\"\n"
	    "1: }: no section is open here",
	    "c=1" },
	{ "l = { a,\nb = 1", "2: l: expected a comma or }, found \"=\"", "" },
	{ "a {\n b = 1\n", "1: a: the section that begins here has no closing }",
	    "a{b=1}" },
	{ "a x {\n b {\n",
	    "2: b: the section that begins here has no closing }\n"
	    "1: a x: the section that begins here has no closing }",
	    "a:x{b{}}" },
	{ "a { }\n}\nb = 1\n}",
	    "2: }: no section is open here\n4: }: no section is open here", "a{} b=1" },
	{ "s = \"open\nb = 1", "1: syntax: the text that begins here has no closing \"",
	    "s=open b=1" },
	{ "s = 'open", "1: syntax: the text that begins here has no closing '",
	    "s=open" },
	{ "s = \"\\", "1: syntax: the text that begins here has no closing \"",
	    "s=\\" },
	{ "b = 1 /* open\n\n", "1: syntax: the comment that begins here has no end",
	    "b=1" },
	{ "s = \"\\0\"", "1: syntax: \\0 is not followed by the number of a character",
	    "s=" },
	{ "s = \"\\777\"",
	    "1: syntax: \\7 is not followed by the number of a character", "s=" },
	{ "s = \"\\x\"", "1: syntax: \\x is not followed by the number of a character",
	    "s=" },
	{ "s = ${TRADESUP_NONE}",
	    "1: syntax: ${TRADESUP_NONE}: the environment has no such variable", "s=" },
};

START_TEST(what_is_wrong_is_told_and_the_rest_understood)
{
	struct told told;
	char *tree = parse(bad[_i].text, strlen(bad[_i].text), &told);

	ck_assert_str_eq(told.text, bad[_i].errors);
	ck_assert_str_eq(tree, bad[_i].tree);
	free(tree);
}
END_TEST

START_TEST(lines_are_those_of_the_keys)
{
	static const char text[] = "# comment\n"
				   "/* long\n comment */ a = 1\n"
				   "b { # comment\n"
				   "  c =  \"x\\\n y\" d = 1\n"
				   "  e = {\n"
				   "    f, g } } h = 1\n";
	static const unsigned lines[] = { 3, 4, 5, 6, 7, 8 };
	const struct syntax_entry *a, *b, *c, *d, *e, *h;
	struct syntax syntax = { 0 };
	struct told told = { "" };

	ck_assert_int_eq(
	    syntax_parse(&syntax, text, sizeof(text) - 1, on_error, &told), 0);
	ck_assert_str_eq(told.text, "");
	a = syntax.root.entry;
	b = a->next;
	c = b->entry;
	d = c->next;
	e = d->next;
	h = b->next;
	ck_assert_uint_eq(a->line, lines[0]);
	ck_assert_uint_eq(b->line, lines[1]);
	ck_assert_uint_eq(c->line, lines[2]);
	ck_assert_uint_eq(d->line, lines[3]);
	ck_assert_uint_eq(e->line, lines[4]);
	ck_assert_uint_eq(e->value->line, lines[5]);
	ck_assert_uint_eq(h->line, lines[5]);
	syntax_deinit(&syntax);
}
END_TEST

START_TEST(what_is_no_text_is_refused_at_once)
{
	static const char *const texts[] = { "a = 1\nb\0 = 2", "a = 1\n\x01",
		"a = 1\n\x7f" };
	static const size_t lengths[] = { 12, 7, 7 };
	struct told told;
	char *tree = parse(texts[_i], lengths[_i], &told);

	ck_assert_str_eq(told.text,
	    "2: syntax: a NUL or control character, so this is no text file");
	ck_assert_str_eq(tree, "");
	free(tree);
}
END_TEST

START_TEST(nesting_is_bounded)
{
	char text[4096] = "";
	struct told told;
	char *tree;

	for (int i = 0; i < SYNTAX_DEPTH_MAX; i++)
		strcat(text, "a {\n");
	for (int i = 0; i < SYNTAX_DEPTH_MAX; i++)
		strcat(text, "}");
	tree = parse(text, strlen(text), &told);
	ck_assert_str_eq(told.text, "");
	free(tree);

	text[0] = '\0';
	for (int i = 0; i < 500; i++)
		strcat(text, "a {\n");
	tree = parse(text, strlen(text), &told);
	ck_assert_ptr_nonnull(
	    strstr(told.text, "17: a: sections are nested more than 16"));
	free(tree);
}
END_TEST

START_TEST(a_large_hostile_file_takes_linear_time)
{
	static const char *const pieces[] = { "}", "a{", "a=1}", "\"", "a={", "${",
		"\\", "a=\"\\", "/*", "=", "a=1 ", "a b{}" };
	size_t length = 1 << 20, piece = strlen(pieces[_i]);
	char *text = malloc(length);
	struct told told = { "" };
	struct syntax syntax = { 0 };

	for (size_t i = 0; i < length; i++)
		text[i] = pieces[_i][i % piece];
	ck_assert_int_eq(syntax_parse(&syntax, text, length, on_error, &told), 0);
	syntax_deinit(&syntax);
	free(text);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, what_is_right_is_understood, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(
	    tcase, what_is_wrong_is_told_and_the_rest_understood, 0, ARRAY_SIZE(bad));
	tcase_add_test(tcase, lines_are_those_of_the_keys);
	tcase_add_loop_test(tcase, what_is_no_text_is_refused_at_once, 0, 3);
	tcase_add_test(tcase, nesting_is_bounded);
	tcase_add_loop_test(tcase, a_large_hostile_file_takes_linear_time, 0, 12);
}

int
main(void)
{
	return suite_run("syntax", add_tests);
}
