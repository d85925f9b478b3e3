/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker: its process, its link, its output, its deadlines. Starts and stops when
 * the tree says so, and tells the tree when it has ended.
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include "common/msg.h"
#include "supervisor/allowance.h"
#include "supervisor/capture.h"
#include "supervisor/decision.h"
#include "supervisor/exit_reason.h"
#include "supervisor/heartbeat.h"
#include "supervisor/measures.h"
#include "supervisor/spawn.h"
#include "supervisor/tree.h"

struct beside;
struct child_limits;
struct child_watch;
struct supervisor;

/* Why we end a worker that its group did not ask to stop; it then counts as having
 * failed. */
enum child_doom {
	DOOM_NONE,
	DOOM_HANG,	/* a deadline passed */
	DOOM_CYCLES,	/* failed_cycles failed cycles in a row */
	DOOM_REQUESTED, /* it asked for it */
	DOOM_MEMORY,	/* above memory_max */
	DOOM_OOM,	/* the same, and the kernel has ended it already */
	DOOM_GARBAGE,	/* too many packets that are none */
	DOOM_LINK,	/* it closed its link and lived on */
	DOOM_PROBE	/* its probe failed too often */
};

#define CHILD_RESTARTS_KEPT 8
/* Between the end of the link and that of the process. */
#define CHILD_EOF_PATIENCE_NS INT64_C(1000000000)
#define CHILD_MEMORY_INTERVAL_NS INT64_C(1000000000) /* between looks at its memory */

struct child {
	struct node node; /* first: the tree sees this */
	struct supervisor *supervisor;

	struct spawned process; /* pidfd -1 when down; pid: the last one */
	struct exit_reason reason;
	int link_fd;	   /* ours; -1 when down */
	int output_fd;	   /* read end; kept over restarts, -1 before the first start */
	int output_theirs; /* write end, for the next life */
	int notify_fd;	   /* notify = systemd; -1 else */
	struct child_limits *limits;   /* NULL: it has none */
	struct child_watch *watch;     /* NULL: it tells all by itself */
	struct beside *make_safe;      /* while it is being made safe */
	struct spawn_pending *pending; /* its exec is not known to have succeeded */
	bool start_failed;	       /* it has not, and the tree does not know yet */
	TAILQ_ENTRY(child) launch;     /* while either of the two */
	struct event on_exit, on_output, on_notify, on_timer;

	int64_t timer_ns;  /* when on_timer is due; HEARTBEAT_NEVER if not armed */
	int64_t wake_ns;   /* the tree waits for this; HEARTBEAT_NEVER if not */
	int64_t kill_ns;   /* SIGKILL then; HEARTBEAT_NEVER if not */
	int64_t stable_ns; /* a restart counts as healed then; HEARTBEAT_NEVER if not */
	int64_t kill_after_ns; /* what kill_ns was set to, for a fresh one after a
				  stall; 0: it has had that */
	int64_t eof_ns; /* it closed its link: ended then; HEARTBEAT_NEVER if not */
	int64_t
	    memory_ns; /* next look at its memory; HEARTBEAT_NEVER without a limit */

	struct heartbeat seen;
	int64_t watchdog_ns; /* as configured, or WATCHDOG_USEC=; 0: none */
	bool told_refused;   /* worker.notify_refused was said in this life */
	int64_t due_ns; /* its restart, which waits for make_safe; HEARTBEAT_NEVER */
	bool died;	/* abnormally, and was not made safe yet */
	enum child_doom doom;
	bool killed; /* we sent SIGKILL */
	char doom_detail[128];

	int64_t cycle; /* last reported, -1: none */
	char phase[32];
	char *error;		/* of the last failed cycle; NULL */
	char *status;		/* free text; NULL */
	char *figures;		/* figures.h; NULL */
	int64_t figures_ns;	/* when they came */
	uint32_t failed_cycles; /* in a row */
	uint32_t bad_packets;	/* in this life */

	struct decisions *decisions; /* NULL until there is one */
	char start_error[96];	     /* of the last failed start */
	bool heal_pending; /* an outage, or a level 3 or 4 try, may wait for its good
			      cycle */
	uint32_t lives;
	uint32_t restarts;	/* since the supervisor started */
	uint32_t backoff;	/* restarts in a row */
	int64_t least_delay_ns; /* before the next start, whatever the backoff says */
	struct measures measures;
	int64_t interval_ns; /* from one good cycle to the next, as usual; 0: not known.
				Learned anew after an upgrade */
	uint64_t heals;		/* reported or done, since the supervisor started */
	int64_t restart_times_ns[CHILD_RESTARTS_KEPT]; /* of day; ring by @restarts */

