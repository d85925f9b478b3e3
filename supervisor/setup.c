/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a supervisor needs before its loop can turn: its directories, the lock on them,
 * the environment of its workers, enough descriptors.
 */
#include "supervisor/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/paths.h"
#include "supervisor/context.h"
#include "supervisor/control.h"

#define DESCRIPTORS_PER_WORKER 6
#define DESCRIPTORS_OF_OURS 128

int
setup_environ(struct supervisor *supervisor)
{
	size_t n = 0;

	while (environ[n])
		n++;
	supervisor->environ = calloc(n + SUPERVISOR_ENV_EXTRA + 1, sizeof(char *));
	supervisor->environ_shown =
	    calloc(n + SUPERVISOR_ENV_EXTRA + 1, sizeof(char *));
	if (!supervisor->environ || !supervisor->environ_shown)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!config_is_own_variable(environ[i]))
			supervisor->environ[supervisor->n_environ++] = environ[i];
	return 0;
}

char *const *
setup_environ_without(struct supervisor *supervisor, unsigned secrets)
{
	size_t n = 0;

	for (size_t i = 0; supervisor->environ[i]; i++) {
		if (!(config_secret_variable(supervisor->environ[i]) & secrets))
			supervisor->environ_shown[n++] = supervisor->environ[i];
	}
	supervisor->environ_shown[n] = NULL;
	return supervisor->environ_shown;
}

/* To the socket, which has a mode of its own as all else there. A directory that others
 * may pass is left as it is. */
static int
let_group_pass(const char *directory, gid_t gid)
{
	struct stat st;

	if (stat(directory, &st) < 0)
		return -errno;
	if ((st.st_mode & S_IXOTH) || (st.st_gid == gid && (st.st_mode & S_IXGRP)))
		return 0;
	if (chown(directory, (uid_t)-1, gid) < 0 || chmod(directory, 0710) < 0)
		return -errno;
	return 0;
}

int
setup_paths(struct supervisor *supervisor)
{
	const struct config *config = supervisor->config;
	int r;

	supervisor->state_dir = path_state(config->state_dir);
	supervisor->runtime_dir = path_runtime(config->runtime_dir);
	if (supervisor->state_dir &&
	    asprintf(&supervisor->state_variable, "TRADESUP_STATE_DIR=%s",
		supervisor->state_dir) < 0)
		supervisor->state_variable = NULL;
	if (supervisor->runtime_dir &&
	    asprintf(&supervisor->control_variable, "TRADESUP_CONTROL=%s/%s",
		supervisor->runtime_dir, CONTROL_SOCKET) < 0)
		supervisor->control_variable = NULL;
	supervisor->worker_program = path_program(PATH_WORKER_ENV, PATH_WORKER_NAME);
	supervisor->probe_program = path_program(PATH_PROBE_ENV, PATH_PROBE_NAME);
	if (!supervisor->state_variable || !supervisor->control_variable ||
	    !supervisor->worker_program || !supervisor->probe_program)
		return supervisor_cannot(supervisor, "paths", ENOMEM);
	r = path_mkdirs(supervisor->state_dir, 0700);
	if (r < 0)
		return supervisor_cannot(supervisor, supervisor->state_dir, -r);
	r = path_mkdirs(supervisor->runtime_dir, 0700);
	if (r == 0 && config->control_group)
		r = let_group_pass(supervisor->runtime_dir, config->control_gid);
	if (r < 0)
		return supervisor_cannot(supervisor, supervisor->runtime_dir, -r);
	return 0;
}

/* One supervisor a runtime directory: the lock goes with the process. */
int
setup_lock(struct supervisor *supervisor)
{
	_cleanup_free_ char *path = path_join(supervisor->runtime_dir, "lock");
	struct record record;

	if (!path)
		return supervisor_cannot(supervisor, "lock", ENOMEM);
	supervisor->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (supervisor->lock_fd < 0)
		return supervisor_cannot(supervisor, path, errno);
	if (flock(supervisor->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return supervisor_cannot(supervisor, path, errno);
	record_init(&record, "supervisor.already_running");
	record_text(&record, "runtime_dir", supervisor->runtime_dir);
	event_log_emit(&supervisor->events, LOG_LEVEL_ERROR, &record);
	return EXIT_OSERR;
}

static size_t
count_workers(const struct config_node *node)
{
	size_t n = 0;

	if (node->type == CONFIG_WORKER)
		return 1;
	for (size_t i = 0; i < node->group.n_children; i++)
		n += count_workers(node->group.children[i]);
	return n;
}

/* Workers inherit the limit, so it is raised only as far as many workers need it. */
void
setup_descriptors(const struct config_node *root)
{
	rlim_t wanted =
	    count_workers(root) * DESCRIPTORS_PER_WORKER + DESCRIPTORS_OF_OURS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
