/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup completion`: the completion scripts of the shells, made from the verb table
 * and the option table, so that they know every verb and option that there is.
 */
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/ctl/help.h"

/* What is completed in the place of an operand or a value. */
enum completes {
	COMPLETES_NOTHING,
	COMPLETES_WORKERS,
	COMPLETES_FILES,
	COMPLETES_VERBS
};

static enum completes
completes(const char *name)
{
	static const struct {
		const char *name;
		enum completes what;
	} kinds[] = {
		{ "WORKER", COMPLETES_WORKERS },
		{ "FILE", COMPLETES_FILES },
		{ "VERB", COMPLETES_VERBS },
		{ "COMMAND", COMPLETES_FILES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strstr(name, kinds[i].name))
			return kinds[i].what;
	}
	return COMPLETES_NOTHING;
}

/* A quote within single quotes, as all three shells have it. */
static void
put_quoted(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
}

static bool
has_option(const struct verb *verb, unsigned id)
{
	return (verb->options | HELP_OPTIONS) & OPTION_BIT(id);
}

static void
put_verbs(const struct ctl *ctl)
{
	for (size_t i = 0; i < ctl->n_verbs; i++)
		printf("%s%s", i > 0 ? " " : "", ctl->verbs[i].name);
}

/* What `-x | --xxx` is in a case of a shell. */
static void
put_spellings(const struct option_spec *spec)
{
	if (spec->letter)
		printf("-%c | ", spec->letter);
	printf("--%s", spec->name);
}

/* bash */

static void
bash_options(const struct ctl *ctl)
{
	puts("_tradesup_options()\n{\n\tcase $1 in");
	for (size_t i = 0; i < ctl->n_verbs; i++) {
		printf("\t%s) echo \"", ctl->verbs[i].name);
		for (unsigned id = 0; id < OPTION_COUNT; id++)
			if (has_option(&ctl->verbs[i], id))
				printf("--%s ", options_spec((enum option_id)id)->name);
		puts("\" ;;");
	}
	puts("\tesac\n}\n");
}

static void
bash_reply(enum completes what, const char *words)
{
	if (what == COMPLETES_FILES)
		fputs("files=yes", stdout);
	else if (what == COMPLETES_WORKERS)
		fputs("words=$(_tradesup_workers)", stdout);
	else if (what == COMPLETES_VERBS)
		fputs("words=$verbs", stdout);
	else
		printf("words=\"%s\"", words ? words : "");
	puts(" ;;");
}

static void
bash_values(void)
{
	puts("\tcase $before in");
	for (unsigned id = 0; id < OPTION_COUNT; id++) {
		const struct option_spec *spec = options_spec((enum option_id)id);

		if (!spec->value)
			continue;
		putchar('\t');
		put_spellings(spec);
		fputs(") ", stdout);
		bash_reply(completes(spec->value), spec->words);
	}
}

static void
bash_operands(const struct ctl *ctl)
{
	puts("\t\t\tcase $verb in");
	for (size_t i = 0; i < ctl->n_verbs; i++) {
		enum completes what = completes(ctl->verbs[i].synopsis);

		if (what == COMPLETES_NOTHING)
			continue;
		printf("\t\t\t%s) ", ctl->verbs[i].name);
		bash_reply(what, NULL);
	}
	puts("\t\t\tesac");
}

static void
print_bash(const struct ctl *ctl)
{
	fputs("# Completion of tradesup(1) for bash.\n\n"
	      "_tradesup_workers()\n{\n"
	      "\ttradesup status --json 2>/dev/null |\n"
	      "\t\tgrep -o '\"name\":\"[A-Za-z0-9._-]*\"' | cut -d '\"' -f 4\n}\n\n",
	    stdout);
	bash_options(ctl);
	fputs("_tradesup()\n{\n\tlocal verbs=\"", stdout);
	put_verbs(ctl);
	fputs("\"\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} "
	      "before=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal verb=\"\" words=\"\" files=\"\" i\n\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t-c | --config) i=$((i + 1)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*)\n\t\t\tverb=${COMP_WORDS[i]}\n\t\t\tbreak\n\t\t\t;;\n"
	      "\t\tesac\n\tdone\n\n",
	    stdout);
	bash_values();
	fputs("\t*)\n"
	      "\t\tif [[ -z $verb ]]; then\n"
	      "\t\t\twords=\"$verbs --config --help --version\"\n"
	      "\t\telif [[ $word == -* ]]; then\n"
	      "\t\t\twords=$(_tradesup_options \"$verb\")\n"
	      "\t\telse\n",
	    stdout);
	bash_operands(ctl);
	fputs("\t\tfi\n\t\t;;\n\tesac\n\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [[ -n $files ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
	      "\t\tcompopt -o filenames 2>/dev/null\n"
	      "\telse\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	      "\tfi\n}\n\n"
	      "complete -F _tradesup tradesup\n",
	    stdout);
}

/* zsh */

static const char *
zsh_action(enum completes what)
{
	switch (what) {
	case COMPLETES_WORKERS:
		return "_tradesup_workers";
	case COMPLETES_FILES:
		return "_files";
	case COMPLETES_VERBS:
		return "_tradesup_verbs";
	case COMPLETES_NOTHING:
		break;
	}
	return "";
}

/* `'(-f --follow)'{-f,--follow}'[what it does]:value:action'` */
static void
zsh_option(const struct option_spec *spec)
{
	if (spec->letter)
		printf(" '(-%c --%s)'{-%c,--%s}'[", spec->letter, spec->name,
		    spec->letter, spec->name);
	else
		printf(" '--%s[", spec->name);
	put_quoted(spec->summary);
	putchar(']');
	if (spec->value && spec->words)
		printf(":%s:(%s)", spec->value, spec->words);
	else if (spec->value)
		printf(":%s:%s", spec->value, zsh_action(completes(spec->value)));
	putchar('\'');
}

static void
zsh_verb(const struct verb *verb)
{
	printf("\t%s)\n\t\t_arguments", verb->name);
	for (unsigned id = 0; id < OPTION_COUNT; id++)
		if (has_option(verb, id))
			zsh_option(options_spec((enum option_id)id));
	if (strstr(verb->synopsis, "COMMAND"))
		fputs(" '*::command:_normal'", stdout);
	else if (verb->synopsis[0])
		printf(" '*:operand:%s'", zsh_action(completes(verb->synopsis)));
	puts(" ;;");
}

static void
print_zsh(const struct ctl *ctl)
{
	fputs("#compdef tradesup\n# Completion of tradesup(1) for zsh.\n\n"
	      "_tradesup_workers()\n{\n\tlocal -a workers\n"
	      "\tworkers=(${(f)\"$(tradesup status --json 2>/dev/null |\n"
	      "\t    grep -o '\"name\":\"[A-Za-z0-9._-]*\"' | cut -d '\"' -f 4)\"})\n"
	      "\t_describe worker workers\n}\n\n"
	      "_tradesup_verbs()\n{\n\tlocal -a verbs\n\tverbs=(\n",
	    stdout);
	for (size_t i = 0; i < ctl->n_verbs; i++) {
		printf("\t\t'%s:", ctl->verbs[i].name);
		put_quoted(ctl->verbs[i].summary);
		puts("'");
	}
	fputs("\t)\n\t_describe verb verbs\n}\n\n"
	      "_tradesup_rest()\n{\n\tcase $words[1] in\n",
	    stdout);
	for (size_t i = 0; i < ctl->n_verbs; i++)
		zsh_verb(&ctl->verbs[i]);
	fputs("\tesac\n}\n\n_arguments -C", stdout);
	zsh_option(options_spec(OPTION_CONFIG));
	zsh_option(options_spec(OPTION_HELP));
	zsh_option(options_spec(OPTION_VERSION));
	puts(" ':verb:_tradesup_verbs' '*::rest:_tradesup_rest'");
}

/* fish */

static void
fish_verbs_with(const struct ctl *ctl, unsigned id)
{
	for (size_t i = 0; i < ctl->n_verbs; i++)
		if (has_option(&ctl->verbs[i], id))
			printf(" %s", ctl->verbs[i].name);
}

static void
fish_option(const struct ctl *ctl, unsigned id)
{
	const struct option_spec *spec = options_spec((enum option_id)id);

	if (id == OPTION_VERSION)
		fputs("complete -c tradesup -n __fish_use_subcommand", stdout);
	else if (OPTION_BIT(id) & HELP_OPTIONS)
		fputs("complete -c tradesup", stdout);
	else {
		fputs("complete -c tradesup -n '__fish_seen_subcommand_from", stdout);
		fish_verbs_with(ctl, id);
		putchar('\'');
	}
	if (spec->letter)
		printf(" -s %c", spec->letter);
	printf(" -l %s", spec->name);
	if (spec->value && spec->words)
		printf(" -x -a '%s'", spec->words);
	else if (spec->value && completes(spec->value) == COMPLETES_WORKERS)
		fputs(" -x -a '(__tradesup_workers)'", stdout);
	else if (spec->value)
		fputs(completes(spec->value) == COMPLETES_FILES ? " -r -F" : " -x",
		    stdout);
	fputs(" -d '", stdout);
	put_quoted(spec->summary);
	puts("'");
}

static void
fish_operand(const struct ctl *ctl, const struct verb *verb)
{
	enum completes what = completes(verb->synopsis);

	if (what == COMPLETES_NOTHING)
		return;
	printf("complete -c tradesup -n '__fish_seen_subcommand_from %s'", verb->name);
	if (what == COMPLETES_FILES) {
		puts(" -F");
		return;
	}
	fputs(" -a '", stdout);
	if (what == COMPLETES_VERBS)
		put_verbs(ctl);
	else
		fputs("(__tradesup_workers)", stdout);
	puts("'");
}

static void
print_fish(const struct ctl *ctl)
{
	fputs("# Completion of tradesup(1) for fish.\n\n"
	      "function __tradesup_workers\n"
	      "\ttradesup status --json 2>/dev/null |\n"
	      "\t\tstring match -ra '\"name\":\"[A-Za-z0-9._-]*\"' | "
	      "string split -f 4 '\"'\nend\n\n"
	      "complete -c tradesup -f\n",
	    stdout);
	for (size_t i = 0; i < ctl->n_verbs; i++) {
		printf("complete -c tradesup -n __fish_use_subcommand -a %s -d '",
		    ctl->verbs[i].name);
		put_quoted(ctl->verbs[i].summary);
		puts("'");
	}
	for (unsigned id = 0; id < OPTION_COUNT; id++)
		fish_option(ctl, id);
	for (size_t i = 0; i < ctl->n_verbs; i++)
		fish_operand(ctl, &ctl->verbs[i]);
}

int
ctl_completion(const struct ctl *ctl)
{
	static const struct {
		const char *shell;
		void (*print)(const struct ctl *ctl);
	} shells[] = {
		{ "bash", print_bash },
		{ "zsh", print_zsh },
		{ "fish", print_fish },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (strcmp(ctl->options.operands[0], shells[i].shell) == 0) {
			shells[i].print(ctl);
			return EXIT_OK;
		}
	}
	return ctl_usage(
	    ctl, "'%s' is not one of bash, zsh, fish", ctl->options.operands[0]);
}
