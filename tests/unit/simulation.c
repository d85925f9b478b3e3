/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated workers and time under a real tree. What a worker does here is what child.c
 * reports of a real one; whether it was right to start or stop it is not asked here.
 */
#include "tests/unit/simulation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)

static const struct sim_due never = { .at_ms = -1 };

struct sim_worker {
	struct node node; /* first: the tree sees this */
	TAILQ_ENTRY(sim_worker) entry;
	struct sim_behaviour *behaviour;
	bool running;
	bool over; /* ended, but not noticed yet */
	bool killed;
	int status; /* of the end */
	struct sim_due end, notice, kill, wake;
	struct sim_life coming; /* the end that is due */
};

struct sim_request {
	struct tree_request request; /* first */
	char name[SIM_NAME_MAX];
};

void
sim_wrong(struct sim *sim, const char *format, ...)
{
	va_list args;

	if (sim->wrong[0])
		return;
	va_start(args, format);
	vsnprintf(sim->wrong, sizeof(sim->wrong), format, args);
	va_end(args);
}

/* The record. */

static void
record(struct sim *sim, enum sim_word word, enum plan_request verb, const char *name,
    struct node *node)
{
	struct sim_act act = { .word = word, .verb = verb, .at_ms = sim->now_ms };

	snprintf(act.name, sizeof(act.name), "%s", name);
	if (sim->on_act)
		sim->on_act(sim, &act, node);
	if (sim->n_acts == sim->room) {
		sim->room = sim->room ? sim->room * 2 : 64;
		sim->acts = realloc(sim->acts, sim->room * sizeof(*sim->acts));
		if (!sim->acts)
			abort();
	}
	sim->acts[sim->n_acts++] = act;
}

static void
record_worker(struct sim *sim, enum sim_word word, struct node *node)
{
	record(sim, word, 0, node->config->name, node);
}

void
sim_act_text(const struct sim_act *act, char *ret_text, size_t size)
{
	static const char *const words[] = {
		[SIM_START] = "start",
		[SIM_FAIL] = "fail",
		[SIM_EXIT_NORMAL] = "exit",
		[SIM_EXIT_ABNORMAL] = "exit",
		[SIM_STOP] = "stop",
		[SIM_KILL] = "kill",
		[SIM_ESCALATE] = "escalate",
		[SIM_SHUTDOWN] = "shutdown",
		[SIM_REPLY_OK] = "reply",
		[SIM_REPLY_ERROR] = "reply",
		[SIM_FINAL] = "final",
	};
	static const char *const verbs[] = { [PLAN_REQUEST_STOP] = "stop ",
		[PLAN_REQUEST_START] = "start ",
		[PLAN_REQUEST_RESTART] = "restart ",
		[PLAN_REQUEST_REMOVE] = "remove ",
		[PLAN_REQUEST_ADD] = "add " };
	static const char *const hows[] = { [SIM_EXIT_NORMAL] = " normal",
		[SIM_EXIT_ABNORMAL] = " abnormal",
		[SIM_REPLY_OK] = " ok",
		[SIM_REPLY_ERROR] = " error",
		[SIM_FINAL] = NULL };
	bool reply = act->word == SIM_REPLY_OK || act->word == SIM_REPLY_ERROR;

	snprintf(ret_text, size, "%s %s%s%s", words[act->word],
	    reply ? verbs[act->verb] : "", act->name,
	    hows[act->word] ? hows[act->word] : "");
}

/* Workers. */

static void
set_due(struct sim *sim, struct sim_due *due, int64_t after_ms)
{
	*due =
	    (struct sim_due){ .at_ms = sim->now_ms + after_ms, .order = sim->order++ };
}

static void
end_worker(struct sim *sim, struct sim_worker *worker, int status)
{
	if (!worker->running || worker->over)
		return;
	worker->over = true;
	worker->status = status;
	worker->end = never;
	set_due(sim, &worker->notice, 0);
}

static void
end_after(struct sim *sim, struct sim_worker *worker, struct sim_life how)
{
	struct sim_due due;

	set_due(sim, &due, how.after_ms);
	if (worker->end.at_ms >= 0 && worker->end.at_ms <= due.at_ms)
		return;
	worker->end = due;
	worker->coming = how;
}

static void
term_worker(struct sim *sim, struct sim_worker *worker)
{
	switch (worker->behaviour->term) {
	case SIM_TERM_EXITS:
		end_after(sim, worker, (struct sim_life){ 0, 0 });
		break;
	case SIM_TERM_IGNORES:
		break;
	case SIM_TERM_TAKES_TIME:
		end_after(sim, worker, worker->behaviour->when_asked);
		break;
	}
}

