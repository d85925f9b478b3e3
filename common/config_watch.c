/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a worker is looked after that does not tell all by itself: when it counts as
 * ready, the probe of its life, and the step that makes it safe. What these mean is in
 * tradesup.conf(5); carrying them out is the supervisor's.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/config_tree.h"
#include "common/paths.h"
#include "common/record.h"

#define LONGEST (INT64_C(365) * 86400 * 1000000000)
#define SHORTEST INT64_C(1000000) /* 1 ms */

#define AT(member) offsetof(struct config_watch, member)

static const struct config_key probe_keys[] = {
	{ "exec", KEY_COMMAND, AT(probe_exec) },
	{ "tcp", KEY_TEXT, AT(probe_tcp) },
	{ "http", KEY_TEXT, AT(probe_http) },
	{ "interval", KEY_DURATION, AT(probe_interval_ns), "10s", SHORTEST, LONGEST },
	{ "timeout", KEY_DURATION, AT(probe_timeout_ns), "5s", SHORTEST, LONGEST },
	{ "failures", KEY_COUNT, AT(probe_failures), "3", 1, 1000 },
};

static const struct config_key make_safe_keys[] = {
	{ "command", KEY_COMMAND, AT(make_safe) },
	{ "timeout", KEY_DURATION, AT(make_safe_timeout_ns), "10s", SHORTEST, LONGEST },
	{ "when", KEY_LIST, AT(make_safe_words) },
};
#undef AT

static const struct config_table probe_table = CONFIG_TABLE(probe_keys);
static const struct config_table make_safe_table = CONFIG_TABLE(make_safe_keys);

struct config_watch *
config_watch_new(void)
{
	struct config_watch *watch = calloc(1, sizeof(*watch));

	if (watch)
		watch->make_safe_timeout_ns = MAKE_SAFE_TIMEOUT_NS;
	return watch;
}

void
config_watch_free(struct config_watch *watch)
{
	if (!watch)
		return;
	config_deinit(&probe_table, watch);
	config_deinit(&make_safe_table, watch);
	free(watch->ready_target);
	free(watch);
}

/* One that has none has none of it set. */
void
config_watch_compare(const struct config_watch *a, const struct config_watch *b,
    const struct config_watch_news *news, void *data)
{
	static const struct config_watch unset = { .make_safe_timeout_ns =
						       MAKE_SAFE_TIMEOUT_NS };

	if (!a)
		a = &unset;
	if (!b)
		b = &unset;
	config_compare(&probe_table, a, b, news->on_probe, data);
	config_compare(&make_safe_table, a, b, news->on_make_safe, data);
}

static void
report(struct config_reader *reader, const struct config_place *place, unsigned line,
    const char *key, const char *text, const char *what)
{
	char quoted[64];

	json_escape(text, strnlen(text, 40), quoted, sizeof(quoted));
	config_report(reader, place, line, key, "\"%s\" %s", quoted, what);
}

/* HOST:PORT, with brackets around an IPv6 address. */
static bool
is_host_and_port(const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t digits;
	long port;

	if (!colon || colon == text)
		return false;
	digits = strlen(colon + 1);
	if (digits == 0 || digits > 5 || strspn(colon + 1, "0123456789") != digits)
		return false;
	port = strtol(colon + 1, NULL, 10);
	if (port < 1 || port > 65535)
		return false;
	if (text[0] == '[')
		return colon[-1] == ']' && colon - text > 2;
	return memchr(text, ':', (size_t)(colon - text)) == NULL;
}

#define NO_ADDRESS "is no HOST:PORT, as 127.0.0.1:8080 or [::1]:8080"

static bool
is_url(const char *text)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t length = strlen(schemes[i]);

		if (strncasecmp(text, schemes[i], length) == 0 && text[length])
			return true;
	}
	return false;
}

