/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of alert, target and notify, and what must fit together in them.
 */
#include "common/config_alerts.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/config_tree.h"
#include "common/paths.h"
#include "common/url.h"

#define LONGEST (INT64_C(365) * 86400 * 1000000000)
#define DAY (INT64_C(86400) * 1000000000)
#define SECOND INT64_C(1000000000)
#define URL_FILE "file:"

static const char *const whens[] = { "heal_rate", "relapse", "restart", "escalate",
	"stale", "mismatch", "silent", NULL };
_Static_assert(ARRAY_SIZE(whens) == ALERT_WHEN_COUNT + 1, "every condition has a word");

#define AT(member) offsetof(struct config_alert, member)
static const struct config_key alert_keys[] = {
	{ "when", KEY_WORD, AT(when), .words = whens },
	{ "over", KEY_DURATION, AT(over_ns), "10m", SECOND, LONGEST },
	{ "at_least", KEY_COUNT, AT(at_least), "1", 1, ALERT_AT_LEAST_MAX },
	{ "worker", KEY_TEXT, AT(worker) },
	{ "urgent", KEY_BOOL, AT(urgent), "no" },
	{ "repeat", KEY_DURATION, AT(repeat_ns), "0", 0, LONGEST },
	{ "to", KEY_LIST, AT(to_names) },
};
#undef AT

#define AT(member) offsetof(struct config_target, member)
static const struct config_key target_keys[] = {
	{ "webhook", KEY_TEXT, AT(webhook) },
	{ "slack", KEY_TEXT, AT(slack) },
	{ "ntfy", KEY_TEXT, AT(ntfy) },
	{ "smtp", KEY_TEXT, AT(smtp) },
	{ "command", KEY_COMMAND, AT(command) },
	{ "template", KEY_TEXT, AT(template) },
	{ "token_file", KEY_PATH, AT(token_file) },
	{ "from", KEY_TEXT, AT(from) },
	{ "to", KEY_LIST, AT(to) },
	{ "user", KEY_TEXT, AT(user) },
	{ "password_file", KEY_PATH, AT(password_file) },
	{ "ca_file", KEY_PATH, AT(ca_file) },
	{ "timeout", KEY_DURATION, AT(timeout_ns), "30s", SECOND / 10, SECOND * 600 },
};
#undef AT

#define AT(member) offsetof(struct config_notify, member)
static const struct config_key notify_keys[] = {
	{ "group_wait", KEY_DURATION, AT(group_wait_ns), "5s", 0, DAY },
	{ "rate", KEY_COUNT, AT(rate), "20", 1, 64 },
	{ "rate_period", KEY_DURATION, AT(rate_period_ns), "1h", SECOND, DAY },
	{ "quiet", KEY_TEXT, AT(quiet) },
	{ "keep", KEY_DURATION, AT(keep_ns), "3d", SECOND, LONGEST },
	{ "ping", KEY_TEXT, AT(ping) },
	{ "ping_every", KEY_DURATION, AT(ping_every_ns), "1m", SECOND, DAY },
	{ "ca_file", KEY_PATH, AT(ca_file) },
};
#undef AT

static const struct config_table alert_table = CONFIG_TABLE(alert_keys);
static const struct config_table target_table = CONFIG_TABLE(target_keys);
static const struct config_table notify_table = CONFIG_TABLE(notify_keys);

struct config_alerts *
config_alerts_free(struct config_alerts *alerts)
{
	if (!alerts)
		return NULL;
	for (size_t i = 0; i < alerts->n_alerts; i++) {
		config_deinit(&alert_table, &alerts->alerts[i]);
		free(alerts->alerts[i].name);
	}
	for (size_t i = 0; i < alerts->n_targets; i++) {
		config_deinit(&target_table, &alerts->targets[i]);
		free(alerts->targets[i].name);
	}
	config_deinit(&notify_table, &alerts->notify);
	free(alerts->alerts);
	free(alerts->targets);
	free(alerts);
	return NULL;
}

const char *
alert_when_name(enum alert_when when)
{
	return whens[when];
}

const char *
config_target_url(const struct config_target *target)
{
	switch (target->kind) {
	case TARGET_WEBHOOK:
		return target->webhook;
	case TARGET_SLACK:
		return target->slack;
	case TARGET_NTFY:
		return target->ntfy;
	case TARGET_SMTP:
		return target->smtp;
	case TARGET_COMMAND:
		break;
	}
	return NULL;
}

/* URLs. */

const char *
config_url_problem(const char *url, bool is_mail)
{
	struct url parts;

	return is_mail ? url_check_mail(url) : url_parse(url, &parts);
}

static void
check_url(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *section, const char *key, const char *url)
{
	const char *problem;

	if (strncmp(url, URL_FILE, strlen(URL_FILE)) == 0)
		problem = url[strlen(URL_FILE)] == '/' ? NULL
						       : "file: needs an absolute path";
	else
		problem = config_url_problem(url, strcmp(key, "smtp") == 0);
	if (problem)
		config_report(
		    reader, place, config_line(section, key), key, "%s", problem);
}

