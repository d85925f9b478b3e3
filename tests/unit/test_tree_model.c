/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same random trees and scripts twice: in the real tree, and in a model that is
 * nothing but the rules, as recursive functions. Where nothing takes time, one thing
 * happens after the other, and both must do the same in the same order.
 *
 * See test_tree_random.c for the environment's variables.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/unit/random_tree.h"
#include "tests/unit/suite.h"

#define WORLDS 50000
#define NODES (WORLD_NODES_MAX + WORLD_EXTRA)
#define ACTS_MAX 8192
#define EVENTS_MAX 10000

/* The model. */

struct model_node {
	const struct config_node *config;
	struct model_node *parent;
	struct model_node *children[NODES]; /* the list; of a group that is down, too */
	size_t n_children;
	bool up;
	uint32_t restarts; /* a group's, since it started */
};

struct model {
	const struct world *world;
	struct model_node nodes[NODES];
	bool broken[NODES];
	struct sim_act acts[ACTS_MAX];
	size_t n_acts;
};

static bool
is_group(const struct model_node *node)
{
	return node->config->type == CONFIG_GROUP;
}

static size_t
index_of(const struct model *model, const struct model_node *node)
{
	return (size_t)(node - model->nodes);
}

static void
act(struct model *model, enum sim_word word, enum plan_request verb, const char *name)
{
	struct sim_act *next = &model->acts[model->n_acts];

	if (model->n_acts + 1 < ACTS_MAX)
		model->n_acts++;
	*next = (struct sim_act){ .word = word, .verb = verb };
	snprintf(next->name, sizeof(next->name), "%s", name);
}

static size_t
place_of(const struct model_node *node)
{
	size_t place = 0;

	while (node->parent->children[place] != node)
		place++;
	return place;
}

static void
strike_off(struct model_node *node)
{
	struct model_node *group = node->parent;
	size_t place = place_of(node);

	for (group->n_children--; place < group->n_children; place++)
		group->children[place] = group->children[place + 1];
}

static void
append(struct model_node *group, struct model_node *node)
{
	node->parent = group;
	node->up = false;
	group->children[group->n_children++] = node;
}

/* A worker goes when it is asked, or by force. */
static void
stop_worker(struct model *model, const struct model_node *node)
{
	const struct sim_behaviour *behaviour =
	    &model->world->behaviours[index_of(model, node)];
	bool by_force = node->config->shutdown_ns == SHUTDOWN_KILL ||
			behaviour->term == SIM_TERM_IGNORES;

	act(model, by_force ? SIM_KILL : SIM_STOP, 0, node->config->name);
}

/* stop: in reverse order; a group as a child, all of its children first. Temporary ones
 * leave the list. */
static void stop_after(struct model *model, struct model_node *group, size_t place);

static void
stop(struct model *model, struct model_node *node)
{
	if (!node->up)
		return;
	if (is_group(node))
		stop_after(model, node, 0);
	else
		stop_worker(model, node);
	node->up = false;
}

static void
stop_after(struct model *model, struct model_node *group, size_t place)
{
	for (size_t i = group->n_children; i-- > place;) {
		struct model_node *child = group->children[i];

		stop(model, child);
		if (child->config->restart == RESTART_TEMPORARY)
			strike_off(child);
	}
}

/* start: in order; one that cannot start: those before it are stopped in reverse. */
static bool start(struct model *model, struct model_node *node);

static struct model_node *
start_from(struct model *model, struct model_node *group, size_t place)
{
	for (; place < group->n_children; place++)
		if (!start(model, group->children[place]))
			return group->children[place];
	return NULL;
}

static bool
start_group(struct model *model, struct model_node *group)
{
	const struct config_group *settings = &group->config->group;
	struct model_node *failed;

	group->n_children = 0;
	group->restarts = 0;
	for (size_t i = 0; i < settings->n_children; i++)
		append(
		    group, &model->nodes[settings->children[i] - model->world->nodes]);
	failed = start_from(model, group, 0);
	if (!failed)
		return true;
	for (size_t i = place_of(failed); i-- > 0;) {
		struct model_node *child = group->children[i];

		stop(model, child);
		if (child->config->restart == RESTART_TEMPORARY)
			strike_off(child);
	}
	return false;
}

