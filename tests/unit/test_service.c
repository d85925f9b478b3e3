/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Escalations are counted within their period, over the supervisor's own death.
 */
#include "supervisor/service.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/statefile.h"
#include "tests/unit/suite.h"
#include "tests/unit/tempdir.h"

#define MINUTE (60 * NS_PER_S)
#define NOW (INT64_C(1764115200) * NS_PER_S)

static struct tempdir dir;

static void
make_directory(void)
{
	tempdir_init(&dir);
}

static void
remove_directory(void)
{
	tempdir_deinit(&dir);
}

static const struct {
	const char *what;
	int64_t before[4]; /* escalations, so long before now, in minutes */
	size_t n, counted;
} cases[] = {
	{ "none", { 0 }, 0, 0 },
	{ "all of them recent", { 3, 2, 1 }, 3, 3 },
	{ "one exactly one period old", { 10, 2, 1 }, 3, 3 },
	{ "one older than that", { 11, 2, 1 }, 3, 2 },
	{ "one in the future", { 2, 1, -5 }, 3, 3 },
	{ "all of them old", { 40, 30, 20 }, 3, 0 },
};

START_TEST(those_of_the_period_count)
{
	struct service service = { .n = 0 };

	for (size_t i = 0; i < cases[_i].n; i++)
		service_escalated(&service, NOW - cases[_i].before[i] * MINUTE);
	ck_assert_msg(service_count(&service, 10 * MINUTE, NOW) == cases[_i].counted,
	    "%s", cases[_i].what);
}
END_TEST

START_TEST(the_oldest_makes_room)
{
	struct service service = { .n = 0 };

	for (int i = 0; i < SERVICE_KEPT + 3; i++)
		service_escalated(&service, NOW + i);
	ck_assert_uint_eq(service.n, SERVICE_KEPT);
	ck_assert_int_eq(service.times_ns[0], NOW + 3);
	ck_assert_int_eq(service.times_ns[SERVICE_KEPT - 1], NOW + SERVICE_KEPT + 2);
}
END_TEST

START_TEST(no_time_overflows)
{
	struct service service = { .n = 0 };

	service_escalated(&service, INT64_MIN);
	service_escalated(&service, INT64_MAX);
	ck_assert_uint_eq(service_count(&service, INT64_MAX, INT64_MAX), 1);
}
END_TEST

START_TEST(what_is_stored_comes_back)
{
	struct service service = { .n = 0 }, back;

	for (int i = 0; i < SERVICE_KEPT; i++)
		service_escalated(&service, NOW + i);
	ck_assert_int_eq(service_store(&service, dir.path), 0);
	ck_assert_int_eq(service_load(&back, dir.path), 0);
	ck_assert_uint_eq(back.n, service.n);
	ck_assert_mem_eq(back.times_ns, service.times_ns, sizeof(back.times_ns));

	service.n = 0;
	ck_assert_int_eq(service_store(&service, dir.path), 0);
	ck_assert_int_lt(access(tempdir_path(&dir, SERVICE_FILE), F_OK), 0);
	ck_assert_int_eq(service_store(&service, dir.path), 0);
	ck_assert_int_eq(service_load(&back, dir.path), 0);
	ck_assert_uint_eq(back.n, 0);
}
END_TEST

static const char *const damaged[] = { "yesterday\n", "2025-11-26T00:00:00Z",
	"2025-11-26T00:00:00Z\n\n2025-11-26T00:00:00Z\n", "\n" };

START_TEST(a_damaged_file_is_moved_aside)
{
	struct service service;

	ck_assert_int_eq(statefile_write(tempdir_path(&dir, SERVICE_FILE), damaged[_i],
			     strlen(damaged[_i]), 0),
	    0);
	ck_assert_int_eq(service_load(&service, dir.path), -EBADMSG);
	ck_assert_uint_eq(service.n, 0);
	ck_assert_int_eq(service_load(&service, dir.path), 0);
}
END_TEST

START_TEST(what_cannot_be_read_is_said)
{
	struct service service;

	ck_assert_int_eq(mkdir(tempdir_path(&dir, SERVICE_FILE), 0700), 0);
	ck_assert_int_eq(service_load(&service, dir.path), -EISDIR);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, make_directory, remove_directory);
	tcase_add_loop_test(tcase, those_of_the_period_count, 0, ARRAY_SIZE(cases));
	tcase_add_test(tcase, the_oldest_makes_room);
	tcase_add_test(tcase, no_time_overflows);
	tcase_add_test(tcase, what_is_stored_comes_back);
	tcase_add_loop_test(
	    tcase, a_damaged_file_is_moved_aside, 0, ARRAY_SIZE(damaged));
	tcase_add_test(tcase, what_cannot_be_read_is_said);
}

int
main(void)
{
	return suite_run("service", add_tests);
}