/* Sections. */

/* The next element of an array that grows by one at a time. NULL: out of memory, which
 * is noted. */
static void *
append(struct config_reader *reader, void **array, size_t *n, size_t size)
{
	char *larger = realloc(*array, (*n + 1) * size);

	if (!larger) {
		reader->errors.out_of_memory = true;
		return NULL;
	}
	*array = larger;
	return memset(larger + size * (*n)++, 0, size);
}

static struct config_alerts *
alerts_of(struct config_reader *reader)
{
	struct config *config = reader->config;

	if (!config->alerts) {
		config->alerts = calloc(1, sizeof(*config->alerts));
		if (!config->alerts)
			reader->errors.out_of_memory = true;
		else
			config_read(reader, NULL, &notify_table, NULL, NULL,
			    &config->alerts->notify);
	}
	return config->alerts;
}

/* What alerts are is said in the main file. Return: whether to go on. */
static bool
may_be_here(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry)
{
	if (reader->is_fragment)
		config_report(reader, place, entry->line, NULL,
		    "belongs into the main configuration, not into an added file");
	else if (entry->title && !path_is_safe_name(entry->title))
		config_report(reader, place, entry->line, NULL,
		    "this is no safe name: letters, digits, and . _ - behind the "
		    "first, "
		    "at most 64");
	else
		return alerts_of(reader) != NULL;
	return false;
}

static void
check_alert(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, struct config_alert *alert)
{
	if (!config_entry(entry, "when"))
		config_report(reader, place, entry->line, "when", "is missing");
	if (!alert->to_names)
		config_report(reader, place, entry->line, "to",
		    "is missing: which targets are told?");
	if (alert->when == ALERT_ESCALATE && !config_entry(entry, "urgent"))
		alert->urgent = true;
	if (config_entry(entry, "at_least") &&
	    (alert->when == ALERT_STALE || alert->when == ALERT_SILENT))
		config_report(reader, place, config_line(entry, "at_least"), "at_least",
		    "counts nothing with when = %s", whens[alert->when]);
}

void
config_alert_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	const struct config_place place = { outer, entry->key, entry->title };
	struct config_alerts *alerts;
	struct config_alert *alert;

	(void)base;
	if (!may_be_here(reader, &place, entry))
		return;
	alerts = reader->config->alerts;
	if (alerts->n_alerts == ALERTS_MAX) {
		config_report(reader, &place, entry->line, NULL,
		    "is one too many: there can be %d", ALERTS_MAX);
		return;
	}
	alert =
	    append(reader, (void **)&alerts->alerts, &alerts->n_alerts, sizeof(*alert));
	if (!alert)
		return;
	alert->line = entry->line;
	alert->name = strdup(entry->title);
	config_read(reader, &place, &alert_table, entry, NULL, alert);
	check_alert(reader, &place, entry, alert);
}

/* An address as it stands in a header and in a command of SMTP: nothing in it can end
 * the line or begin a second address. */
static bool
is_address(const char *text)
{
	const char *at = strchr(text, '@');

	if (!at || at == text || !at[1] || strchr(at + 1, '@') || strlen(text) > 254)
		return false;
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("<>()[],;:\\\"", *p))
			return false;
	return true;
}

static void
check_mail(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, const struct config_target *target)
{
	if (!target->from || !is_address(target->from))
		config_report(reader, place, config_line(entry, "from"), "from",
		    "must be one address, as tradesup@example.com");
	if (!target->to)
		config_report(reader, place, entry->line, "to", "is missing");
	for (char **to = target->to; to && *to; to++)
		if (!is_address(*to))
			config_report(reader, place, config_line(entry, "to"), "to",
			    "must be addresses, as ops@example.com");
	if (!target->user != !target->password_file)
		config_report(reader, place, entry->line,
		    target->user ? "password_file" : "user", "is missing");
}

/* Return: of those that say how, the only one; NULL: that has been reported. */
static const char *
kind_key(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, enum target_kind *ret_kind)
{
	static const char *const keys[] = { "webhook", "slack", "ntfy", "smtp",
		"command" };
	const char *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!config_entry(entry, keys[i]))
			continue;
		if (found) {
			config_report(reader, place, config_line(entry, keys[i]),
			    keys[i], "is given beside %s; a target is one of them",
			    found);
			return NULL;
		}
		found = keys[i];
		*ret_kind = (enum target_kind)i;
	}
	if (!found)
		config_report(reader, place, entry->line, NULL,
		    "needs one of webhook, slack, ntfy, smtp, command");
	return found;
}

