/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry's text, and where it comes from: the file, its changes, the last good
 * copy.
 */
#include "worker/trading/registry_source.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/statefile.h"
#include "tests/unit/suite.h"

static int
parse(const char *text, struct error *error, struct registry **ret_registry)
{
	error->text[0] = '\0';
	return registry_parse(
	    text, strlen(text), "registry.conf", "/base", error, ret_registry);
}

START_TEST(the_built_in_one_is_whole)
{
	_cleanup_(registry_freep) struct registry *registry = NULL;
	struct error error;

	ck_assert_int_eq(parse(registry_builtin(), &error, &registry), 0);
	ck_assert_ptr_null(registry_missing(registry));
	ck_assert_str_eq(
	    registry_path(registry, REGISTRY_HEARTBEAT), "/base/heartbeat.json");
	ck_assert_str_eq(
	    registry_path(registry, REGISTRY_CURSOR), "/base/cache/feed_cursor.json");
}
END_TEST

START_TEST(names_are_made_of_section_and_key)
{
	_cleanup_(registry_freep) struct registry *registry = NULL;
	struct error error;

	ck_assert_int_eq(parse("state_files { my_file = \"/abs/x\" }\n"
			       "cache_files { Rates2 = r.json }\n",
			     &error, &registry),
	    0);
	ck_assert_str_eq(registry_path(registry, "StateFiles.MY_FILE"), "/abs/x");
	ck_assert_str_eq(registry_path(registry, "CacheFiles.RATES2"), "/base/r.json");
	ck_assert_ptr_null(registry_path(registry, "StateFiles.RATES2"));
	ck_assert_ptr_null(registry_path(NULL, "StateFiles.MY_FILE"));
}
END_TEST

START_TEST(an_entry_of_the_users_own_has_its_checks)
{
	_cleanup_(registry_freep) struct registry *registry = NULL;
	const struct registry_entry *entry;
	struct error error;

	ck_assert_int_eq(parse("state_files {\n"
			       "  entry rules { path = rules.json  required = yes\n"
			       "    check = { json, writable }  max_age = 5m }\n"
			       "  entry other { path = x }\n"
			       "}\n",
			     &error, &registry),
	    0);
	entry = registry_find(registry, "StateFiles.RULES");
	ck_assert_ptr_nonnull(entry);
	ck_assert(entry->required);
	ck_assert_uint_eq(entry->checks, REGISTRY_JSON | REGISTRY_WRITABLE);
	ck_assert_int_eq(entry->max_age_ns, 300 * NS_PER_S);
	entry = registry_find(registry, "StateFiles.OTHER");
	ck_assert(!entry->required);
	ck_assert_int_eq(entry->max_age_ns, 0);
}
END_TEST

static const struct {
	const char *what, *text, *error;
} bad[] = {
	{ "an unknown section", "files {}\n", "registry.conf:1: files: not a section" },
	{ "a key outside", "\nx = y\n", "registry.conf:2: x: not a section" },
	{ "an open brace", "state_files {\n  a = b\n", "registry.conf:" },
	{ "an open quote", "state_files { a = \"b }\n", "registry.conf:1: " },
	{ "no value", "state_files { a = }\n", "registry.conf:1: " },
	{ "an empty path", "state_files {\n a = \"\"\n}\n",
	    "registry.conf:2: a: it has no path" },
	{ "a list", "state_files { a = {b, c} }\n", "registry.conf:1: a: one path" },
	{ "a strange key", "state_files { a-b = c }\n",
	    "registry.conf:1: a-b: a key is letters" },
	{ "the same twice", "state_files {\n a = b\n A = c\n}\n",
	    "registry.conf:3: A: given twice" },
	{ "the same as a section", "state_files {\n a = b\n entry a { path = c }\n}\n",
	    "registry.conf:3: a: given twice" },
	{ "an entry without a path", "state_files { entry a { check = json } }\n",
	    "registry.conf:1: a: it has no path" },
	{ "an entry without a key", "state_files { entry { path = x } }\n",
	    "registry.conf:1: entry: a section here is" },
	{ "an unknown check", "state_files { entry a { path = x check = xml } }\n",
	    "registry.conf:1: check: 'xml' is not exists" },
	{ "a bad age", "state_files { entry a { path = x max_age = old } }\n",
	    "registry.conf:1: max_age: 'old' is not a duration" },
	{ "neither yes nor no", "state_files { entry a { path = x required = si } }\n",
	    "registry.conf:1: required: 'si' is not yes or no" },
	{ "an unknown key", "state_files { entry a { path = x size = 1 } }\n",
	    "registry.conf:1: size: there is no such key" },
	{ "noise", "\x01\x02\xff{{{", "registry.conf:1: " },
};

