/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random trees and random scripts, over time, against what must hold whatever happens:
 *
 *  - No worker runs twice, none is removed while it runs (simulation.c).
 *  - Within one group one child is being stopped at a time, none is started meanwhile,
 *    and none once the group stops, gave up or is done, until it starts afresh.
 *  - A group that stops does so in reverse order of its list.
 *  - A restart is granted if and only if fewer than the limit were granted within the
 *    period, recounted here from the record.
 *  - Permanent ones always come back, transient ones after a failure, temporary ones
 *    never; a temporary one only starts with its group or by request.
 *  - Nothing is forgotten: when nothing is due, all are up, but those that an operator
 *    stopped, transient and temporary ones that are done, and those in groups that are
 *    down.
 *  - Nobody outlives his own deadline or that of a group that he is stopped with.
 *  - Every request is answered once.
 *  - After the end nothing runs and nothing happens.
 *
 * TRADESUP_TEST_WORLDS says how many worlds, TRADESUP_TEST_SEED where to begin; a
 * failure prints the seed, the tree, and the steps that it needs.
 */
#include <inttypes.h>

#include "tests/unit/random_tree.h"
#include "tests/unit/suite.h"

#define WORLDS 20000
#define NODES (WORLD_NODES_MAX + WORLD_EXTRA)
#define GRANTED_MAX 8 /* at least the limit of any group */
#define RUN_OUT_EVENTS 300
#define PATIENCE_ROUNDS 50

/** struct watched - what the record says about one node */
struct watched {
	bool excused;			 /* down because of an operator */
	bool closed;			 /* a group: nobody may be started in it */
	int64_t granted_ms[GRANTED_MAX]; /* a group's last restarts since it started */
	size_t n_granted;
	size_t last_stopped; /* a group that stops: place of the last one, from 1 */
};

struct watch {
	const struct world *world;
	struct watched nodes[NODES];
	bool ended;
};

static struct watched *
watched(struct sim *sim, const struct node *node)
{
	struct watch *watch = sim->data;

	return &watch->nodes[node->config - watch->world->nodes];
}

static size_t
place_of(struct node *node)
{
	size_t place = 1;

	while ((node = TAILQ_PREV(node, node_list, sibling)))
		place++;
	return place;
}

/* Groups that are starting are fresh. */
static void
open_groups(struct sim *sim, struct group *group)
{
	for (; group; group = group->node.parent) {
		struct watched *seen = watched(sim, &group->node);

		if (group->node.state == NODE_STARTING)
			*seen = (struct watched){ .excused = seen->excused };
	}
}

static void
check_start(struct sim *sim, struct node *node)
{
	struct group *group = node->parent;
	struct node *other;

	open_groups(sim, group);
	watched(sim, &group->node)->last_stopped = 0;
	if (group->node.state != NODE_STARTING && group->node.state != NODE_UP)
		sim_wrong(sim, "%s is started in a group that is %s",
		    node->config->name, node_state_name(group->node.state));
	if (watched(sim, &group->node)->closed)
		sim_wrong(sim, "%s is started in a group that gave up or is done",
		    node->config->name);
	TAILQ_FOREACH(other, &group->children, sibling)
		if (other->state == NODE_STOPPING)
			sim_wrong(sim, "%s is started while %s is being stopped",
			    node->config->name, other->config->name);
	if (node->config->restart == RESTART_TEMPORARY &&
	    group->node.state != NODE_STARTING && !group->request)
		sim_wrong(sim, "%s is temporary and restarted", node->config->name);
}

static void
check_stop(struct sim *sim, struct node *node)
{
	struct group *group = node->parent;
	struct watched *seen = watched(sim, &group->node);
	size_t place = place_of(node);
	struct node *other;

	TAILQ_FOREACH(other, &group->children, sibling)
		if (other != node && other->state == NODE_STOPPING)
			sim_wrong(sim, "%s and %s are stopped together",
			    node->config->name, other->config->name);
	if (group->busy != GROUP_STOPPING || group->then == THEN_RESTART ||
	    group->then == THEN_REQUEST)
		return;
	if (seen->last_stopped > 0 && place >= seen->last_stopped)
		sim_wrong(sim, "%s is stopped after one that started before it",
		    node->config->name);
	seen->last_stopped = place;
}

