/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incidents: how they begin and end, and what whom is owed. The words of a message are
 * in wording.c.
 */
#include "worker/notify/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/timestamp.h"
#include "worker/notify/wording.h"

int
rules_init(
    struct rules *rules, const struct config_alerts *config, uint64_t first_sequence)
{
	*rules = (struct rules){ .config = config };
	rules->incidents = calloc(RULES_INCIDENTS_MAX, sizeof(*rules->incidents));
	for (size_t i = 0; i < ALERT_TARGETS_MAX; i++)
		rules->targets[i].sequence = first_sequence;
	return rules->incidents ? 0 : -ENOMEM;
}

void
rules_deinit(struct rules *rules)
{
	free(rules->incidents);
	rules->incidents = NULL;
	rules->n = 0;
}

const struct config_alert *
rules_alert(const struct config_alerts *config, const char *name)
{
	for (size_t i = 0; i < config->n_alerts; i++)
		if (strcmp(config->alerts[i].name, name) == 0)
			return &config->alerts[i];
	return NULL;
}

/* What an event says. */

/* By the two parts of an event's name; the second may be the end of it. */
static const struct {
	const char *subject, *what;
	bool is_end; /* @what is how the name ends */
	enum alert_when when;
	bool clears;
} meanings[] = {
	{ "self_healing", "_heal_success", true, ALERT_HEAL_RATE },
	{ "self_healing", "_heal_failed", true, ALERT_HEAL_RATE },
	{ "self_healing", "_reload_success", true, ALERT_HEAL_RATE },
	{ "self_healing", "_reload_failed", true, ALERT_HEAL_RATE },
	{ "self_healing", "relapsed", false, ALERT_RELAPSE },
	{ "self_healing", "worker_thread_restart", false, ALERT_RESTART },
	{ "self_healing", "service_restart", false, ALERT_ESCALATE },
	{ "group", "escalate", false, ALERT_ESCALATE },
	{ "feed", "stale", false, ALERT_STALE },
	{ "feed", "recovered", false, ALERT_STALE, .clears = true },
	{ "order", "mismatch", false, ALERT_MISMATCH },
};

static bool
ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), n = strlen(end);

	return length >= n && strcmp(text + length - n, end) == 0;
}

static bool
has_meaning(const char *event, size_t i)
{
	size_t n = strlen(meanings[i].subject);

	if (strncmp(event, meanings[i].subject, n) != 0 || event[n] != '.')
		return false;
	return meanings[i].is_end ? ends_with(event + n + 1, meanings[i].what)
				  : strcmp(event + n + 1, meanings[i].what) == 0;
}

/* The event as it stands in the log, without its time. */
static void
put_text(const struct record *event, char *out, size_t size)
{
	struct record shown;

	record_init(&shown, event->event);
	for (size_t i = 0; i < event->n_fields; i++)
		if (strcmp(event->fields[i].key, "ts") != 0)
			record_add(&shown, &event->fields[i]);
	record_logfmt(&shown, out, size);
}

bool
rules_read(const struct record *event, struct rules_signal *ret_signal)
{
	const char *ts = record_get(event, "ts"), *worker = record_get(event, "worker");
	int64_t time_ns;
	size_t i = 0;

	while (
	    event->event && i < ARRAY_SIZE(meanings) && !has_meaning(event->event, i))
		i++;
	if (!event->event || i == ARRAY_SIZE(meanings) || !ts ||
	    timestamp_parse(ts, strlen(ts), TIME_UNIT_RFC3339, &time_ns) < 0)
		return false;
	if (worker && strlen(worker) >= RULES_NAME_MAX)
		return false;
	*ret_signal = (struct rules_signal){ .when = meanings[i].when,
		.time_ns = time_ns,
		.clears = meanings[i].clears };
	strcpy(ret_signal->worker, worker ? worker : "");
	put_text(event, ret_signal->text, sizeof(ret_signal->text));
	return true;
}

/* Incidents. */

static bool
is_lasting(enum alert_when when)
{
	return when == ALERT_STALE || when == ALERT_SILENT;
}

