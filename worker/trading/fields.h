/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the texts of a record's fields to a feed_record; the same for every text format.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "worker/trading/feed.h"

enum field {
	FIELD_TIME,
	FIELD_SYMBOL,
	FIELD_SIDE,
	FIELD_PRICE,
	FIELD_SIZE,
	FIELD_ID,
	FIELD_NOTIONAL,
	FIELD_COUNT
};

/** struct field_text - one field as it stands in the record; NULL: it is not there */
struct field_text {
	const char *text; /* NUL-terminated, with no NUL within */
	size_t length;
};

/** field_texts - a record's fields, by enum field */
typedef const struct field_text *field_texts[FIELD_COUNT];

struct fields {
	/* Columns or keys, borrowed from the config; NULL: the feed has none. */
	const char *names[FIELD_COUNT];
	size_t name_lengths[FIELD_COUNT];
	bool has[FIELD_COUNT]; /* the feed has it, so a record without it is broken */
	const char *fixed_symbol; /* NULL: read it */
	enum time_unit time_unit;
	char minute[17]; /* of the last time, "2026-11-24T20:03:" */
	int64_t minute_ns;
	char broken[64];
};

/**
 * fields_init() - names and units from the config, which is borrowed
 *
 * Whether the feed has side and id is for the reader of its header to say, in @has.
 */
void fields_init(struct fields *fields, const struct config_file *file);

/** field_name() - "time", "symbol", … */
const char *field_name(enum field field);

/** field_trim() - without the blanks around it. */
struct field_text field_trim(struct field_text field);

/**
 * fields_read() - fill the record, or its member broken
 *
 * It borrows from @texts and from @fields.
 */
void fields_read(
    struct fields *fields, const field_texts texts, struct feed_record *ret_record);
