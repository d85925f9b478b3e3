/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file, tradesup.conf(5), as structs. Every key with its default
 * stands in a table (config_tree.c, config_trading.c), every error is named as
 * file:line: key: what is wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/log.h"
#include "common/timestamp.h"

/* Which siblings a restart moves. The config key is `strategy`; elsewhere that word
 * means trading. */
enum plan_kind { PLAN_ONE_FOR_ONE, PLAN_ONE_FOR_ALL, PLAN_REST_FOR_ONE };
enum restart_kind { RESTART_PERMANENT, RESTART_TRANSIENT, RESTART_TEMPORARY };
enum auto_shutdown {
	AUTO_SHUTDOWN_NEVER,
	AUTO_SHUTDOWN_ANY_SIGNIFICANT,
	AUTO_SHUTDOWN_ALL_SIGNIFICANT
};
enum notify_kind { NOTIFY_NONE, NOTIFY_SYSTEMD };

#define SHUTDOWN_KILL INT64_C(-1)     /* shutdown = kill: SIGKILL at once */
#define SHUTDOWN_INFINITY INT64_C(-2) /* shutdown = infinity: SIGTERM, and wait */

struct config_trading;
struct config_alerts;

#define CONFIG_UNSET INT64_MIN /* nice, umask: as the supervisor's own */

/** struct config_limits - what few workers are given; the others have no such struct */
struct config_limits {
	int64_t cpu_quota;	    /* percent of one CPU; 0: none */
	int64_t nofile;		    /* 0: as the supervisor's own */
	int64_t nice;		    /* or CONFIG_UNSET */
	int64_t umask;		    /* or CONFIG_UNSET */
	char *user, *group, *chdir; /* NULL: as the supervisor's own */
	char **environment;	    /* "K=V", NULL-terminated; NULL: none */
	bool no_new_privs;

	/* What user and group mean; -1: as the supervisor's own. */
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* owned */
	size_t n_groups;
};

#define CONFIG_SANDBOX_TMP "/tmp", "/var/tmp" /* what private_tmp replaces */

/** struct config_sandbox - what few workers are kept from; the others have no such
 * struct */
struct config_sandbox {
	char **read_only; /* absolute paths that can be read; NULL: no such bound */
	bool reads_all;	  /* read_only = yes: all can be read, @read_only is no list */
	char **write;	  /* absolute paths that can be written, too; NULL: none */
	bool private_tmp, no_network, seccomp;
};

/* How a worker that cannot tell becomes ready. */
enum ready_kind { READY_BY_ITSELF, READY_PORT, READY_FILE, READY_LOG };
enum probe_kind { PROBE_NONE, PROBE_EXEC, PROBE_TCP, PROBE_HTTP };

/* When a worker is made safe, as bits. */
enum make_safe_when { MAKE_SAFE_CRASH = 1, MAKE_SAFE_HANG = 2, MAKE_SAFE_ESCALATE = 4 };

#define MAKE_SAFE_TIMEOUT_NS INT64_C(10000000000) /* where none is given */

/** struct config_watch - how a worker is looked after that does not tell all by itself;
 * the others have no such struct */
struct config_watch {
	char **ready_words; /* as written */
	enum ready_kind ready;
	char *ready_target; /* HOST:PORT, a path, or an extended regular expression */

	enum probe_kind probe;
	char **probe_exec;
	char *probe_tcp, *probe_http; /* HOST:PORT; a URL */
	int64_t probe_interval_ns, probe_timeout_ns;
	uint32_t probe_failures; /* in a row; >= 1 */

	char **make_safe; /* NULL: the built-in worker's own, if it is one */
	int64_t make_safe_timeout_ns;
	char **make_safe_words;	 /* as written */
	unsigned make_safe_when; /* of enum make_safe_when */
};

struct config_worker {
	char **command; /* NULL-terminated; NULL: the built-in trading worker */
	enum notify_kind notify;
	int64_t heartbeat_ns;	  /* 0: none expected */
	uint32_t misses;	  /* this many heartbeats missed is a hang; >= 1 */
	int64_t cycle_timeout_ns; /* 0: none */
	int64_t start_timeout_ns; /* 0: none */
	int64_t watchdog_ns;	  /* notify = systemd; 0: none */
	int64_t restart_delay_ns;
	int64_t restart_delay_max_ns; /* >= restart_delay */
	int64_t stable_after_ns;
	int64_t memory_max_bytes; /* 0: none */
	uint32_t failed_cycles;	  /* this many in a row ask for a restart; 0: never */
	struct config_limits *limits;	/* NULL: none of them is set */
	struct config_watch *watch;	/* NULL: none of it is set */
	struct config_sandbox *sandbox; /* NULL: none */
	struct config_trading *trading; /* the built-in worker's; NULL if command */
};

