/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory as text. Version 1; a later one may add fields and kinds of lines, which
 * this one passes over. A change of what a field means takes another version, and one
 * that is not known is -EBADMSG: the file is set aside, and what was owed is lost.
 */
#include "worker/notify/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"

#define HEAD "memory"
#define VERSION "1"
#define LINE_MAX_BYTES 12288
#define NAMES_MAX (ALERT_TARGETS_MAX * RULES_NAME_MAX)
#define HASHES_OF_LINE 64

static void
put_record(struct text_out *out, const struct record *record)
{
	char line[LINE_MAX_BYTES];
	size_t length = record_logfmt(record, line, sizeof(line) - 1);

	line[length++] = '\n';
	text_put(out, line, length);
}

static void
put_times(const int64_t *times, size_t n, char *out, size_t size)
{
	struct text_out text;

	text_init(&text, out, size);
	for (size_t i = 0; i < n; i++)
		text_putf(&text, "%s%" PRId64, i > 0 ? " " : "", times[i]);
}

static void
put_names(const struct config_alerts *config, uint32_t mask, char *out, size_t size)
{
	struct text_out text;

	text_init(&text, out, size);
	for (size_t i = 0; i < config->n_targets; i++)
		if (mask & 1u << i)
			text_putf(&text, "%s%s", text.used > 0 ? " " : "",
			    config->targets[i].name);
}

static void
put_target(struct text_out *out, const char *name, const struct rules_target *target)
{
	char sequence[32], sent[64 * 21];
	struct record record;

	snprintf(sequence, sizeof(sequence), "%" PRIu64, target->sequence);
	put_times(target->sent_ns, target->n_sent, sent, sizeof(sent));
	record_init(&record, "target");
	record_text(&record, "name", name);
	record_text(&record, "sequence", sequence);
	record_text(&record, "sent", sent);
	put_record(out, &record);
}

static void
put_incident(struct text_out *out, const struct config_alerts *config,
    const struct incident *incident)
{
	char times[ALERT_AT_LEAST_MAX * 21], owed[NAMES_MAX], told[NAMES_MAX],
	    again[NAMES_MAX];
	struct record record;

	put_times(incident->times_ns, incident->n_times, times, sizeof(times));
	put_names(config, incident->owed, owed, sizeof(owed));
	put_names(config, incident->told, told, sizeof(told));
	put_names(config, incident->again, again, sizeof(again));
	record_init(&record, "incident");
	record_text(&record, "alert", incident->alert);
	record_text(&record, "worker", incident->worker);
	record_int(&record, "count", (int64_t)incident->count);
	record_int(&record, "since", incident->since_ns);
	record_int(&record, "ended", incident->ended_ns);
	record_int(&record, "looked", incident->looked_ns);
	record_bool(&record, "lasts", incident->lasts);
	record_bool(&record, "active", incident->active);
	record_bool(&record, "acked", incident->acked);
	record_int(&record, "owed_at", incident->owed_ns);
	record_int(&record, "told_at", incident->told_ns);
	record_text(&record, "owed", owed);
	record_text(&record, "told", told);
	record_text(&record, "again", again);
	record_text(&record, "times", times);
	record_text(&record, "text", incident->text);
	put_record(out, &record);
}

static void
put_seen(struct text_out *out, const struct seen *seen, size_t from)
{
	char hashes[HASHES_OF_LINE * 17 + 1];
	struct record record;
	struct text_out text;

	text_init(&text, hashes, sizeof(hashes));
	for (size_t i = from; i < seen->n && i < from + HASHES_OF_LINE; i++)
		text_putf(
		    &text, "%s%016" PRIx64, i > from ? " " : "", seen_hash(seen, i));
	record_init(&record, "seen");
	record_text(&record, "hashes", hashes);
	put_record(out, &record);
}

size_t
memory_write(const struct rules *rules, const struct seen *seen, char *out, size_t size)
{
	const struct config_alerts *config = rules->config;
	struct record head;
	struct text_out text;

	text_init(&text, out, size);
	record_init(&head, HEAD);
	record_text(&head, "version", VERSION);
	put_record(&text, &head);
	for (size_t i = 0; i < config->n_targets; i++)
		put_target(&text, config->targets[i].name, &rules->targets[i]);
	for (size_t i = 0; i < seen->n; i += HASHES_OF_LINE)
		put_seen(&text, seen, i);
	for (size_t i = 0; i < rules->n; i++)
		put_incident(&text, config, &rules->incidents[i]);
	return text.used;
}

/* Reading. */