/* Keys that say something to some kinds of target only. */
static void
check_fit(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, enum target_kind kind)
{
	static const struct {
		const char *key;
		unsigned kinds;
	} only[] = {
		{ "template", 1 << TARGET_WEBHOOK },
		{ "token_file", 1 << TARGET_WEBHOOK | 1 << TARGET_NTFY },
		{ "from", 1 << TARGET_SMTP },
		{ "to", 1 << TARGET_SMTP },
		{ "user", 1 << TARGET_SMTP },
		{ "password_file", 1 << TARGET_SMTP },
		{ "ca_file", (1 << TARGET_COMMAND) - 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(only); i++)
		if (config_entry(entry, only[i].key) && !(only[i].kinds & 1u << kind))
			config_report(reader, place, config_line(entry, only[i].key),
			    only[i].key, "is not for this kind of target");
}

static void
check_target(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *entry, struct config_target *target)
{
	const char *key = kind_key(reader, place, entry, &target->kind);
	const char *url;

	if (!key)
		return;
	check_fit(reader, place, entry, target->kind);
	url = config_target_url(target);
	if (url)
		check_url(reader, place, entry, key, url);
	if (target->kind == TARGET_SMTP)
		check_mail(reader, place, entry, target);
}

void
config_target_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	const struct config_place place = { outer, entry->key, entry->title };
	struct config_alerts *alerts;
	struct config_target *target;

	(void)base;
	if (!may_be_here(reader, &place, entry))
		return;
	alerts = reader->config->alerts;
	if (alerts->n_targets == ALERT_TARGETS_MAX) {
		config_report(reader, &place, entry->line, NULL,
		    "is one too many: there can be %d", ALERT_TARGETS_MAX);
		return;
	}
	target = append(
	    reader, (void **)&alerts->targets, &alerts->n_targets, sizeof(*target));
	if (!target)
		return;
	target->line = entry->line;
	target->name = strdup(entry->title);
	config_read(reader, &place, &target_table, entry, NULL, target);
	check_target(reader, &place, entry, target);
}

/* "22:00-07:00" */
static bool
parse_quiet(const char *text, int *ret_from, int *ret_to)
{
	unsigned h[2], m[2];
	int end = 0;

	if (strlen(text) != 11 ||
	    sscanf(text, "%2u:%2u-%2u:%2u%n", &h[0], &m[0], &h[1], &m[1], &end) != 4 ||
	    end != 11 || h[0] > 23 || h[1] > 23 || m[0] > 59 || m[1] > 59)
		return false;
	*ret_from = (int)(h[0] * 60 + m[0]);
	*ret_to = (int)(h[1] * 60 + m[1]);
	return true;
}

void
config_notify_read(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, void *base)
{
	const struct config_place place = { outer, entry->key, NULL };
	struct config_notify *notify;

	(void)base;
	if (!may_be_here(reader, &place, entry))
		return;
	notify = &reader->config->alerts->notify;
	config_read(reader, &place, &notify_table, entry, NULL, notify);
	if (notify->quiet &&
	    !parse_quiet(notify->quiet, &notify->quiet_from, &notify->quiet_to))
		config_report(reader, &place, config_line(entry, "quiet"), "quiet",
		    "must be two times of the day, as \"22:00-07:00\"");
	if (notify->ping)
		check_url(reader, &place, entry, "ping", notify->ping);
}

/* What fits together. */

static void
resolve_targets(struct config_reader *reader, const struct config_place *place,
    const struct config_alerts *alerts, struct config_alert *alert)
{
	for (char **name = alert->to_names; name && *name; name++) {
		size_t i = 0;

		while (i < alerts->n_targets &&
		       (!alerts->targets[i].name ||
			   strcmp(alerts->targets[i].name, *name) != 0))
			i++;
		if (i < alerts->n_targets)
			alert->to |= 1u << i;
		else
			config_report(reader, place, alert->line, "to",
			    "there is no target %.64s", *name);
	}
}

static void
check_worker(struct config_reader *reader, const struct config_place *place,
    const struct config_alert *alert)
{
	const struct config_node *node;

	if (!alert->worker)
		return;
	node = config_find(reader->config, alert->worker);
	if (!node || node->type != CONFIG_WORKER)
		config_report(reader, place, alert->line, "worker",
		    "there is no worker %.64s", alert->worker);
}

void
config_alerts_check(struct config_reader *reader)
{
	struct config_alerts *alerts = reader->config->alerts;

	if (!alerts || reader->errors.out_of_memory)
		return;
	for (size_t i = 0; i < alerts->n_targets; i++) {
		const struct config_place place = { NULL, "target",
			alerts->targets[i].name };

		for (size_t j = 0; j < i; j++)
			if (strcmp(alerts->targets[j].name, place.title) == 0)
				config_report(reader, &place, alerts->targets[i].line,
				    NULL, "the name is taken already, in line %u",
				    alerts->targets[j].line);
	}
	for (size_t i = 0; i < alerts->n_alerts; i++) {
		const struct config_place place = { NULL, "alert",
			alerts->alerts[i].name };

		for (size_t j = 0; j < i; j++)
			if (strcmp(alerts->alerts[j].name, place.title) == 0)
				config_report(reader, &place, alerts->alerts[i].line,
				    NULL, "the name is taken already, in line %u",
				    alerts->alerts[j].line);
		resolve_targets(reader, &place, alerts, &alerts->alerts[i]);
		check_worker(reader, &place, &alerts->alerts[i]);
	}
}
