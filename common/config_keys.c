/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads sections by their tables and words what is wrong with them. It knows types and
 * ranges; which keys there are, and what must fit to what, is in config.c and
 * config_trading.c.
 */
#include "common/config_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "common/duration.h"
#include "common/paths.h"
#include "common/record.h"
#include "common/text.h"

/* Values. */

static int
parse_integer(const char *text, int64_t *ret_value)
{
	size_t length = strlen(text);

	if (length == 0 || strspn(text, "0123456789-") != length)
		return -EINVAL;
	return decimal_parse_scaled(text, length, 0, ret_value);
}

static int
parse_percent(const char *text, int64_t *ret_value)
{
	char number[32];
	size_t length = strlen(text);

	if (length > 0 && text[length - 1] == '%')
		length--;
	if (length >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, length);
	number[length] = '\0';
	return parse_integer(number, ret_value);
}

static int
parse_octal(const char *text, int64_t *ret_value)
{
	size_t length = strlen(text);

	if (length == 0 || strspn(text, "01234567") != length)
		return -EINVAL;
	if (length > 20)
		return -ERANGE;
	*ret_value = (int64_t)strtoull(text, NULL, 8);
	return 0;
}

static int
parse_decimal(const char *text, int64_t *ret_value)
{
	return decimal_parse(text, strlen(text), ret_value);
}

static int
parse_shutdown(const char *text, int64_t *ret_value)
{
	if (strcmp(text, "kill") == 0)
		*ret_value = SHUTDOWN_KILL;
	else if (strcmp(text, "infinity") == 0)
		*ret_value = SHUTDOWN_INFINITY;
	else
		return duration_parse(text, ret_value);
	return 0;
}

static int
parse_bool(const char *text, int64_t *ret_value)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off",
		"on" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret_value = i & 1;
			return 0;
		}
	}
	return -EINVAL;
}

/* What is read as a number, and how it is called when it is none. */
static const struct {
	int (*parse)(const char *text, int64_t *ret_value);
	const char *expected;
} types[] = {
	[KEY_DURATION] = { duration_parse, "a duration, as 500ms, 2s or 1h30m" },
	[KEY_SHUTDOWN] = { parse_shutdown, "a duration, as 5s, nor kill nor infinity" },
	[KEY_SIZE] = { size_parse, "a size, as 4096, 64K or 256M" },
	[KEY_DECIMAL] = { parse_decimal, "a number" },
	[KEY_COUNT] = { parse_integer, "a whole number" },
	[KEY_LONG] = { parse_integer, "a whole number" },
	[KEY_PERCENT] = { parse_percent, "a percentage, as 50%" },
	[KEY_OCTAL] = { parse_octal, "an octal number, as 027" },
	[KEY_BOOL] = { parse_bool, "yes or no" },
};

/* A number in the form in which it is written in a file. */
static size_t
format_number(enum key_type type, int64_t value, char *out, size_t size)
{
	char text[DECIMAL_TEXT_MAX];
	size_t length;

	if (type == KEY_DURATION || type == KEY_SHUTDOWN) {
		duration_format(value, text);
	} else if (type == KEY_DECIMAL) {
		length = decimal_format(value, text);
		while (text[length - 1] == '0')
			length--;
		text[text[length - 1] == '.' ? length - 1 : length] = '\0';
	} else if (type == KEY_OCTAL) {
		snprintf(text, sizeof(text), "%#" PRIo64, value);
	} else {
		snprintf(text, sizeof(text), "%" PRId64 "%s", value,
		    type == KEY_PERCENT ? "%" : "");
	}
	return (size_t)snprintf(out, size, "%s", text);
}

struct key_use {
	struct config_reader *reader;
	const struct config_place *place;
	const struct config_key *key;
	unsigned line;
};

static void
report_range(const struct key_use *use, const char *quoted)
{
	const struct config_key *key = use->key;
	char min[DECIMAL_TEXT_MAX], max[DECIMAL_TEXT_MAX];

	format_number(key->type, key->min, min, sizeof(min));
	format_number(key->type, key->max, max, sizeof(max));
	if (key->type != KEY_DURATION && key->max == INT64_MAX)
		config_report(use->reader, use->place, use->line, key->name,
		    "\"%s\" is out of range: it must be at least %s", quoted, min);
	else
		config_report(use->reader, use->place, use->line, key->name,
		    "\"%s\" is out of range: it must be from %s to %s", quoted, min,
		    max);
}