	struct capture *output; /* NULL until there is some */
	int64_t output_window_ns;
	uint32_t output_lines, output_dropped; /* in this window */
	size_t output_bytes;
	struct allowance allowance; /* of events that it tells */
};

/** child_new(), child_free() - a worker that is down; freeing kills nothing: it must be
 * down. */
struct child *child_new(
    struct supervisor *supervisor, const struct config_node *config);
void child_free(struct child *child);

/** child_inherit() - @child takes the place of @from, which is down: its history, its
 * counters, what it wrote */
void child_inherit(struct child *child, struct child *from);

/** child_reconfigured() - its configuration is another one, which needs no restart. */
void child_reconfigured(struct child *child, const struct config_node *before);

/* Callbacks of the loop, with the child as @data; child_start.c connects them. */
void child_on_exit(evutil_socket_t fd, short what, void *data);
void child_on_output(evutil_socket_t fd, short what, void *data);
void child_on_notify(evutil_socket_t fd, short what, void *data);

/** child_start() - Return: whether there is a process now; else worker.start_failed has
 * been logged. */
bool child_start(struct child *child);

/**
 * child_adopt() - watch over a process that an earlier supervisor started; everything
 * else has been read
 *
 * Return: 0; -errno, and its descriptors are closed when it is freed.
 */
int child_adopt(struct child *child);

/** child_launched() - there is a process: log it. */
void child_launched(struct child *child);

/** child_launch_failed() - what was taken for a process is none: log it, end its life.
 */
void child_launch_failed(struct child *child, const struct spawn_failure *failure);

/** child_end_life() - everything of a life that has ended, except what its end is going
 * to be called. */
void child_end_life(struct child *child);

/** child_stop() - as struct tree_ops, stop(). */
bool child_stop(struct child *child, bool kill);

/**
 * child_builtin() - the command line of the built-in worker's program
 * @mode: an option that comes first; NULL: none
 * @request: argv and text_fd are filled, by its link_fd
 *
 * It works by the configuration that we work by, whatever has become of the file.
 */
struct child_builtin {
	char *argv[9];
	char number[12];
};
void child_builtin(const struct child *child, const char *mode,
    struct child_builtin *ret_command, struct spawn_request *request);

/**
 * child_run_beside() - run another program for this worker, with its environment and
 * output, without a link
 * @argv: NULL: what makes the built-in worker safe
 * @variables: further ones, "K=V", NULL-terminated; NULL: none
 *
 * Return: as spawn_start(); the caller reaps it.
 */
int child_run_beside(struct child *child, char *const *argv, char *const *variables,
    struct spawned *ret_process, struct spawn_failure *ret_failure);

/** child_wait() - as struct tree_ops, wait(). While it is being made safe, the wake-up
 * waits for that, too. */
void child_wait(struct child *child, int64_t delay_ns);

/** child_was_made_safe() - that step is over. */
void child_was_made_safe(struct child *child);

/** child_doomed() - end it, and count it as a failure of its own. @detail: for people.
 */
void child_doomed(struct child *child, enum child_doom doom, const char *detail);

/** child_rearm() - set the timer to the earliest deadline. */
void child_rearm(struct child *child);

/** child_next_delay() - before the restart that has just been decided; counts it. */
int64_t child_next_delay(struct child *child, uint32_t random);

/** child_had_good_cycle() - what a good cycle resets. */
void child_had_good_cycle(struct child *child);

/** child_change_process() - its main process is another one from now on; takes over
 * the pidfd. */
void child_change_process(struct child *child, const struct spawned *process);

/**
 * child_log_end() - the event of its end: worker.exit if it ended by itself, else
 * worker.stop
 * @action: what was decided: "restart", "none", "escalate", …; @why: the rule
 */
void child_log_end(struct child *child, const char *action, const char *why);

/** child_doom_cause() - why we ended it, for people: "hang: no heartbeat". */
void child_doom_cause(const struct child *child, char *out, size_t size);

/** child_doom_kind() - the healing kind of a failure: "hang", "cycles", "crash", … */
const char *child_doom_kind(enum child_doom doom);

static inline const struct config_worker *
child_config(const struct child *child)
{
	return &child->node.config->worker;
}

static inline const char *
child_name(const struct child *child)
{
	return child->node.config->name;
}

static inline bool
child_is_alive(const struct child *child)
{
	return child->process.pidfd >= 0;
}
