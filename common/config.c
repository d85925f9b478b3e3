/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a configuration file and holds the result. The syntax is in syntax.c, the keys
 * in config_tree.c and config_trading.c.
 */
#include "common/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/config_alerts.h"
#include "common/config_tree.h"
#include "common/sealed.h"
#include "common/paths.h"

static void
on_syntax_error(unsigned line, const char *what, void *data)
{
	config_report(data, NULL, line, NULL, "%s", what);
}

/* One that several processes share has one position for all; it stays where it is. */
static ssize_t
read_some(int fd, bool is_shared, char *out, size_t size, size_t at)
{
	return is_shared ? pread(fd, out, size, (off_t)at) : read(fd, out, size);
}

/* All of a file, NUL-terminated. Return: 0, -EFBIG, -errno. */
static int
read_all(int fd, bool is_shared, char **ret_text, size_t *ret_length)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0, size = 0;
	ssize_t n;

	do {
		if (length + 1 >= size) {
			char *larger;

			size = size > 0 ? 2 * size : 65536;
			larger = realloc(text, size);
			if (!larger)
				return -ENOMEM;
			text = larger;
		}
		n = read_some(fd, is_shared, text + length, size - length - 1, length);
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
	config->text_fd = -1;
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

/* Reads a text as @reader says. */
static int
load_text(struct config_reader *reader, const char *path, const char *text,
    size_t length, struct config **ret_config)
{
	_cleanup_(config_freep) struct config *config = new_config(path);
	_cleanup_free_ char *directory = directory_of(path);
	int r;

	if (!config || !directory)
		return -ENOMEM;
	reader->errors.path = path;
	reader->directory = directory;
	reader->config = config;
	r = parse(reader, text, length);
	if (r < 0)
		reader->errors.out_of_memory = true;
	r = conclude(reader, reader->on_error, reader->data);
	if (r < 0)
		return r;
	*ret_config = steal(&config);
	return 0;
}

/* Return: -EINVAL, -ENOMEM. */
static int
cannot_be_read(const struct config_reader *reader, const char *path, int error)
{
	_cleanup_free_ char *message = NULL;

	if (error == ENOMEM)
		return -ENOMEM;
	if (asprintf(&message, "%s: cannot be read: %s", path,
		error == EFBIG ? "it is larger than 16 MiB" : strerror(error)) < 0) {
		message = NULL;
		return -ENOMEM;
	}
	reader->on_error(message, reader->data);
	return -EINVAL;
}

static int
keep_text(const char *text, size_t length)
{
	return sealed_new("tradesup.conf", text, length);
}

/* Reads @path as @reader says; @keep: and keeps its text. */
static int
load(struct config_reader *reader, const char *path, bool keep,
    struct config **ret_config)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int kept = -1;
	size_t length = 0;
	int r = fd < 0 ? -errno : read_all(fd, false, &text, &length);

	if (r == 0 && keep) {
		kept = keep_text(text, length);
		r = kept < 0 ? kept : 0;
	}
	if (r < 0)
		return cannot_be_read(reader, path, -r);
	r = load_text(reader, path, text, length, ret_config);
	if (r == 0)
		(*ret_config)->text_fd = steal_fd(&kept);
	return r;
}

int
config_load(
    const char *path, config_on_error on_error, void *data, struct config **ret_config)
{
	struct config_reader reader = { .on_error = on_error, .data = data };

	return load(&reader, path, false, ret_config);
}

int
config_load_keep(
    const char *path, config_on_error on_error, void *data, struct config **ret_config)
{
	struct config_reader reader = { .on_error = on_error, .data = data };

	return load(&reader, path, true, ret_config);
}

int
config_load_fragment(const char *path, enum auto_shutdown around,
    config_on_error on_error, void *data, struct config **ret_config)
{
	struct config_reader reader = { .on_error = on_error,
		.data = data,
		.is_fragment = true,
		.around = around };

	return load(&reader, path, true, ret_config);
}

int
config_load_text(int fd, const char *path, config_on_error on_error, void *data,
    struct config **ret_config)
{
	struct config_reader reader = { .on_error = on_error, .data = data };
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	int r = read_all(fd, true, &text, &length);

	if (r < 0)
		return cannot_be_read(&reader, path, -r);
	return load_text(&reader, path, text, length, ret_config);
}

int
config_load_again(const struct config_text *text, config_on_error on_error, void *data,
    struct config **ret_config)
{
	struct config_reader reader = { .on_error = on_error,
		.data = data,
		.is_fragment = text->is_fragment,
		.around = text->around };
	_cleanup_close_ int kept = keep_text(text->text, text->length);
	_cleanup_free_ char *copy = malloc(text->length + 1);
	int r = copy ? 0 : -ENOMEM;

	if (kept < 0)
		r = kept;
	if (r < 0)
		return cannot_be_read(&reader, text->path, -r);
	/* As read_all() ends it. */
	memcpy(copy, text->text, text->length);
	copy[text->length] = '\0';
	r = load_text(&reader, text->path, copy, text->length, ret_config);
	if (r == 0)
		(*ret_config)->text_fd = steal_fd(&kept);
	return r;
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

bool
config_is_of_command(const struct config *config)
{
	return strcmp(config->path, "-") == 0;
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
	config_alerts_free(config->alerts);
	closep(&config->text_fd);
	free(config->path);
	free(config->state_dir);
	free(config->runtime_dir);
	free(config->control_group);
	free(config->on_escalate);
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