struct config_group {
	enum plan_kind plan;
	uint32_t intensity;
	int64_t period_ns;
	enum auto_shutdown auto_shutdown;
	struct config_node **children; /* owned, in start order */
	size_t n_children;
};

enum config_node_type { CONFIG_WORKER, CONFIG_GROUP };

/**
 * struct config_node - a worker or a group, with what a parent wants to know of
 * either.
 */
struct config_node {
	enum config_node_type type;
	char *name; /* unique in the whole file, path_is_safe_name(); the root's is
		       "root" */
	unsigned line;
	enum restart_kind restart;
	bool significant;
	int64_t shutdown_ns; /* or SHUTDOWN_KILL, SHUTDOWN_INFINITY */
	union {
		struct config_worker worker;
		struct config_group group;
	};
};

struct config {
	char *path;  /* "-" for none (run -- COMMAND) */
	int text_fd; /* config_load_keep(): the text that was read, sealed; else -1 */
	/* Relative ones are resolved against the file's directory; NULL: see paths.h.
	 */
	char *state_dir, *runtime_dir;
	char *control_group; /* NULL: nobody but the owner and root */
	gid_t control_gid;   /* what that means */
	enum log_format log_format;
	/* So many escalations in the period with no good cycle, and the next start is
	 * held; 0: never. */
	uint32_t service_intensity;
	int64_t service_period_ns;
	char **on_escalate; /* NULL: none; run before we end because we gave up */
	struct config_node *root;     /* a group: the supervisor section */
	struct config_alerts *alerts; /* NULL: the file has none of those sections */
};

/**
 * config_on_error - called for each error: a whole sentence, `file:line: key: what is
 * wrong`.
 */
typedef void (*config_on_error)(const char *message, void *data);

/**
 * config_load() - read and check a file, all of it; as many errors as possible are
 * reported
 *
 * Checks besides types, units and ranges: unknown keys, duplicate keys and names,
 * unsafe names, a significant worker that is permanent or whose group has auto_shutdown
 * = never, restart_delay_max < restart_delay, a command that is empty, no worker at
 * all, a user or group that this machine does not have. Relative paths in trading
 * sections are resolved against the file's directory. Return: 0; -EINVAL after on_error
 * was called at least once; -ENOMEM.
 */
int config_load(
    const char *path, config_on_error on_error, void *data, struct config **ret_config);

/**
 * config_load_keep() - the same; the text stays, so that whoever is to go by this
 * configuration can be given it whatever becomes of the file
 */
int config_load_keep(
    const char *path, config_on_error on_error, void *data, struct config **ret_config);

/**
 * config_load_text() - the same from a descriptor, as config_load_keep() keeps one; it
 * is not moved
 * @path: what it was read from: for messages, and for relative paths
 */
int config_load_text(int fd, const char *path, config_on_error on_error, void *data,
    struct config **ret_config);

/**
 * config_load_fragment() - as config_load_keep() for sections that will be in another
 * file's group
 * @around: that group's; it decides whether they may be significant, not what this file
 *          says of a supervisor
 */
int config_load_fragment(const char *path, enum auto_shutdown around,
    config_on_error on_error, void *data, struct config **ret_config);

/**
 * config_for_command() - the config of `tradesup run -- COMMAND…`: one permanent
 * worker named after the command's last path part.
 */
int config_for_command(char **command, struct config **ret_config);

/** struct config_text - a text that config_load_keep() or config_load_fragment() kept,
 * in somebody else's life */
struct config_text {
	const char *path; /* as there */
	const char *text; /* need not end in a NUL */
	size_t length;
	bool is_fragment;
	enum auto_shutdown around; /* of a fragment */
};

/** config_load_again() - as if it had just been read and kept. */
int config_load_again(const struct config_text *text, config_on_error on_error,
    void *data, struct config **ret_config);

/** config_is_of_command() - whether config_for_command() made it. */
bool config_is_of_command(const struct config *config);

struct config *config_free(struct config *config);
void config_freep(struct config **config);

/** config_find() - a node by its name, anywhere in the tree; NULL if there is none. */
const struct config_node *config_find(const struct config *config, const char *name);

/** config_sandbox_is_tmp() - whether @path, absolute, is in what private_tmp replaces.
 */
bool config_sandbox_is_tmp(const char *path);

/**
 * config_is_own_variable() - whether "K=V" sets a variable that the supervisor itself
 * sets for each worker, or keeps from it.
 */
bool config_is_own_variable(const char *assignment);

/** config_secret_variable() - whether "K=V" sets a variable that the built-in worker
 * takes a key from. Return: its bit; 0: it is another. */
unsigned config_secret_variable(const char *assignment);

/** config_secrets_of() - the bits of the variables that this worker takes its keys
 * from; 0 for one with a command. */
unsigned config_secrets_of(const struct config_worker *worker);
