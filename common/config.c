/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a configuration file and holds the result. The syntax is in syntax.c, the keys
 * in config_tree.c and config_trading.c.
 */
#include "common/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/config_tree.h"
#include "common/paths.h"

static void
on_syntax_error(unsigned line, const char *what, void *data)
{
	config_report(data, NULL, line, NULL, "%s", what);
}

/* All of a file, NUL-terminated. Return: 0, -EFBIG, -errno. */
static int
read_file(const char *path, char **ret_text, size_t *ret_length)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t length = 0, size = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		if (length + 1 >= size) {
			char *larger;

			size = size > 0 ? 2 * size : 65536;
			larger = realloc(text, size);
			if (!larger)
				return -ENOMEM;
			text = larger;
		}
		n = read(fd, text + length, size - length - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		length += n > 0 ? (size_t)n : 0;
		if (length > SYNTAX_SIZE_MAX)
			return -EFBIG;
	} while (n != 0);

	text[length] = '\0';
	*ret_text = steal(&text);
	*ret_length = length;
	return 0;
}

static struct config *
new_config(const char *path)
{
	_cleanup_(config_freep) struct config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	config->path = strdup(path);
	config->root = config_node_new(CONFIG_GROUP, CONFIG_ROOT_NAME, 0);
	if (!config->path || !config->root)
		return NULL;
	config->root->shutdown_ns = SHUTDOWN_INFINITY;
	return steal(&config);
}

/* The directory part of a path with its slash; "" where there is none. */
static char *
directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
}

static int
parse(struct config_reader *reader, const char *text, size_t length)
{
	struct syntax syntax = { 0 };
	int r = syntax_parse(&syntax, text, length, on_syntax_error, reader);

	if (r == 0)
		config_tree_read(reader, &syntax.root);
	syntax_deinit(&syntax);
	return r;
}

/* The outcome of what has been noted on the way. */
static int
conclude(struct config_reader *reader, config_on_error on_error, void *data)
{
	bool failed = reader->errors.n > 0;

	config_errors_tell(&reader->errors, on_error, data);
	if (reader->errors.out_of_memory)
		return -ENOMEM;
	return failed ? -EINVAL : 0;
}

/* Reads @path as @reader says. */
static int
load(struct config_reader *reader, const char *path, config_on_error on_error,
    void *data, struct config **ret_config)
{
	_cleanup_(config_freep) struct config *config = new_config(path);
	_cleanup_free_ char *directory = directory_of(path), *text = NULL;
	size_t length = 0;
	int r;

	if (!config || !directory)
		return -ENOMEM;
	reader->errors.path = path;
	reader->directory = directory;
	reader->config = config;
	r = read_file(path, &text, &length);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		_cleanup_free_ char *message = NULL;

		if (asprintf(&message, "%s: cannot be read: %s", path,
			r == -EFBIG ? "it is larger than 16 MiB" : strerror(-r)) < 0) {
			message = NULL;
			return -ENOMEM;
		}
		on_error(message, data);
		return -EINVAL;
	}

	r = parse(reader, text, length);
	if (r < 0)
		reader->errors.out_of_memory = true;
	r = conclude(reader, on_error, data);
	if (r < 0)
		return r;
	*ret_config = steal(&config);
	return 0;
}

int
config_load(
    const char *path, config_on_error on_error, void *data, struct config **ret_config)
{
	struct config_reader reader = { 0 };

	return load(&reader, path, on_error, data, ret_config);
}

int
config_load_fragment(const char *path, enum auto_shutdown around,
    config_on_error on_error, void *data, struct config **ret_config)
{
	struct config_reader reader = { .is_fragment = true, .around = around };

	return load(&reader, path, on_error, data, ret_config);
}

/* A name for a command: its last path part, with what is unsafe in a name replaced. */
static void
name_command(const char *command, char out[65])
{
	const char *slash = strrchr(command, '/');

	snprintf(out, 65, "%s", slash ? slash + 1 : command);
	for (char *p = out; *p; p++) {
		char letter[2] = { *p, '\0' };

		if (!path_is_safe_name(letter) &&
		    (p == out || (*p != '.' && *p != '-')))
			*p = '_';
	}
	if (!path_is_safe_name(out) || strcmp(out, CONFIG_ROOT_NAME) == 0)
		strcpy(out, "worker");
}

int
config_for_command(char **command, struct config **ret_config)
{
	_cleanup_(config_freep) struct config *config = new_config("-");
	struct config_reader reader = { .directory = "", .config = config };
	struct config_node *worker;
	char name[65];
	size_t n = 0;

	if (!command[0])
		return -EINVAL;
	name_command(command[0], name);
	worker = config ? config_node_new(CONFIG_WORKER, name, 1) : NULL;
	if (!worker)
		return -ENOMEM;
	config->root->group.children = calloc(1, sizeof(struct config_node *));
	if (!config->root->group.children) {
		config_node_free(worker);
		return -ENOMEM;
	}
	config->root->group.children[0] = worker;
	config->root->group.n_children = 1;

	config_tree_defaults(&reader, worker);
	while (command[n])
		n++;
	worker->worker.command = config_command((const char *const *)command, n);
	if (!worker->worker.command || reader.errors.out_of_memory)
		return -ENOMEM;
	*ret_config = steal(&config);
	return 0;
}

struct config *
config_free(struct config *config)
{
	if (!config)
		return NULL;
	config_node_free(config->root);
	free(config->path);
	free(config->state_dir);
	free(config->runtime_dir);
	free(config->control_group);
	free(config);
	return NULL;
}

void
config_freep(struct config **config)
{
	config_free(*config);
}

static const struct config_node *
find_node(const struct config_node *node, const char *name)
{
	const struct config_node *found = NULL;

	if (strcmp(node->name, name) == 0)
		return node;
	if (node->type != CONFIG_GROUP)
		return NULL;
	for (size_t i = 0; !found && i < node->group.n_children; i++)
		found = find_node(node->group.children[i], name);
	return found;
}

const struct config_node *
config_find(const struct config *config, const char *name)
{
	return find_node(config->root, name);
}
