/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the supervisor and its files from the outside. A status must be had also
 * while the configuration is being edited, so a default file that is broken is passed
 * over in silence; one that was named is not.
 */
#include "supervisor/ctl/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/paths.h"
#include "supervisor/control.h"

char *
place_config_path(const char *named)
{
	return named ? strdup(named) : path_config();
}

static void
print_error(const char *message, void *data)
{
	(void)data;
	fprintf(stderr, "tradesup: %s\n", message);
}

static void
ignore_error(const char *message, void *data)
{
	(void)message;
	(void)data;
}

static int
out_of_memory(void)
{
	fputs("tradesup: out of memory\n", stderr);
	return EXIT_OSERR;
}

static int
printed(const char *path, int r)
{
	if (r == -EINVAL)
		return EXIT_CONFIG;
	if (r < 0) {
		fprintf(stderr, "tradesup: %s: %s\n", path, strerror(-r));
		return EXIT_OSERR;
	}
	return 0;
}

int
place_config(const char *path, struct config **ret_config)
{
	return printed(path, config_load(path, print_error, NULL, ret_config));
}

int
place_config_keep(const char *path, struct config **ret_config)
{
	return printed(path, config_load_keep(path, print_error, NULL, ret_config));
}

/* As place_config(), but *ret_config is NULL where the default file is no good. */
static int
config_if_usable(const char *named, struct config **ret_config)
{
	_cleanup_free_ char *path = NULL;

	if (named)
		return place_config(named, ret_config);
	path = path_config();
	if (!path)
		return out_of_memory();
	*ret_config = NULL;
	if (config_load(path, ignore_error, NULL, ret_config) == -ENOMEM)
		return out_of_memory();
	return 0;
}

int
place_state(const char *named, char **ret_directory)
{
	_cleanup_(config_freep) struct config *config = NULL;
	char *directory;
	int r;

	r = config_if_usable(named, &config);
	if (r != 0)
		return r;
	directory = path_state(config ? config->state_dir : NULL);
	if (!directory)
		return out_of_memory();
	*ret_directory = directory;
	return 0;
}

/* Return: 0, -errno. */
static int
try_directory(const char *directory, struct request *ret_request)
{
	_cleanup_free_ char *path = path_join(directory, CONTROL_SOCKET);

	return path ? request_open(ret_request, path) : -ENOMEM;
}

static int
try_other_places(struct request *ret_request)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	_cleanup_free_ char *directory = NULL;

	if (xdg && xdg[0] == '/') {
		directory = path_join(xdg, "tradesup");
		if (directory && try_directory(directory, ret_request) == 0)
			return 0;
	}
	return try_directory("/run/tradesup", ret_request);
}

int
place_request(const char *named, bool print, struct request *ret_request)
{
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_free_ char *directory = NULL;
	const char *configured;
	int r;

	r = config_if_usable(named, &config);
	if (r != 0)
		return r;
	configured = config ? config->runtime_dir : NULL;
	directory = path_runtime(configured);
	if (!directory)
		return out_of_memory();

	r = try_directory(directory, ret_request);
	if (r == 0 || (!configured && try_other_places(ret_request) == 0))
		return 0;
	if (print)
		fprintf(stderr, "tradesup: no supervisor answers at %s/%s: %s\n",
		    directory, CONTROL_SOCKET, strerror(-r));
	return EXIT_UNAVAILABLE;
}

int
place_socket(const char *named, char **ret_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address) - 1; /* so that it ends with a NUL */
	struct request request;
	char *path = NULL;
	int r;

	r = place_request(named, true, &request);
	if (r != 0)
		return r;
	if (getpeername(request.fd, (struct sockaddr *)&address, &length) == 0)
		path = strdup(address.sun_path);
	request_close(&request);
	if (!path)
		return out_of_memory();
	*ret_path = path;
	return 0;
}

int
place_knows(const char *named, const char *worker)
{
	_cleanup_(config_freep) struct config *config = NULL;
	const struct config_node *node;
	int r;

	r = config_if_usable(named, &config);
	if (r != 0 || !config)
		return r;
	node = config_find(config, worker);
	if (node && node->type == CONFIG_WORKER)
		return 0;
	fprintf(stderr, "tradesup: %s: no such worker\n", worker);
	return EXIT_USAGE;
}
