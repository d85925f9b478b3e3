/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/cgroup.c: what /proc says as text, and what is written where, in a
 * directory that looks like a cgroup. A real one is in tests/integration.
 */
#include "supervisor/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"
#include "tests/unit/tempdir.h"

static const struct {
	const char *line, *root, *point; /* root NULL: not one of ours */
} mounts[] = {
	{ "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n", "/",
	    "/sys/fs/cgroup" },
	{ "41 31 0:38 /a/b /sys/fs/c\\040d rw shared:4 master:1 - cgroup2 none rw\n",
	    "/a/b", "/sys/fs/c d" },
	{ "31 21 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n", NULL,
	    NULL },
	{ "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", NULL, NULL },
	{ "41 31 - cgroup2 \n", NULL, NULL },
	{ " - cgroup2 ", NULL, NULL },
	{ "", NULL, NULL },
};

START_TEST(finds_the_mount)
{
	struct cgroup_mount mount;
	bool found = cgroup_parse_mount(mounts[_i].line, &mount);

	ck_assert_msg(found == (mounts[_i].root != NULL), "%s", mounts[_i].line);
	if (!found)
		return;
	ck_assert_str_eq(mount.root, mounts[_i].root);
	ck_assert_str_eq(mount.point, mounts[_i].point);
}
END_TEST

static const struct {
	const char *line, *path;
} owns[] = {
	{ "0::/\n", "/" },
	{ "0::/system.slice/tradesup.service\n", "/system.slice/tradesup.service" },
	{ "0::/a b", "/a b" },
	{ "4:memory:/x\n", NULL },
	{ "10::/x\n", NULL },
	{ "0::\n", NULL },
	{ "", NULL },
};

START_TEST(finds_its_own)
{
	char line[128];
	const char *path;

	snprintf(line, sizeof(line), "%s", owns[_i].line);
	path = cgroup_parse_own(line);
	ck_assert_pstr_eq(path, owns[_i].path);
}
END_TEST

static const struct {
	const char *root, *path, *directory;
} places[] = {
	{ "/", "/", "/cg/" },
	{ "/", "/a/b", "/cg/a/b" },
	{ "/a", "/a/b", "/cg/b" },
	{ "/a", "/a", "/cg" },
	{ "/a", "/ab", NULL },
	{ "/a/b", "/a", NULL },
	{ "/..", "/", NULL },
};

START_TEST(finds_the_directory)
{
	struct cgroup_mount mount = { .point = "/cg" };
	char out[64];
	bool found;

	snprintf(mount.root, sizeof(mount.root), "%s", places[_i].root);
	found = cgroup_directory(&mount, places[_i].path, out, sizeof(out));
	ck_assert_pstr_eq(found ? out : NULL, places[_i].directory);
	ck_assert(!cgroup_directory(&mount, places[_i].path, out, 3));
}
END_TEST

/* A directory with the files of a cgroup. */

static struct tempdir dir;
static struct cgroup cgroup;

