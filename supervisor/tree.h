/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervision tree: groups and workers, and the order in which things are done to
 * them.
 *
 * plan.c says what has to happen; this file makes it happen step by step. Each group
 * does one thing at a time, as an OTP supervisor process does: while it starts or stops
 * children (strictly one after the other), what else happens to it waits in its
 * mailbox, and the groups below go on living. Nothing here knows a pid, a clock or a
 * socket: processes are started and stopped through struct tree_ops, so that tests can
 * put a simulation underneath.
 */
#pragma once

#include <sys/queue.h>

#include "common/config.h"
#include "supervisor/plan.h"

/* clang-format off */
/*
 *          marked to be started       a worker at once; a group: STARTING first
 *   DOWN ─────────────────▶ WAITING ───────────▶ UP ───────────────▶ ENDED
 *    ▲ ▲                     │  ▲                │ asked to stop      │ its group
 *    │ └─────────────────────┘  │ the start      ▼                    │ has time
 *    │    not needed any more   │ failed      STOPPING                ▼
 *    └──────────────────────────│────────────────┴───────── DOWN, or off the list
 *                               └── from STARTING, or at once
 */
/* clang-format on */
enum node_state {
	NODE_DOWN,     /* nothing runs, nothing is going to happen by itself */
	NODE_STARTING, /* a group whose children are being started */
	NODE_UP,
	NODE_STOPPING, /* asked to stop, not gone yet */
	NODE_ENDED,    /* ended by itself; its group has not dealt with it yet */
	NODE_WAITING   /* to be started: when its turn comes, after a delay, or again
			  after a failed start */
};

enum mail_kind { MAIL_NONE, MAIL_ENDED, MAIL_TRY_AGAIN, MAIL_RESUME, MAIL_REQUEST };

struct node;
struct group;

/** struct mail - what waits for a group to have time */
struct mail {
	TAILQ_ENTRY(mail) entry;
	enum mail_kind kind;
	struct node *node; /* about whom */
};

TAILQ_HEAD(mailbox, mail);
TAILQ_HEAD(node_list, node);

/** struct node - a worker or a group; embedded at the head of the owner's struct */
struct node {
	TAILQ_ENTRY(node) sibling;
	struct group *parent;		  /* NULL: the root */
	const struct config_node *config; /* borrowed */
	enum node_state state;
	enum plan_how ended_how; /* NODE_ENDED */
	enum mail_kind wake_as; /* NODE_WAITING: MAIL_RESUME, MAIL_TRY_AGAIN; MAIL_NONE:
				   it is started with a sibling */
	size_t place;		/* index in its group's description; not if @added */
	bool added;		/* by an operator: gone when its group starts afresh */
	bool stopped;		/* by an operator, and not started since */
	enum plan_range moves;	/* NODE_WAITING: whom its start takes along, at least */
	bool reports_cycles;	/* a worker; written by the owner */
	uint32_t without_progress; /* restarts since its last good cycle, or the last
				      one in this group */
	struct mail mail;	   /* at most one at a time */

	/* What a reload is going to do; tree_diff.h. */
	const struct config_node *next; /* what it is in the new one; NULL: nothing */
	size_t next_place;
	bool leaves; /* removed, or replaced by a new node (@next) */
};

enum group_busy { GROUP_IDLE, GROUP_STARTING, GROUP_STOPPING };

/* Why children are being started, and so what a failed start means. */
enum group_start { START_FIRST, START_RESTART, START_REQUEST, START_RELOAD };

/* What comes when the last of a range has been stopped. */
enum group_then {
	THEN_RESTART,
	THEN_GAVE_UP,
	THEN_SHUT_DOWN,
	THEN_STOPPED,
	THEN_START_FAILED,
	THEN_REQUEST,
	THEN_RELOAD
};

struct tree_request;
struct tree_reshape;

struct group {
	struct node node;
	struct node_list children; /* in start order */
	struct node *
	    *described; /* by index in the description; NULL where struck off */
	struct mailbox mailbox;
	struct intensity window;
	size_t n_requests; /* in the mailbox */
	TAILQ_ENTRY(group) turn;
	bool has_turn; /* in the tree's list of groups that may have something to do */
	uint32_t significant_up;
	bool hurry; /* its time to stop is over: SIGKILL for all that is left */
	bool
	    stop_asked; /* by its parent or the operator; done as soon as it has time */

	enum group_busy busy;
	struct node *cursor; /* who is being started or stopped */
	bool cursor_failed;  /* a group at the cursor: it could not be started */
	struct node *until;  /* last one of the range, itself included */
	enum group_start start;
	enum group_then then;
	struct node *failed;	      /* THEN_RESTART: for whose sake */
	enum plan_range range;	      /* … and who is moved */
	struct tree_request *request; /* being carried out */

	bool held;		      /* by a reload: what is in its mailbox waits */
	bool is_reshaped;	      /* its list is going to be another one, */
	bool is_affected;	      /* or that of a group in it */
	struct tree_reshape *reshape; /* the reload's; NULL else */

	void *owner; /* these are the owner's; NULL and 0 at first */
	void *timer;
	int64_t due_ns, patience_ns;
};

enum tree_end { TREE_STOPPED, TREE_ESCALATED, TREE_SHUT_DOWN, TREE_START_FAILED };

/** struct tree_request - an operator's wish; owned by the caller until it is answered
 */