static bool
read_number(const struct key_use *use, const char *text, int64_t *ret_value)
{
	const struct config_key *key = use->key;
	char quoted[64];
	int64_t value;
	int r = types[key->type].parse(text, &value);
	bool is_named =
	    key->type == KEY_BOOL || (key->type == KEY_SHUTDOWN && r == 0 && value < 0);

	json_escape(text, strnlen(text, 40), quoted, sizeof(quoted));
	if (r == -EINVAL) {
		config_report(use->reader, use->place, use->line, key->name,
		    "\"%s\" is not %s", quoted, types[key->type].expected);
		return false;
	}
	if (r < 0 || (!is_named && (value < key->min || value > key->max))) {
		report_range(use, quoted);
		return false;
	}
	*ret_value = value;
	return true;
}

static bool
read_word(const struct key_use *use, const char *text, int64_t *ret_value)
{
	char quoted[64], words[128];
	struct text_out out;

	text_init(&out, words, sizeof(words));
	for (size_t i = 0; use->key->words[i]; i++) {
		if (strcmp(text, use->key->words[i]) == 0) {
			*ret_value = (int64_t)i;
			return true;
		}
		text_putf(&out, "%s%s", i > 0 ? ", " : "", use->key->words[i]);
	}
	json_escape(text, strnlen(text, 40), quoted, sizeof(quoted));
	config_report(use->reader, use->place, use->line, use->key->name,
	    "\"%s\" is not one of %s", quoted, words);
	return false;
}

static void
set_text(struct config_reader *reader, char **at, char *text)
{
	if (!text)
		reader->errors.out_of_memory = true;
	free(*at);
	*at = text;
}

static void
set_path(struct config_reader *reader, char **at, const char *text)
{
	if (*text) {
		set_text(reader, at, path_join(reader->directory, text));
	} else {
		free(*at);
		*at = NULL;
	}
}

