/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The help of the program and of each verb, all of it out of the verb table and the
 * option table, so that it cannot lag behind them. The manual page tells more.
 */
#include "supervisor/ctl/help.h"

#include <string.h>

#include "common/near.h"

#define VERBS_MAX 64

const struct verb *
help_find(const char *name, const struct verb *verbs, size_t n_verbs)
{
	for (size_t i = 0; i < n_verbs; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

int
help_unknown_verb(const char *word, const struct verb *verbs, size_t n_verbs)
{
	const char *names[VERBS_MAX], *near;
	size_t n_names;

	for (n_names = 0; n_names < n_verbs && n_names < VERBS_MAX; n_names++)
		names[n_names] = verbs[n_names].name;
	near = near_find(word, names, n_names);
	if (near)
		return ctl_fail(EXIT_USAGE,
		    "unknown verb '%s' (did you mean '%s'?); see 'tradesup --help'",
		    word, near);
	return ctl_fail(EXIT_USAGE, "unknown verb '%s'; see 'tradesup --help'", word);
}

void
help_overview(FILE *out, const struct verb *verbs, size_t n_verbs)
{
	fputs("usage: tradesup [-c FILE] VERB [OPTION...] [OPERAND...]\n\n", out);
	for (size_t i = 0; i < n_verbs; i++)
		fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
	fputs("\n'tradesup VERB --help' tells more about one, tradesup(1) about all.\n",
	    out);
}

static void
print_option(FILE *out, const struct option_spec *spec)
{
	char letter[4] = { '-', spec->letter, ',', '\0' };
	char name[40];

	snprintf(name, sizeof(name), "--%s%s%s", spec->name, spec->value ? " " : "",
	    spec->value ? spec->value : "");
	fprintf(
	    out, "  %-3s %-20s %s\n", spec->letter ? letter : "", name, spec->summary);
}

/* "0 done; 64 usage": a line each. */
static void
print_exits(FILE *out, const char *exits)
{
	while (*exits) {
		size_t length = strcspn(exits, ";");

		fprintf(out, "  %.*s\n", (int)length, exits);
		exits += length;
		exits += strspn(exits, "; ");
	}
}

void
help_verb(FILE *out, const struct verb *verb)
{
	fprintf(out, "usage: tradesup %s [OPTION...]%s%s\n\n", verb->name,
	    verb->synopsis[0] ? " " : "", verb->synopsis);
	fprintf(out, "%s\n\noptions:\n", verb->summary);
	for (unsigned id = 0; id < OPTION_COUNT; id++) {
		if ((verb->options | HELP_OPTIONS) & OPTION_BIT(id))
			print_option(out, options_spec((enum option_id)id));
	}
	fprintf(out, "\nexample:\n  %s\n\nexit status:\n", verb->example);
	print_exits(out, verb->exits);
}

int
ctl_help(const struct ctl *ctl)
{
	const struct verb *verb;

	if (ctl->options.n_operands == 0) {
		help_overview(stdout, ctl->verbs, ctl->n_verbs);
		return EXIT_OK;
	}
	verb = help_find(ctl->options.operands[0], ctl->verbs, ctl->n_verbs);
	if (!verb)
		return help_unknown_verb(
		    ctl->options.operands[0], ctl->verbs, ctl->n_verbs);
	help_verb(stdout, verb);
	return EXIT_OK;
}
