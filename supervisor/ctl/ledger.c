/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup ledger WORKER`: becomes the worker's program, which owns the journal and
 * knows how to read it. The supervisor's program links no database.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "supervisor/ctl/place.h"

int
ctl_ledger(const struct ctl *ctl)
{
	_cleanup_free_ char *program = path_program(PATH_WORKER_ENV, PATH_WORKER_NAME);
	_cleanup_free_ char *config = place_config_path(ctl_config_name(ctl));
	char ledger[] = "--ledger", c[] = "-c", json[] = "--json";
	char *argv[] = { program, ledger, c, config, ctl->options.operands[0],
		ctl_wants_json(ctl) ? json : NULL, NULL };

	if (!program || !config)
		return ctl_fail(EXIT_OSERR, "out of memory");
	execvp(program, argv);
	return ctl_fail(EXIT_OSERR, "%s: %s", program, strerror(errno));
}