static bool
is_forgettable(const struct incident *incident)
{
	return !incident->active && !incident->lasts && !incident->owed &&
	       !incident->told;
}

static struct incident *
find(struct rules *rules, const char *alert, const char *worker)
{
	for (size_t i = 0; i < rules->n; i++)
		if (strcmp(rules->incidents[i].alert, alert) == 0 &&
		    strcmp(rules->incidents[i].worker, worker) == 0)
			return &rules->incidents[i];
	return NULL;
}

/* NULL: no room, which is counted. */
static struct incident *
find_or_add(struct rules *rules, const char *alert, const char *worker)
{
	struct incident *incident = find(rules, alert, worker);

	if (incident)
		return incident;
	if (rules->n < RULES_INCIDENTS_MAX) {
		incident = &rules->incidents[rules->n++];
	} else {
		for (size_t i = 0; i < rules->n && !incident; i++)
			if (is_forgettable(&rules->incidents[i]))
				incident = &rules->incidents[i];
	}
	if (!incident) {
		rules->dropped++;
		return NULL;
	}
	memset(incident, 0, sizeof(*incident));
	snprintf(incident->alert, sizeof(incident->alert), "%s", alert);
	snprintf(incident->worker, sizeof(incident->worker), "%s", worker);
	return incident;
}

static void
begin(struct incident *incident, const struct config_alert *alert, int64_t now_ns)
{
	incident->active = true;
	incident->acked = false;
	/* Who has not yet been told of the end takes the whole for one incident. */
	incident->owed |= alert->to & ~incident->told;
	incident->owed_ns = now_ns;
}

static void
end(struct incident *incident, int64_t now_ns)
{
	incident->active = incident->acked = false;
	incident->again = 0;
	incident->ended_ns = now_ns;
	if (!incident->owed)
		incident->owed_ns = now_ns;
	incident->n_times = 0;
}

static void
forget_older(struct incident *incident, int64_t than_ns)
{
	size_t n = 0;

	while (n < incident->n_times && incident->times_ns[n] < than_ns)
		n++;
	incident->n_times -= n;
	memmove(incident->times_ns, incident->times_ns + n,
	    incident->n_times * sizeof(incident->times_ns[0]));
}

static void
remember(struct incident *incident, int64_t time_ns)
{
	if (incident->n_times == ALERT_AT_LEAST_MAX) {
		incident->n_times--;
		memmove(incident->times_ns, incident->times_ns + 1,
		    incident->n_times * sizeof(incident->times_ns[0]));
	}
	incident->times_ns[incident->n_times++] = time_ns;
}

static void
begin_if_many(
    struct incident *incident, const struct config_alert *alert, int64_t now_ns)
{
	if (incident->active || incident->n_times < alert->at_least)
		return;
	incident->since_ns = incident->times_ns[0];
	incident->count = incident->n_times;
	begin(incident, alert, now_ns);
}

static void
count(struct incident *incident, const struct config_alert *alert, int64_t time_ns,
    int64_t now_ns)
{
	forget_older(incident, now_ns - alert->over_ns);
	if (time_ns < now_ns - alert->over_ns)
		return;
	remember(incident, time_ns);
	if (incident->active)
		incident->count++;
	else
		begin_if_many(incident, alert, now_ns);
}

static void
last(struct incident *incident, const struct rules_signal *signal)
{
	if (signal->clears) {
		incident->lasts = false;
	} else if (!incident->lasts) {
		incident->lasts = true;
		incident->since_ns = signal->time_ns;
		incident->count = 1;
	}
}

static bool
concerns(const struct config_alert *alert, const struct rules_signal *signal)
{
	return alert->when == signal->when &&
	       (!alert->worker || strcmp(alert->worker, signal->worker) == 0);
}

