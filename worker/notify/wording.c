/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person reads: one line for each incident, and a title that says it all where
 * that is possible.
 */
#include "worker/notify/wording.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/duration.h"
#include "common/text.h"
#include "common/timestamp.h"

static const char *const conditions[] = {
	[ALERT_HEAL_RATE] = "healings",
	[ALERT_RELAPSE] = "relapses",
	[ALERT_RESTART] = "restarts",
	[ALERT_ESCALATE] = "escalations",
	[ALERT_STALE] = "stale feed",
	[ALERT_MISMATCH] = "orders that do not match the broker's",
	[ALERT_SILENT] = "no good cycle",
};

/* To a second: nobody wants to read more. */
static void
put_duration(struct text_out *out, int64_t ns)
{
	char text[DURATION_TEXT_MAX];

	duration_format(ns < NS_PER_S ? NS_PER_S : ns - ns % NS_PER_S, text);
	text_putf(out, "%s", text);
}

static void
put_time(struct text_out *out, int64_t ns)
{
	char text[TIMESTAMP_TEXT_MAX];

	timestamp_format(ns, text);
	text_putf(out, "%.19sZ", text);
}

static void
put_condition(struct text_out *out, const struct incident *incident,
    const struct config_alert *alert)
{
	if (alert->when == ALERT_STALE || alert->when == ALERT_SILENT)
		text_putf(out, "%s", conditions[alert->when]);
	else
		text_putf(
		    out, "%" PRIu64 " %s", incident->count, conditions[alert->when]);
}

/* Return: whether all of it fitted. */
static bool
put_line(struct text_out *out, const struct incident *incident,
    const struct config_alert *alert, bool was_told, int64_t now_ns)
{
	char line[RULES_TEXT_MAX + 512];
	struct text_out text;

	text_init(&text, line, sizeof(line));
	text_putf(
	    &text, "%s %s", incident->active ? "FIRING" : "RECOVERED", incident->alert);
	if (incident->worker[0])
		text_putf(&text, " (%s)", incident->worker);
	text_putf(&text, ": ");
	put_condition(&text, incident, alert);
	text_putf(&text, " since ");
	put_time(&text, incident->since_ns);
	if (incident->active && was_told) {
		text_putf(&text, ", still, after ");
		put_duration(&text, now_ns - incident->since_ns);
	} else if (!incident->active) {
		text_putf(&text, ", over after ");
		put_duration(&text, incident->ended_ns - incident->since_ns);
	}
	if (incident->text[0]) {
		text_putf(&text, "; last: ");
		text_put(&text, incident->text, strlen(incident->text));
	}
	text_putf(&text, "\n");
	return text_put(out, line, text.used);
}

static void
put_title(const struct rules_message *message, const struct incident *first, size_t n,
    size_t n_firing, char *out)
{
	struct text_out title;

	(void)message;
	text_init(&title, out, RULES_TITLE_MAX);
	if (n == 1) {
		text_putf(&title, "%s: ", first->active ? "FIRING" : "RECOVERED");
		text_putf(&title, "%s", first->alert);
		if (first->worker[0])
			text_putf(&title, " (%s)", first->worker);
		return;
	}
	if (n_firing > 0)
		text_putf(&title, "FIRING: %zu alerts", n_firing);
	if (n_firing > 0 && n_firing < n)
		text_putf(&title, ", ");
	if (n_firing < n)
		text_putf(&title, "RECOVERED: %zu", n - n_firing);
}

size_t
wording_compose(const struct config_alerts *config, struct incident *const *incidents,
    size_t n, uint32_t bit, struct rules_message *message)
{
	size_t n_firing = 0, done = 0;
	struct text_out text;

	text_init(&text, message->text, sizeof(message->text));
	while (done < n) {
		const struct incident *incident = incidents[done];

		if (!put_line(&text, incident, rules_alert(config, incident->alert),
			incident->told & bit, message->time_ns))
			break;
		n_firing += incident->active;
		done++;
	}
	message->state = n_firing == done ? "firing"
			 : n_firing == 0  ? "recovered"
					  : "mixed";
	put_title(message, incidents[0], done, n_firing, message->title);
	return done;
}
