/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the file anew and checks all of it; what is wrong with it changes nothing. What
 * differs is found in tree_diff.c and done in tree_reload.c; here it is put into words:
 * rows for a client, lists of names for the event supervisor.reload, sd_notify(3) for
 * whoever started us.
 */
#include "supervisor/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/paths.h"
#include "common/text.h"
#include "supervisor/context.h"
#include "supervisor/setup.h"
#include "supervisor/tree_diff.h"

#define NAMES_MAX 480

/** struct names - the names of those to whom one kind of thing happens, for people */
struct names {
	char text[NAMES_MAX];
	struct text_out out;
	size_t n_left_out;
};

struct reload {
	struct supervisor *supervisor;
	struct config *config; /* the new one; from the commitment on the old one */
	struct tree_request *asked; /* who waits for it; NULL: nobody */
	const char *by;
	int64_t started_ns;
	struct names changes[TREE_CHANGES];
	struct names failed;
	bool again; /* SIGHUP came meanwhile: the file may be another one by now */
};

/* Names. */

static void
names_init(struct names *names)
{
	text_init(&names->out, names->text, sizeof(names->text));
	names->out.reserve = sizeof(",+4294967295");
	names->n_left_out = 0;
}

static void
names_add(struct names *names, const char *name)
{
	if (names->n_left_out > 0 ||
	    !text_putf(&names->out, "%s%s", names->out.used > 0 ? "," : "", name))
		names->n_left_out++;
}

static void
names_record(struct names *names, const char *key, struct record *record)
{
	names->out.reserve = 0;
	if (names->n_left_out > 0)
		text_putf(&names->out, ",+%zu", names->n_left_out);
	if (names->out.used > 0)
		record_text(record, key, names->text);
}

/* What differs, as rows. */

static void
send_change(struct client *client, const struct tree_change *change)
{
	static const char *const kinds[] = { [TREE_STOPS] = "stop",
		[TREE_RESTARTS] = "restart",
		[TREE_LIVE] = "change",
		[TREE_ORDER] = "reorder",
		[TREE_ADOPTED] = "adopt",
		[TREE_STARTS] = "start" };
	bool is_group = change->config->type == CONFIG_GROUP;
	struct record row;

	record_init(&row, "change");
	record_text(&row, "kind", kinds[change->kind]);
	record_text(&row, is_group ? "group" : "worker", change->config->name);
	record_text(&row, "in", change->group);
	if (change->keys[0])
		record_text(&row, "keys", change->keys);
	client_row(client, &row);
}

static void
show_change(const struct tree_change *change, void *data)
{
	send_change(data, change);
}

static void
note_change(const struct tree_change *change, void *data)
{
	struct reload *reload = data;
	struct client *client = reload->asked ? client_of(reload->asked) : NULL;

	names_add(&reload->changes[change->kind], change->config->name);
	if (client)
		send_change(client, change);
}

/* Reading the file. */

struct problems {
	struct client *client; /* NULL: nobody asks */
	char *first;
	size_t n;
};

static void
on_problem(const char *message, void *data)
{
	struct problems *problems = data;
	struct record row;

	if (problems->n++ == 0)
		problems->first = strdup(message);
	if (!problems->client)
		return;
	record_init(&row, "problem");
	record_text(&row, "text", message);
	client_row(problems->client, &row);
}

