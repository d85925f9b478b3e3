/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going over to another configuration while the tree lives, on simulated workers.
 *
 * Single cases first, whose configurations are text. Then random plans: a plan says for
 * each of a few names whether it is there, in which group, at which place and with
 * which values; the next plan is the same but for a few changes. What must hold:
 *
 *  - Where nothing else happens: what leaves is stopped in reverse order, then what is
 *    new is started in order, nobody else is touched, and the tree is the new plan.
 *  - Whatever else happens (ends, restarts, requests, other reloads): the reload ends,
 *    nothing refers to the old configuration, which is freed, nothing is forgotten, and
 *    the counts of significant ones are right.
 *
 * TRADESUP_TEST_WORLDS and TRADESUP_TEST_SEED as in test_tree_random.c.
 */
#include <inttypes.h>

#include "common/cleanup.h"
#include "supervisor/tree_diff.h"
#include "tests/unit/config_case.h"
#include "tests/unit/random_tree.h"

/* Single cases. */

#define W(name) "worker " name " { command = { a } }\n"
#define W2(name) "worker " name " { command = { b } }\n"

struct fixture {
	struct config_case before, after;
	struct sim sim;
};

static void
load(struct config_case *c, const char *text)
{
	config_case_init(c);
	config_case_load(c, text, strlen(text));
	ck_assert_msg(c->result == 0, "%s", c->errors);
}

static void
setup(struct fixture *f, const char *before, const char *after)
{
	load(&f->before, before);
	load(&f->after, after);
	sim_init(&f->sim, f->before.config->root);
}

static void
teardown(struct fixture *f)
{
	ck_assert_str_eq(f->sim.wrong, "");
	sim_deinit(&f->sim);
	config_case_deinit(&f->before);
	config_case_deinit(&f->after);
}

/* What has been done since the act @from, ", " between two. */
static const char *
acts_since(const struct sim *sim, size_t from)
{
	static char text[2048];
	char act[64];

	text[0] = '\0';
	for (size_t i = from; i < sim->n_acts; i++) {
		sim_act_text(&sim->acts[i], act, sizeof(act));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
		    text[0] ? ", " : "", act);
	}
	return text;
}

static void
note_change(const struct tree_change *change, void *data)
{
	static const char *const words[] = { [TREE_STOPS] = "stops",
		[TREE_RESTARTS] = "restarts",
		[TREE_LIVE] = "live",
		[TREE_ORDER] = "order",
		[TREE_ADOPTED] = "adopted",
		[TREE_STARTS] = "starts" };
	char *text = data;

	snprintf(text + strlen(text), 1024 - strlen(text), "%s%s %s%s%s",
	    text[0] ? "; " : "", words[change->kind], change->config->name,
	    change->keys[0] ? ": " : "", change->keys);
}

static const struct {
	const char *what, *before, *after, *changes, *acts;
} cases[] = {
	{ "nothing", W("x") W("y"), W("x") W("y"), "", "" },
	{ "one is added", W("x"), W("x") W("y"), "starts y", "start y" },
	{ "one is added in the middle", W("x") W("z"), W("x") W("y") W("z"), "starts y",
	    "start y" },
	{ "one is removed", W("x") W("y"), W("y"), "stops x", "stop x" },
	{ "one is changed", W("x") W("y") W("z"), W("x") W2("y") W("z"),
	    "restarts y: command", "stop y, start y" },
	{ "in reverse, then in order", W("x") W("y") W("z"), W2("x") W2("y") W("v"),
	    "restarts x: command; restarts y: command; stops z; starts v",
	    "stop z, stop y, stop x, start x, start y, start v" },
	{ "the order alone", W("x") W("y"), W("y") W("x"), "order root", "" },
	{ "a live value", W("x"), "worker x { command = { a } misses = 9 }\n",
	    "live x: misses", "" },
	{ "the strategy", W("x"), "supervisor { strategy = rest_for_one }\n" W("x"),
	    "live root: strategy", "" },
	{ "a group comes", W("x"), W("x") "group g {\n" W("y") W("z") "}\n", "starts g",
	    "start y, start z" },
	{ "a group goes", W("x") "group g {\n" W("y") W("z") "}\n", W("x"), "stops g",
	    "stop z, stop y" },
	{ "one within a group", "group g {\n" W("y") W("z") "}\n" W("x"),
	    "group g {\n" W("y") W2("z") "}\n" W("x"), "restarts z: command",
	    "stop z, start z" },
	{ "it moves into a group", W("x") W("y") "group g {\n" W("z") "}\n",
	    W("x") "group g {\n" W("y") W("z") "}\n", "restarts y: group",
	    "stop y, start y" },
	{ "it moves out of a group that goes", W("x") "group g {\n" W("y") "}\n",
	    W("x") W("y"), "stops g; starts y", "stop y, start y" },
	{ "a worker becomes a group", W("x") W("y"), W("x") "group y {\n" W("z") "}\n",
	    "stops y; starts y", "stop y, start z" },
};

