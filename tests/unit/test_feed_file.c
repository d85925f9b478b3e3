/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The feed that is a file: its forms, its header, positions, and what makes it
 * unusable.
 */
#include "worker/trading/feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "tests/unit/suite.h"
#include "tests/unit/tempdir.h"

static char time_name[] = "time", symbol_name[] = "symbol", side_name[] = "side",
	    price_name[] = "price", size_name[] = "size", id_name[] = "id", none[] = "";

struct fixture {
	struct tempdir dir;
	char path[128];
	struct config_trading trading;
	struct feed *feed;
	struct error error;
};

static void
setup(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	tempdir_init(&fixture->dir);
	snprintf(fixture->path, sizeof(fixture->path), "%s",
	    tempdir_path(&fixture->dir, "feed"));
	fixture->trading.feed = FEED_FILE;
	fixture->trading.file = (struct config_file){
		.path = fixture->path,
		.format = FEED_FORMAT_AUTO,
		.time_unit = TIME_UNIT_S,
		.time = time_name,
		.symbol = symbol_name,
		.side = side_name,
		.price = price_name,
		.size = size_name,
		.id = id_name,
		.notional = none,
		.fixed_symbol = none,
	};
}

static void
teardown(struct fixture *fixture)
{
	feed_free(fixture->feed);
	tempdir_deinit(&fixture->dir);
}