void
rules_signal(struct rules *rules, const struct rules_signal *signal, int64_t now_ns)
{
	int64_t time_ns = signal->time_ns < now_ns ? signal->time_ns : now_ns;

	for (size_t i = 0; i < rules->config->n_alerts; i++) {
		const struct config_alert *alert = &rules->config->alerts[i];
		struct incident *incident;

		if (!concerns(alert, signal))
			continue;
		if (signal->clears && !find(rules, alert->name, signal->worker))
			continue;
		incident = find_or_add(rules, alert->name, signal->worker);
		if (!incident)
			continue;
		if (!signal->clears)
			memcpy(incident->text, signal->text, sizeof(incident->text));
		if (is_lasting(alert->when))
			last(incident, signal);
		else
			count(incident, alert, time_ns, now_ns);
	}
}

void
rules_alive(struct rules *rules, const struct rules_signal *signal, int64_t now_ns)
{
	for (size_t i = 0; i < rules->config->n_alerts; i++) {
		const struct config_alert *alert = &rules->config->alerts[i];
		struct incident *incident;

		if (!concerns(alert, signal))
			continue;
		incident = find_or_add(rules, alert->name, signal->worker);
		if (!incident)
			continue;
		memcpy(incident->text, signal->text, sizeof(incident->text));
		incident->looked_ns = now_ns;
		incident->lasts = !signal->clears;
		incident->count = 1;
		/* While it is active, since_ns says when it began. */
		if (!incident->active)
			incident->since_ns = signal->time_ns;
		else if (now_ns - signal->time_ns < alert->over_ns)
			incident->lasts = false;
	}
}

/* Time. */

/* A clock that was set back: what was remembered is of now. */
static void
clamp(struct incident *incident, int64_t now_ns)
{
	int64_t *single[] = { &incident->since_ns, &incident->owed_ns,
		&incident->told_ns, &incident->ended_ns, &incident->looked_ns };

	for (size_t i = 0; i < ARRAY_SIZE(single); i++)
		if (*single[i] > now_ns)
			*single[i] = now_ns;
	for (size_t i = 0; i < incident->n_times; i++)
		if (incident->times_ns[i] > now_ns)
			incident->times_ns[i] = now_ns;
}

static void
pass(struct incident *incident, const struct config_alert *alert, int64_t now_ns)
{
	if (is_lasting(alert->when)) {
		/* Since the last look it may have worked. */
		int64_t known_ns =
		    alert->when == ALERT_SILENT ? incident->looked_ns : now_ns;

		if (incident->active && !incident->lasts)
			end(incident, now_ns);
		else if (!incident->active && incident->lasts &&
			 known_ns - incident->since_ns >= alert->over_ns)
			begin(incident, alert, now_ns);
		return;
	}
	forget_older(incident, now_ns - alert->over_ns);
	if (incident->active && incident->n_times == 0)
		end(incident, now_ns);
	else
		/* A new configuration may be content with fewer. */
		begin_if_many(incident, alert, now_ns);
}

static void
repeat(struct incident *incident, const struct config_alert *alert, int64_t now_ns)
{
	if (!incident->active || incident->acked || !incident->told ||
	    alert->repeat_ns == 0 || now_ns - incident->told_ns < alert->repeat_ns)
		return;
	incident->again = incident->told;
	incident->told_ns = now_ns;
}

static void
pass_all(struct rules *rules, int64_t now_ns)
{
	for (size_t i = 0; i < rules->n; i++) {
		struct incident *incident = &rules->incidents[i];
		const struct config_alert *alert =
		    rules_alert(rules->config, incident->alert);

		clamp(incident, now_ns);
		if (alert) {
			incident->owed &= alert->to;
			incident->told &= alert->to;
			incident->again &= alert->to;
			pass(incident, alert, now_ns);
			repeat(incident, alert, now_ns);
		}
		/* One whose alert is gone, or that is over and was told. */
		if (!alert || (is_forgettable(incident) && incident->n_times == 0)) {
			*incident = rules->incidents[--rules->n];
			i--;
		}
	}
}

bool
rules_is_quiet(const struct config_notify *notify, int minute)
{
	int from = notify->quiet_from, to = notify->quiet_to;

	if (from <= to)
		return minute >= from && minute < to;
	return minute >= from || minute < to;
}