START_TEST(a_change_of_the_file_does)
{
	char changes[1024] = "";
	struct tree_diff diff;
	struct fixture f;
	size_t from;

	setup(&f, cases[_i].before, cases[_i].after);
	sim_start(&f.sim);
	ck_assert_int_eq(
	    tree_diff(&f.sim.tree, f.after.config->root, note_change, changes, &diff),
	    0);
	tree_diff_deinit(&diff);
	ck_assert_msg(
	    strcmp(changes, cases[_i].changes) == 0, "%s: %s", cases[_i].what, changes);
	from = f.sim.n_acts;
	sim_reload(&f.sim, f.after.config->root);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert(!f.sim.reloading && !f.sim.reload_why && f.sim.committed == 1);
	ck_assert_msg(strcmp(acts_since(&f.sim, from), cases[_i].acts) == 0, "%s: %s",
	    cases[_i].what, acts_since(&f.sim, from));
	teardown(&f);
}
END_TEST

static enum node_state
state_of(struct sim *sim, const char *name)
{
	return tree_find(&sim->tree, name)->state;
}

START_TEST(what_cannot_be_started_stays_down_and_counts_for_nothing)
{
	struct fixture f;

	setup(&f, "supervisor { intensity = 0 }\n" W("x") W("y"),
	    "supervisor { intensity = 0 }\n" W("x") W2("y") "group g {\n" W("z") "}\n");
	sim_start(&f.sim);
	sim_behaviour(&f.sim, "y")->broken = true;
	sim_behaviour(&f.sim, "z")->broken = true;
	sim_reload(&f.sim, f.after.config->root);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert(!f.sim.reloading && !f.sim.reload_why && !f.sim.ended);
	ck_assert_uint_eq(f.sim.not_started, 2);
	ck_assert_int_eq(state_of(&f.sim, "x"), NODE_UP);
	ck_assert_int_eq(state_of(&f.sim, "y"), NODE_DOWN);
	ck_assert_int_eq(state_of(&f.sim, "g"), NODE_DOWN);
	ck_assert_uint_eq(f.sim.tree.root->window.used, 0);
	/* The next file is right. */
	sim_behaviour(&f.sim, "y")->broken = false;
	sim_reload(&f.sim, f.before.config->root);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert_int_eq(state_of(&f.sim, "y"), NODE_UP);
	teardown(&f);
}
END_TEST

START_TEST(what_an_operator_stopped_stays_stopped)
{
	struct fixture f;

	setup(&f, W("x") W("y"), W2("x") W("y"));
	sim_start(&f.sim);
	sim_ask(&f.sim, PLAN_REQUEST_STOP, "x");
	ck_assert(sim_run_out(&f.sim, 1000));
	sim_reload(&f.sim, f.after.config->root);
	ck_assert_int_eq(state_of(&f.sim, "x"), NODE_DOWN);
	ck_assert_str_eq(tree_find(&f.sim.tree, "x")->config->worker.command[0], "b");
	sim_ask(&f.sim, PLAN_REQUEST_START, "x");
	ck_assert_int_eq(state_of(&f.sim, "x"), NODE_UP);
	teardown(&f);
}
END_TEST

