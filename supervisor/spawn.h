/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: the only module (beside the guardian) that forks, execs, kills and waits.
 * It starts a worker with a failed exec reported at once, signals through pidfds and
 * decodes wait statuses. It decides nothing.
 *
 * The child shares our memory until it execs (clone(2): CLONE_VM | CLONE_VFORK |
 * CLONE_PIDFD), so a start costs no copy of page tables and the errno of a failed step
 * is there when clone() returns. (One that is born into a cgroup has a copy of it, and
 * tells through a shared page.) Linux 5.9 or later (close_range(2)).
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/exit_reason.h"
#include "supervisor/spawn_child.h"
#include "supervisor/spawn_limits.h"

#define SPAWN_WORKER_ENV "TRADESUP_WORKER" /* the worker's name */
#define SPAWN_LIFE_ENV "TRADESUP_LIFE" /* tells one life of a worker from the next */

/** struct spawn_ops - the system call that a test replaces, to fail as the kernel may
 */
struct spawn_ops {
	/* clone(2) with the top of a stack and CLONE_PIDFD. Return: the pid; -1 and
	 * errno. */
	pid_t (*clone)(int (*child)(void *), void *stack_top, int flags, void *argument,
	    int *ret_pidfd);
};

#define SPAWN_AHEAD_MAX 4 /* starts that are under way and not waited for */

struct spawn_pending;

/** struct spawn_slot - two low numbers for the descriptors of one child */
struct spawn_slot {
	int link, output;	       /* -1 before spawn_slots_open() */
	struct spawn_pending *pending; /* owned; NULL until it was needed */
};

/**
 * struct spawn_slots - low descriptor numbers, kept for the descriptors of the next
 * children, which copy the table of descriptors up to the highest one they need
 */
struct spawn_slots {
	int null;
	struct spawn_slot slots[1 + SPAWN_AHEAD_MAX]; /* the first: spawn_start()'s */
};

/** spawn_slots_init() - nothing is open. */
void spawn_slots_init(struct spawn_slots *slots);

/** spawn_slots_open() - to be called early, while numbers are low. Return: 0, -errno.
 */
int spawn_slots_open(struct spawn_slots *slots);

/** spawn_slots_close() - when no start is under way. */
void spawn_slots_close(struct spawn_slots *slots);

/**
 * spawn_altered_signals() - the signals that we catch or ignore, for struct
 * spawn_request: to be asked once all handlers are in place
 */
void spawn_altered_signals(sigset_t *ret_altered);

struct spawn_request {
	char *const *argv; /* argv[0] without a '/' is looked up in PATH of @environ */
	char *const *environ; /* the whole environment, "K=V", NULL-terminated */
	int link_fd; /* the worker's end of the link, becomes SPAWN_LINK_FD; -1: none */
	int output_fd; /* becomes standard output and error; -1: ours are inherited */
	int text_fd;   /* becomes spawn_text_number(); below 1: none */
	struct spawn_slots *slots; /* NULL: none; then a start may cost as much as
					    there are descriptors */
	const sigset_t *altered; /* what spawn_altered_signals() said; NULL: not known,
				    and each start asks for all of them */
	const struct spawn_limits *limits; /* NULL: none */
	const struct spawn_ops *ops;	   /* NULL: the kernel's */
};

/** spawn_text_number() - the number that @request's text_fd has in the child. */
static inline int
spawn_text_number(const struct spawn_request *request)
{
	return SPAWN_LINK_FD + (request->link_fd >= 0);
}

struct spawned {
	pid_t pid;
	int pidfd; /* close-on-exec; readable when the process has ended; caller closes
		    */
};

#define SPAWN_E_FAILED 1 /* no process came of it; @ret_failure is filled */

/**
 * spawn_start() - start a program
 *
 * It gets a session and process group of its own, an empty signal mask, every signal's
 * default disposition, standard input from /dev/null, SIGTERM when we die
 * (PR_SET_PDEATHSIG), and no descriptor but 0, 1, 2, the link and the text. The
 * request's descriptors stay open on our side. PATH is searched as by execvp(3), but a
 * script needs its "#!" line. Blocks until the exec has succeeded or failed.
 *
 * Return: 0; SPAWN_E_FAILED, and nothing is left of the attempt.
 */