static void
put(const struct fixture *fixture, const char *mode, const char *text)
{
	FILE *file = fopen(fixture->path, mode);

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void
put_gzip(const struct fixture *fixture, const char *text)
{
	gzFile file = gzopen(fixture->path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(
	    gzwrite(file, text, (unsigned)strlen(text)), (int)strlen(text));
	ck_assert_int_eq(gzclose(file), Z_OK);
}

static int
try_open(struct fixture *fixture, const char *position)
{
	fixture->feed = feed_free(fixture->feed);
	return feed_open(&fixture->trading, NULL, position, &fixture->error, &fixture->feed);
}

static void
open_feed(struct fixture *fixture, const char *position)
{
	int r = try_open(fixture, position);

	ck_assert_msg(r == 0, "%d: %s", r, fixture->error.text);
}

/* The record as one text: "5 A buy 1.5 2 #7", or "!" and what is wrong. */
static int
next(struct fixture *fixture, char ret_text[256])
{
	static const char *const sides[] = { "buy", "sell", "-" };
	struct feed_record record;
	int r = feed_next(fixture->feed, &record, &fixture->error);

	if (r != 0)
		return r;
	if (record.broken)
		snprintf(ret_text, 256, "!%s", record.broken);
	else
		snprintf(ret_text, 256, "%g %s %s %g %g #%s",
		    (double)record.time_ns / 1e9, record.symbol, sides[record.side],
		    (double)record.price / DECIMAL_ONE,
		    (double)record.size / DECIMAL_ONE, record.id);
	return 0;
}

static void
expect(struct fixture *fixture, const char *expected)
{
	char text[256];
	int r = next(fixture, text);

	ck_assert_msg(r == 0, "%d: %s, before %s", r, fixture->error.text, expected);
	ck_assert_str_eq(text, expected);
}

static void
expect_outcome(struct fixture *fixture, int outcome)
{
	char text[256];

	ck_assert_int_eq(next(fixture, text), outcome);
}

#define CSV "time,symbol,side,price,size,id\n"

static const struct {
	const char *what, *file;
	enum feed_format format;
	const char *records[5];
} files[] = {
	{ "CSV", CSV "5,A,buy,1.5,2,7\n6,B,SELL,3,4,8\n", FEED_FORMAT_AUTO,
	    { "5 A buy 1.5 2 #7", "6 B sell 3 4 #8" } },
	{ "CSV, no records", CSV, FEED_FORMAT_AUTO, { NULL } },
	{ "CSV, CRLF, a byte order mark, no last newline",
	    "\xef\xbb\xbf"
	    "time,symbol,price,size\r\n5,A,1,1\r\n6,A,1,1",
	    FEED_FORMAT_CSV, { "5 A - 1 1 #", "6 A - 1 1 #" } },
	{ "CSV, blank lines anywhere", "\n \t\n" CSV "\n\r\n5,A,buy,1,1,7\n\n",
	    FEED_FORMAT_AUTO, { "5 A buy 1 1 #7" } },
	{ "CSV, broken rows between good ones",
	    CSV "5,A,buy,1,1,7\n5,A,buy,1,1\n  \n5,A,,1,1,7\n6,A,buy,1,1,\n",
	    FEED_FORMAT_AUTO,
	    { "5 A buy 1 1 #7", "!fewer fields than the header has",
		"!fewer fields than the header has", "!side: empty", "!id: empty" } },
	{ "CSV, other columns between",
	    "x,id,size,y,price,symbol,time\n-,7,2,-,1,A,5\n", FEED_FORMAT_AUTO,
	    { "5 A - 1 2 #7" } },
	{ "NDJSON",
	    "{\"time\":5,\"symbol\":\"A\",\"side\":\"Buy\",\"price\":1.5,\"size\":"
	    "\"2\",\"id\":7}\n",
	    FEED_FORMAT_AUTO, { "5 A buy 1.5 2 #7" } },
	{ "NDJSON, blank lines and a byte order mark",
	    "\xef\xbb\xbf"
	    "\n  {\"time\":5,\"symbol\":\"A\",\"price\":1,\"size\":1}\r\n \t\n",
	    FEED_FORMAT_AUTO, { "5 A - 1 1 #" } },
	{ "NDJSON, no records", " \n\n", FEED_FORMAT_NDJSON, { NULL } },
	{ "NDJSON, the first object says what there is",
	    "nonsense\n{\"side\":\"buy\"}\n{\"time\":5,\"symbol\":\"A\",\"price\":1,"
	    "\"size\":1}\n"
	    "{\"time\":5,\"symbol\":\"A\",\"side\":null,\"price\":1,\"size\":1}\n{"
	    "\"time\":5,\"symbol\":\"A\",\"side\":\"buy\",\"price\":1,\"size\":1,"
	    "\"id\":\"x\"}\n",
	    FEED_FORMAT_NDJSON,
	    { "!not a JSON object", "!time: missing", "!side: missing",
		"!side: missing", "5 A buy 1 1 #x" } },
	{ "NDJSON, a side now and then",
	    "{\"time\":5,\"symbol\":\"A\",\"price\":1,\"size\":1}\n{\"time\":5,"
	    "\"symbol\":\"A\",\"price\":1,\"size\":1,\"side\":\"sell\"}\n"
	    "{\"time\":5,\"symbol\":\"A\",\"price\":1,\"size\":1,\"side\":\"\"}\n{"
	    "\"time\":5,\"symbol\":\"A\",\"price\":true,\"size\":1}\n",
	    FEED_FORMAT_AUTO,
	    { "5 A - 1 1 #", "5 A sell 1 1 #", "!side: empty", "!price: empty" } },
};

START_TEST(a_file_gives_its_records)
{
	struct fixture fixture;

	setup(&fixture);
	fixture.trading.file.format = files[_i].format;
	for (int is_gzip = 0; is_gzip < 2; is_gzip++) {
		if (is_gzip)
			put_gzip(&fixture, files[_i].file);
		else
			put(&fixture, "w", files[_i].file);
		open_feed(&fixture, "");
		for (int i = 0; i < 5 && files[_i].records[i]; i++)
			expect(&fixture, files[_i].records[i]);
		expect_outcome(&fixture, FEED_E_END);
		expect_outcome(&fixture, FEED_E_END);
	}
	teardown(&fixture);
}
END_TEST

START_TEST(a_line_too_long_is_one_broken_record)
{
	struct fixture fixture;
	char line[80001];

	memset(line, 'x', 80000);
	line[80000] = '\0';
	setup(&fixture);
	put(&fixture, "w", CSV "5,A,buy,1,1,7\n");
	put(&fixture, "a", line);
	put(&fixture, "a", "\n6,A,buy,1,1,8\n");
	open_feed(&fixture, "");
	expect(&fixture, "5 A buy 1 1 #7");
	expect(&fixture, "!longer than 64 KiB");
	expect(&fixture, "6 A buy 1 1 #8");
	expect_outcome(&fixture, FEED_E_END);
	teardown(&fixture);
}
END_TEST

static const struct {
	const char *file, *error;
} unusable[] = {
	{ "", "there is no header line" },
	{ "\n \n", "there is no header line" },
	{ "5,A,buy,1,1,7\n", "there is no column \"time\"" },
	{ "time,symbol,side,price,id\n", "there is no column \"size\"" },
	{ "time,symbol,price,size,size\n", "the column \"size\" is there twice" },
	{ "\x1f\x8b\x08", "the gzip data is truncated" },
	{ "\x1f\x8bgarbage", "the gzip data is damaged" },
};

START_TEST(a_file_that_is_no_feed_is_refused)
{
	struct fixture fixture;

	setup(&fixture);
	ck_assert_int_eq(try_open(&fixture, ""), FEED_E_DATA);
	put(&fixture, "w", unusable[_i].file);
	ck_assert_int_eq(try_open(&fixture, ""), FEED_E_DATA);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, unusable[_i].error));
	ck_assert_ptr_nonnull(strstr(fixture.error.text, fixture.path));
	teardown(&fixture);
}
END_TEST

