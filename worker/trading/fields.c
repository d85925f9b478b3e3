/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fields of a record mean: which must be there, which unit a time has, how a
 * side is written. Where they stand in a line is csv.c's and ndjson.c's business;
 * whether an event makes sense beside others is normalize.c's. Nearly all times are of
 * the minute that the time before was of, and have one plain form, which is read here;
 * every other is common/timestamp's.
 */
#include "worker/trading/fields.h"

#include <errno.h>
#include <string.h>

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

/*
 * "…56.789Z", in the minute that the last time was in. False: it is another minute, or
 * not of this form.
 */
static bool
read_same_minute(const struct fields *fields, struct field_text field, int64_t *ret_ns)
{
	const char *at = field.text + sizeof(fields->minute), *point;
	int64_t second, fraction = 0, weight = NS_PER_S;

	if (field.length < sizeof(fields->minute) + 3 ||
	    memcmp(field.text, fields->minute, sizeof(fields->minute)) != 0)
		return false;
	if (at[0] < '0' || at[0] > '5' || !is_digit(at[1]))
		return false;
	second = (at[0] - '0') * 10 + (at[1] - '0');
	at += 2;
	if (*at == '.') {
		point = at++;
		for (; is_digit(*at) && weight > 1; at++) {
			weight /= 10;
			fraction += (*at - '0') * weight;
		}
		if (at == point + 1)
			return false;
	}
	if (*at != 'Z' || at + 1 != field.text + field.length)
		return false;
	*ret_ns = fields->minute_ns + second * NS_PER_S + fraction;
	return true;
}

/* Remember the minute of a valid time, if the next may be read like this one. */
static void
learn_minute(struct fields *fields, struct field_text field, int64_t ns)
{
	int64_t into = ns % (60 * NS_PER_S);
	bool is_plain = field.length > sizeof(fields->minute) &&
			field.text[10] == 'T' && field.text[field.length - 1] == 'Z';

	/*
	 * A leap second is read as one of the next minute; before the epoch, and where
	 * time ends, we leave it at that.
	 */
	if (!is_plain || field.text[17] == '6' || ns < 0 ||
	    ns > INT64_MAX - 60 * NS_PER_S)
		return;
	memcpy(fields->minute, field.text, sizeof(fields->minute));
	fields->minute_ns = ns - into;
}

static const char *
read_time(struct fields *fields, struct field_text field, struct feed_record *record)
{
	bool is_text = fields->time_unit == TIME_UNIT_RFC3339;
	int r;

	if (is_text && read_same_minute(fields, field, &record->time_ns))
		return NULL;
	r = timestamp_parse(
	    field.text, field.length, fields->time_unit, &record->time_ns);
	if (r == -ERANGE)
		return "does not fit";
	if (r < 0)
		return "not a time";
	if (is_text)
		learn_minute(fields, field, record->time_ns);
	return NULL;
}

static const char *
read_text(struct field_text field, size_t max)
{
	if (field.length > max)
		return "too long";
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

/* @word: small letters */
static bool
is_word(struct field_text field, const char *word, size_t length)
{
	if (field.length != length)
		return false;
	/* What the bit makes a small letter of is that or its capital. */
	for (size_t i = 0; i < length; i++) {
		if ((field.text[i] | 0x20) != word[i])
			return false;
	}
	return true;
}

static const char *
read_side(struct fields *fields, struct field_text field, struct feed_record *record)
{
	(void)fields;
	if (is_blank(field.text[0]) || is_blank(field.text[field.length - 1]))
		field = field_trim(field);
	if (is_word(field, "buy", 3))
		record->side = FEED_SIDE_BUY;
	else if (is_word(field, "sell", 4))
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
fields_read(
    struct fields *fields, const field_texts texts, struct feed_record *ret_record)
{
	*ret_record = (struct feed_record){
		.symbol = fields->fixed_symbol,
		.side = FEED_SIDE_NONE,
		.id = "",
	};
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field_text *text = texts[i];
		const char *why;

		if (!text->text && !fields->has[i])
			continue;
		if (!text->text)
			why = "missing";
		else if (text->length == 0)
			why = "empty";
		else
			why = readers[i](fields, *text, ret_record);
		if (why) {
			snprintf(fields->broken, sizeof(fields->broken), "%s: %s",
			    names[i], why);
			ret_record->broken = fields->broken;
			return;
		}
	}
}
