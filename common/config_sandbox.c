/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox of a worker, as its section says it. Whether this kernel has what it
 * takes is not known here: the supervisor finds that out, and `tradesup check`.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/config_tree.h"
#include "common/paths.h"

#define AT(member) offsetof(struct config_sandbox, member)
static const struct config_key sandbox_keys[] = {
	{ "read_only", KEY_LIST, AT(read_only) },
	{ "write", KEY_LIST, AT(write) },
	{ "private_tmp", KEY_BOOL, AT(private_tmp), "no" },
	{ "no_network", KEY_BOOL, AT(no_network), "no" },
	{ "seccomp", KEY_BOOL, AT(seccomp), "no" },
};
#undef AT

static const struct config_table sandbox_table = CONFIG_TABLE(sandbox_keys);

/* Where a worker's files must not be, when it gets a new one of each. */
static const char *const tmp_directories[] = { CONFIG_SANDBOX_TMP };

void
config_sandbox_free(struct config_sandbox *sandbox)
{
	if (!sandbox)
		return;
	config_deinit(&sandbox_table, sandbox);
	free(sandbox);
}

void
config_sandbox_compare(const struct config_sandbox *a, const struct config_sandbox *b,
    void (*on_key)(const struct config_key *key, void *data), void *data)
{
	static const struct config_sandbox unset;

	config_compare(&sandbox_table, a ? a : &unset, b ? b : &unset, on_key, data);
}

bool
config_sandbox_is_tmp(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(tmp_directories); i++) {
		size_t length = strlen(tmp_directories[i]);

		if (strncmp(path, tmp_directories[i], length) == 0 &&
		    (path[length] == '/' || path[length] == '\0'))
			return true;
	}
	return false;
}

static size_t
count(char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

static bool
join_all(const char *directory, char **list, size_t n, char **joined)
{
	for (size_t i = 0; i < n; i++) {
		joined[i] = path_join(directory, list[i]);
		if (!joined[i])
			return false;
	}
	return true;
}

/* Makes paths of a list, relative to the file's directory. */
static void
resolve(struct config_reader *reader, char ***at)
{
	size_t n = *at ? count(*at) : 0;
	char **joined = n > 0 ? calloc(n, sizeof(*joined)) : NULL, **list = NULL;

	if (n == 0)
		return;
	if (joined && join_all(reader->directory, *at, n, joined))
		list = config_command((const char *const *)joined, n);
	for (size_t i = 0; joined && i < n; i++)
		free(joined[i]);
	free(joined);
	if (!list) {
		reader->errors.out_of_memory = true;
		return;
	}
	free(*at);
	*at = list;
}

static bool
is_alone(char *const *list, const char *const words[3])
{
	if (list[1])
		return false;
	for (size_t i = 0; i < 3; i++)
		if (strcasecmp(list[0], words[i]) == 0)
			return true;
	return false;
}

/* `read_only = yes | no | { paths }`. */
static void
read_read_only(struct config_reader *reader, struct config_sandbox *sandbox)
{
	static const char *const yes[] = { "yes", "true", "on" };
	static const char *const no[] = { "no", "false", "off" };

	if (!sandbox->read_only)
		return;
	if (is_alone(sandbox->read_only, no)) {
		free(sandbox->read_only);
		sandbox->read_only = NULL;
	} else if (is_alone(sandbox->read_only, yes)) {
		sandbox->reads_all = true;
	} else {
		resolve(reader, &sandbox->read_only);
	}
}

static void
check_paths(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, const char *key)
{
	const struct syntax_entry *list = config_entry(entry, key);

	for (const struct syntax_value *value = list ? list->value : NULL; value;
	     value = value->next)
		if (!value->text[0])
			config_report(
			    reader, place, list->line, key, "has an empty path");
}

void
config_sandbox_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	struct config_place place = { outer, entry->key, NULL };
	struct config_worker *worker = &((struct config_node *)base)->worker;
	struct config_sandbox *sandbox = calloc(1, sizeof(*sandbox));

	config_sandbox_free(worker->sandbox);
	worker->sandbox = sandbox;
	if (!sandbox) {
		reader->errors.out_of_memory = true;
		return;
	}
	config_read(reader, &place, &sandbox_table, entry, NULL, sandbox);
	check_paths(reader, &place, entry, "read_only");
	check_paths(reader, &place, entry, "write");
	read_read_only(reader, sandbox);
	resolve(reader, &sandbox->write);
	if (sandbox->write && !sandbox->read_only)
		config_report(reader, &place, config_line(entry, "write"), "write",
		    "needs read_only, without which all can be written");
}