struct tree_request {
	struct mail mail; /* about nobody yet: PLAN_REQUEST_ADD */
	enum plan_request kind;
	const struct config_node *config; /* whose name it is about */
};

/** struct tree_ops - the world below the tree. None of these may call back into the
 * tree. */
struct tree_ops {
	/** new_worker() - allocate an owner's struct with a struct node at its head,
	 * zeroed. NULL: out of memory. */
	struct node *(*new_worker)(const struct config_node *config, void *data);
	/** removed() - the worker is off the list: free it. */
	void (*removed)(struct node *worker, void *data);
	/** group_removed() - a group is about to be freed: free what its owner keeps in
	 * it. */
	void (*group_removed)(struct group *group, void *data);
	/** start() - start the process, now. Return: true, there is one. */
	bool (*start)(struct node *worker, void *data);
	/**
	 * stop() - ask it to go, as its `shutdown` says; @kill: at once, also when it
	 * has been asked before
	 *
	 * Return: true, it has been asked and tree_ended() will follow; false, it had
	 * ended by itself before.
	 */
	bool (*stop)(struct node *worker, bool kill, void *data);
	/** delay() - how long to wait before this restart, in ns; 0: none. */
	int64_t (*delay)(struct node *node, void *data);
	/** wait() - call tree_wake() for the node after that time; a negative time:
	 * forget it. */
	void (*wait)(struct node *node, int64_t delay_ns, void *data);
	int64_t (*now)(void *data);
	/** decided() - what the rules said about a node that ended or could not be
	 * started. */
	void (*decided)(
	    struct node *node, enum plan_how how, const struct plan *plan, void *data);
	/** answered() - a request is done (@why NULL) or refused. */
	void (*answered)(struct tree_request *request, const char *why, void *data);
	/** replaced() - @new is going to be started in the place of @old, which is down
	 * and removed next. */
	void (*replaced)(struct node *old, struct node *new, void *data);
	/** reconfigured() - a reload: node->config is another one; @before is free to
	 * go when committed() has been called. */
	void (*reconfigured)(
	    struct node *node, const struct config_node *before, void *data);
	/** committed() - from now on nothing in the tree refers to the old
	 * configuration. */
	void (*committed)(void *data);
	/** not_started() - a node could not be started in a reload; it stays down. */
	void (*not_started)(struct node *node, void *data);
	/** reloaded() - a reload is done (@why NULL) or has been left off. */
	void (*reloaded)(const char *why, void *data);
	/** ended() - the root has ended; nothing is left in it. */
	void (*ended)(enum tree_end end, void *data);
};

TAILQ_HEAD(group_list, group);

struct tree_reload;

struct tree {
	const struct tree_ops *ops;
	void *data;
	struct group *root;
	struct group_list turns;    /* empty between two calls */
	struct tree_reload *reload; /* being carried out; NULL: none */
};

/** tree_init() - build all nodes, down. @root: borrowed for the tree's life. Return: 0,
 * -ENOMEM. */
int tree_init(struct tree *tree, const struct config_node *root,
    const struct tree_ops *ops, void *data);
void tree_deinit(struct tree *tree);

/** tree_start() - start everything, in order. */
void tree_start(struct tree *tree);

/** tree_stop() - stop everything, in reverse; ended() says when. */
void tree_stop(struct tree *tree);

/** tree_ended() - a worker's process has ended, asked to or not. */
void tree_ended(struct tree *tree, struct node *worker, enum plan_how how);

/** tree_progress() - a worker had a good cycle; so have the groups that it is in. */
void tree_progress(struct node *worker);

/** tree_wake() - the time that wait() was given is over. */
void tree_wake(struct tree *tree, struct node *node);

/** tree_ask() - an operator's request about @node; answered() may come before this
 * returns. */
void tree_ask(struct tree *tree, struct tree_request *request, struct node *node,
    enum plan_request kind);

/**
 * tree_add() - add a node at the end of @group's list and start it
 * @config: borrowed until its node is removed, which is after the answer if the start
 *          failed; until the answer if it was refused
 *
 * It is not added if its name, or one inside it, is in the tree already, or if its
 * start fails. It is gone when @group starts afresh. answered() may come before this
 * returns.
 */
void tree_add(struct tree *tree, struct tree_request *request, struct group *group,
    const struct config_node *config);

/**
 * tree_reload() - go over to another configuration
 * @root: borrowed; from committed() on in place of that of tree_init()
 *
 * Only what differs is stopped (in reverse), then started (in order), one after the
 * other. The groups concerned, and those they are in, deal with nothing else
 * meanwhile; all others live on. What cannot be started stays down, which is no failure
 * of its group. A tree that is not up, or is reloading already, is an error of the
 * caller. reloaded() may come before this returns.
 */
void tree_reload(struct tree *tree, const struct config_node *root);

/** tree_find() - a node by name, NULL if there is none. */
struct node *tree_find(struct tree *tree, const char *name);

/** tree_each_worker() - call for each worker, in start order. */
void tree_each_worker(
    struct tree *tree, void (*call)(struct node *worker, void *data), void *data);

/** node_is_group(), node_group() - the other view of a node. */
static inline bool
node_is_group(const struct node *node)
{
	return node->config->type == CONFIG_GROUP;
}

static inline struct group *
node_group(struct node *node)
{
	return (struct group *)node;
}

/** node_state_name() - "down", "up", … */
const char *node_state_name(enum node_state state);
