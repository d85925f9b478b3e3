/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fields of a record mean: which must be there, which unit a time has, how a
 * side is written. Where they stand in a line is csv.c's and ndjson.c's business;
 * whether an event makes sense beside others is normalize.c's. Nearly all times are of
 * the day that the time before was of, and have one plain form, which is read here;
 * every other is common/timestamp's.
 */
#include "worker/trading/fields.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/decimal.h"

static const char *const names[FIELD_COUNT] = {
	[FIELD_TIME] = "time",
	[FIELD_SYMBOL] = "symbol",
	[FIELD_SIDE] = "side",
	[FIELD_PRICE] = "price",
	[FIELD_SIZE] = "size",
	[FIELD_ID] = "id",
	[FIELD_NOTIONAL] = "notional",
};

const char *
field_name(enum field field)
{
	return names[field];
}

void
fields_init(struct fields *fields, const struct config_file *file)
{
	const char *const columns[FIELD_COUNT] = {
		[FIELD_TIME] = file->time,
		[FIELD_SYMBOL] = file->symbol,
		[FIELD_SIDE] = file->side,
		[FIELD_PRICE] = file->price,
		[FIELD_SIZE] = file->size,
		[FIELD_ID] = file->id,
		[FIELD_NOTIONAL] = file->notional,
	};

	*fields = (struct fields){ .time_unit = file->time_unit };
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (!columns[i] || columns[i][0] == '\0')
			continue;
		fields->names[i] = columns[i];
		fields->name_lengths[i] = strlen(columns[i]);
	}
	if (file->fixed_symbol && file->fixed_symbol[0] != '\0') {
		fields->fixed_symbol = file->fixed_symbol;
		fields->names[FIELD_SYMBOL] = NULL;
	}
	fields->has[FIELD_TIME] = fields->has[FIELD_PRICE] = fields->has[FIELD_SIZE] =
	    true;
	fields->has[FIELD_SYMBOL] = !fields->fixed_symbol;
	fields->has[FIELD_NOTIONAL] = fields->names[FIELD_NOTIONAL] != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct field_text
field_trim(struct field_text field)
{
	while (field.length > 0 && is_blank(field.text[0])) {
		field.text++;
		field.length--;
	}
	while (field.length > 0 && is_blank(field.text[field.length - 1]))
		field.length--;
	return field;
}

static const char *
read_decimal(struct field_text field, int64_t *ret_value)
{
	int r;

	r = decimal_parse(field.text, field.length, ret_value);
	if (r == -ERANGE)
		return "does not fit";
	return r < 0 ? "not a number" : NULL;
}

/* Two digits, or something of 100 and more. */
static unsigned
two_digits(const char *text)
{
	unsigned high = (unsigned char)text[0] - (unsigned)'0';
	unsigned low = (unsigned char)text[1] - (unsigned)'0';

	return high > 9 || low > 9 ? 100 : high * 10 + low;
}

/* The "T12:34:56.789Z" of a time on the day that the last time was on. */
static bool
read_same_day(const struct fields *fields, struct field_text field, int64_t *ret_ns)
{
	const char *text = field.text;
	unsigned hour, minute, second;
	int64_t fraction = 0, unit = NS_PER_S;
	size_t i = 19;

	if (field.length < 20 || memcmp(text, fields->day, sizeof(fields->day)) != 0)
		return false;
	hour = two_digits(text + 11);
	minute = two_digits(text + 14);
	second = two_digits(text + 17);
	if (text[10] != 'T' || hour > 23 || text[13] != ':' || minute > 59 ||
	    text[16] != ':' || second > 59)
		return false;
	if (text[i] == '.') {
		for (i++; is_digit(text[i]) && unit > 1; i++) {
			unit /= 10;
			fraction += (text[i] - '0') * unit;
		}
		if (i == 20)
			return false;
	}
	if (text[i] != 'Z' || i + 1 != field.length)
		return false;
	*ret_ns =
	    fields->day_ns + (hour * 3600 + minute * 60 + second) * NS_PER_S + fraction;
	return true;
}

/*
 * Learn the day of a time in the plain form, so that the next on that day is read fast.
 *
 */
