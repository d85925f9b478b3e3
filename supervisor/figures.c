/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of the figures that we know and their forms. What they are worth is the
 * worker's business.
 */
#include "supervisor/figures.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"

#define DIGITS_MAX 40 /* of a decimal; a wide one has 31 before its point */
#define NAME_MAX_LENGTH 40
#define FEED_AGE "feed_age_ms"

/* Return: how many digits @text begins with. */
static size_t
digits(const char *text)
{
	return strspn(text, "0123456789");
}

static bool
is_decimal(const char *text)
{
	size_t whole, n;

	text += *text == '-';
	whole = n = digits(text);
	if (text[n] == '.') {
		size_t places = digits(text + n + 1);

		if (places == 0)
			return false;
		n += 1 + places;
	}
	return whole > 0 && n <= DIGITS_MAX && text[n] == '\0';
}

/* Below 10^18, so that sums of a few fit. Return: how long it is; 0: it is none. */
static size_t
count_length(const char *text)
{
	size_t n = digits(text);

	return n <= 18 ? n : 0;
}

static bool
is_count(const char *text)
{
	size_t n = count_length(text);

	return n > 0 && text[n] == '\0';
}

static bool
is_counts(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	for (int i = 0; *text && i < FIGURES_COUNTS_MAX; i++) {
		size_t name = strspn(text, allowed), n;

		if (name == 0 || name > NAME_MAX_LENGTH || text[name] != ':')
			return false;
		n = count_length(text + name + 1);
		if (n == 0)
			return false;
		text += name + 1 + n;
		if (*text == ',' && text[1])
			text++;
		else if (*text)
			return false;
	}
	return *text == '\0';
}

static const struct figure {
	const char *key;
	bool (*is_good)(const char *text);
} figures[] = {
	{ "equity", is_decimal },
	{ "cash", is_decimal },
	{ "positions", is_count },
	{ FEED_AGE, is_count },
	{ "orders", is_counts },
	{ "refused", is_counts },
};

bool
figures_check(const char *said, char ret_known[FIGURES_MAX])
{
	char line[FIGURES_MAX];
	struct record record, known;

	if (strlen(said) >= sizeof(line))
		return false;
	strcpy(line, said);
	record_init(&known, NULL);
	record_init(&record, NULL);
	if (line[0] && (record_parse(line, &record) != 0 || record.event))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		const char *value = record_get(&record, figures[i].key);

		if (value && !figures[i].is_good(value))
			return false;
		record_text(&known, figures[i].key, value);
	}
	record_logfmt(&known, ret_known, FIGURES_MAX);
	return true;
}

void
figures_fields(
    const char *known, int64_t since_ns, struct record *row, char text[FIGURES_MAX])
{
	struct record record;

	snprintf(text, FIGURES_MAX, "%s", known);
	if (text[0] == '\0' || record_parse(text, &record) != 0)
		return;
	for (size_t i = 0; i < record.n_fields; i++) {
		const struct record_field *field = &record.fields[i];

		if (strcmp(field->key, FEED_AGE) == 0)
			record_int(row, FEED_AGE,
			    strtoll(field->text, NULL, 10) + since_ns / NS_PER_MS);
		else
			record_add(row, field);
	}
}
