/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker says of its trading: what is of its form is kept, what is not known is
 * passed over, and nothing else gets in.
 */
#include "supervisor/figures.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/unit/suite.h"

static const struct {
	const char *what, *said, *known; /* NULL: refused */
} cases[] = {
	{ "all of them",
	    "equity=100250.50000000 cash=-3 positions=2 feed_age_ms=0 "
	    "orders=open:1,filled:12 refused=price_collar:3",
	    "equity=100250.50000000 cash=-3 positions=2 feed_age_ms=0 "
	    "orders=open:1,filled:12 refused=price_collar:3" },
	{ "none", "", "" },
	{ "what a later version says", "equity=1 mood=\"not known\"", "equity=1" },
	{ "no counts yet", "orders=\"\" positions=0", "positions=0 orders=\"\"" },
	{ "an event", "worker.exit equity=1", NULL },
	{ "no logfmt", "equity=\"1", NULL },
	{ "no digits", "equity=-", NULL },
	{ "no digits before the point", "equity=.5", NULL },
	{ "no digits behind the point", "equity=1.", NULL },
	{ "two points", "equity=1.2.3", NULL },
	{ "an exponent", "equity=1e9", NULL },
	{ "not a number", "equity=NaN", NULL },
	{ "blanks", "equity=\" 1\"", NULL },
	{ "longer than any", "equity=11111111111111111111111111111111111111111", NULL },
	{ "markup", "equity=<b>", NULL },
	{ "below 0", "positions=-1", NULL },
	{ "part of a position", "positions=1.5", NULL },
	{ "more than can be counted", "feed_age_ms=1000000000000000000", NULL },
	{ "the most", "feed_age_ms=999999999999999999",
	    "feed_age_ms=999999999999999999" },
	{ "a name alone", "orders=open", NULL },
	{ "no name", "orders=:1", NULL },
	{ "no count", "orders=open:", NULL },
	{ "a comma at the end", "orders=open:1,", NULL },
	{ "a comma too many", "orders=open:1,,filled:1", NULL },
	{ "another name than a word", "refused=\"a b:1\"", NULL },
	{ "capitals", "refused=Hold:1", NULL },
	{ "a long name", "refused=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1", NULL },
	{ "as many as may be",
	    "refused=a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1,j:1,k:1,l:1,m:1,n:1,o:1,p:1,"
	    "q:1,r:1,s:1,t:1,u:1,v:1,w:1,x:1",
	    "refused=a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1,j:1,k:1,l:1,m:1,n:1,o:1,p:1,"
	    "q:1,r:1,s:1,t:1,u:1,v:1,w:1,x:1" },
	{ "one more",
	    "refused=a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1,j:1,k:1,l:1,m:1,n:1,o:1,p:1,"
	    "q:1,r:1,s:1,t:1,u:1,v:1,w:1,x:1,y:1",
	    NULL },
};

START_TEST(what_is_kept)
{
	char known[FIGURES_MAX] = "untouched";
	bool is_good = figures_check(cases[_i].said, known);

	ck_assert_msg(is_good == (cases[_i].known != NULL), "%s", cases[_i].what);
	ck_assert_msg(strcmp(known, is_good ? cases[_i].known : "untouched") == 0,
	    "%s: %s", cases[_i].what, known);
}
END_TEST

START_TEST(a_feed_grows_older_by_itself)
{
	char text[FIGURES_MAX], line[256];
	struct record row;

	record_init(&row, "worker");
	figures_fields("equity=1.5 feed_age_ms=200", 3 * NS_PER_S, &row, text);
	record_logfmt(&row, line, sizeof(line));
	ck_assert_str_eq(line, "worker equity=1.5 feed_age_ms=3200");
}
END_TEST

START_TEST(none_are_no_fields)
{
	char text[FIGURES_MAX];
	struct record row;

	record_init(&row, "worker");
	figures_fields("", 0, &row, text);
	ck_assert_uint_eq(row.n_fields, 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, what_is_kept, 0, ARRAY_SIZE(cases));
	tcase_add_test(tcase, a_feed_grows_older_by_itself);
	tcase_add_test(tcase, none_are_no_fields);
}

int
main(void)
{
	return suite_run("figures", add_tests);
}
