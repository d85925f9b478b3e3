/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup ledger | reconcile | panic`: becomes the worker's program, which knows the
 * journal and the broker. The supervisor's program links no database and no network;
 * and none of these needs a supervisor that runs.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "supervisor/ctl/place.h"

#define ARGUMENTS_MAX 12

/* struct command - the worker's command line */
struct command {
	char *argv[ARGUMENTS_MAX];
	size_t n;
};

/* execv() does not write to its arguments. */
static void
add(struct command *command, const char *argument)
{
	command->argv[command->n++] = (char *)argument;
}

static void
add_options(struct command *command, const struct ctl *ctl)
{
	if (ctl_wants_json(ctl))
		add(command, "--json");
	if (options_has(&ctl->options, OPTION_ACCEPT))
		add(command, "--accept");
	if (options_has(&ctl->options, OPTION_FLATTEN))
		add(command, "--flatten");
	if (options_has(&ctl->options, OPTION_BACKUP)) {
		add(command, "--backup");
		add(command, ctl->options.values[OPTION_BACKUP]);
	}
	if (ctl->options.n_operands > 0) {
		add(command, "--");
		add(command, ctl->options.operands[0]);
	}
}

int
ctl_ledger(const struct ctl *ctl)
{
	_cleanup_free_ char *program = path_program(PATH_WORKER_ENV, PATH_WORKER_NAME);
	_cleanup_free_ char *config = place_config_path(ctl_config_name(ctl));
	_cleanup_free_ char *action = NULL;
	struct command command = { .n = 0 };

	if (asprintf(&action, "--%s", ctl->verb->name) < 0)
		action = NULL;
	if (!program || !config || !action)
		return ctl_fail(EXIT_OSERR, "out of memory");
	add(&command, program);
	add(&command, action);
	add(&command, "-c");
	add(&command, config);
	add_options(&command, ctl);
	execvp(program, command.argv);
	return ctl_fail(EXIT_OSERR, "%s: %s", program, strerror(errno));
}