/* Siblings wait for one that is going to be restarted; then nobody has to wait. */
START_TEST(a_new_strategy_forgets_nobody_who_waits)
{
	static const char *const words[] = { "one_for_one", "rest_for_one",
		"one_for_all" };
	char before[256], after[256];
	struct fixture f;

	for (int broken = 0; broken < 2; broken++) {
		snprintf(before, sizeof(before),
		    "supervisor { strategy = %s intensity = 9 }\n" W("x") W("y") W("z"),
		    words[_i / 3]);
		snprintf(after, sizeof(after),
		    "supervisor { strategy = %s intensity = 9 }\n" W("x") W("y") W("z"),
		    words[_i % 3]);
		setup(&f, before, after);
		f.sim.delay_ms = 100;
		sim_start(&f.sim);
		sim_exit(&f.sim, "y", 1);
		sim_run_until(&f.sim, 50);
		ck_assert_int_eq(state_of(&f.sim, "y"), NODE_WAITING);
		sim_reload(&f.sim, f.after.config->root);
		ck_assert(!f.sim.reloading);
		/* A start that fails is decided on by the new strategy. */
		sim_behaviour(&f.sim, "y")->broken = broken;
		sim_run_until(&f.sim, 120);
		sim_behaviour(&f.sim, "y")->broken = false;
		ck_assert(sim_run_out(&f.sim, 1000));
		ck_assert_int_eq(state_of(&f.sim, "x"), NODE_UP);
		ck_assert_int_eq(state_of(&f.sim, "y"), NODE_UP);
		ck_assert_int_eq(state_of(&f.sim, "z"), NODE_UP);
		teardown(&f);
	}
}
END_TEST

START_TEST(one_for_whom_others_wait_can_go)
{
	struct fixture f;

	setup(&f, "supervisor { strategy = one_for_all }\n" W("x") W("y") W("z"),
	    "supervisor { strategy = one_for_all }\n" W("x") W("z"));
	f.sim.delay_ms = 100;
	sim_start(&f.sim);
	sim_exit(&f.sim, "y", 1);
	sim_run_until(&f.sim, 50);
	sim_reload(&f.sim, f.after.config->root);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert_int_eq(state_of(&f.sim, "x"), NODE_UP);
	ck_assert_int_eq(state_of(&f.sim, "z"), NODE_UP);
	teardown(&f);
}
END_TEST

START_TEST(one_that_was_added_is_adopted_if_it_is_the_same)
{
	struct config_case extra;
	struct fixture f;
	size_t from;

	load(&extra, W("y"));
	setup(&f, W("x"), _i == 0 ? W("x") W("y") : W("x") W2("y"));
	sim_start(&f.sim);
	sim_add(&f.sim, "root", extra.config->root->group.children[0]);
	from = f.sim.n_acts;
	sim_reload(&f.sim, f.after.config->root);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert_str_eq(acts_since(&f.sim, from), _i == 0 ? "" : "stop y, start y");
	ck_assert(!tree_find(&f.sim.tree, "y")->added);
	ck_assert_ptr_eq(tree_find(&f.sim.tree, "y")->config,
	    f.after.config->root->group.children[1]);
	teardown(&f);
	config_case_deinit(&extra);
}
END_TEST

START_TEST(one_that_was_added_makes_room_for_its_name_elsewhere)
{
	struct config_case extra;
	struct fixture f;
	size_t from;

	load(&extra, W("y"));
	setup(&f, "group g {\n" W("x") "}\n", "group g {\n" W("x") W("y") "}\n");
	sim_start(&f.sim);
	sim_add(&f.sim, "root", extra.config->root->group.children[0]);
	from = f.sim.n_acts;
	sim_reload(&f.sim, f.after.config->root);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert_str_eq(acts_since(&f.sim, from), "stop y, start y");
	teardown(&f);
	config_case_deinit(&extra);
}
END_TEST