static int64_t
number_of(const struct record *record, const char *key)
{
	const char *text = record_get(record, key);

	return text ? strtoll(text, NULL, 10) : 0;
}

static bool
flag_of(const struct record *record, const char *key)
{
	const char *text = record_get(record, key);

	return text && strcmp(text, "yes") == 0;
}

static size_t
times_of(const struct record *record, const char *key, int64_t *out, size_t max)
{
	const char *text = record_get(record, key);
	size_t n = 0;
	char *end;

	while (text && *text && n < max) {
		out[n] = strtoll(text, &end, 10);
		if (end == text)
			break;
		n++;
		text = end;
	}
	return n;
}

static size_t
index_of(const struct config_alerts *config, const char *name, size_t length)
{
	size_t i = 0;

	while (i < config->n_targets &&
	       (strlen(config->targets[i].name) != length ||
		   memcmp(config->targets[i].name, name, length) != 0))
		i++;
	return i;
}

static uint32_t
mask_of(
    const struct record *record, const char *key, const struct config_alerts *config)
{
	const char *text = record_get(record, key);
	uint32_t mask = 0;

	while (text && *text) {
		size_t length = strcspn(text, " ");
		size_t i = index_of(config, text, length);

		if (i < config->n_targets)
			mask |= 1u << i;
		text += length;
		text += strspn(text, " ");
	}
	return mask;
}

static void
copy(char *out, size_t size, const struct record *record, const char *key)
{
	const char *text = record_get(record, key);

	snprintf(out, size, "%s", text ? text : "");
}

static void
read_incident(const struct record *record, struct rules *rules)
{
	struct incident *incident;

	if (rules->n == RULES_INCIDENTS_MAX)
		return;
	incident = &rules->incidents[rules->n];
	memset(incident, 0, sizeof(*incident));
	copy(incident->alert, sizeof(incident->alert), record, "alert");
	copy(incident->worker, sizeof(incident->worker), record, "worker");
	copy(incident->text, sizeof(incident->text), record, "text");
	if (!rules_alert(rules->config, incident->alert))
		return;
	incident->count = (uint64_t)number_of(record, "count");
	incident->since_ns = number_of(record, "since");
	incident->ended_ns = number_of(record, "ended");
	incident->looked_ns = number_of(record, "looked");
	incident->owed_ns = number_of(record, "owed_at");
	incident->told_ns = number_of(record, "told_at");
	incident->lasts = flag_of(record, "lasts");
	incident->active = flag_of(record, "active");
	incident->acked = flag_of(record, "acked");
	incident->owed = mask_of(record, "owed", rules->config);
	incident->told = mask_of(record, "told", rules->config);
	incident->again = mask_of(record, "again", rules->config);
	incident->n_times =
	    times_of(record, "times", incident->times_ns, ALERT_AT_LEAST_MAX);
	rules->n++;
}

static void
read_target(const struct record *record, struct rules *rules)
{
	const char *name = record_get(record, "name");
	const char *sequence = record_get(record, "sequence");
	size_t i = name ? index_of(rules->config, name, strlen(name))
			: rules->config->n_targets;
	struct rules_target *target;

	if (i == rules->config->n_targets || !sequence)
		return;
	target = &rules->targets[i];
	target->sequence = strtoull(sequence, NULL, 10);
	target->n_sent =
	    times_of(record, "sent", target->sent_ns, ARRAY_SIZE(target->sent_ns));
}

static void
read_seen(const struct record *record, struct seen *seen)
{
	const char *text = record_get(record, "hashes");
	char *end;

	while (text && *text) {
		uint64_t hash = strtoull(text, &end, 16);

		if (end == text)
			return;
		seen_add(seen, hash);
		text = end;
	}
}

static bool
is_head(const struct record *record)
{
	const char *version = record_get(record, "version");

	return record->event && strcmp(record->event, HEAD) == 0 && version &&
	       strcmp(version, VERSION) == 0;
}

int
memory_read(char *text, struct rules *rules, struct seen *seen)
{
	bool is_first = true;

	while (*text) {
		char *newline = strchr(text, '\n');
		struct record record;

		if (!newline)
			return -EBADMSG;
		*newline = '\0';
		if (record_parse(text, &record) < 0 ||
		    (is_first && !is_head(&record)) || !record.event)
			return -EBADMSG;
		if (strcmp(record.event, "incident") == 0)
			read_incident(&record, rules);
		else if (strcmp(record.event, "target") == 0)
			read_target(&record, rules);
		else if (strcmp(record.event, "seen") == 0)
			read_seen(&record, seen);
		is_first = false;
		text = newline + 1;
	}
	return is_first ? -EBADMSG : 0;
}
