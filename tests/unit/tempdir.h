/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of its own for a test that needs files, and paths in it.
 */
#pragma once

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tempdir {
	char path[64];
	char *names[8]; /* of the last eight tempdir_path() */
	unsigned next;
};

static inline void
tempdir_init(struct tempdir *dir)
{
	const char *parent = getenv("TMPDIR");

	memset(dir, 0, sizeof(*dir));
	ck_assert_int_lt(snprintf(dir->path, sizeof(dir->path),
			     "%s/tradesup-unit-XXXXXX", parent ? parent : "/tmp"),
	    (int)sizeof(dir->path));
	ck_assert_ptr_nonnull(mkdtemp(dir->path));
}

/** tempdir_path() - the path of a file in it; valid during the next seven calls. */
static inline const char *
tempdir_path(struct tempdir *dir, const char *file)
{
	char **name = &dir->names[dir->next++ % 8];

	free(*name);
	ck_assert_int_gt(asprintf(name, "%s/%s", dir->path, file), 0);
	return *name;
}

static inline int
tempdir_remove(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
tempdir_deinit(struct tempdir *dir)
{
	nftw(dir->path, tempdir_remove, 16, FTW_DEPTH | FTW_PHYS);
	for (unsigned i = 0; i < 8; i++)
		free(dir->names[i]);
}