static void __attribute__((format(printf, 2, 3)))
problem(struct problems *problems, const char *format, ...)
{
	char message[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	on_problem(message, problems);
}

/* Whether two paths lead to one thing, however they are written. */
static bool
is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 &&
					x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* @ours: the directory in use; @theirs: what it would be, freed here. */
static void
check_directory(const struct config *config, const char *key, const char *ours,
    char *theirs, struct problems *problems)
{
	_cleanup_free_ char *directory = theirs;

	if (!directory || !is_same_file(directory, ours))
		problem(problems,
		    "%s: supervisor: %s: cannot be changed by a reload, it is %s",
		    config->path, key, ours);
}

static void
check_unchangeable(struct supervisor *supervisor, const struct config *config,
    struct problems *problems)
{
	const char *group = config->control_group;
	const char *ours = supervisor->config->control_group;

	check_directory(config, "state_dir", supervisor->state_dir,
	    path_state(config->state_dir), problems);
	check_directory(config, "runtime_dir", supervisor->runtime_dir,
	    path_runtime(config->runtime_dir), problems);
	/* The socket has its owner already, and the directory may not be ours to
	 * change. */
	if (strcmp(group ? group : "", ours ? ours : "") != 0)
		problem(problems,
		    "%s: supervisor: control_group: cannot be changed by a reload, it "
		    "is %s",
		    config->path, ours ? ours : "not set");
}

/* Return: NULL, and there is at least one problem. */
static struct config *
load(struct supervisor *supervisor, const char *path, struct problems *problems)
{
	_cleanup_(config_freep) struct config *config = NULL;
	struct stat st;

	/* A pipe would make us wait for who writes it. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		problem(problems, "%s: is no regular file", path);
	else if (config_load_keep(path, on_problem, problems, &config) == -ENOMEM)
		problem(problems, "%s: %s", path, strerror(ENOMEM));
	else if (config)
		check_unchangeable(supervisor, config, problems);
	return problems->n == 0 ? steal(&config) : NULL;
}

/* The outcome. */

static void
report_refused(
    struct supervisor *supervisor, const char *by, const char *why, size_t errors)
{
	struct record record;

	record_init(&record, "supervisor.reload");
	record_text(&record, "by", by);
	record_text(&record, "config", supervisor->config->path);
	record_bool(&record, "refused", true);
	record_text(&record, "why", why ? why : strerror(ENOMEM));
	if (errors > 1)
		record_int(&record, "errors", (int64_t)errors);
	event_log_emit(&supervisor->events, LOG_LEVEL_ERROR, &record);
}

static void
report(struct reload *reload, const char *why)
{
	static const char *const keys[] = { [TREE_STOPS] = "stopped",
		[TREE_RESTARTS] = "restarted",
		[TREE_LIVE] = "changed",
		[TREE_ORDER] = "reordered",
		[TREE_ADOPTED] = "adopted",
		[TREE_STARTS] = "started" };
	struct supervisor *supervisor = reload->supervisor;
	bool bad = why || reload->failed.out.used > 0;
	struct record record;

	record_init(&record, "supervisor.reload");
	record_text(&record, "by", reload->by);
	record_text(&record, "config", supervisor->config->path);
	for (size_t i = 0; i < TREE_CHANGES; i++)
		names_record(&reload->changes[i], keys[i], &record);
	names_record(&reload->failed, "failed", &record);
	record_text(&record, "left_off", why);
	record_int(&record, "duration_ms",
	    (clock_monotonic_ns() - reload->started_ns) / NS_PER_MS);
	event_log_emit(
	    &supervisor->events, bad ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE, &record);
}

static void
tell_begin(struct supervisor *supervisor)
{
	notify_send(&supervisor->notify, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)(clock_monotonic_ns() / 1000));
}

static void
tell_end(struct supervisor *supervisor)
{
	if (supervisor->phase == SUPERVISOR_RUNNING)
		supervisor_tell(supervisor, "READY=1\n");
}

/* Doing it. */

static struct reload *
reload_new(struct supervisor *supervisor, struct config *config, const char *by)
{
	struct reload *reload = calloc(1, sizeof(*reload));

	if (!reload) {
		config_free(config);
		return NULL;
	}
	reload->supervisor = supervisor;
	reload->config = config;
	reload->by = by;
	reload->started_ns = clock_monotonic_ns();
	for (size_t i = 0; i < TREE_CHANGES; i++)
		names_init(&reload->changes[i]);
	names_init(&reload->failed);
	return reload;
}

struct reload *
reload_free(struct reload *reload)
{
	if (!reload)
		return NULL;
	config_free(reload->config);
	free(reload);
	return NULL;
}

/* @asked: NULL: nobody waits. */
static void
begin(struct supervisor *supervisor, struct config *config, struct tree_request *asked,
    const char *by)
{
	struct reload *reload = reload_new(supervisor, config, by);
	struct tree_diff diff = { 0 };

	if (!reload) {
		report_refused(supervisor, by, NULL, 1);
		client_finished(asked, EXIT_OSERR, strerror(ENOMEM));
		tell_end(supervisor);
		return;
	}
	reload->asked = asked;
	supervisor->reload = reload;
	if (supervisor->log_format_given)
		config->log_format = supervisor->config->log_format;
	/* Out of memory: what changes is not told, and the tree says so, too. */
	if (tree_diff(&supervisor->tree, config->root, note_change, reload, &diff) == 0)
		tree_diff_deinit(&diff);
	tree_reload(&supervisor->tree, config->root);
}

static void
reload_file(struct supervisor *supervisor, struct tree_request *asked, const char *by)
{
	struct problems problems = { .client = asked ? client_of(asked) : NULL };
	struct config *config;

	tell_begin(supervisor);
	config = load(supervisor, supervisor->config->path, &problems);
	if (config) {
		begin(supervisor, config, asked, by);
		return;
	}
	report_refused(supervisor, by, problems.first, problems.n);
	client_finished(asked, EXIT_CONFIG, "nothing has been changed");
	tell_end(supervisor);
	free(problems.first);
}

void
reload_by_signal(struct supervisor *supervisor)
{
	if (supervisor->reload)
		supervisor->reload->again = true;
	else if (supervisor->phase == SUPERVISOR_RUNNING)
		reload_file(supervisor, NULL, "SIGHUP");
	else
		report_refused(
		    supervisor, "SIGHUP", "the supervisor is starting or stopping", 1);
}

static bool
may_be_asked(struct supervisor *supervisor, struct client *client)
{
	const char *why = NULL;

	if (supervisor->reload)
		why = "a reload is going on already";
	else if (config_is_of_command(supervisor->config))
		why = "there is no configuration file: it was started with a command";
	if (why)
		client_error(client, EXIT_OSERR, "%s", why);
	return !why;
}

void
reload_by_request(struct supervisor *supervisor, struct client *client)
{
	struct tree_request *asked;
	struct record row;

	if (!may_be_asked(supervisor, client))
		return;
	asked = client_expect(client);
	if (!asked) {
		client_error(client, EXIT_OSERR, "%s", strerror(ENOMEM));
		return;
	}
	record_init(&row, "reload");
	record_text(&row, "config", supervisor->config->path);
	client_row(client, &row);
	reload_file(supervisor, asked, "request");
}

void
reload_show(struct supervisor *supervisor, struct client *client, const char *path)
{
	struct problems problems = { .client = client };
	_cleanup_(config_freep) struct config *config = NULL;
	struct tree_diff diff = { 0 };

	if (!may_be_asked(supervisor, client))
		return;
	/* Our own file by another name: relative paths are what they are for us. */
	if (is_same_file(path, supervisor->config->path))
		path = supervisor->config->path;
	config = load(supervisor, path, &problems);
	free(problems.first);
	if (!config) {
		client_error(client, EXIT_CONFIG, "a reload would be refused");
		return;
	}
	if (tree_diff(&supervisor->tree, config->root, show_change, client, &diff) <
	    0) {
		client_error(client, EXIT_OSERR, "%s", strerror(ENOMEM));
		return;
	}
	tree_diff_deinit(&diff);
	client_ok(client);
}

/* What the tree says. */

/* The text keeps its number: a low one costs less in each start (spawn.h). */
static void
keep_number(struct config *before, struct config *after)
{
	if (before->text_fd < 0 || after->text_fd < before->text_fd ||
	    dup3(after->text_fd, before->text_fd, O_CLOEXEC) < 0)
		return;
	close(after->text_fd);
	after->text_fd = before->text_fd;
	before->text_fd = -1;
}

void
reload_committed(struct supervisor *supervisor)
{
	struct reload *reload = supervisor->reload;
	struct config *before = supervisor->config;

	supervisor->config = reload->config;
	reload->config = before;
	keep_number(before, supervisor->config);
	setup_descriptors(supervisor->config->root);
	log_set_format(supervisor->config->log_format);
}

void
reload_not_started(struct supervisor *supervisor, const struct node *node)
{
	struct reload *reload = supervisor->reload;
	struct client *client = reload->asked ? client_of(reload->asked) : NULL;
	struct record row;

	names_add(&reload->failed, node->config->name);
	if (!client)
		return;
	record_init(&row, "failed");
	record_text(&row, node_is_group(node) ? "group" : "worker", node->config->name);
	client_row(client, &row);
}

void
reload_ended(struct supervisor *supervisor, const char *why)
{
	struct reload *reload = supervisor->reload;
	bool failed = reload->failed.out.used > 0;

	supervisor->reload = NULL;
	report(reload, why);
	if (!why && failed)
		why = "reloaded, but not all could be started";
	client_finished(reload->asked, why ? EXIT_OSERR : EXIT_OK, why);
	tell_end(supervisor);
	if (reload->again)
		event_active(supervisor->on_hup, EV_SIGNAL, 1);
	/* Nothing is left that was only in the old one. */
	supervisor_sweep_soon(supervisor);
	reload_free(reload);
}