static void
learn_day(struct fields *fields, struct field_text field)
{
	char midnight[] = "0000-00-00T00:00:00Z";
	int64_t day_ns;

	if (field.length < 20 || field.text[10] != 'T' ||
	    field.text[field.length - 1] != 'Z')
		return;
	memcpy(midnight, field.text, sizeof(fields->day));
	if (timestamp_parse(
		midnight, sizeof(midnight) - 1, TIME_UNIT_RFC3339, &day_ns) < 0)
		return;
	/*
	 * At the ends of what an int64_t holds, a day may begin within it and end
	 * outside.
	 */
	if (day_ns > INT64_MAX - 86400 * NS_PER_S)
		return;
	memcpy(fields->day, field.text, sizeof(fields->day));
	fields->day_ns = day_ns;
}

static const char *
read_time(struct fields *fields, struct field_text field, struct feed_record *record)
{
	int r;

	if (fields->time_unit == TIME_UNIT_RFC3339) {
		field = field_trim(field);
		if (read_same_day(fields, field, &record->time_ns))
			return NULL;
		learn_day(fields, field);
	}
	r = timestamp_parse(
	    field.text, field.length, fields->time_unit, &record->time_ns);
	if (r == -ERANGE)
		return "does not fit";
	return r < 0 ? "not a time" : NULL;
}

static const char *
read_text(struct field_text field, size_t max)
{
	if (field.length > max)
		return "too long";
	if (memchr(field.text, '\0', field.length))
		return "has a NUL";
	if (is_blank(field.text[0]) && field_trim(field).length == 0)
		return "empty";
	return NULL;
}

static const char *
read_symbol(struct fields *fields, struct field_text field, struct feed_record *record)
{
	(void)fields;
	record->symbol = field.text;
	return read_text(field, FEED_SYMBOL_MAX);
}

static const char *
read_id(struct fields *fields, struct field_text field, struct feed_record *record)
{
	(void)fields;
	record->id = field.text;
	return read_text(field, FEED_ID_MAX);
}

static const char *
read_side(struct fields *fields, struct field_text field, struct feed_record *record)
{
	(void)fields;
	field = field_trim(field);
	if (field.length == 3 && strncasecmp(field.text, "buy", 3) == 0)
		record->side = FEED_SIDE_BUY;
	else if (field.length == 4 && strncasecmp(field.text, "sell", 4) == 0)
		record->side = FEED_SIDE_SELL;
	else
		return "neither buy nor sell";
	return NULL;
}

static const char *
read_price(struct fields *fields, struct field_text field, struct feed_record *record)
{
	(void)fields;
	return read_decimal(field, &record->price);
}

static const char *
read_size(struct fields *fields, struct field_text field, struct feed_record *record)
{
	(void)fields;
	return read_decimal(field, &record->size);
}

static const char *
read_notional(
    struct fields *fields, struct field_text field, struct feed_record *record)
{
	(void)fields;
	record->has_notional = true;
	return read_decimal(field, &record->notional);
}

/* Return: NULL, or what is wrong with the field. */
typedef const char *(*field_reader)(
    struct fields *, struct field_text, struct feed_record *);

static const field_reader readers[FIELD_COUNT] = {
	[FIELD_TIME] = read_time,
	[FIELD_SYMBOL] = read_symbol,
	[FIELD_SIDE] = read_side,
	[FIELD_PRICE] = read_price,
	[FIELD_SIZE] = read_size,
	[FIELD_ID] = read_id,
	[FIELD_NOTIONAL] = read_notional,
};

void
fields_read(struct fields *fields, const struct field_text texts[FIELD_COUNT],
    struct feed_record *ret_record)
{
	*ret_record = (struct feed_record){
		.symbol = fields->fixed_symbol,
		.side = FEED_SIDE_NONE,
		.id = "",
	};
	for (int i = 0; i < FIELD_COUNT; i++) {
		const char *why;

		if (!texts[i].text && !fields->has[i])
			continue;
		if (!texts[i].text)
			why = "missing";
		else if (texts[i].length == 0)
			why = "empty";
		else
			why = readers[i](fields, texts[i], ret_record);
		if (why) {
			snprintf(fields->broken, sizeof(fields->broken), "%s: %s",
			    names[i], why);
			ret_record->broken = fields->broken;
			return;
		}
	}
}
