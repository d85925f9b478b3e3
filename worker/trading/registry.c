/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a registry, turned into a table of entries. The syntax is libConfuse's: a
 * section holds plain `key = path` pairs, and sections `entry KEY { … }` for names that
 * come with a check. Nothing here opens a file or looks at an entry's target.
 */
#include "worker/trading/registry.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/duration.h"
#include "common/paths.h"
#include "common/syntax.h"

#define ENTRIES_MAX 1024
#define KEY_MAX 64

struct section_info {
	const char *key;  /* in the file */
	const char *name; /* in a message */
};

static const struct section_info sections[REGISTRY_SECTION_COUNT] = {
	[REGISTRY_DIRECTORIES] = { "directories", "Directories" },
	[REGISTRY_STATE_FILES] = { "state_files", "StateFiles" },
	[REGISTRY_CACHE_FILES] = { "cache_files", "CacheFiles" },
};

/* What the worker asks of its own entries, in the order in which they are looked at. */
static const struct {
	const char *name;
	bool required;
	unsigned checks;
} needed[] = {
	{ REGISTRY_STATE, true, REGISTRY_WRITABLE },
	{ REGISTRY_CACHE, true, REGISTRY_WRITABLE },
	{ REGISTRY_HEARTBEAT, false, REGISTRY_WRITABLE | REGISTRY_JSON },
	{ REGISTRY_FAIL_COUNTER, false, REGISTRY_WRITABLE | REGISTRY_JSON },
	{ REGISTRY_FREEZE, false, 0 },
	{ REGISTRY_JOURNAL, false, REGISTRY_WRITABLE },
	{ REGISTRY_CURSOR, false, REGISTRY_WRITABLE | REGISTRY_JSON },
};

static const struct {
	const char *word;
	enum registry_check check;
} check_words[] = {
	{ "exists", REGISTRY_EXISTS },
	{ "writable", REGISTRY_WRITABLE },
	{ "json", REGISTRY_JSON },
};

static const char builtin[] = "# Every file that this worker touches, by name: "
			      "tradesup-worker(1), THE REGISTRY.\n"
			      "# Relative paths start at the worker's state directory. "
			      "It is read again when it changes.\n"
			      "directories {\n"
			      "	state = \".\"\n"
			      "	cache = \"cache\"\n"
			      "}\n"
			      "state_files {\n"
			      "	bot_heartbeat = \"heartbeat.json\"\n"
			      "	fail_counter = \"fail_counter.json\"\n"
			      "	pre_market_freeze = \"pre_market_freeze\"	# "
			      "while it exists, no new order\n"
			      "	journal = \"journal.db\"\n"
			      "}\n"
			      "cache_files {\n"
			      "	feed_cursor = \"cache/feed_cursor.json\"\n"
			      "}\n";

const char *
registry_builtin(void)
{
	return builtin;
}

/* struct reader - a registry in the making */
struct reader {
	const char *path; /* the registry file's */
	const char *base;
	struct registry *registry;
	struct error *error; /* the first one */
};

static int __attribute__((format(printf, 3, 4)))
bad(const struct reader *reader, unsigned line, const char *format, ...)
{
	char what[ERROR_TEXT_MAX / 2];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_set(
	    reader->error, REGISTRY_E_BAD, "%s:%u: %s", reader->path, line, what);
}

static void
on_syntax_error(unsigned line, const char *what, void *data)
{
	const struct reader *reader = data;

	if (!reader->error->text[0])
		bad(reader, line, "%s", what);
}

/* @ret_name: "StateFiles.BOT_HEARTBEAT" for the key bot_heartbeat; caller frees. */
static int
entry_name(enum registry_section section, const char *key, char **ret_name)
{
	size_t length = strlen(key);
	char *name, *p;

	if (length == 0 || length > KEY_MAX)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)key[i]) && key[i] != '_')
			return -EINVAL;
	if (asprintf(&name, "%s.%s", sections[section].name, key) < 0)
		return -ENOMEM;
	for (p = strchr(name, '.'); *p; p++)
		*p = (char)toupper((unsigned char)*p);
	*ret_name = name;
	return 0;
}