/* A file with something of everything; 9 records. */
static const char *const mixtures[] = {
	CSV "5,A,buy,1,1,1\n\nnonsense\n6,A,buy,1,1,2\n7,\"A\"\"\",sell,1,1,3\n\n\n8,A,"
	    ",1,1,4\n9,A,buy,1,1,5\n"
	    "10,A,buy,1,1,6\n11,A,buy,1,1,7\n12,A,buy,1,1,8",
	"nonsense\n{\"time\":5,\"symbol\":\"A\",\"price\":1,\"size\":1,\"id\":1}\n\n{"
	"\"time\":6}\n"
	"{\"time\":7,\"symbol\":\"A\",\"price\":1,\"size\":1}\n\n "
	"\n{\"time\":8,\"symbol\":\"A\",\"price\":1,\"size\":1,\"id\":2}\n"
	"{\"time\":9,\"symbol\":\"A\",\"price\":1,\"size\":1,\"id\":3,\"side\":"
	"\"buy\"}\n[]\n"
	"{\"time\":10,\"symbol\":\"A\",\"price\":1,\"size\":1,\"id\":4}\n{\"time\":11,"
	"\"symbol\":\"A\",\"price\":1,\"size\":1,\"id\":5}",
};

#define RECORDS 9

START_TEST(from_every_position_the_rest_comes_once)
{
	char records[RECORDS][256], positions[RECORDS + 1][FEED_POSITION_MAX];
	char again[FEED_POSITION_MAX];
	struct fixture fixture;

	setup(&fixture);
	fixture.trading.file.format = _i / 2 ? FEED_FORMAT_NDJSON : FEED_FORMAT_AUTO;
	if (_i % 2)
		put_gzip(&fixture, mixtures[_i / 2]);
	else
		put(&fixture, "w", mixtures[_i / 2]);
	open_feed(&fixture, "");
	for (int i = 0; i < RECORDS; i++) {
		feed_position(fixture.feed, positions[i]);
		ck_assert_int_eq(next(&fixture, records[i]), 0);
	}
	feed_position(fixture.feed, positions[RECORDS]);
	expect_outcome(&fixture, FEED_E_END);

	for (int i = 0; i <= RECORDS; i++) {
		open_feed(&fixture, positions[i]);
		feed_position(fixture.feed, again);
		ck_assert_str_eq(again, positions[i]);
		for (int k = i; k < RECORDS; k++)
			expect(&fixture, records[k]);
		expect_outcome(&fixture, FEED_E_END);
	}
	teardown(&fixture);
}
END_TEST

START_TEST(a_damaged_position_is_refused)
{
	char position[FEED_POSITION_MAX], damaged[FEED_POSITION_MAX + 8];
	struct fixture fixture;

	setup(&fixture);
	put(&fixture, "w", CSV "5,A,buy,1,1,1\n6,A,buy,1,1,2\n");
	open_feed(&fixture, "");
	expect(&fixture, "5 A buy 1 1 #1");
	feed_position(fixture.feed, position);
	for (size_t i = 0; i < strlen(position); i++) {
		strcpy(damaged, position);
		damaged[i] ^= 1;
		ck_assert_int_eq(try_open(&fixture, damaged), FEED_E_DATA);
		damaged[i] = '\0';
		ck_assert_int_eq(try_open(&fixture, damaged), i == 0 ? 0 : FEED_E_DATA);
	}
	strcpy(damaged, position);
	strcat(damaged, "0");
	ck_assert_int_eq(try_open(&fixture, damaged), FEED_E_DATA);
	ck_assert_ptr_nonnull(strstr(fixture.error.text, "cursor"));
	teardown(&fixture);
}
END_TEST

