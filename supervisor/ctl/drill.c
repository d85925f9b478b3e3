/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup drill`: a supervisor of its own, in a directory of its own, taken through
 * all four levels of healing, and a report of it. The script is in drill_levels.c.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/paths.h"
#include "supervisor/ctl/drill_config.h"
#include "supervisor/ctl/drill_levels.h"
#include "supervisor/ctl/healing.h"
#include "supervisor/ctl/place.h"
#include "supervisor/ctl/terminal.h"

#define EXIT_LEVEL_FAILED 1

struct drill {
	const struct ctl *ctl;
	struct config *config;		  /* NULL: the built-in one */
	const char **workers, **left_out; /* names are borrowed from @config */
	size_t n_workers, n_left_out;
	char *directory;
	struct json json;
};

/* Of these the drill's supervisor must know nothing: they belong to the real service.
 */
static const char *const foreign_variables[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC",
	"WATCHDOG_PID", "JOURNAL_STREAM", "STATE_DIRECTORY", "RUNTIME_DIRECTORY",
	"TRADESUP_FD", "TRADESUP_STATE_DIR", "TRADESUP_KILL_AT" };

static int
choose_workers(struct drill *drill)
{
	const struct config *config = drill->config;
	size_t n = config ? drill_config_workers(config, true, NULL, 0) : 1;
	size_t n_left_out = config ? drill_config_workers(config, false, NULL, 0) : 0;

	if (n == 0)
		return ctl_fail(EXIT_CONFIG, "%s: there is no trading worker to drill",
		    config->path);
	drill->workers = calloc(n, sizeof(*drill->workers));
	drill->left_out = calloc(n_left_out + 1, sizeof(*drill->left_out));
	if (!drill->workers || !drill->left_out)
		return ctl_fail(EXIT_OSERR, "out of memory");
	drill->n_workers = n;
	drill->n_left_out = n_left_out;
	if (config) {
		drill_config_workers(config, true, drill->workers, n);
		drill_config_workers(config, false, drill->left_out, n_left_out);
	} else {
		drill->workers[0] = DRILL_WORKER;
	}
	return 0;
}

static int
make_directory(struct drill *drill)
{
	const char *base = getenv("TMPDIR");

	drill->directory =
	    path_join(base && base[0] == '/' ? base : "/tmp", "tradesup-drill-XXXXXX");
	if (!drill->directory)
		return ctl_fail(EXIT_OSERR, "out of memory");
	if (!mkdtemp(drill->directory)) {
		ctl_fail(EXIT_OSERR, "%s: %s", drill->directory, strerror(errno));
		free(drill->directory);
		drill->directory = NULL;
		return EXIT_OSERR;
	}
	return 0;
}

static int
write_config(const struct drill *drill)
{
	_cleanup_free_ char *path = path_join(drill->directory, "tradesup.conf");
	_cleanup_free_ char *here = getcwd(NULL, 0);
	FILE *out;
	bool failed;

	if (!path || !here)
		return ctl_fail(EXIT_OSERR, "%s", strerror(errno));
	out = fopen(path, "we");
	if (!out)
		return ctl_fail(EXIT_OSERR, "%s: %s", path, strerror(errno));
	drill_config_render(out, drill->config, drill->directory, here);
	failed = ferror(out);
	if (fclose(out) != 0 || failed)
		return ctl_fail(EXIT_OSERR, "%s: %s", path, strerror(errno));
	return 0;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static void
remove_directory(const struct drill *drill)
{
	if (options_has(&drill->ctl->options, OPTION_KEEP))
		fprintf(stderr, "tradesup: kept: %s\n", drill->directory);
	else if (nftw(drill->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
		ctl_fail(EXIT_OSERR, "%s: %s", drill->directory, strerror(errno));
}

static void
print_step(const struct drill_step *step)
{
	_cleanup_free_ char *seen = terminal_clean(step->saw);
	char level[24] = "       ";

	if (step->level > 0)
		snprintf(level, sizeof(level), "level %d", step->level);
	printf("%s  %-11s  %-6s %6.2f s  %s → %s%s%s\n", level, step->name,
	    step->ok ? "ok" : "FAILED", (double)step->took_ns / (double)NS_PER_S,
	    step->did, seen ? seen : "", !step->ok && step->saw[0] ? "; " : "",
	    step->ok ? "" : step->error.text);
	if (!step->ok) {
		printf("         the last events:\n");
		drill_process_tail(step->process, stdout, "           ");
	}
}

static void
put_step(struct json *json, const struct drill_step *step)
{
	json_open(json, NULL, '{');
	json_int(json, "level", step->level);
	json_text(json, "name", step->name);
	json_text(json, "worker", step->worker);
	json_text(json, "did", step->did);
	json_text(json, "saw", step->saw);
	json_int(json, "duration_ms", step->took_ns / NS_PER_MS);
	json_bool(json, "ok", step->ok);
	json_text(json, "error", step->ok ? NULL : step->error.text);
	json_close(json, '}');
}

static void
on_step(const struct drill_step *step, void *data)
{
	struct drill *drill = data;

	if (ctl_wants_json(drill->ctl))
		put_step(&drill->json, step);
	else
		print_step(step);
	fflush(stdout);
}

/* A level that worked must also be counted as having worked. */
static bool
is_counted(const struct healing *healing, const char *worker, int level)
{
	for (size_t i = 0; i < healing->n_rows; i++) {
		const struct healing_row *row = &healing->rows[i];

		if (row->level == level && row->succeeded > 0 &&
		    strcmp(row->worker, worker) == 0)
			return true;
	}
	return false;
}

static bool
are_counted(const struct drill *drill, const struct healing *healing)
{
	bool all = true;

	for (int level = 1; level <= 4; level++) {
		if (is_counted(healing, drill->workers[0], level))
			continue;
		ctl_fail(EXIT_LEVEL_FAILED,
		    "the statistics have no success at level %d", level);
		all = false;
	}
	return all;
}

static bool
report_healing(struct drill *drill, bool all_ok)
{
	_cleanup_free_ char *state = path_join(drill->directory, "state");
	struct healing healing;

	healing_init(&healing);
	if (!state || ctl_healing_read(&healing, state) != 0)
		all_ok = false;
	if (all_ok)
		all_ok = are_counted(drill, &healing);
	if (ctl_wants_json(drill->ctl)) {
		json_open(&drill->json, "healing", '{');
		ctl_healing_put_json(&drill->json, &healing, NULL);
		json_close(&drill->json, '}');
	} else {
		putchar('\n');
		ctl_healing_print(&healing, NULL);
	}
	healing_deinit(&healing);
	return all_ok;
}

static void
print_intro(const struct drill *drill)
{
	printf("drill of %s, in %s\n",
	    drill->config ? drill->config->path : "a configuration of its own",
	    drill->directory);
	for (size_t i = 0; i < drill->n_left_out; i++)
		printf("left out, because it has a command of its own: %s\n",
		    drill->left_out[i]);
	putchar('\n');
	fflush(stdout);
}

static void
put_intro(struct drill *drill)
{
	struct json *json = &drill->json;

	json_open(json, NULL, '{');
	json_text(json, "config", drill->config ? drill->config->path : NULL);
	json_open(json, "left_out", '[');
	for (size_t i = 0; i < drill->n_left_out; i++)
		json_text(json, NULL, drill->left_out[i]);
	json_close(json, ']');
	json_open(json, "steps", '[');
}

static int
report_end(struct drill *drill, bool all_ok)
{
	struct json *json = &drill->json;

	if (ctl_wants_json(drill->ctl))
		json_close(json, ']');
	all_ok = report_healing(drill, all_ok);
	if (ctl_wants_json(drill->ctl)) {
		json_bool(json, "ok", all_ok);
		json_close(json, '}');
		json_end(json);
	} else {
		printf(
		    "\n%s\n", all_ok ? "every level worked" : "NOT every level worked");
	}
	return all_ok ? EXIT_OK : EXIT_LEVEL_FAILED;
}

static int
run_drill(struct drill *drill)
{
	struct drill_process process;
	bool all_ok;
	int r;

	r = drill_process_init(&process, drill->directory);
	if (r < 0) {
		drill_process_deinit(&process);
		return ctl_fail(EXIT_OSERR, "%s: %s", drill->directory, strerror(-r));
	}
	if (ctl_wants_json(drill->ctl))
		put_intro(drill);
	else
		print_intro(drill);
	all_ok = drill_levels_run(
	    &process, drill->workers, drill->n_workers, on_step, drill);
	drill_process_deinit(&process);
	return report_end(drill, all_ok);
}

static void
prepare_environment(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign_variables); i++)
		unsetenv(foreign_variables[i]);
	setenv("TRADESUP_ALLOW_FAULTS", "1", 1);
}

int
ctl_drill(const struct ctl *ctl)
{
	struct drill drill = { .ctl = ctl, .json = { .out = stdout } };
	int r = 0;

	if (ctl_config_name(ctl))
		r = place_config(ctl_config_name(ctl), &drill.config);
	if (r == 0)
		r = choose_workers(&drill);
	if (r == 0)
		r = make_directory(&drill);
	if (r == 0)
		r = write_config(&drill);
	if (r == 0) {
		prepare_environment();
		r = run_drill(&drill);
	}
	if (drill.directory)
		remove_directory(&drill);
	free(drill.directory);
	free(drill.workers);
	free(drill.left_out);
	config_free(drill.config);
	return r;
}
