/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/message_id.c: ids are interface, so some are written down here.
 */
#include "supervisor/message_id.h"

#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static const struct {
	const char *event, *id;
} known[] = {
	{ "self_healing.worker_thread_restart", "3f9885c3b8cd8e3798ec0f3cd4ced8ac" },
	{ "self_healing.service_restart", "b6db41470ed7845fa23248af11aa675f" },
	{ "worker.start", "a42b1eb4cac88719b020576c68d10a0b" },
};

START_TEST(ids_stay_as_they_are)
{
	char id[MESSAGE_ID_TEXT_MAX];

	message_id(known[_i].event, id);
	ck_assert_str_eq(id, known[_i].id);
}
END_TEST

START_TEST(is_a_uuid_of_version_8)
{
	char id[MESSAGE_ID_TEXT_MAX];

	message_id("worker.exit", id);
	ck_assert_uint_eq(strspn(id, "0123456789abcdef"), 32);
	ck_assert_int_eq(id[12], '8');
	ck_assert_ptr_nonnull(strchr("89ab", id[16]));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, ids_stay_as_they_are, 0, ARRAY_SIZE(known));
	tcase_add_test(tcase, is_a_uuid_of_version_8);
}

int
main(void)
{
	return suite_run("message_id", add_tests);
}
