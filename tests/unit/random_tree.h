/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random supervision trees and random scripts, made from a seed: the same seed, the
 * same world. A script is a list of steps any of which can be left out, so that a
 * failure can be shrunk to the steps that it needs.
 */
#pragma once

#include <stdio.h>

#include "tests/unit/simulation.h"

#define WORLD_NODES_MAX 20
#define WORLD_EXTRA 4 /* workers that are not in the tree but can be added */
#define WORLD_STEPS_MAX 40

enum step_kind {
	STEP_EXIT,  /* a worker ends by itself; value: its status */
	STEP_TERM,  /* SIGTERM from outside */
	STEP_BREAK, /* it cannot be started, */
	STEP_FIX,   /* it can again */
	STEP_ASK,   /* value: enum plan_request */
	STEP_PAUSE, /* the supervisor does not run */
	STEP_RESUME,
	STEP_NO_MEMORY, /* the next new worker cannot be made */
	STEP_SETTLE	/* until nothing is due, or for a good while */
};

/** struct step - what happens to whom, and how long nothing happens after it */
struct step {
	enum step_kind kind;
	size_t node;  /* index in the world's nodes */
	size_t group; /* of them: where to add */
	int value;
	int64_t then_ms;
};

struct world {
	uint64_t random;
	bool timeless;
	struct config_node nodes[WORLD_NODES_MAX + WORLD_EXTRA]; /* 0: the root */
	struct config_node *children[WORLD_NODES_MAX][WORLD_NODES_MAX];
	struct sim_behaviour behaviours[WORLD_NODES_MAX + WORLD_EXTRA];
	size_t n_nodes;
	int64_t delay_ms; /* before each restart */
	struct step steps[WORLD_STEPS_MAX];
	size_t n_steps;
};

/**
 * world_make() - a tree of at most four levels and a script
 * @timeless: no end takes time, no worker ends but by a step, all windows are longer
 *            than the script
 */
void world_make(struct world *world, uint64_t seed, bool timeless);

/** world_enter() - a simulation of it, not started. */
void world_enter(const struct world *world, struct sim *sim);

/** world_step() - do one step. */
void world_step(const struct world *world, struct sim *sim, const struct step *step);

/**
 * world_shrink() - leave out steps as long as it still fails
 * @fails: plays the world
 */
void world_shrink(struct world *world, bool (*fails)(const struct world *world));

/** world_print() - the tree and the script, for people. */
void world_print(const struct world *world, FILE *stream);

/** world_count() - how many worlds to play: @count, or as the environment says
 * (TRADESUP_TEST_WORLDS). */
uint64_t world_count(uint64_t count);

/** world_first_seed() - 1, or as the environment says (TRADESUP_TEST_SEED). */
uint64_t world_first_seed(void);
