/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as text, loaded from a file in a directory of its own, with what was
 * said about it.
 */
#pragma once

#include "common/config.h"
#include "tests/unit/suite.h"
#include "tests/unit/tempdir.h"

struct config_case {
	struct tempdir dir;
	char path[128];
	struct config *config;
	int result;
	char errors[16384]; /* without the directory, a line each */
};

static inline void
config_case_on_error(const char *message, void *data)
{
	struct config_case *c = data;
	size_t used = strlen(c->errors), prefix = strlen(c->dir.path) + 1;

	ck_assert_int_eq(strncmp(message, c->path, prefix), 0);
	snprintf(c->errors + used, sizeof(c->errors) - used, "%s%s",
	    used > 0 ? "\n" : "", message + prefix);
}

static inline void
config_case_init(struct config_case *c)
{
	memset(c, 0, sizeof(*c));
	tempdir_init(&c->dir);
	snprintf(c->path, sizeof(c->path), "%s", tempdir_path(&c->dir, "t.conf"));
}

/** config_case_load() - load @path of the directory, or @text written to t.conf. */
static inline void
config_case_load(struct config_case *c, const char *text, size_t length)
{
	FILE *file = fopen(c->path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
	c->config = config_free(c->config);
	c->errors[0] = '\0';
	c->result = config_load(c->path, config_case_on_error, c, &c->config);
}

static inline void
config_case_deinit(struct config_case *c)
{
	config_free(c->config);
	tempdir_deinit(&c->dir);
}
