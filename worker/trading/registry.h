/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: which file each name stands for. `StateFiles.BOT_HEARTBEAT` is the key
 * bot_heartbeat of the section state_files in registry.conf, tradesup-worker(1). This
 * is the text as a table of entries and nothing more; where it comes from is
 * registry_source.h's matter.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/trading/stamp.h"

enum registry_section {
	REGISTRY_DIRECTORIES,
	REGISTRY_STATE_FILES,
	REGISTRY_CACHE_FILES,
	REGISTRY_SECTION_COUNT
};

/* What must hold for an entry's target; bits. */
enum registry_check {
	REGISTRY_EXISTS = 1 << 0,
	REGISTRY_WRITABLE = 1 << 1, /* it can be written, or made where it is missing */
	REGISTRY_JSON = 1 << 2,
};

struct registry_entry {
	enum registry_section section;
	char *name;    /* "StateFiles.BOT_HEARTBEAT" */
	char *path;    /* absolute, or relative to the working directory */
	bool required; /* the target must be there; else the checks apply once it is */
	unsigned checks;     /* of enum registry_check */
	int64_t max_age_ns;  /* 0: any age; else the target's last change is younger */
	struct stamp passed; /* of the target when its content was last found good */
};

struct registry {
	struct registry_entry *entries; /* in the file's order within a section */
	size_t n_entries;
};

/* The entries without which no cycle runs. */
#define REGISTRY_STATE "Directories.STATE"
#define REGISTRY_CACHE "Directories.CACHE"
#define REGISTRY_HEARTBEAT "StateFiles.BOT_HEARTBEAT"
#define REGISTRY_FAIL_COUNTER "StateFiles.FAIL_COUNTER"
#define REGISTRY_FREEZE "StateFiles.PRE_MARKET_FREEZE"
#define REGISTRY_JOURNAL "StateFiles.JOURNAL"
#define REGISTRY_CURSOR "CacheFiles.FEED_CURSOR"

/** registry_builtin() - the text of the registry that a worker without one of its own
 * gets. */
const char *registry_builtin(void);

#define REGISTRY_E_BAD 1 /* not the text of a registry; the sentence says where */

/**
 * registry_parse() - read the text of a registry
 * @text, @length: the file's content; need not end in a NUL
 * @path: its name, for the sentence alone
 * @base: what relative paths are relative to
 *
 * Entries that the worker needs and are not there are no error here: see
 * registry_missing(). Return: 0; REGISTRY_E_BAD with @error filled; -ENOMEM.
 */
int registry_parse(const char *text, size_t length, const char *path, const char *base,
    struct error *error, struct registry **ret_registry);

/** registry_find() - the entry of that name; NULL if there is none, or no registry at
 * all. */
const struct registry_entry *registry_find(
    const struct registry *registry, const char *name);

/** registry_path() - its path, owned by the registry; NULL if there is no such entry.
 */
const char *registry_path(const struct registry *registry, const char *name);

/** registry_missing() - the first name a cycle needs that is not there; NULL: it is
 * whole. */
const char *registry_missing(const struct registry *registry);

/** registry_drop() - a drill: lose the entry of that name, in memory alone. */
void registry_drop(struct registry *registry, const char *name);

/** registry_free() - Return: NULL. */
struct registry *registry_free(struct registry *registry);
void registry_freep(struct registry **registry);
