/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree does what Erlang/OTP's supervisor does: the cases of
 * tests/data/otp-cases.txt, or of the file $TRADESUP_OTP_CASES, on simulated workers.
 * The trees are read as configuration files, so that what a file must refuse is refused
 * here, too.
 *
 * A case agrees when the supervisor's acts (all but exit and reply) are the same list,
 * each worker's own history is the same, and so are the replies to each verb. Where an
 * exit stands among other workers' lines is free, and who of several operators is
 * answered first.
 */
#include <ctype.h>

#include "common/cleanup.h"
#include "tests/unit/config_case.h"
#include "tests/unit/simulation.h"

#define CASES_KNOWN 63 /* in tests/data/otp-cases.txt, at the least */
#define CASES_MAX 4096
#define GIVEN_CASES "TRADESUP_OTP_CASES"
#define LINES_MAX 128
#define WORDS_MAX 12
#define NAMES_MAX 16
#define STEPS_MAX 10000

struct otp_case {
	const char *name;
	char *tree[LINES_MAX], *script[LINES_MAX];
	size_t n_tree, n_script;
	char expected[8192]; /* ", " between two acts */
};

/* Reading the file. */

static char *text;
static struct otp_case cases[CASES_MAX];
static size_t n_cases;

/* Check asserts nothing before its tests run. */
static void
must(bool holds)
{
	if (!holds)
		exit(EXIT_FAILURE);
}

static void
read_line(char *line)
{
	struct otp_case *c = n_cases ? &cases[n_cases - 1] : NULL;

	if (strncmp(line, "== ", 3) == 0) {
		must(n_cases < CASES_MAX);
		cases[n_cases++].name = line + 3;
	} else if (line[0] == '#' || line[0] == '\0') {
		return;
	} else if (line[0] == '=') {
		strncat(c->expected, line + 1,
		    sizeof(c->expected) - strlen(c->expected) - 1);
	} else if (line[0] == '@') {
		must(c->n_script < LINES_MAX);
		c->script[c->n_script++] = line + 1;
	} else {
		must(c->n_tree < LINES_MAX);
		c->tree[c->n_tree++] = line;
	}
}

static void
read_cases(void)
{
	const char *tree = getenv("TRADESUP_TREE"), *given = getenv(GIVEN_CASES);
	char path[512], *line, *rest;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/data/otp-cases.txt", tree ? tree : ".");
	file = fopen(given ? given : path, "re");
	must(file != NULL);
	must(getdelim(&text, &size, '\0', file) > 0);
	fclose(file);
	for (rest = text; (line = strsep(&rest, "\n"));)
		read_line(line);
}

/* A line's words; they are cut out of a copy. */
struct words {
	char copy[256];
	char *word[WORDS_MAX];
	size_t n;
};

static void
split(struct words *words, const char *line)
{
	char *rest = words->copy, *word;

	snprintf(words->copy, sizeof(words->copy), "%s", line);
	words->n = 0;
	while ((word = strsep(&rest, " ")))
		if (*word) {
			ck_assert_uint_lt(words->n, WORDS_MAX);
			words->word[words->n++] = word;
		}
}

/* "120:1" or "-" */
static struct sim_life
read_life(const char *word)
{
	struct sim_life life = { .after_ms = -1 };
	long long after_ms;

	if (strcmp(word, "-") != 0) {
		ck_assert_int_eq(sscanf(word, "%lld:%d", &after_ms, &life.status), 2);
		life.after_ms = after_ms;
	}
	return life;
}

static void
read_lives(struct sim_behaviour *behaviour, char *words)
{
	char *word;

	while ((word = strsep(&words, ",")))
		behaviour->lives[behaviour->n_lives++] = read_life(word);
}

static void
read_term(struct sim_behaviour *behaviour, const char *word)
{
	if (strcmp(word, "ignore") == 0) {
		behaviour->term = SIM_TERM_IGNORES;
	} else {
		behaviour->term = SIM_TERM_TAKES_TIME;
		behaviour->when_asked = read_life(word);
	}
}

/* What a worker does is told to the simulation; what is asked of it, to the config. */
static void
read_behaviour(struct sim *sim, struct words *words)
{
	struct sim_behaviour *behaviour = sim_behaviour(sim, words->word[0]);

	for (size_t i = 1; i < words->n; i++) {
		char *word = words->word[i];

		if (strncmp(word, "lives=", 6) == 0)
			read_lives(behaviour, word + 6);
		else if (strncmp(word, "every=", 6) == 0)
			behaviour->every = read_life(word + 6);
		else if (strncmp(word, "term=", 5) == 0)
			read_term(behaviour, word + 5);
		else if (strcmp(word, "broken") == 0)
			behaviour->broken = true;
	}
}

