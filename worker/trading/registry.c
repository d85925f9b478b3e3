/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a registry, turned into a table of entries. The syntax is libConfuse's: a
 * section holds plain `key = path` pairs, and sections `entry KEY { … }` for names that
 * come with a check. Nothing here opens a file or looks at an entry's target.
 */
#include "worker/trading/registry.h"

#include <confuse.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/duration.h"
#include "common/paths.h"

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

/* The character after a comment or a quoted string that begins at @p; NULL: it has no
 * end. */
static const char *
skip_opaque(const char *p)
{
	char quote = *p;

	if (quote == '/' && p[1] == '*') {
		p = strstr(p + 2, "*/");
		return p ? p + 2 : NULL;
	}
	if (quote == '#' || quote == '/')
		return p + strcspn(p, "\n");
	for (p++; *p && *p != quote; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : NULL;
}

/*
 * libConfuse takes the end of the file for the end of any section, so half a file would
 * pass. Return: the line of the last thing left open; 0: all are closed.
 */
static unsigned
unclosed_line(const char *text)
{
	unsigned line = 1, opened = 0, depth = 0;

	for (const char *p = text, *next; *p; p = next) {
		bool opaque = strchr("#\"'", *p) || strncmp(p, "//", 2) == 0 ||
			      strncmp(p, "/*", 2) == 0;

		next = opaque ? skip_opaque(p) : p + 1;
		if (!next)
			return line;
		if (*p == '{' && depth++ == 0)
			opened = line;
		if (*p == '}' && depth > 0)
			depth--;
		for (; p < next; p++)
			line += *p == '\n';
	}
	return depth ? opened : 0;
}

/* libConfuse hands its complaint to a function that it gives no argument of ours. */
static _Thread_local struct parse {
	const char *path;
	struct error *error;
} parsing;

static void __attribute__((format(printf, 2, 0)))
on_parse_error(cfg_t *cfg, const char *format, va_list args)
{
	char what[ERROR_TEXT_MAX / 2];

	/* In a section of free keys libConfuse complains of each new one and then takes
	 * it. */
	if (cfg->flags & CFGF_KEYSTRVAL && strncmp(format, "no such option", 14) == 0)
		return;
	vsnprintf(what, sizeof(what), format, args);
	if (!parsing.error->text[0])
		error_set(parsing.error, 0, "%s:%d: %s", parsing.path, cfg->line, what);
}

/* @out: "StateFiles.BOT_HEARTBEAT" for the key bot_heartbeat; caller frees. */
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

struct reader {
	const char *path; /* the registry file's */
	const char *base;
	struct registry *registry;
	struct error *error;
};

static int
bad(const struct reader *reader, const char *key, const char *what)
{
	return error_set(
	    reader->error, REGISTRY_E_BAD, "%s: %s: %s", reader->path, key, what);
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
add_entry(const struct reader *reader, struct registry_entry *entry)
{
	struct registry *registry = reader->registry;
	struct registry_entry *grown;
	int r = 0;

	if (registry_find(registry, entry->name))
		r = bad(reader, entry->name, "named twice");
	else if (registry->n_entries == ENTRIES_MAX)
		r = bad(reader, entry->name, "one entry too many (1024 is the most)");
	grown = r ? NULL
		  : reallocarray(
			registry->entries, registry->n_entries + 1, sizeof(*grown));
	if (!grown) {
		entry_deinit(entry);
		return r ? r : -ENOMEM;
	}
	registry->entries = grown;
	apply_needs(entry);
	grown[registry->n_entries++] = *entry;
	return 0;
}

static int
add_path(const struct reader *reader, const char *key, const char *path,
    struct registry_entry *entry)
{
	int r;

	if (!path || !*path)
		return bad(reader, key, "no path");
	r = entry_name(entry->section, key, &entry->name);
	if (r == -EINVAL)
		return bad(reader, key, "a key is letters, digits and _, at most 64");
	if (r < 0)
		return r;
	entry->path = path_join(reader->base, path);
	if (!entry->path) {
		free(entry->name);
		return -ENOMEM;
	}
	return add_entry(reader, entry);
}

static int
read_check(const char *word, unsigned *checks)
{
	for (size_t i = 0; i < ARRAY_SIZE(check_words); i++) {
		if (strcmp(word, check_words[i].word) == 0) {
			*checks |= check_words[i].check;
			return 0;
		}
	}
	return -EINVAL;
}

static int
add_section_entry(
    const struct reader *reader, enum registry_section section, cfg_t *values)
{
	struct registry_entry entry = { .section = section };
	const char *key = cfg_title(values);

	entry.required = cfg_getbool(values, "required");
	for (unsigned i = 0; i < cfg_size(values, "check"); i++)
		if (read_check(cfg_getnstr(values, "check", i), &entry.checks) < 0)
			return bad(reader, key, "check is exists, writable or json");
	if (duration_parse(cfg_getstr(values, "max_age"), &entry.max_age_ns) < 0)
		return bad(reader, key, "max_age is no duration (5m, 30s)");
	return add_path(reader, key, cfg_getstr(values, "path"), &entry);
}

static int
add_option(
    const struct reader *reader, enum registry_section section, cfg_opt_t *option)
{
	struct registry_entry entry = { .section = section };
	int r = 0;

	if (option->type != CFGT_SEC)
		return add_path(reader, cfg_opt_name(option),
		    cfg_opt_size(option) ? cfg_opt_getnstr(option, 0) : NULL, &entry);
	for (unsigned i = 0; i < cfg_opt_size(option) && r == 0; i++)
		r = add_section_entry(reader, section, cfg_opt_getnsec(option, i));
	return r;
}

static int
read_sections(const struct reader *reader, cfg_t *cfg)
{
	for (int s = 0; s < REGISTRY_SECTION_COUNT; s++) {
		cfg_t *section = cfg_getsec(cfg, sections[s].key);

		for (unsigned i = 0; section && i < cfg_num(section); i++) {
			int r = add_option(
			    reader, (enum registry_section)s, cfg_getnopt(section, i));

			if (r)
				return r;
		}
	}
	return 0;
}

static void
cfg_freep(cfg_t **cfg)
{
	if (*cfg)
		cfg_free(*cfg);
}

/* Return: 0; REGISTRY_E_BAD; -ENOMEM. */
static int
parse_syntax(const char *text, const char *path, struct error *error, cfg_t **ret_cfg)
{
	cfg_opt_t entry[] = {
		CFG_STR("path", NULL, CFGF_NODEFAULT),
		CFG_BOOL("required", cfg_false, CFGF_NONE),
		CFG_STR_LIST("check", "{exists}", CFGF_NONE),
		CFG_STR("max_age", "0", CFGF_NONE),
		CFG_END(),
	};
	cfg_opt_t section[] = {
		CFG_SEC("entry", entry, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_END(),
	};
	cfg_opt_t root[] = {
		CFG_SEC("directories", section, CFGF_KEYSTRVAL),
		CFG_SEC("state_files", section, CFGF_KEYSTRVAL),
		CFG_SEC("cache_files", section, CFGF_KEYSTRVAL),
		CFG_END(),
	};
	_cleanup_(cfg_freep) cfg_t *cfg = cfg_init(root, CFGF_NONE);
	int r;

	if (!cfg)
		return -ENOMEM;
	cfg_set_error_function(cfg, on_parse_error);
	error->text[0] = '\0';
	parsing = (struct parse){ path, error };
	r = cfg_parse_buf(cfg, text);
	parsing = (struct parse){ NULL, NULL };
	if (r != CFG_SUCCESS) {
		if (!error->text[0])
			error_set(error, 0, "%s: cannot be read as a registry", path);
		return REGISTRY_E_BAD;
	}
	*ret_cfg = steal(&cfg);
	return 0;
}

int
registry_parse(const char *text, size_t length, const char *path, const char *base,
    struct error *error, struct registry **ret_registry)
{
	_cleanup_(registry_freep) struct registry *registry =
	    calloc(1, sizeof(*registry));
	_cleanup_(cfg_freep) cfg_t *cfg = NULL;
	_cleanup_free_ char *copy = strndup(text, length);
	struct reader reader = { path, base, registry, error };
	unsigned line;
	int r;

	if (!registry || !copy)
		return -ENOMEM;
	if (strlen(copy) != length)
		return error_set(error, REGISTRY_E_BAD, "%s: holds a NUL byte", path);
	line = unclosed_line(copy);
	if (line)
		return error_set(error, REGISTRY_E_BAD,
		    "%s:%u: a brace or quote that is not closed", path, line);
	r = parse_syntax(copy, path, error, &cfg);
	if (r)
		return r;
	r = read_sections(&reader, cfg);
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
