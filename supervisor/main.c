/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of `tradesup`, one table. What each does is in supervisor/ctl/, in the file
 * of its name; the help texts are made from this table.
 */
#include "common/cleanup.h"
#include "supervisor/ctl/ctl.h"

#define JSON OPTION_BIT(OPTION_JSON)
#define STREAM (OPTION_BIT(OPTION_FOLLOW) | OPTION_BIT(OPTION_LINES))

#define REFUSED "71 the system refused something"
#define BAD "78 bad configuration"
#define EXITS_TALK "0 done; 64 usage; 69 no supervisor answers; " BAD
#define EXITS_READ "0 done; 64 usage; 71 the state cannot be read; " BAD

static const struct verb verbs[] = {
	{
	    .name = "run",
	    .synopsis = "[-- COMMAND...]",
	    .summary = "supervise the workers of the configuration, or one command",
	    .options = OPTION_BIT(OPTION_LOG_FORMAT) | OPTION_BIT(OPTION_LOG_LEVEL),
	    .max_operands = CTL_OPERANDS_ANY,
	    .example = "tradesup run -c tradesup.conf",
	    .exits = "0 stopped as asked; 64 usage; 70 escalated; " REFUSED "; " BAD,
	    .run = ctl_run,
	},
	{
	    .name = "check",
	    .synopsis = "",
	    .summary = "check a configuration and all that it names",
	    .options = JSON | OPTION_BIT(OPTION_DIFF),
	    .example = "tradesup check --diff -c tradesup.conf",
	    .exits = "0 it is good; 64 usage; 69 no supervisor answers (--diff); "
		     "71 it could not be checked; 78 it is bad",
	    .run = ctl_check,
	},
	{
	    .name = "drill",
	    .synopsis = "",
	    .summary = "provoke every level of healing on real processes",
	    .options = JSON | OPTION_BIT(OPTION_KEEP),
	    .example = "tradesup drill",
	    .exits = "0 every level worked; 1 one did not; 64 usage; " REFUSED "; " BAD,
	    .run = ctl_drill,
	},
	{
	    .name = "status",
	    .synopsis = "[WORKER]",
	    .summary = "show the supervisor and its workers",
	    .options = JSON,
	    .max_operands = 1,
	    .example = "tradesup status",
	    .exits = EXITS_TALK,
	    .run = ctl_status,
	},
	{
	    .name = "why",
	    .synopsis = "WORKER",
	    .summary = "say in plain words what was decided about a worker, and why",
	    .options = JSON,
	    .min_operands = 1,
	    .max_operands = 1,
	    .example = "tradesup why flow",
	    .exits = EXITS_TALK,
	    .run = ctl_why,
	},
	{
	    .name = "events",
	    .synopsis = "",
	    .summary = "print the events of the supervisor",
	    .options = JSON | STREAM | OPTION_BIT(OPTION_WORKER),
	    .example = "tradesup events -f --worker flow",
	    .exits = EXITS_TALK,
	    .run = ctl_events,
	},
	{
	    .name = "logs",
	    .synopsis = "[WORKER]",
	    .summary = "print what the workers wrote",
	    .options = JSON | STREAM,
	    .max_operands = 1,
	    .example = "tradesup logs flow -n 20",
	    .exits = EXITS_TALK,
	    .run = ctl_logs,
	},
	{
	    .name = "start",
	    .synopsis = "[WORKER...]",
	    .summary = "start workers or groups that are down",
	    .options = JSON | OPTION_BIT(OPTION_GROUP),
	    .min_operands = 0,
	    .max_operands = CTL_OPERANDS_ANY,
	    .example = "tradesup start flow",
	    .exits = EXITS_TALK "; " REFUSED,
	    .run = ctl_workers,
	},
	{
	    .name = "stop",
	    .synopsis = "[WORKER...]",
	    .summary = "stop workers or groups, and leave them down",
	    .options = JSON | OPTION_BIT(OPTION_GROUP),
	    .min_operands = 0,
	    .max_operands = CTL_OPERANDS_ANY,
	    .example = "tradesup stop flow",
	    .exits = EXITS_TALK "; " REFUSED,
	    .run = ctl_workers,
	},
	{
	    .name = "restart",
	    .synopsis = "[WORKER...]",
	    .summary = "stop workers or groups and start them again",
	    .options = JSON | OPTION_BIT(OPTION_GROUP),
	    .min_operands = 0,
	    .max_operands = CTL_OPERANDS_ANY,
	    .example = "tradesup restart flow",
	    .exits = EXITS_TALK "; " REFUSED,
	    .run = ctl_workers,
	},
	{
	    .name = "hold",
	    .synopsis = "[WORKER...]",
	    .summary = "place no new orders, and leave the workers alive",
	    .options = JSON | OPTION_BIT(OPTION_REASON),
	    .max_operands = CTL_OPERANDS_ANY,
	    .example = "tradesup hold flow --reason 'the exchange is down'",
	    .exits = "0 no new orders; 64 usage; " REFUSED "; " BAD,
	    .run = ctl_hold,
	},
	{
	    .name = "resume",
	    .synopsis = "[WORKER...]",
	    .summary = "clear what stops orders: holds and tripped limits",
	    .options = JSON | OPTION_BIT(OPTION_REASON),
	    .max_operands = CTL_OPERANDS_ANY,
	    .example = "tradesup resume flow --reason 'it is up again'",
	    .exits = "0 done; 64 usage; " REFUSED "; " BAD,
	    .run = ctl_hold,
	},
	{
	    .name = "add",
	    .synopsis = "FILE",
	    .summary = "start one more worker or group, until its group restarts",
	    .options = JSON | OPTION_BIT(OPTION_GROUP),
	    .min_operands = 1,
	    .max_operands = 1,
	    .example = "tradesup add --group crypto more.conf",
	    .exits = EXITS_TALK "; " REFUSED,
	    .run = ctl_add,
	},
	{
	    .name = "remove",
	    .synopsis = "[WORKER...]",
	    .summary = "take workers or groups that are down off the list",
	    .options = JSON | OPTION_BIT(OPTION_GROUP),
	    .min_operands = 0,
	    .max_operands = CTL_OPERANDS_ANY,
	    .example = "tradesup remove flow",
	    .exits = EXITS_TALK "; " REFUSED,
	    .run = ctl_workers,
	},
	{
	    .name = "reload",
	    .synopsis = "",
	    .summary = "read the configuration again, and do what has changed in it",
	    .options = JSON,
	    .example = "tradesup reload",
	    .exits = EXITS_TALK "; 71 it was refused, or not all could be started",
	    .run = ctl_reload,
	},
	{
	    .name = "ledger",
	    .synopsis = "WORKER",
	    .summary = "report a worker's clusters, orders, fills and positions",
	    .options = JSON,
	    .min_operands = 1,
	    .max_operands = 1,
	    .example = "tradesup ledger flow --json",
	    .exits = EXITS_READ,
	    .run = ctl_ledger,
	},
	{
	    .name = "healing",
	    .synopsis = "[WORKER]",
	    .summary = "show how often each healing step worked",
	    .options = JSON,
	    .max_operands = 1,
	    .example = "tradesup healing",
	    .exits = EXITS_READ,
	    .run = ctl_healing,
	},
	{
	    .name = "alert",
	    .synopsis = "test [TARGET] | list | ack ALERT | run",
	    .summary = "try out, show and acknowledge the alerts",
	    .options = JSON,
	    .min_operands = 1,
	    .max_operands = 2,
	    .example = "tradesup alert test ops",
	    .exits = "0 done; 1 not delivered, or not firing; 64 usage; " REFUSED
		     "; " BAD,
	    .run = ctl_alert,
	},
	{
	    .name = "crashes",
	    .synopsis = "[NAME]",
	    .summary = "list the crash reports, or print one",
	    .options = JSON | OPTION_BIT(OPTION_LAST),
	    .max_operands = 1,
	    .example = "tradesup crashes --last",
	    .exits = EXITS_READ,
	    .run = ctl_crashes,
	},
	{
	    .name = "completion",
	    .synopsis = "SHELL",
	    .summary = "print the completion script for bash, zsh or fish",
	    .min_operands = 1,
	    .max_operands = 1,
	    .example = "tradesup completion bash > "
		       "~/.local/share/bash-completion/completions/tradesup",
	    .exits = "0 done; 64 usage",
	    .run = ctl_completion,
	},
	{
	    .name = "version",
	    .synopsis = "",
	    .summary = "print the version",
	    .options = JSON,
	    .example = "tradesup version",
	    .exits = "0 done; 64 usage",
	    .run = ctl_version,
	},
	{
	    .name = "help",
	    .synopsis = "[VERB]",
	    .summary = "print this help, or that of a verb",
	    .max_operands = 1,
	    .example = "tradesup help status",
	    .exits = "0 done; 64 usage, or no such verb",
	    .run = ctl_help,
	},
};

int
main(int argc, char **argv)
{
	return ctl_main(verbs, ARRAY_SIZE(verbs), argc, argv);
}
