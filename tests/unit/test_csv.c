/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV: quotes, columns in any order, and what a header must have.
 */
#include "worker/trading/csv.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static char time_name[] = "time", symbol_name[] = "symbol", side_name[] = "side",
	    price_name[] = "price", size_name[] = "size", id_name[] = "id", none[] = "",
	    notional_name[] = "premium, in \"$\"";

struct fixture {
	struct config_file file;
	struct fields fields;
	struct csv csv;
	struct error error;
	char line[256];
};

static void
setup(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->file = (struct config_file){
		.time = time_name,
		.symbol = symbol_name,
		.side = side_name,
		.price = price_name,
		.size = size_name,
		.id = id_name,
		.notional = none,
		.fixed_symbol = none,
	};
	csv_init(&fixture->csv);
}

static int
header(struct fixture *fixture, const char *line)
{
	fields_init(&fixture->fields, &fixture->file);
	strcpy(fixture->line, line);
	return csv_header(&fixture->csv, &fixture->fields, fixture->line, strlen(line),
	    &fixture->error);
}

static const char *
row(struct fixture *fixture, const char *line)
{
	strcpy(fixture->line, line);
	return csv_row(&fixture->csv, fixture->line, strlen(line));
}

static const char *
text(const struct fixture *fixture, enum field field)
{
	const struct field_text *found = fixture->csv.texts[field];

	if (found->text)
		ck_assert_uint_eq(strlen(found->text), found->length);
	return found->text;
}

static const struct {
	const char *header;
	const char *error; /* NULL: fine */
	bool has_side, has_id;
} headers[] = {
	{ "time,symbol,side,price,size,id", NULL, true, true },
	{ "id,size,price,side,symbol,time", NULL, true, true },
	{ "time,symbol,price,size", NULL, false, false },
	{ "x,time,,symbol,price,y,size,side,z", NULL, true, false },
	{ " time , symbol,\tprice,size ", NULL, false, false },
	{ "\"time\",\"symbol\",\"price\",\"size\",\"id\"", NULL, false, true },
	{ "symbol,price,size", "there is no column \"time\" for time in the header", 0,
	    0 },
	{ "time,price,size", "there is no column \"symbol\" for symbol in the header",
	    0, 0 },
	{ "time,symbol,Price,size",
	    "there is no column \"price\" for price in the header", 0, 0 },
	{ "time,symbol,price", "there is no column \"size\" for size in the header", 0,
	    0 },
	{ "time;symbol;price;size",
	    "there is no column \"time\" for time in the header", 0, 0 },
	{ "time,symbol,price,size,price", "the column \"price\" is there twice", 0, 0 },
	{ "time,symbol,\"price,size", "the header's quotes are broken", 0, 0 },
	{ "time,symbol,\"price\"x,size", "the header's quotes are broken", 0, 0 },
};

START_TEST(a_header_says_what_there_is)
{
	struct fixture fixture;
	int r;

	setup(&fixture);
	r = header(&fixture, headers[_i].header);
	if (headers[_i].error) {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_str_eq(fixture.error.text, headers[_i].error);
	} else {
		ck_assert_int_eq(r, 0);
		ck_assert(fixture.fields.has[FIELD_SIDE] == headers[_i].has_side);
		ck_assert(fixture.fields.has[FIELD_ID] == headers[_i].has_id);
	}
	csv_deinit(&fixture.csv);
}
END_TEST

START_TEST(a_notional_that_is_configured_must_be_there)
{
	struct fixture fixture;

	setup(&fixture);
	fixture.file.notional = notional_name;
	ck_assert_int_eq(header(&fixture, "time,symbol,price,size"), -EINVAL);
	ck_assert_int_eq(
	    header(&fixture, "time,symbol,price,size,\"premium, in \"\"$\"\"\""), 0);
	ck_assert_ptr_null(row(&fixture, "1,2,3,4,5"));
	ck_assert_str_eq(text(&fixture, FIELD_NOTIONAL), "5");
	csv_deinit(&fixture.csv);
}
END_TEST

START_TEST(a_fixed_symbol_needs_no_column)
{
	struct fixture fixture;

	setup(&fixture);
	fixture.file.fixed_symbol = symbol_name;
	ck_assert_int_eq(header(&fixture, "time,price,size"), 0);
	ck_assert_ptr_null(row(&fixture, "1,2,3"));
	ck_assert_ptr_null(text(&fixture, FIELD_SYMBOL));
	csv_deinit(&fixture.csv);
}
END_TEST

