/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sections of a configuration file, from syntax to structs. For config.c, and for
 * the files that share its work.
 */
#pragma once

#include "common/config_keys.h"
#include "common/config_trading.h"

#define CONFIG_ROOT_NAME "root"

/* The keys of both kinds of node; their structs are struct config_node. */
extern const struct config_table config_worker_table, config_group_table;

/** config_node_new() - NULL: out of memory. */
struct config_node *config_node_new(
    enum config_node_type type, const char *name, unsigned line);

/** config_node_free() - with all below it. Return: NULL. */
struct config_node *config_node_free(struct config_node *node);

/**
 * config_tree_read() - a whole file into @reader->config, whose root is there and
 * empty.
 */
void config_tree_read(struct config_reader *reader, const struct syntax_entry *file);

/**
 * config_tree_defaults() - the same for a file that says nothing of @worker but its
 * name.
 */
void config_tree_defaults(struct config_reader *reader, struct config_node *worker);

/**
 * config_trading_read() - a trading section, or with @entry NULL its defaults. NULL:
 * out of memory, which is noted. In config_trading.c.
 */
struct config_trading *config_trading_read(struct config_reader *reader,
    const struct config_place *outer, const struct syntax_entry *entry);

/**
 * config_trading_compare() - find the keys whose values differ; neither is NULL
 * @on_key: called for each with the section it stands in, "" for the trading section
 */
void config_trading_compare(const struct config_trading *a,
    const struct config_trading *b,
    void (*on_key)(const char *section, const char *key, void *data), void *data);

/**
 * config_module_read() - the section of a strategy's parameters, into @trading
 * @module:  the strategy module's name
 * @section: the trading section; NULL: there is none
 */
void config_module_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *section, const char *module,
    struct config_trading *trading);

/** config_feeds_check() - what the section of the feed in use must have; in
 * config_feeds.c. */
void config_feeds_check(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, struct config_trading *trading);
/** config_alert_read(), config_target_read(), config_notify_read() - those sections of
 * a file, into @reader->config. In config_alerts.c. */
void config_alert_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base);
void config_target_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base);
void config_notify_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base);

/** config_alerts_check() - names, and what refers to them, when all has been read. */
void config_alerts_check(struct config_reader *reader);

/** config_limits_new() - nothing is set. NULL: out of memory. */
struct config_limits *config_limits_new(void);

/** config_limits_free() - the struct and what user and group have become, not the rest,
 * which is config_deinit()'s. */
void config_limits_free(struct config_limits *limits);

/**
 * config_limits_check() - what a range cannot say, and who user and group are
 * @section: the worker's
 *
 * This looks into the machine's user database and counts its CPUs.
 */
void config_limits_check(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *section, struct config_limits *limits);

/**
 * config_limits_group() - the number of a group
 * @key: of @section, where its name stands
 *
 * Return: (gid_t)-1 if there is none, which is reported.
 */
gid_t config_limits_group(struct config_reader *reader,
    const struct config_place *place, const struct syntax_entry *section,
    const char *key, const char *name);

/** config_sandbox_read() - the sandbox section of @base, a worker's node. In
 * config_sandbox.c. */
void config_sandbox_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base);

/** config_sandbox_free() - with all in it; may be NULL. */
void config_sandbox_free(struct config_sandbox *sandbox);

/** config_sandbox_compare() - find the keys that differ; NULL: none of it is set. */
void config_sandbox_compare(const struct config_sandbox *a,
    const struct config_sandbox *b,
    void (*on_key)(const struct config_key *key, void *data), void *data);

/** config_watch_new() - nothing is set. NULL: out of memory. */
struct config_watch *config_watch_new(void);

/** config_watch_free() - with all in it; may be NULL. */
void config_watch_free(struct config_watch *watch);

/** struct config_watch_news - which keys of the two sections differ */
struct config_watch_news {
	void (*on_probe)(const struct config_key *key, void *data);
	void (*on_make_safe)(const struct config_key *key, void *data);
};

/** config_watch_compare() - NULL: none of it is set. */
void config_watch_compare(const struct config_watch *a, const struct config_watch *b,
    const struct config_watch_news *news, void *data);

/** config_watch_read_probe(), config_watch_read_make_safe() - those sections of a
 * worker. In config_watch.c. */
void config_watch_read_probe(struct config_reader *reader,
    const struct config_place *outer, const struct syntax_entry *entry,
    struct config_watch *watch);
void config_watch_read_make_safe(struct config_reader *reader,
    const struct config_place *outer, const struct syntax_entry *entry,
    struct config_worker *worker);

/**
 * config_watch_check() - the words of `ready`, and what does not fit to the worker
 * @section: the worker's
 */
void config_watch_check(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *section, struct config_worker *worker);
