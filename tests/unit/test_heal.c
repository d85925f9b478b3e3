/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The healing rules: which remedies are tried, what counts as healed, what as relapsed.
 */
#include "worker/trading/heal.h"

#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

/* A world in which one remedy helps, or none. */
struct world {
	enum heal_remedy helps;
	enum heal_remedy refuses; /* cannot be carried out */
	enum heal_remedy last;
	unsigned tried; /* bits */
};

static int
apply(
    void *data, enum heal_remedy remedy, const struct fault *fault, struct error *note)
{
	struct world *world = data;

	(void)fault;
	world->tried |= 1u << remedy;
	world->last = remedy;
	return remedy == world->refuses ? error_set(note, -1, "refused") : 0;
}

static bool
holds(void *data, const struct fault *fault, struct error *note)
{
	struct world *world = data;

	(void)fault;
	if (world->last == world->helps)
		return true;
	error_set(note, 0, "still there");
	return false;
}

static const struct heal_ops ops = { .apply = apply, .holds = holds };

static struct fault
registry_fault(const char *name)
{
	struct fault fault;

	fault_set(&fault, FAULT_NAME, HEAL_CAUSE_REGISTRY, name, "missing");
	return fault;
}

static enum heal_outcome
heal_in(struct healer *healer, int64_t cycle, const char *name, enum heal_remedy helps)
{
	struct world world = { .helps = helps };
	struct fault fault = registry_fault(name);
	struct heal_result result;

	heal(healer, cycle, &fault, &ops, &world, &result);
	return result.outcome;
}

#define TRIED(a) (1u << (a))

static const struct {
	const char *what;
	enum heal_cause cause;
	struct world world;
	enum heal_outcome outcome;
	enum heal_remedy remedy;
	unsigned tried;
	const char *note;
} cases[] = {
	{ "the first remedy helps, and is the only one", HEAL_CAUSE_REGISTRY,
	    { .helps = HEAL_REREAD_REGISTRY }, HEAL_SUCCESS, HEAL_REREAD_REGISTRY,
	    TRIED(HEAL_REREAD_REGISTRY), "" },
	{ "the second remedy helps", HEAL_CAUSE_REGISTRY,
	    { .helps = HEAL_LAST_GOOD_REGISTRY }, HEAL_SUCCESS, HEAL_LAST_GOOD_REGISTRY,
	    TRIED(HEAL_REREAD_REGISTRY) | TRIED(HEAL_LAST_GOOD_REGISTRY),
	    "still there" },
	{ "one that cannot be carried out is not checked", HEAL_CAUSE_REGISTRY,
	    { .helps = HEAL_REREAD_REGISTRY, .refuses = HEAL_REREAD_REGISTRY },
	    HEAL_FAILED, HEAL_NONE,
	    TRIED(HEAL_REREAD_REGISTRY) | TRIED(HEAL_LAST_GOOD_REGISTRY),
	    "still there" },
	{ "none helps", HEAL_CAUSE_MODULE, { .helps = HEAL_NONE }, HEAL_FAILED,
	    HEAL_NONE, TRIED(HEAL_RELOAD_MODULE) | TRIED(HEAL_LAST_MODULE),
	    "still there" },
	{ "a module falls back to the last one", HEAL_CAUSE_MODULE,
	    { .helps = HEAL_LAST_MODULE, .refuses = HEAL_RELOAD_MODULE }, HEAL_SUCCESS,
	    HEAL_LAST_MODULE, TRIED(HEAL_RELOAD_MODULE) | TRIED(HEAL_LAST_MODULE),
	    "refused" },
	{ "a directory is made", HEAL_CAUSE_DIRECTORY, { .helps = HEAL_MAKE_DIRECTORY },
	    HEAL_SUCCESS, HEAL_MAKE_DIRECTORY, TRIED(HEAL_MAKE_DIRECTORY), "" },
	{ "a corrupt file is set aside", HEAL_CAUSE_CORRUPT,
	    { .helps = HEAL_SET_ASIDE }, HEAL_SUCCESS, HEAL_SET_ASIDE,
	    TRIED(HEAL_SET_ASIDE), "" },
	{ "the cursor comes from the journal", HEAL_CAUSE_CURSOR,
	    { .helps = HEAL_MEND_CURSOR }, HEAL_SUCCESS, HEAL_MEND_CURSOR,
	    TRIED(HEAL_MEND_CURSOR), "" },
};

START_TEST(remedies_are_tried_in_turn)
{
	struct world world = cases[_i].world;
	struct healer healer = { .n_cases = 0 };
	struct heal_result result;
	struct fault fault;

	fault_set(&fault, FAULT_NAME, cases[_i].cause, "x", "why");
	heal(&healer, 1, &fault, &ops, &world, &result);
	ck_assert_msg(result.outcome == cases[_i].outcome, "%s", cases[_i].what);
	ck_assert_msg(result.remedy == cases[_i].remedy, "%s", cases[_i].what);
	ck_assert_msg(world.tried == cases[_i].tried, "%s", cases[_i].what);
	ck_assert_str_eq(result.note, cases[_i].note);
}
END_TEST

#define REREAD HEAL_REREAD_REGISTRY /* helps */

/* One fault over some cycles: what is done about it in each, '-' meaning that it is not
 * there. */