START_TEST(one_column_may_be_two_fields)
{
	struct fixture fixture;

	setup(&fixture);
	fixture.file.notional = size_name;
	ck_assert_int_eq(header(&fixture, "time,symbol,price,size"), 0);
	ck_assert_ptr_null(row(&fixture, "1,2,3,4"));
	ck_assert_str_eq(text(&fixture, FIELD_SIZE), "4");
	ck_assert_str_eq(text(&fixture, FIELD_NOTIONAL), "4");
	csv_deinit(&fixture.csv);
}
END_TEST

/* Under the header x,time,symbol,price,size,y */
static const struct {
	const char *line;
	const char *broken;
	const char *time, *symbol, *price, *size;
} rows[] = {
	{ "-,a,b,c,d,-", NULL, "a", "b", "c", "d" },
	{ ",,,,,", NULL, "", "", "", "" },
	{ "-,a,b,c,d,-,more,and more", NULL, "a", "b", "c", "d" },
	{ "-, a,b ,c\t,d,-", NULL, " a", "b ", "c\t", "d" },
	{ "-,\"a\",\"b\",\"c\",\"d\",\"-\"", NULL, "a", "b", "c", "d" },
	{ "-,\"a,a\",\"\"\"b\"\"\",\"\",\"d\"\"\",-", NULL, "a,a", "\"b\"", "", "d\"" },
	{ "-,a\"a,b\"\"b\",c,d,-", NULL, "a\"a", "b\"\"b\"", "c", "d" },
	{ "-,a, \"b\",c,d,-", NULL, "a", " \"b\"", "c", "d" },
	{ "-,a,b,c,d", "fewer fields than the header has", 0, 0, 0, 0 },
	{ "-", "fewer fields than the header has", 0, 0, 0, 0 },
	{ "   ", "fewer fields than the header has", 0, 0, 0, 0 },
	{ "-,\"a,b,c,d,-", "broken quotes", 0, 0, 0, 0 },
	{ "-,\"a\"a,b,c,d,-", "broken quotes", 0, 0, 0, 0 },
	{ "-,\"a\" ,b,c,d,-", "broken quotes", 0, 0, 0, 0 },
	{ "-,a,b,c,d,\"", "broken quotes", 0, 0, 0, 0 },
	{ "-,a,b,c,d,-,\"\"\"", "broken quotes", 0, 0, 0, 0 },
};

START_TEST(a_row_is_split_or_broken)
{
	struct fixture fixture;
	const char *broken;

	setup(&fixture);
	ck_assert_int_eq(header(&fixture, "x,time,symbol,price,size,y"), 0);
	broken = row(&fixture, rows[_i].line);
	if (rows[_i].broken) {
		ck_assert_ptr_nonnull(broken);
		ck_assert_str_eq(broken, rows[_i].broken);
	} else {
		ck_assert_ptr_null(broken);
		ck_assert_str_eq(text(&fixture, FIELD_TIME), rows[_i].time);
		ck_assert_str_eq(text(&fixture, FIELD_SYMBOL), rows[_i].symbol);
		ck_assert_str_eq(text(&fixture, FIELD_PRICE), rows[_i].price);
		ck_assert_str_eq(text(&fixture, FIELD_SIZE), rows[_i].size);
		ck_assert_ptr_null(text(&fixture, FIELD_ID));
	}
	csv_deinit(&fixture.csv);
}
END_TEST

START_TEST(a_nul_breaks_a_row)
{
	char line[] = "a,b\0b,c,d";
	struct fixture fixture;

	setup(&fixture);
	ck_assert_int_eq(header(&fixture, "time,symbol,price,size"), 0);
	ck_assert_str_eq(csv_row(&fixture.csv, line, sizeof(line) - 1), "a NUL byte");
	csv_deinit(&fixture.csv);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_header_says_what_there_is, 0, ARRAY_SIZE(headers));
	tcase_add_test(tcase, a_notional_that_is_configured_must_be_there);
	tcase_add_test(tcase, a_fixed_symbol_needs_no_column);
	tcase_add_test(tcase, one_column_may_be_two_fields);
	tcase_add_loop_test(tcase, a_row_is_split_or_broken, 0, ARRAY_SIZE(rows));
	tcase_add_test(tcase, a_nul_breaks_a_row);
}

int
main(void)
{
	return suite_run("csv", add_tests);
}
