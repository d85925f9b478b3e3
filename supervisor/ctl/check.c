/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup check`: the configuration as the supervisor sees it, then the trading side
 * as the worker's program sees it (registry, strategy modules, feed), which this
 * program cannot judge.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/config.h"
#include "common/paths.h"
#include "supervisor/ctl/changes.h"
#include "supervisor/ctl/json.h"
#include "supervisor/ctl/place.h"
#include "supervisor/ctl/process.h"

/* What is said about a file: printed at once, or gathered for the JSON. */
struct findings {
	FILE *out;  /* NULL: standard error */
	char *text; /* what out has gathered, a line each */
	size_t size;
};

static void
on_error(const char *message, void *data)
{
	struct findings *findings = data;

	if (findings->out)
		fprintf(findings->out, "%s\n", message);
	else
		ctl_fail(EXIT_CONFIG, "%s", message);
}

static size_t
count_workers(const struct config_node *node, bool trading_only)
{
	size_t count = 0;

	if (node->type == CONFIG_WORKER)
		return !trading_only || !node->worker.command;
	for (size_t i = 0; i < node->group.n_children; i++)
		count += count_workers(node->group.children[i], trading_only);
	return count;
}

static int
gather(struct findings *findings, int fd)
{
	_cleanup_fclose_ FILE *in = fdopen(fd, "r");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!in) {
		close(fd);
		return -errno;
	}
	while (getline(&line, &size, in) >= 0)
		fputs(line, findings->out);
	return 0;
}

/* Return: the program's exit status, -errno. */
static int
run_worker_check(struct findings *findings, char *const *argv)
{
	const unsigned both = 1u << STDOUT_FILENO | 1u << STDERR_FILENO;
	int ends[2], r;
	pid_t pid;

	if (!findings->out) {
		r = process_start(argv, STDERR_FILENO, 1u << STDOUT_FILENO, &pid);
		return r < 0 ? r : process_wait(pid);
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = process_start(argv, ends[1], both, &pid);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	r = gather(findings, ends[0]);
	if (r < 0)
		on_error(strerror(-r), findings);
	return process_wait(pid);
}

static int
check_trading(struct findings *findings, char *path)
{
	_cleanup_free_ char *program = path_program(PATH_WORKER_ENV, PATH_WORKER_NAME);
	char check[] = "--check", c[] = "-c";
	char *argv[] = { program, check, c, path, NULL };
	int r;

	if (!program)
		return ctl_fail(EXIT_OSERR, "out of memory");
	r = run_worker_check(findings, argv);
	if (r == EXIT_OK || r == EXIT_CONFIG)
		return r;
	if (r < 0)
		return ctl_fail(EXIT_OSERR, "%s: %s", program, strerror(-r));
	return ctl_fail(EXIT_OSERR, "%s --check ended with %d", program, r);
}

static void
print_json(const char *path, int status, size_t n_workers, char *findings)
{
	struct json json = { .out = stdout };
	char *line;

	json_open(&json, NULL, '{');
	json_text(&json, "file", path);
	json_bool(&json, "ok", status == EXIT_OK);
	json_int(&json, "workers", (int64_t)n_workers);
	json_open(&json, "messages", '[');
	while ((line = strsep(&findings, "\n"))) {
		if (line[0])
			json_text(&json, NULL, line);
	}
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
}

static int
check(struct findings *findings, char *path, size_t *ret_n_workers)
{
	_cleanup_(config_freep) struct config *config = NULL;
	int r;

	r = config_load(path, on_error, findings, &config);
	if (r == -EINVAL)
		return EXIT_CONFIG;
	if (r < 0)
		return ctl_fail(EXIT_OSERR, "%s: %s", path, strerror(-r));
	*ret_n_workers = count_workers(config->root, false);
	if (count_workers(config->root, true) == 0)
		return EXIT_OK;
	return check_trading(findings, path);
}

/* What the supervisor that runs would make of it. */
static int
show_diff(const struct ctl *ctl, const char *file)
{
	_cleanup_free_ char *path = realpath(file, NULL);
	struct changes changes = { .ctl = ctl };
	struct record request;
	int r;

	if (!path)
		return ctl_fail(EXIT_CONFIG, "%s: %s", file, strerror(errno));
	record_init(&request, "diff");
	record_text(&request, "file", path);
	r = ctl_request(ctl, &request, 0, changes_on_row, &changes);
	if (r == EXIT_OK && changes.n == 0 && !ctl_wants_json(ctl))
		printf("a reload would change nothing\n");
	free(changes.config);
	return r;
}

int
ctl_check(const struct ctl *ctl)
{
	_cleanup_free_ char *path = place_config_path(ctl_config_name(ctl));
	struct findings findings = { 0 };
	size_t n_workers = 0;
	int r;

	if (!path)
		return ctl_fail(EXIT_OSERR, "out of memory");
	if (ctl_wants_json(ctl)) {
		findings.out = open_memstream(&findings.text, &findings.size);
		if (!findings.out)
			return ctl_fail(EXIT_OSERR, "out of memory");
	}
	r = check(&findings, path, &n_workers);
	if (findings.out) {
		fclose(findings.out);
		print_json(path, r, n_workers, findings.text);
		free(findings.text);
	} else if (r == EXIT_OK) {
		printf("%s: ok, %zu worker%s\n", path, n_workers,
		    n_workers == 1 ? "" : "s");
	}
	if (r == EXIT_OK && options_has(&ctl->options, OPTION_DIFF)) {
		fflush(stdout);
		r = show_diff(ctl, path);
	}
	return r;
}