static void
put(const char *name, const char *text)
{
	FILE *file = fopen(tempdir_path(&dir, name), "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static const char *
get(const char *name)
{
	static char text[256];
	FILE *file = fopen(tempdir_path(&dir, name), "re");
	size_t length;

	ck_assert_ptr_nonnull(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

static int
open_dir(const char *name)
{
	int fd = open(tempdir_path(&dir, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void
set_up(void)
{
	tempdir_init(&dir);
	cgroup_init(&cgroup);
	put("cgroup.controllers", "cpuset cpu io memory\n");
	put("cgroup.subtree_control", "");
	put("cgroup.procs", "");
}

static void
tear_down(void)
{
	cgroup_close(&cgroup);
	tempdir_deinit(&dir);
}

START_TEST(hands_on_what_there_is)
{
	ck_assert_int_eq(cgroup_adopt(&cgroup, open_dir("."), false), 0);
	ck_assert_uint_eq(cgroup.controllers, CGROUP_CPU | CGROUP_MEMORY);
	ck_assert(!cgroup.is_ours);
	ck_assert_int_eq(access(tempdir_path(&dir, "supervisor"), F_OK), -1);
}
END_TEST

START_TEST(moves_into_a_leaf_of_its_own)
{
	ck_assert_int_eq(cgroup_adopt(&cgroup, open_dir("."), true), 0);
	ck_assert(cgroup.is_ours);
	ck_assert_int_eq(access(tempdir_path(&dir, "supervisor"), F_OK), 0);
	cgroup_close(&cgroup);
	ck_assert_int_eq(cgroup.fd, -1);
}
END_TEST

/* The leaf has no cgroup.procs here, as little as one that we may not write to. */
START_TEST(stays_where_it_cannot_move)
{
	put("cgroup.procs", "1\n2\n");
	ck_assert_int_lt(cgroup_adopt(&cgroup, open_dir("."), true), 0);
	ck_assert_int_eq(cgroup.fd, -1);
	ck_assert_ptr_nonnull(cgroup.why);
	ck_assert_int_eq(access(tempdir_path(&dir, "supervisor"), F_OK), -1);
}
END_TEST

START_TEST(refuses_what_is_no_cgroup)
{
	ck_assert_int_eq(cgroup_open(&cgroup, dir.path), -EINVAL);
	ck_assert_int_eq(cgroup_open(&cgroup, tempdir_path(&dir, "none")), -ENOENT);
	ck_assert_ptr_nonnull(cgroup.why);
}
END_TEST

START_TEST(writes_limits)
{
	_cleanup_close_ int fd = -1;

	ck_assert_int_eq(cgroup_adopt(&cgroup, open_dir("."), false), 0);
	fd = cgroup_make_worker(&cgroup, "flow");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(cgroup_limit_memory(fd, 4096), -ENOENT);
	ck_assert_int_eq(cgroup_limit_cpu(fd, 50), -ENOENT);
	put("worker-flow/memory.max", "max\n");
	put("worker-flow/memory.oom.group", "0\n");
	put("worker-flow/cpu.max", "");
	ck_assert_int_eq(cgroup_limit_memory(fd, INT64_C(5) << 30), 0);
	ck_assert_int_eq(cgroup_limit_cpu(fd, 150), 0);
	ck_assert_str_eq(get("worker-flow/memory.max"), "5368709120");
	ck_assert_str_eq(get("worker-flow/memory.oom.group"), "1\n");
	ck_assert_str_eq(get("worker-flow/cpu.max"), "150000 100000");
}
END_TEST

START_TEST(counts_kills)
{
	_cleanup_close_ int fd = open_dir(".");

	ck_assert_int_eq(cgroup_oom_kills(fd), 0);
	put("memory.events", "low 0\nhigh 0\nmax 12\noom 4\noom_kill 3\n"
			     "oom_group_kill 9\n");
	ck_assert_int_eq(cgroup_oom_kills(fd), 3);
	put("memory.events", "low 0\n");
	ck_assert_int_eq(cgroup_oom_kills(fd), 0);
}
END_TEST

START_TEST(removes_workers_and_nothing_else)
{
	static const char *const workers[] = { "a", "b" };

	ck_assert_int_eq(mkdir(tempdir_path(&dir, "other"), 0700), 0);
	ck_assert_int_eq(cgroup_adopt(&cgroup, open_dir("."), false), 0);
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++)
		close(cgroup_make_worker(&cgroup, workers[i]));
	cgroup_remove_worker(&cgroup, "a");
	ck_assert_int_eq(access(tempdir_path(&dir, "worker-a"), F_OK), -1);
	ck_assert_int_eq(access(tempdir_path(&dir, "worker-b"), F_OK), 0);
	cgroup_close(&cgroup);
	ck_assert_int_eq(access(tempdir_path(&dir, "worker-b"), F_OK), -1);
	ck_assert_int_eq(access(tempdir_path(&dir, "other"), F_OK), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, finds_the_mount, 0, ARRAY_SIZE(mounts));
	tcase_add_loop_test(tcase, finds_its_own, 0, ARRAY_SIZE(owns));
	tcase_add_loop_test(tcase, finds_the_directory, 0, ARRAY_SIZE(places));
	tcase_add_test(tcase, hands_on_what_there_is);
	tcase_add_test(tcase, moves_into_a_leaf_of_its_own);
	tcase_add_test(tcase, stays_where_it_cannot_move);
	tcase_add_test(tcase, refuses_what_is_no_cgroup);
	tcase_add_test(tcase, writes_limits);
	tcase_add_test(tcase, counts_kills);
	tcase_add_test(tcase, removes_workers_and_nothing_else);
}

int
main(void)
{
	return suite_run("cgroup", add_tests);
}