static void
excuse(struct sim *sim, const struct sim_act *act)
{
	struct node *node = tree_find(&sim->tree, act->name);
	bool ok = act->word == SIM_REPLY_OK;

	if (node && (act->verb == PLAN_REQUEST_STOP ? ok : !ok) &&
	    node->state == NODE_DOWN)
		watched(sim, node)->excused = true;
}

static void
on_act(struct sim *sim, const struct sim_act *act, struct node *node)
{
	struct watch *watch = sim->data;

	if (watch->ended && act->word != SIM_REPLY_ERROR)
		sim_wrong(sim, "something happens after the end");
	switch (act->word) {
	case SIM_START:
	case SIM_FAIL:
		check_start(sim, node);
		if (act->word == SIM_START)
			watched(sim, node)->excused = false;
		break;
	case SIM_STOP:
	case SIM_KILL:
		check_stop(sim, node);
		break;
	case SIM_FINAL:
		watch->ended = true;
		break;
	case SIM_EXIT_NORMAL:
	case SIM_EXIT_ABNORMAL:
	case SIM_ESCALATE:
	case SIM_SHUTDOWN:
		break;
	case SIM_REPLY_OK:
	case SIM_REPLY_ERROR:
		excuse(sim, act);
		break;
	}
}

static size_t
granted_within(const struct watched *group, int64_t period_ms, int64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < group->n_granted && i < GRANTED_MAX; i++)
		if (now_ms - group->granted_ms[i] <= period_ms)
			n++;
	return n;
}

static void
check_limit(struct sim *sim, struct group *group, bool granted)
{
	const struct config_group *settings = &group->node.config->group;
	struct watched *seen = watched(sim, &group->node);
	bool room = granted_within(seen, settings->period_ns / 1000000, sim->now_ms) <
		    settings->intensity;

	if (granted != room)
		sim_wrong(sim, "%s: %s, but %" PRIu32 " are allowed",
		    group->node.config->name,
		    granted ? "a restart more" : "gives up early", settings->intensity);
	if (granted)
		seen->granted_ms[seen->n_granted++ % GRANTED_MAX] = sim->now_ms;
}

static void
on_decided(
    struct sim *sim, struct node *node, enum plan_how how, const struct plan *plan)
{
	enum restart_kind restart = node->config->restart;
	bool comes_back = restart == RESTART_PERMANENT ||
			  (restart == RESTART_TRANSIENT && how != PLAN_NORMAL);
	bool restarted = plan->verdict == PLAN_RESTART,
	     gave_up = plan->verdict == PLAN_GIVE_UP;

	if (plan->rule == plan_swept_along.rule)
		return;
	if (comes_back != (restarted || gave_up))
		sim_wrong(sim, "%s: %s", node->config->name, plan->rule);
	open_groups(sim, node->parent);
	if (restarted || gave_up)
		check_limit(sim, node->parent, restarted);
	if (gave_up || plan->verdict == PLAN_SHUTDOWN)
		watched(sim, &node->parent->node)->closed = true;
}

/* Nothing is forgotten. */

static void
check_worker_at_rest(struct sim *sim, struct node *node)
{
	if ((node->state == NODE_UP) != sim_is_running(node))
		sim_wrong(sim, "%s is %s and its process is not", node->config->name,
		    node_state_name(node->state));
}

static void
check_at_rest(struct sim *sim, struct group *group, bool strict)
{
	struct node *node;
	bool group_up = group->node.state == NODE_UP;

	TAILQ_FOREACH(node, &group->children, sibling) {
		if (node->state != NODE_UP && node->state != NODE_DOWN)
			sim_wrong(sim, "%s is %s for ever", node->config->name,
			    node_state_name(node->state));
		if (!group_up && node->state != NODE_DOWN)
			sim_wrong(
			    sim, "%s is up and its group is not", node->config->name);
		if (group_up && node->state == NODE_DOWN && strict &&
		    node->config->restart == RESTART_PERMANENT &&
		    !watched(sim, node)->excused)
			sim_wrong(sim, "%s is forgotten", node->config->name);
		if (node_is_group(node))
			check_at_rest(sim, node_group(node), strict);
		else
			check_worker_at_rest(sim, node);
	}
}

