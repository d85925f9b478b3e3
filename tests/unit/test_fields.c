/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields: which texts are a record, and what is wrong with the others.
 */
#include "worker/trading/fields.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "tests/unit/suite.h"

static char time_name[] = "time", symbol_name[] = "symbol", side_name[] = "side",
	    price_name[] = "price", size_name[] = "size", id_name[] = "id", none[] = "",
	    notional_name[] = "notional";

static struct config_file
config(enum time_unit unit)
{
	return (struct config_file){
		.time_unit = unit,
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

/* @texts: in the order of enum field; NULL: not there. */
static void
read_record(struct fields *fields, const char *const texts[FIELD_COUNT],
    struct feed_record *ret_record)
{
	struct field_text copies[FIELD_COUNT];
	field_texts pointers;

	for (int i = 0; i < FIELD_COUNT; i++) {
		copies[i].text = texts[i];
		copies[i].length = texts[i] ? strlen(texts[i]) : 0;
		pointers[i] = &copies[i];
	}
	fields_read(fields, pointers, ret_record);
}

#define GOOD_TIME "2026-11-24T20:03:46.5Z"
#define GOOD_NS INT64_C(1795550626500000000)

static const struct {
	const char *texts[FIELD_COUNT];
	const char *broken; /* NULL: a good record */
} records[] = {
	{ { GOOD_TIME, "BTC", "buy", "1.5", "2", "17" }, NULL },
	{ { GOOD_TIME, "BTC", "SELL", "1.5", "2", "17" }, NULL },
	{ { GOOD_TIME, "BTC", "bUy", "1.5", "2", "17" }, NULL },
	{ { GOOD_TIME, "BTC", " Buy\t", "1.5", "2", "17" }, NULL },
	{ { " " GOOD_TIME " ", "BTC", "buy", " 1.5 ", "2", "17" }, NULL },
	{ { GOOD_TIME, "BTC", "buy", "-1", "0", "17" }, NULL },
	{ { NULL, "BTC", "buy", "1.5", "2", "17" }, "time: missing" },
	{ { "", "BTC", "buy", "1.5", "2", "17" }, "time: empty" },
	{ { "yesterday", "BTC", "buy", "1.5", "2", "17" }, "time: not a time" },
	{ { "2026-11-31T00:00:00Z", "BTC", "buy", "1.5", "2", "17" },
	    "time: not a time" },
	{ { "2500-01-01T00:00:00Z", "BTC", "buy", "1.5", "2", "17" },
	    "time: does not fit" },
	{ { GOOD_TIME, NULL, "buy", "1.5", "2", "17" }, "symbol: missing" },
	{ { GOOD_TIME, "", "buy", "1.5", "2", "17" }, "symbol: empty" },
	{ { GOOD_TIME, "  ", "buy", "1.5", "2", "17" }, "symbol: empty" },
	{ { GOOD_TIME, "BTC", NULL, "1.5", "2", "17" }, "side: missing" },
	{ { GOOD_TIME, "BTC", "", "1.5", "2", "17" }, "side: empty" },
	{ { GOOD_TIME, "BTC", "b", "1.5", "2", "17" }, "side: neither buy nor sell" },
	{ { GOOD_TIME, "BTC", "buys", "1.5", "2", "17" },
	    "side: neither buy nor sell" },
	{ { GOOD_TIME, "BTC", "\"uy", "1.5", "2", "17" },
	    "side: neither buy nor sell" },
	{ { GOOD_TIME, "BTC", "buy", "", "2", "17" }, "price: empty" },
	{ { GOOD_TIME, "BTC", "buy", " ", "2", "17" }, "price: not a number" },
	{ { GOOD_TIME, "BTC", "buy", "1,5", "2", "17" }, "price: not a number" },
	{ { GOOD_TIME, "BTC", "buy", "nan", "2", "17" }, "price: not a number" },
	{ { GOOD_TIME, "BTC", "buy", "1e11", "2", "17" }, "price: does not fit" },
	{ { GOOD_TIME, "BTC", "buy", "1.5", "2x", "17" }, "size: not a number" },
	{ { GOOD_TIME, "BTC", "buy", "1.5", "2", NULL }, "id: missing" },
	{ { GOOD_TIME, "BTC", "buy", "1.5", "2", "" }, "id: empty" },
};

START_TEST(a_record_is_good_or_says_what_is_wrong)
{
	const struct config_file file = config(TIME_UNIT_RFC3339);
	struct feed_record record;
	struct fields fields;

	fields_init(&fields, &file);
	fields.has[FIELD_SIDE] = fields.has[FIELD_ID] = true;
	read_record(&fields, records[_i].texts, &record);
	if (records[_i].broken) {
		ck_assert_ptr_nonnull(record.broken);
		ck_assert_str_eq(record.broken, records[_i].broken);
		return;
	}
	ck_assert_ptr_null(record.broken);
	ck_assert_int_eq(record.time_ns, GOOD_NS);
	ck_assert_str_eq(record.symbol, "BTC");
	ck_assert_str_eq(record.id, "17");
	ck_assert(!record.has_notional);
	ck_assert_int_ne(record.side, FEED_SIDE_NONE);
}
END_TEST

START_TEST(texts_may_be_as_long_as_allowed)
{
	const struct config_file file = config(TIME_UNIT_RFC3339);
	char symbol[FEED_SYMBOL_MAX + 2] = { 0 }, id[FEED_ID_MAX + 2] = { 0 };
	const char *const texts[] = { GOOD_TIME, symbol, NULL, "1", "1", id, NULL };
	struct feed_record record;
	struct fields fields;

	fields_init(&fields, &file);
	memset(symbol, 's', FEED_SYMBOL_MAX);
	memset(id, 'i', FEED_ID_MAX);
	read_record(&fields, texts, &record);
	ck_assert_ptr_null(record.broken);
	id[FEED_ID_MAX] = 'i';
	read_record(&fields, texts, &record);
	ck_assert_str_eq(record.broken, "id: too long");
	symbol[FEED_SYMBOL_MAX] = 's';
	read_record(&fields, texts, &record);
	ck_assert_str_eq(record.broken, "symbol: too long");
}
END_TEST

START_TEST(without_a_side_or_an_id_there_is_none)
{
	const struct config_file file = config(TIME_UNIT_RFC3339);
	const char *texts[] = { GOOD_TIME, "BTC", NULL, "1", "1", NULL, NULL };
	struct feed_record record;
	struct fields fields;

	fields_init(&fields, &file);
	read_record(&fields, texts, &record);
	ck_assert_ptr_null(record.broken);
	ck_assert_int_eq(record.side, FEED_SIDE_NONE);
	ck_assert_str_eq(record.id, "");
	/* One that is there all the same is used. */
	texts[FIELD_SIDE] = "sell";
	texts[FIELD_ID] = "5";
	read_record(&fields, texts, &record);
	ck_assert_int_eq(record.side, FEED_SIDE_SELL);
	ck_assert_str_eq(record.id, "5");
	texts[FIELD_SIDE] = "cross";
	read_record(&fields, texts, &record);
	ck_assert_str_eq(record.broken, "side: neither buy nor sell");
}
END_TEST

START_TEST(a_fixed_symbol_wins)
{
	struct config_file file = config(TIME_UNIT_RFC3339);
	const char *const texts[] = { GOOD_TIME, NULL, NULL, "1", "1", NULL, NULL };
	struct feed_record record;
	struct fields fields;

	file.fixed_symbol = symbol_name;
	fields_init(&fields, &file);
	ck_assert_ptr_null(fields.names[FIELD_SYMBOL]);
	read_record(&fields, texts, &record);
	ck_assert_ptr_null(record.broken);
	ck_assert_str_eq(record.symbol, "symbol");
}
END_TEST

START_TEST(a_notional_of_its_own_is_read)
{
	struct config_file file = config(TIME_UNIT_RFC3339);
	const char *texts[] = { GOOD_TIME, "BTC", NULL, "1", "1", NULL, "250.5" };
	struct feed_record record;
	struct fields fields;

	file.notional = notional_name;
	fields_init(&fields, &file);
	read_record(&fields, texts, &record);
	ck_assert_ptr_null(record.broken);
	ck_assert(record.has_notional);
	ck_assert_int_eq(record.notional, 250 * DECIMAL_ONE + DECIMAL_ONE / 2);
	texts[FIELD_NOTIONAL] = NULL;
	read_record(&fields, texts, &record);
	ck_assert_str_eq(record.broken, "notional: missing");
}
END_TEST

static const struct {
	enum time_unit unit;
	const char *text;
	int64_t ns;
} units[] = {
	{ TIME_UNIT_S, "1315922016", INT64_C(1315922016000000000) },
	{ TIME_UNIT_S, " 1315922016.25 ", INT64_C(1315922016250000000) },
	{ TIME_UNIT_MS, "1315922016250", INT64_C(1315922016250000000) },
	{ TIME_UNIT_US, "1315922016250000.5", INT64_C(1315922016250000500) },
	{ TIME_UNIT_NS, "1315922016250000001", INT64_C(1315922016250000001) },
	{ TIME_UNIT_S, "-1.5", INT64_C(-1500000000) },
};

START_TEST(a_time_has_a_unit)
{
	const struct config_file file = config(units[_i].unit);
	const char *const texts[] = { units[_i].text, "BTC", NULL, "1", "1", NULL,
		NULL };
	struct feed_record record;
	struct fields fields;

	fields_init(&fields, &file);
	read_record(&fields, texts, &record);
	ck_assert_ptr_null(record.broken);
	ck_assert_int_eq(record.time_ns, units[_i].ns);
}
END_TEST

/* Each is read after a time of the same minute, the next one, and none. */
static const char *const times[] = {
	"2026-11-24T20:03:46Z",
	"2026-11-24T20:03:59.999999999Z",
	"2026-11-24T20:03:00.0000000019Z",
	"2026-11-24T20:03:60Z",
	"2026-11-24T20:03:61Z",
	"2026-11-24T20:03:46.Z",
	"2026-11-24T20:03:46.5",
	"2026-11-24T20:03:46.5z",
	"2026-11-24T20:03:46.5+01:00",
	"2026-11-24t20:03:46.5Z",
	"2026-11-24 20:03:46.5Z",
	"2026-11-24T20:03:4Z",
	"2026-11-24T20:03:4xZ",
	"2026-11-24T20:03:46.5ZZ",
	"2026-11-24T20:03:46.5 Z",
	" 2026-11-24T20:03:46.5Z",
	"2026-11-24T20:03:46.5Z ",
	"2026-11-24T20:03:",
	"2026-11-24T20:03:Z",
	"1969-12-31T23:59:59.5Z",
	"1677-09-21T00:12:44Z",
	"2262-04-11T23:47:16.854775807Z",
	"2262-04-11T23:47:16.854775808Z",
};

static const char *const before[] = {
	"2026-11-24T20:03:01Z",
	"2026-11-24T20:02:60Z",
	"2026-11-24T20:03:60Z",
	"2262-04-11T23:47:01Z",
	"1969-12-31T23:59:01Z",
	"nonsense",
};

/* The reader's own way with times must never differ from the common parser. */
START_TEST(a_time_is_the_same_whatever_came_before)
{
	const struct config_file file = config(TIME_UNIT_RFC3339);
	const char *texts[] = { NULL, "BTC", NULL, "1", "1", NULL, NULL };
	struct feed_record record;
	struct fields fields;
	int64_t ns = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		fields_init(&fields, &file);
		texts[FIELD_TIME] = before[i];
		read_record(&fields, texts, &record);
		texts[FIELD_TIME] = times[_i];
		read_record(&fields, texts, &record);
		r = timestamp_parse(
		    times[_i], strlen(times[_i]), TIME_UNIT_RFC3339, &ns);
		ck_assert_msg((r == 0) == !record.broken, "\"%s\" after \"%s\"",
		    times[_i], before[i]);
		if (r == 0)
			ck_assert_int_eq(record.time_ns, ns);
	}
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, a_record_is_good_or_says_what_is_wrong, 0, ARRAY_SIZE(records));
	tcase_add_test(tcase, texts_may_be_as_long_as_allowed);
	tcase_add_test(tcase, without_a_side_or_an_id_there_is_none);
	tcase_add_test(tcase, a_fixed_symbol_wins);
	tcase_add_test(tcase, a_notional_of_its_own_is_read);
	tcase_add_loop_test(tcase, a_time_has_a_unit, 0, ARRAY_SIZE(units));
	tcase_add_loop_test(
	    tcase, a_time_is_the_same_whatever_came_before, 0, ARRAY_SIZE(times));
}

int
main(void)
{
	return suite_run("fields", add_tests);
}
