/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry's file and its last good copy: reading, noticing a change, keeping the
 * copy. It does not judge whether a registry is whole enough to trade with, except for
 * a copy, which is of no use otherwise.
 */
#include "worker/trading/registry_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/statefile.h"

int
registry_source_init(struct registry_source *source, const char *path, const char *copy,
    const char *base)
{
	*source = (struct registry_source){
		.path = strdup(path),
		.copy = strdup(copy),
		.base = strdup(base),
	};
	if (source->path && source->copy && source->base)
		return 0;
	registry_source_deinit(source);
	return -ENOMEM;
}

void
registry_source_deinit(struct registry_source *source)
{
	free(source->path);
	free(source->copy);
	free(source->base);
	free(source->text);
	registry_free(source->registry);
	*source = (struct registry_source){ .path = NULL };
}

/* Return: 0; REGISTRY_E_BAD, for what cannot be read, too; -ENOMEM. */
static int
read_text(const char *path, struct error *error, char **ret_text, size_t *ret_length)
{
	struct stat st;
	int r;

	/* A device or a pipe in its place could keep us waiting. */
	if (stat(path, &st) < 0)
		return error_set(
		    error, REGISTRY_E_BAD, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(error, REGISTRY_E_BAD, "%s: not a file", path);
	r = statefile_read(path, ret_text, ret_length);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return error_set(error, REGISTRY_E_BAD, "%s: %s", path, strerror(-r));
	return 0;
}

static void
replace(struct registry_source *source, struct registry *registry)
{
	registry_free(source->registry);
	source->registry = registry;
}

static int
parse_and_use(struct registry_source *source, struct error *error)
{
	struct registry *registry = NULL;
	int r;

	r = registry_parse(
	    source->text, source->length, source->path, source->base, error, &registry);
	replace(source, registry);
	source->unsaved = r == 0;
	return r;
}

/* Return: as registry_source_refresh(), the sentence in @source. */
static int
read_file(struct registry_source *source, bool even_if_same)
{
	struct stamp now = stamp_take(source->path);
	_cleanup_free_ char *text = NULL;
	struct error error = { "" };
	size_t length = 0;
	int r;

	r = read_text(source->path, &error, &text, &length);
	if (r < 0)
		return r;
	source->stamp = now;
	if (r == 0 && !even_if_same && source->text && length == source->length &&
	    memcmp(text, source->text, length) == 0)
		return 0;
	free(source->text);
	source->text = steal(&text);
	source->length = length;
	source->error = error;
	if (r == 0)
		return parse_and_use(source, &source->error);
	replace(source, NULL);
	source->unsaved = false;
	return r;
}

int
registry_source_refresh(struct registry_source *source, struct error *error)
{
	struct stamp now = stamp_take(source->path);
	int r;

	/* The first time the stamp is not settled: even no file is a change then. */
	if (stamp_same(&source->stamp, &now))
		return 0;
	r = read_file(source, false);
	if (r == REGISTRY_E_BAD)
		*error = source->error;
	return r;
}

int
registry_source_reread(struct registry_source *source, struct error *error)
{
	int r;

	r = read_file(source, true);
	if (r == REGISTRY_E_BAD)
		*error = source->error;
	return r;
}

int
registry_source_use_copy(struct registry_source *source, struct error *error)
{
	_cleanup_(registry_freep) struct registry *registry = NULL;
	_cleanup_free_ char *text = NULL;
	const char *missing;
	size_t length;
	int r;

	r = read_text(source->copy, error, &text, &length);
	if (r)
		return r;
	r = registry_parse(text, length, source->copy, source->base, error, &registry);
	if (r)
		return r;
	missing = registry_missing(registry);
	if (missing)
		return error_set(
		    error, REGISTRY_E_BAD, "%s: %s is missing", source->copy, missing);
	replace(source, steal(&registry));
	source->unsaved = false;
	return 0;
}

void
registry_source_forget(struct registry_source *source)
{
	source->stamp = (struct stamp){ .settled = false };
	free(source->text);
	source->text = NULL;
}

int
registry_source_save(struct registry_source *source)
{
	int r;

	if (!source->unsaved)
		return 0;
	r = statefile_write(source->copy, source->text, source->length, true);
	if (r == 0)
		source->unsaved = false;
	return r;
}
