/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test ends with: one case, run, its failures counted.
 */
#pragma once

#include <check.h>
#include <stdlib.h>

/** suite_run() - run a suite of one case. Return: the program's exit status. */
static inline int
suite_run(const char *name, void (*add_tests)(TCase *tcase))
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 120);
	add_tests(tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
