/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for the supervision tree without processes or clocks: simulated workers under
 * struct tree_ops, simulated time, and the record of what was done, in the words of the
 * list below. Workers end, take SIGTERM and fail to start as they are told; SIGKILL
 * always works, and an end is noticed only when the simulation comes to it, as with
 * real processes.
 */
#pragma once

#include "supervisor/tree.h"

/*
 * start NAME, fail NAME            there is a process; there is none
 * exit NAME normal|abnormal        it ended by itself, recorded when it is dealt with
 * stop NAME, kill NAME             it was asked to stop and went; it was ended by force
 * escalate GROUP, shutdown GROUP   the limit is passed; the work is done
 * reply VERB NAME ok|error         the answer to a request
 * final stopped|escalated|shutdown|start_failed
 */
enum sim_word {
	SIM_START,
	SIM_FAIL,
	SIM_EXIT_NORMAL,
	SIM_EXIT_ABNORMAL,
	SIM_STOP,
	SIM_KILL,
	SIM_ESCALATE,
	SIM_SHUTDOWN,
	SIM_REPLY_OK,
	SIM_REPLY_ERROR,
	SIM_FINAL
};

#define SIM_NAME_MAX 16

struct sim_act {
	enum sim_word word;
	enum plan_request verb; /* SIM_REPLY_… */
	char name[SIM_NAME_MAX];
	int64_t at_ms;
};

/** struct sim_life - how a worker ends by itself */
struct sim_life {
	int64_t after_ms; /* -1: it lasts */
	int status;
};

enum sim_term { SIM_TERM_EXITS, SIM_TERM_IGNORES, SIM_TERM_TAKES_TIME };

#define SIM_LIVES_MAX 8

/** struct sim_behaviour - of all workers of one name, also over a removal */
struct sim_behaviour {
	char name[SIM_NAME_MAX];
	bool broken; /* cannot be started */
	enum sim_term term;
	struct sim_life when_asked; /* SIM_TERM_TAKES_TIME */
	struct sim_life lives[SIM_LIVES_MAX];
	size_t n_lives;
	struct sim_life every; /* the lives that @lives does not name */
	size_t lived;
};

#define SIM_WORKERS_MAX 32

/** struct sim_due - something that is going to happen; at_ms -1: it is not */
struct sim_due {
	int64_t at_ms;
	uint64_t order; /* of two at the same time */
};

struct sim_timer {
	struct node *group;
	struct sim_due wake;
};

struct sim {
	struct tree tree;
	struct sim_behaviour behaviours[SIM_WORKERS_MAX];
	size_t n_behaviours;
	TAILQ_HEAD(, sim_worker) workers;
	struct sim_timer timers[SIM_WORKERS_MAX];
	size_t n_timers;
	int64_t now_ms;
	uint64_t order;
	bool paused;	  /* the supervisor does not run */
	int64_t delay_ms; /* before each restart */
	bool no_memory;	  /* the next new worker cannot be made */
	bool ended;
	unsigned asked; /* requests not answered yet */

	/* Of reloads: whether one is going on, how often the tree went over to another
	 * configuration, why the last one was left off, who could not be started. */
	bool reloading;
	unsigned committed, not_started;
	const char *reload_why;
	uint64_t steps; /* events so far */

	struct sim_act *acts; /* owned */
	size_t n_acts, room;
	char wrong[160]; /* the first thing that must never happen; "" */

	/* Called for each act, before it is recorded; may be NULL. @node: the worker it
	 * is about, or NULL. */
	void (*on_act)(struct sim *sim, const struct sim_act *act, struct node *node);
	void (*on_decided)(struct sim *sim, struct node *node, enum plan_how how,
	    const struct plan *plan);
	void *data;
};

void sim_init(struct sim *sim, const struct config_node *root);
void sim_deinit(struct sim *sim);

/** sim_behaviour() - the one of this name; a well-behaved one if it is new. */
struct sim_behaviour *sim_behaviour(struct sim *sim, const char *name);

void sim_start(struct sim *sim);

/** sim_run_until() - let everything happen that is due up to and including @at_ms. */
void sim_run_until(struct sim *sim, int64_t at_ms);

/** sim_run_out() - let everything happen, in at most @steps events. Return: whether
 * that was enough. */
bool sim_run_out(struct sim *sim, size_t steps);

/** sim_exit() - the worker ends by itself, now; sim_term() - SIGTERM from outside.
 * Nothing happens to one that does not run. */
void sim_exit(struct sim *sim, const char *name, int status);
void sim_term(struct sim *sim, const char *name);

/** sim_ask() - a request about a node; unknown names are refused, as the command table
 * does. */
void sim_ask(struct sim *sim, enum plan_request verb, const char *name);

/** sim_add() - @config: borrowed until sim_deinit(). */
void sim_add(struct sim *sim, const char *group, const struct config_node *config);

/** sim_reload() - @root: borrowed until the next one or sim_deinit(). One at a time. */
void sim_reload(struct sim *sim, const struct config_node *root);

/** sim_act_text() - one line of the list. */
void sim_act_text(const struct sim_act *act, char *ret_text, size_t size);

/** sim_is_running() - whether there is a process for this node. */
bool sim_is_running(const struct node *worker);

__attribute__((format(printf, 2, 3))) void sim_wrong(
    struct sim *sim, const char *format, ...);
