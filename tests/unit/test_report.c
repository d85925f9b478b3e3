/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the healing events.
 */
#include "worker/trading/report.h"

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static const struct {
	int level;
	enum fault_kind kind;
	enum heal_outcome outcome;
	const char *event;
} cases[] = {
	{ 1, FAULT_NAME, HEAL_SUCCESS, "self_healing.pre_check_heal_success" },
	{ 1, FAULT_NAME, HEAL_FAILED, "self_healing.pre_check_heal_failed" },
	{ 1, FAULT_IMPORT, HEAL_SUCCESS, "self_healing.pre_check_heal_success" },
	{ 2, FAULT_IMPORT, HEAL_SUCCESS, "self_healing.import_reload_success" },
	{ 2, FAULT_ATTRIBUTE, HEAL_FAILED, "self_healing.attribute_reload_failed" },
	{ 2, FAULT_KEY, HEAL_SUCCESS, "self_healing.key_reload_success" },
	{ 1, FAULT_NAME, HEAL_RELAPSED, "self_healing.relapsed" },
	{ 2, FAULT_IMPORT, HEAL_RELAPSED, "self_healing.relapsed" },
};

START_TEST(each_outcome_has_its_event)
{
	char event[REPORT_EVENT_MAX];

	report_heal_event(cases[_i].level, cases[_i].kind, cases[_i].outcome, event);
	ck_assert_str_eq(event, cases[_i].event);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, each_outcome_has_its_event, 0, ARRAY_SIZE(cases));
}

int
main(void)
{
	return suite_run("report", add_tests);
}