START_TEST(one_that_was_added_stays_behind_the_others)
{
	struct config_case extra;
	struct fixture f;

	load(&extra, W("y"));
	setup(&f, W("x"), W("x") W("z"));
	sim_start(&f.sim);
	sim_add(&f.sim, "root", extra.config->root->group.children[0]);
	sim_reload(&f.sim, f.after.config->root);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert_ptr_eq(TAILQ_LAST(&f.sim.tree.root->children, node_list),
	    tree_find(&f.sim.tree, "y"));
	ck_assert(tree_find(&f.sim.tree, "y")->added);
	teardown(&f);
	config_case_deinit(&extra);
}
END_TEST

static void
make_slow(struct sim *sim, const char *name)
{
	struct sim_behaviour *behaviour = sim_behaviour(sim, name);

	behaviour->term = SIM_TERM_TAKES_TIME;
	behaviour->when_asked = (struct sim_life){ 100, 0 };
}

START_TEST(what_comes_meanwhile_is_dealt_with_afterwards)
{
	struct fixture f;
	size_t from;

	setup(&f, W("x") W("y") W("z"), W("x") W2("y") W("z"));
	make_slow(&f.sim, "y");
	sim_start(&f.sim);
	from = f.sim.n_acts;
	sim_reload(&f.sim, f.after.config->root);
	sim_exit(&f.sim, "x", 1);
	sim_ask(&f.sim, PLAN_REQUEST_RESTART, "y");
	sim_run_until(&f.sim, 50);
	ck_assert(f.sim.reloading);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert_str_eq(acts_since(&f.sim, from),
	    "stop y, start y, stop y, start y, reply restart y ok, "
	    "exit x abnormal, start x");
	teardown(&f);
}
END_TEST

START_TEST(other_groups_live_on)
{
	struct fixture f;
	size_t from;

	setup(
	    &f, W("x") "group g {\n" W("y") "}\n", W2("x") "group g {\n" W("y") "}\n");
	make_slow(&f.sim, "x");
	sim_start(&f.sim);
	from = f.sim.n_acts;
	sim_reload(&f.sim, f.after.config->root);
	sim_exit(&f.sim, "y", 1);
	sim_run_until(&f.sim, 50);
	ck_assert_str_eq(acts_since(&f.sim, from), "exit y abnormal, start y");
	ck_assert(f.sim.reloading);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert(!f.sim.reloading);
	teardown(&f);
}
END_TEST

START_TEST(a_stop_ends_a_reload)
{
	struct fixture f;

	setup(&f, W("x") W("y"), W2("x") W2("y") W("z"));
	make_slow(&f.sim, _i == 0 ? "y" : "x");
	sim_start(&f.sim);
	sim_reload(&f.sim, f.after.config->root);
	sim_run_until(&f.sim, 50);
	ck_assert(f.sim.reloading);
	tree_stop(&f.sim.tree);
	ck_assert(!f.sim.reloading);
	ck_assert_str_eq(f.sim.reload_why, "the supervisor is being stopped");
	ck_assert_uint_eq(f.sim.committed, 0);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert(f.sim.ended);
	teardown(&f);
}
END_TEST

START_TEST(without_memory_nothing_is_changed)
{
	struct fixture f;
	size_t from;

	setup(&f, W("x") W("y"), W2("x") W2("y"));
	sim_start(&f.sim);
	from = f.sim.n_acts;
	f.sim.no_memory = true;
	sim_reload(&f.sim, f.after.config->root);
	ck_assert_str_eq(f.sim.reload_why, "out of memory");
	ck_assert_str_eq(acts_since(&f.sim, from), "");
	ck_assert_ptr_eq(f.sim.tree.root->node.config, f.before.config->root);
	sim_exit(&f.sim, "x", 1);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert_int_eq(state_of(&f.sim, "x"), NODE_UP);
	teardown(&f);
}
END_TEST

