/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tradesup-notify: who is told when healing is not enough; tradesup-notify(1).
 */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/paths.h"
#include "worker/notify/actions.h"
#include "worker/notify/notify.h"

enum action { ACTION_RUN, ACTION_TEST, ACTION_LIST, ACTION_ACK };

struct call {
	enum action action;
	const char *config;
	char *operand; /* NULL: none */
	bool json;
};

static int
usage(FILE *out, int code)
{
	fputs(
	    "usage: tradesup-notify [-c FILE] [NAME]\n"
	    "       tradesup-notify --test [-c FILE] [TARGET]\n"
	    "       tradesup-notify --list [-c FILE] [--json]\n"
	    "       tradesup-notify --ack [-c FILE] ALERT\n\n"
	    "Follows the supervisor's events and tells what the configuration's alerts "
	    "say:\ntradesup-notify(1). NAME is the worker's, \"notify\" by default.\n",
	    out);
	return code;
}

/* Return: -1: go on; else the exit status. */
static int
parse(int argc, char **argv, struct call *call)
{
	static const struct option options[] = { { "config", required_argument, NULL,
						     'c' },
		{ "test", no_argument, NULL, 't' }, { "list", no_argument, NULL, 'l' },
		{ "ack", no_argument, NULL, 'a' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			call->config = optarg;
			break;
		case 't':
			call->action = ACTION_TEST;
			break;
		case 'l':
			call->action = ACTION_LIST;
			break;
		case 'a':
			call->action = ACTION_ACK;
			break;
		case 'j':
			call->json = true;
			break;
		case 'h':
			return usage(stdout, EXIT_OK);
		case 'V':
			puts("tradesup-notify " TRADESUP_VERSION);
			return EXIT_OK;
		default:
			return usage(stderr, EXIT_USAGE);
		}
	}
	call->operand = argv[optind];
	if (argc - optind > (call->action == ACTION_LIST ? 0 : 1) ||
	    (call->action == ACTION_ACK && !call->operand) ||
	    (call->json && call->action != ACTION_LIST))
		return usage(stderr, EXIT_USAGE);
	return -1;
}

static void
on_config_error(const char *message, void *data)
{
	(void)data;
	fprintf(stderr, "tradesup-notify: %s\n", message);
}

static int
act(const struct call *call, const char *path, struct config *config)
{
	_cleanup_(config_freep) struct config *owned = config;

	switch (call->action) {
	case ACTION_TEST:
		return action_test(config, call->operand);
	case ACTION_LIST:
		return action_list(config, call->json);
	case ACTION_ACK:
		return action_ack(config, call->operand);
	case ACTION_RUN:
		break;
	}
	return notify_run(
	    path, steal(&owned), call->operand ? call->operand : "notify");
}

int
main(int argc, char **argv)
{
	_cleanup_free_ char *path = NULL;
	struct config *config = NULL;
	struct call call = { 0 };
	int code = parse(argc, argv, &call), r;

	if (code >= 0)
		return code;
	path = call.config ? strdup(call.config) : path_config();
	r = path ? config_load(path, on_config_error, NULL, &config) : -ENOMEM;
	if (r < 0)
		return r == -EINVAL ? EXIT_CONFIG : EXIT_OSERR;
	if (!config->alerts) {
		fprintf(
		    stderr, "tradesup-notify: %s: has no alert and no target\n", path);
		config_free(config);
		return EXIT_CONFIG;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		fputs("tradesup-notify: libcurl cannot be used\n", stderr);
		config_free(config);
		return EXIT_OSERR;
	}
	code = act(&call, path, config);
	curl_global_cleanup();
	return code;
}