/* What a target is owed. */

static bool
owes(const struct incident *incident, uint32_t bit)
{
	if ((incident->owed | incident->again) & bit)
		return true;
	return incident->told & bit && !incident->active;
}

static void
settle(struct incident *incident, uint32_t bit, int64_t now_ns)
{
	incident->owed &= ~bit;
	incident->again &= ~bit;
	incident->told =
	    incident->active ? incident->told | bit : incident->told & ~bit;
	incident->told_ns = now_ns;
}

static bool
may_send(
    struct rules_target *target, const struct config_notify *notify, int64_t now_ns)
{
	size_t n = 0;

	for (size_t i = 0; i < target->n_sent; i++)
		if (target->sent_ns[i] > now_ns)
			target->sent_ns[i] = now_ns;
	while (
	    n < target->n_sent && now_ns - target->sent_ns[n] >= notify->rate_period_ns)
		n++;
	target->n_sent -= n;
	memmove(target->sent_ns, target->sent_ns + n, target->n_sent * sizeof(int64_t));
	return target->n_sent < notify->rate &&
	       target->n_sent < ARRAY_SIZE(target->sent_ns);
}

/* What goes to one target now. */
struct batch {
	struct incident *incidents[RULES_INCIDENTS_MAX];
	size_t n;
	int64_t oldest_ns;
	bool urgent;
};

static void
collect(struct rules *rules, uint32_t bit, struct rules_now now, struct batch *batch)
{
	bool quiet = rules_is_quiet(&rules->config->notify, now.minute);

	batch->n = 0;
	batch->urgent = false;
	batch->oldest_ns = INT64_MAX;
	for (size_t i = 0; i < rules->n; i++) {
		struct incident *incident = &rules->incidents[i];
		const struct config_alert *alert =
		    rules_alert(rules->config, incident->alert);

		if (!owes(incident, bit) || (quiet && !alert->urgent))
			continue;
		batch->incidents[batch->n++] = incident;
		batch->urgent |= alert->urgent;
		if (incident->owed_ns < batch->oldest_ns)
			batch->oldest_ns = incident->owed_ns;
	}
}

static bool
flush(struct rules *rules, size_t t, struct rules_now now, struct batch *batch,
    struct rules_message *message)
{
	const struct config_notify *notify = &rules->config->notify;

	collect(rules, 1u << t, now, batch);
	if (batch->n == 0 ||
	    (!batch->urgent && now.ns - batch->oldest_ns < notify->group_wait_ns) ||
	    !may_send(&rules->targets[t], notify, now.ns))
		return false;
	message->target = t;
	message->sequence = rules->targets[t].sequence;
	message->time_ns = now.ns;
	message->urgent = batch->urgent;
	batch->n = wording_compose(
	    rules->config, batch->incidents, batch->n, 1u << t, message);
	return true;
}

size_t
rules_tick(
    struct rules *rules, struct rules_now now, rules_on_message on_message, void *data)
{
	struct rules_message message;
	struct batch batch;
	size_t taken = 0;

	pass_all(rules, now.ns);
	for (size_t t = 0; t < rules->config->n_targets; t++) {
		struct rules_target *target = &rules->targets[t];

		if (!flush(rules, t, now, &batch, &message) ||
		    on_message(&message, data) != 0)
			continue;
		for (size_t i = 0; i < batch.n; i++)
			settle(batch.incidents[i], 1u << t, now.ns);
		target->sent_ns[target->n_sent++] = now.ns;
		target->sequence++;
		taken++;
	}
	return taken;
}

size_t
rules_ack(struct rules *rules, const char *alert)
{
	size_t n = 0;

	for (size_t i = 0; i < rules->n; i++) {
		struct incident *incident = &rules->incidents[i];

		if (!incident->active || strcmp(incident->alert, alert) != 0)
			continue;
		incident->acked = true;
		/* Who looks after it knows of it, and wants to hear of the end. */
		incident->told |= incident->owed;
		incident->owed = incident->again = 0;
		n++;
	}
	return n;
}
