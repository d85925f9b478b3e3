/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The help texts, made from the verb table.
 */
#pragma once

#include "supervisor/ctl/ctl.h"

#define HELP_OPTIONS                                                                   \
	(OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_CONFIG)) /* every verb's */

/** help_overview() - all verbs, a line each. */
void help_overview(FILE *out, const struct verb *verbs, size_t n_verbs);

/** help_verb() - usage, options, an example, exit status of one verb. */
void help_verb(FILE *out, const struct verb *verb);

/** help_unknown_verb() - one line on standard error, with the near verb. Return:
 * EXIT_USAGE. */
int help_unknown_verb(const char *word, const struct verb *verbs, size_t n_verbs);

/** help_find() - Return: NULL if there is no such verb. */
const struct verb *help_find(
    const char *name, const struct verb *verbs, size_t n_verbs);
