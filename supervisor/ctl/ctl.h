/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `tradesup`: what a verb is, and what the verbs share.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "common/record.h"
#include "supervisor/ctl/options.h"
#include "supervisor/ctl/table.h"

#define CTL_OPERANDS_ANY SIZE_MAX

struct ctl;

/** struct verb - one entry of the verb table in main.c */
struct verb {
	const char *name;
	const char *synopsis; /* the operands: "[WORKER]"; "" if there are none */
	const char *summary;  /* one line, lower case, no full stop */
	unsigned options;     /* OPTION_BIT()s; --help and -c need not be named */
	size_t min_operands, max_operands;
	const char *example;		   /* a whole command line */
	const char *exits;		   /* exit statuses, "; " between them */
	int (*run)(const struct ctl *ctl); /* Return: the exit status */
};

/** struct ctl - one call of a verb: its command line, and the table it stands in */
struct ctl {
	const struct verb *verb;
	const struct verb *verbs;
	size_t n_verbs;
	struct options options;
};

/** ctl_main() - find the verb, parse its options, run it. Return: the exit status. */
int ctl_main(const struct verb *verbs, size_t n_verbs, int argc, char **argv);

/** ctl_usage() - one line on standard error, with how to get help. Return: EXIT_USAGE.
 */
int ctl_usage(const struct ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** ctl_fail() - "tradesup: …" on standard error. Return: @code. */
int ctl_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** ctl_config_name() - the value of -c, or NULL. */
static inline const char *
ctl_config_name(const struct ctl *ctl)
{
	return ctl->options.values[OPTION_CONFIG];
}

/** ctl_wants_json() - whether --json was given. */
static inline int
ctl_wants_json(const struct ctl *ctl)
{
	return options_has(&ctl->options, OPTION_JSON);
}

/** ctl_look() - what standard output can show. */
struct table_look ctl_look(void);

/** ctl_print_table() - on standard output, coloured and cut where that is a terminal.
 * Return: 0, EXIT_OSERR. */
int ctl_print_table(struct table *table);

/** ctl_on_row - called for every row of an answer; the row is borrowed */
typedef void (*ctl_on_row)(const struct record *row, void *data);

#define CTL_STREAM 1u  /* the end of the supervisor is a good end */
#define CTL_OR_NOT 4u  /* that there is no supervisor is not printed */
#define CTL_PATIENT 2u /* the answer may take as long as a worker takes to stop */

/**
 * ctl_request() - a whole exchange with the supervisor
 * @flags: CTL_…; without them the supervisor has 10 s for each row
 *
 * Return: 0; else the exit status, with the reason printed on standard error.
 */
int ctl_request(const struct ctl *ctl, const struct record *request, unsigned flags,
    ctl_on_row on_row, void *data);

/* The verbs; each in the file of its name (start, stop, restart: workers.c). */
int ctl_run(const struct ctl *ctl);
int ctl_check(const struct ctl *ctl);
int ctl_drill(const struct ctl *ctl);
int ctl_status(const struct ctl *ctl);
int ctl_top(const struct ctl *ctl);
int ctl_reload(const struct ctl *ctl);
int ctl_upgrade(const struct ctl *ctl);
int ctl_why(const struct ctl *ctl);
int ctl_signal(const struct ctl *ctl);
int ctl_hold(const struct ctl *ctl);
int ctl_add(const struct ctl *ctl);
int ctl_events(const struct ctl *ctl);
int ctl_logs(const struct ctl *ctl);
int ctl_workers(const struct ctl *ctl);
int ctl_ledger(const struct ctl *ctl);
int ctl_healing(const struct ctl *ctl);
int ctl_alert(const struct ctl *ctl);
int ctl_crashes(const struct ctl *ctl);
int ctl_completion(const struct ctl *ctl);
int ctl_version(const struct ctl *ctl);
int ctl_help(const struct ctl *ctl);
