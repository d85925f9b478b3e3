/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a client verb finds things: the configuration file, and through it the state
 * directory and the supervisor's control socket.
 */
#pragma once

#include "common/config.h"
#include "supervisor/ctl/request.h"

/**
 * place_config_path() - the file to use
 * @named: what -c said, or NULL
 *
 * Return: allocated; NULL: out of memory.
 */
char *place_config_path(const char *named);

/**
 * place_config() - read the configuration, printing every error on standard error
 *
 * Return: 0; EXIT_CONFIG; EXIT_OSERR.
 */
int place_config(const char *path, struct config **ret_config);

/** place_config_keep() - the same with config_load_keep(). */
int place_config_keep(const char *path, struct config **ret_config);

/**
 * place_state() - the state directory
 *
 * A configuration that was not named, and that cannot be read, does not count: the
 * state is then looked for where it is without one. Return: 0, caller frees;
 * EXIT_CONFIG if @named is no good (its errors are printed); EXIT_OSERR.
 */
int place_state(const char *named, char **ret_directory);

/**
 * place_request() - connect to the supervisor
 * @print: say so when none answers
 *
 * The configuration's runtime_dir decides. Where it says none, or where it cannot be
 * read and was not named, all usual places are tried: path_runtime(),
 * $XDG_RUNTIME_DIR/tradesup, /run/tradesup. Return: 0, caller calls request_close();
 * EXIT_UNAVAILABLE, EXIT_CONFIG, EXIT_OSERR with the reason printed.
 */
int place_request(const char *named, bool print, struct request *ret_request);

/**
 * place_socket() - the path of the socket at which a supervisor answers now
 *
 * Return: 0, caller frees; else as place_request(), with the reason printed.
 */
int place_socket(const char *named, char **ret_path);

/**
 * place_knows() - whether the configuration has a worker of that name
 *
 * One that was not named, and that cannot be read, is no ground to say no. Return: 0;
 * EXIT_USAGE, EXIT_CONFIG, EXIT_OSERR with the reason printed.
 */
int place_knows(const char *named, const char *worker);