static bool
start(struct model *model, struct model_node *node)
{
	bool broken = model->broken[index_of(model, node)];

	if (is_group(node)) {
		node->up = start_group(model, node);
	} else {
		act(model, broken ? SIM_FAIL : SIM_START, 0, node->config->name);
		node->up = !broken;
	}
	return node->up;
}

/* Return: who could not be started, or NULL. */
static struct model_node *
restart(struct model *model, struct model_node *group, struct model_node *node)
{
	size_t place = place_of(node);

	switch (group->config->group.plan) {
	case PLAN_ONE_FOR_ONE:
		return start(model, node) ? NULL : node;
	case PLAN_ONE_FOR_ALL:
		stop_after(model, group, 0);
		return start_from(model, group, 0);
	case PLAN_REST_FOR_ONE:
		stop_after(model, group, place);
		return start_from(model, group, place);
	}
	return NULL;
}

static bool
other_significant_up(const struct model_node *group)
{
	for (size_t i = 0; i < group->n_children; i++)
		if (group->children[i]->config->significant && group->children[i]->up)
			return true;
	return false;
}

static bool
work_is_done(const struct model_node *group, const struct model_node *node)
{
	switch (group->config->group.auto_shutdown) {
	case AUTO_SHUTDOWN_NEVER:
		return false;
	case AUTO_SHUTDOWN_ANY_SIGNIFICANT:
		return node->config->significant;
	case AUTO_SHUTDOWN_ALL_SIGNIFICANT:
		return node->config->significant && !other_significant_up(group);
	}
	return false;
}

static void ended(struct model *model, struct model_node *node, bool normally);

/* A group passes its limit, or is done: an orderly end for its parent. */
static void
group_ends(struct model *model, struct model_node *group, enum sim_word word)
{
	act(model, word, 0, group->config->name);
	stop(model, group);
	if (group->parent)
		ended(model, group, true);
	else
		act(model, SIM_FINAL, 0,
		    word == SIM_ESCALATE ? "escalated" : "shutdown");
}

static void
ended(struct model *model, struct model_node *node, bool normally)
{
	struct model_node *group = node->parent, *failed;
	enum restart_kind kind = node->config->restart;
	bool done;

	node->up = false;
	if (kind == RESTART_TEMPORARY || (kind == RESTART_TRANSIENT && normally)) {
		done = work_is_done(group, node);
		if (kind == RESTART_TEMPORARY)
			strike_off(node);
		if (done)
			group_ends(model, group, SIM_SHUTDOWN);
		return;
	}
	if (group->restarts == group->config->group.intensity) {
		group_ends(model, group, SIM_ESCALATE);
		return;
	}
	group->restarts++;
	failed = restart(model, group, node);
	if (failed)
		ended(model, failed, false);
}

/* What an operator asks for. Return: whether it was done. */

static bool
request(struct model *model, struct model_node *node, enum plan_request verb)
{
	bool temporary = node->config->restart == RESTART_TEMPORARY, done;

	switch (verb) {
	case PLAN_REQUEST_STOP:
		stop(model, node);
		if (temporary)
			strike_off(node);
		return true;
	case PLAN_REQUEST_START:
	case PLAN_REQUEST_RESTART:
		if (verb == PLAN_REQUEST_START && node->up)
			return false;
		stop(model, node);
		done = start(model, node);
		if (!done && temporary)
			strike_off(node);
		return done;
	case PLAN_REQUEST_REMOVE:
		if (!node->up)
			strike_off(node);
		return !node->up;
	case PLAN_REQUEST_ADD:
		break;
	}
	return false;
}

static bool
is_in(const struct model_node *group, const struct model_node *node)
{
	for (size_t i = 0; i < group->n_children; i++)
		if (group->children[i] == node || is_in(group->children[i], node))
			return true;
	return false;
}

static bool
add(struct model *model, struct model_node *group, struct model_node *node)
{
	struct model_node *root = &model->nodes[0];

	if (!is_group(group) || (group != root && !is_in(root, group)) || !group->up ||
	    is_in(root, node))
		return false;
	append(group, node);
	if (start(model, node))
		return true;
	strike_off(node);
	return false;
}

static void
ask(struct model *model, const struct step *step)
{
	struct model_node *node = &model->nodes[step->node];
	enum plan_request verb = (enum plan_request)step->value;
	/* The root is nobody's child, and not found by its name. */
	bool there = is_in(&model->nodes[0], node) && node->parent->up, done;

	if (verb == PLAN_REQUEST_ADD)
		done = add(model, &model->nodes[step->group], node);
	else
		done = there && request(model, node, verb);
	act(model, done ? SIM_REPLY_OK : SIM_REPLY_ERROR, verb, node->config->name);
}