START_TEST(another_file_under_the_cursor_is_noticed)
{
	char position[FEED_POSITION_MAX];
	struct fixture fixture;

	setup(&fixture);
	put(&fixture, "w", CSV "5,A,buy,1,1,1\n6,A,buy,1,1,2\n");
	open_feed(&fixture, "");
	expect(&fixture, "5 A buy 1 1 #1");
	feed_position(fixture.feed, position);
	put(&fixture, "w", CSV "5,A,buy,2,1,1\n6,A,buy,1,1,2\n");
	ck_assert_int_eq(try_open(&fixture, position), FEED_E_DATA);
	ck_assert_ptr_nonnull(strstr(
	    fixture.error.text, "is not the file that the cursor was made with"));
	/* What lies behind the cursor may be other, and longer. */
	put(&fixture, "w", CSV "5,A,buy,1,1,1\n7,A,buy,1,1,2\n8,A,buy,1,1,3\n");
	open_feed(&fixture, position);
	expect(&fixture, "7 A buy 1 1 #2");
	/* Compressed since then, it is the same data. */
	put_gzip(&fixture, CSV "5,A,buy,1,1,1\n7,A,buy,1,1,2\n");
	open_feed(&fixture, position);
	expect(&fixture, "7 A buy 1 1 #2");
	put(&fixture, "w", "");
	ck_assert_int_eq(try_open(&fixture, position), FEED_E_DATA);
	fixture.trading.file.follow = true;
	ck_assert_int_eq(try_open(&fixture, position), FEED_E_DATA);
	teardown(&fixture);
}
END_TEST

START_TEST(a_followed_file_may_begin_later)
{
	char position[FEED_POSITION_MAX];
	struct fixture fixture;

	setup(&fixture);
	fixture.trading.file.follow = true;
	put(&fixture, "w", "");
	open_feed(&fixture, "");
	expect_outcome(&fixture, FEED_E_WAIT);
	feed_position(fixture.feed, position);
	ck_assert_str_eq(position, "");
	put(&fixture, "a", "time,symbol,");
	expect_outcome(&fixture, FEED_E_WAIT);
	put(&fixture, "a", "price,size\n5,A,1,");
	expect_outcome(&fixture, FEED_E_WAIT);
	put(&fixture, "a", "1\n");
	expect(&fixture, "5 A - 1 1 #");
	expect_outcome(&fixture, FEED_E_WAIT);
	feed_position(fixture.feed, position);
	open_feed(&fixture, position);
	expect_outcome(&fixture, FEED_E_WAIT);
	put(&fixture, "a", "6,A,1,1\n");
	expect(&fixture, "6 A - 1 1 #");
	teardown(&fixture);
}
END_TEST

START_TEST(a_followed_file_that_turns_out_to_be_no_feed_is_told)
{
	struct fixture fixture;

	setup(&fixture);
	fixture.trading.file.follow = true;
	put(&fixture, "w", "");
	open_feed(&fixture, "");
	put(&fixture, "a", "nonsense\n");
	expect_outcome(&fixture, FEED_E_DATA);
	teardown(&fixture);
}
END_TEST

START_TEST(a_fixed_symbol_has_a_bound)
{
	char symbol[FEED_SYMBOL_MAX + 2] = { 0 };
	struct fixture fixture;

	setup(&fixture);
	memset(symbol, 's', FEED_SYMBOL_MAX + 1);
	fixture.trading.file.fixed_symbol = symbol;
	put(&fixture, "w", "time,price,size\n5,1,1\n");
	ck_assert_int_eq(try_open(&fixture, ""), FEED_E_DATA);
	symbol[1] = '\0';
	open_feed(&fixture, "");
	expect(&fixture, "5 s - 1 1 #");
	teardown(&fixture);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_file_gives_its_records, 0, ARRAY_SIZE(files));
	tcase_add_test(tcase, a_line_too_long_is_one_broken_record);
	tcase_add_loop_test(
	    tcase, a_file_that_is_no_feed_is_refused, 0, ARRAY_SIZE(unusable));
	tcase_add_loop_test(tcase, from_every_position_the_rest_comes_once, 0,
	    2 * ARRAY_SIZE(mixtures));
	tcase_add_test(tcase, a_damaged_position_is_refused);
	tcase_add_test(tcase, another_file_under_the_cursor_is_noticed);
	tcase_add_test(tcase, a_followed_file_may_begin_later);
	tcase_add_test(tcase, a_followed_file_that_turns_out_to_be_no_feed_is_told);
	tcase_add_test(tcase, a_fixed_symbol_has_a_bound);
}

int
main(void)
{
	return suite_run("feed_file", add_tests);
}