static void
reap(struct sim_worker *worker)
{
	worker->running = worker->over = false;
	worker->end = worker->notice = worker->kill = never;
}

static enum plan_how
how_ended(const struct sim_worker *worker)
{
	return worker->status == 0 && !worker->killed ? PLAN_NORMAL : PLAN_ABNORMAL;
}

static void
record_exit(struct sim *sim, struct sim_worker *worker)
{
	record_worker(sim,
	    how_ended(worker) == PLAN_NORMAL ? SIM_EXIT_NORMAL : SIM_EXIT_ABNORMAL,
	    &worker->node);
}

static void
notice(struct sim *sim, struct sim_worker *worker)
{
	enum plan_how how = how_ended(worker);

	reap(worker);
	if (worker->node.state == NODE_STOPPING)
		record_worker(sim, worker->killed ? SIM_KILL : SIM_STOP, &worker->node);
	tree_ended(&sim->tree, &worker->node, how);
}

bool
sim_is_running(const struct node *worker)
{
	return ((const struct sim_worker *)worker)->running;
}

/* What the tree wants done. */

static struct node *
op_new_worker(const struct config_node *config, void *data)
{
	struct sim *sim = data;
	struct sim_worker *worker = sim->no_memory ? NULL : calloc(1, sizeof(*worker));

	sim->no_memory = false;
	if (!worker)
		return NULL;
	worker->behaviour = sim_behaviour(sim, config->name);
	worker->end = worker->notice = worker->kill = worker->wake = never;
	TAILQ_INSERT_TAIL(&sim->workers, worker, entry);
	return &worker->node;
}

static void
op_removed(struct node *node, void *data)
{
	struct sim *sim = data;
	struct sim_worker *worker = (struct sim_worker *)node;

	if (worker->running)
		sim_wrong(sim, "%s is removed and runs", worker->behaviour->name);
	TAILQ_REMOVE(&sim->workers, worker, entry);
	free(worker);
}

static void
op_group_removed(struct group *group, void *data)
{
	struct sim *sim = data;

	for (size_t i = 0; i < sim->n_timers; i++)
		if (sim->timers[i].group == &group->node)
			sim->timers[i] = sim->timers[--sim->n_timers];
}

static bool
op_start(struct node *node, void *data)
{
	struct sim *sim = data;
	struct sim_worker *worker = (struct sim_worker *)node;
	struct sim_behaviour *behaviour = worker->behaviour;
	struct sim_life life;

	if (worker->running)
		sim_wrong(sim, "%s is started and runs already", behaviour->name);
	record_worker(sim, behaviour->broken ? SIM_FAIL : SIM_START, node);
	if (behaviour->broken)
		return false;
	worker->running = true;
	worker->over = worker->killed = false;
	worker->kill = never;
	life = behaviour->lived < behaviour->n_lives
		   ? behaviour->lives[behaviour->lived]
		   : behaviour->every;
	behaviour->lived++;
	if (life.after_ms >= 0)
		end_after(sim, worker, life);
	return true;
}

static bool
op_stop(struct node *node, bool kill, void *data)
{
	struct sim *sim = data;
	struct sim_worker *worker = (struct sim_worker *)node;
	int64_t shutdown_ns = node->config->shutdown_ns;

	if (!worker->running) {
		sim_wrong(sim, "%s is stopped and does not run", node->config->name);
		return false;
	}
	if (node->state != NODE_STOPPING && worker->over) {
		record_exit(sim, worker);
		reap(worker);
		return false;
	}
	if (kill || shutdown_ns == SHUTDOWN_KILL) {
		if (!worker->over)
			worker->killed = true;
		end_worker(sim, worker, 0);
		return true;
	}
	if (node->state == NODE_STOPPING)
		sim_wrong(sim, "%s is asked to stop twice", node->config->name);
	term_worker(sim, worker);
	if (shutdown_ns >= 0)
		set_due(sim, &worker->kill, shutdown_ns / NS_PER_MS);
	return true;
}

static int64_t
op_delay(struct node *node, void *data)
{
	struct sim *sim = data;

	return node_is_group(node) ? 0 : sim->delay_ms * NS_PER_MS;
}

static struct sim_due *
wake_of(struct sim *sim, struct node *node)
{
	if (!node_is_group(node))
		return &((struct sim_worker *)node)->wake;
	for (size_t i = 0; i < sim->n_timers; i++)
		if (sim->timers[i].group == node)
			return &sim->timers[i].wake;
	if (sim->n_timers == SIM_WORKERS_MAX)
		abort();
	sim->timers[sim->n_timers].group = node;
	return &sim->timers[sim->n_timers++].wake;
}