static void
model_step(struct model *model, const struct step *step)
{
	struct model_node *node = &model->nodes[step->node];
	bool normally = step->value == 0;

	switch (step->kind) {
	case STEP_EXIT:
		if (is_group(node) || !node->up)
			return;
		act(model, normally ? SIM_EXIT_NORMAL : SIM_EXIT_ABNORMAL, 0,
		    node->config->name);
		ended(model, node, normally);
		break;
	case STEP_BREAK:
	case STEP_FIX:
		model->broken[step->node] = step->kind == STEP_BREAK;
		break;
	case STEP_ASK:
		ask(model, step);
		break;
	case STEP_TERM:
	case STEP_PAUSE:
	case STEP_RESUME:
	case STEP_NO_MEMORY:
	case STEP_SETTLE:
		break;
	}
}

static void
model_play(struct model *model, const struct world *world)
{
	struct model_node *root = &model->nodes[0];

	memset(model, 0, sizeof(*model));
	model->world = world;
	for (size_t i = 0; i < NODES; i++) {
		model->nodes[i].config = &world->nodes[i];
		model->broken[i] = world->behaviours[i].broken;
	}
	if (!start(model, root)) {
		act(model, SIM_FINAL, 0, "start_failed");
	}
	for (size_t i = 0; i < world->n_steps; i++)
		model_step(model, &world->steps[i]);
	if (!root->up)
		return;
	stop(model, root);
	act(model, SIM_FINAL, 0, "stopped");
}

/* Both. */

static uint64_t acts;

static void
tree_play(struct sim *sim, const struct world *world)
{
	world_enter(world, sim);
	sim_start(sim);
	sim_run_out(sim, EVENTS_MAX);
	for (size_t i = 0; i < world->n_steps; i++) {
		world_step(world, sim, &world->steps[i]);
		sim_run_out(sim, EVENTS_MAX);
	}
	tree_stop(&sim->tree);
	sim_run_out(sim, EVENTS_MAX);
}

static size_t
first_difference(const struct model *model, const struct sim *sim)
{
	size_t i;

	for (i = 0; i < model->n_acts && i < sim->n_acts; i++)
		if (model->acts[i].word != sim->acts[i].word ||
		    model->acts[i].verb != sim->acts[i].verb ||
		    strcmp(model->acts[i].name, sim->acts[i].name) != 0)
			break;
	return i;
}

static bool
differ(const struct world *world, bool print)
{
	static struct model model;
	struct sim sim;
	char rules[64], tree[64];
	size_t first;
	bool differ;

	model_play(&model, world);
	tree_play(&sim, world);
	first = first_difference(&model, &sim);
	differ = first < model.n_acts || first < sim.n_acts || sim.wrong[0];
	acts += first;
	for (size_t i = 0; print && (i < model.n_acts || i < sim.n_acts); i++) {
		rules[0] = tree[0] = '\0';
		if (i < model.n_acts)
			sim_act_text(&model.acts[i], rules, sizeof(rules));
		if (i < sim.n_acts)
			sim_act_text(&sim.acts[i], tree, sizeof(tree));
		fprintf(stderr, "# %c %-24s %s\n", i < first ? ' ' : '*', rules, tree);
	}
	sim_deinit(&sim);
	return differ;
}

static bool
fails(const struct world *world)
{
	return differ(world, false);
}

START_TEST(the_tree_does_what_the_rules_say)
{
	static struct world world;
	uint64_t first = world_first_seed(), count = world_count(WORLDS);

	for (uint64_t seed = first; seed < first + count; seed++) {
		world_make(&world, seed, true);
		if (!fails(&world))
			continue;
		world_shrink(&world, fails);
		world_print(&world, stderr);
		fprintf(stderr, "# %-26s %s\n", "the rules", "the tree");
		differ(&world, true);
		ck_abort_msg("seed %" PRIu64, seed);
	}
	fprintf(stderr, "# %" PRIu64 " worlds, %" PRIu64 " acts\n", count, acts);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, the_tree_does_what_the_rules_say);
}

int
main(void)
{
	return suite_run("tree_model", add_tests);
}