void
config_watch_read_probe(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, struct config_watch *watch)
{
	struct config_place place = { outer, entry->key, NULL };
	unsigned n;

	config_read(reader, &place, &probe_table, entry, NULL, watch);
	n = (watch->probe_exec ? 1U : 0) + (watch->probe_tcp ? 1U : 0) +
	    (watch->probe_http ? 1U : 0);
	if (n != 1)
		config_report(reader, &place, entry->line, NULL,
		    "needs one of exec, tcp and http%s", n ? ", not more" : "");
	if (watch->probe_tcp && !is_host_and_port(watch->probe_tcp))
		report(reader, &place, config_line(entry, "tcp"), "tcp",
		    watch->probe_tcp, NO_ADDRESS);
	if (watch->probe_http && !is_url(watch->probe_http))
		report(reader, &place, config_line(entry, "http"), "http",
		    watch->probe_http, "is no URL of http or https");
	watch->probe = watch->probe_exec  ? PROBE_EXEC
		       : watch->probe_tcp ? PROBE_TCP
					  : PROBE_HTTP;
}

static const struct {
	const char *word;
	enum make_safe_when when;
} whens[] = {
	{ "crash", MAKE_SAFE_CRASH },
	{ "hang", MAKE_SAFE_HANG },
	{ "escalate", MAKE_SAFE_ESCALATE },
};

static unsigned
find_when(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(whens); i++) {
		if (strcmp(word, whens[i].word) == 0)
			return whens[i].when;
	}
	return 0;
}

void
config_watch_read_make_safe(struct config_reader *reader,
    const struct config_place *outer, const struct syntax_entry *entry,
    struct config_worker *worker)
{
	struct config_place place = { outer, entry->key, NULL };
	struct config_watch *watch = worker->watch;

	config_read(reader, &place, &make_safe_table, entry, NULL, watch);
	if (!watch->make_safe && worker->command)
		config_report(reader, &place, entry->line, "command", "is missing");
	for (char **word = watch->make_safe_words; word && *word; word++) {
		unsigned when = find_when(*word);

		if (!when)
			report(reader, &place, config_line(entry, "when"), "when",
			    *word, "is not one of crash, hang, escalate");
		watch->make_safe_when |= when;
	}
	if (!watch->make_safe_words)
		watch->make_safe_when =
		    MAKE_SAFE_CRASH | MAKE_SAFE_HANG | MAKE_SAFE_ESCALATE;
}

static void
check_regex(struct config_reader *reader, const struct config_place *place,
    unsigned line, const char *text)
{
	char why[128];
	regex_t regex;
	int r = regcomp(&regex, text, REG_EXTENDED | REG_NOSUB);

	if (r == 0) {
		regfree(&regex);
		return;
	}
	regerror(r, NULL, why, sizeof(why));
	config_report(reader, place, line, "ready", "log: %s", why);
}

static char *
ready_target(struct config_reader *reader, enum ready_kind kind, const char *text)
{
	char *target =
	    kind == READY_FILE ? path_join(reader->directory, text) : strdup(text);

	if (!target)
		reader->errors.out_of_memory = true;
	return target;
}

static void
check_ready(struct config_reader *reader, const struct config_place *place,
    unsigned line, struct config_watch *watch)
{
	static const char *const kinds[] = {
		[READY_PORT] = "port", [READY_FILE] = "file", [READY_LOG] = "log"
	};
	char **words = watch->ready_words;

	for (size_t i = READY_PORT; words[1] && !words[2] && i < ARRAY_SIZE(kinds); i++)
		if (strcmp(words[0], kinds[i]) == 0)
			watch->ready = (enum ready_kind)i;
	if (watch->ready == READY_BY_ITSELF || !words[1][0]) {
		config_report(reader, place, line, "ready",
		    "is port HOST:PORT, file PATH or log REGEX, at the end of a line");
		return;
	}
	if (watch->ready == READY_PORT && !is_host_and_port(words[1]))
		report(reader, place, line, "ready", words[1], NO_ADDRESS);
	if (watch->ready == READY_LOG)
		check_regex(reader, place, line, words[1]);
	watch->ready_target = ready_target(reader, watch->ready, words[1]);
}

void
config_watch_check(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *section, struct config_worker *worker)
{
	struct config_watch *watch = worker->watch;
	unsigned line = config_line(section, "ready");

	if (!watch->ready_words)
		return;
	if (worker->notify == NOTIFY_SYSTEMD || !worker->command)
		config_report(reader, place, line, "ready",
		    "is for a worker that cannot tell it; %s does",
		    worker->command ? "one with notify = systemd" : "the built-in one");
	check_ready(reader, place, line, watch);
}