int spawn_start(const struct spawn_request *request, struct spawned *ret_spawned,
    struct spawn_failure *ret_failure);

#define SPAWN_E_WAIT 2 /* only spawn_start() can do, or tell why not */

/**
 * spawn_begin() - as spawn_start(), but goes on while the child is on its way to its
 * program, so that several can be at once, and more than one core is used
 * @request:     with slots; whatever it points to may change as soon as this returns
 * @ret_spawned: the process, which may still turn out to be none
 *
 * Return: 0, then call spawn_settle(); SPAWN_E_FAILED, as spawn_start(); SPAWN_E_WAIT,
 *         nothing has happened: too many are under way, or it is of a kind that has to
 * be waited for.
 */
int spawn_begin(const struct spawn_request *request, struct spawned *ret_spawned,
    struct spawn_pending **ret_pending, struct spawn_failure *ret_failure);

/**
 * spawn_settle() - wait for the exec of what spawn_begin() began
 *
 * Return: 0; SPAWN_E_FAILED, the process has been reaped; the pidfd is the caller's.
 */
int spawn_settle(struct spawn_pending *pending, struct spawn_failure *ret_failure);

/**
 * spawn_signal() - through the pidfd, so never to a recycled pid
 *
 * Return: 0, also while it is a zombie; -ESRCH: it has been reaped; -errno.
 */
int spawn_signal(int pidfd, int signal_number);

/** spawn_has_ended() - whether spawn_reap() would collect it; leaves it as it is. */
bool spawn_has_ended(const struct spawned *spawned);

#define SPAWN_E_RUNNING 1

/**
 * spawn_reap() - collect a process that has ended; does not block
 *
 * The pidfd stays open. The peak of its memory is never reported below ours, which it
 * shared until it was loaded.
 * Return: 0 with @ret_reason; SPAWN_E_RUNNING; -errno (-ECHILD: not our child any
 * more).
 */
int spawn_reap(const struct spawned *spawned, struct exit_reason *ret_reason);

/**
 * spawn_kill_group() - SIGKILL what is left of the process group of a worker that has
 * ended
 *
 * Call it when the pidfd is readable and before spawn_reap(): until then nobody else
 * can have got the number. An empty group is no error.
 */
void spawn_kill_group(pid_t pgid);

/**
 * spawn_discard() - end a process that has just been started, reap it, and close its
 * pidfd
 *
 * Waits for it, which after SIGKILL takes no longer than the kernel does.
 */
void spawn_discard(struct spawned *spawned);

/**
 * spawn_become_subreaper() - orphans of workers become our children from now on
 *
 * Return: 0, -errno.
 */
int spawn_become_subreaper(void);

/** struct spawn_orphan - a living process that a worker left behind and we adopted */
struct spawn_orphan {
	pid_t pid;
	const char *worker; /* TRADESUP_WORKER of its environment; "" if it has none */
	const char *life;   /* TRADESUP_LIFE, likewise */
};

/** struct spawn_sweep - what a sweep asks; each is called with @data */
struct spawn_sweep {
	/* Whether we started @pid (a worker, the guardian) and reap it ourselves. */
	bool (*is_own_child)(pid_t pid, void *data);
	/* Whether an orphan may live on: its worker's life, as it names it, still
	 * lasts. */
	bool (*is_wanted)(const struct spawn_orphan *orphan, void *data);
	void *data;
};

/**
 * spawn_sweep_orphans() - look after the children that we adopted
 *
 * Those that have ended are reaped, those that live and are not wanted get SIGKILL;
 * they are reaped by a later sweep, after their SIGCHLD. When an orphan dies its own
 * children come to us, so sweep again after each SIGCHLD that no pidfd explains. Own
 * children are neither signalled nor waited for.
 *
 * Goes through all of /proc, about 1 µs a process: not a thing to do between a crash
 * and a restart.
 *
 * Return: how many were killed, or are just being loaded and cannot be told yet: while
 *         it is not 0, sweep again; -errno.
 */
int spawn_sweep_orphans(const struct spawn_sweep *sweep);

/** spawn_cpu_ms() - user and system time that a process has used; -1 if unknown. */
int64_t spawn_cpu_ms(pid_t pid);

/** spawn_rss_bytes() - resident memory of a process, from /proc/PID/statm; -1 if
 * unknown. */
int64_t spawn_rss_bytes(pid_t pid);