START_TEST(a_new_limit_counts_from_then_on)
{
	struct fixture f;

	setup(&f, "supervisor { intensity = 5 }\n" W("x"),
	    "supervisor { intensity = 1 }\n" W("x"));
	sim_start(&f.sim);
	sim_exit(&f.sim, "x", 1);
	ck_assert(sim_run_out(&f.sim, 1000));
	sim_reload(&f.sim, f.after.config->root);
	ck_assert_uint_eq(f.sim.tree.root->window.used, 1);
	sim_exit(&f.sim, "x", 1);
	ck_assert(sim_run_out(&f.sim, 1000));
	ck_assert(f.sim.ended);
	teardown(&f);
}
END_TEST

/* Random plans. */

#define WORKERS 10
#define GROUPS 4
#define ITEMS (GROUPS + WORKERS)
#define WORLDS 4000
#define ROUNDS 6
#define RUN_OUT 3000

/** struct item - one name in a plan; the groups come first, 0 is the root */
struct item {
	bool there;
	size_t parent;
	uint32_t order, version, live;
	bool significant;
	enum plan_kind plan;
};

struct plan_of_all {
	struct item items[1 + ITEMS];
	struct config_node *nodes; /* as made by make_config(); freed with it */
};

static const char *const names[1 + ITEMS] = { "root", "g1", "g2", "g3", "g4", "a", "b",
	"c", "d", "e", "f", "h", "i", "j", "k" };
static char *commands[][2] = { { (char *)"v0", NULL }, { (char *)"v1", NULL },
	{ (char *)"v2", NULL } };
static uint64_t random_state;

static uint32_t
below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % limit;
}

static void
some_item(struct item *item, size_t i)
{
	item->there = below(4) > 0;
	/* Groups are in those before them: no circles. */
	item->parent = below((uint32_t)(i <= GROUPS ? i : 1 + GROUPS));
	item->order = below(1000);
	item->version = below(3);
	item->live = below(3);
	item->significant = below(2);
	item->plan = (enum plan_kind)below(3);
}

static void
change_plan(const struct plan_of_all *from, struct plan_of_all *to)
{
	*to = *from;
	for (uint32_t n = below(4); n > 0; n--) {
		size_t i = 1 + below(ITEMS);
		struct item other = to->items[i];

		some_item(&other, i);
		switch (below(5)) {
		case 0:
			to->items[i].there ^= 1;
			break;
		case 1:
			to->items[i].version = other.version;
			break;
		case 2:
			to->items[i].live = other.live;
			to->items[i].plan = other.plan;
			to->items[i].significant = other.significant;
			break;
		case 3:
			to->items[i].order = other.order;
			break;
		case 4:
			to->items[i].parent = other.parent;
			break;
		}
	}
	if (below(4) == 0)
		to->items[0].plan = (enum plan_kind)below(3);
}

static void
take_children(struct plan_of_all *plan, size_t parent)
{
	struct config_node *node = &plan->nodes[parent];
	bool taken[1 + ITEMS] = { false };

	node->group.children = calloc(ITEMS, sizeof(struct config_node *));
	for (;;) {
		size_t best = 0;

		for (size_t i = 1; i <= ITEMS; i++)
			if (plan->items[i].there && plan->items[i].parent == parent &&
			    !taken[i] &&
			    (best == 0 ||
				plan->items[i].order < plan->items[best].order))
				best = i;
		if (best == 0)
			return;
		taken[best] = true;
		node->group.children[node->group.n_children++] = &plan->nodes[best];
	}
}

