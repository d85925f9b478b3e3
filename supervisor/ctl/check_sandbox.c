/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child enters the sandbox by the very steps of a worker's start and ends; what
 * failed comes back through a pipe.
 */
#include "supervisor/ctl/check_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/sandbox.h"

struct trial {
	const struct config *config;
	char *state_dir;
	config_on_error on_problem;
	void *data;
	int status;
};

static void
report(struct trial *trial, const struct config_node *node,
    const struct sandbox_failure *failure)
{
	_cleanup_free_ char *message = NULL;

	trial->status = EXIT_OSERR;
	if (asprintf(&message, "%s:%u: worker %s: %s: %s%s%s", trial->config->path,
		node->line, node->name, failure->step,
		failure->path ? failure->path : "", failure->path ? ": " : "",
		strerror(failure->error)) >= 0)
		trial->on_problem(message, trial->data);
}

/* The step is a constant of this program, which both processes have at one place. */
static void
enter(const struct sandbox *sandbox, int fd)
{
	struct sandbox_failure failure = { 0 };

	if (sandbox_enter(sandbox, &failure.step) < 0 ||
	    sandbox_filter_calls(sandbox, &failure.step) < 0)
		failure.error = errno;
	_exit(write(fd, &failure, sizeof(failure)) != sizeof(failure));
}

/* Return: 0; -errno, with @failure. */
static int
try_in_child(const struct sandbox *sandbox, struct sandbox_failure *failure)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int ends[2];
	pid_t pid;

	*failure = (struct sandbox_failure){ .step = "sandbox" };
	pid = pipe2(ends, O_CLOEXEC) < 0 ? -1 : fork();
	if (pid < 0) {
		failure->error = errno;
		return -errno;
	}
	ours = ends[0];
	theirs = ends[1];
	if (pid == 0)
		enter(sandbox, theirs);
	closep(&theirs);
	theirs = -1;
	if (read(ours, failure, sizeof(*failure)) != sizeof(*failure))
		failure->error = EIO;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -failure->error;
}

static void
try_worker(struct trial *trial, const struct config_node *node)
{
	_cleanup_free_ char *own = path_join(trial->state_dir, node->name);
	const char *writable[2] = { own, NULL };
	struct sandbox_failure failure;
	struct sandbox sandbox = SANDBOX_INIT;
	int r;

	if (!own) {
		failure = (struct sandbox_failure){ "sandbox", NULL, ENOMEM };
		report(trial, node, &failure);
		return;
	}
	if (access(own, F_OK) < 0 && !node->worker.sandbox->private_tmp)
		writable[0] = NULL;
	r = sandbox_prepare(node->worker.sandbox, writable, &sandbox, &failure);
	if (r == 0)
		r = try_in_child(&sandbox, &failure);
	sandbox_release(&sandbox);
	if (r < 0)
		report(trial, node, &failure);
}

static void
try_all(struct trial *trial, const struct config_node *node)
{
	if (node->type == CONFIG_WORKER) {
		if (node->worker.sandbox)
			try_worker(trial, node);
		return;
	}
	for (size_t i = 0; i < node->group.n_children; i++)
		try_all(trial, node->group.children[i]);
}

int
check_sandboxes(const struct config *config, config_on_error on_problem, void *data)
{
	_cleanup_free_ char *state_dir = path_state(config->state_dir);
	struct trial trial = { config, state_dir, on_problem, data, EXIT_OK };

	if (!state_dir)
		return EXIT_OSERR;
	try_all(&trial, config->root);
	return trial.status;
}
