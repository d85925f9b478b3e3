/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding what is wrong before a cycle needs it. Nothing is mended here, and the only
 * thing that changes is what was learnt from looking.
 */
#include "worker/trading/precheck.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/duration.h"
#include "worker/trading/module.h"

#define REGISTRY_NAME "Registry" /* when there is none at all */

static bool
name_fault(struct fault *fault, enum heal_cause cause, const char *name,
    const char *path, const char *what)
{
	char why[ERROR_TEXT_MAX];

	snprintf(why, sizeof(why), "%s: %s", path, what);
	fault_set(fault, FAULT_NAME, cause, name, why);
	return true;
}

static bool
find_in_registry(struct worker *worker, struct fault *fault)
{
	struct registry_source *source = &worker->source;
	struct error error = { "" };
	const char *missing;

	if (registry_source_refresh(source, &error) == -ENOMEM)
		return name_fault(fault, HEAL_CAUSE_REGISTRY, REGISTRY_NAME,
		    source->path, "out of memory");
	missing = registry_missing(source->registry);
	if (!missing)
		return false;
	if (source->registry)
		return name_fault(fault, HEAL_CAUSE_REGISTRY, missing, source->path,
		    "the entry is missing");
	fault_set(
	    fault, FAULT_NAME, HEAL_CAUSE_REGISTRY, REGISTRY_NAME, source->error.text);
	return true;
}

static bool
is_directory(const struct registry_entry *entry)
{
	return entry->section == REGISTRY_DIRECTORIES;
}

/* The target is not there. */
static bool
find_in_absent(const struct registry_entry *entry, struct fault *fault)
{
	_cleanup_free_ char *parent = strdup(entry->path);
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (is_directory(entry))
		return name_fault(fault, HEAL_CAUSE_DIRECTORY, entry->name, entry->path,
		    "no such directory");
	if (entry->required)
		return name_fault(
		    fault, HEAL_CAUSE_TARGET, entry->name, entry->path, "not there");
	if (!(entry->checks & REGISTRY_WRITABLE) || !slash || slash == parent)
		return false;
	*slash = '\0';
	if (access(parent, W_OK | X_OK) == 0)
		return false;
	return name_fault(fault,
	    errno == ENOENT ? HEAL_CAUSE_DIRECTORY : HEAL_CAUSE_TARGET, entry->name,
	    parent, strerror(errno));
}

static bool
find_in_age(
    const struct registry_entry *entry, const struct stamp *stamp, struct fault *fault)
{
	char text[DURATION_TEXT_MAX], what[DURATION_TEXT_MAX + 16];

	if (!entry->max_age_ns ||
	    clock_realtime_ns() - stamp->mtime_ns <= entry->max_age_ns)
		return false;
	duration_format(entry->max_age_ns, text);
	snprintf(what, sizeof(what), "older than %s", text);
	return name_fault(fault, HEAL_CAUSE_TARGET, entry->name, entry->path, what);
}

static bool
find_in_content(
    struct registry_entry *entry, const struct stamp *stamp, struct fault *fault)
{
	bool is_cursor = strcmp(entry->name, REGISTRY_CURSOR) == 0;
	int r;

	if (!(entry->checks & REGISTRY_JSON) || stamp_same(&entry->passed, stamp))
		return false;
	r = json_check(entry->path);
	if (r == -EBADMSG)
		return name_fault(fault,
		    is_cursor ? HEAL_CAUSE_CURSOR : HEAL_CAUSE_CORRUPT, entry->name,
		    entry->path, "no JSON object");
	if (r < 0)
		return name_fault(
		    fault, HEAL_CAUSE_TARGET, entry->name, entry->path, strerror(-r));
	entry->passed = *stamp;
	return false;
}

static bool
find_in_entry(struct registry_entry *entry, struct fault *fault)
{
	struct stamp stamp = stamp_take(entry->path);
	const char *what = NULL;

	if (!stamp.there)
		return find_in_absent(entry, fault);
	if (is_directory(entry) != stamp.is_directory)
		what = is_directory(entry) ? "not a directory" : "a directory";
	else if (entry->checks & REGISTRY_WRITABLE &&
		 access(entry->path, is_directory(entry) ? W_OK | X_OK : W_OK) < 0)
		what = strerror(errno);
	if (what)
		return name_fault(
		    fault, HEAL_CAUSE_TARGET, entry->name, entry->path, what);
	return find_in_age(entry, &stamp, fault) ||
	       find_in_content(entry, &stamp, fault);
}

/*
 * What is loaded does not need its file any more, but the next start will. The file is
 * loaded on trial when it has changed, and not while it may still be being written.
 */
static bool
find_in_module(struct worker *worker, struct fault *fault)
{
	const char *path = worker->trader ? trader_module_path(worker->trader) : NULL;
	struct error error = { "" };
	struct stamp now;
	int r;

	if (!path)
		return false;
	now = stamp_take(path);
	if (!now.settled || stamp_same(&worker->module, &now))
		return false;
	worker->module = now;
	r = module_check(worker->config->trading, &error);
	if (r == 0)
		return false;
	fault_set(fault, r == MODULE_E_ATTRIBUTE ? FAULT_ATTRIBUTE : FAULT_IMPORT,
	    HEAL_CAUSE_MODULE_FILE, path, error.text);
	return true;
}

bool
precheck_find(struct worker *worker, struct fault *ret_fault)
{
	struct registry *registry;

	if (find_in_registry(worker, ret_fault))
		return true;
	registry = worker->source.registry;
	for (size_t i = 0; i < registry->n_entries; i++)
		if (find_in_entry(&registry->entries[i], ret_fault))
			return true;
	return find_in_module(worker, ret_fault);
}