static struct config_node *
make_config(struct plan_of_all *plan)
{
	plan->nodes = calloc(1 + ITEMS, sizeof(*plan->nodes));
	for (size_t i = 0; i <= ITEMS; i++) {
		struct config_node *node = &plan->nodes[i];
		const struct item *item = &plan->items[i];

		node->name = strdup(names[i]);
		/* Of one name always the same: whether it comes back is no news. */
		node->restart = i > GROUPS
				    ? (enum restart_kind)(i % 4 ? 0 : 1 + i / 4 % 2)
				    : RESTART_PERMANENT;
		node->significant =
		    item->significant && node->restart != RESTART_PERMANENT;
		if (i <= GROUPS) {
			node->type = CONFIG_GROUP;
			node->shutdown_ns = SHUTDOWN_INFINITY;
			node->group.plan = item->plan;
			node->group.intensity = 1000 + item->live;
			node->group.period_ns = 1000000000;
		} else {
			node->shutdown_ns = 50 * 1000000;
			node->worker.command = commands[item->version];
			node->worker.misses = item->live;
		}
	}
	for (size_t i = 0; i <= GROUPS; i++)
		take_children(plan, i);
	return &plan->nodes[0];
}

static void
free_config(struct plan_of_all *plan)
{
	for (size_t i = 0; plan->nodes && i <= ITEMS; i++) {
		free(plan->nodes[i].name);
		if (i <= GROUPS)
			free(plan->nodes[i].group.children);
	}
	free(plan->nodes);
	plan->nodes = NULL;
}

static void
check_list(struct sim *sim, const struct plan_of_all *plan, struct group *group)
{
	const struct config_group *wanted = &group->node.config->group;
	const struct node *child;
	uint32_t significant = 0;
	size_t i = 0;

	TAILQ_FOREACH(child, &group->children, sibling) {
		if (child->config < plan->nodes || child->config > plan->nodes + ITEMS)
			sim_wrong(sim, "a node is not of this configuration");
		/* Some may have left the list for ever, but the order is the file's. */
		while (i < wanted->n_children && wanted->children[i] != child->config)
			i++;
		if (i == wanted->n_children || group->described[i] != child ||
		    child->place != i || child->parent != group)
			sim_wrong(
			    sim, "%s is not where it should be", child->config->name);
		significant += child->config->significant && child->state != NODE_DOWN;
		if (child->next || child->leaves || group->held)
			sim_wrong(sim, "something is left of the reload");
		if (node_is_group(child))
			check_list(sim, plan, node_group((struct node *)child));
	}
	if (significant != group->significant_up)
		sim_wrong(sim, "%s: %" PRIu32 " significant ones, not %" PRIu32,
		    group->node.config->name, group->significant_up, significant);
	if (group->window.limit != wanted->intensity)
		sim_wrong(sim, "the limit is the old one");
}

/* The order of the names in a plan; 0: not there. */
static void
number_nodes(const struct config_node *node, size_t numbers[1 + ITEMS],
    const struct plan_of_all *plan, size_t *n)
{
	numbers[node - plan->nodes] = ++*n;
	for (size_t i = 0; node->type == CONFIG_GROUP && i < node->group.n_children;
	     i++)
		number_nodes(node->group.children[i], numbers, plan, n);
}