/* Without a deadline of its own, nor of a group that it is stopped with. */
static bool
may_take_for_ever(const struct node *node)
{
	for (; node; node = node->parent ? &node->parent->node : NULL)
		if (node->state == NODE_STOPPING &&
		    node->config->shutdown_ns != SHUTDOWN_INFINITY)
			return false;
	return true;
}

/* Those that wait for ever for their end are ended from outside. @quiet: nothing is due
 * any more. Return: whether there were any. */
static bool
end_the_stubborn(struct sim *sim, const struct world *world, bool quiet)
{
	bool any = false;

	for (size_t i = 1; i < NODES; i++) {
		const char *name = world->nodes[i].name;
		struct node *node = name ? tree_find(&sim->tree, name) : NULL;

		if (!node || node->state != NODE_STOPPING || node_is_group(node))
			continue;
		if (quiet && !may_take_for_ever(node))
			sim_wrong(sim, "%s outlives its deadline", name);
		sim_exit(sim, name, 137);
		any = true;
	}
	return any;
}

/* Return: whether nothing is due any more; a group may go on healing for ever. */
static bool
come_to_rest(struct sim *sim, const struct world *world)
{
	for (int round = 0; round < PATIENCE_ROUNDS && !sim->ended; round++) {
		bool quiet = sim_run_out(sim, RUN_OUT_EVENTS);

		if (!end_the_stubborn(sim, world, quiet) && quiet)
			return true;
	}
	return sim->ended;
}

static uint64_t played, acts, events;

static void
play(struct sim *sim, const struct world *world)
{
	sim_start(sim);
	for (size_t i = 0; i < world->n_steps; i++)
		world_step(world, sim, &world->steps[i]);
	sim->paused = false;
	if (come_to_rest(sim, world))
		check_at_rest(sim, sim->tree.root, true);
	if (!sim->ended)
		tree_stop(&sim->tree);
	come_to_rest(sim, world);
	if (!sim->ended || !sim_run_out(sim, RUN_OUT_EVENTS))
		sim_wrong(sim, "it does not end");
	check_at_rest(sim, sim->tree.root, false);
	if (sim->asked != 0)
		sim_wrong(sim, "%u requests are not answered", sim->asked);
}

static bool
fails(const struct world *world)
{
	struct watch watch = { .world = world };
	struct sim sim;
	bool wrong;

	world_enter(world, &sim);
	sim.data = &watch;
	sim.on_act = on_act;
	sim.on_decided = on_decided;
	play(&sim, world);
	played++;
	acts += sim.n_acts;
	events += sim.steps;
	wrong = sim.wrong[0] != '\0';
	if (wrong)
		fprintf(stderr, "# %s\n", sim.wrong);
	sim_deinit(&sim);
	return wrong;
}

static void
print_record(const struct world *world)
{
	struct watch watch = { .world = world };
	struct sim sim;
	char act[64];

	world_enter(world, &sim);
	sim.data = &watch;
	sim.on_act = on_act;
	sim.on_decided = on_decided;
	play(&sim, world);
	for (size_t i = 0; i < sim.n_acts; i++) {
		sim_act_text(&sim.acts[i], act, sizeof(act));
		fprintf(stderr, "# %6" PRId64 " %s\n", sim.acts[i].at_ms, act);
	}
	fprintf(stderr, "# %s\n", sim.wrong);
	sim_deinit(&sim);
}

START_TEST(what_must_hold_holds)
{
	static struct world world;
	uint64_t first = world_first_seed(), count = world_count(WORLDS);

	for (uint64_t seed = first; seed < first + count; seed++) {
		world_make(&world, seed, false);
		if (!fails(&world))
			continue;
		world_shrink(&world, fails);
		world_print(&world, stderr);
		print_record(&world);
		ck_abort_msg("seed %" PRIu64, seed);
	}
	fprintf(stderr, "# %" PRIu64 " worlds, %" PRIu64 " events, %" PRIu64 " acts\n",
	    played, events, acts);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, what_must_hold_holds);
}

int
main(void)
{
	return suite_run("tree_random", add_tests);
}