START_TEST(what_is_wrong_is_named_with_its_line)
{
	struct registry *registry = NULL;
	struct error error;

	ck_assert_msg(parse(bad[_i].text, &error, &registry) == REGISTRY_E_BAD, "%s",
	    bad[_i].what);
	ck_assert_ptr_null(registry);
	ck_assert_msg(strncmp(error.text, bad[_i].error, strlen(bad[_i].error)) == 0,
	    "%s: %s", bad[_i].what, error.text);
}
END_TEST

START_TEST(half_a_registry_is_never_whole)
{
	size_t length = strlen(registry_builtin());

	for (size_t cut = 0; cut + 2 < length; cut++) {
		_cleanup_(registry_freep) struct registry *registry = NULL;
		struct error error = { "" };
		int r = registry_parse(
		    registry_builtin(), cut, "r", "/", &error, &registry);

		ck_assert(
		    r == REGISTRY_E_BAD || (r == 0 && registry_missing(registry)));
	}
}
END_TEST

START_TEST(a_dropped_entry_is_missing_and_the_others_stay)
{
	_cleanup_(registry_freep) struct registry *registry = NULL;
	struct error error;

	ck_assert_int_eq(parse(registry_builtin(), &error, &registry), 0);
	registry_drop(registry, REGISTRY_HEARTBEAT);
	registry_drop(registry, "StateFiles.NO_SUCH");
	ck_assert_str_eq(registry_missing(registry), REGISTRY_HEARTBEAT);
	ck_assert_ptr_nonnull(registry_path(registry, REGISTRY_CURSOR));
}
END_TEST

/* A directory with a registry's file and its copy. */
static char dir[] = "/tmp/tradesup-registry-XXXXXX";
static char file[128], copy[128];
static struct registry_source source;

