/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of a configuration section as a table: name, type, default, range and place in a
 * struct. One function reads a section by its table and reports what is wrong with it.
 */
#pragma once

#include "common/config_errors.h"
#include "common/syntax.h"

enum key_type {
	KEY_DURATION, /* int64_t, ns */
	KEY_SHUTDOWN, /* int64_t, ns, or SHUTDOWN_KILL, SHUTDOWN_INFINITY */
	KEY_SIZE,     /* int64_t, bytes */
	KEY_DECIMAL,  /* int64_t, 1e-8 */
	KEY_COUNT,    /* uint32_t */
	KEY_LONG,     /* uint64_t, up to INT64_MAX, or int64_t */
	KEY_PERCENT,  /* int64_t, with or without a % behind it */
	KEY_OCTAL,    /* int64_t */
	KEY_BOOL,     /* bool */
	KEY_WORD,     /* an enum: the index in @words */
	KEY_TEXT,     /* char *, owned */
	KEY_PATH,     /* char *, owned; relative to the file's directory; "" is NULL */
	KEY_COMMAND,  /* char **, one allocation; see config_command() */
	KEY_LIST,     /* the same, of any texts; NULL if there are none */
	KEY_SECTION,  /* read by @read; NULL: by the caller of config_read() */
};

/** config_section_read - read a section; @base is that of the table it stands in */
typedef void (*config_section_read)(struct config_reader *reader,
    const struct config_place *outer, const struct syntax_entry *entry, void *base);

struct config_key {
	const char *name;
	enum key_type type;
	size_t offset;		  /* in the struct that the table fills */
	const char *by_default;	  /* as it would be written; NULL: left as it is */
	int64_t min, max;	  /* numbers: the range */
	const char *const *words; /* KEY_WORD: NULL-terminated */
	config_section_read read; /* KEY_SECTION */
	bool is_titled;		  /* KEY_SECTION: has a title, and may come again */
	/* 0, or where the table's struct has a pointer to the one that @offset means;
	 * while that is NULL the key is known and its value goes nowhere. */
	size_t through;
	bool is_live; /* a change of it needs no restart of the process */
};

/** struct config_table - the keys of one kind of section */
struct config_table {
	const struct config_key *keys;
	size_t n_keys; /* at most 64 */
};

#define CONFIG_TABLE(keys)                                                             \
	{                                                                              \
		keys, ARRAY_SIZE(keys)                                                 \
	}

/**
 * config_read() - fill a struct from a section: defaults, then values, then inner
 * sections
 * @entry: NULL: the defaults alone
 * @module: a section of this name is left to the caller; NULL: none is
 */
void config_read(struct config_reader *reader, const struct config_place *place,
    const struct config_table *table, const struct syntax_entry *entry,
    const char *module, void *base);

/** config_deinit() - free the texts, paths and commands of a struct. */
void config_deinit(const struct config_table *table, void *base);

/**
 * config_compare() - find the keys whose values differ in two structs; both NULL behind
 * a pointer (`through`) are the same
 * @on_key: called for each
 */
void config_compare(const struct config_table *table, const void *a, const void *b,
    void (*on_key)(const struct config_key *key, void *data), void *data);

/** config_value_text() - a number as canonical text. Return: length of @out. */
size_t config_value_text(
    const struct config_key *key, const void *base, char *out, size_t size);

/** config_uses() - whether a section has a key whose value is behind that pointer. */
bool config_uses(const struct config_table *table, const struct syntax_entry *section,
    size_t through);

/** config_entry() - a section's last entry of that key, NULL if there is none. */
const struct syntax_entry *config_entry(
    const struct syntax_entry *section, const char *key);

/** config_line() - the line of that entry, of the section itself if there is none. */
unsigned config_line(const struct syntax_entry *section, const char *key);

/**
 * config_command() - a NULL-terminated array of texts in one allocation. NULL: no
 * memory.
 */
char **config_command(const char *const *arguments, size_t n);