static size_t
item_of(const char *name)
{
	for (size_t i = 0; i <= ITEMS; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return 0;
}

/* Whether a name is at the same place of the same groups, by their names. */
static bool
is_same_place(const struct plan_of_all *a, const struct plan_of_all *b, size_t i)
{
	for (; i > 0; i = a->items[i].parent)
		if (!a->items[i].there || !b->items[i].there ||
		    a->items[i].parent != b->items[i].parent)
			return false;
	return true;
}

static void
check_quiet_acts(struct sim *sim, size_t from, const struct plan_of_all *before,
    const struct plan_of_all *after)
{
	size_t old[1 + ITEMS] = { 0 }, new[1 + ITEMS] = { 0 }, n = 0, last = SIZE_MAX;
	bool stopped[1 + ITEMS] = { false }, started[1 + ITEMS] = { false };
	bool starting = false;

	number_nodes(before->nodes, old, before, &n);
	n = 0;
	number_nodes(after->nodes, new, after, &n);
	for (size_t i = from; i < sim->n_acts; i++) {
		const struct sim_act *act = &sim->acts[i];
		size_t item = item_of(act->name);

		if (act->word == SIM_START) {
			if (!starting)
				last = 0;
			starting = true;
			if (new[item] <= last)
				sim_wrong(sim, "%s is started too late", act->name);
			last = new[item];
			started[item] = true;
			continue;
		}
		if (act->word != SIM_STOP && act->word != SIM_KILL)
			sim_wrong(sim, "something else happens");
		if (starting || old[item] >= last)
			sim_wrong(sim, "%s is stopped too late", act->name);
		last = old[item];
		stopped[item] = true;
	}
	for (size_t i = GROUPS + 1; i <= ITEMS; i++) {
		bool stays = old[i] && new[i] && is_same_place(before, after, i) &&
			     before->items[i].version == after->items[i].version;

		if (stopped[i] != (old[i] && !stays) ||
		    started[i] != (new[i] && !stays))
			sim_wrong(sim, "%s: stopped %d, started %d", names[i],
			    stopped[i], started[i]);
	}
}

static void
play_quietly(struct sim *sim, struct plan_of_all plans[2])
{
	for (int round = 0; round < ROUNDS && !sim->wrong[0]; round++) {
		size_t from = sim->n_acts;

		change_plan(&plans[0], &plans[1]);
		sim_reload(sim, make_config(&plans[1]));
		if (!sim_run_out(sim, RUN_OUT) || sim->reloading || sim->reload_why)
			sim_wrong(sim, "the reload does not end");
		check_quiet_acts(sim, from, &plans[0], &plans[1]);
		check_list(sim, &plans[1], sim->tree.root);
		free_config(&plans[0]);
		plans[0] = plans[1];
		plans[1].nodes = NULL;
	}
}

static void
disturb(struct sim *sim)
{
	const char *name = names[1 + below(ITEMS)];

	switch (below(6)) {
	case 0:
	case 1:
		sim_exit(sim, name, (int)below(2));
		break;
	case 2:
		sim_ask(sim, (enum plan_request)below(PLAN_REQUEST_ADD), name);
		break;
	case 3:
		if (strlen(name) == 1)
			sim_behaviour(sim, name)->broken = false;
		break;
	case 4:
		if (below(4) == 0)
			sim->no_memory = true;
		break;
	case 5:
		break;
	}
	sim_run_until(sim, sim->now_ms + below(30));
}

/* What an operator asked for failed for want of memory: it stays down. */
static void
excuse(struct sim *sim, const struct sim_act *act, struct node *node)
{
	bool *excused = sim->data;

	(void)node;
	if (act->word == SIM_REPLY_ERROR &&
	    (act->verb == PLAN_REQUEST_RESTART || act->verb == PLAN_REQUEST_START))
		excused[item_of(act->name)] = true;
}

static void
check_nobody_is_forgotten(struct sim *sim, struct group *group)
{
	const bool *excused = sim->data;
	struct node *child;

	TAILQ_FOREACH(child, &group->children, sibling) {
		if (child->state != NODE_UP && child->state != NODE_DOWN)
			sim_wrong(sim, "%s is %s for ever", child->config->name,
			    node_state_name(child->state));
		if (group->node.state == NODE_UP && child->state == NODE_DOWN &&
		    child->config->restart == RESTART_PERMANENT && !child->stopped &&
		    !excused[item_of(child->config->name)])
			sim_wrong(sim, "%s is forgotten", child->config->name);
		if (node_is_group(child))
			check_nobody_is_forgotten(sim, node_group(child));
	}
}

static void
play_noisily(struct sim *sim, struct plan_of_all plans[2])
{
	unsigned committed = 0;

	for (int step = 0; step < 10 * ROUNDS && !sim->wrong[0] && !sim->ended;
	     step++) {
		disturb(sim);
		/* The old one goes when the reload has ended, as in the supervisor. */
		if (!sim->reloading && plans[1].nodes) {
			bool done = sim->committed > committed;

			committed = sim->committed;
			free_config(&plans[done ? 0 : 1]);
			if (done)
				plans[0] = plans[1];
			plans[1].nodes = NULL;
		}
		if (sim->reloading || below(3) > 0)
			continue;
		change_plan(&plans[0], &plans[1]);
		sim_reload(sim, make_config(&plans[1]));
	}
	if (!sim_run_out(sim, RUN_OUT))
		sim_wrong(sim, "it does not come to rest");
	if (sim->reloading)
		sim_wrong(sim, "the reload does not end");
	if (!sim->ended && !sim->wrong[0]) {
		check_list(sim, &plans[plans[1].nodes && sim->committed > committed],
		    sim->tree.root);
		check_nobody_is_forgotten(sim, sim->tree.root);
	}
}

static uint64_t acts, committed;

static void
play(uint64_t seed, char wrong[160])
{
	struct plan_of_all plans[2] = { 0 };
	bool excused[1 + ITEMS] = { false };
	struct sim sim;

	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (int i = 0; i < 8; i++)
		below(2);
	plans[0].items[0].there = true;
	for (size_t i = 1; i <= ITEMS; i++)
		some_item(&plans[0].items[i], i);
	sim_init(&sim, make_config(&plans[0]));
	sim.data = excused;
	sim.on_act = excuse;
	if (below(3) == 0)
		sim.delay_ms = below(60);
	for (size_t i = GROUPS + 1; i <= ITEMS; i++) {
		sim_behaviour(&sim, names[i])->term = (enum sim_term)below(3);
		sim_behaviour(&sim, names[i])->when_asked =
		    (struct sim_life){ below(40), 0 };
	}
	sim_start(&sim);
	if (seed % 2 == 0)
		play_quietly(&sim, plans);
	else
		play_noisily(&sim, plans);
	if (!sim.ended)
		tree_stop(&sim.tree);
	if (!sim_run_out(&sim, RUN_OUT) || !sim.ended)
		sim_wrong(&sim, "it does not end");
	if (sim.asked > 0)
		sim_wrong(&sim, "%u requests are not answered", sim.asked);
	acts += sim.n_acts;
	committed += sim.committed;
	memcpy(wrong, sim.wrong, sizeof(sim.wrong));
	if (sim.wrong[0])
		fprintf(stderr, "# %s\n", acts_since(&sim, 0));
	sim_deinit(&sim);
	free_config(&plans[0]);
	free_config(&plans[1]);
}

START_TEST(what_must_hold_holds)
{
	uint64_t first = world_first_seed(), count = world_count(WORLDS);
	char wrong[160];

	for (uint64_t seed = first; seed < first + count; seed++) {
		play(seed, wrong);
		ck_assert_msg(!wrong[0], "seed %" PRIu64 ": %s", seed, wrong);
	}
	fprintf(stderr, "# %" PRIu64 " worlds, %" PRIu64 " reloads, %" PRIu64 " acts\n",
	    count, committed, acts);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, 0);
	tcase_add_loop_test(
	    tcase, a_change_of_the_file_does, 0, (int)ARRAY_SIZE(cases));
	tcase_add_test(tcase, what_cannot_be_started_stays_down_and_counts_for_nothing);
	tcase_add_test(tcase, what_an_operator_stopped_stays_stopped);
	tcase_add_loop_test(tcase, a_new_strategy_forgets_nobody_who_waits, 0, 9);
	tcase_add_test(tcase, one_for_whom_others_wait_can_go);
	tcase_add_loop_test(
	    tcase, one_that_was_added_is_adopted_if_it_is_the_same, 0, 2);
	tcase_add_test(tcase, one_that_was_added_makes_room_for_its_name_elsewhere);
	tcase_add_test(tcase, one_that_was_added_stays_behind_the_others);
	tcase_add_test(tcase, what_comes_meanwhile_is_dealt_with_afterwards);
	tcase_add_test(tcase, other_groups_live_on);
	tcase_add_loop_test(tcase, a_stop_ends_a_reload, 0, 2);
	tcase_add_test(tcase, without_memory_nothing_is_changed);
	tcase_add_test(tcase, a_new_limit_counts_from_then_on);
	tcase_add_test(tcase, what_must_hold_holds);
}

int
main(void)
{
	return suite_run("tree_reload", add_tests);
}
