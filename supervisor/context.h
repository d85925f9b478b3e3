/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct supervisor: the one context that is passed down. Who changes what is said at
 * each member.
 */
#pragma once

#include <event2/event.h>

#include "common/config.h"
#include "supervisor/beside.h"
#include "supervisor/cgroup.h"
#include "supervisor/event_log.h"
#include "supervisor/guardian.h"
#include "supervisor/notify.h"
#include "supervisor/service.h"
#include "supervisor/spawn.h"
#include "supervisor/tree.h"

struct aftermath;
struct child;
struct control;
struct fragment;
struct reload;
struct tree_request;
struct upgrade;
struct links;

TAILQ_HEAD(fragment_list, fragment);
TAILQ_HEAD(child_list, child);

enum supervisor_phase {
	SUPERVISOR_STARTING,
	SUPERVISOR_RUNNING,
	SUPERVISOR_STOPPING,
	SUPERVISOR_ENDED
};

/* Priorities of the loop: what somebody waits for, and what can come after it. */
enum {
	SUPERVISOR_PRIORITY_FIRST, /* nothing: so that the default is above LATER */
	SUPERVISOR_PRIORITY_NOW,   /* libevent's default is the middle one */
	SUPERVISOR_PRIORITY_LATER,
	SUPERVISOR_PRIORITIES
};

#define SUPERVISOR_ENV_EXTRA 16 /* variables of our own in a worker's environment */

struct supervisor {
	struct config *config; /* owned; a reload puts another one in its place */
	bool log_format_given; /* on the command line: the file's does not count */
	struct upgrade *upgrade; /* NULL: none is going on */
	struct reload *reload; /* NULL: none is going on */
	bool has_terminal;     /* whose end is one for us, too */
	char *state_dir, *runtime_dir;
	char *state_variable; /* TRADESUP_STATE_DIR=…, for every worker */
	char *control_variable; /* TRADESUP_CONTROL=…, the same */
	char *worker_program; /* of the built-in worker */
	char *probe_program;  /* looks at others from outside */
	struct event_base *base;
	struct tree tree;
	struct fragment_list fragments; /* configurations of what was added */
	struct event_log events;
	struct guardian guardian;
	struct spawn_slots slots;
	struct child_list launching; /* those of child_launch.c, oldest first */
	struct event *on_launched, *on_launch_failed;
	struct links *links;
	sigset_t altered; /* signals that we catch or ignore, and workers must not */
	struct cgroup cgroup; /* for workers that are to have one */
	struct notify notify;
	struct control *control;
	struct aftermath *aftermath;
	struct beside_list besides;
	unsigned n_making_safe; /* of them are make-safe programs */
	void (*on_safe)(struct supervisor *supervisor); /* the last has ended; NULL:
							   nobody waits for that */
	struct service service;				/* its escalations */
	enum supervisor_phase phase;
	int exit_code;
	int lock_fd;

	char *program; /* by what name we were executed, absolute */
	int64_t upgrade_ns; /* the last exec of an upgrade; 0: none */
	struct tree_request *upgraded_for; /* who waits to hear of it; NULL: nobody */

	int64_t started_ns;
	int64_t fresh_ns; /* we did not look before this: nothing before it is held
			     against a worker */
	uint32_t restarts;
	struct last_words *last_words; /* NULL: it does not run */
	char last_failed[65]; /* name of the worker whose end was decided about last */
	uint32_t random;      /* state of the jitter's generator, never 0 */

	char **environ; /* ours, with room for SUPERVISOR_ENV_EXTRA more; filled at each
			   start */
	size_t n_environ;
	char **environ_shown; /* room for as many; see setup_environ_without() */
	unsigned secrets;     /* config_secrets_of() all workers there were */

	struct event *on_quit, *on_passed[3]; /* signals that are passed on */
	int sigchld_fd;	  /* signalfd(2): many ends at once interrupt us once */
	int64_t sweep_ns; /* what the last sweep took */

	struct event *on_term, *on_int, *on_hup, *on_sigchld, *on_sweep, *on_guardian,
	    *on_watchdog;
};

/** supervisor_look() - called when a timer fires: was it so late that we must have been
 * stopped? then everyone gets a fresh start. Return: now. */
int64_t supervisor_look(struct supervisor *supervisor, int64_t due_ns);

/** supervisor_sweep_soon() - a worker has ended: look for orphans it left, when there
 * is time. */
void supervisor_sweep_soon(struct supervisor *supervisor);

/** supervisor_tell() - sd_notify(3): the line for systemctl status, and @what: other
 * assignments, each ended by a newline. */
void supervisor_tell(struct supervisor *supervisor, const char *what);

/** supervisor_say() - an event with one field. */
void supervisor_say(struct supervisor *supervisor, enum log_level level,
    const char *event, const char *key, const char *value);

/** supervisor_cannot() - log that a step of the start failed. Return: EXIT_OSERR. */
int supervisor_cannot(struct supervisor *supervisor, const char *what, int error);