static const struct {
	const char *what;
	const char *story;    /* h: a remedy helps; n: none does; -: no fault */
	const char *outcomes; /* s, f, r; - */
} stories[] = {
	{ "healed once", "h--", "s--" },
	{ "back in the very next cycle", "hh", "sr" },
	{ "back for good", "hhhh", "srrr" },
	{ "back after a good cycle", "h-h-h", "s-s-s" },
	{ "back, and beyond help", "hn", "sr" },
	{ "never healed", "nnn", "fff" },
	{ "healed after it could not be", "nnh", "ffs" },
	{ "healed late, and back", "nhh", "fsr" },
	{ "relapsed, gone, back", "hh-h", "sr-s" },
};

START_TEST(a_fault_that_is_back_has_relapsed)
{
	static const char letters[] = {
		[HEAL_SUCCESS] = 's', [HEAL_FAILED] = 'f', [HEAL_RELAPSED] = 'r'
	};
	const char *story = stories[_i].story;
	struct healer healer = { .n_cases = 0 };

	for (int64_t cycle = 1; story[cycle - 1]; cycle++) {
		char expected = stories[_i].outcomes[cycle - 1];
		enum heal_outcome outcome;

		if (story[cycle - 1] == '-')
			continue;
		outcome = heal_in(&healer, cycle, "StateFiles.BOT_HEARTBEAT",
		    story[cycle - 1] == 'h' ? REREAD : HEAL_NONE);
		ck_assert_msg(letters[outcome] == expected, "%s: cycle %d: %c",
		    stories[_i].what, (int)cycle, letters[outcome]);
	}
}
END_TEST

START_TEST(another_fault_is_no_relapse)
{
	struct healer healer = { .n_cases = 0 };

	ck_assert_int_eq(heal_in(&healer, 1, "StateFiles.A", REREAD), HEAL_SUCCESS);
	ck_assert_int_eq(heal_in(&healer, 2, "StateFiles.B", REREAD), HEAL_SUCCESS);
	ck_assert_int_eq(heal_in(&healer, 2, "StateFiles.A", REREAD), HEAL_RELAPSED);
}
END_TEST

START_TEST(another_kind_is_another_fault)
{
	struct world world = { .helps = HEAL_RELOAD_MODULE };
	struct healer healer = { .n_cases = 0 };
	struct heal_result result;
	struct fault fault;

	fault_set(&fault, FAULT_IMPORT, HEAL_CAUSE_MODULE, "flow_cluster", "");
	heal(&healer, 1, &fault, &ops, &world, &result);
	fault.kind = FAULT_ATTRIBUTE;
	heal(&healer, 2, &fault, &ops, &world, &result);
	ck_assert_int_eq(result.outcome, HEAL_SUCCESS);
}
END_TEST

START_TEST(twice_in_one_cycle_is_a_relapse)
{
	struct healer healer = { .n_cases = 0 };

	ck_assert_int_eq(heal_in(&healer, 7, "StateFiles.A", REREAD), HEAL_SUCCESS);
	ck_assert_int_eq(heal_in(&healer, 7, "StateFiles.A", REREAD), HEAL_RELAPSED);
}
END_TEST

START_TEST(what_is_kept_in_mind_is_bounded)
{
	struct healer healer = { .n_cases = 0 };
	char name[32];

	for (int i = 0; i < 3 * HEAL_CASES_MAX; i++) {
		snprintf(name, sizeof(name), "StateFiles.F%d", i);
		ck_assert_int_eq(heal_in(&healer, 1, name, REREAD), HEAL_SUCCESS);
	}
	ck_assert_uint_eq(healer.n_cases, HEAL_CASES_MAX);
	ck_assert_int_eq(heal_in(&healer, 2, name, REREAD), HEAL_RELAPSED);
	ck_assert_int_eq(heal_in(&healer, 5, "StateFiles.F1", REREAD), HEAL_SUCCESS);
	ck_assert_uint_eq(healer.n_cases, 1);
}
END_TEST

START_TEST(a_long_name_is_cut_the_same_way_each_time)
{
	struct healer healer = { .n_cases = 0 };
	char name[3 * HEAL_NAME_MAX];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(heal_in(&healer, 1, name, REREAD), HEAL_SUCCESS);
	ck_assert_int_eq(heal_in(&healer, 2, name, REREAD), HEAL_RELAPSED);
}
END_TEST

START_TEST(every_cause_has_a_remedy_and_every_remedy_a_text)
{
	for (int cause = 0; cause < HEAL_CAUSE_COUNT; cause++)
		ck_assert_int_ne(heal_remedy((enum heal_cause)cause, 0), HEAL_NONE);
	for (int remedy = 0; remedy < HEAL_REMEDY_COUNT; remedy++)
		ck_assert_ptr_nonnull(heal_remedy_text((enum heal_remedy)remedy));
	ck_assert_int_eq(heal_remedy(HEAL_CAUSE_REGISTRY, 1000), HEAL_NONE);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, remedies_are_tried_in_turn, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(
	    tcase, a_fault_that_is_back_has_relapsed, 0, ARRAY_SIZE(stories));
	tcase_add_test(tcase, another_fault_is_no_relapse);
	tcase_add_test(tcase, another_kind_is_another_fault);
	tcase_add_test(tcase, twice_in_one_cycle_is_a_relapse);
	tcase_add_test(tcase, what_is_kept_in_mind_is_bounded);
	tcase_add_test(tcase, a_long_name_is_cut_the_same_way_each_time);
	tcase_add_test(tcase, every_cause_has_a_remedy_and_every_remedy_a_text);
}

int
main(void)
{
	return suite_run("heal", add_tests);
}