static void
op_wait(struct node *node, int64_t delay_ns, void *data)
{
	struct sim *sim = data;
	struct sim_due *wake = wake_of(sim, node);

	if (delay_ns < 0)
		*wake = never;
	else
		set_due(sim, wake, delay_ns / NS_PER_MS);
}

static int64_t
op_now(void *data)
{
	struct sim *sim = data;

	return sim->now_ms * NS_PER_MS;
}

static void
op_decided(struct node *node, enum plan_how how, const struct plan *plan, void *data)
{
	struct sim *sim = data;

	if (!node_is_group(node) && how != PLAN_START_FAILED)
		record_exit(sim, (struct sim_worker *)node);
	if (sim->on_decided)
		sim->on_decided(sim, node, how, plan);
	if (plan->verdict == PLAN_GIVE_UP)
		record(sim, SIM_ESCALATE, 0, node->parent->node.config->name, NULL);
	if (plan->verdict == PLAN_SHUTDOWN)
		record(sim, SIM_SHUTDOWN, 0, node->parent->node.config->name, NULL);
}

static void
op_answered(struct tree_request *request, const char *why, void *data)
{
	struct sim *sim = data;
	struct sim_request *wish = (struct sim_request *)request;

	if (strcmp(request->config->name, wish->name) != 0)
		sim_wrong(sim, "a request about %s is answered as one about %s",
		    wish->name, request->config->name);
	record(
	    sim, why ? SIM_REPLY_ERROR : SIM_REPLY_OK, request->kind, wish->name, NULL);
	sim->asked--;
	free(wish);
}

/* A life that goes on has its counters; here they are the behaviour's, by name. */
static void
op_replaced(struct node *old, struct node *new, void *data)
{
	if (strcmp(old->config->name, new->config->name) != 0)
		sim_wrong(data, "%s replaces %s", new->config->name, old->config->name);
}

static void
op_reconfigured(struct node *node, const struct config_node *before, void *data)
{
	if (strcmp(node->config->name, before->name) != 0)
		sim_wrong(data, "%s becomes %s", before->name, node->config->name);
}

static void
op_committed(void *data)
{
	struct sim *sim = data;

	sim->committed++;
}

static void
op_not_started(struct node *node, void *data)
{
	struct sim *sim = data;

	(void)node;
	sim->not_started++;
}

static void
op_reloaded(const char *why, void *data)
{
	struct sim *sim = data;

	if (!sim->reloading)
		sim_wrong(sim, "a reload ended twice");
	sim->reloading = false;
	sim->reload_why = why;
}

static void
op_ended(enum tree_end end, void *data)
{
	static const char *const ends[] = { [TREE_STOPPED] = "stopped",
		[TREE_ESCALATED] = "escalated",
		[TREE_SHUT_DOWN] = "shutdown",
		[TREE_START_FAILED] = "start_failed" };
	struct sim *sim = data;

	if (sim->ended)
		sim_wrong(sim, "the root ended twice");
	sim->ended = true;
	record(sim, SIM_FINAL, 0, ends[end], NULL);
}

static const struct tree_ops ops = {
	.new_worker = op_new_worker,
	.removed = op_removed,
	.group_removed = op_group_removed,
	.start = op_start,
	.stop = op_stop,
	.delay = op_delay,
	.wait = op_wait,
	.now = op_now,
	.decided = op_decided,
	.answered = op_answered,
	.replaced = op_replaced,
	.reconfigured = op_reconfigured,
	.committed = op_committed,
	.not_started = op_not_started,
	.reloaded = op_reloaded,
	.ended = op_ended,
};

/* Time. */

static void
sooner(const struct sim_due *due, const struct sim_due **next)
{
	if (due->at_ms < 0)
		return;
	if (!*next || due->at_ms < (*next)->at_ms ||
	    (due->at_ms == (*next)->at_ms && due->order < (*next)->order))
		*next = due;
}

/* While the supervisor is paused its workers live on, and end unnoticed. */
static const struct sim_due *
next_due(struct sim *sim)
{
	const struct sim_due *next = NULL;
	struct sim_worker *worker;

	TAILQ_FOREACH(worker, &sim->workers, entry) {
		sooner(&worker->end, &next);
		if (sim->paused)
			continue;
		sooner(&worker->notice, &next);
		sooner(&worker->kill, &next);
		sooner(&worker->wake, &next);
	}
	for (size_t i = 0; !sim->paused && i < sim->n_timers; i++)
		sooner(&sim->timers[i].wake, &next);
	return next;
}

