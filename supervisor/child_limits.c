/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a worker's limits ready for its start, and looks after its cgroup. The limits
 * of the process itself are set in spawn_limits.c, by that process.
 */
#include "supervisor/child_limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/latch.h"
#include "common/paths.h"
#include "supervisor/cgroup.h"
#include "supervisor/context.h"

static bool
wants_cgroup(const struct config_worker *config)
{
	return config->memory_max_bytes > 0 ||
	       (config->limits && config->limits->cpu_quota > 0);
}

bool
child_limits_are_wanted(const struct config_worker *config)
{
	return config->limits || config->memory_max_bytes > 0 || config->sandbox;
}

bool
child_limits_want_cgroup(const struct config_node *node)
{
	if (node->type == CONFIG_WORKER)
		return wants_cgroup(&node->worker);
	for (size_t i = 0; i < node->group.n_children; i++)
		if (child_limits_want_cgroup(node->group.children[i]))
			return true;
	return false;
}

struct child_limits *
child_limits_new(const struct config_worker *config)
{
	struct child_limits *limits = calloc(1, sizeof(*limits));

	if (!limits)
		return NULL;
	limits->spawn =
	    (struct spawn_limits){ .config = config->limits, .cgroup_fd = -1 };
	limits->sandbox.ruleset_fd = -1;
	return limits;
}

void
child_limits_free(struct child *child)
{
	struct child_limits *limits = child->limits;

	if (!limits)
		return;
	if (limits->spawn.cgroup_fd >= 0)
		cgroup_remove_worker(&child->supervisor->cgroup, child_name(child));
	closep(&limits->spawn.cgroup_fd);
	sandbox_release(&limits->sandbox);
	free(limits->own_directory);
	free(limits->latch_directory);
	free(limits->environ);
	free(limits);
	child->limits = NULL;
}

/* The cgroup. */

void
child_limits_open_cgroup(struct supervisor *supervisor)
{
	if (supervisor->cgroup.fd < 0 && !supervisor->cgroup.why)
		(void)cgroup_open(&supervisor->cgroup, getenv(CGROUP_ENV));
}

static void
report_unavailable(struct child *child, const char *limit, const char *why)
{
	struct record record;

	record_init(&record, "worker.limit_unavailable");
	record_text(&record, "worker", child_name(child));
	record_text(&record, "limit", limit);
	record_text(&record, "why", why);
	event_log_emit(&child->supervisor->events, LOG_LEVEL_WARNING, &record);
}

static void
limit_cpu(struct child *child)
{
	const struct cgroup *cgroup = &child->supervisor->cgroup;
	int r;

	if (!(cgroup->controllers & CGROUP_CPU)) {
		report_unavailable(
		    child, "cpu_quota", "the cgroup has no cpu controller");
		return;
	}
	r = cgroup_limit_cpu(
	    child->limits->spawn.cgroup_fd, child->limits->spawn.config->cpu_quota);
	if (r < 0)
		report_unavailable(child, "cpu_quota", strerror(-r));
}

/* Without this we look at it ourselves, so there is nothing to report. */
static void
limit_memory(struct child *child)
{
	child->limits->has_memory_max =
	    (child->supervisor->cgroup.controllers & CGROUP_MEMORY) &&
	    cgroup_limit_memory(child->limits->spawn.cgroup_fd,
		child_config(child)->memory_max_bytes) == 0;
}

static void
set_up_cgroup(struct child *child)
{
	const struct config_worker *config = child_config(child);
	struct cgroup *cgroup = &child->supervisor->cgroup;
	const bool has_quota = config->limits && config->limits->cpu_quota > 0;
	int fd = -1;

	child_limits_open_cgroup(child->supervisor);
	if (cgroup->fd >= 0)
		fd = cgroup_make_worker(cgroup, child_name(child));
	if (fd < 0) {
		if (has_quota)
			report_unavailable(child, "cpu_quota",
			    cgroup->fd < 0 ? cgroup->why : strerror(-fd));
		return;
	}
	child->limits->spawn.cgroup_fd = fd;
	if (has_quota)
		limit_cpu(child);
	if (config->memory_max_bytes > 0)
		limit_memory(child);
}

/* The environment. */

