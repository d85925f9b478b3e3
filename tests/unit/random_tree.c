/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making random worlds, playing their steps, shrinking and printing them. What must
 * hold in a world is the business of the tests.
 */
#include "tests/unit/random_tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define SETTLE_EVENTS 400
#define DEPTH_MAX 4

static char names[WORLD_NODES_MAX + WORLD_EXTRA][3] = { "", "b", "c", "d", "e", "f",
	"g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "x1",
	"x2", "x3", "x4" };
static char root_name[] = "root";

static uint32_t
next_random(struct world *world)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return (uint32_t)(world->random >> 32);
}

static uint32_t
below(struct world *world, uint32_t limit)
{
	return next_random(world) % limit;
}

static bool
one_in(struct world *world, uint32_t n)
{
	return below(world, n) == 0;
}

/* The tree. */

static int64_t
some_shutdown(struct world *world, bool is_group)
{
	if (one_in(world, 5))
		return SHUTDOWN_KILL;
	if (is_group ? !one_in(world, 4) : one_in(world, 6))
		return SHUTDOWN_INFINITY;
	return (1 + below(world, 30)) * 10 * MS;
}

static void
make_behaviour(struct world *world, struct sim_behaviour *behaviour, const char *name)
{
	*behaviour = (struct sim_behaviour){ .every = { .after_ms = -1 } };
	snprintf(behaviour->name, sizeof(behaviour->name), "%s", name);
	if (one_in(world, 5))
		behaviour->term = SIM_TERM_IGNORES;
	if (one_in(world, 20))
		behaviour->broken = true;
	if (world->timeless)
		return;
	if (one_in(world, 3)) {
		behaviour->term = SIM_TERM_TAKES_TIME;
		behaviour->when_asked =
		    (struct sim_life){ below(world, 300), (int)below(world, 2) };
	}
	for (size_t i = below(world, 6); i > 2; i--)
		behaviour->lives[behaviour->n_lives++] =
		    (struct sim_life){ below(world, 100), (int)below(world, 2) };
	if (one_in(world, 12))
		behaviour->every =
		    (struct sim_life){ below(world, 400), (int)below(world, 2) };
}

static struct config_node *
make_node(struct world *world, size_t index, const struct config_group *parent)
{
	struct config_node *node = &world->nodes[index];

	*node = (struct config_node){ .type = CONFIG_WORKER,
		.name = index == 0 ? root_name : names[index],
		.restart = (enum restart_kind)below(world, 3) };
	if (one_in(world, 2))
		node->restart = RESTART_PERMANENT;
	if (parent && parent->auto_shutdown != AUTO_SHUTDOWN_NEVER &&
	    node->restart != RESTART_PERMANENT)
		node->significant = one_in(world, 2);
	return node;
}

static void
make_worker(struct world *world, struct config_node *node, size_t index)
{
	node->shutdown_ns = some_shutdown(world, false);
	make_behaviour(world, &world->behaviours[index], node->name);
	/* Nobody would ever end it. */
	if (world->timeless && node->shutdown_ns == SHUTDOWN_INFINITY)
		world->behaviours[index].term = SIM_TERM_EXITS;
}

static void
make_group(struct world *world, struct config_node *node, size_t index, unsigned depth)
{
	struct config_group *group = &node->group;

	node->type = CONFIG_GROUP;
	node->shutdown_ns = world->timeless || index == 0 ? SHUTDOWN_INFINITY
							  : some_shutdown(world, true);
	group->plan = (enum plan_kind)below(world, 3);
	group->intensity = below(world, 4);
	group->period_ns =
	    world->timeless ? INT64_MAX / 2 : (1 + below(world, 20)) * 100 * MS;
	group->auto_shutdown = one_in(world, 2) ? AUTO_SHUTDOWN_NEVER
						: (enum auto_shutdown)below(world, 3);
	group->children = world->children[index];
	for (uint32_t i = 1 + below(world, 4); i > 0; i--) {
		size_t at = world->n_nodes;
		struct config_node *child;

		if (at == WORLD_NODES_MAX)
			break;
		world->n_nodes++;
		child = make_node(world, at, group);
		group->children[group->n_children++] = child;
		if (depth < DEPTH_MAX && world->n_nodes < WORLD_NODES_MAX &&
		    one_in(world, 3))
			make_group(world, child, at, depth + 1);
		else
			make_worker(world, child, at);
	}
}