static void
entry_deinit(struct registry_entry *entry)
{
	free(entry->name);
	free(entry->path);
}

static void
apply_needs(struct registry_entry *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (strcmp(entry->name, needed[i].name) != 0)
			continue;
		entry->required |= needed[i].required;
		entry->checks |= needed[i].checks;
	}
	if (entry->section == REGISTRY_DIRECTORIES)
		entry->required = true;
}

/* Takes over what @entry owns, in any case. */
static int
append(const struct reader *reader, struct registry_entry *entry)
{
	struct registry *registry = reader->registry;
	struct registry_entry *grown;

	grown =
	    reallocarray(registry->entries, registry->n_entries + 1, sizeof(*grown));
	if (!grown) {
		entry_deinit(entry);
		return -ENOMEM;
	}
	registry->entries = grown;
	apply_needs(entry);
	grown[registry->n_entries++] = *entry;
	return 0;
}

static int
add_entry(const struct reader *reader, struct registry_entry *entry, const char *key,
    unsigned line, const char *path)
{
	int r;

	if (!path || !*path)
		return bad(reader, line, "%s: it has no path", key);
	if (reader->registry->n_entries == ENTRIES_MAX)
		return bad(reader, line, "%s: more than %d entries", key, ENTRIES_MAX);
	r = entry_name(entry->section, key, &entry->name);
	if (r == -EINVAL)
		return bad(reader, line,
		    "%s: a key is letters, digits and _, at most %d", key, KEY_MAX);
	if (r < 0)
		return r;
	if (registry_find(reader->registry, entry->name)) {
		free(entry->name);
		return bad(reader, line, "%s: given twice", key);
	}
	entry->path = path_join(reader->base, path);
	if (!entry->path) {
		free(entry->name);
		return -ENOMEM;
	}
	return append(reader, entry);
}

static int
read_required(struct registry_entry *entry, const char *text)
{
	entry->required = strcmp(text, "yes") == 0;
	return entry->required || strcmp(text, "no") == 0 ? 0 : -EINVAL;
}

static int
read_check(struct registry_entry *entry, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(check_words); i++) {
		if (strcmp(text, check_words[i].word) == 0) {
			entry->checks |= check_words[i].check;
			return 0;
		}
	}
	return -EINVAL;
}

static int
read_max_age(struct registry_entry *entry, const char *text)
{
	return duration_parse(text, &entry->max_age_ns);
}

/* The keys of an entry's section, but for its path. */
static const struct {
	const char *key;
	int (*read)(struct registry_entry *entry, const char *text);
	const char *wanted;
} entry_keys[] = {
	{ "required", read_required, "yes or no" },
	{ "check", read_check, "exists, writable or json, or a list of them" },
	{ "max_age", read_max_age, "a duration (5m, 30s)" },
};

static int
read_entry_key(const struct reader *reader, const struct syntax_entry *option,
    struct registry_entry *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(entry_keys); i++) {
		if (strcmp(option->key, entry_keys[i].key) != 0)
			continue;
		for (struct syntax_value *v = option->value; v; v = v->next)
			if (entry_keys[i].read(entry, v->text) < 0)
				return bad(reader, option->line, "%s: '%s' is not %s",
				    option->key, v->text, entry_keys[i].wanted);
		return 0;
	}
	return bad(reader, option->line, "%s: there is no such key", option->key);
}

