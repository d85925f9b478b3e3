/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the registry comes from: the file, which is read again whenever it changes, and
 * the last good copy, which serves when the file cannot. What is lost and what serves
 * instead is decided by heal.h; this is how.
 */
#pragma once

#include "worker/trading/registry.h"
#include "worker/trading/stamp.h"

struct registry_source {
	char *path;		   /* the file */
	char *copy;		   /* the last good copy */
	char *base;		   /* what relative paths in either start at */
	struct registry *registry; /* in use; NULL: none could be read */
	struct stamp stamp;	   /* of the file when it was read last */
	char *text;		   /* what the file held then; NULL: it was not there */
	size_t length;
	struct error error; /* why the file gave no registry; \"\": it did */
	bool unsaved; /* the file's text is in use and not yet the last good copy */
};

/** registry_source_init() - nothing is read yet. Return: 0, -ENOMEM. */
int registry_source_init(struct registry_source *source, const char *path,
    const char *copy, const char *base);
void registry_source_deinit(struct registry_source *source);

/**
 * registry_source_refresh() - read the file again if it has changed since it was read
 * last
 *
 * What the file holds replaces the registry in use, be it whole or not. A file that
 * cannot be read as a registry leaves none. Return: 0, also when nothing had changed;
 * REGISTRY_E_BAD with @error filled; -ENOMEM.
 */
int registry_source_refresh(struct registry_source *source, struct error *error);

/** registry_source_reread() - the same without asking whether it has changed. */
int registry_source_reread(struct registry_source *source, struct error *error);

/** registry_source_use_copy() - use the last good copy, if it is whole. Return: 0;
 * REGISTRY_E_BAD with @error filled, the registry in use untouched; -ENOMEM. */
int registry_source_use_copy(struct registry_source *source, struct error *error);

/** registry_source_forget() - take the file for changed at the next refresh. */
void registry_source_forget(struct registry_source *source);

/** registry_source_save() - make the text in use the last good copy if it is not.
 * Return: 0, -errno. */
int registry_source_save(struct registry_source *source);