/* The script. */

static void
make_step(struct world *world, struct step *step)
{
	static const enum step_kind kinds[] = { STEP_EXIT, STEP_EXIT, STEP_EXIT,
		STEP_EXIT, STEP_EXIT, STEP_ASK, STEP_ASK, STEP_ASK, STEP_ASK, STEP_ASK,
		STEP_BREAK, STEP_FIX, STEP_FIX, STEP_SETTLE, STEP_TERM, STEP_PAUSE,
		STEP_RESUME, STEP_RESUME, STEP_NO_MEMORY };
	const uint32_t n = sizeof(kinds) / sizeof(*kinds);
	size_t extra = one_in(world, 4) ? WORLD_EXTRA : 0;

	*step =
	    (struct step){ .kind = kinds[below(world, n - (world->timeless ? 5 : 0))],
		    .node = below(world, (uint32_t)(world->n_nodes + extra)),
		    .group = below(world, (uint32_t)world->n_nodes) };
	if (step->node >= world->n_nodes)
		step->node = step->node - world->n_nodes + WORLD_NODES_MAX;
	if (step->kind == STEP_EXIT)
		step->value = one_in(world, 2) ? 0 : 1;
	if (step->kind == STEP_ASK)
		step->value = (int)below(world, PLAN_REQUEST_ADD + 1);
	if (step->kind == STEP_ASK && step->value == PLAN_REQUEST_ADD)
		step->node = WORLD_NODES_MAX + below(world, WORLD_EXTRA);
	step->then_ms = one_in(world, 2) ? 0 : below(world, 200);
}

void
world_make(struct world *world, uint64_t seed, bool timeless)
{
	*world = (struct world){ .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
		.timeless = timeless,
		.n_nodes = 1 };
	for (int i = 0; i < 8; i++)
		next_random(world);
	if (!timeless && one_in(world, 3))
		world->delay_ms = 1 + below(world, 150);
	make_group(world, make_node(world, 0, NULL), 0, 1);
	for (size_t i = WORLD_NODES_MAX; i < WORLD_NODES_MAX + WORLD_EXTRA; i++)
		make_worker(world, make_node(world, i, NULL), i);
	world->n_steps = 1 + below(world, WORLD_STEPS_MAX);
	for (size_t i = 0; i < world->n_steps; i++)
		make_step(world, &world->steps[i]);
}

/* Playing it. */

void
world_enter(const struct world *world, struct sim *sim)
{
	sim_init(sim, &world->nodes[0]);
	sim->delay_ms = world->delay_ms;
	for (size_t i = 0; i < WORLD_NODES_MAX + WORLD_EXTRA; i++)
		if (world->behaviours[i].name[0])
			*sim_behaviour(sim, world->nodes[i].name) =
			    world->behaviours[i];
}

void
world_step(const struct world *world, struct sim *sim, const struct step *step)
{
	const struct config_node *node = &world->nodes[step->node];

	switch (step->kind) {
	case STEP_EXIT:
		sim_exit(sim, node->name, step->value);
		break;
	case STEP_TERM:
		sim_term(sim, node->name);
		break;
	case STEP_BREAK:
	case STEP_FIX:
		if (node->type == CONFIG_WORKER)
			sim_behaviour(sim, node->name)->broken =
			    step->kind == STEP_BREAK;
		break;
	case STEP_ASK:
		if (step->value == PLAN_REQUEST_ADD)
			sim_add(sim, world->nodes[step->group].name, node);
		else
			sim_ask(sim, (enum plan_request)step->value, node->name);
		break;
	case STEP_PAUSE:
	case STEP_RESUME:
		sim->paused = step->kind == STEP_PAUSE;
		break;
	case STEP_NO_MEMORY:
		sim->no_memory = true;
		break;
	case STEP_SETTLE:
		sim->paused = false;
		sim_run_out(sim, SETTLE_EVENTS);
		break;
	}
	sim->steps++;
	sim_run_until(sim, sim->now_ms + step->then_ms);
}

/* Failures. */

