/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup run`: from the command line to a configuration and a log, and then over to
 * the supervisor. The one verb that is no client.
 */
#include "supervisor/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/config.h"
#include "common/log.h"
#include "supervisor/ctl/place.h"
#include "supervisor/journald.h"
#include "supervisor/supervisor.h"
#include "supervisor/takeover.h"

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

static int
parse_level(const struct ctl *ctl, enum log_level *ret_level)
{
	const char *text = ctl->options.values[OPTION_LOG_LEVEL];

	if (!text) {
		*ret_level = LOG_LEVEL_INFO;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (level_names[i] && strcmp(text, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return ctl_usage(
	    ctl, "'%s' is not one of error, warning, notice, info, debug", text);
}

/* @format: what the configuration says, replaced if the command line says otherwise. */
static int
parse_format(const struct ctl *ctl, enum log_format *format)
{
	const char *text = ctl->options.values[OPTION_LOG_FORMAT];

	if (!text)
		return 0;
	if (strcmp(text, "logfmt") == 0)
		*format = LOG_FORMAT_LOGFMT;
	else if (strcmp(text, "json") == 0)
		*format = LOG_FORMAT_JSON;
	else
		return ctl_usage(ctl, "'%s' is not one of logfmt, json", text);
	return 0;
}

/* @takeover: NULL, or what another supervisor leaves: then the file does not count. */
static int
load(const struct ctl *ctl, const struct takeover *takeover, struct config **ret_config)
{
	const struct options *options = &ctl->options;
	_cleanup_free_ char *path = NULL;
	int r;

	if (options->n_operands > options->n_separated)
		return ctl_usage(
		    ctl, "put '--' before the command '%s'", options->operands[0]);
	if (options->n_operands > 0) {
		if (ctl_config_name(ctl))
			return ctl_usage(ctl, "it is either -c FILE or a command");
		r = config_for_command(options->operands, ret_config);
		return r < 0 ? ctl_fail(EXIT_OSERR, "%s", strerror(-r)) : 0;
	}
	if (takeover) {
		r = takeover_config(takeover, ret_config);
		return r == 0 && !*ret_config
			   ? ctl_fail(EXIT_OSERR, "the state has no configuration")
			   : r;
	}
	path = place_config_path(ctl_config_name(ctl));
	if (!path)
		return ctl_fail(EXIT_OSERR, "out of memory");
	return place_config_keep(path, ret_config);
}

int
ctl_run(const struct ctl *ctl)
{
	_cleanup_(config_freep) struct config *config = NULL;
	enum log_format format = LOG_FORMAT_LOGFMT;
	enum log_level level = LOG_LEVEL_INFO;
	struct takeover *takeover;
	int r;

	r = takeover_open(&takeover);
	if (r == 0)
		r = parse_level(ctl, &level);
	if (r == 0)
		r = parse_format(ctl, &format);
	if (r == 0)
		r = load(ctl, takeover, &config);
	if (r != 0) {
		takeover_give_back(takeover, "it refuses the configuration");
		takeover_close(takeover);
		return r;
	}
	if (!options_has(&ctl->options, OPTION_LOG_FORMAT))
		format = config->log_format;
	config->log_format = format;
	log_setup(format, level, journald_sink());
	return supervisor_run(
	    steal(&config), options_has(&ctl->options, OPTION_LOG_FORMAT), takeover);
}