static bool
is_group(const struct words *words)
{
	return words->n > 1 && strstr(words->word[1], "_for_");
}

static void
write_options(FILE *conf, const struct words *words)
{
	for (size_t i = 1; i < words->n; i++) {
		const char *word = words->word[i];
		long long ms;

		if (strcmp(word, "transient") == 0 || strcmp(word, "temporary") == 0)
			fprintf(conf, "restart = %s\n", word);
		else if (strcmp(word, "significant") == 0)
			fprintf(conf, "significant = yes\n");
		else if (strncmp(word, "auto=", 5) == 0)
			fprintf(conf, "auto_shutdown = %s_significant\n", word + 5);
		else if (sscanf(word, "shutdown=%lld", &ms) == 1)
			fprintf(conf, "shutdown = %lldms\n", ms);
		else if (strncmp(word, "shutdown=", 9) == 0)
			fprintf(conf, "shutdown = %s\n", word + 9);
	}
}

static void
write_head(FILE *conf, const struct words *words, bool is_root)
{
	unsigned limit, period_s;

	if (is_root)
		fprintf(conf, "supervisor {\n");
	else
		fprintf(conf, "%s %s {\n", is_group(words) ? "group" : "worker",
		    words->word[0]);
	if (is_group(words)) {
		ck_assert_int_eq(sscanf(words->word[2], "%u/%u", &limit, &period_s), 2);
		fprintf(conf, "strategy = %s\nintensity = %u\nperiod = %us\n",
		    words->word[1], limit, period_s);
	} else {
		fprintf(conf, "command = { \"true\" }\nrestart_delay = 0ms\n"
			      "restart_delay_max = 0ms\n");
	}
	write_options(conf, words);
	if (is_root || !is_group(words))
		fprintf(conf, "}\n");
}

static size_t
depth_of(const char *line)
{
	return strspn(line, " ") / 2;
}

static void
write_config(FILE *conf, const struct otp_case *c)
{
	size_t open = 0; /* sections, of groups below the root */
	struct words words;

	for (size_t i = 0; i < c->n_tree; i++) {
		for (; open > 0 && open >= depth_of(c->tree[i]); open--)
			fprintf(conf, "}\n");
		split(&words, c->tree[i]);
		write_head(conf, &words, i == 0);
		if (i > 0 && is_group(&words))
			open++;
	}
	for (; open > 0; open--)
		fprintf(conf, "}\n");
}

static void
load_config(struct config_case *conf, const struct otp_case *c)
{
	char *rendered = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&rendered, &length);

	ck_assert_ptr_nonnull(stream);
	write_config(stream, c);
	ck_assert_int_eq(fclose(stream), 0);
	config_case_load(conf, rendered, length);
	free(rendered);
}

/* Playing the script. */

static const struct config_node *
new_worker(char *name)
{
	static struct config_node added[4];
	static size_t n;
	struct config_node *node = &added[n++ % 4];

	*node = (struct config_node){
		.type = CONFIG_WORKER, .name = name, .shutdown_ns = INT64_C(5000000000)
	};
	return node;
}

static void
play(struct sim *sim, const char *line)
{
	static const char *const verbs[] = { [PLAN_REQUEST_STOP] = "stop",
		[PLAN_REQUEST_START] = "start",
		[PLAN_REQUEST_REMOVE] = "remove" };
	struct words words;
	const char *verb, *name;

	split(&words, line);
	sim_run_until(sim, atoll(words.word[0]));
	verb = words.word[1];
	name = words.n > 2 ? words.word[2] : "";
	if (strcmp(verb, "end") == 0)
		tree_stop(&sim->tree);
	else if (strcmp(verb, "kill") == 0)
		sim_exit(sim, name, 137);
	else if (strcmp(verb, "exit") == 0)
		sim_exit(sim, name, atoi(words.word[3]));
	else if (strcmp(verb, "term") == 0)
		sim_term(sim, name);
	else if (strcmp(verb, "break") == 0 || strcmp(verb, "fix") == 0)
		sim_behaviour(sim, name)->broken = verb[0] == 'b';
	else if (strcmp(verb, "pause") == 0 || strcmp(verb, "resume") == 0)
		sim->paused = verb[0] == 'p';
	else if (strcmp(verb, "add") == 0)
		sim_add(sim, name, new_worker(sim_behaviour(sim, words.word[3])->name));
	else
		for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
			if (verbs[i] && strcmp(verb, verbs[i]) == 0)
				sim_ask(sim, (enum plan_request)i, name);
}

/* Comparing. */

typedef bool (*act_filter)(const char *act, const char *name);

