/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of tradesup-worker(1).
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"

/* What to do; one of them. */
enum worker_action {
	ACTION_RUN,
	ACTION_CHECK,
	ACTION_LEDGER,
	ACTION_MAKE_SAFE,
	ACTION_RECONCILE,
	ACTION_PANIC,
	ACTION_REGISTRY,
	ACTION_KILL_POINTS,
	ACTION_HELP,
	ACTION_VERSION,
};

struct worker_options {
	enum worker_action action;
	const char *config; /* borrowed; NULL: not given */
	const char *name;   /* of the worker, borrowed; NULL: not given */
	const char *backup; /* with ACTION_LEDGER: the copy's path; borrowed */
	const char *text_fd; /* borrowed; NULL: not given */
	bool once, json;
	bool accept;  /* with ACTION_RECONCILE */
	bool flatten; /* with ACTION_PANIC */
};

#define OPTIONS_E_USAGE 1

/**
 * worker_options_parse() - read the arguments
 * @argv: NULL-terminated, the program's name first
 *
 * Return: 0; OPTIONS_E_USAGE with @error filled.
 */
int worker_options_parse(
    char *const *argv, struct worker_options *ret_options, struct error *error);

/** worker_options_help() - print what there is. */
void worker_options_help(FILE *out);