/* entry KEY { path = … } */
static int
read_entry_section(const struct reader *reader, enum registry_section section,
    const struct syntax_entry *node)
{
	struct registry_entry entry = { .section = section };
	const char *path = NULL;
	int r = 0;

	if (strcmp(node->key, "entry") != 0 || !node->title)
		return bad(reader, node->line,
		    "%s: a section here is `entry KEY { … }`", node->key);
	for (struct syntax_entry *o = node->entry; o && r == 0; o = o->next) {
		if (o->kind == SYNTAX_VALUE && strcmp(o->key, "path") == 0)
			path = o->value->text;
		else
			r = read_entry_key(reader, o, &entry);
	}
	return r ? r : add_entry(reader, &entry, node->title, node->line, path);
}

static int
read_section(const struct reader *reader, enum registry_section section,
    const struct syntax_entry *node)
{
	int r = 0;

	for (struct syntax_entry *e = node->entry; e && r == 0; e = e->next) {
		struct registry_entry entry = { .section = section };

		if (e->kind == SYNTAX_SECTION)
			r = read_entry_section(reader, section, e);
		else if (e->kind == SYNTAX_LIST)
			r = bad(reader, e->line, "%s: one path, not a list", e->key);
		else
			r = add_entry(reader, &entry, e->key, e->line, e->value->text);
	}
	return r;
}

static int
read_root(const struct reader *reader, const struct syntax_entry *root)
{
	int r = 0;

	for (struct syntax_entry *e = root->entry; e && r == 0; e = e->next) {
		int section = 0;

		while (section < REGISTRY_SECTION_COUNT &&
		       strcmp(e->key, sections[section].key) != 0)
			section++;
		if (section == REGISTRY_SECTION_COUNT || e->kind != SYNTAX_SECTION)
			r = bad(reader, e->line,
			    "%s: not a section of a registry (directories, "
			    "state_files, cache_files)",
			    e->key);
		else
			r = read_section(reader, (enum registry_section)section, e);
	}
	return r;
}

int
registry_parse(const char *text, size_t length, const char *path, const char *base,
    struct error *error, struct registry **ret_registry)
{
	_cleanup_(registry_freep) struct registry *registry =
	    calloc(1, sizeof(*registry));
	_cleanup_(syntax_deinit) struct syntax syntax = { 0 };
	struct error first = { "" };
	struct reader reader = { path, base, registry, &first };
	int r;

	if (!registry)
		return -ENOMEM;
	r = syntax_parse(&syntax, text, length, on_syntax_error, &reader);
	if (r == 0 && first.text[0])
		r = REGISTRY_E_BAD;
	if (r == 0)
		r = read_root(&reader, &syntax.root);
	if (r == REGISTRY_E_BAD)
		*error = first;
	if (r)
		return r;
	*ret_registry = steal(&registry);
	return 0;
}

const struct registry_entry *
registry_find(const struct registry *registry, const char *name)
{
	for (size_t i = 0; registry && i < registry->n_entries; i++)
		if (strcmp(registry->entries[i].name, name) == 0)
			return &registry->entries[i];
	return NULL;
}

const char *
registry_path(const struct registry *registry, const char *name)
{
	const struct registry_entry *entry = registry_find(registry, name);

	return entry ? entry->path : NULL;
}

const char *
registry_missing(const struct registry *registry)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!registry_find(registry, needed[i].name))
			return needed[i].name;
	return NULL;
}

void
registry_drop(struct registry *registry, const char *name)
{
	for (size_t i = 0; i < registry->n_entries; i++) {
		if (strcmp(registry->entries[i].name, name) != 0)
			continue;
		entry_deinit(&registry->entries[i]);
		registry->n_entries--;
		memmove(&registry->entries[i], &registry->entries[i + 1],
		    (registry->n_entries - i) * sizeof(registry->entries[0]));
		return;
	}
}

struct registry *
registry_free(struct registry *registry)
{
	if (!registry)
		return NULL;
	for (size_t i = 0; i < registry->n_entries; i++)
		entry_deinit(&registry->entries[i]);
	free(registry->entries);
	free(registry);
	return NULL;
}

void
registry_freep(struct registry **registry)
{
	registry_free(*registry);
}
