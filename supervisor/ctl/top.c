/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup top`: finds the supervisor, and becomes tradesup-top, which shows it.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "supervisor/ctl/place.h"
#include "supervisor/ctl/watch.h"

#define TOP_ENV "TRADESUP_TOP_PROGRAM"
#define TOP_NAME "tradesup-top"

int
ctl_top(const struct ctl *ctl)
{
	_cleanup_free_ char *program = path_program(TOP_ENV, TOP_NAME), *socket = NULL;
	int r;

	if (!program)
		return ctl_fail(EXIT_OSERR, "out of memory");
	if (!watch_is_possible() || !isatty(STDIN_FILENO))
		return ctl_usage(ctl, "it needs a terminal");
	r = place_socket(ctl_config_name(ctl), &socket);
	if (r != 0)
		return r;
	execv(program, (char *const[]){ program, socket, NULL });
	return ctl_fail(EXIT_OSERR, "%s: %s%s", program, strerror(errno),
	    errno == ENOENT ? " (it is built where ncurses is)" : "");
}
