/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things lie: configuration, state and runtime directories (systemd's variables,
 * else the XDG base directories, else root's), and the programs beside this one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * path_join() - "@a/@b", or @b alone where it is absolute; allocated. NULL: out of
 * memory.
 */
char *path_join(const char *a, const char *b);

/**
 * path_is_safe_name() - whether @name can be a file's name: [A-Za-z0-9._-]+, no
 * leading '.' or '-', at most 64 bytes.
 */
bool path_is_safe_name(const char *name);

/**
 * path_config() - the configuration file to use when none is named: for a user
 * $XDG_CONFIG_HOME/tradesup/tradesup.conf (~/.config) if it exists, else
 * /etc/tradesup/tradesup.conf
 */
char *path_config(void);

/**
 * path_state() - the state directory; not created
 * @configured: from the config, or NULL
 *
 * @configured, $STATE_DIRECTORY, $XDG_STATE_HOME/tradesup, for root /var/lib/tradesup,
 * ~/.local/state/tradesup.
 */
char *path_state(const char *configured);

/**
 * path_runtime() - the runtime directory; not created
 *
 * @configured, $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/tradesup, for root /run/tradesup,
 * /tmp/tradesup-UID.
 */
char *path_runtime(const char *configured);

/**
 * path_mkdirs() - create @path and its parents. Return: 0 also if it is there; -errno.
 */
int path_mkdirs(const char *path, mode_t mode);

/* The built-in worker's program. TRADESUP_WORKER is something else: the name that a
 * worker finds in its environment, and hands down to what it starts. */
#define PATH_WORKER_ENV "TRADESUP_WORKER_PROGRAM"
#define PATH_WORKER_NAME "tradesup-worker"

/* What looks at a worker from outside. */
#define PATH_PROBE_ENV "TRADESUP_PROBE_PROGRAM"
#define PATH_PROBE_NAME "tradesup-probe"

/* What tells people; it is started by `tradesup alert`. */
#define PATH_NOTIFY_ENV "TRADESUP_NOTIFY_PROGRAM"
#define PATH_NOTIFY_NAME "tradesup-notify"

/**
 * path_program() - a program of ours: $@env, else beside the running one (a build
 * folder), else in the libexec directory
 *
 * Allocated; not checked for existence in the last case. NULL: out of memory.
 */
char *path_program(const char *env, const char *name);
