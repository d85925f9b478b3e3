/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of supervision, all of them, as pure functions: what the end of a child
 * means for it and its siblings, and what an operator may ask. No pid, no clock, no
 * list here: tree.c carries the answers out, tests drive them by the million.
 *
 * The model is Erlang/OTP's supervisor (supervisor.erl, stdlib): child type first, then
 * the limit, then the siblings. Beyond it there is only the progress limit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "supervisor/intensity.h"

enum plan_how {
	PLAN_NORMAL,   /* exit status 0; a group that gave up or shut itself down (OTP:
			  `shutdown`) */
	PLAN_ABNORMAL, /* another status, a signal, a hang */
	PLAN_START_FAILED /* there is no process; so far it counts as being tried again
			   */
};

enum plan_verdict {
	PLAN_LEAVE,	 /* it stays down and keeps its place */
	PLAN_STRIKE_OFF, /* it stays down and leaves the list */
	PLAN_RESTART,	 /* stop and start what @range says */
	PLAN_GIVE_UP,	 /* the limit is passed: stop all, the group ends */
	PLAN_SHUTDOWN	 /* its work is done: stop all, the group ends */
};

/* Which part of the list a restart stops (in reverse) and then starts (in order). */
enum plan_range { PLAN_RANGE_ONE, PLAN_RANGE_FROM_IT, PLAN_RANGE_ALL };

struct plan {
	enum plan_verdict verdict;
	enum plan_range range; /* PLAN_RESTART */
	bool strike_off;  /* PLAN_SHUTDOWN, PLAN_GIVE_UP: it leaves the list as well */
	const char *rule; /* in plain words; static */
};

/** struct plan_child - what the rules look at in the child that ended */
struct plan_child {
	enum restart_kind restart;
	bool significant;
	bool reports_cycles; /* the progress limit concerns only these */
	uint32_t
	    without_progress; /* its restarts in a row with no good cycle in between */
};

/** struct plan_group - and in the group it belongs to */
struct plan_group {
	enum plan_kind kind;
	enum auto_shutdown auto_shutdown;
	uint32_t others_significant_up; /* siblings that are significant and up, or
					   being tried again */
	struct intensity *window;	/* a granted restart is recorded in it */
};

/**
 * plan_end() - what the end of one child means
 * @now_ns: monotonic time at which it is dealt with
 *
 * Return: 0; -ENOMEM, nothing recorded, @ret_plan untouched.
 */
int plan_end(const struct plan_child *child, const struct plan_group *group,
    enum plan_how how, int64_t now_ns, struct plan *ret_plan);

/** plan_swept_along - what it means if it ends while its turn to be stopped for a
 * sibling's sake has not come: no second failure. */
extern const struct plan plan_swept_along;

/** plan_stop_strikes_off() - whether a child that is stopped (by a sibling's restart,
 * an operator) leaves the list. */
bool plan_stop_strikes_off(enum restart_kind restart);

enum plan_request {
	PLAN_REQUEST_STOP,
	PLAN_REQUEST_START,
	PLAN_REQUEST_RESTART,
	PLAN_REQUEST_REMOVE,
	PLAN_REQUEST_ADD
};
enum plan_child_is {
	PLAN_IS_DOWN,
	PLAN_IS_UP,
	PLAN_IS_WAITING /* being tried again */
};

/**
 * plan_request() - may an operator's request be carried out on a child in this state
 *
 * PLAN_REQUEST_ADD: about one that has the name already; without such a one it may.
 * Return: NULL if so; else why not, in plain words.
 */
const char *plan_request(enum plan_request request, enum plan_child_is is);