static bool
is_same_variable(const char *a, const char *b)
{
	size_t length = strcspn(a, "=");

	return strncmp(a, b, length + 1) == 0;
}

/* The last entry of a name wins. */
static void
set_variable(char **variables, size_t *n, char *entry)
{
	size_t i = 0;

	while (i < *n && !is_same_variable(entry, variables[i]))
		i++;
	variables[i] = entry;
	*n += i == *n;
}

static size_t
count(char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

/* Return: whether there was memory for it. */
static bool
merge_environ(struct child_limits *limits, char *const *common)
{
	char *const *entry = limits->spawn.config->environment;
	size_t n = count(common);
	char **merged =
	    reallocarray(limits->environ, n + count(entry) + 1, sizeof(*merged));

	if (!merged)
		return false;
	limits->environ = merged;
	memcpy(merged, common, n * sizeof(*merged));
	for (; *entry; entry++)
		set_variable(merged, &n, *entry);
	merged[n] = NULL;
	return true;
}

char *const *
child_limits_prepare(struct child *child, char *const *common)
{
	struct child_limits *limits = child->limits;

	if (!limits->is_set_up && wants_cgroup(child_config(child)))
		set_up_cgroup(child);
	limits->is_set_up = true;
	if (limits->has_memory_max)
		limits->oom_kills = cgroup_oom_kills(limits->spawn.cgroup_fd);
	if (!limits->spawn.config || !limits->spawn.config->environment)
		return common;
	return merge_environ(limits, common) ? limits->environ : NULL;
}

/* The sandbox. */

/* What it makes belongs to the user that it will be. Return: 0, -errno. */
static int
make_directory(const struct config_worker *config, const char *path)
{
	const struct config_limits *limits = config->limits;
	int r;

	if (access(path, F_OK) == 0)
		return 0;
	r = path_mkdirs(path, 0700);
	if (r == 0 && limits && limits->uid != (uid_t)-1 &&
	    lchown(path, limits->uid, limits->gid) < 0)
		r = -errno;
	return r;
}

static int
name_directories(struct child *child)
{
	struct child_limits *limits = child->limits;
	const char *state = child->supervisor->state_dir;

	if (!limits->own_directory)
		limits->own_directory = path_join(state, child_name(child));
	if (!limits->latch_directory)
		limits->latch_directory = path_join(state, LATCH_DIRECTORY);
	return limits->own_directory && limits->latch_directory ? 0 : -ENOMEM;
}

/* The built-in worker sets latches, too. */
static int
make_directories(struct child *child)
{
	const struct config_worker *config = child_config(child);
	int r = make_directory(config, child->limits->own_directory);

	return r == 0 && config->trading
		   ? make_directory(config, child->limits->latch_directory)
		   : r;
}

int
child_limits_enclose(
    struct child *child, struct spawn_limits *limits, struct spawn_failure *ret_failure)
{
	const struct config_worker *config = child_config(child);
	struct sandbox_failure failure = { .step = "sandbox.write" };
	const char *writable[3] = { 0 };
	int r;

	limits->sandbox = NULL;
	if (!config->sandbox)
		return 0;
	r = name_directories(child);
	if (r == 0)
		r = make_directories(child);
	failure.path = child->limits->own_directory;
	failure.error = -r;
	writable[0] = child->limits->own_directory;
	if (config->trading)
		writable[1] = child->limits->latch_directory;
	if (r == 0)
		r = sandbox_prepare(
		    config->sandbox, writable, &child->limits->sandbox, &failure);
	if (r < 0) {
		*ret_failure =
		    (struct spawn_failure){ failure.step, failure.error, failure.path };
		return SPAWN_E_FAILED;
	}
	limits->sandbox = &child->limits->sandbox;
	return 0;
}

void
child_limits_disclose(struct child *child)
{
	if (child->limits)
		sandbox_release(&child->limits->sandbox);
}

bool
child_limits_ended(struct child *child)
{
	const struct child_limits *limits = child->limits;
	int fd = limits->spawn.cgroup_fd;

	if (fd < 0)
		return false;
	(void)cgroup_kill(fd);
	return limits->has_memory_max && cgroup_oom_kills(fd) > limits->oom_kills;
}