void
world_shrink(struct world *world, bool (*fails)(const struct world *world))
{
	struct step left_out;

	for (size_t i = world->n_steps; i-- > 0;) {
		size_t after = world->n_steps - i - 1;

		left_out = world->steps[i];
		memmove(
		    &world->steps[i], &world->steps[i + 1], after * sizeof(left_out));
		world->n_steps--;
		if (fails(world))
			continue;
		memmove(
		    &world->steps[i + 1], &world->steps[i], after * sizeof(left_out));
		world->steps[i] = left_out;
		world->n_steps++;
	}
}

static const char *
shutdown_text(int64_t shutdown_ns, char *buffer, size_t size)
{
	if (shutdown_ns == SHUTDOWN_KILL)
		return "kill";
	if (shutdown_ns == SHUTDOWN_INFINITY)
		return "infinity";
	snprintf(buffer, size, "%" PRId64, shutdown_ns / MS);
	return buffer;
}

static void
print_behaviour(const struct sim_behaviour *behaviour, FILE *stream)
{
	static const char *const terms[] = { "exits", "ignores", "takes time" };

	fprintf(stream, " on SIGTERM: %s", terms[behaviour->term]);
	if (behaviour->term == SIM_TERM_TAKES_TIME)
		fprintf(stream, " %" PRId64 ":%d", behaviour->when_asked.after_ms,
		    behaviour->when_asked.status);
	for (size_t i = 0; i < behaviour->n_lives; i++)
		fprintf(stream, " life %" PRId64 ":%d", behaviour->lives[i].after_ms,
		    behaviour->lives[i].status);
	if (behaviour->every.after_ms >= 0)
		fprintf(stream, " every life %" PRId64 ":%d", behaviour->every.after_ms,
		    behaviour->every.status);
	if (behaviour->broken)
		fprintf(stream, " broken");
}

static void
print_node(
    const struct world *world, const struct config_node *node, int depth, FILE *stream)
{
	static const char *const restarts[] = { "permanent", "transient", "temporary" };
	static const char *const plans[] = { "one_for_one", "one_for_all",
		"rest_for_one" };
	static const char *const autos[] = { "never", "any", "all" };
	char buffer[32];

	fprintf(stream, "%*s%s %s%s shutdown %s", depth * 2, "", node->name,
	    restarts[node->restart], node->significant ? " significant" : "",
	    shutdown_text(node->shutdown_ns, buffer, sizeof(buffer)));
	if (node->type == CONFIG_WORKER) {
		print_behaviour(&world->behaviours[node - world->nodes], stream);
		fprintf(stream, "\n");
		return;
	}
	fprintf(stream, " %s %" PRIu32 "/%" PRId64 "ms auto %s\n",
	    plans[node->group.plan], node->group.intensity, node->group.period_ns / MS,
	    autos[node->group.auto_shutdown]);
	for (size_t i = 0; i < node->group.n_children; i++)
		print_node(world, node->group.children[i], depth + 1, stream);
}

void
world_print(const struct world *world, FILE *stream)
{
	static const char *const kinds[] = { "exit", "term", "break", "fix", "ask",
		"pause", "resume", "no memory", "settle" };
	static const char *const verbs[] = { "stop", "start", "restart", "remove",
		"add" };

	fprintf(stream, "restarts delayed by %" PRId64 " ms\n", world->delay_ms);
	print_node(world, &world->nodes[0], 0, stream);
	for (size_t i = WORLD_NODES_MAX; i < WORLD_NODES_MAX + WORLD_EXTRA; i++)
		print_node(world, &world->nodes[i], 4, stream);
	for (size_t i = 0; i < world->n_steps; i++) {
		const struct step *step = &world->steps[i];
		bool ask = step->kind == STEP_ASK;

		fprintf(stream, "%s %s %s", kinds[step->kind],
		    ask ? verbs[step->value] : "", world->nodes[step->node].name);
		if (ask && step->value == PLAN_REQUEST_ADD)
			fprintf(stream, " to %s", world->nodes[step->group].name);
		if (!ask)
			fprintf(stream, " %d", step->value);
		fprintf(stream, ", then %" PRId64 " ms\n", step->then_ms);
	}
}

static uint64_t
from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

uint64_t
world_count(uint64_t count)
{
	return from_environment("TRADESUP_TEST_WORLDS", count);
}

uint64_t
world_first_seed(void)
{
	return from_environment("TRADESUP_TEST_SEED", 1);
}