static void
happen_to_worker(struct sim *sim, struct sim_worker *worker, const struct sim_due *due)
{
	if (due == &worker->end) {
		end_worker(sim, worker, worker->coming.status);
	} else if (due == &worker->notice) {
		notice(sim, worker);
	} else if (due == &worker->kill) {
		worker->kill = never;
		if (!worker->over)
			worker->killed = true;
		end_worker(sim, worker, 0);
	} else {
		worker->wake = never;
		tree_wake(&sim->tree, &worker->node);
	}
}

static bool
is_of(const struct sim_worker *worker, const struct sim_due *due)
{
	return due == &worker->end || due == &worker->notice || due == &worker->kill ||
	       due == &worker->wake;
}

static void
happen(struct sim *sim, const struct sim_due *due)
{
	struct sim_worker *worker;

	sim->steps++;
	if (due->at_ms > sim->now_ms)
		sim->now_ms = due->at_ms;
	TAILQ_FOREACH(worker, &sim->workers, entry)
		if (is_of(worker, due)) {
			happen_to_worker(sim, worker, due);
			return;
		}
	for (size_t i = 0; i < sim->n_timers; i++)
		if (due == &sim->timers[i].wake) {
			sim->timers[i].wake = never;
			tree_wake(&sim->tree, sim->timers[i].group);
			return;
		}
}

void
sim_run_until(struct sim *sim, int64_t at_ms)
{
	const struct sim_due *due;

	while ((due = next_due(sim)) && due->at_ms <= at_ms)
		happen(sim, due);
	if (at_ms > sim->now_ms)
		sim->now_ms = at_ms;
}

bool
sim_run_out(struct sim *sim, size_t steps)
{
	const struct sim_due *due;

	while ((due = next_due(sim))) {
		if (steps-- == 0)
			return false;
		happen(sim, due);
	}
	return true;
}

/* What a test does. */

struct sim_behaviour *
sim_behaviour(struct sim *sim, const char *name)
{
	struct sim_behaviour *behaviour;

	for (size_t i = 0; i < sim->n_behaviours; i++)
		if (strcmp(sim->behaviours[i].name, name) == 0)
			return &sim->behaviours[i];
	if (sim->n_behaviours == SIM_WORKERS_MAX)
		abort();
	behaviour = &sim->behaviours[sim->n_behaviours++];
	*behaviour = (struct sim_behaviour){ .every = { .after_ms = -1 } };
	snprintf(behaviour->name, sizeof(behaviour->name), "%s", name);
	return behaviour;
}

void
sim_init(struct sim *sim, const struct config_node *root)
{
	*sim = (struct sim){ .now_ms = 0 };
	TAILQ_INIT(&sim->workers);
	if (tree_init(&sim->tree, root, &ops, sim) < 0)
		abort();
}

void
sim_deinit(struct sim *sim)
{
	tree_deinit(&sim->tree);
	free(sim->acts);
}

void
sim_start(struct sim *sim)
{
	tree_start(&sim->tree);
}

static struct sim_worker *
find_worker(struct sim *sim, const char *name)
{
	struct sim_worker *worker;

	TAILQ_FOREACH(worker, &sim->workers, entry)
		if (worker->running && strcmp(worker->behaviour->name, name) == 0)
			return worker;
	return NULL;
}

void
sim_exit(struct sim *sim, const char *name, int status)
{
	struct sim_worker *worker = find_worker(sim, name);

	if (worker)
		end_worker(sim, worker, status);
}

void
sim_term(struct sim *sim, const char *name)
{
	struct sim_worker *worker = find_worker(sim, name);

	if (worker && !worker->over)
		term_worker(sim, worker);
}

static struct sim_request *
request_new(struct sim *sim, const char *name)
{
	struct sim_request *wish = calloc(1, sizeof(*wish));

	if (!wish)
		abort();
	snprintf(wish->name, sizeof(wish->name), "%s", name);
	sim->asked++;
	return wish;
}

void
sim_ask(struct sim *sim, enum plan_request verb, const char *name)
{
	struct node *node = tree_find(&sim->tree, name);

	if (node)
		tree_ask(&sim->tree, &request_new(sim, name)->request, node, verb);
	else
		record(sim, SIM_REPLY_ERROR, verb, name, NULL);
}

void
sim_add(struct sim *sim, const char *group, const struct config_node *config)
{
	struct node *node = strcmp(group, "root") == 0 ? &sim->tree.root->node
						       : tree_find(&sim->tree, group);

	if (node && node_is_group(node))
		tree_add(&sim->tree, &request_new(sim, config->name)->request,
		    node_group(node), config);
	else
		record(sim, SIM_REPLY_ERROR, PLAN_REQUEST_ADD, config->name, NULL);
}

void
sim_reload(struct sim *sim, const struct config_node *root)
{
	sim->reloading = true;
	tree_reload(&sim->tree, root);
}
