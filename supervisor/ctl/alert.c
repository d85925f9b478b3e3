/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup alert`: becomes the program that tells, which owns the queue and what is
 * firing. The supervisor's program links no network. `run` is for a worker's command.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "supervisor/ctl/place.h"

static const struct {
	const char *name;
	const char *option; /* NULL: none */
	size_t min, max;    /* operands behind it */
	bool has_json;
} actions[] = {
	{ "test", "--test", 0, 1, false },
	{ "list", "--list", 0, 0, true },
	{ "ack", "--ack", 1, 1, false },
	{ "run", NULL, 0, 1, false },
};

/* Return: the exit status; not if the program could be started. */
static int
become(const struct ctl *ctl, size_t action)
{
	_cleanup_free_ char *program = path_program(PATH_NOTIFY_ENV, PATH_NOTIFY_NAME);
	_cleanup_free_ char *config = place_config_path(ctl_config_name(ctl));
	char c[] = "-c", json[] = "--json", separator[] = "--";
	char *argv[8] = { program, c, config };
	size_t n = 3;

	if (!program || !config)
		return ctl_fail(EXIT_OSERR, "out of memory");
	if (actions[action].option)
		argv[n++] = (char *)actions[action].option;
	if (ctl_wants_json(ctl))
		argv[n++] = json;
	argv[n++] = separator;
	argv[n++] = ctl->options.operands[1];
	execvp(program, argv);
	return ctl_fail(EXIT_OSERR, "%s: %s", program, strerror(errno));
}

int
ctl_alert(const struct ctl *ctl)
{
	const char *name = ctl->options.operands[0];
	size_t n = ctl->options.n_operands - 1, i = 0;

	while (i < ARRAY_SIZE(actions) && strcmp(actions[i].name, name) != 0)
		i++;
	if (i == ARRAY_SIZE(actions))
		return ctl_usage(ctl, "'%s' is none of test, list, ack, run", name);
	if (n < actions[i].min)
		return ctl_usage(ctl, "alert %s: which one? its name is missing", name);
	if (n > actions[i].max)
		return ctl_usage(ctl, "alert %s: '%s' is one too many", name,
		    ctl->options.operands[actions[i].max + 1]);
	if (ctl_wants_json(ctl) && !actions[i].has_json)
		return ctl_usage(ctl, "--json goes with alert list");
	return become(ctl, i);
}