static bool
is_act(const char *act, const char *name)
{
	(void)name;
	return strncmp(act, "exit ", 5) != 0 && strncmp(act, "reply ", 6) != 0;
}

/* To this verb; NULL: to any. */
static bool
is_reply(const char *act, const char *verb)
{
	return strncmp(act, "reply ", 6) == 0 &&
	       (!verb || strncmp(act + 6, verb, strlen(verb)) == 0);
}

static bool
is_history(const char *act, const char *name)
{
	const char *blank = strchr(act, ' ');
	size_t length = strlen(name);

	return !is_reply(act, NULL) && strncmp(blank + 1, name, length) == 0 &&
	       !isalnum((unsigned char)blank[1 + length]);
}

/* The acts that pass, one a line; of a reply's error only that it is one. */
static void
select_acts(const char *list, act_filter filter, const char *name, char *ret_selected,
    size_t size)
{
	char copy[8192], *rest = copy, *act, *why;

	snprintf(copy, sizeof(copy), "%s", list);
	ret_selected[0] = '\0';
	while ((act = strsep(&rest, ","))) {
		act += strspn(act, " ");
		why = is_reply(act, NULL) ? strstr(act, " error") : NULL;
		if (why)
			why[strlen(" error")] = '\0';
		if (!*act || !filter(act, name))
			continue;
		strncat(ret_selected, act, size - strlen(ret_selected) - 1);
		strncat(ret_selected, "\n", size - strlen(ret_selected) - 1);
	}
}

static void
compare(const struct otp_case *c, const char *acts, act_filter filter, const char *name)
{
	static char expected[8192], actual[8192];

	select_acts(c->expected, filter, name, expected, sizeof(expected));
	select_acts(acts, filter, name, actual, sizeof(actual));
	ck_assert_msg(strcmp(expected, actual) == 0,
	    "%s %s\n-- OTP --\n%s-- tradesup --\n%s", c->name, name, expected, actual);
}

static void
list_acts(const struct sim *sim, char *ret_list, size_t size)
{
	char act[64];

	ret_list[0] = '\0';
	for (size_t i = 0; i < sim->n_acts; i++) {
		sim_act_text(&sim->acts[i], act, sizeof(act));
		strncat(ret_list, i ? ", " : "", size - strlen(ret_list) - 1);
		strncat(ret_list, act, size - strlen(ret_list) - 1);
	}
}

static void
run_case(const struct otp_case *c, const struct config_node *root)
{
	static const char *const replied[] = { "stop ", "start ", "remove ", "add " };
	static char acts[8192];
	struct words words;
	struct sim sim;

	sim_init(&sim, root);
	for (size_t i = 0; i < c->n_tree; i++) {
		split(&words, c->tree[i]);
		if (!is_group(&words))
			read_behaviour(&sim, &words);
	}
	sim_start(&sim);
	for (size_t i = 0; i < c->n_script; i++)
		play(&sim, c->script[i]);
	ck_assert(sim_run_out(&sim, STEPS_MAX));
	ck_assert_str_eq(sim.wrong, "");
	ck_assert_uint_eq(sim.asked, 0);
	list_acts(&sim, acts, sizeof(acts));
	compare(c, acts, is_act, "acts");
	for (size_t i = 0; i < ARRAY_SIZE(replied); i++)
		compare(c, acts, is_reply, replied[i]);
	for (size_t i = 0; i < sim.n_behaviours; i++)
		compare(c, acts, is_history, sim.behaviours[i].name);
	sim_deinit(&sim);
}

START_TEST(as_otp)
{
	const struct otp_case *c = &cases[_i];
	bool rejected = strcmp(c->expected, " final rejected") == 0;
	struct config_case conf;

	config_case_init(&conf);
	load_config(&conf, c);
	ck_assert_msg((conf.result == 0) == !rejected, "%s: %s", c->name, conf.errors);
	if (!rejected)
		run_case(c, conf.config->root);
	config_case_deinit(&conf);
}
END_TEST

START_TEST(all_cases_are_read)
{
	ck_assert_uint_ge(n_cases, getenv(GIVEN_CASES) ? 1 : CASES_KNOWN);
	for (size_t i = 0; i < n_cases; i++) {
		ck_assert_uint_gt(cases[i].n_tree, 1);
		ck_assert_ptr_nonnull(strstr(cases[i].expected, "final "));
	}
}
END_TEST

static void
add_tests(TCase *tcase)
{
	read_cases();
	tcase_add_test(tcase, all_cases_are_read);
	tcase_add_loop_test(tcase, as_otp, 0, (int)n_cases);
}

int
main(void)
{
	int status = suite_run("otp_cases", add_tests);

	free(text);
	return status;
}