static void
open_source(void)
{
	strcpy(strrchr(dir, '-') + 1, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/registry.conf", dir);
	snprintf(copy, sizeof(copy), "%s/registry.last-good", dir);
	ck_assert_int_eq(registry_source_init(&source, file, copy, "/base"), 0);
}

static void
close_source(void)
{
	registry_source_deinit(&source);
	unlink(file);
	unlink(copy);
	rmdir(dir);
}

static void
write_text(const char *path, const char *text)
{
	ck_assert_int_eq(statefile_write(path, text, strlen(text), false), 0);
}

static bool
is_whole(void)
{
	return registry_missing(source.registry) == NULL;
}

START_TEST(a_changed_file_is_noticed_even_at_the_same_length)
{
	char text[1024];
	struct error error;

	write_text(file, registry_builtin());
	ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
	ck_assert(is_whole());
	snprintf(text, sizeof(text), "%s", registry_builtin());
	memcpy(strstr(text, "heartbeat.json"), "HEARTBEAT.json", 14);
	write_text(file, text);
	ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
	ck_assert_str_eq(
	    registry_path(source.registry, REGISTRY_HEARTBEAT), "/base/HEARTBEAT.json");
}
END_TEST

START_TEST(the_copy_serves_and_the_bad_file_is_not_looked_at_again)
{
	struct error error = { "" };

	write_text(file, registry_builtin());
	ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
	ck_assert_int_eq(registry_source_save(&source), 0);
	write_text(file, "state_files { ");
	ck_assert_int_eq(registry_source_refresh(&source, &error), REGISTRY_E_BAD);
	ck_assert_ptr_null(source.registry);
	ck_assert_int_eq(registry_source_use_copy(&source, &error), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
		ck_assert(is_whole());
	}
	ck_assert_int_eq(registry_source_reread(&source, &error), REGISTRY_E_BAD);
	ck_assert(!is_whole());
}
END_TEST

START_TEST(a_file_that_vanishes_is_a_change)
{
	struct error error = { "" };

	write_text(file, registry_builtin());
	ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
	unlink(file);
	ck_assert_int_eq(registry_source_refresh(&source, &error), REGISTRY_E_BAD);
	ck_assert_ptr_nonnull(strstr(error.text, "No such file"));
	ck_assert_ptr_null(source.registry);
	write_text(file, registry_builtin());
	ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
	ck_assert(is_whole());
}
END_TEST

START_TEST(a_copy_that_is_not_whole_does_not_serve)
{
	struct error error = { "" };

	write_text(copy, "state_files { journal = x }");
	ck_assert_int_eq(registry_source_use_copy(&source, &error), REGISTRY_E_BAD);
	ck_assert_ptr_null(source.registry);
	unlink(copy);
	ck_assert_int_eq(registry_source_use_copy(&source, &error), REGISTRY_E_BAD);
}
END_TEST

START_TEST(a_directory_or_device_in_its_place_is_bad)
{
	struct error error = { "" };

	ck_assert_int_eq(mkdir(file, 0700), 0);
	ck_assert_int_eq(registry_source_refresh(&source, &error), REGISTRY_E_BAD);
	rmdir(file);
	ck_assert_int_eq(symlink("/dev/zero", file), 0);
	ck_assert_int_eq(registry_source_refresh(&source, &error), REGISTRY_E_BAD);
	ck_assert_ptr_nonnull(strstr(error.text, "not a file"));
}
END_TEST

START_TEST(only_what_came_from_the_file_becomes_the_copy)
{
	struct error error = { "" };
	struct stamp before, after;

	write_text(file, registry_builtin());
	ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
	ck_assert_int_eq(registry_source_save(&source), 0);
	before = stamp_take(copy);
	ck_assert(before.there);
	ck_assert_int_eq(registry_source_save(&source), 0);
	ck_assert_int_eq(registry_source_use_copy(&source, &error), 0);
	ck_assert_int_eq(registry_source_save(&source), 0);
	after = stamp_take(copy);
	ck_assert_uint_eq(before.inode, after.inode);
}
END_TEST

START_TEST(forgetting_reads_the_file_again)
{
	struct error error = { "" };

	write_text(file, registry_builtin());
	ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
	registry_drop(source.registry, REGISTRY_HEARTBEAT);
	ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
	ck_assert(!is_whole());
	registry_source_forget(&source);
	ck_assert_int_eq(registry_source_refresh(&source, &error), 0);
	ck_assert(is_whole());
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, open_source, close_source);
	tcase_add_test(tcase, the_built_in_one_is_whole);
	tcase_add_test(tcase, names_are_made_of_section_and_key);
	tcase_add_test(tcase, an_entry_of_the_users_own_has_its_checks);
	tcase_add_loop_test(
	    tcase, what_is_wrong_is_named_with_its_line, 0, ARRAY_SIZE(bad));
	tcase_add_test(tcase, half_a_registry_is_never_whole);
	tcase_add_test(tcase, a_dropped_entry_is_missing_and_the_others_stay);
	tcase_add_test(tcase, a_changed_file_is_noticed_even_at_the_same_length);
	tcase_add_test(tcase, the_copy_serves_and_the_bad_file_is_not_looked_at_again);
	tcase_add_test(tcase, a_file_that_vanishes_is_a_change);
	tcase_add_test(tcase, a_copy_that_is_not_whole_does_not_serve);
	tcase_add_test(tcase, a_directory_or_device_in_its_place_is_bad);
	tcase_add_test(tcase, only_what_came_from_the_file_becomes_the_copy);
	tcase_add_test(tcase, forgetting_reads_the_file_again);
}

int
main(void)
{
	return suite_run("registry", add_tests);
}
