/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of `tradesup`, one table. What each does is in supervisor/ctl/, in the file
 * of its name; the help texts are made from this table.
 */
#include "common/cleanup.h"
#include "supervisor/ctl/ctl.h"

#define JSON OPTION_BIT(OPTION_JSON)
#define STREAM (OPTION_BIT(OPTION_FOLLOW) | OPTION_BIT(OPTION_LINES))

#define EXITS_TALK "0 done; 64 usage; 69 no supervisor answers; 78 bad configuration"
#define EXITS_READ "0 done; 64 usage; 71 the state cannot be read; 78 bad configuration"

static const struct verb verbs[] = {
	{ "run", "[-- COMMAND...]",
	    "supervise the workers of the configuration, or one command",
	    OPTION_BIT(OPTION_LOG_FORMAT) | OPTION_BIT(OPTION_LOG_LEVEL), 0,
	    CTL_OPERANDS_ANY, "tradesup run -c tradesup.conf",
	    "0 stopped as asked; 64 usage; 70 escalated; 71 the system refused "
	    "something; "
	    "78 bad configuration",
	    ctl_run },
	{ "check", "", "check a configuration and all that it names", JSON, 0, 0,
	    "tradesup check -c tradesup.conf",
	    "0 it is good; 64 usage; 71 it could not be checked; 78 it is bad",
	    ctl_check },
	{ "drill", "", "provoke every level of healing on real processes",
	    JSON | OPTION_BIT(OPTION_KEEP), 0, 0, "tradesup drill",
	    "0 every level worked; 1 one did not; 64 usage; 71 the system refused "
	    "something; "
	    "78 bad configuration",
	    ctl_drill },
	{ "status", "[WORKER]", "show the supervisor and its workers", JSON, 0, 1,
	    "tradesup status", EXITS_TALK, ctl_status },
	{ "events", "", "print the events of the supervisor",
	    JSON | STREAM | OPTION_BIT(OPTION_WORKER), 0, 0,
	    "tradesup events -f --worker flow", EXITS_TALK, ctl_events },
	{ "logs", "[WORKER]", "print what the workers wrote", JSON | STREAM, 0, 1,
	    "tradesup logs flow -n 20", EXITS_TALK, ctl_logs },
	{ "start", "WORKER...", "start workers that are down", JSON, 1,
	    CTL_OPERANDS_ANY, "tradesup start flow", EXITS_TALK, ctl_workers },
	{ "stop", "WORKER...", "stop workers, and leave them down", JSON, 1,
	    CTL_OPERANDS_ANY, "tradesup stop flow", EXITS_TALK, ctl_workers },
	{ "restart", "WORKER...", "stop workers and start them again", JSON, 1,
	    CTL_OPERANDS_ANY, "tradesup restart flow", EXITS_TALK, ctl_workers },
	{ "ledger", "WORKER", "report a worker's clusters, orders, fills and positions",
	    JSON, 1, 1, "tradesup ledger flow --json",
	    "0 done; 64 usage; 71 the journal cannot be read; 78 bad configuration",
	    ctl_ledger },
	{ "healing", "[WORKER]", "show how often each healing step worked", JSON, 0, 1,
	    "tradesup healing", EXITS_READ, ctl_healing },
	{ "crashes", "[NAME]", "list the crash reports, or print one",
	    JSON | OPTION_BIT(OPTION_LAST), 0, 1, "tradesup crashes --last", EXITS_READ,
	    ctl_crashes },
	{ "version", "", "print the version", JSON, 0, 0, "tradesup version",
	    "0; 64 usage", ctl_version },
	{ "help", "[VERB]", "print this help, or that of a verb", 0, 0, 1,
	    "tradesup help status", "0; 64 usage, or no such verb", ctl_help },
};

int
main(int argc, char **argv)
{
	return ctl_main(verbs, ARRAY_SIZE(verbs), argc, argv);
}