static void
store_number(const struct config_key *key, int64_t value, void *at)
{
	_Static_assert(sizeof(enum plan_kind) == sizeof(uint32_t), "enums are 32 bits");

	if (key->type == KEY_BOOL)
		*(bool *)at = value;
	else if (key->type == KEY_COUNT || key->type == KEY_WORD)
		memcpy(at, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
	else
		memcpy(at, &value, sizeof(value));
}

/* Where a value belongs; NULL: nowhere. */
static void *
find_place(const struct config_key *key, void *base)
{
	char *object = base;

	if (key->through > 0)
		object = *(char **)(void *)(object + key->through);
	return object ? object + key->offset : NULL;
}

static void
read_value(const struct key_use *use, const char *text, void *base)
{
	const struct config_key *key = use->key;
	void *at = find_place(key, base);
	int64_t value;

	if (!at)
		return;
	switch (key->type) {
	case KEY_TEXT:
		set_text(use->reader, at, strdup(text));
		return;
	case KEY_PATH:
		set_path(use->reader, at, text);
		return;
	case KEY_COMMAND:
	case KEY_LIST:
	case KEY_SECTION:
		return;
	case KEY_WORD:
		if (read_word(use, text, &value))
			store_number(key, value, at);
		return;
	case KEY_DURATION:
	case KEY_SHUTDOWN:
	case KEY_SIZE:
	case KEY_DECIMAL:
	case KEY_COUNT:
	case KEY_LONG:
	case KEY_PERCENT:
	case KEY_OCTAL:
	case KEY_BOOL:
		if (read_number(use, text, &value))
			store_number(key, value, at);
	}
}

char **
config_command(const char *const *arguments, size_t n)
{
	size_t size = (n + 1) * sizeof(char *);
	char **command, *to;

	for (size_t i = 0; i < n; i++)
		size += strlen(arguments[i]) + 1;
	command = malloc(size);
	if (!command)
		return NULL;

	to = (char *)&command[n + 1];
	for (size_t i = 0; i < n; i++) {
		command[i] = to;
		to = stpcpy(to, arguments[i]) + 1;
	}
	command[n] = NULL;
	return command;
}

static void
read_list(const struct key_use *use, const struct syntax_entry *entry, void *base)
{
	char ***at = find_place(use->key, base);
	_cleanup_free_ const char **arguments = NULL;
	size_t n = 0;

	for (const struct syntax_value *value = entry->value; value;
	     value = value->next)
		n++;
	if (use->key->type == KEY_LIST && (n == 0 || !at))
		return;
	if (n == 0 || (use->key->type == KEY_COMMAND && !entry->value->text[0])) {
		config_report(use->reader, use->place, use->line, use->key->name,
		    "is empty; it must name a program");
		return;
	}
	arguments = calloc(n, sizeof(*arguments));
	n = 0;
	for (const struct syntax_value *value = entry->value; arguments && value;
	     value = value->next)
		arguments[n++] = value->text;

	free(*at);
	*at = arguments ? config_command(arguments, n) : NULL;
	if (!*at)
		use->reader->errors.out_of_memory = true;
}

/* Keys. */

/* How many letters must be changed, added or left out to make one word of the other. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[33], n = strlen(b);

	if (n >= ARRAY_SIZE(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

static const char *
nearest(const struct config_table *table, const char *name)
{
	size_t best = 2 + strnlen(name, 32) / 4;
	const char *found = NULL;

	if (strnlen(name, 33) > 32)
		return NULL;
	for (size_t i = 0; i < table->n_keys; i++) {
		size_t d = distance(name, table->keys[i].name);

		if (d < best) {
			best = d;
			found = table->keys[i].name;
		}
	}
	return found;
}

static void
report_unknown(struct config_reader *reader, const struct config_place *place,
    const struct config_table *table, const struct syntax_entry *entry)
{
	const char *what = entry->kind == SYNTAX_SECTION ? "section" : "key";
	const char *near = nearest(table, entry->key);

	if (near)
		config_report(reader, place, entry->line, entry->key,
		    "unknown %s; did you mean %s?", what, near);
	else
		config_report(
		    reader, place, entry->line, entry->key, "unknown %s", what);
}

static const struct config_key *
find_key(const struct config_table *table, const char *name)
{
	for (size_t i = 0; i < table->n_keys; i++) {
		if (strcmp(table->keys[i].name, name) == 0)
			return &table->keys[i];
	}
	return NULL;
}

/* Whether an entry has the form that its key asks for. */
static bool
has_form(const struct key_use *use, const struct syntax_entry *entry)
{
	const struct config_key *key = use->key;
	const char *title = key->is_titled ? " NAME" : "", *wrong = NULL;

	if (key->type == KEY_SECTION) {
		if (entry->kind == SYNTAX_SECTION && !!entry->title == key->is_titled)
			return true;
		config_report(use->reader, use->place, use->line, key->name,
		    "is a section: %s%s { … }", key->name, title);
		return false;
	}
	if (entry->kind == SYNTAX_SECTION)
		wrong = "is no section";
	else if (entry->kind == SYNTAX_LIST && key->type != KEY_COMMAND &&
		 key->type != KEY_LIST)
		wrong = "takes one value, not a list";
	if (wrong)
		config_report(
		    use->reader, use->place, use->line, key->name, "%s", wrong);
	return !wrong;
}

struct reading {
	struct config_reader *reader;
	const struct config_place *place;
	const struct config_table *table;
	uint64_t seen; /* keys that have come, by their index */
	void *base;
};

static bool
is_repeated(struct reading *reading, const struct config_key *key,
    const struct syntax_entry *entry)
{
	uint64_t bit = UINT64_C(1) << (key - reading->table->keys);
	bool repeated = !key->is_titled && (reading->seen & bit);

	if (repeated)
		config_report(reading->reader, reading->place, entry->line, key->name,
		    "is given twice");
	reading->seen |= bit;
	return repeated;
}

static void
read_entry(struct reading *reading, const struct config_key *key,
    const struct syntax_entry *entry)
{
	struct key_use use = { reading->reader, reading->place, key, entry->line };

	if (is_repeated(reading, key, entry) || !has_form(&use, entry))
		return;
	if (key->type == KEY_COMMAND || key->type == KEY_LIST)
		read_list(&use, entry, reading->base);
	else if (key->type != KEY_SECTION)
		read_value(&use, entry->value->text, reading->base);
	else if (key->read)
		key->read(reading->reader, reading->place, entry, reading->base);
}

static void
read_defaults(struct reading *reading)
{
	for (size_t i = 0; i < reading->table->n_keys; i++) {
		const struct config_key *key = &reading->table->keys[i];
		struct key_use use = { reading->reader, reading->place, key, 0 };

		if (key->type == KEY_SECTION)
			continue;
		if (key->by_default)
			read_value(&use, key->by_default, reading->base);
	}
}

void
config_read(struct config_reader *reader, const struct config_place *place,
    const struct config_table *table, const struct syntax_entry *entry,
    const char *module, void *base)
{
	struct reading reading = { reader, place, table, 0, base };

	read_defaults(&reading);
	if (!entry)
		return;
	for (const struct syntax_entry *e = entry->entry; e; e = e->next) {
		const struct config_key *key = find_key(table, e->key);

		if (key && key->type != KEY_SECTION)
			read_entry(&reading, key, e);
		else if (!key && !(module && e->kind == SYNTAX_SECTION &&
				     strcmp(e->key, module) == 0))
			report_unknown(reader, place, table, e);
	}
	/* Sections come last: what they hold may depend on the values around them. */
	for (const struct syntax_entry *e = entry->entry; e; e = e->next) {
		const struct config_key *key = find_key(table, e->key);

		if (key && key->type == KEY_SECTION)
			read_entry(&reading, key, e);
	}
}

/* How many bytes of a struct a value takes that is no text. */
static size_t
size_of(enum key_type type)
{
	if (type == KEY_BOOL)
		return sizeof(bool);
	return type == KEY_COUNT || type == KEY_WORD ? sizeof(uint32_t)
						     : sizeof(int64_t);
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
is_same_list(char *const *a, char *const *b)
{
	if (!a || !b)
		return a == b;
	while (*a && *b && strcmp(*a, *b) == 0)
		a++, b++;
	return !*a && !*b;
}

static bool
is_same(const struct config_key *key, const void *a, const void *b)
{
	if (!a || !b)
		return a == b;
	switch (key->type) {
	case KEY_TEXT:
	case KEY_PATH:
		return is_same_text(*(char *const *)a, *(char *const *)b);
	case KEY_COMMAND:
	case KEY_LIST:
		return is_same_list(*(char **const *)a, *(char **const *)b);
	case KEY_SECTION:
		return true;
	case KEY_DURATION:
	case KEY_SHUTDOWN:
	case KEY_SIZE:
	case KEY_DECIMAL:
	case KEY_COUNT:
	case KEY_LONG:
	case KEY_PERCENT:
	case KEY_OCTAL:
	case KEY_BOOL:
	case KEY_WORD:
		break;
	}
	return memcmp(a, b, size_of(key->type)) == 0;
}

void
config_compare(const struct config_table *table, const void *a, const void *b,
    void (*on_key)(const struct config_key *key, void *data), void *data)
{
	for (size_t i = 0; i < table->n_keys; i++) {
		const struct config_key *key = &table->keys[i];

		/* find_place() only looks. */
		if (key->type != KEY_SECTION &&
		    !is_same(
			key, find_place(key, (void *)a), find_place(key, (void *)b)))
			on_key(key, data);
	}
}

void
config_deinit(const struct config_table *table, void *base)
{
	for (size_t i = 0; i < table->n_keys; i++) {
		const struct config_key *key = &table->keys[i];
		void **at = find_place(key, base);

		if (!at || (key->type != KEY_TEXT && key->type != KEY_PATH &&
			       key->type != KEY_COMMAND && key->type != KEY_LIST))
			continue;
		free(*at);
		*at = NULL;
	}
}

size_t
config_value_text(
    const struct config_key *key, const void *base, char *out, size_t size)
{
	const void *at = (const char *)base + key->offset;
	uint32_t count;
	int64_t value;

	if (key->type == KEY_COUNT) {
		memcpy(&count, at, sizeof(count));
		value = count;
	} else {
		memcpy(&value, at, sizeof(value));
	}
	return format_number(key->type, value, out, size);
}

bool
config_uses(const struct config_table *table, const struct syntax_entry *section,
    size_t through)
{
	for (size_t i = 0; i < table->n_keys; i++) {
		if (table->keys[i].through == through &&
		    config_entry(section, table->keys[i].name))
			return true;
	}
	return false;
}

const struct syntax_entry *
config_entry(const struct syntax_entry *section, const char *key)
{
	const struct syntax_entry *found = NULL;

	for (const struct syntax_entry *e = section ? section->entry : NULL; e;
	     e = e->next) {
		if (strcmp(e->key, key) == 0)
			found = e;
	}
	return found;
}

unsigned
config_line(const struct syntax_entry *section, const char *key)
{
	const struct syntax_entry *entry = config_entry(section, key);

	if (entry)
		return entry->line;
	return section ? section->line : 0;
}
