/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sections alert, target and notify of a configuration as structs: when somebody is
 * told, who, and how. The meaning of each key is in tradesup.conf(5); carrying it out
 * is tradesup-notify's.
 */
#pragma once

#include "common/config.h"

#define ALERTS_MAX 256	      /* alert sections of a file */
#define ALERT_TARGETS_MAX 32  /* target sections of a file; a bit each in a mask */
#define ALERT_AT_LEAST_MAX 64 /* largest at_least: so many times are remembered */

enum alert_when {
	ALERT_HEAL_RATE,
	ALERT_RELAPSE,
	ALERT_RESTART,
	ALERT_ESCALATE,
	ALERT_STALE,
	ALERT_MISMATCH,
	ALERT_SILENT,
	ALERT_WHEN_COUNT
};

struct config_alert {
	char *name; /* path_is_safe_name() */
	unsigned line;
	enum alert_when when;
	int64_t over_ns;   /* > 0 */
	uint32_t at_least; /* 1 to ALERT_AT_LEAST_MAX */
	char *worker;	   /* NULL: any */
	bool urgent;	   /* at once, also in quiet hours */
	int64_t repeat_ns; /* told again while it lasts; 0: never */
	char **to_names;   /* as written */
	uint32_t to;	   /* bit set of indices in config_alerts.targets; not 0 */
};

enum target_kind {
	TARGET_WEBHOOK,
	TARGET_SLACK,
	TARGET_NTFY,
	TARGET_SMTP,
	TARGET_COMMAND
};

struct config_target {
	char *name; /* path_is_safe_name() */
	unsigned line;
	enum target_kind kind;
	char *webhook, *slack, *ntfy, *smtp; /* NULL but for the one of @kind */
	char **command;			     /* the same */
	char *template;	  /* webhook: JSON with {{…}} in it; NULL: our own */
	char *token_file; /* NULL: none */
	char *from, **to; /* smtp: addresses */
	char *user, *password_file; /* smtp: NULL: none */
	char *ca_file;		    /* NULL: the system's */
	int64_t timeout_ns;	    /* of one attempt; > 0 */
};

struct config_notify {
	int64_t group_wait_ns; /* what happens so close together is one message */
	uint32_t rate;	       /* messages to one target in rate_period_ns; >= 1 */
	int64_t rate_period_ns;
	char *quiet;		  /* as written; NULL: none */
	int quiet_from, quiet_to; /* minutes of the local day; equal: none */
	int64_t keep_ns;	  /* what cannot be delivered for so long is given up */
	char *ping;		  /* NULL: none */
	int64_t ping_every_ns;
	char *ca_file; /* for the ping; NULL: the system's */
};

struct config_alerts {
	struct config_notify notify;
	struct config_alert *alerts;
	size_t n_alerts;
	struct config_target *targets;
	size_t n_targets;
};

/** config_alerts_free() - Return: NULL. */
struct config_alerts *config_alerts_free(struct config_alerts *alerts);

/** alert_when_name() - as written in a file. */
const char *alert_when_name(enum alert_when when);

/** config_target_url() - the one of its kind; NULL: a command. */
const char *config_target_url(const struct config_target *target);

/**
 * config_url_problem() - what speaks against sending to @url
 * @is_mail: smtps:// or smtp:// (always with TLS), else https://, or http:// to
 *           loopback
 *
 * Return: words that follow the key's name; NULL: nothing.
 */
const char *config_url_problem(const char *url, bool is_mail);
